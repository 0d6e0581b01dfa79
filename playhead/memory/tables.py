"""The tables of a memory: SQLite's view of the log, for looking things up.

The one idea: these tables are derived. Each says how far into the log it has come, in the same
transaction as what it took from there, so a process that dies leaves them behind the log but never
beside it. Every row carries a checksum; whatever is damaged is made again from the log.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from playhead.core.errors import CorruptRecord
from playhead.core.evidence import Evidence
from playhead.core.media import FrameRef, Region
from playhead.core.span import Span
from playhead.memory.log import Log, Record
from playhead.memory.words import TOKENIZER, indexed

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (num INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS videos (num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, facts TEXT);
CREATE TABLE IF NOT EXISTS entries (
  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, video INTEGER NOT NULL, start REAL NOT NULL,
  end REAL NOT NULL, kind INTEGER NOT NULL, text TEXT NOT NULL, frames TEXT NOT NULL, score REAL,
  source INTEGER NOT NULL, level TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_time ON entries (video, start);
CREATE TABLE IF NOT EXISTS spaces (space TEXT PRIMARY KEY, dim INTEGER NOT NULL,
  num INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (video INTEGER NOT NULL, kind INTEGER NOT NULL,
  start REAL NOT NULL, end REAL NOT NULL, PRIMARY KEY (video, kind, start, end)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS done (video INTEGER NOT NULL, unit TEXT NOT NULL,
  problem TEXT NOT NULL, PRIMARY KEY (video, unit)) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, content='', tokenize='{TOKENIZER}');
CREATE VIRTUAL TABLE IF NOT EXISTS word_places USING fts5vocab(words, instance);
"""
_OWN_SCHEMA = f"""
CREATE VIRTUAL TABLE temp.asked USING fts5(text, tokenize='{TOKENIZER}');
CREATE VIRTUAL TABLE temp.asked_terms USING fts5vocab(temp, asked, instance);
"""
_COMPARED = ("videos", "names", "spaces", "seen", "done", "word_places")


def open_tables(path: Path) -> sqlite3.Connection:
    """Open the tables, made if they are not there.

    Raises:
        sqlite3.DatabaseError: The file is damaged: remove it and apply the log again.
    """
    tables = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
    try:
        tables.execute("PRAGMA journal_mode = WAL")
        tables.execute("PRAGMA synchronous = NORMAL")  # what is lost to a power cut is in the log
        tables.execute("PRAGMA cache_size = -16384")
        tables.executescript(_SCHEMA)
        tables.executescript(_OWN_SCHEMA)
    except BaseException:
        tables.close()
        raise
    return tables


def remove_tables(path: Path) -> None:
    """Remove the file and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def meta(tables: sqlite3.Connection, key: str, default: int = 0) -> int:
    """A number kept under a name."""
    found = tables.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return default if found is None else int(found[0])


def catch_up(tables: sqlite3.Connection, log: Log, size: int) -> None:
    """Apply what the log holds up to byte `size` and these tables do not have yet, in one go."""
    if meta(tables, "applied") >= size:
        return
    with Transaction(tables):
        position = meta(tables, "applied")
        for line in log.lines(position):
            if line.end > size:
                break
            if line.record is not None:
                apply(tables, line.record)
            position = line.end
        set_meta(tables, "applied", position)


class Transaction:
    """A write: all of it or nothing."""

    def __init__(self, tables: sqlite3.Connection) -> None:
        self._tables = tables

    def __enter__(self) -> None:
        self._tables.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._tables.execute("COMMIT" if kind is None else "ROLLBACK")


def set_meta(tables: sqlite3.Connection, key: str, value: int) -> None:
    """Keep a number under a name."""
    tables.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def apply(tables: sqlite3.Connection, record: Record) -> None:
    """Take one record of the log into the tables."""
    match record["op"]:
        case "video":
            num = video_num(tables, record["video"])
            facts = json.dumps(record["facts"], ensure_ascii=False)
            tables.execute("UPDATE videos SET facts = ? WHERE num = ?", (facts, num))
        case "add":
            _forget(tables, record.get("forget", ()))
            _add(tables, record)
        case "forget video":
            _forget_video(tables, record["video"])
        case other:
            raise CorruptRecord(f"the log holds a record of a newer Playhead: {other!r}; update it")


def video_num(tables: sqlite3.Connection, video_id: str) -> int:
    """The number the tables have for a video, given if it has none."""
    tables.execute("INSERT OR IGNORE INTO videos (id) VALUES (?)", (video_id,))
    found = tables.execute("SELECT num FROM videos WHERE id = ?", (video_id,)).fetchone()
    return int(found[0])


def name_num(tables: sqlite3.Connection, name: str) -> int:
    """The number the tables have for a name, given if it has none."""
    tables.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
    found = tables.execute("SELECT num FROM names WHERE name = ?", (name,)).fetchone()
    return int(found[0])


def _add(tables: sqlite3.Connection, record: Record) -> None:
    video, first = video_num(tables, record["video"]), int(record["first"])
    rows: list[tuple[Any, ...]] = []
    for row, item in enumerate(record["rows"], first):
        id_, start, end, kind, text, frames, score, source, level = item
        packed = json.dumps(frames, separators=(",", ":"))
        kept = (id_, video, start, end, name_num(tables, kind), text, packed, score)
        kept += (name_num(tables, source), level)
        rows.append((row, *kept, checksum(kept)))
    marks = ", ".join("?" * 12)
    tables.executemany(f"INSERT OR REPLACE INTO entries VALUES ({marks})", rows)  # noqa: S608
    words = [(row, indexed(item[4])) for row, item in enumerate(record["rows"], first) if item[4]]
    tables.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", words)
    for space, (dim, at, count) in record.get("vectors", {}).items():
        num = int(at) + int(count)
        tables.execute("INSERT OR REPLACE INTO spaces VALUES (?, ?, ?)", (space, dim, num))
    for kind, start, end in record.get("seen", ()):
        seen = (video, name_num(tables, kind), start, end)
        tables.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?)", seen)
    for unit, problem in record.get("done", ()):
        tables.execute("INSERT OR REPLACE INTO done VALUES (?, ?, ?)", (video, unit, problem))
    set_meta(tables, "next_row", first + len(rows))


def _forget(tables: sqlite3.Connection, ids: Sequence[str]) -> None:
    for id_ in ids:
        found = tables.execute("SELECT row, text FROM entries WHERE id = ?", (id_,)).fetchall()
        _remove(tables, found)


def _forget_video(tables: sqlite3.Connection, video_id: str) -> None:
    video = video_num(tables, video_id)
    found = tables.execute("SELECT row, text FROM entries WHERE video = ?", (video,)).fetchall()
    _remove(tables, found)
    for table in ("seen", "done"):
        tables.execute(f"DELETE FROM {table} WHERE video = ?", (video,))  # noqa: S608
    tables.execute("DELETE FROM videos WHERE num = ?", (video,))
    set_meta(tables, "forgotten", meta(tables, "forgotten") + 1)


def _remove(tables: sqlite3.Connection, found: Iterable[tuple[int, str]]) -> None:
    for row, text in found:
        tables.execute("DELETE FROM entries WHERE row = ?", (row,))
        if text:  # an index without content must be told what to take out
            old = (row, indexed(text))
            tables.execute("INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", old)
        set_meta(tables, "forgotten", meta(tables, "forgotten") + 1)


def checksum(kept: tuple[Any, ...]) -> int:
    """Of an entry's columns from `id` to `level`."""
    return zlib.crc32(repr(kept).encode())


def pack(evidence: Evidence, source: str, level: str) -> list[Any]:
    """Evidence as a row of the log."""
    span = evidence.span
    frames = [_pack_frame(frame, evidence.video_id) for frame in evidence.frames]
    return [
        evidence.id,
        float(span.start),
        float(span.end),
        evidence.kind,
        evidence.text,
        frames,
        evidence.score,
        source,
        level,
    ]


def _pack_frame(frame: FrameRef, video_id: str) -> list[Any]:
    packed: list[Any] = [frame.time_s, frame.height, frame.width]
    roi = frame.roi
    if roi is not None or frame.video_id != video_id:
        packed.append([roi.top, roi.left, roi.bottom, roi.right] if roi else None)
    if frame.video_id != video_id:
        packed.append(frame.video_id)
    return packed


def _unpack_frame(packed: list[Any], video_id: str) -> FrameRef:
    time_s, height, width, *rest = packed
    roi, other = [*rest, None, None][:2]
    box = dict(zip(("top", "left", "bottom", "right"), roi, strict=True)) if roi else None
    return FrameRef(
        video_id=other or video_id,
        time_s=time_s,
        height=height,
        width=width,
        roi=Region(**box) if box else None,
    )


_SELECT = """
SELECT e.id, e.video, e.start, e.end, e.kind, e.text, e.frames, e.score, e.source, e.level, e.crc,
  v.id, k.name, s.name
FROM entries e JOIN videos v ON v.num = e.video JOIN names k ON k.num = e.kind
  JOIN names s ON s.num = e.source
"""


def entries(
    tables: sqlite3.Connection, where: str = "1", values: Sequence[Any] = ()
) -> Iterator[tuple[Evidence, str, str]]:
    """Evidence, source and level of the entries for which `where` holds.

    Raises:
        CorruptRecord: A row's checksum is wrong.
    """
    for found in tables.execute(_SELECT + f"WHERE {where}", values):
        *kept, crc, video_id, kind, source = found
        if checksum(tuple(kept)) != crc:
            raise CorruptRecord(f"entry {kept[0]!r} is damaged in the tables")
        id_, _, start, end, _, text, frames, score, _, level = kept
        evidence = Evidence(
            id=id_,
            video_id=video_id,
            span=Span(start=start, end=end),
            kind=kind,
            text=text,
            frames=tuple(_unpack_frame(frame, video_id) for frame in json.loads(frames)),
            score=score,
        )
        yield evidence, source, level


def differences(tables: sqlite3.Connection, fresh: sqlite3.Connection) -> list[str]:
    """The names of the tables that do not hold the same in both."""

    def same(table: str) -> bool:
        query = f"SELECT * FROM {table}"  # noqa: S608
        return sorted(map(repr, tables.execute(query))) == sorted(map(repr, fresh.execute(query)))

    return [table for table in (*_COMPARED, "entries") if not same(table)]
