"""Video-o3: `<grounding>` a part of the video to see it again, finer, until the answer.

    <think>The sign is readable near the end.</think>
    <grounding>{"temporal_segment": [80, 92], "sampling_strategy": "fine"}</grounding>

The strategies are our quotas. A turn that has both a grounding and an answer is an answer. Results
are numbered: the whole video is Observation 0, what the k-th call gave is Observation k.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playhead.core.message import Part, ToolCall
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Wish
from playhead.models.dialects.markup import json_object, pair, plain
from playhead.models.dialects.tagged import (
    Tagged,
    labelled,
    lines,
    pictures,
    say_answer,
    span_of,
    words,
)

_STRATEGIES = ("coarse", "medium", "fine")
_AGAIN = (
    "Go on reasoning inside <think> and </think>. If needed, select another part by <grounding> "
    "and </grounding>. Once you are sure, put the final answer inside <answer> and </answer>."
)


def _read_grounding(body: str, clock: Clock) -> list[Wish]:
    found = json_object(body) or {}
    span = pair(found.get("temporal_segment"))
    if span is None:
        problem = 'a grounding is {"temporal_segment": [start, end], "sampling_strategy": "medium"}'
        return [Wish("look", raw=body.strip(), problem=problem)]
    look: dict[str, Any] = {"start_s": span[0], "end_s": span[1]}
    if found.get("sampling_strategy") in _STRATEGIES:
        look["quota"] = found["sampling_strategy"]
    return [Wish("look", look, raw=body.strip())]


def _say_grounding(arguments: dict[str, Any], clock: Clock) -> str | None:
    span = span_of(arguments)
    if span is None:
        return None
    quota = arguments.get("quota")
    strategy = quota if quota in _STRATEGIES else "medium"
    segment = f"[{plain(span[0])}, {plain(span[1])}]"
    inside = f'{{"temporal_segment": {segment}, "sampling_strategy": "{strategy}"}}'
    return f"<grounding>{inside}</grounding>"


def _offer(tools: Sequence[ToolSpec], clock: Clock) -> str:
    return (
        "Answer the question about the video. Reason inside <think> and </think>. To see a part "
        "of the video in detail, write exactly: <think>...</think>\n"
        '<grounding>{"temporal_segment": [START, END], "sampling_strategy": "medium"}</grounding>\n'
        "with times in seconds and a strategy of coarse, medium or fine. When what you have seen "
        "is enough, write exactly: <think>...</think>\n<answer>...</answer>"
    )


def _tell(observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
    num, shown, span = clock.num_calls + 1, pictures(observation), span_of(call.arguments)
    if observation.failure is not None and not shown:
        error = f"ERROR occurs during grounding. Error Information: {words(observation)}."
        return lines(f"{error} {_AGAIN}")
    after = f"After the above Action {num}, here is the refined video clip (Observation {num}):"
    if not shown:
        return lines(after, words(observation), _AGAIN)
    start, end = span or (0.0, clock.duration_s)
    start, end = max(0.0, start), min(clock.duration_s, end)
    fps = len(shown) / (end - start) if end > start else 0.0
    sampled = (
        f"This video is uniformly sampled at {fps:.2f} fps, contains {len(shown)} frames "
        f"from {start:.1f} seconds to {end:.1f} seconds."
    )
    frames = labelled(observation, lambda _, time_s: f"<{time_s:.1f} seconds>")
    return lines(after, *frames, sampled, _AGAIN)


VIDEO_O3 = Tagged(
    name="video_o3",
    reads={"grounding": _read_grounding},
    says={"look": _say_grounding, "answer": say_answer},
    offer=_offer,
    tell=_tell,
    stop=("</grounding>", "</answer>"),
    answer_wins=True,
    tag="grounding",
)
