"""Pictures drawn for tests, as a video in memory or as a file: shots whose borders are known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.core.media import VideoInfo
from playhead.video.base import Frames, Video

Pictures = NDArray[np.uint8]
BLACK = np.zeros((90, 160, 3), np.uint8)


class DrawnVideo(Video):
    """Pictures in memory, at a constant rate unless `times_s` says otherwise."""

    def __init__(
        self,
        pixels: Pictures,
        *,
        fps: float = 25.0,
        times_s: Sequence[float] | None = None,
        gop: int = 25,
    ) -> None:
        num, height, width, _ = pixels.shape
        self.pixels = pixels
        self.times_s = np.arange(num) / fps if times_s is None else np.array(times_s, np.float64)
        self.num_read = 0
        self.gop = gop
        self.id = "drawn"
        self.info = VideoInfo(
            duration_s=float(self.times_s[-1]) + 1 / fps,
            num_frames=num,
            fps=Fraction(fps).limit_denominator(1001) if num > 1 else None,
            is_vfr=times_s is not None,
            height=height,
            width=width,
            codec="drawn",
            container="memory",
        )

    def _read(self, times_s: Sequence[float], max_side: int | None) -> Frames:
        self.num_read += len(times_s)
        index = np.searchsorted(self.times_s, np.asarray(times_s) + 1e-9, side="right") - 1
        pixels, times = self.pixels[index], self.times_s[index]
        scale = (max_side or 10**6) / max(pixels.shape[1:3])
        if scale < 1 and len(pixels):
            size = [max(1, round(side * scale)) for side in pixels.shape[2:0:-1]]
            pixels = np.stack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in pixels])
        return Frames(pixels, times, self.id)

    @property
    def keyframe_times_s(self) -> NDArray[np.float64]:
        return self.times_s[:: self.gop]

    def close(self) -> None:
        pass


def take(seed: int, num: int, *, moving: bool = True) -> Pictures:
    """One shot: a scene of a few coloured fields and something that moves through it."""
    rng = np.random.default_rng(seed)
    fields = rng.integers(30, 256, (3, 4, 3)).astype(np.uint8)
    scene = cv2.resize(fields, (160, 90), interpolation=cv2.INTER_LINEAR)
    pictures = np.stack([scene] * num)
    for i, picture in enumerate(pictures if moving else ()):
        cv2.circle(picture, (20 + i % 120, 45), 9, (250, 250, 250), -1)
    return pictures


def dissolve(before: Pictures, after: Pictures, num: int) -> Pictures:
    """The one shot turning into the other over the `num` last and first pictures of the two."""
    share = np.linspace(0, 1, num + 2)[1:-1, None, None, None]
    mixed = before[-num:] * (1 - share) + after[:num] * share
    return np.concatenate([before[:-num], mixed.astype(np.uint8), after[num:]])


def write_film(
    path: Path, pixels: Pictures, *, fps: int = 25, times_s: Sequence[float] | None = None
) -> Path:
    """The pictures as an H.264 file."""
    times = [Fraction(i, fps) for i in range(len(pixels))] if times_s is None else times_s
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "fast"})
        stream.height, stream.width = pixels.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        for picture, time_s in zip(pixels, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_s * 90_000), Fraction(1, 90_000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path
