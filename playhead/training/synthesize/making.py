"""Making many trajectories: several tasks at once, in order, resumable, everything counted.

    made = Making(store=TrajectoryStore("seek.jsonl"))
    async for trajectory in synthesize(Oracle(), tasks, source, seed=7, making=made): ...
    print(made.report)

The one idea: a way to make trajectories is a function of one task, its videos and a seed. It gives
what it made, each with the reason why it was not kept; the rest is the same for all of them. What
was not kept is kept apart: worse attempts at the same task are what preferences are made of.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from playhead.agent.source import Source
from playhead.core.errors import Blamed, VideoError
from playhead.core.store import TrajectoryStore
from playhead.core.trajectory import Task, Trajectory


class Made(NamedTuple):
    """A trajectory, and why it is no good."""

    trajectory: Trajectory
    reason: str = ""
    """One word, such as `wrong`. Empty: it is good."""


class Maker(Protocol):
    """A way to make trajectories."""

    @property
    def name(self) -> str:
        """Names it in ids and reports."""
        ...

    async def make(self, task: Task, source: Source, seed: int) -> Sequence[Made]:
        """The trajectories of one task; the same for the same seed, but for wall-clock times.

        Raises:
            VideoError: A video of the task cannot be had.
            Blamed: A policy could not be asked.
        """
        ...


@dataclass
class Making:
    """Where trajectories go, and what became of all of them."""

    store: TrajectoryStore | None = None
    """Where the good ones go. None: nowhere."""
    rejected: TrajectoryStore | None = None
    """Where the others go. None: nowhere."""
    num_tasks: int = 0
    """Tasks that were worked on; those that a store already had are not."""
    num_resumed: int = 0
    """Tasks that a store already had."""
    num_kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter[str])
    """Why trajectories were not kept."""
    broken: Counter[str] = field(default_factory=Counter[str])
    """Tasks of which nothing could be made because something broke, by error."""

    @property
    def report(self) -> str:
        """All of it in words, a line each."""
        made = self.num_kept + sum(self.reasons.values())
        share = f" ({self.num_kept / made:.0%})" if made else ""
        lines = [f"{self.num_tasks} tasks, {made} attempts, {self.num_kept} kept{share}"]
        lines += [f"  {num} not kept: {reason}" for reason, num in sorted(self.reasons.items())]
        lines += [f"  {num} tasks broken: {error}" for error, num in sorted(self.broken.items())]
        if self.num_resumed:
            lines.append(f"  {self.num_resumed} tasks were done before")
        return "\n".join(lines)

    def done(self) -> set[str]:
        """Ids of the tasks that a store has."""
        stores = (store for store in (self.store, self.rejected) if store is not None)
        return {trajectory.task.id for store in stores for trajectory in store}

    def take(self, made: Sequence[Made]) -> list[Trajectory]:
        """Count what was made of a task and put it where it goes; the good ones."""
        kept = [each.trajectory for each in made if not each.reason]
        others = [each.trajectory for each in made if each.reason]
        self.num_tasks += 1
        self.num_kept += len(kept)
        self.reasons.update(each.reason for each in made if each.reason)
        if self.rejected is not None and others:
            self.rejected.extend(others)
        if self.store is not None and kept:
            self.store.extend(kept)
        return kept


async def synthesize(
    maker: Maker,
    tasks: Iterable[Task],
    source: Source,
    *,
    seed: int = 0,
    num_at_once: int = 4,
    making: Making | None = None,
) -> AsyncIterator[Trajectory]:
    """The good trajectories of many tasks, in the order of the tasks.

    Args:
        maker: How they are made.
        tasks: Taken one by one as they are needed.
        source: Where their videos come from.
        seed: Another seed, other mistakes and other samples.
        num_at_once: How many tasks are worked on at the same time.
        making: Where they go and are counted. Tasks that its stores already have are passed over,
            so that a run that was killed goes on where it was.

    Raises:
        ValueError: `num_at_once` is less than 1.
    """
    if num_at_once < 1:
        raise ValueError(f"one task at a time or more: got {num_at_once=}")
    made = making or Making()
    done = made.done()
    running: deque[asyncio.Task[Sequence[Made]]] = deque()
    try:
        for task in tasks:
            if task.id in done:
                made.num_resumed += 1
                continue
            running.append(asyncio.ensure_future(maker.make(task, source, seed)))
            if len(running) == num_at_once:
                for trajectory in await _taken(made, running.popleft()):
                    yield trajectory
        while running:
            for trajectory in await _taken(made, running.popleft()):
                yield trajectory
    finally:
        for job in running:
            job.cancel()


async def _taken(making: Making, job: asyncio.Task[Sequence[Made]]) -> list[Trajectory]:
    try:
        return making.take(await job)
    except (VideoError, Blamed) as error:
        making.num_tasks += 1
        making.broken[type(error).__name__] += 1
        return []


def named(maker: str, seed: int, task: Task, number: int = 0) -> str:
    """The id of a trajectory that was made: the same every time."""
    return f"{maker}-{seed}-{task.id}-{number}"


def origin(trajectory: Trajectory, maker: str, seed: int) -> Trajectory:
    """The trajectory with how it was made among its versions."""
    how = {"synthesis": maker, "synthesis_seed": str(seed)}
    return trajectory.replace(versions={**trajectory.versions, **how})
