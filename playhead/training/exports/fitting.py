"""Which trajectories a format can hold.

What a format cannot say is left out and counted, not bent: conversations of which the policy was
shown only a part, two turns of the policy in a row, and, but for ms-swift, turns that must not be
learned, among them those with a call that could not be read. Weights between 0 and 1 have a place
in ms-swift only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from playhead.core.trajectory import Step, Trajectory


@dataclass
class Exported:
    """What was written."""

    path: Path
    num: int = 0
    left_out: Counter[str] = field(default_factory=Counter[str])
    """Trajectories that the format cannot hold, by the reason."""


def fitting(
    trajectories: Iterable[Trajectory], exported: Exported, *, may_skip: bool
) -> Iterable[Trajectory]:
    """Those that the format can hold. The others are counted.

    Args:
        trajectories: What to write.
        exported: Where they are counted. Its folder is made.
        may_skip: Whether the format has turns that are shown and not learned.
    """
    exported.path.parent.mkdir(parents=True, exist_ok=True)
    for trajectory in trajectories:
        why = _unfit(trajectory, may_skip=may_skip)
        if why is None:
            exported.num += 1
            yield trajectory
        else:
            exported.left_out[why] += 1


def taught(step: Step) -> float:
    """The weight of a step. Of a call that could not be read nobody knows what was written."""
    return 0.0 if any(call.raw is not None for call in step.reply.calls) else step.weight


def _unfit(trajectory: Trajectory, *, may_skip: bool) -> str | None:
    """Why a trajectory has no place in a format. None: it has."""
    steps = trajectory.steps
    if not steps:
        return "nothing written"
    if any(
        step.shown is not None and step.shown != tuple(range(i)) for i, step in enumerate(steps)
    ):
        return "steps hidden"
    if any(not step.reply.calls for step in steps[:-1]):
        return "two turns in a row"
    if not may_skip and any(taught(step) == 0 for step in steps):
        return "turns not to be learned"
    return None
