"""Search: every channel ranks what may be seen, and the ranks are fused into moments.

The one idea: channels are not comparable, ranks are. Words, pictures and meanings each give a list;
entries that show the same moment of the same video are one hit, and a moment is worth the sum over
the channels of 1 / (60 + its best rank there): reciprocal rank fusion (Cormack, Clarke and
Buettcher 2009). So what is said at the second at which it is shown beats either alone, and each
channel's own score is kept beside the sum.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.core.memory import Hit
from playhead.core.span import Span
from playhead.memory import words
from playhead.memory.columns import Columns, Mask
from playhead.memory.index import VectorIndex
from playhead.memory.tables import entries

Fusion = Literal["late", "joint"]

_RANK_OFFSET = 60
_DEPTH = 64  # entries that a channel ranks, at least; and ten for each hit wanted
_OVERLAP = 0.5  # of the shorter: entries that share more show the same moment
_LENGTHS = 10.0  # unless one is so many times longer than the other
_GAP_S = 1.5  # neighbours of one kind this far apart are one moment
_LONGEST_S = 60.0  # that neighbours may grow to
_NEAR = 0.9  # of the best score: neighbours are near duplicates

Ranking = list[tuple[int, float]]
"""Rows of entries with the channel's score, best first."""


@dataclass(frozen=True)
class Query:
    """What is looked for."""

    text: str | None = None
    image: NDArray[np.uint8] | None = None
    span: Span | None = None
    kinds: Sequence[int] | None = None
    videos: Sequence[int] | None = None
    until_s: float | None = None
    k: int = 5
    fusion: Fusion = "late"


class Ranker(Protocol):
    """An index that keeps the times and kinds of its vectors and filters for itself: a server's."""

    def rank(self, vectors: NDArray[np.float32], query: Query, may_see: Mask, k: int) -> Ranking:
        """The `k` entries nearest to any of `vectors` `[M, dim]` of those that may be seen."""
        ...


@dataclass(frozen=True)
class View:
    """What is searched."""

    tables: sqlite3.Connection
    columns: Columns
    indexes: Mapping[str, VectorIndex | Ranker]
    """By space."""
    embedders: Mapping[str, Any]
    """By space."""


@dataclass
class _Moment:
    video: int
    kind: int
    span: Span
    rows: list[int]
    best: float
    worth: dict[str, float] = field(default_factory=dict[str, float])
    channels: dict[str, float] = field(default_factory=dict[str, float])


def search(view: View, query: Query) -> list[Hit]:
    """The `k` best moments, best first."""
    past = view.columns.ended_by(query.until_s)
    may_see = past & view.columns.matching(span=query.span, kinds=query.kinds, videos=query.videos)
    if query.text is None and query.image is None:
        rankings = {"": _by_time(view.columns, may_see, query.k)}
        return _hits(view, rankings, query.k, merge=False)
    rankings = _rankings(view, query, may_see, past)
    return _hits(view, rankings, query.k, merge=True)


def check_picture(image: NDArray[np.uint8], embedders: Iterable[Any]) -> None:
    """See that a picture can be looked for.

    Raises:
        ValueError: It is no picture, or there is no embedder for pictures.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"a picture is RGB uint8 [H, W, 3]: got {image.dtype} {image.shape}")
    if not any(hasattr(embedder, "embed_pictures") for embedder in embedders):
        raise ValueError("no embedder for pictures: open the memory with embedders=[...]")


def _rankings(view: View, query: Query, may_see: Mask, past: Mask) -> dict[str, Ranking]:
    depth = max(_DEPTH, 10 * query.k)
    rankings: dict[str, Ranking] = {}
    if query.text:
        rankings["words"] = _by_words(view, query.text, may_see, past, depth)
    for channel, space, vectors in _vector_queries(view, query):
        rankings[channel] = _by_vector(view, space, vectors, query, may_see, depth)
    return rankings


def _vector_queries(view: View, query: Query) -> list[tuple[str, str, NDArray[np.float32]]]:
    """Channel, space and `[M, dim]` vectors for everything the embedders can look for."""
    asked: list[tuple[str, str, NDArray[np.float32]]] = []
    for space, embedder in view.embedders.items():
        if space not in view.indexes:
            continue
        picture = text = None
        if query.image is not None and hasattr(embedder, "embed_pictures"):
            picture = embedder.embed_pictures(query.image[None])
        if query.text and hasattr(embedder, "embed_texts"):
            text = embedder.embed_texts([query.text])
        if query.fusion == "joint" and picture is not None and text is not None:
            both = picture + text
            both /= np.linalg.norm(both, axis=1, keepdims=True)
            asked.append((f"joint:{space}", space, both))
            continue
        if picture is not None:
            asked.append((f"picture:{space}", space, picture))
        if text is not None:
            asked.append((f"meaning:{space}", space, text))
    return asked


def _by_words(view: View, text: str, may_see: Mask, past: Mask, depth: int) -> Ranking:
    terms = words.query_terms(view.tables, text)
    columns = view.columns
    scores = words.score(view.tables, terms, columns.positions, columns.characters, may_see, past)
    found = np.flatnonzero(scores > 0)
    if len(found) > depth:
        cut = np.partition(scores[found], -depth)[-depth]
        found = found[scores[found] >= cut]
    return _ranked(columns, columns.rows[found], scores[found])[:depth]


def _by_vector(
    view: View,
    space: str,
    vectors: NDArray[np.float32],
    query: Query,
    may_see: Mask,
    depth: int,
) -> Ranking:
    index, positions = view.indexes[space], view.columns.positions
    if not isinstance(index, VectorIndex):
        ranking = index.rank(vectors, query, may_see, depth)
        rows = np.array([row for row, _ in ranking], np.int64)
        return _ranked(view.columns, rows, np.array([score for _, score in ranking]))
    by_row = np.append(np.append(may_see, False)[positions], False)  # the last is that of row -1
    alive = by_row[np.where(index.rows < len(positions), index.rows, -1)]
    rows, scores = index.search(vectors, alive, depth, exact=query.until_s is not None)
    is_entry = rows < len(positions)
    return _ranked(view.columns, rows[is_entry], scores[is_entry])


def _ranked(columns: Columns, rows: NDArray[np.int64], scores: NDArray[Any]) -> Ranking:
    """Best first. What scores the same is ordered by its time and not by its row, which says only
    which thread of the indexer was faster."""
    places = columns.positions[rows]
    order = np.lexsort((rows, columns.ends[places], columns.starts[places], -scores))
    return list(zip(rows[order].tolist(), scores[order].tolist(), strict=True))


def _by_time(columns: Columns, may_see: Mask, k: int) -> Ranking:
    found = np.flatnonzero(may_see)
    # videos in the order in which what may be seen of them came: their numbers know the future
    _, first, video = np.unique(columns.videos[found], return_index=True, return_inverse=True)
    order = np.lexsort((columns.starts[found], first[video]))[:k]
    return [(int(row), 0.0) for row in columns.rows[found[order]]]


def _hits(view: View, rankings: Mapping[str, Ranking], k: int, *, merge: bool) -> list[Hit]:
    moments = _moments(view.columns, rankings, merge=merge)
    if merge:
        moments.sort(key=lambda m: (-sum(m.worth.values()), m.span, m.rows[0]))
    moments = moments[:k]
    wanted = [row for moment in moments for row in moment.rows[:20]]
    asked, listed = "row IN (SELECT value FROM json_each(?))", (json.dumps(wanted),)
    found = {evidence.id: evidence for evidence, _, _ in entries(view.tables, f"e.{asked}", listed)}
    by_row = dict(
        view.tables.execute(f"SELECT row, id FROM entries WHERE {asked}", listed).fetchall()  # noqa: S608
    )
    hits: list[Hit] = []
    for moment in moments:
        first, *rest = (by_row[row] for row in moment.rows[:20])
        hits.append(
            Hit(
                evidence=found[first],
                span=moment.span,
                score=sum(moment.worth.values()),
                channels=moment.channels,
                also=tuple(rest),
            )
        )
    return hits


def _moments(columns: Columns, rankings: Mapping[str, Ranking], *, merge: bool) -> list[_Moment]:
    worth: dict[int, dict[str, float]] = {}
    scores: dict[int, dict[str, float]] = {}
    for channel, ranking in rankings.items():
        for rank, (row, score) in enumerate(ranking, start=1):
            worth.setdefault(row, {})[channel] = 1 / (_RANK_OFFSET + rank)
            scores.setdefault(row, {})[channel] = score
    moments: list[_Moment] = []

    def best_first(row: int) -> tuple[float, float, float, int]:
        place = int(columns.positions[row])
        start, end = float(columns.starts[place]), float(columns.ends[place])
        return -sum(worth[row].values()), start, end, row

    for row in sorted(worth, key=best_first) if merge else worth:
        place = int(columns.positions[row])
        video, kind = int(columns.videos[place]), int(columns.kinds[place])
        span = Span(start=float(columns.starts[place]), end=float(columns.ends[place]))
        best = max(scores[row].values())
        moment = None
        if merge:
            alike = (m for m in moments if m.video == video and _is_same(m, kind, span, best))
            moment = next(alike, None)
        if moment is None:
            moment = _Moment(video, kind, span, [], best)
            moments.append(moment)
        moment.rows.append(row)
        moment.span = _grown(moment, kind, span)
        for channel, value in worth[row].items():
            if value > moment.worth.get(channel, 0.0):
                moment.worth[channel] = value
                moment.channels[channel] = scores[row][channel]
    for moment in moments:
        moment.channels.pop("", None)
    return moments


def _is_same(moment: _Moment, kind: int, span: Span, best: float) -> bool:
    common = min(moment.span.end, span.end) - max(moment.span.start, span.start)
    if -common > _GAP_S:
        return False
    shorter, longer = sorted((moment.span.duration, span.duration))
    if common >= _OVERLAP * shorter and longer <= _LENGTHS * max(shorter, 1.0):
        return True
    return kind == moment.kind and best >= _NEAR * moment.best


def _grown(moment: _Moment, kind: int, span: Span) -> Span:
    """The moment with a neighbour of its own kind in it, unless that makes it too long."""
    start, end = min(moment.span.start, span.start), max(moment.span.end, span.end)
    is_too_long = end - start > max(_LONGEST_S, moment.span.duration)
    return moment.span if kind != moment.kind or is_too_long else Span(start=start, end=end)
