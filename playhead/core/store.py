"""Trajectories on disk: one JSON object a line, appended, never rewritten.

The one idea: an append is one write under a lock, and it is on the disk when `append` returns. A
process that dies in the middle of a write leaves a last line without an end; the next append moves
those bytes to a `.torn` file beside the store, so that no acknowledged record is lost and no half
record is read. Lines of an older schema are brought up to date as they are read.

It does not index or search: a store is read from front to back.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from playhead.core.errors import CorruptRecord, NewerSchema
from playhead.core.trajectory import SCHEMA, Trajectory

Record = dict[str, Any]

MIGRATIONS: dict[int, Callable[[Record], Record]] = {}
"""For each older schema, the function that brings a record of it one version up."""


def migrate(record: Record, migrations: dict[int, Callable[[Record], Record]]) -> Record:
    """`record` brought up to the present schema.

    Raises:
        NewerSchema: It was written by a newer Playhead.
        CorruptRecord: It has no schema number, or one that never was.
    """
    version = record.get("schema_version")
    if not isinstance(version, int) or version < 1:
        raise CorruptRecord(f"a record names its schema_version: got {version!r}")
    if version > SCHEMA:
        raise NewerSchema(
            f"schema {version} is newer than this Playhead's {SCHEMA}: update playhead"
        )
    for old in range(version, SCHEMA):
        record = migrations[old](record)
    return record


class TrajectoryStore:
    """A JSONL file of trajectories. Several processes may append at once.

    Args:
        path: The file; it and its folder are made at the first append.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def append(self, *trajectories: Trajectory) -> None:
        """Add records. They are on the disk when this returns; on an error none of them is."""
        self.extend(trajectories)

    def extend(self, trajectories: Iterable[Trajectory]) -> None:
        """Add records, all or none. They are on the disk when this returns."""
        lines = "".join(t.to_json() + "\n" for t in trajectories).encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab", buffering=0) as file, _locked(file.fileno()):
            self._mend(file.fileno())
            end = os.fstat(file.fileno()).st_size
            try:
                while lines:
                    lines = lines[file.write(lines) :]
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), end)  # a full disk must not leave half a record
                raise

    def __iter__(self) -> Iterator[Trajectory]:
        """Every record, oldest first. A last line without an end was never acknowledged: left out.

        Raises:
            CorruptRecord: A line cannot be read; the message names it.
            NewerSchema: A line was written by a newer Playhead.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    yield self._read(line, number)

    def _read(self, line: bytes, number: int) -> Trajectory:
        where = f"{self.path.name}, line {number}"
        try:
            record = json.loads(line)
        except ValueError as error:
            raise CorruptRecord(f"{where}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise CorruptRecord(f"{where}: not a JSON object")
        try:
            return Trajectory.model_validate(migrate(cast("Record", record), MIGRATIONS))
        except NewerSchema as error:
            raise NewerSchema(f"{where}: {error}") from error
        except ValueError as error:
            raise CorruptRecord(f"{where}: {error}") from error

    def _mend(self, fd: int) -> None:
        """Move what a killed writer left behind the last whole line to `NAME.torn`."""
        data = self.path.read_bytes() if self._is_torn() else b""
        end = data.rfind(b"\n") + 1
        if data[end:]:
            with self.path.with_name(self.path.name + ".torn").open("ab") as torn:
                torn.write(data[end:] + b"\n")
            os.ftruncate(fd, end)

    def _is_torn(self) -> bool:
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


@contextmanager
def _locked(fd: int) -> Generator[None]:
    """Nobody else appends meanwhile. Where there is no flock, one process at a time is assumed."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)
