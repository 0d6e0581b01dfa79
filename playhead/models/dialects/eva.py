"""EVA: plans before it sees anything, then selects frames, several times in one `<tool_call>`.

    <tool_call>{"tool": "frame_select", "arguments":
    {"start_time": 200, "end_time": 250, "nframes": 100, "resize": 0.4}}</tool_call>

`resize` shrinks both sides of a frame. Our `look` has three sizes instead, so it is told as the
nearest of them: what is written back is 0.25, 0.5 or 1. An answer beside a call is an answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from playhead.core.message import Part, ToolCall
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Wish
from playhead.models.dialects.markup import plain, seconds
from playhead.models.dialects.tagged import (
    Tagged,
    labelled,
    lines,
    pictures,
    say_answer,
    span_of,
    words,
)

_SIZES = {"coarse": 0.25, "medium": 0.5, "fine": 1.0}
_DEFAULT_FRAMES = 8


def _read_select(arguments: dict[str, Any], clock: Clock) -> Wish:
    start, end = seconds(arguments.get("start_time")), seconds(arguments.get("end_time"))
    if start is None or end is None:
        raw = json.dumps(arguments, ensure_ascii=False, default=repr, skipkeys=True)
        problem = "frame_select needs start_time and end_time in seconds"
        return Wish("look", raw=raw, problem=problem)
    look: dict[str, Any] = {"start_s": start, "end_s": end}
    num, fps, size = (seconds(arguments.get(key)) for key in ("nframes", "fps", "resize"))
    if num is not None:
        look["num"] = int(num)
    elif fps is not None:
        look["fps"] = fps
    if size is not None:
        look["quota"] = min(_SIZES, key=lambda quota: abs(_SIZES[quota] - size))
    return Wish("look", look)


def _say_select(arguments: dict[str, Any], clock: Clock) -> str | None:
    span = span_of(arguments)
    if span is None:
        return None
    num, fps = seconds(arguments.get("num")), seconds(arguments.get("fps"))
    if num is None:
        num = max(1, round(fps * (span[1] - span[0]))) if fps else _DEFAULT_FRAMES
    inside = f'"start_time": {plain(span[0])}, "end_time": {plain(span[1])}, "nframes": {int(num)}'
    size = _SIZES.get(str(arguments.get("quota")))
    inside += "" if size is None else f', "resize": {size:g}'
    said = f'{{"tool": "frame_select", "arguments": {{{inside}}}}}'
    return f"<tool_call>{said}</tool_call>"


def _offer(tools: Sequence[ToolSpec], clock: Clock) -> str:
    return (
        "Use the frame selection tool to analyse the video and answer the question in "
        "<answer></answer>. A selection:\n"
        '<tool_call>{"tool": "frame_select", "arguments": {"start_time": <seconds>, '
        '"end_time": <seconds>, "nframes": <number>, "resize": <0 to 1>}}</tool_call>\n'
        f"Video Length: {int(clock.duration_s)} seconds."
    )


def _tell(observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
    frames = labelled(
        observation,
        lambda i, time_s: f"Frame {i} at [{int(time_s) // 60:02d}:{int(time_s) % 60:02d}]: ",
    )
    said = [] if pictures(observation) else [words(observation)]
    asked = f"\nQuestion: {clock.question}" if clock.question else ""
    more = f"If more information is needed, call the frame selection tool again.{asked}"
    return lines("<tool_response>", *frames, *said, f"{more}</tool_response>")


EVA = Tagged(
    name="eva",
    translate={"frame_select": _read_select},
    says={"look": _say_select, "answer": say_answer},
    offer=_offer,
    tell=_tell,
    answer_wins=True,
)
