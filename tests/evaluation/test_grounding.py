"""Seconds: what was answered and what is cited, beside where the truth is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.core import Evidence, Kind, Span
from playhead.evaluation.scorers import find_scorer, intervals
from playhead.worlds.verify import spans_iou
from tests.evaluation.records import record, seen, spans, task

several = st.lists(
    st.tuples(st.integers(0, 99), st.integers(1, 20)).map(
        lambda pair: Span(start=float(pair[0]), end=float(pair[0] + pair[1]))
    ),
    max_size=4,
)


def test_four_measures_by_hand():
    said, gold = spans((0, 10)), spans((5, 25))
    assert intervals.iou(said, gold) == pytest.approx(5 / 25)
    assert intervals.iop(said, gold) == pytest.approx(5 / 10)
    assert intervals.iog(said, gold) == pytest.approx(5 / 20)
    assert intervals.diou(said, gold) == pytest.approx(5 / 25 - (10 / 25) ** 2)
    assert intervals.iou(spans((0, 4), (2, 6)), spans((0, 3), (5, 6))) == pytest.approx(4 / 6)


def test_diou_says_which_of_two_wrong_answers_is_nearer():
    gold = spans((50, 60))
    near, far = intervals.diou(spans((40, 45)), gold), intervals.diou(spans((0, 5)), gold)
    assert -1 < far < near < 0


@given(several, several)
def test_measures_keep_their_bounds_and_mirror_each_other(said: list[Span], gold: list[Span]):
    iou, diou = intervals.iou(said, gold), intervals.diou(said, gold)
    assert 0 <= iou <= 1
    assert -1 <= diou <= iou
    assert iou == pytest.approx(intervals.iou(gold, said))
    assert diou == pytest.approx(intervals.diou(gold, said))
    assert intervals.iop(said, gold) == pytest.approx(intervals.iog(gold, said))
    assert iou <= min(intervals.iop(said, gold), intervals.iog(said, gold)) + 1e-9
    if said:
        assert intervals.diou(said, said) == pytest.approx(1)


@given(several, several)
def test_iou_is_the_one_of_the_worlds(said: list[Span], gold: list[Span]):
    pairs = [[(s.start, s.end) for s in each] for each in (said, gold)]
    assert intervals.iou(said, gold) == pytest.approx(spans_iou(*pairs))


def answered(text: str, *gold: tuple[float, float]) -> dict[str, float | None]:
    asked = task([list(pair) for pair in gold], spans=spans(*gold))
    names = ("iou", "iop", "iog", "diou", "recall@0.3", "recall@0.5", "recall@0.7")
    return {name: find_scorer(name)(record(answer=text, task=asked)) for name in names}


def test_an_answer_in_seconds():
    found = answered("0:40 to 0:45", (40, 50))
    assert found["iou"] == 0.5
    assert found["iop"] == 1.0
    assert found["iog"] == 0.5
    assert (found["recall@0.3"], found["recall@0.5"], found["recall@0.7"]) == (1, 1, 0)


def test_what_is_no_time_overlaps_nothing():
    found = answered("in the middle", (40, 50))
    assert found["iou"] == 0.0
    assert found["diou"] == -1.0
    assert found["recall@0.3"] == 0.0


def cited(name: str, *pieces: Evidence, answer: str = "ACD", **more: Any) -> float | None:
    asked = task(spans=spans((10, 14), (40, 44)), **more)
    return find_scorer(name)(record(answer=answer, cites=pieces, task=asked))


def test_cited_evidence_by_hand():
    first, both = seen(10, 14), (seen(10, 14), seen(40, 48))
    assert cited("evidence_iou", first) == pytest.approx(4 / 8)
    assert cited("evidence_iou", *both) == pytest.approx(8 / 12)
    assert cited("evidence_iop", *both) == pytest.approx(8 / 12)
    assert cited("evidence_iog", first) == pytest.approx(4 / 8)
    assert cited("evidence_recall", first) == 0.5
    assert cited("evidence_recall", *both) == 1.0
    assert cited("evidence_iou") == 0.0


def test_a_wide_look_touches_only_what_its_pictures_show():
    wide = seen(0, 100, num=2)  # pictures at 25 and 75 s
    assert cited("evidence_recall", wide) == 0.0
    said = Evidence.make("v", Span(start=13, end=20), Kind.SPEECH, text="here")
    assert cited("evidence_recall", said) == 0.5


def test_evidence_is_complete_when_the_answer_is_right_and_enough_of_it_is_cited():
    first, both = seen(10, 14), (seen(10, 14), seen(40, 48))
    assert cited("evidence_complete", *both) == 1.0
    assert cited("evidence_complete", first) == 0.0
    assert cited("evidence_complete", first, metadata={"min_frames": 1}) == 1.0
    assert cited("evidence_complete", *both, answer="no") == 0.0


def test_acc_gqa_needs_half_of_the_cited_seconds_in_one_true_stretch():
    assert cited("acc_gqa", seen(10, 18)) == 1.0
    assert cited("acc_gqa", seen(10, 18.1)) == 0.0
    assert cited("acc_gqa", seen(10, 14), answer="no") == 0.0


def test_acc_at_iou_is_the_mean_over_five_thresholds():
    assert cited("recall_iou", seen(10, 14)) == 1.0
    assert cited("recall_iou", seen(10, 12)) == pytest.approx(0.4)  # IoU .25
    assert cited("acc_iou", seen(10, 12)) == pytest.approx(0.4)
    assert cited("acc_iou", seen(10, 12), answer="no") == 0.0


def test_without_known_seconds_evidence_is_not_judged():
    for name in ("evidence_iou", "evidence_recall", "evidence_complete", "acc_gqa", "acc_iou"):
        assert find_scorer(name)(record()) is None
