"""Asking a policy once, with pictures and words put before it: no tools, no loop.

For what synthesis and diagnosis must know: does the clip alone tell, do the captions alone tell,
what is to be seen here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from playhead.agent import answers, prompts
from playhead.core.media import FrameRef
from playhead.core.message import Message, Part, PicturePart, Role, TextPart
from playhead.core.policy import Policy, Sampling
from playhead.core.span import Span, stamp
from playhead.core.trajectory import Answer, Stop, Task, Trajectory
from playhead.evaluation.scorers.answers import accuracy, kind_of
from playhead.tools.context import ToolContext
from playhead.worlds.verify import AnswerKind

LEAST_IOU = 0.7
"""Of an answer in seconds; any other must be exactly right."""

Mind = Policy | Callable[[Task, ToolContext], Policy]
"""A policy, or what makes one for a task and its videos."""


def mind(policy: Mind, task: Task, ctx: ToolContext) -> Policy:
    """The policy that thinks about a task."""
    makes = isinstance(policy, type) or not hasattr(policy, "reply")
    return policy(task, ctx) if makes else policy  # type: ignore[operator, return-value]


def pictures(frames: Sequence[FrameRef]) -> list[Part]:
    """Each picture after its time."""
    return [
        part
        for frame in frames
        for part in (TextPart(text=f"<{stamp(frame.time_s)}>"), PicturePart(frame=frame))
    ]


def frames_of(
    ctx: ToolContext, spans: Sequence[Span], *, num: int, max_side: int | None = None
) -> list[FrameRef]:
    """About so many pictures of the first video, shared by the spans as they are long; nobody pays
    for them. What may not be seen is left out.

    Raises:
        VideoError: The pictures cannot be read.
    """
    id_ = ctx.video_ids[0]
    inside = [part for span in spans if (part := span.clamp(ctx.whole(id_))) is not None]
    whole_s = sum(span.duration for span in inside)
    times_s = [
        t for span in inside for t in span.grid(max(1, round(num * span.duration / whole_s)))
    ]
    frames = ctx.decode(id_, sorted(set(times_s)), max_side=max_side) if times_s else None
    return [] if frames is None else list(dict.fromkeys(frames.refs))


async def ask_once(
    policy: Policy, task: Task, shown: Sequence[Part], sampling: Sampling | None = None
) -> Answer | None:
    """What a policy answers from what it is shown. None: nothing.

    Raises:
        Blamed: The policy could not be asked.
    """
    question = [*shown, question_in_words(task)]
    text = await say_once(policy, prompts.SYSTEM_WITHOUT_TOOLS, question, sampling)
    return answer_in(task, text)


async def say_once(
    policy: Policy, system: str, shown: Sequence[Part | str], sampling: Sampling | None = None
) -> str:
    """What a policy says to what it is shown. Errors as `ask_once`."""
    reply = await policy.reply(conversation(system, shown), (), sampling or Sampling())
    return reply.text.strip()


def conversation(system: str, shown: Sequence[Part | str]) -> list[Message]:
    """A system prompt and one message of a user."""
    parts = [TextPart(text=part) if isinstance(part, str) else part for part in shown]
    return [
        Message(role=Role.SYSTEM, parts=(TextPart(text=system),)),
        Message(role=Role.USER, parts=tuple(parts)),
    ]


def question_in_words(task: Task) -> str:
    """A question with its options."""
    return "\n".join([task.question, *prompts.options(task)])


def answer_in(task: Task, text: str) -> Answer | None:
    """The answer that a text is. None: it says nothing."""
    if not text:
        return None
    choice = answers.chosen(text, task.options) if task.options else None
    return Answer(text=text, choice=choice)


def is_right(task: Task, answer: Answer | None) -> bool:
    """Whether an answer is right: exactly, or, of seconds, nearly (`LEAST_IOU`)."""
    record = Trajectory(id="", task=task, answer=answer, stop=Stop.ANSWERED)
    return (accuracy(record) or 0.0) >= least_score(task)


def least_score(task: Task) -> float:
    """The accuracy from which on an answer is right enough to be learned from."""
    return LEAST_IOU if kind_of(task) in (AnswerKind.SPANS, AnswerKind.ALERT) else 1.0
