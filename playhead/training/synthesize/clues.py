"""Clues: the four stages in which Video-o3 makes its trajectories (Seeker-173K), each with a policy
of its own.

1. *Localise*: an attempt whose cited seconds, near ones joined, are the clues.
2. *Validate*: the clues alone must give the right answer, else they are not the clues. Where a few
   pictures of the whole video give it as well, no tool was needed.
3. *Seek*: an attempt that is trained on, with the clues as the seconds that hold the truth.
4. *Judge*: right; nothing said of the answer before anything was seen; all that is cited lies by
   the clues and was looked at; and the cited evidence alone gives the answer again.

What the answers fall into are Video-o3's four classes, one clue or several, with or without tools:
`playhead.training.rewards` pays each in another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from playhead.agent.attempt import attempt
from playhead.agent.source import Source
from playhead.core.budget import Budget
from playhead.core.evidence import Kind
from playhead.core.message import Part
from playhead.core.policy import Sampling
from playhead.core.span import Span, merge
from playhead.core.tools import Tool
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.asking import (
    Mind,
    ask_once,
    frames_of,
    is_right,
    mind,
    pictures,
)
from playhead.evaluation.scorers import intervals
from playhead.tools.context import ToolContext
from playhead.tools.toolset import Toolset, default_tools
from playhead.training.filters import said_before_seen
from playhead.training.rewards import Clue
from playhead.training.synthesize.making import Made, named, origin
from playhead.training.synthesize.teacher import by_teacher


def _seeing_tools() -> tuple[Tool, ...]:
    return Toolset(default_tools()).only("search", "look", "transcript", "answer").tools


@dataclass(frozen=True)
class Clues:
    """Makes one trajectory of each task, if all four stages agree."""

    localiser: Mind
    answerer: Mind
    seeker: Mind
    judge: Mind
    gap_s: float = 3.0
    """Clues at most so far apart are one."""
    num_clip: int = 32
    """Pictures of the clues that the answerer is shown."""
    num_whole: int = 8
    """Pictures of the whole video, to see whether tools are needed."""
    sampling: Sampling = field(default_factory=Sampling)
    budget: Budget = field(default_factory=lambda: Budget(turns=12))
    tools: Sequence[Tool] = field(default_factory=_seeing_tools)
    name: str = "clues"

    async def make(self, task: Task, source: Source, seed: int) -> Sequence[Made]:
        """See `Maker.make`."""
        found = await self._attempt(task, self.localiser, source, seed, 0)
        spans = clue_spans(found, self.gap_s)
        if not spans:
            return [Made(found, "no_clue")]
        with source.open(task, Budget()) as ctx:
            if not await self._tells(task, ctx, frames_of(ctx, spans, num=self.num_clip)):
                return [Made(found, "clues_do_not_tell")]
            whole = [ctx.whole(ctx.video_ids[0])]
            is_easy = await self._tells(task, ctx, frames_of(ctx, whole, num=self.num_whole))
        told = {**task.metadata, "clues": Clue.of(len(spans), with_tools=not is_easy).value}
        asked = task.replace(spans=tuple(spans), metadata=told)
        record = await self._attempt(asked, self.seeker, source, seed, 1)
        return [Made(record, await self._verdict(record, source))]

    async def _attempt(
        self, task: Task, policy: Mind, source: Source, seed: int, number: int
    ) -> Trajectory:
        with source.open(task, self.budget) as ctx:
            record = await attempt(
                task,
                mind(policy, task, ctx),
                self.tools,
                ctx,
                strategy="seek",
                sampling=self.sampling,
                id=named(self.name, seed, task, number),
            )
        return origin(by_teacher(record), self.name, seed)

    async def _tells(self, task: Task, ctx: ToolContext, frames: Sequence) -> bool:
        policy = mind(self.answerer, task, ctx)
        return is_right(task, await ask_once(policy, task, pictures(frames), self.sampling))

    async def _verdict(self, record: Trajectory, source: Source) -> str:
        """Why a trajectory is no good. Empty: it is good."""
        if not is_right(record.task, record.answer) or record.answer is None:
            return "wrong"
        if said_before_seen(record):
            return "said_before_seen"
        cited, clues = record.answer.evidence, record.task.spans or ()
        if not cited:
            return "cites_nothing"
        if any(piece.kind == Kind.SPEECH and not piece.frames for piece in cited):
            return "cites_sound"
        if any(intervals.common_s([piece.span], clues) == 0 for piece in cited):
            return "cites_elsewhere"
        shown: list[Part] = pictures([frame for piece in cited for frame in piece.frames])
        with source.open(record.task, Budget()) as ctx:
            policy = mind(self.judge, record.task, ctx)
            again = await ask_once(policy, record.task, shown, self.sampling)
        return "" if is_right(record.task, again) else "not_supported"


def clue_spans(record: Trajectory, gap_s: float) -> list[Span]:
    """The seconds that an answer cites, those near each other made one."""
    cited = record.answer.evidence if record.answer else ()
    return merge([piece.span for piece in cited], gap_s=gap_s)
