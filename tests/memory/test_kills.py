"""A memory whose process is killed: at any moment, and at every point where it writes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from playhead.memory import DiskMemory, check
from tests.memory.faults import (
    DIED,
    STEPS,
    Forker,
    kill_many,
    num_points,
    state,
    states,
)


def survives_kills(folder: Path, num: int, seed: int) -> None:
    kills = kill_many(folder, num, seed)
    assert kills.num >= num
    assert max(kills.opening_s) <= 5


def test_an_indexer_that_is_killed_loses_nothing_and_ends_the_same(tmp_path: Path):
    survives_kills(tmp_path, 25, seed=1)


@pytest.mark.slow
def test_an_indexer_that_is_killed_200_times_loses_nothing_and_ends_the_same(tmp_path: Path):
    survives_kills(tmp_path, 200, seed=2)


# A crash at every point

HOWS = ("before", "half", "after")


def crashes_leave_a_prefix(folder: Path, hows: Callable[[int], tuple[str, ...]]) -> None:
    expected = states(folder / "whole")
    num = num_points(folder / "counted")
    with Forker() as forker:
        for at in range(num):
            for how in hows(at):
                home = folder / f"{at} {how}"
                job = {"do": "steps", "folder": str(home), "at": at, "how": how}
                told, code = forker.run(job)
                assert code == DIED or len(told) == len(STEPS)
                with DiskMemory(home) as memory:
                    assert state(memory) in expected[len(told) : len(told) + 2], (at, how)
                    assert not check(memory)
                    for _, step in STEPS[expected.index(state(memory)) :]:
                        step(memory)
                    assert state(memory) == expected[-1]
                shutil.rmtree(home)


def test_a_crash_at_some_of_the_points_leaves_what_was_acknowledged_and_nothing_half(
    tmp_path: Path,
):
    crashes_leave_a_prefix(tmp_path, lambda at: (HOWS[at // 13 % 3],) if at % 13 == 3 else ())


@pytest.mark.slow
def test_a_crash_before_in_and_after_every_point_leaves_nothing_half(tmp_path: Path):
    crashes_leave_a_prefix(tmp_path, lambda at: HOWS)
