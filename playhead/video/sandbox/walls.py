"""Which walls stand around a decoder, and the warning that some do not."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

Step = tuple[str, str | None]
"""A mechanism, and why it is missing (None: it is on)."""


@dataclass(frozen=True)
class Walls:
    """Which mechanisms confine a decoder."""

    on: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    """The mechanism and the reason why it is not on."""

    @classmethod
    def of(cls, steps: Iterable[Step]) -> Walls:
        """The outcome of several steps."""
        steps = list(steps)
        return cls(
            on=tuple(name for name, reason in steps if reason is None),
            missing=tuple((name, reason) for name, reason in steps if reason is not None),
        )


class SandboxWarning(UserWarning):
    """Untrusted files are decoded with fewer walls than there should be."""


@cache  # once in a process for each set of walls
def warn_about(walls: Walls) -> None:
    """Say once in this process which walls are missing and why."""
    if walls.missing:
        gaps = "; ".join(f"{name} ({reason})" for name, reason in walls.missing)
        warnings.warn(
            f"the decoder is not fully confined on this machine. Missing: {gaps}. "
            f"There: {', '.join(walls.on) or 'nothing'}. "
            "Open only files that you trust, or run where the missing walls can be had.",
            SandboxWarning,
            stacklevel=4,
        )
