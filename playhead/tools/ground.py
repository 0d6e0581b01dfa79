"""`ground`: the seconds at which something holds, with how sure that is.

The one idea: candidates come from two sides. Words (what is said, written, described) give spans as
they are; where an embedder knows both words and pictures, the likeness of the query to each picture
is a curve over time, and its peaks give spans. Borders move to the nearest shot border, and spans
that overlap are one, surer than either.

Confidence is no probability: of words it is the share of the query that is there, of pictures how
far the peak stands out from the rest of its curve.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import Blamed, Origin
from playhead.core.evidence import Evidence, Kind
from playhead.core.memory import Hit
from playhead.core.span import Span
from playhead.core.tools import Observation, tool
from playhead.tools import say
from playhead.tools.context import ToolContext

_MOST_SPANS = 10
_STANDS_OUT = 3.0  # robust deviations above the middle of the curve: half sure
_SNAP_S = 2.0  # a border this near to a shot border is that border
_WORD = re.compile(r"\w+")
_SHORT = 3  # letters: words of fewer count only if there are no others


@dataclass(frozen=True)
class _Found:
    span: Span
    confidence: float
    evidence: Evidence
    channel: str


@tool
def ground(
    ctx: ToolContext,
    query: str,
    start_s: float | None = None,
    end_s: float | None = None,
    video: str = "",
    k: int = 3,
) -> Observation:
    """Find when something happens or is said: spans with a confidence from 0 to 1, best first. It
    works from what is remembered, so look at the best span before you trust it.

    Args:
        query: What to find, in plain words.
        start_s: Search only after this second.
        end_s: Search only before this second.
        video: Which video, such as v1. The first if left out.
        k: How many spans.
    """
    if not query.strip():
        raise Blamed(Origin.MODEL, "give words to find")
    video_id = ctx.video_id(video)
    part, clamped = ctx.clamp(video_id, start_s, end_s)
    num, limited = say.limited("k", k, _MOST_SPANS)
    both = [e for e in ctx.library.recipe.made_embedders if _embeds_both(e)]
    found = _by_words(ctx, video_id, part, query.strip(), num)
    for embedder in both:
        found += _by_pictures(ctx, video_id, part, query.strip(), embedder)
    shots = [shot.span for shot in ctx.library.shots(video_id)]
    best = _merged([_refined(candidate, shots, part) for candidate in found])[:num]
    lines = [
        f"{i}. {candidate.span.start:.1f} to {candidate.span.end:.1f} s, confidence "
        f"{candidate.confidence:.2f}: {say.line(ctx, candidate.evidence)}"
        for i, candidate in enumerate(best, start=1)
    ] or [f"Nothing like {query.strip()[:80]!r} is remembered of that part."]
    only = "" if both else "Only words were matched: no model here compares words with pictures."
    notes = " ".join(
        word for word in (clamped, limited, only, say.covered(ctx, [video_id])) if word
    )
    return say.observation(ctx, [*lines, notes], [candidate.evidence for candidate in best])


def _embeds_both(embedder: Any) -> bool:
    return hasattr(embedder, "embed_texts") and hasattr(embedder, "embed_pictures")


def _by_words(ctx: ToolContext, video_id: str, part: Span, query: str, num: int) -> list[_Found]:
    """What is remembered in words: one candidate for each moment found."""
    hits = ctx.search(query, videos=[video_id], span=part, k=4 * num)
    found: list[_Found] = []
    for hit in hits:
        span = hit.span.clamp(part)
        confidence = _sure(query, hit)
        if span is not None and confidence > 0 and hit.evidence.kind != Kind.PICTURE:
            found.append(_Found(span, confidence, hit.evidence, str(hit.evidence.kind)))
    return found


def _sure(query: str, hit: Hit) -> float:
    """Which share of the query's words is there; or how near the meaning is, if that is more."""
    words = [word for word in _WORD.findall(query.casefold()) if len(word) >= _SHORT]
    words = list(dict.fromkeys(words)) or _WORD.findall(query.casefold())
    text = hit.evidence.text.casefold()
    share = sum(_stem(word) in text for word in words) / max(1, len(words))
    if "words" not in hit.channels:
        share = 0.0
    meanings = [score for name, score in hit.channels.items() if name.startswith("meaning:")]
    return min(1.0, max([share, *meanings]))


def _stem(word: str) -> str:
    """A word without the endings that English adds most."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORT:
            return word.removesuffix(ending)
    return word


def _by_pictures(
    ctx: ToolContext, video_id: str, part: Span, query: str, embedder: Any
) -> list[_Found]:
    """Where pictures look like the query more than elsewhere."""
    times_s, vectors = ctx.library.features(video_id, embedder.name)
    seen = np.flatnonzero((times_s >= part.start) & (times_s < part.end))
    if len(seen) < 3:
        return []
    likeness = (vectors[seen] @ embedder.embed_texts([query])[0]).astype(np.float64)
    found: list[_Found] = []
    for first, last, confidence in peaks(likeness):
        start_s = float(times_s[seen[first]])
        end_s = float(times_s[seen[last + 1]]) if last + 1 < len(seen) else part.end
        span = Span(
            start=start_s, end=max(min(end_s, float(times_s[seen[last]]) + 2.0), start_s + 1e-3)
        )
        best_s = float(times_s[seen[first + int(np.argmax(likeness[first : last + 1]))]])
        piece = _picture_at(ctx, video_id, best_s)
        inside = span.clamp(part)
        if piece is not None and inside is not None:
            found.append(_Found(inside, confidence, piece, str(Kind.PICTURE)))
    return found


def peaks(likeness: NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """Stretches in which a curve stands out: first and last place, and how sure, best first.

    Args:
        likeness: `[N]`, at a steady rate.
    """
    middle = float(np.median(likeness))
    spread = 1.4826 * float(np.median(np.abs(likeness - middle))) + 1e-6
    high = (likeness - middle) / spread
    found: list[tuple[int, int, float]] = []
    is_free = np.ones(len(high), bool)
    while True:
        top = int(np.argmax(np.where(is_free, high, -np.inf)))
        if not is_free[top] or high[top] < _STANDS_OUT / 2 or len(found) == _MOST_SPANS:
            return found
        first = last = top
        while first > 0 and is_free[first - 1] and high[first - 1] >= high[top] / 2:
            first -= 1
        while last + 1 < len(high) and is_free[last + 1] and high[last + 1] >= high[top] / 2:
            last += 1
        is_free[max(0, first - 1) : last + 2] = False
        found.append((first, last, 1 / (1 + math.exp(_STANDS_OUT - min(float(high[top]), 50.0)))))


def _picture_at(ctx: ToolContext, video_id: str, time_s: float) -> Evidence | None:
    around = Span(start=time_s, end=time_s + 1e-3)
    entries = ctx.library.memory.entries(video_id, kind=Kind.PICTURE, span=around)
    return entries[-1].evidence if entries else None


def _refined(found: _Found, shots: Sequence[Span], part: Span) -> _Found:
    """With its borders at those of a shot, where they are near; what is said stays as it is."""
    if found.evidence.kind == Kind.SPEECH or not shots:
        return found
    borders_s = np.array(sorted({t for shot in shots for t in (shot.start, shot.end)}))

    def snapped(time_s: float) -> float:
        nearest = float(borders_s[np.argmin(np.abs(borders_s - time_s))])
        return nearest if abs(nearest - time_s) <= _SNAP_S else time_s

    start, end = snapped(found.span.start), snapped(found.span.end)
    span = Span(start=start, end=end).clamp(part) if start < end else None
    return _Found(span or found.span, found.confidence, found.evidence, found.channel)


def _merged(found: Sequence[_Found]) -> list[_Found]:
    """Best first; of those that overlap one is kept, surer if another channel says the same."""
    kept: list[_Found] = []
    for candidate in sorted(found, key=lambda c: (-c.confidence, c.span.start)):
        for i, other in enumerate(kept):
            common = other.span.intersection(candidate.span)
            shorter = min(other.span.duration, candidate.span.duration)
            if common is not None and common.duration > shorter / 2:
                if candidate.channel != other.channel:
                    both = 1 - (1 - other.confidence) * (1 - candidate.confidence)
                    kept[i] = _Found(other.span, both, other.evidence, other.channel)
                break
        else:
            kept.append(candidate)
    return sorted(kept, key=lambda c: (-c.confidence, c.span.start))
