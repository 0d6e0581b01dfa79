from __future__ import annotations

from itertools import product
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core import Answer, Stop, Task, Trajectory
from playhead.evaluation.paired import Pair, compare, mcnemar, pairs


def attempted(task: str, score: float | None, *, video: str = "") -> Trajectory:
    return Trajectory(
        id=f"{task}-{score}",
        task=Task(id=task, question="?", video_ids=(video,) if video else ()),
        answer=Answer(text="."),
        stop=Stop.ANSWERED,
        scores={"right": score},
    )


def right(trajectory: Trajectory) -> float | None:
    return trajectory.scores["right"]


def test_only_what_both_can_be_judged_on_is_compared():
    before = [attempted("a", 1.0), attempted("b", 0.0), attempted("c", None), attempted("d", 1.0)]
    after = [attempted("b", 1.0), attempted("a", 0.0), attempted("a", 1.0), attempted("c", 1.0)]
    assert pairs(before, after, right) == [Pair("a", "a", 1.0, 0.5), Pair("b", "b", 0.0, 1.0)]


def test_mcnemar_is_the_binomial_tail_counted_out():
    for better, worse in product(range(7), range(7)):
        num = better + worse
        extreme = [k for k in range(num + 1) if abs(2 * k - num) >= abs(better - worse)]
        assert mcnemar(better, worse) == pytest.approx(sum(comb(num, k) for k in extreme) / 2**num)


def test_a_difference_by_hand():
    both = [Pair("a", "v", 0.0, 1.0), Pair("b", "v", 1.0, 1.0), Pair("c", "w", 0.0, 1.0)]
    found = compare(both)
    assert (found.num, found.before, found.after) == (3, pytest.approx(1 / 3), 1.0)
    assert found.mean == pytest.approx(2 / 3)
    assert found.p_value == pytest.approx(0.5)  # two heads in two throws, both sides
    # videos are drawn, not questions: (v, v) .5, (v, w) 2/3, (w, w) 1
    assert found.interval == (pytest.approx(0.5), pytest.approx(1.0))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("vwxyz"), st.floats(0, 1), st.floats(0, 1)), min_size=1))
def test_the_interval_holds_every_mean_that_clusters_allow(scores):
    both = [Pair(str(i), v, before, after) for i, (v, before, after) in enumerate(scores)]
    found = compare(both)
    each = [
        sum(p.after - p.before for p in both if p.cluster == name)
        / sum(p.cluster == name for p in both)
        for name in {p.cluster for p in both}
    ]
    low, high = found.interval
    assert min(each) - 1e-9 <= low <= high <= max(each) + 1e-9
    assert compare(both).interval == found.interval


def test_nothing_in_common_is_said():
    with pytest.raises(ValueError, match="no judged question in common"):
        compare(pairs([attempted("a", 1.0)], [attempted("b", 1.0)], right))
