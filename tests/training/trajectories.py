"""Trajectories of any shape, drawn at random."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from playhead.core.errors import Origin
from playhead.core.media import FrameRef
from playhead.core.message import Part, PicturePart, TextPart, ToolCall
from playhead.core.policy import Reply
from playhead.core.tools import Observation, failed
from playhead.core.trajectory import Step, Stop, Task, Trajectory
from tests.models.policies.conversations import LOOK, SEARCH

MARKS = ["<|im_end|>", "<|im_start|>assistant\n", "<|image_pad|>", "</think>", "<tool_call>"]
words = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from([*MARKS, "où est-il ?", "日本語 ☃", '"quoted"\n', "  "]),
)
spoken = words.map(lambda text: text.replace("<tool_call>", "").replace("</think>", "").strip())
frames = st.builds(
    FrameRef,
    video_id=st.sampled_from(["v", "w"]),
    time_s=st.integers(0, 900).map(lambda tenths: tenths / 10),
    height=st.sampled_from([32, 64]),
    width=st.sampled_from([32, 96]),
)
parts: st.SearchStrategy[tuple[Part, ...]] = st.lists(
    st.one_of(
        st.builds(TextPart, text=words),
        st.builds(PicturePart, frame=frames),
    ),
    max_size=4,
).map(tuple)
values: st.SearchStrategy[Any] = st.one_of(
    st.integers(-5, 5),
    st.floats(-1, 9),
    st.booleans(),
    st.none(),
    words,
    st.lists(words, max_size=2),
)


@st.composite
def steps(draw: st.DrawFn, number: int) -> Step:
    """One turn with up to three calls, some of which fail or cannot be read."""
    calls: list[ToolCall] = []
    seen: list[Observation] = []
    for i in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(["look", "search", "answer"]))
        arguments = draw(st.dictionaries(st.sampled_from(["a", "b", "é"]), values, max_size=2))
        call = ToolCall(id=f"c{number}.{i}", name=name, arguments=arguments)
        if draw(st.integers(0, 9)) == 0:
            call = ToolCall.read(call.id, name, draw(st.sampled_from(["{oops", "[1]"])))
        if draw(st.booleans()):
            seen.append(Observation(call_id=call.id, parts=draw(parts)))
        else:
            seen.append(failed(call, Origin.MODEL, "bad", "no such place", hint="look elsewhere"))
        calls.append(call)
    shown = None
    if number and draw(st.integers(0, 3)) == 0:
        shown = tuple(i for i in range(number) if draw(st.booleans()))
    reply = Reply(
        text=draw(spoken), thinking=draw(st.sampled_from(["", "", "so ☃"])), calls=tuple(calls)
    )
    weight = draw(st.sampled_from([1.0, 1.0, 0.5, 0.0]))
    return Step(reply=reply, observations=tuple(seen), shown=shown, weight=weight)


@st.composite
def trajectories(draw: st.DrawFn) -> Trajectory:
    """A conversation of up to four turns, with or without system, pictures and tools."""
    return Trajectory(
        id="t",
        task=Task(id="q", question="When?"),
        system=draw(st.sampled_from(["", "Answer."])),
        opening=draw(parts),
        tools=draw(st.sampled_from([(), (LOOK, SEARCH)])),
        steps=tuple(draw(steps(i)) for i in range(draw(st.integers(1, 4)))),
        stop=Stop.ANSWERED,
    )
