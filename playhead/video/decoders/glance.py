"""What only decoding can tell, found out when a file is opened and with as little of it as will do.

Usually one packet is decoded: a frame knows how it is to be turned, and its true size. Where the
container leaves doubt about which packet is which frame, the first two dozen are decoded and
compared with the scan; if they disagree (H.264 with B-frames in AVI, half a frame to a packet),
the whole file is, once, and the order in which its frames come out is their order.

Every packet is sent with its number as its time, and every frame brings the number back: so it is
never guessed which frame came from which packet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from playhead.core.errors import DecodeFailed
from playhead.video.decoders.container import DAMAGE
from playhead.video.decoders.reader import OutOfStep, Reader
from playhead.video.decoders.scan import Packets

_ONE_TO_ONE = ("mov", "matroska", "flv", "gif", "ogg")
"""Containers whose every packet is one whole frame with a time of its own."""
_GLANCE = 24
"""Packets to decode where the container leaves doubt."""
_TRIES = 8
"""Places at which to look for a first picture in a damaged file."""


def send(context: VideoCodecContext, packet: Packet | None, number: int) -> list[VideoFrame]:
    """Decode `packet` under its `number`, or drain with None. `number_of` its frames reads it back.

    Raises:
        av.error.FFmpegError: Damaged: this packet, or with several threads one just before it.
    """
    if packet is not None:
        packet.pts = number
    return cast(list[VideoFrame], context.decode(packet))


def number_of(frame: VideoFrame) -> int:
    """Which packet the frame came from; -1 if it does not say."""
    return -1 if frame.pts is None else frame.pts


def glance(reader: Reader) -> VideoFrame:
    """Decode a little, put `reader.packets` right where need be, and hand over a first picture.

    Raises:
        DecodeFailed: No picture can be decoded where it was tried.
    """
    doubt = reader.container.format.name.split(",")[0] not in _ONE_TO_ONE
    head = _head(reader.packets)
    if doubt or len(head):
        enough = max(_GLANCE, int(head.max(initial=0)) + 2)
        seen = _decode(reader, 0, enough)
        _leave_out(reader, np.setdiff1d(head, seen.came))
        expected = [n for n in reader.packets.packet_of.tolist() if n < enough]
        if doubt and seen.clean and seen.came != expected:
            seen = _decode_all(reader)
        if seen.first is not None:
            return seen.first
    return _first_picture(reader)


def _head(packets: Packets) -> NDArray[np.intp]:
    """What comes before the first key or is displayed before it, and so may not decode."""
    keys = np.flatnonzero(packets.is_key)
    if not len(keys):
        return keys
    display_at = packets.display_at()
    early = (np.arange(len(packets)) < keys[0]) | (display_at < display_at[keys[0]])
    return np.flatnonzero(early & (packets.rank >= 0))


def _leave_out(reader: Reader, numbers: NDArray[np.intp]) -> None:
    if len(numbers):
        shown = reader.packets.rank >= 0
        shown[numbers] = False
        if shown.any():
            better = reader.packets.arranged(reader.packets.display_at(), shown)
            say = f"its first {len(numbers)} pictures do not decode: time 0 is the first that does"
            reader.arrange(replace(better, warnings=(*better.warnings, say)))


@dataclass
class _Seen:
    """What came out of decoding a stretch."""

    came: list[int]
    """Packet numbers of the frames, in the order they came out."""
    first: VideoFrame | None = None
    clean: bool = True
    """Whether nothing was damaged."""


def _decode(reader: Reader, start: int, count: int) -> _Seen:
    """Decode `count` packets from `start` on; keep the first whole picture."""
    seen = _Seen([])
    try:
        reader.go_to(start)
        for _ in range(count):
            packet = reader.read()
            if packet is None:
                break
            _note(seen, reader, packet)
        _note(seen, reader, None)
    except (OutOfStep, DecodeFailed, *DAMAGE):
        seen.clean = False
    return seen


def _note(seen: _Seen, reader: Reader, packet: Packet | None) -> None:
    try:
        frames = send(reader.stream.codec_context, packet, reader.position - 1)
    except DAMAGE:
        seen.clean = False
        return
    for frame in frames:
        if frame.is_corrupt:
            seen.clean = False
        elif seen.first is None:
            seen.first = frame
        seen.came.append(number_of(frame))


def _decode_all(reader: Reader) -> _Seen:
    """Decode the whole file and arrange its packets by what comes out."""
    packets = reader.packets
    seen = _decode(reader, 0, len(packets))
    came = np.array([n for n in dict.fromkeys(seen.came) if n >= 0], np.intp)
    if not len(came):
        raise DecodeFailed("no picture of the file can be decoded")
    display_at = packets.display_at()
    if (np.diff(display_at[came]) < 0).any():  # no usable times: decoding times, in this order
        display_at[came] = np.sort(packets.decode_at[came])
    shown = np.zeros(len(packets), np.bool_)
    shown[came] = True
    reader.arrange(packets.arranged(display_at, shown))
    return seen


def _first_picture(reader: Reader) -> VideoFrame:
    """The first picture of the file that can be decoded, or of one of a few places in it."""
    packets = reader.packets
    first = int(packets.packet_of[0])
    start = int(packets.start[first])
    keys = np.flatnonzero(packets.is_key)
    elsewhere = keys[np.linspace(0, len(keys) - 1, min(len(keys), _TRIES)).astype(np.intp)]
    tries = [(start, first - start + 1), (start, first - start + _GLANCE)]
    for where, count in tries + [(int(key), _GLANCE) for key in elsewhere]:
        seen = _decode(reader, where, count)
        if seen.first is not None:
            return seen.first
    raise DecodeFailed("no picture of the file can be decoded: it is damaged")
