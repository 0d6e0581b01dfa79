"""From a task to its open video, many times over: what rollouts look at.

    with WorldSource() as source:
        with source.open(task, Budget(turns=6)) as ctx: ...   # one attempt
        pictures = source.resolve(row.frames)                 # again, when it is trained on

The one idea: every attempt has a memory of its own. Attempts of one group that shared one would
read each other's notes, find what the others had looked at, and be told that another share of the
video had been seen: they would not be attempts at the same task.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from playhead.core.budget import Budget
from playhead.core.errors import VideoNotFound
from playhead.core.evidence import Evidence
from playhead.core.media import FrameRef
from playhead.core.trajectory import Task
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.memory.videos import LentVideo, picture_of
from playhead.tools.context import Ledger, ToolContext
from playhead.tools.made import is_made, make_again, source_id
from playhead.video.base import Video
from playhead.video.file import open_video
from playhead.worlds.dataset import Recipe
from playhead.worlds.videos import VirtualVideo

Picture = NDArray[np.uint8]

PLAIN = MemoryRecipe(embedders=(), eyes=(), late_eyes=())
"""Remember what is looked at, and nothing to find it by but words and time."""
_KEPT_PICTURES = 1024
_KEPT_OPEN = 8  # files
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory


class Source(Protocol):
    """Where tasks get their videos from. Safe in several threads."""

    def open(self, task: Task, budget: Budget) -> AbstractContextManager[ToolContext]:
        """What the tools of one attempt work with.

        Raises:
            VideoError: A video of the task cannot be had.
        """
        ...

    def resolve(self, refs: Sequence[FrameRef]) -> list[Picture]:
        """The pictures of references that attempts left, RGB uint8 `[H, W, 3]`.

        Raises:
            VideoError: One cannot be had.
        """
        ...


class WorldSource:
    """Rendered worlds, each made from the recipe in its task's metadata. A context manager."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        recipe: MemoryRecipe = PLAIN,
        index: bool = False,
        num_open: int = 32,
    ) -> None:
        """Make no world yet.

        Args:
            folder: In which memories are while they are used. None: in memory, if the system has a
                place for files there.
            recipe: How what is looked at is remembered and, if it is, indexed.
            index: Index each world, once, before its first attempt: for tools that search. It
                costs as much as a dozen looks.
            num_open: How many worlds are kept once they are made.
        """
        if num_open < 1:
            raise ValueError(f"one world is kept or more: got {num_open=}")
        self.folder = new_folder(folder)
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._recipe, self._index, self._num_open = recipe, index, num_open
        self._recipes: dict[str, tuple[Recipe, int]] = {}
        self._videos: OrderedDict[str, Video] = OrderedDict()
        self._guard, self._numbers = threading.RLock(), count()
        self._picture: Any = lru_cache(_KEPT_PICTURES)(self._painted)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the memories. Closing twice is fine."""
        self._videos.clear()
        self._picture.cache_clear()
        self._remove()

    def learn(self, tasks: Iterable[Task]) -> None:
        """Take in the recipes of tasks: pictures of their videos can be had from now on.

        Raises:
            VideoNotFound: A task has no recipe of a world.
        """
        for task in tasks:
            told = task.metadata.get("recipe")
            if told is None:
                raise VideoNotFound(f"no world: the task {task.id!r} has no recipe in its metadata")
            for camera, id_ in enumerate(task.video_ids):
                if id_ not in self._recipes:
                    self._recipes[id_] = Recipe.model_validate(told), camera

    @contextmanager
    def open(self, task: Task, budget: Budget) -> Generator[ToolContext]:
        """One attempt's view of a task's worlds. Errors as `Source.open`."""
        self.learn([task])
        videos = [self._video(id_) for id_ in task.video_ids]
        folder = self.folder / f"{next(self._numbers)}"
        before = self._indexed(task, videos) if self._index else None
        with _alone(folder, before, self._recipe) as library:
            for video in videos:
                library.add(video, index=False)
            with _context(library, task, budget) as ctx:
                yield ctx

    def resolve(self, refs: Sequence[FrameRef]) -> list[Picture]:
        """The pictures of references to worlds that it knows of. Errors as `Source.resolve`."""
        return [self._picture(ref) for ref in refs]

    def _painted(self, ref: FrameRef) -> Picture:
        return _picture(ref, self._video(source_id(ref)))

    def _video(self, id_: str) -> Video:
        with self._guard:
            if id_ not in self._videos:
                if id_ not in self._recipes:
                    raise VideoNotFound(f"no world makes the video {id_!r}: `learn` its task first")
                recipe, camera = self._recipes[id_]
                video = VirtualVideo(recipe.cook().world, camera=camera)
                if video.id != id_:
                    raise VideoNotFound(f"the recipe makes the video {video.id!r} and not {id_!r}")
                self._videos[id_] = LentVideo(video, threading.Lock())
                if len(self._videos) > self._num_open:
                    self._videos.popitem(last=False)
            self._videos.move_to_end(id_)
            return self._videos[id_]

    def _indexed(self, task: Task, videos: Iterable[Video]) -> Path:
        """The memory of a task's worlds, indexed: each attempt gets a copy."""
        folder = self.folder / f"of {' '.join(task.video_ids)}"
        with self._guard:
            if not folder.exists():
                with Library(folder, recipe=self._recipe) as library:
                    for video in videos:
                        library.add(video)
                    library.wait()
        return folder


class LibrarySource:
    """Videos of a library, whose files each attempt opens itself. A context manager.

    What the library remembers when this is made is what every attempt begins with.
    """

    def __init__(self, library: Library, folder: Path | None = None) -> None:
        """Copy the library's memory.

        Args:
            library: Stays the caller's to close. Its videos have files.
            folder: In which memories are while they are used. None: as for worlds.
        """
        self.folder = new_folder(folder)
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._library, self._numbers = library, count()
        with library.memory.folder.writing():
            _copy_memory(library.folder, self.folder / "before")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the memories. Closing twice is fine."""
        self._remove()

    @contextmanager
    def open(self, task: Task, budget: Budget) -> Generator[ToolContext]:
        """One attempt's view of a task's videos. Errors as `Source.open`."""
        for id_ in task.video_ids:
            self._library.video(id_)
        folder = self.folder / f"{next(self._numbers)}"
        with (
            _alone(folder, self.folder / "before", self._library.recipe) as library,
            _context(library, task, budget) as ctx,
        ):
            yield ctx

    def resolve(self, refs: Sequence[FrameRef]) -> list[Picture]:
        """The pictures of references to the library's videos. Errors as `Source.resolve`."""
        videos: dict[str, Video] = {}
        with ExitStack() as stack:
            for id_ in dict.fromkeys(source_id(ref) for ref in refs):
                videos[id_] = stack.enter_context(self._library.open(id_))
            return [_picture(ref, videos[source_id(ref)]) for ref in refs]


class FileSource:
    """Video files, indexed for each question's set of them. A context manager.

    What attempts find in a file is its own index alone: another file of the same run takes them no
    time and gives them no hits.
    """

    def __init__(
        self,
        folder: Path,
        *,
        recipe: MemoryRecipe | None = None,
        index: bool = True,
        told: Callable[[str], Iterable[Evidence]] = lambda id_: (),
        attempts: Path | None = None,
        files: Mapping[Path, str] | None = None,
    ) -> None:
        """Open no file yet.

        Args:
            folder: Where indexes are kept. What lies there already is not made again.
            recipe: How files are indexed. None: the defaults of `MemoryRecipe`.
            index: Index files. False: attempts begin with what is told alone.
            told: From the id of a video to what is known of it beside its file, such as subtitles
                that lie elsewhere.
            attempts: In which memories are while they are used. None: as for worlds.
            files: Files that are taken in already, each with the id of its video.
        """
        self.folder = folder
        self._attempts = new_folder(attempts)
        self._remove = weakref.finalize(self, shutil.rmtree, self._attempts, ignore_errors=True)
        self._recipe, self._numbers = recipe or MemoryRecipe(), count()
        self._is_indexing, self._told = index, told
        self._ids = {path.absolute(): id_ for path, id_ in (files or {}).items()}
        self._indexed: set[Path] = set()
        self._open: OrderedDict[str, Video] = OrderedDict()
        self._guard, self._looking = threading.Lock(), threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the memories of attempts; indexes stay. Closing twice is fine."""
        while self._open:
            self._open.popitem()[1].close()
        self._remove()

    def add(self, path: str | os.PathLike[str]) -> str:
        """Take in a file. Returns the id of its video.

        Raises:
            VideoError: It cannot be opened.
        """
        path = Path(path).absolute()
        if path not in self._ids:
            with open_video(path) as video:
                self._ids[path] = video.id
        return self._ids[path]

    @contextmanager
    def open(self, task: Task, budget: Budget) -> Generator[ToolContext]:
        """One attempt's view of a task's files. Errors as `Source.open`."""
        before = self._index(task.video_ids)
        folder = self._attempts / f"{next(self._numbers)}"
        with (
            _alone(folder, before, self._recipe) as library,
            _context(library, task, budget) as ctx,
        ):
            yield ctx

    def resolve(self, refs: Sequence[FrameRef]) -> list[Picture]:
        """The pictures of references to the files. Errors as `Source.resolve`."""
        with self._looking:
            return [_picture(ref, self._video(source_id(ref))) for ref in refs]

    def _video(self, id_: str) -> Video:
        if id_ not in self._open:
            if len(self._open) == _KEPT_OPEN:
                self._open.popitem(last=False)[1].close()
            self._open[id_] = open_video(self._path(id_))
        self._open.move_to_end(id_)
        return self._open[id_]

    def _path(self, id_: str) -> Path:
        for path, known in list(self._ids.items()):
            if known == id_:
                return path
        raise VideoNotFound(f"no file has the video {id_!r}: `add` it first")

    def _index(self, video_ids: Sequence[str]) -> Path:
        """The memory of these files, indexed: each attempt gets a copy."""
        paths = [self._path(id_) for id_ in video_ids]
        folder = self.folder / "-".join(sorted(video_ids))
        with self._guard:
            if folder not in self._indexed:
                with Library(folder, recipe=self._recipe, background=self._is_indexing) as library:
                    for path in paths:
                        id_ = library.add(path, index=self._is_indexing)
                        library.memory.add(self._told(id_), source="told")
                    if self._is_indexing:
                        library.wait()
                self._indexed.add(folder)
        return folder


def _picture(ref: FrameRef, video: Video) -> Picture:
    if is_made(ref):
        return make_again(ref, lambda _, times_s, side: video.frames_at(times_s, max_side=side))
    return picture_of(ref, video)


@contextmanager
def _alone(folder: Path, before: Path | None, recipe: MemoryRecipe) -> Generator[Library]:
    """A library that nobody else uses and that is gone afterwards."""
    try:
        if before is not None:
            _copy_memory(before, folder)
        with Library(folder, recipe=recipe, background=False) as library:
            yield library
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_memory(before: Path, folder: Path) -> None:
    """The memory in a library's folder alone: no sessions, no receipts."""
    folder.mkdir(parents=True)
    shutil.copy(before / "current", folder)
    for generation in before.glob("[0-9]" * 6):
        shutil.copytree(generation, folder / generation.name)


def _context(library: Library, task: Task, budget: Budget) -> ToolContext:
    return ToolContext(
        library,
        task.video_ids,
        Ledger(budget),
        within=task.within,
        question_pictures=task.images,
    )


def new_folder(inside: Path | None, name: str = "playhead") -> Path:
    """A folder of our own, which may be removed again.

    Args:
        inside: Where; made if it is not there. None: in memory if the system has a place for files
            there.
        name: How it begins to be called.
    """
    if inside is None and _IN_MEMORY.is_dir():
        inside = _IN_MEMORY
    if inside is not None:
        inside.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=inside))
