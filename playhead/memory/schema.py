"""The file of the tables: what is in it, how it is opened, and how it is written in one go.

The one idea: a file that is not exactly as we make it is no tables of ours, and is removed and made
again. So nothing that a stranger put in it (a trigger, a view) ever runs, and a file of another
version needs no migration. The numbers that say where the next entry and the next vector go carry a
checksum of their own, for a wrong one would have good data written over.
"""

from __future__ import annotations

import sqlite3
import zlib
from functools import cache
from pathlib import Path

from playhead.core.errors import CorruptRecord
from playhead.memory.words import TOKENIZER

_SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE names (num INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE videos (num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, facts TEXT);
CREATE TABLE entries (
  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, video INTEGER NOT NULL, start REAL NOT NULL,
  end REAL NOT NULL, kind INTEGER NOT NULL, text TEXT NOT NULL, frames TEXT NOT NULL, score REAL,
  source INTEGER NOT NULL, level TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE INDEX by_time ON entries (video, start);
CREATE TABLE spaces (space TEXT PRIMARY KEY, dim INTEGER NOT NULL,
  num INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (video INTEGER NOT NULL, kind INTEGER NOT NULL,
  start REAL NOT NULL, end REAL NOT NULL, PRIMARY KEY (video, kind, start, end)) WITHOUT ROWID;
CREATE TABLE done (video INTEGER NOT NULL, unit TEXT NOT NULL,
  problem TEXT NOT NULL, PRIMARY KEY (video, unit)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize='{TOKENIZER}');
CREATE VIRTUAL TABLE word_places USING fts5vocab(words, instance);
"""
_OWN_SCHEMA = f"""
CREATE VIRTUAL TABLE temp.asked USING fts5(text, tokenize='{TOKENIZER}');
CREATE VIRTUAL TABLE temp.asked_terms USING fts5vocab(temp, asked, instance);
"""
ERRORS = (sqlite3.Error, CorruptRecord, UnicodeDecodeError)
"""What using damaged tables raises; `is_damage` tells."""
_NO_DAMAGE = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}


def open_tables(path: Path) -> sqlite3.Connection:
    """Open the tables, made if they are not there.

    Raises:
        sqlite3.DatabaseError: The file is damaged or not ours (`is_damage`: remove it and apply the
            log again), or it cannot be used now.
    """
    tables = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
    try:
        tables.execute("PRAGMA trusted_schema = OFF")
        tables.execute("PRAGMA cell_size_check = ON")
        tables.execute("PRAGMA temp_store = MEMORY")
        try:
            found = _schema_of(tables)
        except UnicodeDecodeError as error:
            raise sqlite3.DatabaseError("the names in the tables are damaged") from error
        if found and found != _own_schema():
            raise sqlite3.DatabaseError("these are not the tables of a memory of this version")
        tables.execute("PRAGMA journal_mode = WAL")
        tables.execute("PRAGMA synchronous = NORMAL")  # what is lost to a power cut is in the log
        tables.execute("PRAGMA cache_size = -16384")
        tables.create_function("num_characters", 1, len, deterministic=True)  # NUL is one, too
        if not found:
            with Transaction(tables):
                for statement in _SCHEMA.split(";\n"):
                    tables.execute(statement)
        tables.executescript(_OWN_SCHEMA)
    except BaseException:
        tables.close()
        raise
    return tables


def is_damage(error: Exception) -> bool:
    """Whether the tables are at fault, and not the disk, a lock or something else."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 1) & 0xFF not in _NO_DAMAGE
    return isinstance(error, ERRORS)


def is_full(error: sqlite3.Error) -> bool:
    """Whether there is no place left on the disk."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _schema_of(tables: sqlite3.Connection) -> list[tuple[str, ...]]:
    return tables.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_master").fetchall()


@cache
def _own_schema() -> list[tuple[str, ...]]:
    tables = sqlite3.connect(":memory:")
    try:
        tables.executescript(_SCHEMA)
        return _schema_of(tables)
    finally:
        tables.close()


def remove_tables(path: Path) -> None:
    """Remove the file and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def meta(tables: sqlite3.Connection, key: str, default: int = 0) -> int:
    """A number kept under a name."""
    found = tables.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return default if found is None else int(found[0])


def check_numbers(tables: sqlite3.Connection) -> None:
    """See that the numbers that say where things go are those that were written.

    Raises:
        CorruptRecord: They are damaged.
    """
    if meta(tables, "checksum", -1) != _numbers(tables):
        raise CorruptRecord("the numbers in the tables are damaged")


def _numbers(tables: sqlite3.Connection) -> int:
    """A checksum of `meta` and `spaces`."""
    kept = tables.execute("SELECT * FROM meta WHERE key != 'checksum' ORDER BY key").fetchall()
    kept += tables.execute("SELECT * FROM spaces ORDER BY space").fetchall()
    return zlib.crc32(repr(kept).encode(errors="surrogatepass"))


class Transaction:
    """A write: all of it or nothing."""

    def __init__(self, tables: sqlite3.Connection) -> None:
        self._tables = tables

    def __enter__(self) -> None:
        self._tables.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                set_meta(self._tables, "checksum", _numbers(self._tables))
                self._tables.execute("COMMIT")
        finally:
            if self._tables.in_transaction:
                self._tables.execute("ROLLBACK")


def set_meta(tables: sqlite3.Connection, key: str, value: int) -> None:
    """Keep a number under a name."""
    tables.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
