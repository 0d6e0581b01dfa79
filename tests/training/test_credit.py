"""Credit: worked by hand, and against the plainest possible reckoning."""

from __future__ import annotations

import math
from statistics import mean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.training.credit import (
    LEAST_STD,
    FlatAlarm,
    advantages,
    per_token,
    role_decoupled,
    roles_of,
)
from playhead.training.rows import Part, Row

NAN = math.nan
ROOT_HALF = 1 / math.sqrt(2)


def near(values: object) -> object:
    return pytest.approx(values, abs=1e-3)


# By hand


def test_a_group_is_compared_with_itself() -> None:
    found = advantages([1.0, 0.0, 5.0, 5.5], [0, 0, 1, 1])
    assert found.values.tolist() == near([ROOT_HALF, -ROOT_HALF, -ROOT_HALF, ROOT_HALF])
    assert (found.num_groups, found.num_flat) == (2, 0)


def test_without_the_deviation_it_is_the_distance_from_the_mean() -> None:
    found = advantages([1.0, 0.0, 0.0, 0.0], [0] * 4, scale="none")
    assert found.values.tolist() == near([0.75, -0.25, -0.25, -0.25])


def test_what_cannot_be_judged_is_left_out_of_mean_and_deviation() -> None:
    with_it = advantages([1.0, 0.0, NAN], [0, 0, 0])
    assert with_it.values.tolist() == near([ROOT_HALF, -ROOT_HALF, 0.0])
    assert with_it.is_judged.tolist() == [True, True, False]


def test_a_missing_reward_among_several_counts_for_and_against_nobody() -> None:
    whole = advantages([[1.0, 0.3], [0.0, 0.3]], [0, 0])
    missing = advantages([[1.0, NAN], [0.0, 0.3]], [0, 0])
    assert missing.values.tolist() == near(whole.values.tolist())


def test_a_flat_group_teaches_nothing_and_is_counted() -> None:
    found = advantages([0.5, 0.5, 0.5, 1.0, 0.0, 0.0], [0, 0, 0, 1, 1, 1])
    assert found.values[:3].tolist() == [0.0, 0.0, 0.0]
    assert found.values[3:].any()
    assert found.flat == 0.5
    assert advantages([NAN, 1.0], [0, 0]).flat == 1.0  # one rollout alone is no group


def test_a_group_that_deviates_by_rounding_is_flat() -> None:
    found = advantages([0.1 + 0.2, 0.3, 0.3], [0, 0, 0])
    assert not found.values.any()
    assert found.num_flat == 1


TWO = [[1.0, 0.0], [0.0, 1.0]]
"""A good look with a bad answer, and a bad look with a good answer."""


def test_a_good_look_is_not_punished_for_its_wrong_answer() -> None:
    assert advantages(TWO, [0, 0]).values.tolist() == [0.0, 0.0]
    weights = [0.4, 0.6]
    for aggregate in ("sum", "normalise"):  # here the good look loses
        found = advantages(TWO, [0, 0], weights=weights, aggregate=aggregate)
        assert found.values.tolist() == near([-ROOT_HALF, ROOT_HALF])
    by_role = role_decoupled(TWO, [0, 0], {"look": [1, 0], "answer": [0, 1]})
    assert by_role["look"].values.tolist() == near([ROOT_HALF, -ROOT_HALF])
    assert by_role["answer"].values.tolist() == near([-ROOT_HALF, ROOT_HALF])


def test_a_role_without_a_judgement_does_not_take_it_from_the_other() -> None:
    table = [[NAN, 0.0], [NAN, 1.0]]
    by_role = role_decoupled(table, [0, 0], {"look": [1, 0], "answer": [0, 1]})
    assert by_role["look"].values.tolist() == [0.0, 0.0]
    assert not by_role["look"].is_judged.any()
    assert by_role["answer"].values.tolist() == near([-ROOT_HALF, ROOT_HALF])


def test_normalising_first_gives_a_small_reward_its_say() -> None:
    table = [[10.0, 0.0], [10.0, 0.1], [0.0, 0.0], [0.0, 0.1]]
    summed = advantages(table, [0] * 4).values
    first = advantages(table, [0] * 4, aggregate="normalise").values
    assert summed[1] - summed[0] < 0.02
    assert first[1] - first[0] > 1
    assert first[0] == pytest.approx(first[3], abs=0.01)  # one good and one bad reward each


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(2, 2\), \(3,\)"):
        advantages(TWO, [0, 0, 0])
    with pytest.raises(ValueError, match=r"weights \[K\]"):
        advantages(TWO, [0, 0], weights=[1.0])


# Against the plainest reckoning

REWARD = st.one_of(st.none(), st.floats(-3, 3).map(lambda x: round(x, 2)))


@given(st.lists(st.lists(REWARD, min_size=3, max_size=3), min_size=1, max_size=5))
def test_it_is_mean_and_deviation_of_the_judged(groups: list[list[float | None]]) -> None:
    flat = [NAN if r is None else r for group in groups for r in group]
    of = [i for i, group in enumerate(groups) for _ in group]
    found = advantages(flat, of).values
    expected: list[float] = []
    for group in groups:
        known = [r for r in group if r is not None]
        deviation = stdev(known) if len(known) > 1 else 0.0
        for r in group:
            none = r is None or deviation < LEAST_STD
            expected.append(0.0 if none else (r - mean(known)) / (deviation + LEAST_STD))
    assert found.tolist() == pytest.approx(expected, abs=1e-9)


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=4, max_size=4),
    st.floats(0.5, 4),
    st.floats(-5, 5),
)
def test_scale_and_offset_of_rewards_do_not_matter(
    table: list[tuple[int, int]], scale: float, offset: float
) -> None:
    own = np.array(table, dtype=float)
    one = advantages(own, [0] * 4).values
    other = advantages(scale * own + offset, [0] * 4).values
    assert other.tolist() == pytest.approx(one.tolist(), abs=2e-3)
    assert one.sum() == pytest.approx(0.0, abs=1e-9)


# Tokens


def row(*tokens: tuple[Part, int, int]) -> Row:
    """A row of tokens: part, step, whether it was written."""
    parts, steps, mask = zip(*tokens, strict=True)
    num = len(tokens)
    return Row(
        ids=tuple(range(num)), parts=parts, steps=steps, mask=mask,
        weights=tuple(map(float, mask)), logprobs=(None,) * num, frames=(), trajectory="t",
        prompt=mask.index(1),
    )  # fmt: skip


def test_thoughts_go_with_the_turn_they_are_in() -> None:
    made = row(
        (Part.USER, -1, 0),
        (Part.THINK, 0, 1), (Part.CALL, 0, 1),
        (Part.OBSERVATION, 0, 0), (Part.PICTURE, 0, 0), (Part.TEMPLATE, 0, 0),
        (Part.THINK, 1, 1), (Part.ANSWER, 1, 1),
    )  # fmt: skip
    roles = roles_of(made)
    assert roles == [None, "look", "look", None, None, None, "answer", "answer"]
    assert per_token(roles, {"look": 2.0, "answer": -1.0}) == [0, 2, 2, 0, 0, 0, -1, -1]
    assert per_token(roles, 3.0, [1, 1, 1, 1, 1, 1, 0.5, 0]) == [0, 3, 3, 0, 0, 0, 1.5, 0]


def test_the_alarm_rings_once_for_each_long_row() -> None:
    alarm = FlatAlarm(patience=3)
    heard = [alarm.rings(flat) for flat in (1, 1, 0.5, 1, 1, 1, 1, 1, 1, 0)]
    assert heard == [False] * 5 + [True, False, False, True, False]
