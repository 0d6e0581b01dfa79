"""The subtitle tracks inside a video file, on the clock of its pictures.

Whatever the track's format, FFmpeg hands over lines of Advanced SubStation Alpha; what is kept is
each line's text, in which `\\N` is a line break and `{\\i1}` and the like are styling. Turning
that into plain text is left to whoever shows it, because the braces say things that some want to
know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any, BinaryIO

from av.packet import Packet

from playhead.core.errors import DecodeFailed, TooLarge
from playhead.video.decoders.container import (
    DAMAGE,
    TEXT_DECODERS,
    can_decode,
    only,
    open_container,
)
from playhead.video.decoders.media import start_s as find_start_s
from playhead.video.limits import Limits

Event = tuple[float, float, str]
"""Start and end in seconds from the first displayed frame, and the text of one subtitle."""

_FIELDS_BEFORE_TEXT = 8
_BYTES_PER_EVENT = 64
_LAST_STAYS_S = 5.0
"""How long a last line stays of which nothing says how long."""


def read_text_track(
    file: BinaryIO, limits: Limits, index: int, *, begins_s: float | None = None
) -> list[Event]:
    """The subtitles of one embedded text track, in the order of their start.

    Args:
        file: A seekable file, open for reading.
        limits: What it may cost.
        index: Which stream of the container it is (`TextTrack.index`).
        begins_s: The container's time of the first displayed frame (`VideoInfo.start_s`). None:
            find out, which means scanning the pictures.

    Returns:
        What is shown from when to when; what is over before the first frame is left out.

    Raises:
        ValueError: Stream `index` is no text track.
        DecodeFailed: Nothing of it can be decoded.
        TooLarge: More text than the limits allow.
    """
    if begins_s is None:
        begins_s = find_start_s(file, limits)
    with open_container(file, limits) as container:
        tracks = [s for s in container.streams.subtitles if can_decode(s, TEXT_DECODERS)]
        track = next((s for s in tracks if s.index == index), None)
        if track is None:
            known = [s.index for s in tracks]
            raise ValueError(f"the text tracks of this file are {known}: got {index}")
        only(container, track)
        events, num_failed = _events(container.demux(track), limits)
    if num_failed and not events:
        raise DecodeFailed(f"subtitle track {index} is damaged: none of it can be decoded")
    return _shown(events, begins_s)


def _events(
    packets: Iterator[Packet], limits: Limits
) -> tuple[list[tuple[float, float | None, str]], int]:
    """`(start, end or None, text)` in the container's time, and how many packets failed."""
    events: list[tuple[float, float | None, str]] = []
    num_failed = num_bytes = 0
    for packet in _readable(packets):
        try:
            text = _text(packet.decode())
        except DAMAGE:
            num_failed += 1
            continue
        num_bytes += len(text) + _BYTES_PER_EVENT
        if num_bytes > limits.bytes_per_call:
            raise TooLarge(f"over {limits.bytes_per_call} bytes of text (limits.bytes_per_call)")
        tick_s = packet.time_base or Fraction(1)
        start_s = float((packet.pts or 0) * tick_s)
        stays_s = float(packet.duration * tick_s) if packet.duration else None
        events.append((start_s, None if stays_s is None else start_s + stays_s, text))
    return events, num_failed


def _readable(packets: Iterator[Packet]) -> Iterator[Packet]:
    """Those that hold something and say when, up to where the file cannot be read any more."""
    with suppress(*DAMAGE):
        for packet in packets:
            if packet.size and packet.pts is not None:
                yield packet


def _text(lines: Any) -> str:
    """The text of the lines that one packet holds."""
    texts = []
    for line in lines:
        fields = line.ass.decode("utf-8", "replace").split(",", _FIELDS_BEFORE_TEXT)
        texts.append(fields[-1] if len(fields) > _FIELDS_BEFORE_TEXT else "")
    return "\\N".join(text for text in texts if text)


def _shown(events: list[tuple[float, float | None, str]], begins_s: float) -> list[Event]:
    """On the clock of the pictures; a line without an end stays until the next."""
    events = sorted(events, key=lambda event: event[0])
    shown: list[Event] = []
    for i, (start_s, end_s, text) in enumerate(events):
        if end_s is None:
            end_s = events[i + 1][0] if i + 1 < len(events) else start_s + _LAST_STAYS_S
        if text.strip() and end_s > begins_s:
            shown.append((max(0.0, start_s - begins_s), end_s - begins_s, text))
    return shown
