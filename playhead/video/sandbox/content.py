"""The bytes of an open file, read by position and never by where its descriptor happens to stand.

A descriptor that is handed to a child, or kept across a fork, shares its position with the copies:
whoever moves it moves it for all. So nobody here moves it.
"""

from __future__ import annotations

import io
import os
import threading
from typing import Any

_turn = threading.Lock()


def read_at(descriptor: int, size: int, position: int) -> bytes:
    """Up to `size` bytes from `position`, without minding where the descriptor stands."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, position)
    with _turn:  # a system where moving and reading are two steps
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, size)


class Content(io.RawIOBase):
    """A regular file that keeps its own position, whoever else reads from the same descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor, whose own position is anybody's."""
        return self._descriptor

    def tell(self) -> int:
        """Where the next read starts, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move there. Beyond the end is fine: there is nothing to read."""
        base = (0, self._position, self._size)[whence]
        if base + offset < 0:
            raise OSError(f"no position before the start: got {base + offset}")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes; all that is left if it is negative or None."""
        if size is None or size < 0:
            size = max(0, self._size - self._position)
        data = read_at(self._descriptor, size, self._position)
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`; how many bytes there were."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
