"""Density: how densely a part must be looked at, found by trying (the labels of DynFrame).

The part that holds the truth is looked at with more and more pictures a second, each time through
the real loop with one look and then the answer. The first density from which on the answer stays
right is the label, `task.metadata["density"] = {"start_s": .., "end_s": .., "fps": ..}`, and the
trajectory at that density the example. One that is right by luck, with a denser one wrong, is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from playhead.agent.attempt import attempt
from playhead.agent.source import Source
from playhead.core.budget import Budget
from playhead.core.message import Message, ToolCall
from playhead.core.policy import Author, Finish, Policy, Reply, Sampling
from playhead.core.span import Span
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.asking import Mind, is_right, mind
from playhead.tools.context import ToolContext
from playhead.tools.toolset import Toolset, default_tools
from playhead.training.synthesize.making import Made, named, origin
from playhead.training.synthesize.planner import Planner, quota_for
from playhead.training.synthesize.teacher import by_teacher
from playhead.worlds.rng import Rng

FPS = (0.5, 1.0, 2.0, 4.0, 8.0, 10.0)
"""Densities that are tried, in pictures a second."""
_MOST_PICTURES = 64
_ROOM_S = 2.0  # at the most, on each side of the truth


@dataclass(frozen=True)
class Density:
    """Makes one trajectory of each task: one look at the right part, no denser than needed."""

    policy: Mind = Planner
    """Who answers from what the look shows."""
    fps: Sequence[float] = FPS
    name: str = "density"

    async def make(self, task: Task, source: Source, seed: int) -> Sequence[Made]:
        """See `Maker.make`."""
        with source.open(task, Budget()) as ctx:
            part = self._part(task, ctx, Rng(seed, self.name, task.id))
        if part is None:
            return []
        tried: list[tuple[float, Trajectory, bool]] = []
        for number, fps in enumerate(self.fps):
            if part.duration * fps > _MOST_PICTURES:
                break
            record = await self._try(task, source, seed, number, part, fps)
            tried.append((fps, record, is_right(task, record.answer)))
        right = [i for i in range(len(tried)) if all(is_right for _, _, is_right in tried[i:])]
        if not right:
            return [Made(record, "no_density_tells") for _, record, _ in tried[-1:]]
        fps, record, _ = tried[right[0]]
        label = {"start_s": part.start, "end_s": part.end, "fps": fps}
        asked = task.replace(metadata={**task.metadata, "density": label})
        return [Made(record.replace(task=asked))]

    def _part(self, task: Task, ctx: ToolContext, rng: Rng) -> Span | None:
        """The part that holds the truth, with some room. None: it is not known, or too long."""
        if not task.spans or len(task.video_ids) != 1:
            return None
        whole = ctx.whole(task.video_ids[0])
        before_s, after_s = (_ROOM_S * rng.below(100) / 100 for _ in range(2))
        start_s = max(whole.start, min(span.start for span in task.spans) - before_s)
        end_s = min(whole.end, max(span.end for span in task.spans) + after_s)
        part = Span(start=round(start_s, 1), end=max(round(end_s, 1), round(start_s, 1) + 0.1))
        return part if part.duration * self.fps[0] <= _MOST_PICTURES else None

    async def _try(
        self, task: Task, source: Source, seed: int, number: int, part: Span, fps: float
    ) -> Trajectory:
        tools = Toolset(default_tools()).only("look", "answer")
        with source.open(task, Budget(turns=4)) as ctx:
            info = ctx.info(task.video_ids[0])
            quota = quota_for(info, max(1, round(part.duration * fps)))
            arguments = {"start_s": part.start, "end_s": part.end, "fps": fps, "quota": quota}
            look = ToolCall(id="0", name="look", arguments=arguments)
            policy = LookOnce(look, mind(self.policy, task, ctx))
            id_ = named(self.name, seed, task, number)
            record = await attempt(task, policy, tools, ctx, strategy="seek", id=id_)
        return origin(by_teacher(record), self.name, seed)


class LookOnce:
    """One look, and then the answer of another policy."""

    name = "look_once"

    def __init__(self, look: ToolCall, policy: Policy) -> None:
        self._look, self._policy = look, policy

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The look, or the answer."""
        if not any(message.calls for message in messages):
            return Reply(calls=(self._look,), finish=Finish.CALLS, author=Author.TEACHER)
        forced = sampling.replace(tool_choice="answer")
        return await self._policy.reply(messages, tools, forced)
