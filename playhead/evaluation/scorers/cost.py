"""Scorers of what an attempt cost, in each unit. More is worse."""

from __future__ import annotations

from playhead.core.budget import Cost
from playhead.core.trajectory import Scorer, Trajectory

UNITS = tuple(Cost.model_fields)
"""Turns, calls, frames, visual tokens, ..., dollars."""


def spent(unit: str) -> Scorer:
    """What was spent in one unit. None: unknown, as dollars are without a price.

    Raises:
        ValueError: No such unit.
    """
    if unit not in UNITS:
        raise ValueError(f"a unit is one of {', '.join(UNITS)}: got {unit!r}")

    def cost(trajectory: Trajectory) -> float | None:
        value = getattr(trajectory.cost, unit)
        return None if value is None else float(value)

    return cost
