"""Packets by number: a position in the picture stream that is checked, not believed.

Seeking is where decoders go wrong: containers land near the place, not on it, and differ in which
time they seek by. Here a seek is only a hint. The packet that comes next is looked up in the scan
by its stamp and its size, and every packet after it must be the one that the scan saw; if not,
the file is opened afresh and read from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from itertools import chain, islice
from typing import BinaryIO, Self

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from playhead.core.errors import DecodeFailed, VideoError
from playhead.video.decoders.container import (
    DAMAGE,
    VIDEO_DECODERS,
    can_decode,
    only,
    open_container,
    picture_stream,
    prepare,
)
from playhead.video.decoders.scan import Packets, scan
from playhead.video.limits import Limits

_NEAR = 48
"""Reading on over so many packets is cheaper than a seek."""
_UNKNOWN = 256
"""After a seek, give up when so many packets in a row are not known."""
_DECODE_CLOCK = ("mov", "avi", "mpegts", "mpeg")
"""Containers whose index is by decoding time; the others' is by display time."""
_CHANGED = "the file no longer reads as it did when it was opened"
_MARGIN = {"mpegts": (12, 300), "mpeg": (12, 300)}
"""Seek so many packets early. These containers land anywhere, even inside a packet."""


class OutOfStep(Exception):
    """The packets are not those of the scan. Only raised within this package."""


class Reader:
    """An open container with a checked position in its picture stream."""

    def __init__(self, file: BinaryIO, limits: Limits, *, threads: int) -> None:
        """Open `file`, choose its picture stream and scan it.

        Args:
            file: A seekable file; other readers of it are not disturbed.
            limits: What the file may cost.
            threads: How many may decode. 1: an error is raised for the packet that caused it.

        Raises:
            VideoError: It cannot be opened, or has no pictures; see `container` and `scan`.
        """
        self._file, self._limits, self._threads = file, limits, threads
        self._open(None)
        try:
            self.arrange(scan(self.container, self.stream, limits))
        except VideoError:
            self.close()
            raise
        self.position = len(self.packets)

    def _open(self, index: int | None) -> None:
        self.container = open_container(self._file, self._limits)
        self._kind = self.container.format.name.split(",")[0]
        try:
            if index is None:
                self.stream = picture_stream(self.container)
            else:
                self.stream = _same_stream(self.container, index)
        except VideoError:
            self.container.close()
            raise
        only(self.container, self.stream)
        prepare(self.stream, self._limits, threads=self._threads)
        self._coming = self._sized()
        self._sought = False
        self.position = 0

    def arrange(self, packets: Packets) -> None:
        """Go by `packets`, which are the scan's or the scan's in a better order."""
        self.packets = packets
        order = np.argsort(packets.stamp, kind="stable")
        self._order, self._sorted = order.astype(np.int32), packets.stamp[order]
        self.reorder = packets.reorder()

    def twin(self, *, threads: int) -> Reader:
        """A second reader of the same scanned file, at its beginning."""
        twin = copy(self)
        twin._threads = threads
        twin._open(self.stream.index)
        return twin

    def close(self) -> None:
        """Give back the container. Closing twice is fine."""
        self._coming = iter(())
        self.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self) -> Packet | None:
        """The packet at `position`, which moves on; None at the end.

        Raises:
            OutOfStep: It is not the packet that the scan saw there.
        """
        if self.position >= len(self.packets):
            return None
        packet = next(self._coming, None)
        if packet is None or packet.size != self.packets.size[self.position]:
            if self._sought:  # then seeks in this file cannot be checked: no more of them
                self.arrange(replace(self.packets, seekable=False))
            raise OutOfStep
        self.position += 1
        return packet

    def go_to(self, number: int) -> None:
        """Make packet `number` the next one. What the decoder holds is gone afterwards.

        Raises:
            DecodeFailed: It cannot be reached: the file has changed.
        """
        if 0 <= number - self.position <= _NEAR and self._skip_to(number):
            self.stream.codec_context.flush_buffers()
            return
        if self.packets.seekable:
            for margin in _MARGIN.get(self._kind, (0, 12)):
                if self._seek(number, margin) and self._skip_to(number):
                    return
        index = self.stream.index
        self.close()
        self._open(index)
        if not self._skip_to(number):
            raise DecodeFailed(_CHANGED)

    def _seek(self, number: int, margin: int) -> bool:
        """Seek to just before `number`; whether it is clear where that ended, and not after it."""
        clock = self.packets.decode_at if self._kind in _DECODE_CLOCK else self.packets.stamp
        aim = int(clock[max(0, number - margin)])
        try:
            self.container.seek(aim, stream=self.stream, backward=True)
            self._coming = self._sized()
            self._sought = True
            for packet in islice(self._coming, _UNKNOWN):
                found = self._find(packet)
                if found is not None:
                    self._coming = chain((packet,), self._coming)
                    self.position = found
                    return found <= number
        except DAMAGE:
            pass  # not every container can seek: the caller goes on to the next way
        self.position = len(self.packets) + 1
        return False

    def _find(self, packet: Packet) -> int | None:
        """Which packet of the scan this is, by its stamp and size."""
        kind_stamps_by = packet.dts if self.packets.by_dts else packet.pts
        stamp = kind_stamps_by if kind_stamps_by is not None else packet.dts
        if stamp is None:
            return None
        first = int(np.searchsorted(self._sorted, stamp))
        for number in self._order[first : first + 4].tolist():
            if self.packets.stamp[number] == stamp and self.packets.size[number] == packet.size:
                return number
        return None

    def _skip_to(self, number: int) -> bool:
        try:
            while self.position < number:
                if self.read() is None:
                    return False
        except (OutOfStep, *DAMAGE):
            self.position = len(self.packets) + 1
            return False
        return self.position == number

    def _sized(self) -> Iterator[Packet]:
        return (packet for packet in self.container.demux(self.stream) if packet.size)


def _same_stream(container: InputContainer, index: int) -> VideoStream:
    for stream in container.streams.video:
        if stream.index == index and can_decode(stream, VIDEO_DECODERS):
            return stream
    raise DecodeFailed(_CHANGED)
