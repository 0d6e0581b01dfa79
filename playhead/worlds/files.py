"""Writing a world to a real video file: H.264, sound and subtitles in mp4 or mkv.

The file has the frames of `clock.film_clock`, keyframes where scenes begin, and tells nothing that
is not seen or heard in it: no tags, no titles, a neutral name, and padding that hides small
differences of size. Which tracks it has depends on the knobs and not on what happens.

Sound is AAC, one channel. Speech needs the espeak-ng program; where it is missing, `Written.silent`
counts what stayed unsaid.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Literal, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream
from av.video.frame import PictureType
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from playhead.core.span import Span
from playhead.worlds.clock import Clock, film_clock, keyframes
from playhead.worlds.edits import validate
from playhead.worlds.render import Renderer
from playhead.worlds.script import AUDIBLE, Speech, Subtitle, World
from playhead.worlds.soundtrack import Voice, heard

SOUND_RATE = 16_000
"""Samples per second of the sound in files."""

_SUBTITLE_CODEC = {".mp4": "mov_text", ".mkv": "subrip"}
_MILLISECOND = Fraction(1, 1000)
_H264 = "bframes=0:scenecut=0:keyint=infinite:threads=1:lookahead-threads=1"
_SMPTE170M = 6  # H.273: the matrix, primaries and transfer of standard definition
_PLAIN_STYLE = b"""[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour
Style: Default,Arial,16,&Hffffff
"""
"""What FFmpeg's text encoders need to start; only mov_text stores anything of it."""
_LEAST_STEP = 64 * 1024


@dataclass(frozen=True)
class Written:
    """What was written."""

    path: Path
    num_bytes: int
    num_frames: int
    silent: int
    """How many speeches are silence, because the espeak-ng program is not installed."""


def has_sound(world: World) -> bool:
    """Whether films of this world have a sound track."""
    modality = world.knobs.modality
    return modality in ("audio", "mixed") or any(isinstance(e, AUDIBLE) for e in world.events)


def has_subtitles(world: World) -> bool:
    """Whether films of this world have a subtitle track."""
    return world.knobs.modality in ("subtitle", "mixed") or bool(world.subtitles)


def write_world(
    world: World, path: str | Path, *, camera: int = 0, voice: Voice | None = None
) -> Written:
    """Film one camera of a world.

    Args:
        world: The script; it must keep the rules of `edits.check`.
        path: A file that ends in .mp4 or .mkv, or a folder, where the file gets a neutral name and
            the container of the knobs. A file there is replaced.
        camera: Which one.
        voice: Who speaks. None: espeak-ng where it is installed.

    Raises:
        ValueError: The script breaks a rule, there is no such camera, or the path has another end.
    """
    validate(world)
    if not 0 <= camera < world.num_cameras:
        raise ValueError(f"this world has cameras 0 to {world.num_cameras - 1}: got {camera}")
    path, voice = _file_path(world, Path(path), camera), voice or Voice()
    clock = film_clock(world, camera)
    # Matroska needs no flags; mp4 puts its index first, so that a player can start at once.
    muxing = {"fflags": "+bitexact", "movflags": "+faststart"}
    with av.open(str(path), "w", container_options=muxing) as file:
        _mux(file, world, camera, clock, path.suffix, voice)
    num_bytes = _pad(path)
    silent = 0
    if not voice.available:
        speeches = world.events_of(Speech)
        silent = sum(world.scenes[speech.scene].camera == camera for speech in speeches)
    return Written(path, num_bytes, clock.num, silent)


def _file_path(world: World, path: Path, camera: int) -> Path:
    if path.is_dir():
        return path / f"{world.id[:16]}-{camera}.{world.knobs.container}"
    if path.suffix not in _SUBTITLE_CODEC:
        raise ValueError(f"a film's name ends in .mp4 or .mkv: got {path.name!r}")
    return path


def _mux(
    file: OutputContainer, world: World, camera: int, clock: Clock, suffix: str, voice: Voice
) -> None:
    """Write all tracks side by side, each a little ahead of the pictures."""
    pictures = _add_pictures(file, world, clock)
    sound = _add_sound(file) if has_sound(world) else None
    texts = _add_texts(file, suffix) if has_subtitles(world) else None
    lines = deque(line for line in world.subtitles if line.camera == camera)
    sound_ms, step_ms = 0, 5_000
    for frame, start_ms in _frames(world, camera, clock):
        while sound is not None and sound_ms <= start_ms:
            end_ms = min(sound_ms + step_ms, world.duration_ms)
            file.mux(sound.encode(_sound_frame(world, camera, sound_ms, end_ms, voice)))
            sound_ms = end_ms if end_ms < world.duration_ms else world.duration_ms + 1
        while texts is not None and lines and lines[0].start_ms <= start_ms:
            file.mux(_text_packet(lines.popleft(), texts, suffix))
        file.mux(pictures.encode(frame))
    file.mux(pictures.encode(None))
    for line in lines if texts is not None else ():
        file.mux(_text_packet(line, cast(SubtitleStream, texts), suffix))
    if sound is not None:
        file.mux(sound.encode(None))


def _add_pictures(file: OutputContainer, world: World, clock: Clock) -> VideoStream:
    options = {
        "preset": "veryfast", "crf": str(world.knobs.crf), "forced-idr": "1", "x264-params": _H264,
    }  # fmt: skip
    stream = file.add_stream("libx264", rate=world.fps, options=options)
    assert isinstance(stream, VideoStream)
    stream.height, stream.width, stream.pix_fmt = world.height, world.width, "yuv420p"
    context = stream.codec_context
    context.time_base = clock.tick_s
    stream.time_base = clock.tick_s
    context.flags |= Flags.frame_duration | Flags.bitexact
    context.color_range, context.colorspace = 1, _SMPTE170M
    context.color_primaries = context.color_trc = _SMPTE170M
    return stream


def _frames(world: World, camera: int, clock: Clock) -> Iterator[tuple[av.VideoFrame, int]]:
    """Every frame of the film and when it starts, in milliseconds."""
    renderer, reformatter = Renderer(world), VideoReformatter()
    forced = set(keyframes(world, clock, camera))
    end = world.duration_ms * clock.tick_s.denominator // 1000
    frame: av.VideoFrame | None = None
    before = np.empty(0, dtype=np.uint8)
    for i in range(clock.num):
        start_ms = clock.shown_ms(i)
        picture = renderer.frame(start_ms, camera)
        if frame is None or not np.array_equal(picture, before):
            frame = reformatter.reformat(
                av.VideoFrame.from_ndarray(picture, format="rgb24"), format="yuv420p",
                dst_colorspace=Colorspace.ITU601, interpolation=Interpolation.AREA, threads=1,
            )  # fmt: skip
            before = picture
        frame.pts, frame.time_base = clock.ticks(i), clock.tick_s
        frame.duration = (clock.ticks(i + 1) if i + 1 < clock.num else end) - clock.ticks(i)
        frame.pict_type = PictureType.I if i in forced else PictureType.NONE
        yield frame, start_ms


def _add_sound(file: OutputContainer) -> AudioStream:
    stream = file.add_stream("aac", rate=SOUND_RATE, options={"b": "32000"})
    assert isinstance(stream, AudioStream)
    stream.layout = "mono"
    stream.codec_context.flags |= Flags.bitexact
    return stream


def _add_texts(file: OutputContainer, suffix: str) -> SubtitleStream:
    stream = file.add_stream(_SUBTITLE_CODEC[suffix])
    assert isinstance(stream, SubtitleStream)
    stream.codec_context.subtitle_header = _PLAIN_STYLE
    return stream


def _sound_frame(
    world: World, camera: int, start_ms: int, end_ms: int, voice: Voice
) -> av.AudioFrame:
    span = Span(start=start_ms / 1000, end=end_ms / 1000)
    sound = heard(world, span, camera=camera, rate=SOUND_RATE, voice=voice)
    frame = av.AudioFrame.from_ndarray(sound.samples[None], "fltp", "mono")
    frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
    frame.pts = start_ms * SOUND_RATE // 1000
    return frame


def _text_packet(line: Subtitle, stream: SubtitleStream, suffix: str) -> Packet:
    """A subtitle line as its container stores it: mov_text counts its bytes, SubRip does not."""
    text = line.text.encode()
    packet = Packet(len(text).to_bytes(2, "big") + text if suffix == ".mp4" else text)
    packet.stream, packet.time_base = stream, _MILLISECOND
    packet.pts = packet.dts = line.start_ms
    packet.duration = line.end_ms - line.start_ms
    return packet


def _pad(path: Path) -> int:
    """Fill a file up to a round size with a box that players skip. Returns the size in bytes."""
    size = path.stat().st_size
    step = max(_LEAST_STEP, 1 << (size.bit_length() - 4))
    missing = -size % step
    missing += step if missing < 16 else 0  # room for the header of the box
    with path.open("ab") as file:
        _write_filler(file, missing, path.suffix)
    return size + missing


def _write_filler(file: BinaryIO, num: int, suffix: Literal[".mp4", ".mkv"] | str) -> None:
    if suffix == ".mp4":
        file.write(num.to_bytes(4, "big") + b"free" + bytes(num - 8))  # ISO/IEC 14496-12, 8.1.2
    else:
        length = num - 9
        file.write(b"\xec" + (length | 1 << 56).to_bytes(8, "big") + bytes(length))  # EBML Void
