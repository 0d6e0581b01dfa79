"""The log of a memory: what was ever remembered, one checksummed line each, only ever appended.

The one idea: this file is the truth, and everything else in the folder can be made from it again.
A line is `LENGTH CRC JSON`, so a reader knows a damaged line from a good one, finds the next line
after a damaged one, and knows a line that a killed writer left half done (it has no end) from both.

It locks nothing: whoever appends holds the memory's lock.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from playhead.core.value import clean_text

Record = dict[str, Any]

_HEAD = 18  # "LLLLLLLL CCCCCCCC "
_READ_AT_ONCE = 4 * 2**20
_LONGEST = 64 * 2**20


@dataclass(frozen=True)
class LogLine:
    """One line of the log, or the bytes where one was."""

    start: int
    """Where it begins, in bytes from the start of the file."""
    end: int
    """Where the next one begins."""
    record: Record | None
    """None: damaged, its checksum is wrong or it is no JSON object."""


class Log:
    """A file of records. Appending makes it; it need not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size(self) -> int:
        """In bytes; 0 where there is no file."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, line: bytes) -> int:
        """Add a record as `encode` gives it; it is on the disk when this returns, or not there.

        Returns:
            Where the next one will begin.

        Raises:
            OSError: The disk is full or broken; nothing was added.
        """
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        try:
            end = os.lseek(fd, 0, os.SEEK_END)
            if end == 0:
                sync_folder(self.path.parent)
            append_all(fd, line, end)
        finally:
            os.close(fd)
        return end + len(line)

    def mend(self) -> int:
        """Cut off what a killed writer left half done at the end.

        Returns:
            The size of the file after that.
        """
        size = self.size
        *_, last = [None, *self.lines(_line_before(self.path, size))]
        if last is None or self._byte(size - 1) == b"\n":
            return size
        fd = os.open(self.path, os.O_RDWR)
        try:
            if last.record is None:
                os.ftruncate(fd, last.start)
            else:  # only the end of the line is missing, or damaged
                line = encode(last.record)
                os.ftruncate(fd, last.start + len(line) - 1)
                os.lseek(fd, 0, os.SEEK_END)
                os.write(fd, b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        return self.size

    def lines(self, start: int = 0) -> Iterator[LogLine]:
        """Every line from byte `start` on, which is where one begins."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(start)
            buffer = b""
            while block := file.read(_READ_AT_ONCE):
                buffer += block
                position = 0
                while (line := _next(buffer, position, start)) is not None:
                    yield line
                    position = line.end - start
                buffer, start = buffer[position:], start + position
            position = 0
            while (line := _next(buffer, position, start, is_last=True)) is not None:
                yield line
                position = line.end - start

    def _byte(self, position: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(position)
            return file.read(1)


def encode(record: Record) -> bytes:
    """A record as a line of the log; text that UTF-8 cannot store is replaced by U+FFFD."""
    payload = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    content = clean_text(payload).encode()
    if len(content) > _LONGEST:
        raise ValueError(f"a record has at most {_LONGEST} bytes: got {len(content)}; split it")
    return b"%08x %08x %s\n" % (len(content), zlib.crc32(content), content)


def decode(line: bytes) -> Record | None:
    """The record of a whole line; None if it holds none."""
    try:
        record: Any = json.loads(line[_HEAD:])
    except (ValueError, RecursionError):
        return None
    return cast("Record", record) if isinstance(record, dict) else None


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut, where the system can."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def append_all(fd: int, data: bytes, end: int) -> None:
    """Write `data` at `end`, the end of the file, and sync it: all of it, or none is left there.

    Raises:
        OSError: The disk is full or broken.
    """
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
    except OSError:
        os.ftruncate(fd, end)
        raise


def _line_before(path: Path, end: int) -> int:
    """Where the last line that has an end begins, or the one after it that has none."""
    if end == 0:
        return 0
    with path.open("rb") as file:
        size = 4096
        while True:
            start = max(0, end - size)
            file.seek(start)
            tail = file.read(end - start)
            newline = tail.rfind(b"\n", 0, -1)
            if newline >= 0 or start == 0:
                return start + newline + 1
            size *= 8


def _next(buffer: bytes, position: int, base: int, *, is_last: bool = False) -> LogLine | None:
    """The line at `position`; None if the buffer may not hold all of it."""
    if position >= len(buffer):
        return None
    start = base + position
    length, crc = _head(buffer[position : position + _HEAD])
    end = position + _HEAD + length + 1
    if length >= 0 and end <= len(buffer) + (1 if is_last else 0):
        content = buffer[position + _HEAD : end - 1]
        if len(content) == length and zlib.crc32(content) == crc:
            record = decode(buffer[position : end - 1])
            return LogLine(start, base + min(end, len(buffer)), record)
    newline = buffer.find(b"\n", position)
    if not is_last and (newline < 0 or end > len(buffer)):
        return None  # more of the file may make it whole
    stop = newline + 1 if newline >= 0 else len(buffer)
    return LogLine(start, base + stop, None)


def _head(head: bytes) -> tuple[int, int]:
    """Length and checksum; a length of -1 if these are not those."""
    try:
        if len(head) < _HEAD or head[8:9] != b" " or head[17:18] != b" ":
            return -1, 0
        length, crc = int(head[:8], 16), int(head[9:17], 16)
    except ValueError:
        return -1, 0
    return (length, crc) if 0 <= length <= _LONGEST else (-1, 0)
