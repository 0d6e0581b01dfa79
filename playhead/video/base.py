"""A video as the rest of the house sees it: pictures by time.

`Video` is what everything above this floor works with. A file on disk (`open_video`), a rendered
world and a test double all are one. Its one abstract method hands over the picture on screen at
each asked time; the rest is arithmetic on seconds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import NoSuchTime
from playhead.core.media import FrameRef, Region, VideoInfo
from playhead.core.span import Span


@dataclass(frozen=True, eq=False)
class Frames:
    """Pictures in memory with the times they belong to. Records keep `refs`, never pixels."""

    pixels: NDArray[np.uint8]
    """RGB `[N, H, W, 3]`."""
    times_s: NDArray[np.float64]
    """`[N]`: when each picture starts being shown, in seconds from the first displayed frame."""
    video_id: str
    roi: Region | None = None
    """The part of each frame that these pictures show. None: all of it."""

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or self.pixels.shape[3] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(
                f"pictures are uint8 [N, H, W, 3]: got {self.pixels.dtype} {self.pixels.shape}"
            )
        if self.pixels.shape[:1] != self.times_s.shape:
            raise ValueError(
                f"one time per picture: got {self.pixels.shape = }, {self.times_s.shape = }"
            )

    def __len__(self) -> int:
        return len(self.times_s)

    def __getitem__(self, which: slice | list[int] | NDArray[np.intp]) -> Frames:
        return Frames(self.pixels[which], self.times_s[which], self.video_id, self.roi)

    @property
    def refs(self) -> tuple[FrameRef, ...]:
        """These pictures by reference."""
        _, height, width, _ = self.pixels.shape
        return tuple(
            FrameRef(
                video_id=self.video_id, time_s=float(t), height=height, width=width, roi=self.roi
            )
            for t in self.times_s
        )

    def difference(self) -> NDArray[np.float64]:
        """How much each picture differs from the one before: `[N - 1]`, 0 (same) to 1."""
        change = [
            np.abs(after.astype(np.int16) - before).mean() / 255.0
            for before, after in zip(self.pixels, self.pixels[1:], strict=False)
        ]
        return np.array(change, dtype=np.float64)

    def crop(self, roi: Region) -> Frames:
        """The part `roi` of every picture (not of an earlier crop's whole frame).

        Raises:
            ValueError: These pictures are already a crop.
        """
        if self.roi is not None:
            raise ValueError(f"already a crop: got roi={self.roi}; crop the whole frames instead")
        _, height, width, _ = self.pixels.shape
        top, left, bottom, right = roi.pixels(height, width)
        return Frames(self.pixels[:, top:bottom, left:right], self.times_s, self.video_id, roi)


class Video(ABC):
    """A video that hands over pictures by time, in seconds from the first displayed frame."""

    id: str
    """Names the content: the same bytes have the same id everywhere, different bytes never."""
    info: VideoInfo

    @abstractmethod
    def _read(self, times_s: Sequence[float], max_side: int | None) -> Frames:
        """One picture for each of `times_s`, which are inside the video and ascending."""

    @property
    @abstractmethod
    def keyframe_times_s(self) -> NDArray[np.float64]:
        """`[N]`: the times of the frames that decode on their own, ascending; never empty."""

    @abstractmethod
    def close(self) -> None:
        """Give back the file and the process. Closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def frames_at(self, times_s: Sequence[float], *, max_side: int | None = None) -> Frames:
        """The picture on screen at each time, in the order asked.

        Args:
            times_s: Seconds, each `0 <= t < duration`.
            max_side: Shrink pictures so that neither side is longer, in pixels. Never enlarges.

        Returns:
            One picture per time; `times_s` of the result says when each starts being shown.

        Raises:
            NoSuchTime: A time is before the first frame, or at or after the end.
            VideoError: The pictures cannot be decoded.
        """
        asked = np.asarray(times_s, dtype=np.float64).reshape(-1)
        wrong = asked[~((asked >= 0) & (asked < self.info.duration_s))]
        if len(wrong):
            raise NoSuchTime(
                f"the video runs from 0 to {self.info.duration_s:.3f} s: got {wrong[0]} s"
            )
        if max_side is not None and max_side < 1:
            raise ValueError(f"max_side is a number of pixels, 1 or more: got {max_side}")
        order = np.argsort(asked, kind="stable")
        frames = self._read(asked[order].tolist(), max_side)
        if np.array_equal(order, np.arange(len(order))):
            return frames
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return frames[back]

    def frames(
        self,
        span: Span | None = None,
        *,
        fps: float | None = None,
        num: int | None = None,
        max_side: int | None = None,
    ) -> Frames:
        """Pictures of a span, either `fps` a second or `num` spread evenly, each picture once.

        Args:
            span: Which part. None: the whole video. What lies outside the video is left out.
            fps: How many a second, from the start of the span.
            num: How many, at the centres of equal parts.
            max_side: Shrink pictures so that neither side is longer, in pixels.

        Raises:
            ValueError: Neither or both of `fps` and `num` are given.
            NoSuchTime: The span lies outside the video.
            TooLarge: More pictures than one call may hand over: use `stream`.
        """
        times_s = self.sample_times_s(span, fps=fps, num=num)
        frames = self.frames_at(times_s, max_side=max_side)
        _, first = np.unique(frames.times_s, return_index=True)
        return frames if len(first) == len(frames) else frames[first]

    def stream(
        self,
        times_s: Sequence[float],
        *,
        max_side: int | None = None,
        batch: int = 32,
    ) -> Iterator[Frames]:
        """`frames_at` for any number of times, `batch` pictures at a time."""
        for i in range(0, len(times_s), batch):
            yield self.frames_at(times_s[i : i + batch], max_side=max_side)

    def keyframes(
        self, span: Span | None = None, *, max_side: int | None = None
    ) -> Iterator[Frames]:
        """The cheap tier: only frames that decode on their own, in batches.

        Args:
            span: Which part. None: the whole video.
            max_side: Shrink pictures so that neither side is longer, in pixels.
        """
        times_s = self.keyframe_times_s
        if span is not None:
            times_s = times_s[(times_s >= span.start) & (times_s < span.end)]
        return self.stream(times_s.tolist(), max_side=max_side)

    def sample_times_s(
        self, span: Span | None = None, *, fps: float | None = None, num: int | None = None
    ) -> list[float]:
        """The times `frames` asks for, in seconds. Same arguments and errors."""
        inside = self.info.span if span is None else self.info.span.intersection(span)
        if inside is None:
            raise NoSuchTime(f"the video runs from 0 to {self.info.duration_s:.3f} s: got {span}")
        if (fps is None) == (num is None):
            raise ValueError(f"give fps or num, one of the two: got {fps=}, {num=}")
        if num is not None:
            return inside.grid(num)
        assert fps is not None
        if not 0 < fps < float("inf"):
            raise ValueError(f"fps is a positive number: got {fps}")
        return inside.every(1.0 / fps)
