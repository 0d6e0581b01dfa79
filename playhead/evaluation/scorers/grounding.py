"""Scorers of answers that are stretches of time: when something happens.

The mean of `iou` over questions is what papers call mIoU, that of `recall@0.5` is R@1, IoU=0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from playhead.core.span import Span
from playhead.core.trajectory import Scorer, Task, Trajectory
from playhead.evaluation.scorers import intervals
from playhead.evaluation.scorers.answers import kind_of
from playhead.evaluation.scorers.blame import is_judgeable
from playhead.worlds import verify
from playhead.worlds.verify import AnswerKind


def iou(trajectory: Trajectory) -> float | None:
    """Intersection over union of the answered and the true seconds. None: the truth is no span."""
    return _compared(trajectory, intervals.iou, 0.0)


def iop(trajectory: Trajectory) -> float | None:
    """The share of the answered seconds that is right. None: the truth is no span."""
    return _compared(trajectory, intervals.iop, 0.0)


def iog(trajectory: Trajectory) -> float | None:
    """The share of the true seconds that was answered. None: the truth is no span."""
    return _compared(trajectory, intervals.iog, 0.0)


def diou(trajectory: Trajectory) -> float | None:
    """Distance-IoU of the answered and the true seconds, -1 to 1. None: the truth is no span."""
    return _compared(trajectory, intervals.diou, -1.0)


def recall_at(least: float) -> Scorer:
    """R@1: 1 where the answered seconds overlap the true ones by at least that IoU, else 0."""

    def recall(trajectory: Trajectory) -> float | None:
        overlap = iou(trajectory)
        return None if overlap is None else float(intervals.reaches(overlap, least))

    return recall


def gold_seconds(task: Task) -> list[Span] | None:
    """The true answer of a question that asks when. None: it asks for something else."""
    if kind_of(task) is not AnswerKind.SPANS:
        return None
    pairs = verify.spans_in(cast("object", task.answer)) or []
    return [Span(start=start, end=end) for start, end in pairs]


def _compared(
    trajectory: Trajectory, how: Callable[[list[Span], list[Span]], float], otherwise: float
) -> float | None:
    gold = gold_seconds(trajectory.task)
    if gold is None or not is_judgeable(trajectory):
        return None
    said = verify.spans_in(trajectory.answer)
    if not said:
        return otherwise
    return how([Span(start=start, end=end) for start, end in said], gold)
