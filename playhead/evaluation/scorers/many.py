"""Measures of many attempts: means that say what they leave out, calibration, headroom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from playhead.core.trajectory import Scorer, Trajectory
from playhead.evaluation.scorers.answers import correct


@dataclass(frozen=True)
class Mean:
    """The mean of a scorer."""

    value: float | None
    """None: it could judge none."""
    num: int
    """Attempts it judged."""
    num_left_out: int
    """Attempts it could not judge."""


def mean(trajectories: Iterable[Trajectory], scorer: Scorer) -> Mean:
    """The mean over the attempts that a scorer can judge."""
    scores = [scorer(trajectory) for trajectory in trajectories]
    known = [score for score in scores if score is not None]
    value = sum(known) / len(known) if known else None
    return Mean(value, len(known), len(scores) - len(known))


def calibration_error(
    trajectories: Iterable[Trajectory], *, num_bins: int = 10, right: Scorer = correct
) -> float | None:
    """Expected calibration error, 0 (best) to 1 (Naeini et al., 2015; Guo et al., 1706.04599): how
    far confidence and accuracy lie apart, over bins of equal width, weighted by how many attempts
    are in each. A confidence on a border belongs to the lower bin. None: nobody stated one.
    """
    bins: dict[int, list[tuple[float, float]]] = {}
    for trajectory in trajectories:
        is_right = right(trajectory)
        sure = None if trajectory.answer is None else trajectory.answer.confidence
        if is_right is not None and sure is not None:
            place = max(0, -int(-sure * num_bins // 1) - 1)
            bins.setdefault(place, []).append((sure, is_right))
    num = sum(map(len, bins.values()))
    if not num:
        return None
    gaps = (abs(sum(sure - is_right for sure, is_right in inside)) for inside in bins.values())
    return sum(gaps) / num


def headroom_captured(accuracy: float, uniform: float) -> float | None:
    """Of what frames spread evenly leave to be gained, the share that was gained:
    `(accuracy - uniform) / (1 - uniform)` at the same number of frames. Negative: it was lost.
    None: there was nothing to gain."""
    return None if uniform >= 1 else (accuracy - uniform) / (1 - uniform)


def balanced_accuracy(
    positives: Iterable[Trajectory], negatives: Iterable[Trajectory], scorer: Scorer = correct
) -> float | None:
    """The mean of the accuracy on questions about what is there and on those about what is not, so
    that always saying "not in the video" is worth a half. None: one side could not be judged."""
    sides = [mean(positives, scorer).value, mean(negatives, scorer).value]
    known = [side for side in sides if side is not None]
    return sum(known) / 2 if len(known) == 2 else None
