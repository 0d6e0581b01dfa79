"""Scorers equal a second implementation of their formula, on hundreds of made-up attempts.

Ours merges spans and reads records. The second one paints tenths of a second into arrays, or counts
by brute force.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core import Evidence, Kind, Span, Task, Trajectory
from playhead.evaluation.paired import mcnemar
from playhead.evaluation.scorers import find_scorer
from playhead.evaluation.scorers.many import balanced_accuracy, calibration_error
from tests.evaluation.records import record

END = 300  # tenths of a second
HUNDREDS = settings(max_examples=200, deadline=None)

tenths = st.tuples(st.integers(0, END - 1), st.integers(1, END)).filter(lambda p: p[0] < p[1])
stretches = st.lists(tenths, min_size=1, max_size=4)
NAMES = ("ann", "bob", "cy", "di", "eve")
Pairs = Sequence[tuple[int, int]]


def spans(pairs: Pairs) -> tuple[Span, ...]:
    return tuple(Span(start=start / 10, end=end / 10) for start, end in pairs)


def painted(pairs: Pairs) -> np.ndarray:
    tape = np.zeros(END, bool)
    for start, end in pairs:
        tape[start:end] = True
    return tape


def ratio(part: np.ndarray, whole: np.ndarray) -> float:
    return part.sum() / whole.sum() if whole.any() else 0.0


def when(said: Pairs, gold: Pairs) -> Trajectory:
    """An answer in seconds."""
    task = Task(id="t", question="When?", answer=[[s.start, s.end] for s in spans(gold)])
    return record(answer="; ".join(f"{a / 10} - {b / 10}" for a, b in said), task=task)


def citing(said: Pairs, gold: Pairs, right: bool = True) -> Trajectory:
    """An answer that rests on seconds; the evidence has no pictures."""
    pieces = [Evidence.make("v", span, Kind.CAPTION, text="seen") for span in spans(said)]
    task = Task(id="t", question="What?", answer="ball", spans=spans(gold))
    return record(answer="ball" if right else "kite", task=task, cites=pieces)


@given(stretches, stretches)
@HUNDREDS
def test_overlaps_of_answers(said: Pairs, gold: Pairs):
    one, other, trajectory = painted(said), painted(gold), when(said, gold)
    iou = ratio(one & other, one | other)
    expected = {
        "iou": iou,
        "accuracy": iou,
        "iop": ratio(one & other, one),
        "iog": ratio(one & other, other),
        "diou": iou - _centres(one, other) ** 2,
        "correct": float(iou >= 0.5),
        **{f"recall@{least}": float(iou >= least) for least in (0.3, 0.5, 0.7)},
    }
    found = {name: find_scorer(name)(trajectory) for name in expected}
    assert found == pytest.approx(expected, abs=1e-9)


def _centres(one: np.ndarray, other: np.ndarray) -> float:
    """How far the middles of two hulls lie apart, as a share of the hull of both."""
    (a, b), (c, d) = (np.flatnonzero(tape)[[0, -1]] + (0, 1) for tape in (one, other))
    return ((a + b) / 2 - (c + d) / 2) / (max(b, d) - min(a, c))


@given(st.just([]) | stretches, stretches, st.booleans())
@HUNDREDS
def test_overlaps_of_evidence(said: Pairs, gold: Pairs, right: bool):
    one, other, trajectory = painted(said), painted(gold), citing(said, gold, right)
    iou = ratio(one & other, one | other)
    found_at = np.mean([iou >= least for least in (0.1, 0.2, 0.3, 0.4, 0.5)])
    touched = [bool((painted([pair]) & one).any()) for pair in gold]
    best = max(ratio(one & painted([pair]), one) for pair in gold)
    expected = {
        "evidence_iou": iou,
        "evidence_iop": ratio(one & other, one),
        "evidence_iog": ratio(one & other, other),
        "evidence_recall": np.mean(touched),
        "evidence_complete": float(right and all(touched)),
        "acc_gqa": float(right and best >= 0.5),
        "recall_iou": found_at,
        "acc_iou": found_at * right,
    }
    found = {name: find_scorer(name)(trajectory) for name in expected}
    assert found == pytest.approx(expected, abs=1e-9)


@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=6),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True),
)
@HUNDREDS
def test_sets_and_orders(said: list[str], gold: list[str]):
    task = Task(id="t", question="Who?", answer=[*gold])
    trajectory = record(answer=", ".join(said), task=task)
    hits = np.isin(gold, said).sum()
    recall, precision = hits / len(gold), hits / len(Counter(said))
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    assert find_scorer("set_f1")(trajectory) == pytest.approx(f1)
    assert find_scorer("order")(trajectory) == float(said == gold)


@given(st.permutations(range(5)), st.integers(2, 5))
@HUNDREDS
def test_kendall_tau_counts_the_swaps_that_sort(order: list[int], num: int):
    """Tau is one less twice the share of pairs that bubble sort has to swap."""
    ranks = [rank for rank in order if rank < num]
    task = Task(id="t", question="In which order?", answer=[*NAMES[:num]])
    trajectory = record(answer=", ".join(NAMES[rank] for rank in ranks), task=task)
    swaps, row = 0, [*ranks]
    for _ in row:
        for i in range(num - 1):
            if row[i] > row[i + 1]:
                row[i], row[i + 1] = row[i + 1], row[i]
                swaps += 1
    expected = 1 - 2 * swaps / comb(num, 2)
    assert find_scorer("kendall_tau")(trajectory) == pytest.approx(expected)


def test_kendall_tau_is_0_on_average_over_all_orders():
    task = Task(id="t", question="In which order?", answer=[*NAMES[:4]])
    taus = [
        find_scorer("kendall_tau")(record(answer=", ".join(order), task=task))
        for order in permutations(NAMES[:4])
    ]
    assert np.mean([tau for tau in taus if tau is not None]) == pytest.approx(0)
    assert len(set(taus)) == 7


stated = st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=40)


@given(stated)
@HUNDREDS
def test_brier_and_calibration(rows: list[tuple[int, bool]]):
    records = [
        record(answer="ACD" if is_right else "X", confidence=p / 100) for p, is_right in rows
    ]
    sure = np.array([p for p, _ in rows]) / 100
    right = np.array([is_right for _, is_right in rows], float)
    scores = [find_scorer("brier")(each) for each in records]
    assert scores == pytest.approx(list((sure - right) ** 2))
    percent = np.array([p for p, _ in rows])
    bins = np.searchsorted(np.arange(10, 101, 10), percent, side="left")
    gaps = [abs(sure[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
            for b in np.unique(bins)]  # fmt: skip
    assert calibration_error(records) == pytest.approx(sum(gaps), abs=1e-9)


@given(st.lists(st.booleans(), min_size=1), st.lists(st.booleans(), min_size=1))
@HUNDREDS
def test_balanced_accuracy_is_the_mean_of_two_recalls(there: list[bool], absent: list[bool]):
    sides = [[record(answer="ACD" if right else "X") for right in side] for side in (there, absent)]
    expected = (np.mean(there) + np.mean(absent)) / 2
    assert balanced_accuracy(*sides) == pytest.approx(expected)


@given(st.integers(0, 12), st.integers(0, 12))
@HUNDREDS
def test_mcnemar_counts_coins(better: int, worse: int):
    """The exact p-value, by going through every way that so many fair coins can fall."""
    num = better + worse
    if num > 12:
        better, worse = better % 6, worse % 6
        num = better + worse
    falls = np.array([bin(i).count("1") for i in range(2**num)])
    extreme = np.abs(falls - num / 2) >= abs(better - num / 2)
    assert mcnemar(better, worse) == pytest.approx(extreme.mean())


@given(
    st.integers(0, 40) | st.sampled_from(["seven", "none", "12 times", "many"]), st.integers(0, 40)
)
@HUNDREDS
def test_numbers(said: int | str, gold: int):
    words = {"seven": 7, "none": 0, "12 times": 12, "many": None}
    value = words[said] if isinstance(said, str) else said
    trajectory = record(answer=str(said), task=Task(id="t", question="How many?", answer=gold))
    assert find_scorer("number")(trajectory) == float(value == gold)
