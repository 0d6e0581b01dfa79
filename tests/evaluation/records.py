"""Small attempts to score: what was called, what it showed, what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playhead.core import (
    Answer,
    Author,
    Cost,
    Evidence,
    Failure,
    Finish,
    FrameRef,
    Kind,
    Observation,
    Origin,
    Reply,
    Span,
    Step,
    Stop,
    Task,
    TextPart,
    ToolCall,
    ToolSpec,
    Trajectory,
)

ANSWER_TOOL = ToolSpec(name="answer", description="Answer.", arguments={})
LOOK_TOOL = ToolSpec(name="look", description="Look.", arguments={})


def spans(*pairs: tuple[float, float]) -> tuple[Span, ...]:
    return tuple(Span(start=start, end=end) for start, end in pairs)


def task(answer: Any = "ACD", **more: Any) -> Task:
    return Task(id="t", question="What is on the card?", video_ids=("v",), answer=answer, **more)


def seen(start: float, end: float, *, num: int = 4) -> Evidence:
    """Pictures spread over a part of the video."""
    span = Span(start=start, end=end)
    frames = [FrameRef(video_id="v", time_s=t, height=9, width=9) for t in span.grid(num)]
    return Evidence.make("v", span, Kind.PICTURE, frames=frames)


def look(start: float, end: float, *, num: int = 4, **more: Any) -> Step:
    """A turn that looks at a part of the video, and what it showed."""
    piece = seen(start, end, num=num)
    arguments = {"start_s": start, "end_s": end, "num": num}
    return _turn(ToolCall(id="", name="look", arguments=arguments), [piece], **more)


def refused(name: str = "look", origin: Origin = Origin.MODEL, code: str = "bad_arguments") -> Step:
    """A turn whose call could not be carried out."""
    failure = Failure(origin=origin, code=code, message="no")
    return _turn(ToolCall(id="", name=name), [], failure=failure)


def answering(text: str) -> Step:
    """A turn that answers by the tool."""
    return _turn(ToolCall(id="", name="answer", arguments={"value": text}), [])


def _turn(
    call: ToolCall,
    found: Sequence[Evidence],
    *,
    failure: Failure | None = None,
    author: Author = Author.POLICY,
    thinking: str = "",
    told: str = "",
) -> Step:
    parts = (TextPart(text=told),) if told else ()
    observation = Observation(call_id=call.id, evidence=tuple(found), failure=failure, parts=parts)
    reply = Reply(calls=(call,), finish=Finish.CALLS, author=author, thinking=thinking)
    return Step(reply=reply, observations=(observation,))


def record(
    *steps: Step,
    answer: str | None = "ACD",
    cites: Sequence[Evidence] = (),
    task: Task | None = None,
    stop: Stop = Stop.ANSWERED,
    **more: Any,
) -> Trajectory:
    """An attempt; it ends with the turn that answers, if there is an answer."""
    turns = [*steps, *([answering(answer)] if answer is not None else [])]
    numbered = []
    for i, step in enumerate(turns):
        calls = tuple(c.replace(id=f"{i}.{j}") for j, c in enumerate(step.reply.calls))
        observations = tuple(
            o.replace(call_id=c.id) for c, o in zip(calls, step.observations, strict=True)
        )
        reply = step.reply.replace(calls=calls)
        numbered.append(step.replace(reply=reply, observations=observations))
    confidence = more.pop("confidence", None)
    choice = more.pop("choice", None)
    abstained = more.pop("abstained", False)
    given = (
        None
        if answer is None
        else Answer(
            text=answer,
            evidence=tuple(cites),
            confidence=confidence,
            choice=choice,
            abstained=abstained,
        )
    )
    return Trajectory(
        id="r",
        task=task or globals()["task"](),
        tools=more.pop("tools", (LOOK_TOOL, ANSWER_TOOL)),
        steps=tuple(numbered),
        answer=given,
        stop=stop,
        cost=more.pop("cost", Cost(turns=len(turns), frames=3)),
        **more,
    )


def broken(origin: Origin) -> Trajectory:
    """An attempt that failed."""
    failure = Failure(origin=origin, code="broke", message="gone")
    return record(answer=None, stop=Stop.FAILED, failure=failure)
