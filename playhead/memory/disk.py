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
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from playhead.core.evidence import Evidence
from playhead.core.memory import Hit
from playhead.core.span import Span, merge
from playhead.memory import tables as sql
from playhead.memory.columns import Columns
from playhead.memory.folder import Folder, NumberedVectors
from playhead.memory.index import IndexKind, IndexReport, VectorIndex
from playhead.memory.search import Fusion, Query, View, search


@dataclass(frozen=True)
class Entry:
    """One thing to remember."""

    evidence: Evidence
    source: str = ""
    """Who found it: an eye, a tool, a person; with its version."""
    level: str = ""
    """For captions of a pyramid: which level. Empty: none."""
    vectors: Mapping[str, NDArray[np.floating[Any]]] = field(
        default_factory=dict[str, NDArray[np.floating[Any]]]
    )
    """Its unit vector `[dim]` in each space that has one."""


@dataclass(frozen=True)
class Batch:
    """What is remembered about one video in one go: all of it or nothing."""

    video_id: str
    entries: Sequence[Entry] = ()
    seen: Sequence[tuple[str, Span]] = ()
    """What has been looked at: the kind of evidence that was looked for, and where."""
    done: Mapping[str, str] = field(default_factory=dict[str, str])
    """Units of work that are finished, with the problem each had or an empty text."""
    forget: Sequence[str] = ()
    """Ids of the evidence that this replaces."""


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

    def close(self) -> None:
        """Give back files and memory. Closing twice is fine."""
        self.folder.close()
        self._version = -1
        self._columns, self._indexes = Columns(), dict[str, VectorIndex]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What every memory has

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
            self._check_image(image)
        with self.folder.reading():
            query = Query(
                text=text,
                image=image,
                span=span,
                kinds=self._nums("names", "name", kinds),
                videos=self._nums("videos", "id", videos),
                until_s=until_s,
                k=k,
                fusion=fusion,
            )
            return self.folder.ask(lambda: search(self._view(), query))

    def get(self, id: str) -> Evidence | None:
        """The evidence of that id; None if there is none."""
        found = self.entries_of("e.id = ?", (id,))
        return found[0].evidence if found else None

    def coverage(self, video_id: str, kind: str | None = None) -> list[Span]:
        """Which parts of a video have been looked at, in order, merged."""
        where, values = "v.id = ?", [video_id]
        if kind is not None:
            where, values = where + " AND k.name = ?", [video_id, kind]
        found = self.folder.rows(
            "SELECT s.start, s.end FROM seen s JOIN videos v ON v.num = s.video "  # noqa: S608
            f"JOIN names k ON k.num = s.kind WHERE {where}",
            values,
        )
        return merge([Span(start=start, end=end) for start, end in found])

    def delete(self, video_id: str) -> None:
        """Forget everything about a video. Its place on the disk is freed by `compact`."""
        self._append({"op": "forget video", "video": video_id})

    # What this one has besides

    def write(self, batch: Batch) -> int:
        """Remember a batch. Durable when this returns.

        Returns:
            How many of its entries were new.

        Raises:
            ValueError: An entry of another video, or a vector that is no unit vector.
            OSError: The disk is full or broken; nothing was added.
        """
        _check(batch)
        with self.folder.writing():
            fresh, known = self._apart(batch)
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
        found = self.folder.rows("SELECT id, facts FROM videos ORDER BY num")
        return {id_: json.loads(facts) if facts else {} for id_, facts in found}

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
        return self.entries_of(
            " AND ".join(where) + " ORDER BY e.video, e.start, e.end, e.id", values
        )

    def entries_of(self, where: str, values: Sequence[Any] = ()) -> list[Entry]:
        """Entries for which a condition of our own tables holds; never pass words of a stranger."""
        return self.folder.ask(
            lambda: [Entry(*found) for found in sql.entries(self.folder.tables, where, values)]
        )

    def vectors(self, space: str) -> tuple[list[str], NDArray[np.float32]]:
        """Ids of evidence and their vectors `[N, dim]` in one space, in the order they came."""
        with self.folder.reading():
            index = self._view().indexes.get(space)
            if index is None:
                return [], np.empty((0, 0), np.float32)
            rows = dict(self.folder.tables.execute("SELECT row, id FROM entries").fetchall())
            places = [i for i, row in enumerate(index.rows.tolist()) if row in rows]
            vectors = index.file.read(0, len(index))[1][places].astype(np.float32)
            return [rows[int(index.rows[i])] for i in places], vectors

    def reports(self) -> list[IndexReport]:
        """Which index is used for each space, and how well it finds."""
        with self.folder.reading():
            return [index.describe() for index in self._view().indexes.values()]

    def digest(self, video_id: str | None = None) -> str:
        """Names what is remembered, in whatever order it came: equal memories, equal digests."""
        with self.folder.reading():
            entries = self.entries(video_id)
            lines = [f"{e.evidence.to_json()} {e.source} {e.level}" for e in entries]
            kept = {e.evidence.id for e in entries}
            for space in self.folder.spaces():
                lines += [
                    f"{space} {id_} {vector.tobytes().hex()}"
                    for id_, vector in zip(*self.vectors(space), strict=True)
                    if id_ in kept
                ]
            for video in [video_id] if video_id else self.videos():
                for kind in self.folder.rows("SELECT name FROM names"):
                    seen = self.coverage(video, *kind)
                    lines += [f"{video} {kind} {span.start} {span.end}" for span in seen]
                lines += [f"{video} {unit} {why}" for unit, why in self.done(video).items()]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    @property
    def num_bytes(self) -> int:
        """What it takes on the disk."""
        return sum(f.stat().st_size for f in self.folder.path.rglob("*") if f.is_file())

    # Inside

    def _append(self, record: dict[str, Any]) -> None:
        with self.folder.writing():
            self.folder.append(record)

    def _apart(self, batch: Batch) -> tuple[list[Entry], list[tuple[int, Entry]]]:
        """What is new, and what is known already (with its row) but may bring new vectors."""
        gone = set(batch.forget)
        fresh: dict[str, Entry] = {}
        known: list[tuple[int, Entry]] = []
        for entry in batch.entries:
            id_ = entry.evidence.id
            asked = "SELECT row FROM entries WHERE id = ?"
            found = self.folder.tables.execute(asked, (id_,)).fetchone()
            if found is None or id_ in gone:
                fresh.setdefault(id_, entry)
            elif entry.vectors:
                known.append((int(found[0]), entry))
        return list(fresh.values()), known

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
        if self._version != self.folder.version:
            self._columns, self._indexes = Columns(), dict[str, VectorIndex]()
            self._version = self.folder.version
        self._columns.refresh(self.folder.tables)
        for space, (dim, num) in self.folder.spaces().items():
            if space not in self._indexes:
                file = self.folder.vector_file(space, dim)
                self._indexes[space] = VectorIndex(file, self._index_kind, gpu=self._gpu)
            self._indexes[space].refresh(num)
        return View(self.folder.tables, self._columns, self._indexes, self.embedders)

    def _nums(self, table: str, column: str, wanted: Sequence[str] | None) -> list[int] | None:
        if wanted is None:
            return None
        marks = ", ".join("?" * len(wanted))
        query = f"SELECT num FROM {table} WHERE {column} IN ({marks})"  # noqa: S608
        return [num for (num,) in self.folder.rows(query, [str(name) for name in wanted])]

    def _check_image(self, image: NDArray[np.uint8]) -> None:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"a picture is RGB uint8 [H, W, 3]: got {image.dtype} {image.shape}")
        if not any(hasattr(embedder, "embed_pictures") for embedder in self.embedders.values()):
            raise ValueError("no embedder for pictures: open the memory with embedders=[...]")


def batch_record(
    batch: Batch, entries: Sequence[Entry], first: int, vectors: Mapping[str, list[int]]
) -> dict[str, Any]:
    """The line of the log that remembers `entries`, which get the rows from `first` on."""
    return {
        "op": "add",
        "video": batch.video_id,
        "first": first,
        "rows": [sql.pack(e.evidence, e.source, e.level) for e in entries],
        "vectors": dict(vectors),
        "seen": [[kind, span.start, span.end] for kind, span in batch.seen],
        "done": list(batch.done.items()),
        "forget": list(batch.forget),
    }


def _check(batch: Batch) -> None:
    for entry in batch.entries:
        if entry.evidence.video_id != batch.video_id:
            raise ValueError(
                f"a batch is about one video, {batch.video_id!r}: got {entry.evidence.video_id!r}"
            )
        for space, vector in entry.vectors.items():
            if vector.ndim != 1 or not abs(float(np.linalg.norm(vector)) - 1) < 0.01:
                raise ValueError(
                    f"a vector is a unit vector [dim]: got shape {vector.shape} of length "
                    f"{np.linalg.norm(vector)} in {space!r}"
                )
