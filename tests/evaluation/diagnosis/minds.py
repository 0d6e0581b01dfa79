"""Policies that know too much or too little, and what they are asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from playhead.core.message import Message
from playhead.core.policy import Reply, Sampling
from playhead.core.span import Span
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Task
from playhead.models.eyes.world import WorldEye
from playhead.tools.context import ToolContext
from playhead.worlds.dataset import create_dataset, to_task
from playhead.worlds.policy import OraclePolicy


def tasks(family: str, size: int = 4, *, seconds: int = 60, seed: int = 3) -> list[Task]:
    data = create_dataset(family, size, seed, duration_ms=1000 * seconds)
    return [to_task(data[i]) for i in range(size)]


def oracle(task: Task, ctx: ToolContext) -> OraclePolicy:
    """Perfect eyes."""
    duration_s = ctx.info(ctx.video_ids[0]).duration_s
    return OraclePolicy(lambda ref: ctx.resolve([ref])[0], duration_s=duration_s)


class Says:
    """Answers what a function of the messages gives."""

    def __init__(self, answer: Callable[[Sequence[Message]], str]) -> None:
        self._answer = answer
        self.name = "says"

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        return Reply(text=self._answer(messages))


def cheat(task: Task, ctx: ToolContext) -> Says:
    """Knows the answer and never looks."""
    return Says(lambda messages: str(task.answer))


def told_by_eye(ctx: ToolContext, span: Span) -> list[tuple[Span, str]]:
    """What perfect eyes say happens in a stretch."""
    video = ctx.video(ctx.video_ids[0])
    seen = WorldEye().see(video, span, video.frames(span, num=1))
    return [(piece.span, piece.text) for piece in seen]
