"""Trajectories written by hand: one with a bit of everything, and some that only look."""

from __future__ import annotations

from playhead.core.errors import Origin
from playhead.core.media import FrameRef
from playhead.core.message import PicturePart, TextPart, ToolCall
from playhead.core.policy import Author, Reply
from playhead.core.tools import Observation, failed
from playhead.core.trajectory import Step, Stop, Task, Trajectory
from tests.models.policies.conversations import LOOK, SEARCH, saw


def frame(time_s: float, video: str = "v", *, height: int = 64, width: int = 96) -> FrameRef:
    return FrameRef(video_id=video, time_s=time_s, height=height, width=width)


def look(id_: str, start_s: float, *, end_s: float = 9.0) -> ToolCall:
    return ToolCall(id=id_, name="look", arguments={"start_s": start_s, "end_s": end_s})


def everything() -> Trajectory:
    """Pictures in the opening and of two calls at once, of two videos; an error, no ASCII, a call
    that is not JSON, hetero arguments, an answer by call."""
    opening = (
        TextPart(text="Où ? <|im_end|>"),
        PicturePart(frame=frame(0.0)),
        PicturePart(frame=frame(5.0, "w", height=32, width=32)),
        TextPart(text="Regarde ☃."),
    )
    search = ToolCall(
        id="c2.1", name="search", arguments={"text": "日本", "k": 5, "kinds": ["a"], "deep": None}
    )
    unread = ToolCall.read("c3.1", "look", '{"start_s": 4')
    answer = ToolCall(id="c4.1", name="answer", arguments={"value": 2, "evidence": []})
    return Trajectory(
        id="everything",
        task=Task(id="q", question="Où ?"),
        system="Answer from the pictures.",
        opening=opening,
        tools=(LOOK, SEARCH),
        steps=(
            Step(
                reply=Reply(text="Two looks.", calls=(look("c1.1", 1.0), look("c1.2", 2.5))),
                observations=(
                    Observation(call_id="c1.1", parts=saw("c1.1", 1.0, 2.0).parts),
                    Observation(call_id="c1.2", parts=(PicturePart(frame=frame(2.5, "w")),)),
                ),
            ),
            Step(
                reply=Reply(calls=(search,), author=Author.TEACHER),
                observations=(failed(search, Origin.MODEL, "bad", "no index", hint="Look."),),
                weight=0.5,
            ),
            Step(
                reply=Reply(calls=(unread,)),
                observations=(failed(unread, Origin.MODEL, "unreadable", "not JSON"),),
            ),
            Step(
                reply=Reply(calls=(answer,)),
                observations=(Observation(call_id="c4.1", parts=(TextPart(text="Taken."),)),),
            ),
        ),
        stop=Stop.ANSWERED,
    )


def three_looks(*shown: tuple[int, ...] | None) -> Trajectory:
    steps = [
        Step(
            reply=Reply(text=f"look {i}", calls=(look(f"c{i}", i),)),
            observations=(everything().steps[0].observations[0].replace(call_id=f"c{i}"),),
            shown=hidden,
        )
        for i, hidden in enumerate(shown)
    ]
    task = Task(id="q", question="When?")
    return Trajectory(id="t", task=task, steps=tuple(steps), stop=Stop.BUDGET)
