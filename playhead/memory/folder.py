"""The folder of a memory: what is written in which order, so that no kill loses anything.

The one idea: a write is acknowledged when the log has it on the disk, and everything else follows
from the log. In the folder:

    current            names the generation; compacting makes the next one and renames it into place
    lock               held by whoever writes, in any process
    000001/log         the truth: checksummed lines, only appended
    000001/*.vectors   checksummed vectors, only appended, written before the line that counts them
    000001/tables.sqlite   SQLite's view of the log, with the full-text index; made again if damaged

A killed writer leaves at most a half line and uncounted vectors behind, which the next writer cuts
off or writes over. Several processes may read and write; a reader sees one moment of the tables.

What threads share: one connection to the tables writes, under a lock that is held for the whole
write. Whoever reads has a connection of its own from the beginning of its block to the end, and
SQLite's write-ahead log keeps what that connection sees as it was when it first looked, so readers
wait neither for each other nor for a write. A write is acknowledged after the tables have it, so a
block that begins later sees it. Where the tables are replaced (damage, compaction, another
process), a reader goes on with the files that it has open, and asks again if its generation went.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EIO, ENOSPC
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import StoreError
from playhead.memory import place
from playhead.memory import tables as sql
from playhead.memory.log import Log, Record, decode, encode, sync_folder
from playhead.memory.vectors import VectorFile

T = TypeVar("T")

NumberedVectors = dict[str, list[tuple[int, NDArray[np.floating[Any]]]]]
"""By space: row and vector `[dim]`."""

_IDLE = 4  # connections of readers that are kept open for the next ones


@dataclass(frozen=True)
class _Reader:
    """What one thread reads from."""

    tables: sqlite3.Connection
    home: Path
    version: int


class Folder:
    """The files of a memory. Safe in several threads and processes; not after fork."""

    def __init__(self, path: Path) -> None:
        """Open the folder, made if it is not there or empty.

        Raises:
            StoreError: It is something else, or of a newer Playhead.
            OSError: The disk is full, broken or may not be written.
        """
        self.path = path
        self._guard = threading.RLock()  # held by the thread that writes
        self._writer_thread: int | None = None
        self._swap = threading.RLock()  # held while files are replaced, or a reader opens them
        self._here = threading.local()
        self._idle: list[_Reader] = []
        self._version = 0
        self._acknowledged = 0  # bytes of the log that this process has promised to remember
        self._is_closed = False
        if path.exists() and not path.is_dir():
            raise StoreError(f"not a memory: {str(path)!r} is no folder; name a new one")
        path.mkdir(parents=True, exist_ok=True)
        place.check_is_ours(path)
        with _as_os_error(path), self._locked():
            if not (path / "current").exists():
                place.write_current(path, 1)
            self._open()
            try:
                self._put_right()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Give back the files. Closing twice is fine."""
        with self._guard:
            if not self._is_closed:
                self._is_closed = True
                self._tables.close()
                self._close_idle()

    @property
    def tables(self) -> sqlite3.Connection:
        """The connection of the block that this thread is in."""
        reader = self._reader
        return self._tables if reader is None else reader.tables

    @property
    def home(self) -> Path:
        """The generation that this thread's block is about."""
        reader = self._reader
        return self._home if reader is None else reader.home

    @property
    def version(self) -> int:
        """Another one if what was read from the tables before may no longer be so."""
        reader = self._reader
        return self._version if reader is None else reader.version

    @contextmanager
    def writing(self) -> Generator[None]:
        """A block in which nobody else writes, and the tables are up to the log."""
        with self._guard, _as_os_error(self.path):
            self._check_open()
            with self._locked():
                self._reopen_if_changed()
                self._put_right()
                yield

    @contextmanager
    def reading(self) -> Generator[None]:
        """A block that sees one moment, whoever writes, from the first time it reads.

        All that was acknowledged before the block began is in it.
        """
        if self._reader is not None or self._is_writing:  # within another block of this thread
            yield
            return
        with _as_os_error(self.path):
            reader = self._up_to_date_reader()
            self._here.reader = reader
            try:
                reader.tables.execute("BEGIN")
                yield
            finally:
                self._here.reader = None
                self._give_back(reader)

    def ask(self, query: Callable[[], T]) -> T:
        """What `query` reads from the tables, which are made again if it finds them damaged.

        It is asked again if another process compacted the memory meanwhile.
        """
        if self._reader is not None:
            return query()  # the outer block sees to it
        is_mended = False
        while True:
            with self.reading():
                home, version = self.home.name, self.version
                try:
                    found = query()
                except Exception as error:
                    if place.read_current(self.path) == home:  # else its files may have gone
                        if is_mended or not sql.is_damage(error):
                            raise
                        self._make_tables_again_if(version)
                        is_mended = True
                    continue
                if place.read_current(self.path) == home:
                    return found

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What an SQL query gives."""
        return self.ask(lambda: self.tables.execute(query, sql.storable(values)).fetchall())

    def append(self, record: Record) -> None:
        """Write a record; within `writing` only. It is remembered when this returns.

        Raises:
            OSError: The disk is full or broken; nothing was remembered.
            CorruptRecord: The tables would not take it; nothing was remembered.
        """
        line = encode(record)
        end = 0
        try:
            with sql.Transaction(self.tables):
                sql.apply(self.tables, decode(line) or {})
                end = self.log.append(line)
                sql.set_meta(self.tables, "applied", end)
        except sqlite3.Error as error:
            self._acknowledged = end or self.log.append(line)
            # where there is no place left for the tables, they follow when there is
            if sql.is_damage(error):
                with suppress(sqlite3.Error, OSError):
                    self.make_tables_again()

    def append_vectors(self, vectors: NumberedVectors) -> dict[str, list[int]]:
        """Write vectors; within `writing` only. They count when a record says what this returns.

        Returns:
            By space: length of a vector, where the new ones begin, how many they are.
        """
        spaces = self.spaces()
        written: dict[str, list[int]] = {}
        for space, pairs in vectors.items():
            dim, at = spaces.get(space, (len(pairs[0][1]), 0))
            for _, vector in pairs:
                if vector.shape != (dim,):
                    raise ValueError(f"vectors in {space!r} are [{dim}]: got {list(vector.shape)}")
            rows = np.array([row for row, _ in pairs], np.int64)
            stacked = np.stack([vector for _, vector in pairs])
            VectorFile(self.home, space, dim).append(rows, stacked, at)
            written[space] = [dim, at, len(pairs)]
        return written

    def spaces(self) -> dict[str, tuple[int, int]]:
        """By space: length of a vector, and how many count."""
        found = self.tables.execute("SELECT space, dim, num FROM spaces")
        return {space: (dim, num) for space, dim, num in found}

    def vector_file(self, space: str, dim: int) -> VectorFile:
        """The file of a space."""
        return VectorFile(self.home, space, dim)

    def make_tables_again(self) -> None:
        """From the log alone; within a lock. Others see that there are new ones."""
        part = self._tables_part()
        self._tables.close()
        self._use_tables(part)

    def fresh_tables(self, path: Path) -> sqlite3.Connection:
        """New tables at `path`, made from the log."""
        sql.remove_tables(path)
        fresh = sql.open_tables(path)
        try:
            sql.catch_up(fresh, self.log, self.log.size)
        except BaseException:
            fresh.close()
            sql.remove_tables(path)
            raise
        return fresh

    @contextmanager
    def next_generation(self) -> Generator[Path]:
        """A block that fills an empty folder, which then takes the place of the present one."""
        number = int(self._home.name) + 1
        home = self.path / f"{number:06d}"
        place.remove_generation(home)
        home.mkdir()
        yield home
        sync_folder(home)
        place.write_current(self.path, number)
        self._reopen_if_changed()  # which removes the old one

    @property
    def _reader(self) -> _Reader | None:
        """What this thread reads from; None outside of a block that reads."""
        return getattr(self._here, "reader", None)

    @property
    def _is_writing(self) -> bool:
        return self._writer_thread == threading.get_ident()

    @contextmanager
    def _locked(self) -> Generator[None]:
        with self._guard:
            if self._is_writing:
                yield
                return
            with place.lock(self.path / "lock", wait=True):
                self._writer_thread = threading.get_ident()
                try:
                    yield
                finally:
                    self._writer_thread = None

    def _up_to_date_reader(self) -> _Reader:
        """One whose tables hold all that was acknowledged until now."""
        while True:
            self._check_open()
            if not self._is_unchanged():
                with self._guard:
                    self._check_open()
                    self._reopen_if_changed()
            reader = self._open_reader()
            try:
                applied = _applied(reader.tables)
                is_there = applied >= Log(reader.home / "log").size or not self._caught_up(applied)
            except BaseException:
                self._give_back(reader)
                raise
            if is_there:
                return reader
            self._give_back(reader)

    def _caught_up(self, applied: int) -> bool:
        """Bring the tables up to the log, unless its writer is alive and about to do so."""
        is_promised = applied < self._acknowledged
        if not self._guard.acquire(blocking=is_promised):
            return False
        try:
            self._check_open()
            with place.lock(self.path / "lock", wait=is_promised) as is_ours:
                if is_ours:
                    self._put_right()
                return is_ours
        finally:
            self._guard.release()

    def _open_reader(self) -> _Reader:
        with suppress(IndexError):
            while True:
                reader = self._idle.pop()
                if reader.version == self._version:
                    return reader
                reader.tables.close()
        while True:
            with self._swap:
                version = self._version
                try:
                    return _Reader(sql.open_tables(self._tables_path), self._home, version)
                except sqlite3.Error as error:
                    if not sql.is_damage(error):
                        raise
            self._make_tables_again_if(version)

    def _give_back(self, reader: _Reader) -> None:
        reader.tables.rollback()
        if reader.version == self._version and len(self._idle) < _IDLE:
            self._idle.append(reader)
        else:
            reader.tables.close()
        if self._is_closed:
            self._close_idle()

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().tables.close()

    def _make_tables_again_if(self, version: int) -> None:
        """Unless somebody did so since the tables had that version."""
        with self.writing():
            if self._version == version:
                self.make_tables_again()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError("the memory is closed: open it again")

    def _open(self) -> None:
        with self._swap:
            self._home = self.path / place.read_current(self.path)
            if not self._home.exists() and self._home.name != "000001":
                raise StoreError(f"not a memory any more: {str(self._home)!r} is gone")
            self._home.mkdir(exist_ok=True)
            self.log = Log(self._home / "log")
            self._acknowledged = 0
            self._tables_path = self._home / "tables.sqlite"
            place.tidy(self.path, self._home)
            self._open_tables()

    def _open_tables(self) -> None:
        with self._swap:
            try:
                self._tables = sql.open_tables(self._tables_path)
            except sqlite3.Error as error:
                if not sql.is_damage(error):
                    raise
                return self._use_tables(self._tables_part())
            self._file = place.identity(self._tables_path)
            self._version += 1

    def _tables_part(self) -> Path:
        part = self._home / "tables.part"
        fresh = self.fresh_tables(part)
        fresh.execute("PRAGMA journal_mode = DELETE")  # leaves one file, which can be renamed
        fresh.close()
        return part

    def _use_tables(self, part: Path) -> None:
        with self._swap:
            sql.remove_tables(self._tables_path)
            part.replace(self._tables_path)
            self._tables = sql.open_tables(self._tables_path)
            self._file = place.identity(self._tables_path)
            self._version += 1

    def _reopen_if_changed(self) -> None:
        """Follow another process that compacted the memory or made the tables again."""
        if self._is_unchanged():
            return
        with self._locked(), self._swap:  # it may not be done
            self._tables.close()
            if place.read_current(self.path) != self._home.name:
                self._open()
            else:
                self._open_tables()
            self._put_right()

    def _is_unchanged(self) -> bool:
        is_same = place.identity(self._tables_path) == self._file
        return is_same and place.read_current(self.path) == self._home.name

    def _put_right(self) -> None:
        """Cut off what a killed writer left, and bring the tables up to the log. Needs the lock."""
        size = self.log.mend()
        try:
            sql.check_numbers(self._tables)
            if sql.meta(self._tables, "applied") <= size:
                return sql.catch_up(self._tables, self.log, size)
        except sql.ERRORS as error:
            if not sql.is_damage(error):
                raise
        return self.make_tables_again()  # damaged, or of a log that is not there any more


def _applied(tables: sqlite3.Connection) -> int:
    """How far tables have come; nowhere if they are damaged."""
    try:
        sql.check_numbers(tables)
        return sql.meta(tables, "applied")
    except sql.ERRORS:
        return -1


@contextmanager
def _as_os_error(path: Path) -> Generator[None]:
    """What SQLite says of a full or broken disk is said as the system says it."""
    try:
        yield
    except sqlite3.Error as error:
        what = f"the tables of {str(path)!r} cannot be used: {error}"
        raise OSError(ENOSPC if sql.is_full(error) else EIO, what) from error
