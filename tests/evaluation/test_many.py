"""Measures of many attempts, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.core import Origin, Trajectory
from playhead.evaluation.scorers.answers import accuracy
from playhead.evaluation.scorers.many import (
    Mean,
    balanced_accuracy,
    calibration_error,
    headroom_captured,
    mean,
)
from tests.evaluation.records import broken, record, task


def sure(confidence: float, *, is_right: bool) -> Trajectory:
    return record(answer="ACD" if is_right else "no", confidence=confidence)


def test_a_mean_says_what_it_left_out():
    some = [record(), record(answer="no"), broken(Origin.WORLD)]
    assert mean(some, accuracy) == Mean(0.5, 2, 1)
    assert mean([broken(Origin.WORLD)], accuracy) == Mean(None, 0, 1)


def test_calibration_error_by_hand():
    some = [
        sure(0.95, is_right=True), sure(0.95, is_right=False),  # one bin: .95 said, .5 true
        sure(0.2, is_right=False), sure(0.3, is_right=True),  # two bins: (.1, .2], (.2, .3]
    ]  # fmt: skip
    assert calibration_error(some) == pytest.approx((2 * 0.45 + 0.2 + 0.7) / 4)
    assert calibration_error([record()]) is None


def test_who_is_always_right_and_sure_is_calibrated():
    assert calibration_error([sure(1.0, is_right=True), sure(0.0, is_right=False)]) == 0.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=8))
def test_calibration_error_lies_between_0_and_1(said: list[tuple[float, bool]]):
    error = calibration_error([sure(confidence, is_right=right) for confidence, right in said])
    assert error is not None
    assert -1e-9 <= error <= 1 + 1e-9


def test_headroom_captured_by_hand():
    assert headroom_captured(0.9, 0.6) == pytest.approx(0.75)
    assert headroom_captured(0.5, 0.6) == pytest.approx(-0.25)
    assert headroom_captured(1.0, 1.0) is None


def test_always_saying_not_in_the_video_is_worth_a_half():
    absent = task("not in the video", metadata={"kind": "code_or_absent"})
    negatives = [record(answer="not in the video", task=absent)] * 3
    positives = [record(answer="not in the video")]
    assert balanced_accuracy(positives, negatives) == 0.5
    assert balanced_accuracy(positives, []) is None
