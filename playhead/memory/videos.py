"""The videos of a library: what is kept about each, and where its pictures come from."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import VideoNotFound
from playhead.core.media import FrameRef, VideoInfo
from playhead.core.span import Span
from playhead.video.base import Frames, Video

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"}
    | {".mts", ".ogv", ".ts", ".webm", ".wmv"}
)
"""What counts as a video in a folder. A single file may be called anything."""


@dataclass(frozen=True)
class LibraryVideo:
    """A video that a library knows."""

    id: str
    title: str
    info: VideoInfo
    paths: tuple[str, ...] = ()
    """Where it was seen, the latest first. Never shown to a model."""
    camera: str | None = None
    """Which camera filmed it. None: not said."""
    started_at: datetime | None = None
    """When its first frame was filmed. None: not said."""

    def when(self, time_s: float) -> datetime | None:
        """The moment of the wall clock at a second of the video. None: not known."""
        return None if self.started_at is None else self.started_at + timedelta(seconds=time_s)

    def span_between(self, start: datetime, end: datetime) -> Span | None:
        """The part filmed between two moments; None if nothing was, or it is not known when."""
        if self.started_at is None or end <= self.started_at:
            return None
        start_s = max(0.0, (start - self.started_at).total_seconds())
        end_s = (end - self.started_at).total_seconds()
        return Span(start=start_s, end=end_s).clamp(self.info.span) if start_s < end_s else None


def video_files(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """The videos in a folder and the folders in it, by their suffix, in order of name.

    Raises:
        VideoNotFound: No such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise VideoNotFound(f"no folder there: {str(root)!r}")
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
            yield path


def picture_of(ref: FrameRef, video: Video) -> NDArray[np.uint8]:
    """The picture that a reference names, RGB uint8 `[height, width, 3]` of its size.

    Raises:
        VideoError: It cannot be read there.
    """
    import cv2

    size = (ref.height, ref.width)
    if ref.roi is None:
        frames = video.frames_at([ref.time_s], max_side=max(size))
    else:
        down, across = ref.roi.bottom - ref.roi.top, ref.roi.right - ref.roi.left
        longer = max(ref.height / down, ref.width / across)
        frames = video.frames_at([ref.time_s], max_side=round(longer)).crop(ref.roi)
    picture = frames.pixels[0]
    if picture.shape[:2] == size:
        return picture
    resize: Any = cv2.resize  # pyright: ignore[reportUnknownMemberType]
    return np.asarray(resize(picture, (ref.width, ref.height), interpolation=cv2.INTER_AREA))


class LentVideo(Video):
    """Somebody else's open video: for one thread at a time, and not ours to close."""

    def __init__(self, video: Video, guard: threading.Lock) -> None:
        """Lend it.

        Args:
            video: The video.
            guard: Held while it is used.
        """
        self._video, self._guard, self.id, self.info = video, guard, video.id, video.info

    def __getattr__(self, name: str) -> Any:
        """What this kind of video has besides, such as `sound`."""
        return getattr(self._video, name)

    @property
    def keyframe_times_s(self) -> NDArray[np.float64]:
        """`[N]`: the times of the frames that decode on their own, ascending; never empty."""
        return self._video.keyframe_times_s

    def close(self) -> None:
        """Nothing: it is not ours."""

    def _read(self, times_s: Sequence[float], max_side: int | None) -> Frames:
        with self._guard:
            return self._video.frames_at(times_s, max_side=max_side)


def library_video(id_: str, facts: Mapping[str, Any]) -> LibraryVideo:
    """A video from the facts that a memory keeps about it."""
    started_at = facts.get("started_at")
    return LibraryVideo(
        id=id_,
        title=str(facts.get("title", id_[:8])),
        info=VideoInfo.model_validate(facts["info"]),
        paths=tuple(facts.get("paths", ())),
        camera=facts.get("camera"),
        started_at=datetime.fromisoformat(started_at) if started_at else None,
    )
