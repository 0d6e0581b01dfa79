"""The arithmetic of stretches of time: how much two sets of spans have in common.

Each set counts as the time it covers, so that naming the same second twice adds nothing. All of
them are 0 where one set is empty, except `diou`, which is below 0 for sets far apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from playhead.core.span import Span, merge

Spans = Sequence[Span]

_ROUNDING = 1e-9


def covered_s(spans: Spans) -> float:
    """Seconds that a set covers."""
    return sum(span.duration for span in merge(list(spans)))


def common_s(one: Spans, other: Spans) -> float:
    """Seconds that both sets cover."""
    pairs = ((a, b) for a in merge(list(one)) for b in merge(list(other)))
    return sum(both.duration for a, b in pairs if (both := a.intersection(b)) is not None)


def iou(said: Spans, gold: Spans) -> float:
    """Intersection over union, the usual measure of temporal grounding (Gao et al., TALL, 2017)."""
    both = common_s(said, gold)
    return _share(both, covered_s(said) + covered_s(gold) - both)


def iop(said: Spans, gold: Spans) -> float:
    """Intersection over prediction: how much of what was said is right (NExT-GQA, 2309.01327)."""
    return _share(common_s(said, gold), covered_s(said))


def iog(said: Spans, gold: Spans) -> float:
    """Intersection over ground truth: how much of what is right was said (Video-o3's reward)."""
    return _share(common_s(said, gold), covered_s(gold))


def diou(said: Spans, gold: Spans) -> float:
    """Distance-IoU (Zheng et al., 1911.08287) in one dimension, -1 to 1: `iou` less the squared
    distance of the centres over the squared length of the stretch that holds both. It still says
    which of two wrong answers is nearer. Several spans stand where their hull stands.
    """
    if not said or not gold:
        return -1.0
    (first, last), (start, end) = _hull(said), _hull(gold)
    whole = max(last, end) - min(first, start)
    return iou(said, gold) - ((first + last - start - end) / 2 / whole) ** 2


def reaches(share: float, least: float) -> bool:
    """Whether a share is at least so much. Times are decimal and floats are not: without a margin
    149 of 298 tenths of a second would not be one half."""
    return share >= least - _ROUNDING


def _hull(spans: Spans) -> tuple[float, float]:
    return min(span.start for span in spans), max(span.end for span in spans)


def _share(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole > 0 else 0.0
