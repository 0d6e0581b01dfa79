"""The vectors of one space, kept in a Qdrant collection, and the nearest of them.

The one idea: a point has the time, the kind and the video of its entry as payload, so the server
compares only what a search may see. What it finds is looked up in the tables before it counts:
a vector that a killed writer left, or one that was forgotten a moment ago, is none.

Vectors are unit vectors rounded to 16-bit floats, as on a disk, and are compared by their product
and not by Qdrant's cosine, which would round them a second time: so both memories give the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from playhead.core.evidence import Evidence
from playhead.memory._qdrant_server import Server, answering
from playhead.memory.columns import Columns, Mask
from playhead.memory.search import Query, Ranking
from playhead.memory.vectors import SUFFIX, file_name

_IDS = UUID("6d3e3f0c-54d5-4f0e-9a5b-2d2f6e0f7c11")  # the name space of the points' ids
_AT_ONCE = 256  # points written or read by one request
_DIGITS = 6  # of a similarity: servers add up in another order than FAISS


class SpaceVectors:
    """The vectors of one space. The collection is made by the first one."""

    def __init__(self, server: Server, prefix: str, space: str) -> None:
        self._server, self.space = server, space
        self.collection = f"{prefix}.{file_name(space).removesuffix(SUFFIX)}"
        self._is_made = False

    def add(self, pairs: Sequence[tuple[Evidence, NDArray[np.floating[Any]]]]) -> None:
        """Write vectors `[dim]`; they are in Qdrant when this returns. Again is harmless.

        Raises:
            StoreError: The server does not answer, or has vectors of another length there.
        """
        if not self._is_made:
            self._make(len(pairs[0][1]))
            self._is_made = True
        rest = iter(pairs)
        while some := list(islice(rest, _AT_ONCE)):
            points = [self._point(evidence, vector) for evidence, vector in some]
            with answering():
                self._server.client.upsert(self.collection, points, wait=True)

    def have(self, ids: Iterable[str]) -> set[str]:
        """Which of these pieces of evidence have a vector here."""
        wanted = [self._id(id_) for id_ in ids]
        with answering():
            found = self._server.client.retrieve(self.collection, wanted, with_payload=["id"])
        return {point.payload["id"] for point in found}

    def remove(self, ids: Iterable[str]) -> None:
        """Take out the vectors of pieces of evidence."""
        points = [self._id(id_) for id_ in ids]
        with answering():
            self._server.client.delete(self.collection, points, wait=True)

    def remove_video(self, video_id: str) -> None:
        """Take out all vectors of a video."""
        models = self._server.models
        about = models.FieldCondition(key="video", match=models.MatchValue(value=video_id))
        with answering():
            self._server.client.delete(self.collection, models.Filter(must=[about]), wait=True)

    def read(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Every piece of evidence with its vector `[dim]`, in no order."""
        offset = None
        while True:
            with answering():
                points, offset = self._server.client.scroll(
                    self.collection, limit=_AT_ONCE, offset=offset, with_vectors=True
                )
            for point in points:
                yield point.payload["id"], np.array(point.vector, np.float32)
            if offset is None:
                return

    def count(self) -> int:
        """How many there are."""
        with answering():
            return int(self._server.client.count(self.collection, exact=True).count)

    def nearest(
        self, vectors: NDArray[np.float32], seen: Any, num: int, *, exact: bool
    ) -> list[list[tuple[str, float]]]:
        """For each of `vectors` `[M, dim]` the ids and products of the `num` nearest.

        Args:
            vectors: What to look for.
            seen: A Qdrant filter for what may be found. None: all.
            num: How many at the most.
            exact: Compare all that may be found. A server is then asked to use no index.
        """
        models = self._server.models
        how = None if self._server.is_local else models.SearchParams(exact=exact)
        asked = [
            models.QueryRequest(
                query=vector.tolist(), filter=seen, limit=num, params=how, with_payload=["id"]
            )
            for vector in vectors
        ]
        with answering():
            answers = self._server.client.query_batch_points(self.collection, asked)
        return [[(p.payload["id"], float(p.score)) for p in answer.points] for answer in answers]

    def _make(self, dim: int) -> None:
        models = self._server.models
        vectors = models.VectorParams(
            size=dim,
            distance=models.Distance.DOT,
            datatype=models.Datatype.FLOAT16,
            on_disk=True,
        )
        self._server.make_collection(self.collection, vectors)
        for key, kind in _INDEXED.items():
            self._server.make_payload_index(self.collection, key, kind)

    def _point(self, evidence: Evidence, vector: NDArray[np.floating[Any]]) -> Any:
        payload = {
            "id": evidence.id,
            "video": evidence.video_id,
            "kind": evidence.kind,
            "start": evidence.span.start,
            "end": evidence.span.end,
        }
        kept = vector.astype(np.float16).astype(np.float32).tolist()
        return self._server.models.PointStruct(
            id=self._id(evidence.id), vector=kept, payload=payload
        )

    def _id(self, evidence_id: str) -> str:
        return str(uuid5(_IDS, f"{self.space} {evidence_id}"))


_INDEXED = {"video": "keyword", "kind": "keyword", "start": "float", "end": "float"}


class QdrantIndex:
    """Finds the nearest vectors of one space for a search. Made for one search."""

    def __init__(
        self,
        server: Server,
        vectors: SpaceVectors,
        tables: sqlite3.Connection,
        columns: Columns,
        *,
        exact: bool,
    ) -> None:
        self._server, self._vectors, self._exact = server, vectors, exact
        self._tables, self._columns = tables, columns

    def rank(self, vectors: NDArray[np.float32], query: Query, may_see: Mask, k: int) -> Ranking:
        """The `k` entries nearest to any of `vectors` `[M, dim]` of those that may be seen."""
        if not may_see.any():
            return []
        seen = self._filter(query)
        exact = self._exact or query.until_s is not None
        if query.until_s is not None:
            vectors = vectors.astype(np.float16).astype(np.float32)  # as `VectorIndex` does
        num = 2 * k  # of equals at the end of the list the earlier ones are meant
        while True:
            answers = self._vectors.nearest(vectors, seen, num, exact=exact)
            best: dict[str, float] = {}
            for id_, score in (pair for answer in answers for pair in answer):
                best[id_] = max(score, best.get(id_, -1.0))
            ranking = self._known(best, may_see)
            if len(ranking) >= k or all(len(answer) < num for answer in answers):
                return ranking[:k]
            num *= 4  # much of it was unknown

    def _known(self, best: dict[str, float], may_see: Mask) -> Ranking:
        """Rows with scores, best first, ties by row, of the entries that there are."""
        marks = ", ".join("?" * len(best))
        asked = f"SELECT row, id FROM entries WHERE id IN ({marks})"  # noqa: S608
        found = self._tables.execute(asked, list(best)).fetchall()
        positions = self._columns.positions
        ranking = [
            (int(row), round(best[id_], _DIGITS)) for row, id_ in found if may_see[positions[row]]
        ]
        return sorted(ranking, key=lambda pair: (-pair[1], pair[0]))

    def _filter(self, query: Query) -> Any:
        models = self._server.models
        must: list[Any] = []
        for key, table, column, nums in (
            ("kind", "names", "name", query.kinds),
            ("video", "videos", "id", query.videos),
        ):
            if nums is not None:
                names = models.MatchAny(any=self._names(table, column, nums))
                must.append(models.FieldCondition(key=key, match=names))
        starts: dict[str, float] = {}
        ends: dict[str, float] = {}
        if query.span is not None:
            starts["lt"], ends["gt"] = query.span.end, query.span.start
        if query.until_s is not None:
            ends["lte"] = query.until_s
        for key, bounds in (("start", starts), ("end", ends)):
            if bounds:
                must.append(models.FieldCondition(key=key, range=models.Range(**bounds)))
        return models.Filter(must=must) if must else None

    def _names(self, table: str, column: str, nums: Sequence[int]) -> list[str]:
        marks = ", ".join("?" * len(nums))
        asked = f"SELECT {column} FROM {table} WHERE num IN ({marks})"  # noqa: S608
        return [name for (name,) in self._tables.execute(asked, list(nums))]
