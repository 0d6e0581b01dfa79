"""The folder of a memory: what is written in which order, so that no kill loses anything.

The one idea: a write is acknowledged when the log has it on the disk, and everything else follows
from the log. In the folder:

    current            names the generation; compacting makes the next one and renames it into place
    lock               held by whoever writes, in any process
    000001/log         the truth: checksummed lines, only appended
    000001/*.vectors   checksummed vectors, only appended, written before the line that counts them
    000001/tables.sqlite   SQLite's view of the log, with the full-text index; made again if damaged

A killed writer leaves at most a half line and uncounted vectors behind, which the next writer cuts
off or writes over. Several processes may read and write.
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import CorruptRecord, StoreError
from playhead.memory import tables as sql
from playhead.memory.log import Log, Record
from playhead.memory.vectors import VectorFile

T = TypeVar("T")

NumberedVectors = dict[str, list[tuple[int, NDArray[np.floating[Any]]]]]
"""By space: row and vector `[dim]`."""

_CURRENT = re.compile(r"playhead memory 1 (\d{6})\n")


class Folder:
    """The files of a memory. Safe in several threads and processes; not after fork."""

    def __init__(self, path: Path) -> None:
        """Open the folder, made if it is not there or empty.

        Raises:
            StoreError: It is something else, or of a newer Playhead.
        """
        self.path = path
        self.version = 0
        """Grows when what was read from the tables before may no longer be so."""
        self._guard = threading.RLock()
        self._depth = 0
        self._is_closed = False
        path.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if not (path / "current").exists():
                self._check_is_empty()
                self._write_current(1)
            self._open()
            self._put_right()

    def close(self) -> None:
        """Give back the files. Closing twice is fine."""
        with self._guard:
            if not self._is_closed:
                self.tables.close()
                self._is_closed = True

    @contextmanager
    def writing(self) -> Generator[None]:
        """A block in which nobody else writes, and the tables are up to the log."""
        with self._guard:
            self._check_open()
            with self._locked():
                self._reopen_if_changed()
                self._put_right()
                yield

    @contextmanager
    def reading(self) -> Generator[None]:
        """A block in which no other thread uses the tables, and they are as the log says."""
        with self._guard:
            self._check_open()
            self._reopen_if_changed()
            if not self._depth and self.log.size > self._applied():
                with _flock_if_free(self.path / "lock") as is_ours:
                    if is_ours:  # else its writer is alive and about to apply it
                        self._put_right()
            yield

    def ask(self, query: Callable[[], T]) -> T:
        """What `query` reads from the tables, which are made again if it finds them damaged."""
        with self.reading():
            try:
                return query()
            except (sqlite3.DatabaseError, CorruptRecord):
                with self._locked():
                    self.make_tables_again()
                return query()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What an SQL query gives."""
        return self.ask(lambda: self.tables.execute(query, values).fetchall())

    def append(self, record: Record) -> None:
        """Write a record; within `writing` only. It is remembered when this returns.

        Raises:
            OSError: The disk is full or broken; nothing was remembered.
        """
        is_new = not self.log.path.exists()
        end = self.log.append(record)
        if is_new:
            _sync_folder(self.home)
        # where there is no place left for the tables, they follow when there is
        with suppress(sqlite3.OperationalError), sql.Transaction(self.tables):
            sql.apply(self.tables, record)
            sql.set_meta(self.tables, "applied", end)

    def append_vectors(self, vectors: NumberedVectors) -> dict[str, list[int]]:
        """Write vectors; within `writing` only. They count when a record says what this returns.

        Returns:
            By space: length of a vector, where the new ones begin, how many they are.
        """
        spaces = self.spaces()
        written: dict[str, list[int]] = {}
        for space, pairs in vectors.items():
            dim, at = spaces.get(space, (len(pairs[0][1]), 0))
            file = VectorFile(self.home, space, dim)
            is_new = not file.path.exists()
            rows = np.array([row for row, _ in pairs], np.int64)
            file.append(rows, np.stack([vector for _, vector in pairs]), at)
            if is_new:
                _sync_folder(self.home)
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
        self.tables.close()
        self._make_tables()

    def fresh_tables(self, path: Path) -> sqlite3.Connection:
        """New tables at `path`, made from the log."""
        sql.remove_tables(path)
        fresh = sql.open_tables(path)
        sql.catch_up(fresh, self.log, self.log.size)
        return fresh

    @contextmanager
    def next_generation(self) -> Generator[Path]:
        """A block that fills an empty folder, which then takes the place of the present one."""
        number = int(self.home.name) + 1
        home = self.path / f"{number:06d}"
        _remove_generation(home)
        home.mkdir()
        yield home
        _sync_folder(home)
        old = self.home
        self._write_current(number)
        self._reopen_if_changed()
        _remove_generation(old)

    @contextmanager
    def _locked(self) -> Generator[None]:
        with self._guard:
            if self._depth:  # this thread holds it already
                yield
                return
            with (self.path / "lock").open("ab") as file, _flock(file.fileno()):
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1

    def _applied(self) -> int:
        """How far the tables have come; nowhere if they are damaged."""
        try:
            return sql.meta(self.tables, "applied")
        except sqlite3.DatabaseError:
            return -1

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError("the memory is closed: open it again")

    def _check_is_empty(self) -> None:
        there = {path.name for path in self.path.iterdir()} - {"lock", "current.part"}
        if there:
            raise StoreError(
                f"not a memory, and not empty: {str(self.path)!r} holds "
                f"{', '.join(sorted(there)[:3])}; name a new folder"
            )

    def _write_current(self, generation: int) -> None:
        part = self.path / "current.part"
        with part.open("wb") as file:
            file.write(b"playhead memory 1 %06d\n" % generation)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path / "current")
        _sync_folder(self.path)

    def _read_current(self) -> str:
        content = (self.path / "current").read_text(errors="replace")
        match = _CURRENT.fullmatch(content)
        if match:
            return match[1]
        if content.startswith("playhead memory ") and not content.startswith("playhead memory 1 "):
            raise StoreError(f"written by a newer Playhead: {content.strip()!r}; update playhead")
        generations = sorted(self.path.glob("[0-9]" * 6 + "/log"))
        if not generations:
            raise StoreError(f"not a memory: {str(self.path / 'current')!r} is damaged")
        return generations[0].parent.name  # a newer one is unfinished, or the older would be gone

    def _open(self) -> None:
        self.home = self.path / self._read_current()
        self.home.mkdir(exist_ok=True)
        self.log = Log(self.home / "log")
        self._tables_path = self.home / "tables.sqlite"
        self._open_tables()

    def _open_tables(self) -> None:
        try:
            self.tables = sql.open_tables(self._tables_path)
        except sqlite3.DatabaseError:
            self._make_tables()
        self._file = _identity(self._tables_path)
        self.version += 1

    def _make_tables(self) -> None:
        part = self.home / "tables.part"
        fresh = self.fresh_tables(part)
        fresh.execute("PRAGMA journal_mode = DELETE")  # leaves one file, which can be renamed
        fresh.close()
        sql.remove_tables(self._tables_path)
        part.replace(self._tables_path)
        self._open_tables()

    def _reopen_if_changed(self) -> None:
        if self._read_current() != self.home.name:
            self.tables.close()
            self._open()
        elif _identity(self._tables_path) != self._file:
            self.tables.close()
            self._open_tables()

    def _put_right(self) -> None:
        """Cut off what a killed writer left, and bring the tables up to the log. Needs the lock."""
        size = self.log.mend()
        try:
            if sql.meta(self.tables, "applied") <= size:
                return sql.catch_up(self.tables, self.log, size)
        except (sqlite3.DatabaseError, CorruptRecord) as error:
            if isinstance(error, sqlite3.OperationalError):  # no place, not damage
                raise
        return self.make_tables_again()  # damaged, or of a log that is not there any more


def _remove_generation(home: Path) -> None:
    if home.exists():
        for file in home.iterdir():
            file.unlink()
        home.rmdir()


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_dev, status.st_ino


def _sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut, where the system can."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _flock(fd: int) -> Generator[None]:
    """Nobody else writes. Where there is no flock, one process at a time is assumed."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


@contextmanager
def _flock_if_free(path: Path) -> Generator[bool]:
    """Whether nobody writes now, and then nobody else does until the end of the block."""
    if sys.platform == "win32":
        yield True
        return
    import fcntl

    with path.open("ab") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)
