"""The log of a memory, kept in Qdrant: what `folder` is on a disk, for many clients of a server.

The one idea: a memory is a list of numbered records, the same ones as on a disk, and a number is
taken by whoever inserts it first. So any number of processes may write without a lock: one that
loses the race reads what the winner wrote and tries again. In Qdrant:

    PREFIX           the truth: a point for each record, its number as the id, without vectors
    PREFIX.SPACE     the vectors of one space, see `_qdrant_vectors`

Vectors are written before the record that makes them count, so a killed writer leaves nothing but
vectors that no record knows, which no search shows. Each client has SQLite's view of the records
(`tables`), in memory or in a cache on its disk, and reads what is new before it answers.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from playhead.core.errors import CorruptRecord, StoreError
from playhead.memory import tables as sql
from playhead.memory._qdrant_server import Server, answering
from playhead.memory._qdrant_vectors import SpaceVectors
from playhead.memory.log import Record

T = TypeVar("T")

_FORMAT = 1
_HEADER = 0  # the number of the record that says what this is
_FEW, _MANY = 16, 1024  # records asked for at once; many once there turn out to be many
_NOTHING = {"video": "", "record": '{"op":"nothing"}', "nonce": ""}


class Outrun(Exception):
    """Another writer has taken the number: read what it wrote, and try again."""


class QdrantLog:
    """The records of a memory, and the tables made of them. Safe in several threads and processes.

    It has what a memory asks of a `Folder`.
    """

    def __init__(self, server: Server, prefix: str, cache: Path | None) -> None:
        """Open the log, made if it is not there.

        Args:
            server: Stays the caller's to close, after this.
            prefix: What the names of the collections begin with.
            cache: A folder for the tables. None: they are made at every opening.

        Raises:
            StoreError: The server does not answer, or the collection is something else or of a
                newer Playhead.
        """
        self.server, self.prefix = server, prefix
        self.version = 0
        """Grows when what was read from the tables before may no longer be so."""
        self._guard = threading.RLock()
        self._depth = 0
        self._is_closed = False
        self._vectors: dict[str, SpaceVectors] = {}
        server.make_collection(prefix, {})
        name = self._identify()
        self._path = Path(":memory:") if cache is None else cache / f"{name}.sqlite"
        if cache is not None:
            cache.mkdir(parents=True, exist_ok=True)
        self._open_tables()

    def close(self) -> None:
        """Give back the tables. Closing twice is fine."""
        with self._guard:
            if not self._is_closed:
                self._is_closed = True
                self.tables.close()

    @contextmanager
    def reading(self) -> Generator[None]:
        """A block in which the tables are as the log was at its start, whoever writes.

        Raises:
            StoreError: The server does not answer.
        """
        with self._guard:
            is_outer = not self._depth
            with self.writing():
                if is_outer:
                    self.tables.execute("BEGIN")
                try:
                    yield
                finally:
                    if is_outer and self.tables.in_transaction:
                        self.tables.execute("COMMIT")

    @contextmanager
    def writing(self) -> Generator[None]:
        """A block in which no other thread uses the tables, which begin as the log is.

        Others may write meanwhile: who loses the race for a number tries again.

        Raises:
            StoreError: The server does not answer.
        """
        with self._guard:
            if self._is_closed:
                raise ValueError("the memory is closed: open it again")
            if not self._depth:
                self._put_right()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1

    def ask(self, query: Callable[[], T]) -> T:
        """What `query` reads from the tables, which are made again if it finds them damaged."""
        with self.reading():
            try:
                return query()
            except (sqlite3.Error, CorruptRecord) as error:
                self._make_tables_again(error)
                return query()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What an SQL query gives."""
        return self.ask(lambda: self.tables.execute(query, values).fetchall())

    def append(self, record: Record) -> int:
        """Write a record; within `writing` only. It is remembered when this returns.

        Returns:
            Its number.

        Raises:
            Outrun: Another writer was faster; nothing was remembered.
            StoreError: The server does not answer. Whether it was remembered is not known; to
                write it again is harmless.
        """
        number, nonce = sql.meta(self.tables, "applied") + 1, uuid4().hex
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        self._insert(
            number,
            {"number": number, "video": record["video"], "record": text, "nonce": nonce},
        )
        is_ours = self._records(number, 1)[0]["nonce"] == nonce
        self._catch_up()
        if not is_ours:
            raise Outrun
        replaced = {row[0] for row in record.get("rows", ())}
        gone = set(record.get("forget", ())) - replaced
        for space in self.spaces() if gone else ():
            self.vectors(space).remove(gone)
        return number

    def erase(self, video_id: str, before: int) -> None:
        """Take out of Qdrant what its vectors, and records older than `before`, say of a video."""
        models = self.server.models
        for space in self.spaces():
            self.vectors(space).remove_video(video_id)
        about = models.FieldCondition(key="video", match=models.MatchValue(value=video_id))
        older = models.FieldCondition(key="number", range=models.Range(lt=before))
        found = models.Filter(must=[about, older])
        with answering():
            self.server.client.overwrite_payload(self.prefix, _NOTHING, found, wait=True)

    def append_vectors(self, vectors: Mapping[str, Sequence[tuple[int, Any]]]) -> dict[str, Any]:
        """What a record says of vectors that are written already.

        Returns:
            By space: length of a vector, how many there were before, how many are new.
        """
        spaces = self.spaces()
        return {
            space: [*spaces.get(space, (len(pairs[0][1]), 0)), len(pairs)]
            for space, pairs in vectors.items()
        }

    def spaces(self) -> dict[str, tuple[int, int]]:
        """By space: length of a vector, and how many were ever written."""
        found = self.tables.execute("SELECT space, dim, num FROM spaces")
        return {space: (dim, num) for space, dim, num in found}

    def vectors(self, space: str) -> SpaceVectors:
        """The vectors of a space."""
        if space not in self._vectors:
            self._vectors[space] = SpaceVectors(self.server, self.prefix, space)
        return self._vectors[space]

    # Inside

    def _identify(self) -> str:
        """The name that this memory was given when it was made."""
        self._insert(_HEADER, {"playhead memory": _FORMAT, "name": uuid4().hex})
        (header,) = self._records(_HEADER, 1)
        found = header.get("playhead memory")
        if found != _FORMAT:
            raise StoreError(
                f"the collection {self.prefix!r} is no memory, or of a newer Playhead: it says "
                f"{found!r}; choose another prefix, or update playhead"
            )
        return str(header["name"])

    def _insert(self, number: int, payload: dict[str, Any]) -> None:
        """Insert a record, unless there is one of that number."""
        models = self.server.models
        with answering():
            self.server.client.upsert(
                self.prefix,
                [models.PointStruct(id=number, vector={}, payload=payload)],
                wait=True,
                ordering=models.WriteOrdering.STRONG,
                update_mode=models.UpdateMode.INSERT_ONLY,
            )

    def _records(self, first: int, num: int) -> list[dict[str, Any]]:
        """At most `num` records from number `first` on, without a gap."""
        numbers = list(range(first, first + num))
        majority = self.server.models.ReadConsistencyType.MAJORITY
        with answering():
            found = self.server.client.retrieve(self.prefix, numbers, consistency=majority)
        by_number = {point.id: point.payload for point in found}
        last = next((number for number in numbers if number not in by_number), first + num)
        return [by_number[number] for number in range(first, last)]

    def _put_right(self) -> None:
        """Bring the tables up to the log."""
        try:
            sql.check_numbers(self.tables)
            self._catch_up()
        except (sqlite3.Error, CorruptRecord) as error:
            self._make_tables_again(error)

    def _make_tables_again(self, error: Exception) -> None:
        """From the log; unless it is not the tables that are at fault."""
        if not sql.is_damage(error):
            raise error
        self.tables.close()
        sql.remove_tables(self._path)
        self._open_tables()
        self._catch_up()

    def _catch_up(self) -> None:
        num = _FEW
        while True:
            first = sql.meta(self.tables, "applied") + 1
            found = self._records(first, num)
            if found:
                with sql.Transaction(self.tables):
                    if sql.meta(self.tables, "applied") + 1 == first:  # or a cache that is shared
                        self._apply(found, first)
            if len(found) < num:
                return
            num = _MANY

    def _apply(self, found: Sequence[Mapping[str, Any]], first: int) -> None:
        for number, payload in enumerate(found, first):
            record: Record = json.loads(payload["record"])
            if record["op"] != "nothing":
                # rows are numbered by each client for itself, since erased records have none
                sql.apply(self.tables, record | {"first": sql.meta(self.tables, "next_row")})
            sql.set_meta(self.tables, "applied", number)

    def _open_tables(self) -> None:
        try:
            self.tables = sql.open_tables(self._path)
        except sqlite3.DatabaseError as error:
            if not sql.is_damage(error):
                raise
            sql.remove_tables(self._path)
            self.tables = sql.open_tables(self._path)
        self.version += 1
