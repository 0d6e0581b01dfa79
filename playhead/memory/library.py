"""A library: videos, and the memory of everything that was seen in them, in one folder.

    with Library("footage") as library:
        video_id = library.add("match.mp4")      # returns at once; indexing goes on
        library.wait(tier=Tier.COARSE)           # or do not wait: search finds what is there
        hits = library.search("red car", k=5)

The one idea: a video is its content. It is known by a hash of its bytes, so it is indexed once
under however many names, can be renamed and moved, and what was seen in it stays when it is gone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import VideoNotFound
from playhead.core.evidence import Evidence
from playhead.core.media import FrameRef
from playhead.core.memory import Hit
from playhead.core.span import Span
from playhead.memory.build import Builder, Progress, Source
from playhead.memory.captions import Pyramid
from playhead.memory.disk import Batch, DiskMemory, Entry
from playhead.memory.index import IndexKind
from playhead.memory.recipe import MemoryRecipe
from playhead.memory.thumbs import Thumbnails
from playhead.memory.units import SHOT, Tier, picture_entries
from playhead.memory.videos import (
    LentVideo,
    LibraryVideo,
    library_video,
    picture_of,
    video_files,
)
from playhead.models.eyes.base import Captioner
from playhead.video.base import Frames, Video
from playhead.video.file import open_video
from playhead.video.shots import Shot, join_shots

_FOCUS_S = 32.0  # around what an open question has found


class Library:
    """Videos and their memory. Safe in several threads."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        recipe: MemoryRecipe | None = None,
        background: bool = True,
        num_workers: int = 2,
        index: IndexKind = "auto",
    ) -> None:
        """Open a library, made if the folder is not there or empty.

        Args:
            folder: Where it is.
            recipe: How videos are indexed. None: the defaults of `MemoryRecipe`.
            background: Go on with the indexing that is not finished.
            num_workers: How many threads index.
            index: Which FAISS index to use; see `playhead.memory.index`.

        Raises:
            StoreError: The folder is something else, or of a newer Playhead.
            MissingExtra: The recipe needs a part that is not installed.
        """
        self.folder = Path(folder)
        """Where it is."""
        self.recipe = recipe or MemoryRecipe()
        self.memory = DiskMemory(folder, embedders=self.recipe.made_embedders, index=index)
        self._thumbnails = Thumbnails(Path(folder) / "thumbnails.sqlite")
        self._builder = Builder(
            self.memory,
            self.recipe,
            num_workers=num_workers,
            keep_thumbnail=self._thumbnails.keep,
        )
        self._given: dict[str, tuple[Video, threading.Lock]] = {}
        self._guard = threading.Lock()
        if background:
            for video in self.videos():
                self._index(video)

    def close(self) -> None:
        """Stop indexing after the work at hand, and close. The next opening goes on with it."""
        self._builder.close()
        self._thumbnails.close()
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Videos

    def add(
        self,
        video: str | os.PathLike[str] | Video,
        *,
        title: str | None = None,
        camera: str | None = None,
        started_at: datetime | None = None,
        index: bool = True,
    ) -> str:
        """Add a video and begin to index it. One that is known already is only found again.

        Args:
            video: A file, or an open video that stays the caller's to close, after the library.
            title: What to call it. None: the name of its file.
            camera: Which camera filmed it.
            started_at: When its first frame was filmed; without a time zone it is taken as UTC.
            index: Whether to begin to index it. False: only what is looked at is remembered.

        Returns:
            The id of the video.

        Raises:
            VideoError: It cannot be opened.
        """
        path = None if isinstance(video, Video) else Path(video).absolute()
        if isinstance(video, Video):
            id_, info = video.id, video.info
            self._given[id_] = (video, threading.Lock())
        else:
            with open_video(Path(video)) as opened:
                id_, info = opened.id, opened.info
        facts: dict[str, Any] = {"info": info.model_dump(mode="json")}
        if started_at is not None:
            zoned = started_at if started_at.tzinfo else started_at.replace(tzinfo=UTC)
            facts["started_at"] = zoned.isoformat()
        facts |= {"title": title} if title else {}
        facts |= {"camera": camera} if camera else {}
        with self._guard:
            self._describe(id_, path, facts)
        if index:
            self._index(self.video(id_))
        return id_

    def add_folder(
        self, folder: str | os.PathLike[str], told: Callable[[Path, Exception], None] | None = None
    ) -> list[str]:
        """Add every video in a folder and the folders in it, in order of name.

        Args:
            folder: Where.
            told: Is told of each file that cannot be opened. None: the first one is raised.
        """
        ids: list[str] = []
        for path in video_files(folder):
            try:
                ids.append(self.add(path))
            except Exception as error:
                if told is None:
                    raise
                told(path, error)
        return ids

    def videos(self, *, camera: str | None = None) -> list[LibraryVideo]:
        """All videos, in the order they came; of one camera only, if one is named."""
        found = [library_video(id_, facts) for id_, facts in self.memory.videos().items() if facts]
        return [video for video in found if camera is None or video.camera == camera]

    def video(self, which: str | os.PathLike[str]) -> LibraryVideo:
        """The video of that id, path, title, or beginning of an id.

        Raises:
            VideoNotFound: There is none, or more than one.
        """
        name = os.fspath(which)
        videos = self.videos()
        path = str(Path(name).absolute())
        found = [v for v in videos if v.id == name] or [v for v in videos if path in v.paths]
        found = found or [v for v in videos if v.title == name]
        found = found or [v for v in videos if len(name) >= 4 and v.id.startswith(name)]
        if len(found) != 1:
            titles = ", ".join(v.title for v in videos[:5]) or "nothing"
            what = "no video" if not found else "more than one video"
            raise VideoNotFound(f"{what} {name!r} in the library, which holds {titles}")
        return found[0]

    def open(self, video_id: str) -> Video:
        """The pictures of a video; close it afterwards.

        Raises:
            VideoNotFound: Its file was moved or is gone. What is remembered of it stays.
            VideoError: It cannot be opened.
        """
        if video_id in self._given:
            return LentVideo(*self._given[video_id])
        video = self.video(video_id)
        for path in video.paths:
            with suppress(VideoNotFound):
                opened = open_video(path)
                if opened.info.num_bytes == video.info.num_bytes and opened.id == video_id:
                    return opened
                opened.close()
        raise VideoNotFound(
            f"the file of {video.title!r} was moved, changed or is gone: add it again from where "
            "it is now; what is remembered of it stays"
        )

    def picture(self, ref: FrameRef, *, video: Video | None = None) -> NDArray[np.uint8]:
        """The picture that a reference names, RGB uint8 `[height, width, 3]` of its size.

        Args:
            ref: From `Frames.refs` or a record.
            video: Its video, if it is open already.

        Raises:
            VideoNotFound: The file was moved or is gone.
            VideoError: It cannot be read there.
        """
        if video is None:
            with self.open(ref.video_id) as opened:
                return picture_of(ref, opened)
        return picture_of(ref, video)

    def thumbnail(self, video_id: str, time_s: float) -> Frames | None:
        """The kept small picture nearest to a time, also when the file is gone. None: none kept,
        see `MemoryRecipe.thumbnails`."""
        return self._thumbnails.nearest(video_id, time_s)

    def remove(self, video_id: str) -> None:
        """Forget a video and everything that was seen in it. Its file stays."""
        self._builder.remove(video_id)
        self._given.pop(video_id, None)
        self._thumbnails.delete(video_id)
        self.memory.delete(video_id)

    # Indexing

    def wait(self, timeout_s: float | None = None, *, tier: Tier = Tier.LATE) -> bool:
        """Wait until everything up to `tier` is indexed; False when the time is over.

        Raises:
            OSError: The disk is full or broken.
        """
        return self._builder.wait(timeout_s, tier=tier)

    def progress(self) -> list[Progress]:
        """How far the indexing has come, tier by tier."""
        return self._builder.progress()

    def focus(self, hits: Sequence[Hit] | None) -> None:
        """Index first what lies around `hits`: what an open question is about. None: evenly."""
        by_video: dict[str, list[Span]] = {video.id: [] for video in self.videos()}
        for hit in hits or ():
            start = max(0.0, hit.span.start - _FOCUS_S)
            around = Span(start=start, end=hit.span.end + _FOCUS_S)
            by_video.setdefault(hit.evidence.video_id, []).append(around)
        for video_id, spans in by_video.items():
            self._builder.focus(video_id, spans)

    def problems(self, video_id: str) -> dict[str, str]:
        """What could not be indexed, and why, by piece of work."""
        return {unit: why for unit, why in self.memory.done(video_id).items() if why}

    def coverage(self, video_id: str, kind: str | None = "picture") -> float:
        """Which share of a video has been looked at for evidence of a kind, 0 to 1.

        Args:
            video_id: Which video.
            kind: Of `Kind`, or `glimpse` for keyframes. None: any.
        """
        duration_s = self.video(video_id).info.duration_s
        return sum(span.duration for span in self.memory.coverage(video_id, kind)) / duration_s

    # Remembering and finding

    def search(self, text: str | None = None, **how: Any) -> list[Hit]:
        """`DiskMemory.search`."""
        return self.memory.search(text, **how)

    def remember(self, frames: Frames, source: str = "look") -> list[Evidence]:
        """Remember pictures that somebody looked at, with the vectors to find them again by."""
        if not len(frames):
            return []
        end_s = float(frames.times_s[-1]) + 1.0
        with suppress(VideoNotFound):
            end_s = min(end_s, self.video(frames.video_id).info.duration_s)
        entries = picture_entries(frames, self.recipe, source, end_s)
        seen = [(entry.evidence.kind, entry.evidence.span) for entry in entries]
        if frames.roi is not None:
            seen = []  # a part of the picture was looked at, not the picture
        self.memory.write(Batch(frames.video_id, entries, seen))
        return [entry.evidence for entry in entries]

    def shots(self, video_id: str) -> list[Shot]:
        """The shots found so far, in order of time."""
        found = self.memory.entries(video_id, kind=SHOT)
        return join_shots([Shot(e.evidence.span, e.evidence.score) for e in found])

    def features(
        self, video_id: str, space: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The vectors of a video's pictures: times `[T]` in seconds, ascending, and `[T, dim]`."""
        when = {
            e.evidence.id: e.evidence.span.start
            for e in self.memory.entries(video_id, kind="picture")
        }
        ids, vectors = self.memory.vectors(space)
        which = sorted((i for i, id_ in enumerate(ids) if id_ in when), key=lambda i: when[ids[i]])
        return np.array([when[ids[i]] for i in which]), vectors[which]

    def pyramid(self, video: Video, captioner: Captioner, **how: Any) -> Pyramid:
        """The captions of a video at every level, made where they are missing and kept here.

        Args:
            video: From `open`.
            captioner: Who writes what is missing.
            how: What `Pyramid` takes besides.
        """
        return Pyramid(video, captioner, _Captions(self.memory, captioner.name), **how)

    # Inside

    def _describe(self, id_: str, path: Path | None, facts: Mapping[str, Any]) -> None:
        known = self.memory.videos().get(id_, {})
        older = [name for name in known.get("paths", ()) if name != str(path)]
        title = path.name if path else id_[:8]
        merged = {"title": title, **known, **facts, "paths": older}
        if path:
            merged["paths"] = [str(path), *older]
        if merged != known:
            self.memory.describe_video(id_, merged)

    def _index(self, video: LibraryVideo) -> None:
        path = video.paths[0] if video.paths else None
        self._builder.add(
            Source(video.id, video.info.duration_s, lambda: self.open(video.id), path)
        )


class _Captions:
    """The captions that one captioner has written, kept in a memory."""

    def __init__(self, memory: DiskMemory, captioner: str) -> None:
        self._memory, self._captioner = memory, captioner

    def captions(self, video_id: str, level: str, span: Span | None = None) -> list[Evidence]:
        found = self._memory.entries(video_id, kind="caption", level=level, span=span)
        return [entry.evidence for entry in found if entry.source == self._captioner]

    def add_captions(self, level: str, captions: Sequence[Evidence]) -> None:
        by_video: dict[str, list[Entry]] = {}
        for caption in captions:
            entry = Entry(caption, self._captioner, level)
            by_video.setdefault(caption.video_id, []).append(entry)
        for video_id, entries in by_video.items():
            seen = [("caption", entry.evidence.span) for entry in entries]
            self._memory.write(Batch(video_id, entries, seen))
