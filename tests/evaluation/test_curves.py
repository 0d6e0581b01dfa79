from __future__ import annotations

import pytest

from playhead.core import Budget
from playhead.evaluation.curves import curves_of, gaps_of
from tests.evaluation.runs import attempted, written


def at(frames: int, right: str, model: str = "uniform") -> object:
    records = [attempted(x, x in right, video=x) for x in "abcd"]
    budget = Budget(frames=frames)
    return written(records, label=f"{model} {frames}", model=model, budget=budget)


def test_the_area_by_hand():
    # 8 to 32 and 32 to 128 are equally wide in logarithms: the mean of 1/8 and 5/8
    (curve,) = curves_of([at(32, "a"), at(8, ""), at(128, "abcd")])
    assert [(point.frames, point.score) for point in curve.points] == [
        (8, 0.0),
        (32, 0.25),
        (128, 1.0),
    ]
    assert curve.area == pytest.approx((1 / 8 + 5 / 8) / 2)
    low, high = curve.area_interval
    assert 0 < low < curve.area < high < 1


def test_one_budget_is_no_curve():
    assert curves_of([at(8, "a"), at(32, "a", model="rules")]) == []


def test_fixed_numbers_of_pictures_are_one_curve():
    (curve,) = curves_of([at(8, "a", model="uniform:8"), at(64, "ab", model="uniform:64")])
    assert (curve.model, len(curve.points)) == ("uniform", 2)


def test_curves_are_compared_on_the_budgets_that_both_have():
    runs = [at(8, ""), at(32, "ab"), at(8, "a", "other"), at(32, "abc", "other")]
    (gap,) = gaps_of([*runs, at(128, "abcd", "other")])
    assert (gap.before, gap.after) == ("uniform", "other")
    assert gap.area == pytest.approx(0.25)
    low, high = gap.interval
    assert 0 <= low <= 0.25 <= high


def test_the_same_runs_differ_by_nothing():
    runs = [at(8, "a"), at(32, "ab"), at(8, "a", "other"), at(32, "ab", "other")]
    (gap,) = gaps_of(runs)
    assert (gap.area, gap.interval) == (0.0, (0.0, 0.0))
