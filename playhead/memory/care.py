"""Caring for a memory: check it, mend it, make it smaller, carry it elsewhere.

The one idea: what is remembered is in two places, the log and the tables, each with its own
checksums, so one damaged byte anywhere is noticed, and mended from the other place. Only a vector
is kept once: a damaged one is dropped, and made again when its video is indexed the next time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from playhead.core.errors import CorruptRecord
from playhead.core.evidence import Evidence
from playhead.core.span import Span
from playhead.memory import tables as sql
from playhead.memory.batch import Batch, Entry, batch_record
from playhead.memory.disk import DiskMemory
from playhead.memory.folder import Folder
from playhead.memory.log import Log, encode
from playhead.memory.vectors import VectorFile

T = TypeVar("T")

_ENTRIES_AT_ONCE = 1000


@dataclass(frozen=True)
class Damage:
    """What is wrong with a memory."""

    log_lines: int
    """Lines of the log whose checksum is wrong."""
    vectors: int
    """Vectors whose checksum is wrong."""
    headers: tuple[str, ...]
    """Vector files with a damaged header."""
    tables: tuple[str, ...]
    """Tables that are not what the log says."""

    def __bool__(self) -> bool:
        return bool(self.log_lines or self.vectors or self.headers or self.tables)


def check(memory: DiskMemory) -> Damage:
    """Read everything and compare it with its checksums and with each other."""
    folder = memory.folder
    with folder.writing():
        fresh_path = folder.home / "tables.check"
        fresh = folder.fresh_tables(fresh_path)
        try:
            return Damage(
                log_lines=sum(line.record is None for line in folder.log.lines()),
                vectors=sum(file.num_damaged(num) for file, num in _files(folder)),
                headers=tuple(file.space for file, _ in _files(folder) if _is_headless(file)),
                tables=tuple(sql.differences(folder.tables, fresh)),
            )
        finally:
            fresh.close()
            sql.remove_tables(fresh_path)


def mend(memory: DiskMemory) -> Damage:
    """Put right what is wrong.

    Entries whose line in the log is damaged are written again from the tables, tables that are not
    what the log says are made again from the log. Entries that lost their vector lose the mark
    that their part of the video is done, so that indexing it again makes the vector again.

    Returns:
        What was wrong.
    """
    damage = check(memory)
    if not damage:
        return damage
    with memory.folder.writing():
        for file, _ in _files(memory.folder):
            if _is_headless(file):
                file.write_header()
        if damage.log_lines or damage.vectors:
            compact(memory)
        elif damage.tables:
            memory.folder.make_tables_again()
    return damage


def compact(memory: DiskMemory) -> int:
    """Write a memory anew without what was forgotten or damaged. A kill leaves the old one.

    Returns:
        How many bytes that freed.
    """
    folder, before = memory.folder, memory.num_bytes
    with folder.writing():
        kept = list(_contents(memory))
        with folder.next_generation() as home:
            log, counts, row = Log(home / "log"), dict[str, int](), 0
            for video_id, facts in memory.videos().items():
                log.append(encode({"op": "video", "video": video_id, "facts": facts}))
            for batch in kept:
                log.append(encode(_record(batch, row, home, counts)))
                row += len(batch.entries)
    return before - memory.num_bytes


def _record(batch: Batch, first: int, home: Path, counts: dict[str, int]) -> dict[str, Any]:
    """The record of a batch, its vectors written to `home`. `counts` is by space, and grows."""
    vectors: dict[str, list[int]] = {}
    for space in sorted({space for entry in batch.entries for space in entry.vectors}):
        has_one = [space in entry.vectors for entry in batch.entries]
        rows = first + np.flatnonzero(has_one)
        found = np.stack([e.vectors[space] for e in batch.entries if space in e.vectors])
        dim, at = found.shape[1], counts.get(space, 0)
        VectorFile(home, space, dim).append(rows, found, at)
        vectors[space] = [dim, at, len(rows)]
        counts[space] = at + len(rows)
    return batch_record(batch, batch.entries, first, vectors)


def merge_memories(into: DiskMemory, other: DiskMemory) -> int:
    """Remember everything that `other` remembers.

    Returns:
        How many entries were new.
    """
    num = 0
    known = into.videos()
    for video_id, facts in other.videos().items():
        into.describe_video(video_id, facts | known.get(video_id, {}))
    for batch in _contents(other):
        num += into.write(batch)
    return num


def export_lines(memory: DiskMemory, video_id: str | None = None) -> Iterator[str]:
    """Everything remembered as JSON lines, without vectors: `evidence`, `source`, `level`."""
    for entry in memory.entries(video_id):
        line = {"evidence": json.loads(entry.evidence.to_json()), "source": entry.source}
        yield json.dumps(line | ({"level": entry.level} if entry.level else {}), ensure_ascii=False)


def import_lines(memory: DiskMemory, lines: Iterable[str]) -> int:
    """Remember what `export_lines` wrote.

    Returns:
        How many entries were new.

    Raises:
        CorruptRecord: A line is not one of those; those before it are remembered.
    """
    num = 0
    numbered = enumerate(lines, start=1)
    for some in _batched(((n, line) for n, line in numbered if line.strip())):
        entries = [_read_line(number, line) for number, line in some]
        by_video = groupby(entries, key=lambda entry: entry.evidence.video_id)
        for video_id, group in by_video:
            found = list(group)
            seen = [(entry.evidence.kind, entry.evidence.span) for entry in found]
            num += memory.write(Batch(video_id, found, seen))
    return num


def _read_line(number: int, line: str) -> Entry:
    try:
        item = json.loads(line)
        evidence = Evidence.model_validate(item["evidence"])
        return Entry(evidence, str(item.get("source", "")), str(item.get("level", "")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"line {number} is no evidence as `export_lines` writes it: {error}"
        raise CorruptRecord(what) from error


def _contents(memory: DiskMemory) -> Iterator[Batch]:
    """Everything that can be read, a thousand entries at a time."""
    vectors: dict[str, dict[str, Any]] = {}
    for space in memory.folder.ask(memory.folder.spaces):
        for id_, vector in zip(*memory.vectors(space), strict=True):
            vectors.setdefault(id_, {})[space] = vector
    lost = _lost_vectors(memory.folder)
    for video_id in memory.videos():
        entries = [
            Entry(e.evidence, e.source, e.level, vectors.get(e.evidence.id, {}))
            for e in memory.entries(video_id)
        ]
        done = {} if video_id in lost else memory.done(video_id)
        yield Batch(video_id, seen=_seen(memory, video_id), done=done)
        for some in _batched(entries):
            yield Batch(video_id, some)


def _seen(memory: DiskMemory, video_id: str) -> list[tuple[str, Span]]:
    kinds = [kind for (kind,) in memory.folder.rows("SELECT name FROM names")]
    return [(kind, span) for kind in kinds for span in memory.coverage(video_id, kind)]


def _lost_vectors(folder: Folder) -> set[str]:
    """The videos that have damaged vectors, as far as the log says whose they are."""
    damaged = {
        file.space: {*file.damaged(0, num).tolist(), *range(file.num_records, num)}
        for file, num in _files(folder)
    }
    videos: set[str] = set()
    for line in folder.log.lines() if any(damaged.values()) else ():
        for space, (_, at, count) in (line.record or {}).get("vectors", {}).items():
            if not damaged.get(space, set()).isdisjoint(range(at, at + count)):
                videos.add((line.record or {})["video"])
    return videos


def _files(folder: Folder) -> Iterator[tuple[VectorFile, int]]:
    for space, (dim, num) in folder.spaces().items():
        yield folder.vector_file(space, dim), num


def _is_headless(file: VectorFile) -> bool:
    try:
        file.check_header()
    except CorruptRecord:
        return True
    return False


def _batched(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, _ENTRIES_AT_ONCE)):
        yield some
