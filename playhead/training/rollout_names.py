"""Names of the rollouts of a run: each says which update learned from it.

So the same update plays under the same names, and draws the same tokens, when a run goes on from a
checkpoint; and what was learned after that checkpoint can be told from what was learned before.
"""

from __future__ import annotations

from collections.abc import Sequence

from playhead.agent.rollouts import Job
from playhead.core.store import TrajectoryStore
from playhead.core.trajectory import Task


def named_jobs(
    tasks: Sequence[Task], mode: str, *, seed: int, step: int, nth: int, first: int, size: int
) -> list[Job]:
    """The attempts of one update, or of one evaluation, in this process.

    Args:
        tasks: Of each attempt.
        mode: `train` or `eval`.
        seed: Of the run.
        step: Updates before this one.
        nth: Which generation of this update.
        first: Attempts in the processes before this one.
        size: Attempts in a group.
    """
    batch = f"{mode}-{seed}-{step}-{nth}"
    return [
        Job(task, f"{task.id}-{batch}-{(first + i) // size}", (first + i) % size)
        for i, task in enumerate(tasks)
    ]


def step_of(id_: str) -> int:
    """The `step` of a rollout of that name."""
    step, _nth, _group, _number = id_.rsplit("-", 4)[1:]
    return int(step)


def set_aside(store: TrajectoryStore, step: int) -> None:
    """Keep what was learned from before `step`; the others, which are played anew, go elsewhere."""
    found = list(store)
    lost = [record for record in found if step_of(record.id) >= step]
    if lost:
        TrajectoryStore(store.path.with_suffix(".lost.jsonl")).extend(lost)
        store.path.unlink()
        store.extend(record for record in found if step_of(record.id) < step)
