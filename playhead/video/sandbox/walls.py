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


@cache  # once in a process for each set of gaps
def warn_about(missing: tuple[tuple[str, str], ...]) -> None:
    """Say once in this process which walls are missing and why."""
    if missing:
        gaps = "; ".join(f"{name} ({reason})" for name, reason in missing)
        warnings.warn(
            f"the decoder is not fully confined on this machine, missing: {gaps}. "
            "Open only files that you trust, or run in a container without a network.",
            SandboxWarning,
            stacklevel=4,
        )
