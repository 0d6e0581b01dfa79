"""What happens to a memory in the world: kills at any moment, and a system that says no.

Children are forked from one process that has loaded everything already, so that a kill costs
milliseconds. `python -m tests.memory.faults` is that process: it reads one job a line and says what
the child it forked for it acknowledged, and how it ended.
"""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from playhead.memory import Batch, DiskMemory, Entry, compact
from tests.memory.made import batch, said, some_unit

ROOT = Path(__file__).parents[2]
VIDEOS = ("v", "w")
NUM_UNITS = 24  # of each video, in the run that is killed
DIED = 137

# The run that is killed anywhere


def index_everything(memory: DiskMemory, told: Callable[[str], None]) -> None:
    """What an indexer does: every unit of work that is not done yet, and now and then compacts."""
    for number in range(NUM_UNITS):
        missing = [video for video in VIDEOS if f"unit {number}" not in memory.done(video)]
        for video in missing:
            memory.write(batch(video, number))
            told(f"{video} {number}")
        if missing and number % 4 == 3:
            compact(memory)


def check_whole(memory: DiskMemory, acknowledged: set[tuple[str, int]]) -> None:
    """Every acknowledged unit is there, with its vectors, and none is there by half."""
    done = {(v, int(unit.split()[1])) for v in VIDEOS for unit in memory.done(v)}
    assert acknowledged <= done, f"lost: {acknowledged - done}"
    there = {entry.evidence.id: entry for entry in memory.entries()}
    spaces = {space: dict(zip(*memory.vectors(space), strict=True)) for space in ("clip", "text")}
    expected = [entry for video, number in sorted(done) for entry in batch(video, number).entries]
    assert len(there) == len(expected)
    for entry in expected:
        kept = there[entry.evidence.id]
        assert (kept.evidence, kept.source, kept.level) == (
            entry.evidence,
            entry.source,
            entry.level,
        )
        for space, vector in entry.vectors.items():
            rounded = vector.astype(np.float16).astype(np.float32)
            assert spaces[space].pop(entry.evidence.id).tolist() == rounded.tolist()
    assert not any(spaces.values()), "vectors of nothing"
    for video in VIDEOS:
        covered = sum(span.duration for span in memory.coverage(video))
        assert covered == 4 * sum(1 for other, _ in done if other == video)


@dataclass
class Kills:
    """What a series of kills showed."""

    num: int = 0
    """How many processes were killed before they were done."""
    num_acknowledged: int = 0
    """Batches."""
    num_runs: int = 0
    """Runs that got to their end, and equalled the one that was never killed."""
    opening_s: list[float] = field(default_factory=list)
    """How long each opening after a kill took, up to the first answer."""


def kill_many(folder: Path, num_kills: int, seed: int = 0) -> Kills:
    """Kill an indexer again and again, and see after each kill that nothing is lost or half."""
    rng, kills = random.Random(seed), Kills()
    with DiskMemory(folder / "never killed") as memory:
        index_everything(memory, lambda _: None)
        expected = memory.digest()
    with Forker() as forker:
        while kills.num < num_kills:
            home = folder / f"run {kills.num_runs}"
            acknowledged: set[tuple[str, int]] = set()
            code, longest_s = DIED, 0.1
            while code:
                after_s = rng.uniform(0, longest_s)
                told, code = forker.run({"do": "index", "folder": str(home)}, after_s)
                longest_s = 0.1 if told else longest_s * 1.2  # a slow machine gets on, too
                units = [line.split() for line in told]
                acknowledged |= {(video, int(number)) for video, number in units}
                kills.num += code != 0
                kills.num_acknowledged += len(units)
                started = time.perf_counter()
                with DiskMemory(home) as memory:
                    memory.search("word1", k=1)
                    kills.opening_s.append(time.perf_counter() - started)
                    check_whole(memory, acknowledged)
                    digest = memory.digest()
            assert digest == expected
            kills.num_runs += 1
    return kills


class Forker:
    """A process that forks one child for each job."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.memory.faults"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(
        self, job: dict[str, Any], killed_after_s: float | None = None
    ) -> tuple[list[str], int]:
        """What the child acknowledged, and its exit code: 0 if it came to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        if killed_after_s is not None:
            time.sleep(killed_after_s)
            os.kill(pid, signal.SIGKILL)  # its parent has not waited for it yet: the pid is its own
        self._process.stdin.write("wait\n")
        self._process.stdin.flush()
        told: list[str] = []
        while not (line := self._process.stdout.readline()).startswith("exit "):
            assert line, "the forker died"
            told.append(line.strip())
        return told, int(line.split()[1])


def serve() -> None:
    """Fork a child for every job that standard input names."""
    write = os.write  # the one that never goes wrong
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 1
            write(1, f"{os.getpid()}\n".encode())
            try:
                do(job, lambda what: write(1, f"{what}\n".encode()))
                code = 0
            finally:
                os._exit(code)
        sys.stdin.readline()  # until the killer is done, the child is not waited for
        _, status = os.waitpid(pid, 0)
        write(1, f"exit {os.waitstatus_to_exitcode(status)}\n".encode())


def do(job: dict[str, Any], told: Callable[[str], Any]) -> None:
    """What a child does."""
    if job["do"] == "index":
        with DiskMemory(job["folder"]) as memory:
            index_everything(memory, told)
    else:
        with faults(job["at"], job["how"]), DiskMemory(job["folder"]) as memory:
            for number, (_, step) in enumerate(STEPS):
                step(memory)
                told(str(number))


# The session of which every step is made to fail at every point


def _replace(memory: DiskMemory) -> None:
    old = memory.entries("v")[0].evidence.id
    new = Entry(said("v", 700, "better words"), vectors={"clip": some_unit(7)})
    memory.write(Batch("v", [new], forget=[old]))


def _know_more(memory: DiskMemory) -> None:
    known = memory.entries("v")[1].evidence
    memory.write(Batch("v", [Entry(known, vectors={"third": some_unit(8, 3)})]))


STEPS: list[tuple[str, Callable[[DiskMemory], Any]]] = [
    ("write", lambda memory: memory.write(batch("v", 0))),
    ("write another video", lambda memory: memory.write(batch("w", 0))),
    ("describe", lambda memory: memory.describe_video("v", {"title": "x"})),
    ("write more", lambda memory: memory.write(batch("v", 1))),
    ("add", lambda memory: memory.add([said("v", 900, "added")])),
    ("forget", lambda memory: memory.forget([said("v", 900, "added").id])),
    ("compact", compact),
    ("replace", _replace),
    ("bring vectors", _know_more),
    ("delete", lambda memory: memory.delete("w")),
    ("compact again", compact),
    ("write after that", lambda memory: memory.write(batch("v", 2))),
]


def state(memory: DiskMemory) -> str:
    """Names everything that is remembered."""
    return memory.digest() + json.dumps(memory.videos())


def states(folder: Path) -> list[str]:
    """The state before the first step and after each."""
    with DiskMemory(folder) as memory:
        found = [state(memory)]
        for _, step in STEPS:
            step(memory)
            found.append(state(memory))
    return found


# A system that says no, or stops


class Points:
    """Counts the calls that change a disk, and makes one of them go wrong."""

    def __init__(self, at: int, how: str) -> None:
        self.num, self._at, self._how = 0, at, how

    def wrap(self, name: str) -> Callable[..., Any]:
        """The system call of that name, which goes wrong when its turn comes."""
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return real(*args, **kwargs)
            self.num += 1
            if self.num - 1 != self._at:
                return real(*args, **kwargs)
            return self._go_wrong(name, real, *args, **kwargs)

        return call

    def _go_wrong(self, name: str, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._how in ("half", "short") and name == "write":
            data = bytes(args[1])
            written = real(args[0], data[: max(1, len(data) // 2)])
            if self._how == "short":
                return written
        if self._how == "after":
            real(*args, **kwargs)
        if self._how in ("before", "half", "after"):
            os._exit(DIED)
        if self._how == "short":
            return real(*args, **kwargs)
        number = getattr(errno, self._how)
        raise OSError(number, os.strerror(number))


@contextmanager
def faults(at: int, how: str) -> Generator[Points]:
    """The `at`-th call that changes a disk goes wrong.

    The process dies `before`, `half` through or `after` it, it writes `short`, or it fails with the
    error of that name.
    """
    points = Points(at, how)
    names = ("write", "fsync", "ftruncate", "replace", "open", "unlink", "mkdir", "rmdir")
    real = {name: getattr(os, name) for name in names}
    try:
        for name in names:
            setattr(os, name, points.wrap(name))
        yield points
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def num_points(folder: Path) -> int:
    """How many calls of the session change the disk."""
    with faults(-1, "") as points, DiskMemory(folder) as memory:
        for _, step in STEPS:
            step(memory)
    return points.num


def spread(rng: random.Random, size: int, num: int) -> Iterator[int]:
    """`num` offsets in a file, one in each of `num` equal parts."""
    for part in range(num):
        start, end = part * size // num, (part + 1) * size // num
        yield min(size - 1, rng.randrange(start, max(start + 1, end)))


if __name__ == "__main__":
    serve()
