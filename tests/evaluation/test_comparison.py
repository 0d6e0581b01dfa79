from __future__ import annotations

import pytest

from playhead.evaluation.comparison import compare_runs, comparison_table
from tests.evaluation.runs import attempted, written


def test_a_comparison_by_hand():
    before = written(
        [
            attempted("a", False, video="v"),
            attempted("b", True, video="v"),
            attempted("c", False, video="w", part="count"),
            attempted("d", True, video="w", part="count"),
            attempted("e", None),
        ],
        label="old",
    )
    after = written(
        [
            attempted("a", True, video="v"),
            attempted("b", True, video="v"),
            attempted("c", True, video="w", part="count"),
            attempted("d", False, video="w", part="count", said="gr|een"),
            attempted("e", True),
        ],
        label="new",
    )
    found = compare_runs(before, after)
    whole = found.differences["all"]
    assert (whole.num, whole.before, whole.after) == (4, 0.5, 0.75)
    assert whole.p_value == 1.0  # two for, one against: 2 (1 + 3) / 8
    assert whole.interval == (0.0, 0.5)  # v alone +.5, both +.25, w alone 0
    assert found.differences["needle"].mean == 0.5
    assert found.differences["count"].mean == 0.0
    assert [flip.id for flip in found.won] == ["a", "c"]
    assert [flip.id for flip in found.lost] == ["d"]
    assert found.num_left_out == 1
    assert found.costs["frames"] == (4.0, 4.0)
    told = comparison_table(found)
    assert "| all | 0.500 | 0.750 | +0.250 | +0.000 to +0.500 | 1 | 4 |" in told
    assert "Only new got 2 right:" in told
    assert "`d`" in told.partition("Only old got 1 right:")[2]


def test_runs_of_other_questions_are_not_compared():
    one = written([attempted("a", True)])
    with pytest.raises(ValueError, match="cannot be compared"):
        compare_runs(one, written([attempted("a", True)], benchmark="shapes"))
    with pytest.raises(ValueError, match="questions of one name differ"):
        compare_runs(one, written([attempted("a", True, video="another")]))
    with pytest.raises(ValueError, match="no judged question in common"):
        compare_runs(one, written([attempted("b", True)]))
