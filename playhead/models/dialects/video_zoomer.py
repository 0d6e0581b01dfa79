r"""VideoZoomer: a low-rate video first, then `<video_zoom>` into at most 16 frames of it.

    <think>Which hand is it?</think>
    <video_zoom> {"segment": [4.0, 6.0], "fps": 2} </video_zoom>

Answers stand in `\boxed{}` inside `<answer>`. Its checkpoints have also been seen to write
`{"start_time": 4, "end_time": 6}` and `start=4 end=6` in the tag; both are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from playhead.core.message import Part, ToolCall
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Wish
from playhead.models.dialects.markup import json_object, pair, plain, seconds
from playhead.models.dialects.tagged import (
    Tagged,
    labelled,
    lines,
    pictures,
    read_answer,
    say_answer,
    span_of,
    words,
)

_MAX_FRAMES = 16
_SETTING = re.compile(r"\b(start|end|start_time|end_time|fps)=([\d.:]{1,40})")
_AGAIN = "Go on reasoning inside <think> and </think>, then answer inside <answer> and </answer>."


def _read_zoom(body: str, clock: Clock) -> list[Wish]:
    found: dict[str, Any] = json_object(body) or dict(_SETTING.findall(body[:1000]))
    start = found.get("start_time", found.get("start"))
    end = found.get("end_time", found.get("end"))
    span = pair(found.get("segment", [start, end]))
    if span is None:
        problem = 'a zoom is {"segment": [start, end], "fps": 2}, in seconds'
        return [Wish("look", raw=body.strip(), problem=problem)]
    look: dict[str, Any] = {"start_s": span[0], "end_s": span[1]}
    fps = seconds(found.get("fps"))
    if fps is not None:
        look["fps"] = fps
    return [Wish("look", look, raw=body.strip())]


def _say_zoom(arguments: dict[str, Any], clock: Clock) -> str | None:
    span = span_of(arguments)
    if span is None:
        return None
    fps, num = seconds(arguments.get("fps")), seconds(arguments.get("num"))
    if fps is None and num is not None and span[1] > span[0]:
        fps = round(num / (span[1] - span[0]), 3)
    rate = "" if fps is None else f', "fps": {plain(fps)}'
    segment = f"[{plain(span[0])}, {plain(span[1])}]"
    return f'<video_zoom> {{"segment": {segment}{rate}}} </video_zoom>'


def _read_boxed(body: str, clock: Clock) -> list[Wish]:
    value = body.strip()
    if value.startswith("\\boxed{") and value.endswith("}"):
        value = value.removeprefix("\\boxed{")[:-1]
    return read_answer(value, clock)


def _say_boxed(arguments: dict[str, Any], clock: Clock) -> str | None:
    said = say_answer(arguments, clock)
    if said is None:
        return None
    value = said.removeprefix("<answer>").removesuffix("</answer>")
    return f"<answer>\\boxed{{{value}}}</answer>"


def _offer(tools: Sequence[ToolSpec], clock: Clock) -> str:
    return (
        "You see a video at a low frame rate and answer a question about it. Where you need to "
        "see motion or detail, ask for a part at a higher rate, in seconds:\n"
        '<video_zoom> {"segment": [4.0, 6.0], "fps": 2} </video_zoom>\n'
        f"A part has at most {_MAX_FRAMES} frames: (end - start) * fps. Write no <answer> in that "
        "turn. Reason inside <think> </think>; put the final answer in \\boxed{} inside "
        "<answer> and </answer>."
    )


def _tell(observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
    if observation.failure is not None and not pictures(observation):
        error = (
            f"ERROR occurs during the function tool call. Error Information: {words(observation)}."
        )
        return lines(f"{error} {_AGAIN}")
    if not pictures(observation):
        return lines(words(observation), _AGAIN)
    frames = labelled(observation, lambda i, time_s: f"<frame{i}_time{time_s:.2f}s>")
    return lines("The frames of the video clip are shown below:", *frames, _AGAIN)


VIDEO_ZOOMER = Tagged(
    name="video_zoomer",
    reads={"video_zoom": _read_zoom, "answer": _read_boxed},
    says={"look": _say_zoom, "answer": _say_boxed},
    offer=_offer,
    tell=_tell,
    stop=("</video_zoom>", "</answer>"),
    tag="video_zoom",
)
