"""What a benchmark is: questions read from the files its owner publishes, and how it is scored.

    bench = find_benchmark("video_mme")
    items = list(bench.read(Path("~/data/video-mme"), split="test"))

The one idea: an adapter reads and says; it downloads nothing, decodes nothing and judges nothing of
its own. Attempts are scored by the same scorers as everywhere, and what a benchmark calls its
result is a function of their records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from playhead.core.errors import PlayheadError
from playhead.core.trajectory import Task, Trajectory


class Item(NamedTuple):
    """One question as its owner published it."""

    task: Task
    """Without video ids: they are hashes of files that an adapter does not read. `within` is set
    where only a part may be seen, such as what came before a question about a stream; what results
    are broken down by is in `metadata`."""
    videos: tuple[str, ...]
    """Names of its video files, relative to the folder of videos."""
    subtitles: str | None = None
    """Name of a subtitle file, relative to the folder of annotations. None: it has none."""


Read = Callable[[Path, str], Iterable[Item]]
"""From the folder with the owner's files and the name of a split to the questions, in file order.

Raises `BenchmarkFileMissing` with where the owner publishes it, or `ValueError` that names the
file and the record that cannot be read.
"""

Summary = Callable[[Sequence[Trajectory]], Mapping[str, float | None]]
"""From the records of a run to the numbers that the benchmark's owner reports, by their names."""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark. Questions are about files, which whoever runs it has."""

    name: str
    home: str
    """Where its owner publishes it: the address of a page."""
    licence: str
    """As its owner states it."""
    read: Read
    splits: tuple[str, ...]
    """The first one is the default."""
    scorers: tuple[str, ...]
    """By name (`find_scorer`); the first one is what a question scores."""
    groups: tuple[str, ...] = ()
    """Names in `Task.metadata` that results are broken down by."""
    summary: Summary = field(default=lambda records: {})
    """Its owner's own numbers."""
    source: str = ""
    """The paper, and where the scoring was read."""


class BenchmarkFileMissing(PlayheadError, FileNotFoundError):
    """An annotation file or a video that its owner publishes is not there."""
