"""Names of rollouts: a run that goes on finds what it has learned from, and what it has not."""

from __future__ import annotations

from pathlib import Path

from playhead.core.store import TrajectoryStore
from playhead.core.trajectory import Task
from playhead.training.rollout_names import named_jobs, set_aside, step_of
from tests.training.examples import three_looks

TASKS = [Task(id=f"a-{i // 2}", question="?", video_ids=("v",)) for i in range(4)]


def names(step: int, nth: int = 0, first: int = 0) -> list[str]:
    how = {"seed": 7, "step": step, "nth": nth, "first": first, "size": 2}
    return [job.id for job in named_jobs(TASKS, "train", **how)]


def test_groups_are_numbered_over_all_processes() -> None:
    jobs = named_jobs(TASKS, "train", seed=7, step=3, nth=0, first=4, size=2)
    assert [job.group for job in jobs] == ["a-0-train-7-3-0-2"] * 2 + ["a-1-train-7-3-0-3"] * 2
    assert [job.number for job in jobs] == [0, 1, 0, 1]
    assert {step_of(job.id) for job in jobs} == {3}


def test_no_two_rollouts_of_a_run_have_one_name() -> None:
    every = [
        *names(0), *names(0, nth=1), *names(0, first=4), *names(1), *names(10),
    ]  # fmt: skip
    assert len(set(every)) == len(every)


def test_what_was_learned_after_a_checkpoint_is_set_aside(tmp_path: Path) -> None:
    store = TrajectoryStore(tmp_path / "rollouts.jsonl")
    store.extend(three_looks(None).replace(id=id_) for step in (0, 1, 2) for id_ in names(step))
    set_aside(store, 1)
    assert [record.id for record in store] == names(0)
    lost = TrajectoryStore(tmp_path / "rollouts.lost.jsonl")
    assert [record.id for record in lost] == [*names(1), *names(2)]
    set_aside(store, 1)
    assert len(list(lost)) == 8
