"""Copies of videos that every browser can play: H.264 and AAC in MP4, made when somebody asks.

The one idea: the pictures come out of the confined decoder like all others, each with its time on
our clock, and are encoded again at these times. So a copy is as safe as a picture, and its player
shows exactly the second that an answer names.

One is made at a time. They are a cache: the oldest go when there is no more place.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import NoSound, VideoError
from playhead.core.span import Span
from playhead.memory.library import Library
from playhead.video.base import Frames, Video

logger = logging.getLogger(__name__)

_SIDE = 1280
_FPS = 30.0
_BATCH = 8
_TICKS = 90_000
_RATE = 44_100
_SOUND_S = 20.0
_SAMPLES = 1024  # of one frame of AAC


@dataclass
class ProxyState:
    """How far a copy has come."""

    state: Literal["none", "making", "ready", "failed"]
    share: float = 0.0


class _Ended(Exception):
    """The server ends, or the video was removed."""


class Proxies:
    """The copies of a library. Safe in several threads."""

    def __init__(self, library: Library, folder: Path, most_bytes: int) -> None:
        self._library, self._folder, self._most_bytes = library, folder, most_bytes
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._states: dict[str, ProxyState] = {}
        self._is_closing = False
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob("*.part"):
            part.unlink()

    def path(self, video_id: str) -> Path:
        """Where the copy is, if it is there."""
        return self._folder / f"{video_id}.mp4"

    def state(self, video_id: str) -> ProxyState:
        """How far it has come."""
        if self.path(video_id).exists():
            return ProxyState("ready", 1.0)
        with self._guard:
            return self._states.get(video_id, ProxyState("none"))

    def make(self, video_id: str) -> ProxyState:
        """Begin to make it, unless that was done."""
        found = self.state(video_id)
        if found.state in ("ready", "making"):
            return found
        with self._guard:
            made = self._states.setdefault(video_id, ProxyState("none"))
            if made.state == "making":
                return made
            self._states[video_id] = making = ProxyState("making")
        threading.Thread(target=self._make, args=(video_id, making), daemon=True).start()
        return making

    def forget(self, video_id: str) -> None:
        """Throw it away."""
        with self._guard:
            self._states.pop(video_id, None)
        self.path(video_id).unlink(missing_ok=True)

    def close(self) -> None:
        """Stop making."""
        self._is_closing = True

    def _make(self, video_id: str, making: ProxyState) -> None:
        part = self._folder / f"{video_id}.part"
        try:
            with self._turn, self._library.open(video_id) as video:
                self._make_place()
                for share in write_proxy(video, part):
                    making.share = share
                    if self._is_closing or self._states.get(video_id) is not making:
                        raise _Ended
            part.replace(self.path(video_id))
            making.state = "ready"
        except _Ended:
            making.state = "none"
        except Exception as error:
            level = logging.INFO if isinstance(error, VideoError) else logging.ERROR
            logger.log(level, "no copy of %s could be made", video_id, exc_info=error)
            making.state = "failed"
        finally:
            part.unlink(missing_ok=True)

    def _make_place(self) -> None:
        copies = sorted(self._folder.glob("*.mp4"), key=lambda path: path.stat().st_mtime)
        num_bytes = sum(path.stat().st_size for path in copies)
        while copies and num_bytes > self._most_bytes:
            oldest = copies.pop(0)
            num_bytes -= oldest.stat().st_size
            oldest.unlink(missing_ok=True)


def write_proxy(video: Video, path: Path) -> Iterator[float]:
    """Write a copy that every browser plays, and tell which share of it is done.

    Args:
        video: At most 1280 pixels of the longer side and 30 pictures a second of it are kept.
        path: A new file.
    """
    import av

    info = video.info
    step_s = 1.0 / min(_FPS, float(info.fps or _FPS))
    scale = min(1.0, _SIDE / max(info.height, info.width))
    height, width = (max(2, int(side * scale) // 2 * 2) for side in (info.height, info.width))
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        pictures: Any = container.add_stream("libx264", rate=Fraction(round(_FPS)))
        pictures.height, pictures.width, pictures.pix_fmt = height, width, "yuv420p"
        pictures.options = {"preset": "veryfast", "crf": "23", "g": "60", "threads": "1"}
        pictures.codec_context.time_base = Fraction(1, _TICKS)
        sound = _Sound(video, container) if info.has_audio else None
        last = -1
        for frames in video.stream(_times(video, step_s), max_side=_SIDE, batch=_BATCH):
            for pixels, time_s in zip(frames.pixels, frames.times_s, strict=True):
                ticks = round(float(time_s) * _TICKS)
                if ticks > last:
                    last = ticks
                    frame = av.VideoFrame.from_ndarray(_sized(pixels, height, width), "rgb24")
                    frame.pts, frame.time_base = ticks, Fraction(1, _TICKS)
                    container.mux(pictures.encode(frame))
            if sound is not None:
                sound.write_until(_end_s(frames))
            yield min(1.0, _end_s(frames) / info.duration_s)
        if sound is not None:
            sound.write_until(info.duration_s)
            sound.end()
        container.mux(pictures.encode(None))


class _Sound:
    """The sound of a copy: one channel, from second 0 on, silence where there is none."""

    def __init__(self, video: Video, container: Any) -> None:
        self._video, self._container = video, container
        self._stream = container.add_stream("aac", rate=_RATE)
        self._stream.layout = "mono"
        self._num_read, self._num_written = 0, 0
        self._kept = np.empty(0, np.float32)

    def write_until(self, end_s: float) -> None:
        """Write what is heard until then."""
        end = round(end_s * _RATE)
        while self._num_read < end:
            stop = min(end, self._num_read + round(_SOUND_S * _RATE))
            heard = _heard(self._video, self._num_read, stop)
            self._kept = np.concatenate([self._kept, heard])
            self._num_read = stop
            whole = len(self._kept) // _SAMPLES * _SAMPLES
            self._encode(self._kept[:whole])
            self._kept = self._kept[whole:]

    def end(self) -> None:
        """Write the rest."""
        self._encode(self._kept)
        self._container.mux(self._stream.encode(None))

    def _encode(self, samples: NDArray[np.float32]) -> None:
        import av

        for i in range(0, len(samples), _SAMPLES):
            part = samples[i : i + _SAMPLES]
            frame = av.AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = _RATE, self._num_written
            frame.time_base = Fraction(1, _RATE)
            self._num_written += len(part)
            self._container.mux(self._stream.encode(frame))


def _heard(video: Any, first: int, stop: int) -> NDArray[np.float32]:
    """Samples `[stop - first]` on our clock."""
    samples = np.zeros(stop - first, np.float32)
    try:
        sound = video.sound(Span(start=first / _RATE, end=stop / _RATE), rate=_RATE)
    except (NoSound, VideoError):
        return samples
    start = round(sound.start_s * _RATE) - first
    found = sound.samples[max(0, -start) :][: stop - first - max(0, start)]
    samples[max(0, start) : max(0, start) + len(found)] = found
    return samples


def _times(video: Video, step_s: float) -> list[float]:
    """In the middle of each picture, where nothing is rounded to its neighbour."""
    return video.info.span.grid(max(1, round(video.info.duration_s / step_s)))


def _end_s(frames: Frames) -> float:
    return float(frames.times_s[-1])


def _sized(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Exactly that size, which the encoder needs."""
    if pixels.shape[:2] == (height, width):
        return pixels
    import cv2

    resize: Any = cv2.resize
    return np.ascontiguousarray(resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
