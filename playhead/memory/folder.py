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
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
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


class Folder:
    """The files of a memory. Safe in several threads and processes; not after fork."""

    def __init__(self, path: Path) -> None:
        """Open the folder, made if it is not there or empty.

        Raises:
            StoreError: It is something else, or of a newer Playhead.
            OSError: The disk is full, broken or may not be written.
        """
        self.path = path
        self.version = 0
        """Grows when what was read from the tables before may no longer be so."""
        self._guard = threading.RLock()
        self._depth = 0
        self._is_reading = self._is_closed = False
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
                self.tables.close()
                self._is_closed = True

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
        """A block in which the tables are as the log says, and stay so whoever writes."""
        with self._guard, _as_os_error(self.path):
            self._check_open()
            if self._depth or self._is_reading:  # within another block of this thread
                yield
                return
            self._reopen_if_changed()
            if self.log.size > self._applied():
                with place.lock(self.path / "lock", wait=False) as is_ours:
                    if is_ours:  # else its writer is alive and about to apply it
                        self._put_right()
            self.tables.execute("BEGIN")
            self._is_reading = True
            try:
                yield
            finally:
                self._is_reading = False
                with suppress(sqlite3.ProgrammingError):  # closed, and cannot be opened now
                    if self.tables.in_transaction:
                        self.tables.execute("COMMIT")

    def ask(self, query: Callable[[], T]) -> T:
        """What `query` reads from the tables, which are made again if it finds them damaged.

        It is asked again if another process compacted the memory meanwhile.
        """
        while True:
            is_inner = self._is_reading or self._depth > 0
            with self.reading():
                home = self.home.name
                try:
                    found = self._ask(query)
                except Exception:  # its files may have gone while it read them
                    if is_inner or place.read_current(self.path) == home:
                        raise
                    continue
                if is_inner or place.read_current(self.path) == home:
                    return found

    def _ask(self, query: Callable[[], T]) -> T:
        try:
            return query()
        except sql.ERRORS as error:
            if not sql.is_damage(error):
                raise
            with self._locked():
                self.make_tables_again()
            return query()

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
            if not end:
                self.log.append(line)
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
        """From the log alone; within a lock. Other processes see that there are new ones."""
        part = self._tables_part()
        self.tables.close()
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
        number = int(self.home.name) + 1
        home = self.path / f"{number:06d}"
        place.remove_generation(home)
        home.mkdir()
        yield home
        sync_folder(home)
        place.write_current(self.path, number)
        self._reopen_if_changed()  # which removes the old one

    @contextmanager
    def _locked(self) -> Generator[None]:
        with self._guard:
            if self._depth:  # this thread holds it already
                yield
                return
            with place.lock(self.path / "lock", wait=True):
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1

    def _applied(self) -> int:
        """How far the tables have come; nowhere if they are damaged."""
        try:
            sql.check_numbers(self.tables)
            return sql.meta(self.tables, "applied")
        except sql.ERRORS:
            return -1

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError("the memory is closed: open it again")

    def _open(self) -> None:
        self.home = self.path / place.read_current(self.path)
        if not self.home.exists() and self.home.name != "000001":
            raise StoreError(f"not a memory any more: {str(self.home)!r} is gone")
        self.home.mkdir(exist_ok=True)
        self.log = Log(self.home / "log")
        self._tables_path = self.home / "tables.sqlite"
        place.tidy(self.path, self.home)
        self._open_tables()

    def _open_tables(self) -> None:
        try:
            self.tables = sql.open_tables(self._tables_path)
        except sqlite3.Error as error:
            if not sql.is_damage(error):
                raise
            return self._use_tables(self._tables_part())
        self._file = place.identity(self._tables_path)
        self.version += 1

    def _tables_part(self) -> Path:
        part = self.home / "tables.part"
        fresh = self.fresh_tables(part)
        fresh.execute("PRAGMA journal_mode = DELETE")  # leaves one file, which can be renamed
        fresh.close()
        return part

    def _use_tables(self, part: Path) -> None:
        sql.remove_tables(self._tables_path)
        part.replace(self._tables_path)
        self.tables = sql.open_tables(self._tables_path)
        self._file = place.identity(self._tables_path)
        self.version += 1

    def _reopen_if_changed(self) -> None:
        """Follow another process that compacted the memory or made the tables again."""
        if self._is_unchanged():
            return
        with self._locked():  # it may not be done
            self.tables.close()
            if place.read_current(self.path) != self.home.name:
                self._open()
            else:
                self._open_tables()

    def _is_unchanged(self) -> bool:
        is_same = place.identity(self._tables_path) == self._file
        return is_same and place.read_current(self.path) == self.home.name

    def _put_right(self) -> None:
        """Cut off what a killed writer left, and bring the tables up to the log. Needs the lock."""
        size = self.log.mend()
        try:
            sql.check_numbers(self.tables)
            if sql.meta(self.tables, "applied") <= size:
                return sql.catch_up(self.tables, self.log, size)
        except sql.ERRORS as error:
            if not sql.is_damage(error):
                raise
        return self.make_tables_again()  # damaged, or of a log that is not there any more


@contextmanager
def _as_os_error(path: Path) -> Generator[None]:
    """What SQLite says of a full or broken disk is said as the system says it."""
    try:
        yield
    except sqlite3.Error as error:
        what = f"the tables of {str(path)!r} cannot be used: {error}"
        raise OSError(ENOSPC if sql.is_full(error) else EIO, what) from error
