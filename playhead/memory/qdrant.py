"""A memory on a Qdrant server, for a library that does not fit one machine.

    with QdrantMemory("http://localhost:6333", "footage", embedders=[embedder]) as memory:
        memory.add([evidence])
        hits = memory.search("red car", k=5)

The one idea: it is the embedded memory with its log and its vectors elsewhere. Records, tables, the
scoring of words and the fusing of channels are the very same code, so the same videos give the same
hits; only the nearest vectors are found by the server, among what the search may see.

What it is not: each client keeps the tables of the whole memory (`docs/scale.md` says how large
they are), and single pieces that are forgotten stay written in the log until their video is
deleted. The checks and repairs of `care` are for folders; Qdrant has its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.memory._qdrant_log import Outrun, QdrantLog
from playhead.memory._qdrant_server import Server
from playhead.memory._qdrant_vectors import QdrantIndex
from playhead.memory.batch import Batch, Entry
from playhead.memory.columns import Columns
from playhead.memory.disk import DiskMemory
from playhead.memory.folder import NumberedVectors
from playhead.memory.index import IndexReport
from playhead.memory.search import View


class QdrantMemory(DiskMemory):
    """A memory in Qdrant. Any number of threads, processes and machines may read and write it.

    Every method is that of `DiskMemory`; where that raises `OSError` because a disk is full, this
    raises `StoreError` because the server does not answer.
    """

    def __init__(
        self,
        where: Any,
        prefix: str = "playhead",
        *,
        embedders: Iterable[Any] = (),
        exact: bool = True,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        """Open a memory, made if the server has none of that name.

        A collection that is there already is used as it is: shards, replicas and quantization are
        set with Qdrant's own tools.

        Args:
            where: The address of a server (`http://...`), a `QdrantClient` of your own for keys
                and certificates, or, for trying it out, a folder or `:memory:` for the client's
                local mode, which imitates a server for one process.
            prefix: What the names of its collections begin with; one memory each.
            embedders: What turns queries into vectors, `PictureEmbedder` or `TextEmbedder`.
            exact: Compare all vectors that a search may see. False: let Qdrant use its index,
                which is fast and may miss some. A search with `until_s` is always exact.
            cache: A folder on this machine for what is derived from the server's records, so that
                the next opening reads only what is new. None: in memory, read at every opening.

        Raises:
            MissingExtra: The client library is not installed.
            StoreError: The server does not answer or is older than 1.17, or the collection of that
                name is something else.
        """
        self.embedders: dict[str, Any] = {embedder.name: embedder for embedder in embedders}
        self._server = Server(where)
        self._log = QdrantLog(self._server, prefix, None if cache is None else Path(cache))
        log: Any = self._log
        self.folder = log  # it has what is asked of a folder here
        self._exact = exact
        self._version = -1

    def close(self) -> None:
        """Give back the connection and the tables. Closing twice is fine."""
        super().close()
        self._server.close()

    def delete(self, video_id: str) -> None:
        """Forget everything about a video, and take it out of Qdrant.

        Do not index a video while it is being deleted.
        """
        number = self._append_record({"op": "forget video", "video": video_id})
        with self._log.reading():
            self._log.erase(video_id, number)

    def write(self, batch: Batch) -> int:
        """Remember a batch. Durable when this returns.

        Returns:
            How many of its entries were new.

        Raises:
            ValueError: An entry of another video, or a vector that is no unit vector.
            StoreError: The server does not answer. Writing the batch again is harmless.
        """
        while True:
            try:
                return super().write(batch)
            except Outrun:
                continue  # what the faster writer wrote is read now

    def vectors(self, space: str) -> tuple[list[str], NDArray[np.float32]]:
        """Ids of evidence and their vectors `[N, dim]` in one space, in the order they came."""
        with self._log.reading():
            spaces = self._log.spaces()
            if space not in spaces:
                return [], np.empty((0, 0), np.float32)
            rows = dict(self._log.rows("SELECT id, row FROM entries"))
            found = [pair for pair in self._log.vectors(space).read() if pair[0] in rows]
            found.sort(key=lambda pair: rows[pair[0]])
            vectors = np.array([vector for _, vector in found], np.float32)
            return [id_ for id_, _ in found], vectors.reshape(len(found), spaces[space][0])

    def reports(self) -> list[IndexReport]:
        """How each space is searched. Only Qdrant knows how well its index finds: see its tools."""
        with self._log.reading():
            device = "local mode" if self._server.is_local else "server"
            is_exact = self._exact or self._server.is_local
            return [
                IndexReport(
                    space,
                    "qdrant",
                    self._log.vectors(space).count(),
                    device,
                    1.0 if is_exact else None,
                )
                for space in self._log.spaces()
            ]

    @property
    def num_bytes(self) -> int:
        """Not known here: ask Qdrant."""
        raise NotImplementedError(
            "what a memory takes on a Qdrant server is told by Qdrant's tools"
        )

    # Inside

    def _append(self, record: dict[str, Any]) -> None:
        self._append_record(record)

    def _append_record(self, record: dict[str, Any]) -> int:
        while True:
            try:
                with self._log.writing():
                    return self._log.append(record)
            except Outrun:
                continue

    def _new_vectors(
        self, fresh: Sequence[Entry], known: Sequence[tuple[int, Entry]], first: int
    ) -> NumberedVectors:
        """Row and vector by space, without those that known entries have already; they are in
        Qdrant when this returns, and count when the record is."""
        lacking: dict[str, list[tuple[int, Entry]]] = {}
        for row, entry in [*known, *enumerate(fresh, first)]:
            for space in entry.vectors:
                lacking.setdefault(space, []).append((row, entry))
        found: NumberedVectors = {}
        for space, entries in lacking.items():
            vectors = self._log.vectors(space)
            old = [entry.evidence.id for row, entry in entries if row < first]
            have = vectors.have(old) if old and space in self._log.spaces() else set[str]()
            new = [(row, e) for row, e in entries if row >= first or e.evidence.id not in have]
            if new:
                vectors.add([(entry.evidence, entry.vectors[space]) for _, entry in new])
                found[space] = [(row, entry.vectors[space]) for row, entry in new]
        return found

    def _view(self) -> View:
        if self._version != self._log.version:
            self._columns = Columns()
            self._version = self._log.version
        tables = self._log.tables
        self._columns = self._columns.now(tables)
        indexes = {
            space: QdrantIndex(
                self._server, self._log.vectors(space), tables, self._columns, exact=self._exact
            )
            for space in self._log.spaces()
        }
        return View(tables, self._columns, indexes, self.embedders)
