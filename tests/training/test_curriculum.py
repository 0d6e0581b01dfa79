"""Which tasks a student learns from next: selections worked by hand."""

from __future__ import annotations

import math

import numpy as np

from playhead.training.distill import Judged, is_distilled, scc, tvdf

TABLE = [
    Judged("both can", student=0.9, teacher=0.95),
    Judged("lags most", student=0.1, teacher=0.9),
    Judged("lags", student=0.25, teacher=0.75),
    Judged("nobody can", student=0.0, teacher=0.2),
    Judged("in between", student=0.5, teacher=0.8),
    Judged("student is better", student=0.8, teacher=0.6),
]


def test_tvdf_takes_where_the_teacher_can_and_the_student_lags_most() -> None:
    assert tvdf(TABLE, 3) == ["lags most", "lags", "in between"]
    assert tvdf(TABLE, 9) == [
        "lags most", "lags", "in between", "both can", "student is better",
    ]  # fmt: skip
    assert tvdf(TABLE, 9, least_teacher=0.9) == ["lags most", "both can"]


def test_scc_takes_the_frontier_and_a_few_anchors() -> None:
    assert scc(TABLE, 3, anchors=1 / 3) == ["lags most", "lags", "both can"]
    assert scc(TABLE, 3, anchors=0.0) == ["lags most", "lags"]
    assert scc(TABLE, 2, anchors=0.5) == ["lags most", "both can"]


def test_equal_tasks_are_taken_in_order_of_their_names() -> None:
    equal = [Judged(name, 0.0, 0.8) for name in "cab"]
    assert tvdf(equal, 2) == ["a", "b"]
    assert scc(equal, 2, anchors=0.0) == ["a", "b"]


def test_a_group_is_left_alone_while_its_mean_is_good_enough() -> None:
    unjudged = math.nan
    scores = np.array([[0.6, 0.0], [0.8, 0.0], [0.6, 1.0], [0.7, 1.0], [unjudged, 1.0], [0.7, 1.0]])
    assert is_distilled(scores, 2, {0: 0.7}).tolist() == [False, False, True, True, False, False]
    assert not is_distilled(scores, 2, {0: 0.7, 1: 0.5}).any()
    assert is_distilled(scores[2:4] * unjudged, 2, {0: 0.7}).tolist() == [True, True]
    assert is_distilled(scores, 2, {}).all()
