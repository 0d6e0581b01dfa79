"""Credit: from the rewards of a group of rollouts to an advantage for each token.

    good = advantages(rewards, groups, weights=[1.0, 0.5])        # one for each rollout
    by_role = role_decoupled(rewards, groups, {"look": [1, 0], "answer": [0, 1]})
    tokens = per_token(roles, {"look": 0.7, "answer": -0.7})

Pure arithmetic on numpy arrays. `nan` stands for a reward that cannot be judged (a scorer's None):
it takes no part in a mean or a deviation, and a rollout that has none at all gets no advantage.

- group-relative: GRPO, arXiv 2402.03300; without dividing by the deviation: Dr. GRPO, 2503.20783.
- several rewards, each normalised before they are summed: GDPO, 2601.05242.
- look tokens by the look's reward and answer tokens by the answer's, each normalised within the
  group: the segment-decoupled GRPO that DynFrame describes (github.com/zhangguanghao523/DynFrame;
  its trainer has one advantage for each rollout).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from playhead.training.rows import Part, Row

Floats = NDArray[np.float64]
Aggregate = Literal["sum", "normalise"]
Scale = Literal["std", "none"]

LEAST_STD = 1e-4
"""Groups whose rewards deviate less teach nothing. It is added to deviations, too, as in TRL."""

LOOK, ANSWER = "look", "answer"


@dataclass(frozen=True)
class Advantages:
    """Of one batch of rollouts."""

    values: Floats
    """`[N]`; 0 where nothing could be judged or the group is flat."""
    is_judged: NDArray[np.bool_]
    """`[N]`: which rollouts have a reward at all."""
    num_groups: int
    """Groups with two judged rollouts or more."""
    num_flat: int
    """Of these, groups in which every judged rollout has the same reward."""

    @property
    def flat(self) -> float:
        """The share of groups that are flat. 1 where no group could be judged."""
        return self.num_flat / self.num_groups if self.num_groups else 1.0


def advantages(
    rewards: ArrayLike,
    groups: ArrayLike,
    *,
    weights: Sequence[float] | None = None,
    aggregate: Aggregate = "sum",
    scale: Scale = "std",
) -> Advantages:
    """How much better each rollout did than its group.

    Args:
        rewards: `[N, K]`, or `[N]` for one reward; `nan`: cannot be judged. Where a rollout has
            some of its rewards, a missing one counts as the mean of its group, for and against
            nobody.
        groups: `[N]`: which group each rollout belongs to.
        weights: `[K]`. None: all 1.
        aggregate: `sum`: of the weighted rewards, then normalised within the group. `normalise`:
            each reward within its group first, then their weighted sum over the batch.
        scale: `std`: divide by the deviation (of a sample, as TRL). `none`: only take off the mean.

    Raises:
        ValueError: Shapes that do not fit.
    """
    table, of = np.array(rewards, dtype=np.float64), np.array(groups)
    table = table[:, None] if table.ndim == 1 else table
    given = np.ones(table.shape[1]) if weights is None else np.array(weights, dtype=np.float64)
    if table.shape[:1] != of.shape or given.shape != table.shape[1:]:
        raise ValueError(
            f"rewards [N, K], groups [N], weights [K]: got {table.shape}, {of.shape}, {given.shape}"
        )
    is_judged: NDArray[np.bool_] = np.any(~np.isnan(table[:, given != 0]), axis=1)
    values = np.zeros(len(table))
    num_groups = num_flat = 0
    for group in np.unique(of):
        members = np.flatnonzero((of == group) & is_judged)
        if len(members) < 2:
            continue
        filled = _filled(table[members])
        if aggregate == "normalise":
            each = np.stack([_normalised(column, scale) for column in filled.T], axis=1)
            total, is_flat = each @ given, not (each @ given).any()
        else:
            total = _normalised(filled @ given, scale)
            is_flat = not total.any()
        values[members] = total
        num_groups, num_flat = num_groups + 1, num_flat + is_flat
    if aggregate == "normalise" and values[is_judged].any():
        values[is_judged] = _normalised(values[is_judged], scale)
    return Advantages(values, is_judged, num_groups, num_flat)


def role_decoupled(
    rewards: ArrayLike,
    groups: ArrayLike,
    roles: Mapping[str, Sequence[float]],
    *,
    aggregate: Aggregate = "sum",
    scale: Scale = "std",
) -> dict[str, Advantages]:
    """The advantage of each role by that role's rewards alone, normalised within the group.

    Args:
        rewards: `[N, K]` as for `advantages`.
        groups: `[N]`.
        roles: For each role, the weights of the rewards `[K]` that its tokens answer for.
        aggregate: As for `advantages`.
        scale: As for `advantages`.
    """
    return {
        role: advantages(rewards, groups, weights=weights, aggregate=aggregate, scale=scale)
        for role, weights in roles.items()
    }


def roles_of(row: Row) -> list[str | None]:
    """Which role each token of a row has: `look`, `answer`, or None where the policy did not write.

    A turn that calls tools is a look, thoughts and ends of turns included; a turn that answers is
    an answer.
    """
    answers = {step for step, part in zip(row.steps, row.parts, strict=True) if part is Part.ANSWER}
    by_part: dict[Part, str] = {Part.CALL: LOOK, Part.ANSWER: ANSWER}
    return [
        by_part.get(part, ANSWER if step in answers else LOOK) if written else None
        for part, step, written in zip(row.parts, row.steps, row.mask, strict=True)
    ]


def per_token(
    roles: Sequence[str | None],
    by_role: Mapping[str, float] | float,
    weights: Sequence[float] | None = None,
) -> list[float]:
    """An advantage for each token: that of its role, times its weight; 0 where it has no role.

    Args:
        roles: From `roles_of`.
        by_role: The rollout's advantage for each role, or one for all.
        weights: Of the steps, for each token. None: all 1.
    """
    given = [1.0] * len(roles) if weights is None else weights

    def of(role: str | None) -> float:
        if role is None:
            return 0.0
        return by_role.get(role, 0.0) if isinstance(by_role, Mapping) else by_role

    return [of(role) * weight for role, weight in zip(roles, given, strict=True)]


def after_prompt(row: Row, by_role: Mapping[str, float]) -> list[float]:
    """`per_token` of a row's tokens from its first written one on, by the weights of its steps."""
    return per_token(roles_of(row)[row.prompt :], by_role, row.weights[row.prompt :])


class FlatAlarm:
    """Says when rewards were the same within (nearly) all groups for several steps in a row."""

    def __init__(self, patience: int = 5, share: float = 0.95) -> None:
        """Begin to count.

        Args:
            patience: So many steps in a row.
            share: Of groups that are flat, or more.
        """
        self._patience, self._share = patience, share
        self.num_in_a_row = 0

    def rings(self, flat: float) -> bool:
        """Whether it rings at a step with this share of flat groups: once for each long row."""
        self.num_in_a_row = self.num_in_a_row + 1 if flat >= self._share else 0
        return self.num_in_a_row > 0 and self.num_in_a_row % self._patience == 0


def _filled(table: Floats) -> Floats:
    """Missing rewards `[N, K]` as the mean of those that there are; 0 where there are none."""
    is_there = ~np.isnan(table)
    sums = np.where(is_there, table, 0.0).sum(axis=0)
    means = sums / np.maximum(is_there.sum(axis=0), 1)
    return np.where(is_there, table, means)


def _normalised(rewards: Floats, scale: Scale) -> Floats:
    """Less their mean, by their deviation; all 0 where they hardly deviate."""
    deviation: Any = rewards.std(ddof=1) if len(rewards) > 1 else 0.0
    if deviation < LEAST_STD:
        return np.zeros_like(rewards)
    less = rewards - rewards.mean()
    return less / (deviation + LEAST_STD) if scale == "std" else less
