"""A teacher: any policy tries several times, and what scorers find good is kept.

The teacher's tokens are left out of what is kept, for they are of its own tokenizer: a student gets
the turns as its own would read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from playhead.agent.attempt import attempt
from playhead.agent.source import Source
from playhead.core.budget import Budget
from playhead.core.policy import Author, Sampling
from playhead.core.tools import Tool
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.asking import Mind, mind
from playhead.evaluation.scorers import find_scorer
from playhead.evaluation.scorers.judge import Judge
from playhead.tools.toolset import default_tools
from playhead.training.synthesize.making import Made, named, origin
from playhead.worlds.rng import Rng


@dataclass(frozen=True)
class Teacher:
    """Makes `num` trajectories of each task and keeps the shortest that are good."""

    policy: Mind
    num: int = 4
    """How often it tries."""
    most: int = 1
    """How many different good ones of a task are kept."""
    least: Mapping[str, float] = field(default_factory=lambda: {"accuracy": 1.0, "format": 1.0})
    """What is good: scorers by name, and the least that each must say."""
    judge: Judge | None = None
    """Asked first, where answers are prose."""
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0.7))
    budget: Budget = field(default_factory=lambda: Budget(turns=12))
    tools: Sequence[Tool] = field(default_factory=default_tools)
    strategy: str = "seek"
    name: str = "teacher"

    async def make(self, task: Task, source: Source, seed: int) -> Sequence[Made]:
        """See `Maker.make`."""
        tried: list[Trajectory] = []
        for number in range(self.num):
            drawn = Rng(seed, self.name, task.id, number).below(2**31)
            with source.open(task, self.budget) as ctx:
                record = await attempt(
                    task,
                    mind(self.policy, task, ctx),
                    self.tools,
                    ctx,
                    strategy=self.strategy,
                    sampling=self.sampling.replace(seed=drawn),
                    id=named(self.name, seed, task, number),
                    group=f"{self.name}-{seed}-{task.id}",
                )
            if self.judge is not None:
                record = await self.judge.record(record)
            tried.append(origin(by_teacher(record), self.name, seed))
        return self._sorted_out(tried)

    def _sorted_out(self, tried: Sequence[Trajectory]) -> list[Made]:
        found: list[Made] = []
        kept: set[str] = set()
        for record in sorted(tried, key=lambda record: len(record.steps)):
            scores = {name: find_scorer(name)(record) for name in self.least}
            record = record.replace(scores={**record.scores, **scores})
            reason = self._reason(scores)
            if not reason and way(record) in kept:
                reason = "same_way"
            if not reason and len(kept) == self.most:
                reason = "enough_of_this_task"
            if not reason:
                kept.add(way(record))
            found.append(Made(record, reason))
        return found

    def _reason(self, scores: Mapping[str, float | None]) -> str:
        if any(score is None for score in scores.values()):
            return "cannot_be_judged"
        low = [name for name, least in self.least.items() if (scores[name] or 0.0) < least]
        return f"low_{low[0]}" if low else ""


def by_teacher(record: Trajectory) -> Trajectory:
    """The record as a student learns from it: written by a teacher, without the teacher's tokens;
    what our own code did is read and not learned."""
    steps = tuple(
        step.replace(weight=0.0)
        if step.reply.author is Author.SCRIPT
        else step.replace(reply=step.reply.replace(author=Author.TEACHER, tokens=None))
        for step in record.steps
    )
    return record.replace(steps=steps)


def way(record: Trajectory) -> str:
    """What was called, turn by turn, and answered: the same for the same way."""
    calls = [
        [(call.name, sorted(call.arguments.items()), call.raw) for call in step.reply.calls]
        for step in record.steps
    ]
    return f"{calls} {record.answer.text if record.answer else None}"
