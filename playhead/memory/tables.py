"""The tables of a memory: SQLite's view of the log, for looking things up.

The one idea: these tables are derived. Each says how far into the log it has come, in the same
transaction as what it took from there, so a process that dies leaves them behind the log but never
beside it. Every entry carries a checksum, and so do the numbers that say where the next one goes;
whatever is damaged is made again from the log. How the file is opened is in `schema`.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from playhead.core.errors import CorruptRecord, NewerSchema, StoreError
from playhead.core.evidence import Evidence
from playhead.core.media import FrameRef, Region
from playhead.core.span import Span, merge
from playhead.core.value import clean_text
from playhead.memory.log import Log, Record
from playhead.memory.schema import (
    ERRORS,
    Transaction,
    is_damage,
    meta,
    set_meta,
)
from playhead.memory.schema import check_numbers as check_numbers
from playhead.memory.schema import is_full as is_full
from playhead.memory.schema import open_tables as open_tables
from playhead.memory.schema import remove_tables as remove_tables
from playhead.memory.words import indexed

_COMPARED = ("meta", "videos", "names", "spaces", "seen", "done", "word_places", "entries")
_LONGEST_VECTOR = 2**16


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
                _check_first(line.record, line.start)
                apply(tables, line.record)
            position = line.end
        set_meta(tables, "applied", position)


def apply(tables: sqlite3.Connection, record: Record) -> None:
    """Take one record of the log into the tables; within a transaction.

    Raises:
        CorruptRecord: It is none that we write.
        NewerSchema: It is of a newer Playhead.
    """
    try:
        _apply(tables, record)
    except (StoreError, sqlite3.OperationalError):
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise CorruptRecord(f"the log holds what is no record: {error!r}") from error
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError) as error:
        raise CorruptRecord(f"the log holds what is no record: {error!r}") from error


def _apply(tables: sqlite3.Connection, record: Record) -> None:
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
            raise NewerSchema(f"the log holds a record of a newer Playhead: {other!r}; update it")


def _check_first(record: Record, start: int) -> None:
    """See that rows do not begin beyond what the log before byte `start` can hold."""
    first = record.get("first", 0)
    if not isinstance(first, int) or not 0 <= first <= start:
        raise CorruptRecord(f"the log holds what is no record: its rows begin at {first!r}")


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


def nums(
    tables: sqlite3.Connection, table: str, column: str, wanted: Sequence[str] | None
) -> list[int] | None:
    """The numbers of those of these names that are known; None stays None."""
    if wanted is None:
        return None
    listed = json.dumps([clean_text(str(name)) for name in wanted])
    query = f"SELECT num FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608
    return [num for (num,) in tables.execute(query, (listed,))]


def _add(tables: sqlite3.Connection, record: Record) -> None:
    video, first = video_num(tables, record["video"]), int(record["first"])
    if first < meta(tables, "next_row"):
        raise CorruptRecord(f"the log holds what is no record: row {first} is taken")
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
        if not (0 < int(dim) <= _LONGEST_VECTOR and 0 <= int(at) <= num < 2**40):
            raise CorruptRecord(f"the log holds what is no record: vectors {(dim, at, count)}")
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
    for found in tables.execute(_SELECT + f"WHERE {where}", storable(values)):
        *kept, crc, video_id, kind, source = found
        if checksum(tuple(kept)) != crc:
            raise CorruptRecord(f"entry {kept[0]!r} is damaged in the tables")
        id_, _, start, end, _, text, frames, score, _, level = kept
        try:
            evidence = Evidence(
                id=id_,
                video_id=video_id,
                span=Span(start=start, end=end),
                kind=kind,
                text=text,
                frames=tuple(_unpack_frame(frame, video_id) for frame in json.loads(frames)),
                score=score,
            )
        except (ValueError, TypeError) as error:
            raise CorruptRecord(f"entry {id_!r} is no evidence: {error}") from error
        yield evidence, source, level


def videos(tables: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    """The facts kept about every video, by id, in the order they came.

    Raises:
        CorruptRecord: They are damaged.
    """
    found = tables.execute("SELECT id, facts FROM videos ORDER BY num").fetchall()
    try:
        return {id_: json.loads(facts) if facts else {} for id_, facts in found}
    except ValueError as error:
        raise CorruptRecord("the facts about a video are damaged in the tables") from error


def coverage(tables: sqlite3.Connection, video_id: str, kind: str | None) -> list[Span]:
    """Which parts of a video have been looked at, in order, merged.

    Raises:
        CorruptRecord: They are damaged.
    """
    query = (
        "SELECT s.start, s.end FROM seen s JOIN videos v ON v.num = s.video "
        "JOIN names k ON k.num = s.kind WHERE v.id = ?1 AND (?2 IS NULL OR k.name = ?2)"
    )
    found = tables.execute(query, storable([video_id, kind])).fetchall()
    try:
        return merge([Span(start=start, end=end) for start, end in found])
    except ValueError as error:
        raise CorruptRecord("what has been seen is damaged in the tables") from error


def storable(values: Sequence[Any]) -> list[Any]:
    """Values as SQLite takes them: it refuses text that UTF-8 cannot store."""
    return [clean_text(value) if isinstance(value, str) else value for value in values]


def differences(tables: sqlite3.Connection, fresh: sqlite3.Connection) -> list[str]:
    """The names of the tables that do not hold the same in both, and what else is damaged."""

    def same(table: str) -> bool:
        query = f"SELECT * FROM {table}"  # noqa: S608
        return sorted(map(repr, tables.execute(query))) == sorted(map(repr, fresh.execute(query)))

    def is_whole() -> bool:
        tables.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        return tables.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    checks = [(table, lambda table=table: same(table)) for table in _COMPARED]
    return [name for name, is_good in [*checks, ("pages", is_whole)] if not _holds(is_good)]


def _holds(is_good: Callable[[], bool]) -> bool:
    try:
        return is_good()
    except ERRORS as error:
        if not is_damage(error):
            raise
        return False
