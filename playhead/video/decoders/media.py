"""A file opened, scanned, glanced at and described: what every backend starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from playhead.core.errors import VideoError
from playhead.video.decoders import facts
from playhead.video.decoders.base import Opened
from playhead.video.decoders.container import check_pixels, num_bytes
from playhead.video.decoders.glance import glance
from playhead.video.decoders.picture import Shape, shape_of
from playhead.video.decoders.reader import Reader
from playhead.video.limits import Limits


@dataclass(frozen=True)
class Media:
    """One open file. Whoever asked for it closes `reader`."""

    opened: Opened
    reader: Reader
    shape: Shape


def open_media(file: BinaryIO, limits: Limits, *, threads: int = 1) -> Media:
    """Open `file` behind the allow-lists and find out what it is.

    Args:
        file: A seekable file, open for reading; it stays open and is not owned.
        limits: What it may cost.
        threads: How many may decode.

    Raises:
        NotAVideo: Empty, cut off, damaged or of a kind that is not read.
        NoPicture: Sound only.
        TooLarge: Over one of the limits.
        DecodeFailed: Not one picture of it can be decoded.
    """
    reader = Reader(file, limits, threads=threads)
    try:
        frame = glance(reader)
        shape = shape_of(frame, reader.stream.sample_aspect_ratio)
        check_pixels(shape.height, shape.width, limits)
        line = facts.timeline(reader.packets, reader.stream)
        info = facts.describe(
            reader.container, reader.stream, reader.packets, line, frame, shape, num_bytes(file)
        )
    except VideoError:
        reader.close()
        raise
    extra = {"stream": reader.stream.index, "is_interlaced": frame.interlaced_frame}
    return Media(Opened(info, line, extra), reader, shape)


def start_s(file: BinaryIO, limits: Limits) -> float:
    """The container's time of the first displayed frame, in seconds. Scans the whole file.

    Raises:
        VideoError: As `open_media`.
    """
    media = open_media(file, limits)
    media.reader.close()
    return float(media.opened.info["start_s"])
