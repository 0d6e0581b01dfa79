"""Vectors on disk: one file for each space, one checksummed record for each vector, only appended.

The one idea: a record is as long as every other one, so the file is read by mapping it into memory,
a hundred hours in an instant. Each record says which entry it belongs to and carries a checksum of
both, so a flipped bit costs one vector, which can be made again from the video.

Numbers are kept as 16-bit floats. It locks nothing: whoever appends holds the memory's lock.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import CorruptRecord
from playhead.memory.log import append_all, sync_folder

SUFFIX = ".vectors"
_HEADER = 256  # bytes at the start of the file
_MAGIC = b"playhead vectors 1 "


class VectorFile:
    """The vectors of one space. Appending makes the file; it need not be there."""

    def __init__(self, folder: Path, space: str, dim: int) -> None:
        self.space, self.dim = space, dim
        self.path = folder / file_name(space)
        self._record = np.dtype([("row", "<u8"), ("vector", "<f2", (dim,)), ("crc", "<u4")])

    @property
    def num_records(self) -> int:
        """How many whole records the file holds."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return 0
        return max(0, size - _HEADER) // self._record.itemsize

    def append(self, rows: NDArray[np.int64], vectors: NDArray[np.floating[Any]], at: int) -> None:
        """Add vectors after the first `at` records; they are on the disk when this returns.

        Args:
            rows: `[N]`: the entry that each belongs to.
            vectors: `[N, dim]`.
            at: How many records there are. More than that were left by a killed writer, and are
                written over.

        Raises:
            OSError: The disk is full or broken; nothing was added.
        """
        header = self._header()
        records = np.zeros(len(rows), self._record)
        records["row"], records["vector"] = rows, vectors
        records["crc"] = _checksums(records)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        try:
            if os.fstat(fd).st_size < _HEADER:
                os.ftruncate(fd, 0)
                append_all(fd, header, 0)
                sync_folder(self.path.parent)
            end = _HEADER + at * self._record.itemsize
            os.ftruncate(fd, end)
            os.lseek(fd, end, os.SEEK_SET)
            append_all(fd, records.tobytes(), end)
        finally:
            os.close(fd)

    def read(self, first: int = 0, last: int | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """Records `first` to `last`: rows `[N]` int64 and vectors `[N, dim]` float16, mapped.

        Damaged ones are in it: `damaged` finds them.
        """
        num = self.num_records if last is None else min(last, self.num_records)
        if num <= first:
            return np.empty(0, np.int64), np.empty((0, self.dim), np.float16)
        records = self._map(num)[first:]
        return records["row"].astype(np.int64), records["vector"]

    def damaged(self, first: int = 0, last: int | None = None) -> NDArray[np.intp]:
        """Which records have a wrong checksum, ascending."""
        num = self.num_records if last is None else min(last, self.num_records)
        if num <= first:
            return np.empty(0, np.intp)
        records = self._map(num)[first:]
        return first + np.flatnonzero(_checksums(records) != records["crc"])

    def num_damaged(self, last: int) -> int:
        """How many of the first `last` records have a wrong checksum or are not there."""
        return len(self.damaged(0, last)) + max(0, last - self.num_records)

    def check_header(self) -> None:
        """See that the file is what its name says.

        Raises:
            CorruptRecord: It is not; the vectors have to be made again.
        """
        if self.path.exists():
            with self.path.open("rb") as file:
                if file.read(_HEADER) != self._header():
                    raise CorruptRecord(f"{self.path.name}: the header is damaged")

    def write_header(self) -> None:
        """Write a damaged header again."""
        fd = os.open(self.path, os.O_RDWR)
        try:
            header = memoryview(self._header())
            while header:
                header = header[os.write(fd, header) :]
            os.fsync(fd)
        finally:
            os.close(fd)

    def _map(self, num: int) -> NDArray[Any]:
        return np.memmap(self.path, self._record, mode="r", offset=_HEADER, shape=(num,))

    def _header(self) -> bytes:
        facts = json.dumps({"space": self.space, "dim": self.dim}).encode()
        if len(_MAGIC) + len(facts) >= _HEADER:
            raise ValueError(f"the name of a space is short: got {self.space!r}")
        return (_MAGIC + facts).ljust(_HEADER - 1) + b"\n"


def file_name(space: str) -> str:
    """The file that holds a space: its name made safe, and a digest to keep it unique."""
    safe = re.sub(r"[^A-Za-z0-9.-]+", "_", space)[:40].strip(".")
    return f"{safe}-{zlib.crc32(space.encode()):08x}{SUFFIX}"


def _checksums(records: NDArray[Any]) -> NDArray[np.uint32]:
    """Of everything in each record but its checksum."""
    size = records.dtype.itemsize
    data = np.ascontiguousarray(records).view(np.uint8).reshape(-1).data
    crcs = (zlib.crc32(data[i : i + size - 4]) for i in range(0, len(data), size))
    return np.fromiter(crcs, np.uint32, len(records))
