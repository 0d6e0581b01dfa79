"""Whether an attempt can be judged at all: only the model's own failures may cost it something."""

from __future__ import annotations

from playhead.core.errors import Origin
from playhead.core.trajectory import Stop, Trajectory

_OUT_OF_TIME = "out_of_time"
"""A call that came after the time was over: the model was slow, nothing broke."""


def is_judgeable(trajectory: Trajectory) -> bool:
    """False where something broke that was not the model's: the attempt failed by it, somebody
    pressed stop, or a tool or a file broke under one of its calls.

    The last holds also where the answer is right in the end. Leaving out only the wrong ones would
    make a broken disk raise the mean.
    """
    if trajectory.stop is Stop.CANCELLED or trajectory.blame in (Origin.TOOL, Origin.WORLD):
        return False
    failures = (seen.failure for step in trajectory.steps for seen in step.observations)
    return not any(
        failure.origin is not Origin.MODEL and failure.code != _OUT_OF_TIME
        for failure in failures
        if failure is not None
    )
