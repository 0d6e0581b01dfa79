"""Packets in, numbered frames out, and a record of what was damaged on the way.

A `Feed` is a decoder in motion: it knows at which packet it started, what has come out, and which
packets were damaged. Damage spreads: a frame that leans on a damaged one decodes without
complaint and looks wrong. So a frame counts as right only if nothing was damaged between the key
at which its decoding starts and the frame itself.
"""

from __future__ import annotations

from av.packet import Packet
from av.video.frame import PictureType, VideoFrame

from playhead.video.decoders.container import DAMAGE
from playhead.video.decoders.glance import number_of, send
from playhead.video.decoders.reader import OutOfStep, Reader

_SKIPS = ("h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video")
"""Decoders that can leave out frames on which no other leans."""
_MAX_REORDER = 15
"""As far as H.264 can reorder; told to wait for more, FFmpeg's decoder aborts the process."""
_ERRORS = (OutOfStep, *DAMAGE)
_PREDICTED = (PictureType.P, PictureType.B)


class Feed:
    """A decoder in motion. After `begin`, `push` packets one by one; `drain` ends the stretch."""

    def __init__(self, reader: Reader, *, threads: int) -> None:
        self.reader = reader
        self._late = threads - 1
        self._context = reader.stream.codec_context
        self._can_skip = self._context.name in _SKIPS
        self.halt()

    def halt(self) -> None:
        """Forget the stretch: the next one has to `begin`."""
        self.live = False
        self.started = self.whole_from = len(self.reader.packets)
        self.shown = -1
        self.damaged: list[int] = []
        self.false_key = False

    def begin(self, start: int) -> None:
        """Start at packet `start`.

        Raises:
            DecodeFailed: It cannot be reached.
        """
        self.halt()
        self.reader.go_to(start)
        self._context = self.reader.stream.codec_context  # another one if the file was opened again
        if self._context.name == "h264":  # a flush makes it forget how far frames are out of order
            depth = min(self.reader.reorder, _MAX_REORDER)
            self._context.reorder_depth = max(self._context.reorder_depth, depth)
        self.live, self.started, self.whole_from = True, start, start

    def push(self, *, skip: bool = False) -> list[tuple[int, VideoFrame]]:
        """Decode the next packet; what comes out, as `(packet number, frame)`.

        Args:
            skip: If no other frame leans on this one, leave it out.
        """
        number = self.reader.position
        try:
            packet = self.reader.read()
        except _ERRORS:
            self.damaged.append(number)
            self.live = False
            return []
        if packet is None:
            return self.drain()
        if self._can_skip:
            self._context.skip_frame = "NONREF" if skip else "DEFAULT"
            if skip:
                self.whole_from = number + 1
        if self.reader.packets.is_damaged[number]:
            self._hurt(number)
        return self._send(packet, number)

    def drain(self) -> list[tuple[int, VideoFrame]]:
        """All that is still inside. Ends the stretch."""
        frames = self._send(None, self.reader.position - 1)
        self.live = False
        return frames

    def _send(self, packet: Packet | None, number: int) -> list[tuple[int, VideoFrame]]:
        try:
            frames = send(self._context, packet, number)
        except _ERRORS:
            self._hurt(max(self.started, number - self._late))
            return []
        out = []
        for frame in frames:
            at = number_of(frame)
            rank = int(self.reader.packets.rank[at]) if 0 <= at < len(self.reader.packets) else -1
            if frame.is_corrupt:
                self._hurt(at)
            if at == self.started and frame.pict_type in _PREDICTED:
                self.false_key = True
            if rank >= 0:
                self.shown = max(self.shown, rank)
                out.append((at, frame))
        return out

    def _hurt(self, number: int) -> None:
        """Note damage, unless it is in pictures that lean on what was left out on purpose."""
        if number < 0 or self.reader.packets.start[number] >= self.started:
            self.damaged.append(max(number, self.started))

    def is_right(self, number: int) -> bool:
        """Whether nothing that the frame in packet `number` leans on is known to be damaged."""
        start = int(self.reader.packets.start[number])
        return not any(start <= hurt <= number for hurt in self.damaged)
