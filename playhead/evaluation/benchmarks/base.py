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
from playhead.video.subtitles import Line, read_subtitles


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
    pictures: tuple[str, ...] = ()
    """Names of picture files that belong to the question, relative to the folder of annotations:
    what is marked on them is meant. Without them the question cannot be asked."""


Read = Callable[[Path, str], Iterable[Item]]
"""From the folder with the owner's files and the name of a split to the questions, in file order.

Raises `BenchmarkFileMissing` with where the owner publishes it, or `ValueError` that names the
file and the record that cannot be read.
"""

Summary = Callable[[Sequence[Trajectory]], Mapping[str, float | None]]
"""From the records of a run to the numbers that the benchmark's owner reports, by their names. They
are shares from 0 to 1, also where the owner prints percent."""

Said = Callable[[Path, Item], Sequence[Line]]
"""From the folder with the owner's files and a question that has subtitles to their lines, in
seconds from the first frame of its video."""

Submission = Callable[[Sequence[Trajectory]], tuple[str, str]]
"""From the records of a run to the file that the owner's server or script reads: name and text."""


def lines_of(folder: Path, item: Item) -> Sequence[Line]:
    """The lines of a subtitle file of a usual kind. Errors as `read_subtitles`."""
    return read_subtitles(folder / item.subtitles) if item.subtitles else ()


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
    submission: Submission | None = None
    """The file to send in. None: its owner takes none, or its form is not known."""
    said: Said = lines_of
    """Reads subtitle files, where they have a form of the owner's own."""


class BenchmarkFileMissing(PlayheadError, FileNotFoundError):
    """An annotation file or a video that its owner publishes is not there."""
