"""Video files made on the spot: films that carry a clock, and a short demo.

A reader of videos is right when the picture it gives for 12.34 s is the picture of 12.34 s. To test
that, `write_clock` paints every frame's own index into the frame and `read_clock` reads it back, so
a wrong picture is seen to be wrong whatever the container's timestamps say:

    film = write_clock("film.mp4", fps=Fraction(30000, 1001), num_frames=90)
    with open_video(film.path) as video:
        frames = video.frames_at([1.5])
    assert read_clock(frames.pixels[0]) == film.index_at(1.5)

The one idea: the lower half of the picture is a grid of 40 black and white cells, 24 bits of index
and 16 of checksum. It survives lossy codecs and shrinking to a few pixels a cell. A picture that is
turned, cut, mixed from two frames or never painted has a wrong checksum or grey cells and reads as
None: the reader never guesses. The upper half says the same in digits, for people.

This is no renderer: for videos with events and questions about them see `playhead.worlds`, for a
short film to try things out on `playhead.video.demo`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

_ROWS, _COLUMNS, _CHECK_BITS = 4, 10, 16
_MAX_FRAMES = 2 ** (_ROWS * _COLUMNS - _CHECK_BITS)
_BLACK, _WHITE = 85, 170  # a cell between the two is neither, and the picture is not read
_INK = (255, 255, 255)
_CLOCK_TICK_S = Fraction(1, 90_000)
_CONTAINER_TICK_S = {  # containers that round every time to a tick of their own
    "matroska": Fraction(1, 1000),
    "webm": Fraction(1, 1000),
    "flv": Fraction(1, 1000),
    "gif": Fraction(1, 100),
    "mpegts": _CLOCK_TICK_S,
}


@dataclass(frozen=True)
class Encoding:
    """How a film is stored. Names are FFmpeg's."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    gop: int | None = None
    """Frames from one keyframe to the next at most. None: the encoder's choice."""
    b_frames: int | None = None
    """Frames in a row that refer to later ones. None: the encoder's choice."""
    options: Mapping[str, str] = field(default_factory=dict)
    """The encoder's own options."""
    container: str | None = None
    """The muxer. None: by the suffix of the path."""
    container_options: Mapping[str, str] = field(default_factory=dict)
    """The muxer's own options."""
    rotation: int = 0
    """Degrees clockwise (0, 90, 180, 270) by which a player must turn the stored pictures. They are
    stored turned back."""
    sample_aspect: Fraction = Fraction(1)
    """Width of a stored pixel divided by its height."""
    full_range: bool = False
    """Store luma as 0-255 rather than 16-235."""
    audio_s: float = 0.0
    """Seconds of a soft tone, from the container's time 0. 0: no sound."""
    audio_codec: str = "aac"


@dataclass(frozen=True, eq=False)
class ClockVideo:
    """A film whose frames carry their index, and when each of them is really shown."""

    path: Path
    times_s: NDArray[np.float64]
    """`[N]`: when each displayed frame starts being shown, as the container stores it; the first
    is 0."""
    indices: NDArray[np.int64]
    """`[N]`: what is painted on each displayed frame: 0, 1, 2, ... unless some are hidden."""
    duration_s: float
    """When the last frame stops being shown."""

    def index_at(self, time_s: float) -> int:
        """The index painted on the frame that is on screen at `time_s` seconds."""
        shown = int(np.searchsorted(self.times_s, time_s + 1e-9, side="right")) - 1
        return int(self.indices[max(shown, 0)])


def write_clock(
    path: str | Path,
    *,
    fps: Fraction | int = 25,
    num_frames: int = 50,
    times_s: Sequence[float] | None = None,
    height: int = 96,
    width: int = 160,
    start_offset_s: float = 0.0,
    encoding: Encoding | None = None,
) -> ClockVideo:
    """Write a film whose every frame carries its index: 0, 1, 2, ...

    Args:
        path: Where to; a file there is replaced.
        fps: Frames a second; for `times_s` only what the header claims.
        num_frames: How many frames.
        times_s: When each frame starts, ascending from 0, rounded to 1/90000 s: a film of variable
            rate. The last frame lasts as long as the one before. None: `num_frames` at `fps`.
        height: In pixels after rotation, 32 or more.
        width: In stored pixels after rotation, 40 or more.
        start_offset_s: When the container says that the first frame is shown.
        encoding: How it is stored. None: H.264.

    Returns:
        The film with the true time of every frame, rounded as its container rounds.

    Raises:
        ValueError: The picture is too small for the clock, or the times make no film.
    """
    how, path, fps = encoding or Encoding(), Path(path), Fraction(fps)
    starts = [i / fps for i in range(num_frames)]
    if times_s is not None:
        starts = [Fraction(time) for time in times_s]
    if not 1 <= len(starts) <= _MAX_FRAMES:
        raise ValueError(f"the clock counts 1 to {_MAX_FRAMES} frames: got {len(starts)}")
    if starts[0] != 0 or any(b <= a for a, b in pairwise(starts)):
        raise ValueError("times_s must start with 0 and ascend: give each frame's start in order")
    is_constant = times_s is None and start_offset_s == 0
    tick_s = 1 / fps if is_constant else _CLOCK_TICK_S
    starts.append(2 * starts[-1] - starts[-2] if len(starts) > 1 else 1 / fps)
    ticks = [_round((start + Fraction(start_offset_s)) / tick_s) for start in starts]

    pictures = (
        paint_clock(i, float(start), height=height, width=width)
        for i, start in enumerate(starts[:-1])
    )
    muxing = dict(how.container_options)
    with av.open(str(path), "w", how.container, container_options=muxing) as file:
        encode_pictures(file, pictures, ticks, tick_s=tick_s, fps=fps, encoding=how)
        container_tick_s = _CONTAINER_TICK_S.get(file.format.name)
    stored = [tick * tick_s for tick in ticks]
    if container_tick_s is not None:
        stored = [_round(time / container_tick_s) * container_tick_s for time in stored]
    shown = np.array([float(time - stored[0]) for time in stored])
    return ClockVideo(path, shown[:-1], np.arange(len(shown) - 1), duration_s=float(shown[-1]))


def paint_clock(index: int, time_s: float, *, height: int, width: int) -> Picture:
    """A picture `[H, W, 3]` that carries `index`, with the index and `time_s` seconds in digits.

    Raises:
        ValueError: The picture is too small for the clock, or the index too large.
    """
    if height < 32 or width < 40:
        raise ValueError(f"the clock needs 32 x 40 pixels or more: got {height} x {width}")
    if not 0 <= index < _MAX_FRAMES:
        raise ValueError(f"the clock counts from 0 to {_MAX_FRAMES - 1}: got {index}")
    picture = np.full((height, width, 3), (40, 60, 40 + index * 7 % 160), dtype=np.uint8)
    scale, middle = width / 260, height // 2
    at = (width // 30, round(middle / 2 + 8 * scale))
    thick = max(1, round(scale * 1.5))
    digits = f"{index} {time_s:.3f} s"
    cv2.putText(picture, digits, at, cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, thick, cv2.LINE_AA)
    rows = np.linspace(middle, height, _ROWS + 1).round().astype(int)
    columns = np.linspace(0, width, _COLUMNS + 1).round().astype(int)
    code = np.repeat(_code(index), np.diff(rows), axis=0).repeat(np.diff(columns), axis=1)
    picture[middle:] = np.where(code, 255, 0)[:, :, None]
    return picture


def read_clock(picture: Picture) -> int | None:
    """The index painted on a picture `[H, W, 3]` of any size; None if there is none to be read."""
    height, width, _ = picture.shape
    if height < 2 * _ROWS or width < _COLUMNS:
        return None
    bits = np.empty((_ROWS, _COLUMNS), dtype=bool)
    for row, column in np.ndindex(_ROWS, _COLUMNS):
        top, bottom = _middle_half(height / 2 + row * height / 2 / _ROWS, height / 2 / _ROWS)
        left, right = _middle_half(column * width / _COLUMNS, width / _COLUMNS)
        level = picture[top:bottom, left:right].mean()
        if _BLACK < level < _WHITE:
            return None
        bits[row, column] = level > _WHITE
    value = int("".join("01"[bit] for bit in bits.ravel().astype(int)), 2)
    index = value >> _CHECK_BITS
    return index if np.array_equal(bits, _code(index)) else None


def encode_pictures(
    file: OutputContainer,
    pictures: Iterable[Picture],
    ticks: Sequence[int],
    *,
    tick_s: Fraction,
    fps: Fraction,
    encoding: Encoding,
) -> None:
    """Encode pictures `[H, W, 3]` into an open container; picture `i` is shown from `ticks[i]` on.

    Args:
        file: Open for writing.
        pictures: One fewer than `ticks`, all of one size.
        ticks: In units of `tick_s` seconds; the last is when the last picture stops being shown.
        tick_s: The unit.
        fps: What the header claims.
        encoding: How they are stored.
    """
    stream: VideoStream | None = None
    sound: AudioStream | None = None
    for (start, end), upright in zip(pairwise(ticks), pictures, strict=True):
        picture = np.ascontiguousarray(np.rot90(upright, encoding.rotation // 90))
        if stream is None:
            stream = _add_pictures(file, picture.shape, fps, tick_s, encoding)
            sound = _add_sound(file, encoding)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        levels = "JPEG" if encoding.full_range else "MPEG"
        frame = frame.reformat(format=encoding.pix_fmt, dst_color_range=levels)
        frame.pts, frame.duration, frame.time_base = start, end - start, tick_s
        file.mux(stream.encode(frame))
    if stream is not None:
        file.mux(stream.encode(None))
    if sound is not None:
        for tone in _tone(encoding.audio_s):
            file.mux(sound.encode(tone))
        file.mux(sound.encode(None))


def _add_pictures(
    file: OutputContainer,
    shape: tuple[int, ...],
    fps: Fraction,
    tick_s: Fraction,
    encoding: Encoding,
) -> VideoStream:
    stream = file.add_stream(encoding.codec, rate=fps, options=dict(encoding.options))
    assert isinstance(stream, VideoStream)
    stream.height, stream.width, _ = shape
    stream.pix_fmt = encoding.pix_fmt
    context = stream.codec_context
    context.time_base = tick_s
    context.sample_aspect_ratio = encoding.sample_aspect
    context.flags |= Flags.frame_duration
    context.color_range = 2 if encoding.full_range else 1
    if encoding.gop is not None:
        context.gop_size = encoding.gop
    if encoding.b_frames is not None:
        context.max_b_frames = encoding.b_frames
    if encoding.rotation:
        stream.set_display_rotation(-encoding.rotation)
    return stream


def _add_sound(file: OutputContainer, encoding: Encoding) -> AudioStream | None:
    if not encoding.audio_s:
        return None
    stream = file.add_stream(encoding.audio_codec, rate=48_000)
    assert isinstance(stream, AudioStream)
    stream.layout = "mono"
    return stream


def _tone(duration_s: float, *, rate: int = 48_000, size: int = 960) -> Iterator[av.AudioFrame]:
    """A soft 440 Hz tone in frames of `size` samples."""
    for start in range(0, round(duration_s * rate), size):
        wave = 0.1 * np.sin(2 * math.pi * 440 / rate * np.arange(start, start + size))
        frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def _code(index: int) -> NDArray[np.bool_]:
    """`[4, 10]`: the cells of `index`, True for white."""
    check = zlib.crc32(index.to_bytes(3, "big")) % 2**_CHECK_BITS
    bits = f"{index << _CHECK_BITS | check:0{_ROWS * _COLUMNS}b}"
    return np.array([bit == "1" for bit in bits]).reshape(_ROWS, _COLUMNS)


def _middle_half(start: float, size: float) -> tuple[int, int]:
    """The pixels in the middle half of a cell: at least one."""
    first = int(start + size / 4)
    return first, max(first + 1, math.floor(start + size * 3 / 4))


def _round(value: Fraction) -> int:
    """To the nearest whole number, halves up, as FFmpeg rounds times."""
    return math.floor(value + Fraction(1, 2))
