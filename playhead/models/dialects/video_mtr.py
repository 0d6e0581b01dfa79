"""Video-MTR: retrieves frames by the numbers of the frames it was sampled, both ends included.

    <think>What happens between the two?</think><retrieve>5, 10</retrieve>

Its prompt says `<retrieve>` in one line and `<retrive>` in the next, so its models write both; both
are read, the right one is written. A retrieval shows at most 8 frames. The clock numbers the frames
that were sampled: give their times as `times_s`, or their rate as `fps`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playhead.core.message import Part, ToolCall
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Wish
from playhead.models.dialects.markup import whole
from playhead.models.dialects.tagged import (
    Tagged,
    labelled,
    lines,
    pictures,
    say_answer,
    span_of,
    words,
)

_MAX_FRAMES = 8


def _read_retrieve(body: str, clock: Clock) -> list[Wish]:
    first, _, last = body[:1000].partition(",")
    start, end = whole(first), whole(last)
    if start is None or end is None or start > end:
        problem = "a retrieval is two frame numbers in order, such as 5, 10"
        return [Wish("look", raw=body.strip(), problem=problem)]
    look = {"start_s": clock.second(start), "end_s": clock.second(end + 1)}
    return [Wish("look", {**look, "num": min(end - start + 1, _MAX_FRAMES)})]


def _say_retrieve(arguments: dict[str, Any], clock: Clock) -> str | None:
    span = span_of(arguments)
    if span is None:
        return None
    start = max(0, clock.index(span[0]))
    end = clock.index(span[1])
    inside_next = clock.second(end) < span[1] - 1e-6 / float(clock.fps)
    last = max(start, end if inside_next else end - 1)
    return f"<retrieve>{start}, {last}</retrieve>"


def _offer(tools: Sequence[ToolSpec], clock: Clock) -> str:
    return (
        "Answer the question about the video. Reason inside <think> and </think>. If you lack "
        "information, retrieve frames by <retrieve>start_frame, end_frame</retrieve>, whole "
        f"numbers up to {clock.num_frames - 1}; you see them in the next turn. Otherwise answer "
        "inside <answer> and </answer>. A turn is <think>...</think><retrieve>...</retrieve> or "
        "<think>...</think><answer>...</answer>."
    )


def _tell(observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
    turn = f"Turn {clock.num_calls + 2}"
    asked = [f"Answer the following problem based on the frames:\n{clock.question}"]
    closing = [*(asked if clock.question else []), "You can retrieve more frames or answer."]
    shown = pictures(observation)
    if not shown:
        return lines(turn, words(observation), *closing)
    numbers = [clock.index(picture.frame.time_s) for picture in shown]
    head = f"Now you are given {len(shown)} selected frames from the video: {numbers}"
    frames = labelled(observation, lambda _, time_s: f"frame_idx:{clock.index(time_s)}, ")
    return lines(turn, head, *frames, *closing)


VIDEO_MTR = Tagged(
    name="video_mtr",
    reads={"retrieve": _read_retrieve, "retrive": _read_retrieve},
    says={"look": _say_retrieve, "answer": say_answer},
    offer=_offer,
    tell=_tell,
    stop=("</retrieve>", "</retrive>", "</answer>"),
    tag="retrieve",
)
