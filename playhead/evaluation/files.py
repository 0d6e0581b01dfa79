"""Published benchmarks over your own copies of their videos.

    questions = file_questions(find_benchmark("nextgqa"), data, videos, kept)

The one idea: an adapter says which files a question is about, and this finds them. What is not
there is listed before anything begins, with the page of its owner; nothing is fetched. Each video
is indexed once, into a folder that every later run uses again.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from playhead.agent.source import FileSource, Picture, Source
from playhead.core.budget import Budget
from playhead.core.evidence import Evidence, Kind
from playhead.core.media import FrameRef
from playhead.core.trajectory import Task
from playhead.evaluation.benchmarks.base import Benchmark, BenchmarkFileMissing, Item
from playhead.evaluation.questions import Questions, memory_name
from playhead.memory.recipe import MemoryRecipe
from playhead.tools.context import ToolContext
from playhead.video.file import open_video

_LISTED = 10


def file_questions(
    benchmark: Benchmark,
    data: Path,
    videos: Path,
    kept: Path,
    *,
    split: str | None = None,
    subtitles: bool = True,
    allow_missing: bool = False,
) -> Questions:
    """The questions of a published benchmark whose videos are in a folder.

    Args:
        benchmark: From `find_benchmark`.
        data: The folder with its owner's annotation files.
        videos: The folder with its videos, found by name, or by name without suffix.
        kept: A folder for indexes, which later runs use again.
        split: None: the benchmark's first.
        subtitles: Hand the benchmark's subtitle files over as speech.
        allow_missing: Leave out, and count, questions whose files are not there.

    Raises:
        BenchmarkFileMissing: Files are not there; the message lists them and the owner's page.
        ValueError: No such split, or a record that cannot be read.
        VideoError: A video cannot be opened.
    """
    chosen = split or benchmark.splits[0]
    if chosen not in benchmark.splits:
        raise ValueError(
            f"{benchmark.name} has the splits {', '.join(benchmark.splits)}: got {chosen!r}"
        )
    items = list(benchmark.read(data, chosen))
    found = _Found.of(items, data, videos, subtitles=subtitles)
    if found.missing and not allow_missing:
        names = ", ".join(list(found.missing)[:_LISTED])
        more = f" and {len(found.missing) - _LISTED} more" if len(found.missing) > _LISTED else ""
        raise BenchmarkFileMissing(
            f"{benchmark.name}: {len(found.missing)} files are not there: {names}{more}. Its owner "
            f"publishes it at {benchmark.home}; --allow-missing leaves their questions out"
        )
    tasks, stills = found.tasks()
    lines = found.lines() if subtitles else {}

    @contextmanager
    def opened(recipe: MemoryRecipe, index: bool, memories: Path) -> Generator[Source]:
        named = f"{memory_name(recipe, index)} {'with' if lines else 'without'} subtitles"
        folder = kept / hashlib.sha256(named.encode()).hexdigest()[:16]
        with FileSource(
            folder, recipe=recipe, index=index, attempts=memories, files=found.ids,
            told=lambda id_: _speech(id_, benchmark, data, lines.get(id_, ())),
        ) as source:  # fmt: skip
            yield _WithStills(source, stills) if stills else source

    how: dict[str, JsonValue] = {"split": chosen, "subtitles": bool(lines)}
    return Questions(
        benchmark.name, how, tasks, benchmark.scorers, benchmark.groups, opened, found.missing
    )


@dataclass(frozen=True)
class _Found:
    """Items, and the files that belong to them."""

    items: Sequence[Item]
    data: Path
    paths: Mapping[str, Path]
    """Of videos, by the name that an item gives them."""
    missing: dict[str, int]
    """Names of files that are not there, each with how many questions need it."""
    ids: dict[Path, str] = field(default_factory=dict[Path, str])
    """Of videos: hashes of their content."""

    @classmethod
    def of(cls, items: Sequence[Item], data: Path, videos: Path, *, subtitles: bool) -> _Found:
        """Look for every file, and open every video once for its id."""
        stems: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(videos.rglob("*")):
            if path.is_file():
                stems[path.stem].append(path)
        paths = {name: path for item in items for name in item.videos
                 if (path := _video(videos, name, stems)) is not None}  # fmt: skip
        missing: Counter[str] = Counter()
        there: list[Item] = []
        for item in items:
            beside = [*item.pictures, *([item.subtitles] if item.subtitles and subtitles else [])]
            lacking = [name for name in item.videos if name not in paths]
            lacking += [name for name in beside if not (data / name).is_file()]
            missing.update(dict.fromkeys(lacking, 1))
            if not lacking:
                there.append(item)
        ids: dict[Path, str] = {}
        for path in dict.fromkeys(paths[name] for item in there for name in item.videos):
            with open_video(path) as video:
                ids[path] = video.id
        return cls(there, data, paths, dict(missing), ids)

    def tasks(self) -> tuple[tuple[Task, ...], dict[str, Path]]:
        """The tasks with the ids of their videos, and the picture files by the id in their
        references."""
        tasks: list[Task] = []
        stills: dict[str, Path] = {}
        for item in self.items:
            refs: list[FrameRef] = []
            for name in item.pictures:
                ref, path = _still(self.data / name)
                stills[ref.video_id] = path
                refs.append(ref)
            ids = tuple(self.ids[self.paths[name]] for name in item.videos)
            changes = {"images": (*item.task.images, *refs)} if refs else {}
            tasks.append(item.task.replace(video_ids=ids, **changes))
        return tuple(tasks), stills

    def lines(self) -> dict[str, list[Item]]:
        """The ids of videos with subtitle files, each with an item for every file."""
        files: dict[str, dict[str, Item]] = defaultdict(dict)
        for item in self.items:
            if item.subtitles and item.videos:
                id_ = self.ids[self.paths[item.videos[0]]]
                files[id_].setdefault(item.subtitles, item)
        return {id_: list(items.values()) for id_, items in files.items()}


class _WithStills:
    """A source whose questions may bring picture files."""

    def __init__(self, inner: Source, stills: Mapping[str, Path]) -> None:
        self._inner, self._stills = inner, stills

    @contextmanager
    def open(self, task: Task, budget: Budget) -> Generator[ToolContext]:
        """As the source, with the question's pictures."""
        with self._inner.open(task, budget) as ctx:
            ctx.given |= {
                ref.video_id: _pixels(self._stills[ref.video_id])
                for ref in task.images
                if ref.video_id in self._stills
            }
            yield ctx

    def resolve(self, refs: Sequence[FrameRef]) -> list[Picture]:
        """As the source; pictures of questions from their files."""
        theirs = iter(self._inner.resolve([r for r in refs if r.video_id not in self._stills]))
        return [
            _pixels(self._stills[ref.video_id]) if ref.video_id in self._stills else next(theirs)
            for ref in refs
        ]


def _video(folder: Path, name: str, stems: Mapping[str, Sequence[Path]]) -> Path | None:
    """The file of that name below a folder; with another suffix if only one has its stem."""
    exact = folder / name
    if exact.is_file():
        return exact
    alike = stems.get(Path(name).stem, ())
    return alike[0] if len(alike) == 1 else None


def _speech(
    video_id: str, benchmark: Benchmark, data: Path, items: Iterable[Item]
) -> Iterator[Evidence]:
    for item in items:
        for line in benchmark.said(data, item):
            yield Evidence.make(video_id, line.span, Kind.SPEECH, text=line.text)


def _still(path: Path) -> tuple[FrameRef, Path]:
    content = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    height, width, _ = _pixels(path).shape
    return FrameRef(video_id=f"image:{content}", time_s=0.0, height=height, width=width), path


def _pixels(path: Path) -> Picture:
    from PIL import Image

    with Image.open(path) as image:
        return np.array(image.convert("RGB"))
