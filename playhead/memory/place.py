"""Where a memory is: which of its folders counts, and who may write to it.

The one idea: a memory is one generation of files in a numbered folder, and the file `current`,
which is replaced as a whole and carries a checksum, says which. A folder that it does not name was
left by a killed compaction.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playhead.core.errors import NewerSchema, StoreError
from playhead.memory.log import append_all, sync_folder

_CURRENT = re.compile(rb"playhead memory (\d+) (\d{6}) ([0-9a-f]{8})\n")
_GENERATION = "[0-9]" * 6


def check_is_ours(path: Path) -> None:
    """See that a folder is a memory, or empty.

    Raises:
        StoreError: It is neither.
    """
    there = {file.name for file in path.iterdir()}
    if "current" not in there and (others := there - {"lock", "current.part"}):
        raise StoreError(
            f"not a memory, and not empty: {str(path)!r} holds "
            f"{', '.join(sorted(others)[:3])}; name a new folder"
        )


def write_current(path: Path, generation: int) -> None:
    """Say which generation counts."""
    part = path / "current.part"
    with part.open("wb", buffering=0) as file:
        append_all(file.fileno(), _line(generation), 0)
    part.replace(path / "current")
    sync_folder(path)


def read_current(path: Path) -> str:
    """The name of the generation that counts, also if the file that says so is damaged.

    Raises:
        StoreError: It is damaged, and there is no generation; or it is of a newer Playhead.
    """
    named = _named(path)
    if named:
        return named
    names = {file.parent.name for file in path.glob(f"{_GENERATION}/tables.sqlite")}
    names |= {file.parent.name for file in path.glob(f"{_GENERATION}/log")}
    if not names:
        raise StoreError(f"not a memory: {str(path / 'current')!r} is damaged")
    return min(names)  # a newer one is unfinished, or the older would be gone


def tidy(path: Path, home: Path) -> None:
    """Remove what a killed compaction left, and write `current` again if it is damaged."""
    if _named(path) != home.name:
        return write_current(path, int(home.name))
    for other in path.glob(_GENERATION):
        if other != home:
            remove_generation(other)
    return None


def remove_generation(home: Path) -> None:
    """Remove a generation, if it is there."""
    if home.exists():
        for file in home.iterdir():
            file.unlink()
        home.rmdir()


def identity(path: Path) -> tuple[int, int]:
    """Tells a file from another one of the same name; zeros if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_dev, status.st_ino


@contextmanager
def lock(path: Path, *, wait: bool) -> Generator[bool]:
    """Nobody else writes in the block, if this gives True; without `wait` somebody else may.

    Where there is no flock, one process at a time is assumed.
    """
    if sys.platform == "win32":
        yield True
        return
    import fcntl

    with path.open("ab") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def _line(generation: int) -> bytes:
    facts = b"playhead memory 1 %06d" % generation
    return b"%s %08x\n" % (facts, zlib.crc32(facts))


def _named(path: Path) -> str | None:
    """The generation that `current` names; None if it is damaged."""
    with (path / "current").open("rb") as file:
        content = file.read(100)
    match = _CURRENT.fullmatch(content)
    if not match or zlib.crc32(content[: match.start(3) - 1]) != int(match[3], 16):
        return None
    if match[1] != b"1":
        raise NewerSchema(f"written by a newer Playhead: {content!r}; update playhead")
    return match[2].decode()
