"""What an answer may cost, what it has cost, and what is left.

Five units: turns, frames, visual tokens, wall seconds, money. The loop asks `Budget.affords` before
it spends. Running out is not an error: the best answer so far is given, with a warning.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import NonNegativeFloat, NonNegativeInt

from playhead.core.value import Value


class Effort(StrEnum):
    """The one dial for people who do not want to think about budgets."""

    QUICK = "quick"
    NORMAL = "normal"
    DEEP = "deep"


class Cost(Value):
    """What something has cost. Costs add up with `+`."""

    turns: NonNegativeInt = 0
    """Replies of the policy."""
    calls: NonNegativeInt = 0
    """Tool calls carried out."""
    frames: NonNegativeInt = 0
    """Pictures shown to the policy."""
    frames_decoded: NonNegativeInt = 0
    """Pictures decoded, shown or not."""
    visual_tokens: NonNegativeInt = 0
    """Tokens those pictures took in the policy's context."""
    input_tokens: NonNegativeInt = 0
    output_tokens: NonNegativeInt = 0
    seconds: NonNegativeFloat = 0.0
    """Wall-clock time."""
    dollars: NonNegativeFloat | None = None
    """Money. None: no part of it had a known price."""

    def __add__(self, other: Cost) -> Cost:
        mine, its = dict(self), dict(other)
        money = [cost for cost in (mine.pop("dollars"), its.pop("dollars")) if cost is not None]
        total = {unit: mine[unit] + its[unit] for unit in mine}
        return Cost(**total, dollars=sum(money) if money else None)


class Budget(Value):
    """Upper bounds for one question. None: no bound in that unit."""

    turns: NonNegativeInt | None = None
    frames: NonNegativeInt | None = None
    visual_tokens: NonNegativeInt | None = None
    seconds: NonNegativeFloat | None = None
    dollars: NonNegativeFloat | None = None

    @classmethod
    def of(cls, effort: Effort | str) -> Self:
        """The budget that an effort stands for.

        Raises:
            ValueError: No such effort.
        """
        match Effort(effort):
            case Effort.QUICK:
                return cls(turns=4, frames=32, visual_tokens=8_000, seconds=60)
            case Effort.NORMAL:
                return cls(turns=12, frames=128, visual_tokens=32_000, seconds=300)
            case Effort.DEEP:
                return cls(turns=32, frames=768, visual_tokens=192_000, seconds=1800)

    def left(self, spent: Cost) -> Budget:
        """What remains after `spent`, never below zero. An unknown price counts as nothing."""
        used = dict(spent)
        return Budget(
            **{
                unit: None if bound is None else max(0, bound - (used[unit] or 0))
                for unit, bound in self
            }
        )

    def over(self, spent: Cost) -> tuple[str, ...]:
        """The units in which `spent` is more than this budget allows."""
        used = dict(spent)
        return tuple(
            unit for unit, bound in self if bound is not None and (used[unit] or 0) > bound
        )

    def affords(self, spent: Cost, price: Cost) -> bool:
        """Whether `price` may still be spent after `spent`."""
        return not self.over(spent + price)
