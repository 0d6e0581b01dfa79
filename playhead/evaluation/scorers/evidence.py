"""Scorers of what an answer rests on: what it cites, beside the seconds that hold the truth.

An answer can only cite what a tool really found, so evidence cannot be made up. It can be cited in
bulk: `evidence_recall` goes up with everything that is cited, `evidence_iou` and `evidence_iop` go
down with what does not belong. Report them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from playhead.core.evidence import Evidence
from playhead.core.span import Span
from playhead.core.trajectory import Trajectory
from playhead.evaluation.scorers import intervals
from playhead.evaluation.scorers.answers import correct
from playhead.evaluation.scorers.blame import is_judgeable

_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
_LEAST_IOP = 0.5


def cited(trajectory: Trajectory) -> tuple[Evidence, ...]:
    """The evidence that the answer cites."""
    return () if trajectory.answer is None else trajectory.answer.evidence


def evidence_iou(trajectory: Trajectory) -> float | None:
    """Intersection over union of the cited seconds and those that hold the truth (`task.spans`).
    None: these are not known, or the truth is nowhere to be seen."""
    return _compared(trajectory, intervals.iou)


def evidence_iop(trajectory: Trajectory) -> float | None:
    """The share of the cited seconds that hold the truth. None as for `evidence_iou`."""
    return _compared(trajectory, intervals.iop)


def evidence_iog(trajectory: Trajectory) -> float | None:
    """The share of the seconds that hold the truth that is cited. None as for `evidence_iou`."""
    return _compared(trajectory, intervals.iog)


def evidence_recall(trajectory: Trajectory) -> float | None:
    """The share of the stretches that hold the truth which the cited evidence touches: by a picture
    inside the stretch, or, for evidence without pictures, by its seconds. None as for
    `evidence_iou`."""
    if not trajectory.task.spans or not is_judgeable(trajectory):
        return None
    return num_touched(trajectory) / len(trajectory.task.spans)


def num_touched(trajectory: Trajectory) -> int:
    """How many stretches that hold the truth the cited evidence touches; see `evidence_recall`."""
    return sum(touches(cited(trajectory), span) for span in trajectory.task.spans or ())


def evidence_complete(trajectory: Trajectory) -> float | None:
    """1 if the answer is right *and* cites as many pieces of the truth as it takes to know it, else
    0: the minimum required frame set (HERBench) of `task.metadata["min_frames"]`, else one for each
    stretch of `task.spans`. None as for `evidence_iou`, or where correctness is unknown."""
    right, spans = correct(trajectory), trajectory.task.spans
    if right is None or not spans:
        return None
    needed = trajectory.task.metadata.get("min_frames")
    least = needed if isinstance(needed, int) else len(spans)
    return float(right == 1.0 and num_touched(trajectory) >= min(least, len(spans)))


def acc_gqa(trajectory: Trajectory) -> float | None:
    """Acc@GQA (NExT-GQA, 2309.01327): 1 if the answer is right and at least half of the cited
    seconds lie in one of the true stretches, the best of them counting. None as above."""
    right, spans = correct(trajectory), trajectory.task.spans
    if right is None or not spans:
        return None
    said = [piece.span for piece in cited(trajectory)]
    best = max(intervals.iop(said, [span]) for span in spans)
    return float(right == 1.0 and intervals.reaches(best, _LEAST_IOP))


def acc_iou(trajectory: Trajectory) -> float | None:
    """acc@IoU (CG-Bench, 2412.12075): right, and the cited seconds overlap the true ones by t at
    least; the mean over t = .1, .2, .3, .4, .5. None as above."""
    right, recall = correct(trajectory), recall_iou(trajectory)
    return None if right is None or recall is None else right * recall


def recall_iou(trajectory: Trajectory) -> float | None:
    """rec@IoU (CG-Bench): as `acc_iou`, whatever the answer is."""
    overlap = evidence_iou(trajectory)
    if overlap is None:
        return None
    return sum(intervals.reaches(overlap, least) for least in _THRESHOLDS) / len(_THRESHOLDS)


def touches(pieces: Iterable[Evidence], span: Span) -> bool:
    """Whether evidence touches a stretch: by a picture inside it, or, if it has no pictures, by its
    seconds."""
    return any(
        any(frame.time_s in span for frame in piece.frames)
        if piece.frames
        else piece.span.intersection(span) is not None
        for piece in pieces
    )


def _compared(
    trajectory: Trajectory, how: Callable[[list[Span], list[Span]], float]
) -> float | None:
    spans = trajectory.task.spans
    if not spans or not is_judgeable(trajectory):
        return None
    return how([piece.span for piece in cited(trajectory)], list(spans))
