from __future__ import annotations

import pytest

from playhead.core.budget import Cost
from playhead.evaluation.bootstrap import interval
from playhead.evaluation.numbers import headroom, numbers_of
from tests.evaluation.runs import attempted, written


def test_every_cell_can_be_counted_by_hand():
    run = written(
        [
            attempted("a", True, cost=Cost(frames=2, calls=1, seconds=1.0)),
            attempted("b", False, cost=Cost(frames=4, calls=3, seconds=3.0)),
            attempted("c", True, part="count", video="w", cost=Cost(frames=6, calls=2)),
        ],
        num=5,
    )
    numbers = numbers_of(run)
    whole, needle, count = numbers.rows
    assert (numbers.num_asked, whole.num, whole.num_judged) == (5, 3, 3)
    assert whole.score == pytest.approx(2 / 3)
    assert (whole.costs["frames"], whole.costs["calls"]) == (4.0, 2.0)
    assert whole.costs["dollars"] is None  # nobody knows the price
    assert whole.seconds == pytest.approx(4 / 3)
    assert (needle.name, needle.score, needle.num) == ("needle", 0.5, 2)
    assert (count.name, count.score) == ("count", 1.0)
    assert numbers.stops == {"answered": 3}


def test_an_error_is_not_a_wrong_answer():
    numbers = numbers_of(written([attempted("a", True), attempted("b", None)]))
    assert (numbers.whole.score, numbers.whole.num, numbers.whole.num_judged) == (1.0, 2, 1)
    assert numbers.num_unjudged == 1
    assert numbers.blamed == {"world": 1}
    assert numbers.stops == {"answered": 1, "failed": 1}


def test_nothing_but_errors_has_no_score():
    whole = numbers_of(written([attempted("a", None)])).whole
    assert (whole.score, whole.interval) == (None, None)


def test_confidence_that_is_stated_is_calibrated():
    records = [attempted("a", True, confidence=0.9), attempted("b", False, confidence=0.9)]
    assert numbers_of(written(records)).calibration_error == pytest.approx(0.4)
    assert numbers_of(written([attempted("a", True)])).calibration_error is None


def test_an_interval_draws_videos():
    # of v and w: (v, v) 1/2, (v, w) 2/3, (w, w) 1
    assert interval([("v", 1.0), ("v", 0.0), ("w", 1.0)]) == (pytest.approx(0.5), 1.0)


def test_all_right_is_no_certainty():
    # Clopper and Pearson: of n right of n, p is at least .025 ** (1 / n)
    assert interval([("v", 1.0), ("w", 1.0)]) == (pytest.approx(0.158114, abs=1e-6), 1.0)
    assert interval([("v", 0.0)] * 9) == (0.0, pytest.approx(0.975))
    low, high = interval([("v", 0.95), ("w", 1.0)])
    assert (low, high) == (pytest.approx(0.95 * 0.158114, abs=1e-6), 1.0)


def test_headroom_is_over_a_baseline_with_no_fewer_pictures():
    cost = Cost(frames=10)
    mine = numbers_of(written([attempted(x, x < "d", cost=cost) for x in "abcd"]))

    def uniform(frames: int, right: str):
        records = [attempted(x, x in right, cost=Cost(frames=frames)) for x in "abcd"]
        return numbers_of(written(records, label=f"uniform:{frames}"))

    few, some, many = uniform(8, "abcd"), uniform(16, "ab"), uniform(64, "abc")
    assert headroom(mine, [few, many, some]) == ("uniform:16", pytest.approx(0.5))
    assert headroom(mine, [few]) is None
    assert headroom(mine, [uniform(16, "abcd")]) == ("uniform:16", None)  # nothing to gain


def test_a_run_without_attempts_has_no_numbers():
    with pytest.raises(ValueError, match="nothing has been attempted"):
        numbers_of(written([], num=3))
