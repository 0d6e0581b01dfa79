"""The embedded memory: one folder that survives anything but losing the disk.

    with DiskMemory("footage.memory") as memory:
        memory.add([evidence])
        hits = memory.search("red car", k=5)

The one idea: a memory is a pile of evidence, each piece once, and every way to look into it (words,
pictures, time) is derived. `folder` says how it survives, `search` how it finds, `care` how it is
checked, mended, compacted and carried elsewhere. FAISS indexes are made in memory and never stored.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from playhead.core.evidence import Evidence
from playhead.core.memory import Hit
from playhead.core.span import Span
from playhead.memory import tables as sql
from playhead.memory.batch import Batch, Entry, apart, batch_record, check_batch
from playhead.memory.columns import Columns
from playhead.memory.folder import Folder, NumberedVectors
from playhead.memory.gate import Gate
from playhead.memory.index import IndexKind, IndexReport, VectorIndex
from playhead.memory.search import Fusion, Query, View, check_picture, search

_SEARCHES = Gate(2 * (os.cpu_count() or 1))


class DiskMemory:
    """A memory in a folder. Safe in several threads and processes; not after fork."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        embedders: Iterable[Any] = (),
        index: IndexKind = "auto",
        gpu: bool = True,
    ) -> None:
        """Open a memory, made if the folder is not there or empty.

        Args:
            folder: Where it is.
            embedders: What turns queries into vectors, `PictureEmbedder` or `TextEmbedder`; the
                spaces of others are kept and not searched.
            index: Which FAISS index to use; see `playhead.memory.index`.
            gpu: Keep the index on a GPU if this FAISS has one.

        Raises:
            StoreError: The folder is something else, or of a newer Playhead.
        """
        self.embedders: dict[str, Any] = {embedder.name: embedder for embedder in embedders}
        self.folder = Folder(Path(folder))
        self._index_kind: IndexKind = index
        self._gpu = gpu
        self._version = -1
        self._turn = threading.Lock()

    def close(self) -> None:
        """Give back files and memory. Closing twice is fine."""
        self.folder.close()
        self._version = -1
        self._columns, self._indexes = Columns(), dict[str, VectorIndex]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, evidence: Iterable[Evidence], *, source: str = "") -> None:
        """Remember; what is already there is not stored twice. Durable when this returns.

        The span of each piece counts as looked at, for its kind.

        Raises:
            OSError: The disk is full or broken; nothing of the video at hand was added.
        """
        by_video: dict[str, list[Evidence]] = {}
        for piece in evidence:
            by_video.setdefault(piece.video_id, []).append(piece)
        for video_id, pieces in by_video.items():
            entries = [Entry(piece, source) for piece in pieces]
            self.write(Batch(video_id, entries, [(piece.kind, piece.span) for piece in pieces]))

    def search(
        self,
        text: str | None = None,
        *,
        image: NDArray[np.uint8] | None = None,
        span: Span | None = None,
        kinds: Sequence[str] | None = None,
        videos: Sequence[str] | None = None,
        until_s: float | None = None,
        k: int = 5,
        fusion: Fusion = "late",
    ) -> list[Hit]:
        """The `k` best moments, best first. Without text and image: the first in time.

        Args:
            text: Words to look for.
            image: A picture to look for, RGB uint8 `[H, W, 3]`.
            span: Only what overlaps it.
            kinds: Only these channels.
            videos: Only these video ids.
            until_s: Only what had ended by then: a search never sees the future.
            k: How many at the most.
            fusion: With text and image: `late` ranks them apart and fuses the ranks, `joint` looks
                for the sum of their vectors in every space that has both.

        Raises:
            ValueError: An image, and no embedder for pictures; or `k` less than 1.
        """
        if k < 1:
            raise ValueError(f"k is the number of hits, 1 or more: got {k}")
        if image is not None:
            check_picture(image, self.embedders.values())

        def found() -> list[Hit]:
            view, tables = self._view(), self.folder.tables
            query = Query(
                text=text,
                image=image,
                span=span,
                kinds=sql.nums(tables, "names", "name", kinds),
                videos=sql.nums(tables, "videos", "id", videos),
                until_s=until_s,
                k=k,
                fusion=fusion,
            )
            return search(view, query)

        with _SEARCHES:
            return self.folder.ask(found)

    def get(self, id: str) -> Evidence | None:
        """The evidence of that id; None if there is none."""
        found = self.entries_of("e.id = ?", (id,))
        return found[0].evidence if found else None

    def coverage(self, video_id: str, kind: str | None = None) -> list[Span]:
        """Which parts of a video have been looked at, in order, merged."""
        return self.folder.ask(lambda: sql.coverage(self.folder.tables, video_id, kind))

    def delete(self, video_id: str) -> None:
        """Forget everything about a video. Its place on the disk is freed by `compact`."""
        self._append({"op": "forget video", "video": video_id})

    def write(self, batch: Batch) -> int:
        """Remember a batch. Durable when this returns.

        Returns:
            How many of its entries were new.

        Raises:
            ValueError: An entry of another video, or a vector that is no unit vector.
            OSError: The disk is full or broken; nothing was added.
        """
        check_batch(batch)
        with self.folder.writing():
            fresh, known = apart(self.folder.tables, batch)
            first = sql.meta(self.folder.tables, "next_row")
            vectors = self.folder.append_vectors(self._new_vectors(fresh, known, first))
            self.folder.append(batch_record(batch, fresh, first, vectors))
            return len(fresh)

    def forget(self, ids: Iterable[str]) -> None:
        """Forget single pieces of evidence."""
        by_video: dict[str, list[str]] = {}
        for id_ in ids:
            for entry in self.entries_of("e.id = ?", (id_,)):
                by_video.setdefault(entry.evidence.video_id, []).append(id_)
        for video_id, forgotten in by_video.items():
            self.write(Batch(video_id, forget=forgotten))

    def describe_video(self, video_id: str, facts: Mapping[str, Any]) -> None:
        """Keep facts about a video, JSON values; they replace those kept before."""
        self._append({"op": "video", "video": video_id, "facts": dict(facts)})

    def videos(self) -> dict[str, dict[str, Any]]:
        """The facts kept about every video, by id, in the order they came."""
        return self.folder.ask(lambda: sql.videos(self.folder.tables))

    def done(self, video_id: str) -> dict[str, str]:
        """The finished units of work of a video, with the problem each had or an empty text."""
        return dict(
            self.folder.rows(
                "SELECT d.unit, d.problem FROM done d JOIN videos v ON v.num = d.video "
                "WHERE v.id = ?",
                (video_id,),
            )
        )

    def entries(
        self,
        video_id: str | None = None,
        *,
        kind: str | None = None,
        level: str | None = None,
        span: Span | None = None,
    ) -> list[Entry]:
        """What is remembered, in order of video and time, without vectors."""
        where, values = ["1"], list[Any]()
        for column, value in (("v.id", video_id), ("k.name", kind), ("e.level", level)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        if span is not None:
            where.append("e.start < ? AND e.end > ?")
            values += [span.end, span.start]
        order = " ORDER BY e.video, e.start, e.end, e.id"
        return self.entries_of(" AND ".join(where) + order, values)

    def entries_of(self, where: str, values: Sequence[Any] = ()) -> list[Entry]:
        """Entries for which a condition of our own tables holds; never pass words of a stranger."""
        return self.folder.ask(
            lambda: [Entry(*found) for found in sql.entries(self.folder.tables, where, values)]
        )

    def vectors(self, space: str) -> tuple[list[str], NDArray[np.float32]]:
        """Ids of evidence and their vectors `[N, dim]` in one space, in the order they came."""

        def found() -> tuple[list[str], NDArray[np.float32]]:
            if space not in (spaces := self.folder.spaces()):
                return [], np.empty((0, 0), np.float32)
            dim, num = spaces[space]
            file = self.folder.vector_file(space, dim)
            rows, vectors = file.read(0, num)
            rows[file.damaged(0, num)] = -1
            ids = dict(self.folder.tables.execute("SELECT row, id FROM entries").fetchall())
            places = [i for i, row in enumerate(rows.tolist()) if row in ids]
            return [ids[row] for row in rows[places].tolist()], vectors[places].astype(np.float32)

        return self.folder.ask(found)

    def reports(self) -> list[IndexReport]:
        """Which index is used for each space, and how well it finds."""

        def found() -> list[IndexReport]:
            self._view()
            return [index.describe() for index in self._indexes.values()]

        return self.folder.ask(found)

    def digest(self, video_id: str | None = None) -> str:
        """Names what is remembered, in whatever order it came: equal memories, equal digests."""
        return self.folder.ask(lambda: self._digest(video_id))

    def _digest(self, video_id: str | None) -> str:
        entries = self.entries(video_id)
        lines = [f"{e.evidence.to_json()} {e.source} {e.level}" for e in entries]
        kept = {e.evidence.id for e in entries}
        for space in self.folder.spaces():
            lines += [
                f"{space} {id_} {vector.tobytes().hex()}"
                for id_, vector in zip(*self.vectors(space), strict=True)
                if id_ in kept
            ]
        for video in self.videos() if video_id is None else [video_id]:
            for kind in self.folder.rows("SELECT name FROM names"):
                lines += [f"{video} {kind} {s.start} {s.end}" for s in self.coverage(video, *kind)]
            lines += [f"{video} {unit} {why}" for unit, why in self.done(video).items()]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    @property
    def num_bytes(self) -> int:
        """What it takes on the disk."""
        return sum(f.stat().st_size for f in self.folder.path.rglob("*") if f.is_file())

    def _append(self, record: dict[str, Any]) -> None:
        with self.folder.writing():
            self.folder.append(record)

    def _new_vectors(
        self, fresh: Sequence[Entry], known: Sequence[tuple[int, Entry]], first: int
    ) -> NumberedVectors:
        """Row and vector by space, without those that known entries have already."""
        spaces = self.folder.spaces()
        have: dict[str, set[int]] = {}
        found: NumberedVectors = {}
        for row, entry in known:
            for space, vector in entry.vectors.items():
                if space not in have:
                    dim, num = spaces.get(space, (len(vector), 0))
                    file = self.folder.vector_file(space, dim)
                    have[space] = set(file.read(0, num)[0].tolist())
                if row not in have[space]:
                    found.setdefault(space, []).append((row, vector))
        for row, entry in enumerate(fresh, first):
            for space, vector in entry.vectors.items():
                found.setdefault(space, []).append((row, vector))
        return found

    def _view(self) -> View:
        """What is searched, as it is at the moment of this thread's block.

        Asked before anything else is read, blocks see moments in the order in which they ask, so
        that each has to read only what is new since the one before it.
        """
        with self._turn:
            tables, version = self.folder.tables, self.folder.version
            if self._version != version:
                self._columns, self._indexes = Columns(), dict[str, VectorIndex]()
                self._version = version
            columns = self._columns.now(tables)
            indexes = {
                space: (
                    self._indexes.get(space)
                    or VectorIndex(
                        self.folder.vector_file(space, dim), self._index_kind, gpu=self._gpu
                    )
                ).now(num)
                for space, (dim, num) in self.folder.spaces().items()
            }
            self._columns, self._indexes = columns, indexes
            return View(tables, columns, indexes, self.embedders)
