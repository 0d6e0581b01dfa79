"""The default decoder: exact pictures by time, with as little decoding as will do.

The scan says which packet holds each asked frame and at which key decoding has to start for it.
So a call is a plan: asked frames that share a stretch of the file are decoded in one go; between
stretches the reader jumps; frames that nobody asked for and no other leans on are left out; a
lone keyframe costs one packet. After a call the decoder stays where it is, so reading on costs no
second start.

A frame is only handed over under the number of its own packet. What does not come out, or leans
on something damaged, goes to `repair.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np
from av.video.frame import VideoFrame

from playhead.core.errors import DecodeFailed
from playhead.video.decoders.base import Opened, Pictures
from playhead.video.decoders.call import check_call, rows_by_frame
from playhead.video.decoders.feed import Feed
from playhead.video.decoders.media import open_media
from playhead.video.decoders.picture import Painter
from playhead.video.decoders.repair import Repair
from playhead.video.limits import Limits

_THREADS = 2
_READ_ON = 4
"""Decoding on over so many packets is cheaper than a new start."""
_CHEAP_START = 8
"""At the end of a call: stop rather than decode ahead if starting again costs so few packets."""
_AHEAD = 64
"""Packets to decode beyond an asked frame, at most, until it comes out."""
_RECENT = 6
"""Frames kept after a call, for a next one that asks for the same moment or reads on."""

Deliver = Callable[[int, VideoFrame], None]


class PyavDecoder:
    """One video open for reading. See `playhead.video.decoders.base.Decoder`."""

    name = "pyav"

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        media = open_media(file, limits, threads=_THREADS)
        self.opened: Opened = media.opened
        self._limits, self._shape, self._reader = limits, media.shape, media.reader
        self._painter = Painter(media.shape, limits)
        self._feed = Feed(self._reader, threads=_THREADS)
        self._repair = Repair(self._reader)
        self._recent: deque[tuple[int, VideoFrame]] = deque(maxlen=_RECENT)

    def read(self, times_s: Sequence[float], max_side: int | None) -> Pictures:
        """The picture on screen at each of `times_s`, ascending, in seconds.

        Raises:
            TooLarge: More than the limits allow; checked before anything is allocated.
            DecodeFailed: None of these pictures can be decoded.
        """
        line = self.opened.timeline
        size = self._shape.size(max_side)
        check_call(len(times_s), size, self._limits)
        ranks = line.index_at(times_s)
        rows = rows_by_frame(ranks)
        pixels = np.empty((len(ranks), *size, 3), np.uint8)

        def paint(rank: int, frame: VideoFrame) -> None:
            first, *others = rows[rank]
            self._painter.paint(frame, pixels[first])
            pixels[others] = pixels[first]

        lost = set(self._fetch(sorted(rows), paint))
        if not lost:
            return Pictures(pixels, line.times_s[ranks])
        source = self._sources(sorted(rows), lost)
        row_of = {rank: rows[rank][0] for rank in rows if rank not in lost}
        for rank in lost:
            row_of.setdefault(source[rank], rows[rank][0])
        damaged = {source[rank] for rank in lost} - (rows.keys() - lost)
        self._repair.fetch(
            damaged, lambda rank, frame: self._painter.paint(frame, pixels[row_of[rank]])
        )
        for rank in lost:
            pixels[rows[rank]] = pixels[row_of[source[rank]]]
        shown = np.array([source[rank] for rank in ranks.tolist()], np.intp)
        return Pictures(pixels, line.times_s[shown], int((shown != ranks).sum()))

    def close(self) -> None:
        """Give back the file and the decoder. Closing twice is fine."""
        self._recent.clear()
        self._feed.halt()
        self._reader.close()
        self._repair.close()

    def _fetch(self, ranks: list[int], deliver: Deliver) -> list[int]:
        """Decode the frames `ranks`, ascending; those that did not come out right."""
        todo = deque(ranks)
        lost: list[int] = []
        for rank, frame in tuple(self._recent):
            if rank in todo:
                deliver(rank, frame)
                todo.remove(rank)
        while todo:
            stretch = self._next_stretch(todo)
            try:
                lost += self._decode(stretch, deliver, is_last=not todo)
            except DecodeFailed:
                lost += stretch
        return lost

    def _next_stretch(self, todo: deque[int]) -> list[int]:
        """Take from `todo` the frames that are best decoded in one go, and get into position."""
        packets = self._reader.packets
        stretch = [todo.popleft()]
        last = int(packets.packet_of[stretch[0]])
        while todo and int(packets.start[packets.packet_of[todo[0]]]) <= last + _READ_ON:
            stretch.append(todo.popleft())
            last = max(last, int(packets.packet_of[stretch[-1]]))
        return stretch

    def _can_read_on(self, stretch: list[int]) -> bool:
        """Whether the decoder, as it stands, will still bring out all of `stretch`."""
        feed, packets = self._feed, self._reader.packets
        numbers = packets.packet_of[stretch]
        start = int(packets.start[numbers].min())
        return (
            feed.live
            and not feed.damaged
            and feed.started <= start <= self._reader.position + _READ_ON
            and int(numbers.min()) >= feed.whole_from
            and stretch[0] > feed.shown
        )

    def _decode(self, stretch: list[int], deliver: Deliver, *, is_last: bool) -> list[int]:
        feed, packets = self._feed, self._reader.packets
        numbers = packets.packet_of[stretch]
        start, last = int(packets.start[numbers].min()), int(numbers.max())
        if not self._can_read_on(stretch):
            feed.begin(start)
        wanted = set(numbers.tolist())
        came: list[int] = []

        def take(frames: list[tuple[int, VideoFrame]]) -> None:
            for number, frame in frames:
                rank = int(packets.rank[number])
                if is_last:
                    self._recent.append((rank, frame))
                if number in wanted:
                    wanted.discard(number)
                    deliver(rank, frame)
                    came.append(number)

        while feed.live and self._reader.position <= last:
            take(feed.push(skip=self._reader.position not in wanted))
        all_out = int(packets.rank[start : last + 1].max())
        if is_last and last - int(packets.start[last]) > _CHEAP_START:
            while feed.live and feed.shown < all_out and self._reader.position <= last + _AHEAD:
                take(feed.push())
        elif feed.live:
            take(feed.drain())
        if feed.false_key:
            self._distrust(feed.started)
        right = {int(packets.rank[n]) for n in came if feed.is_right(n)}
        if feed.damaged:
            self._recent.clear()
        return [rank for rank in stretch if rank not in right]

    def _distrust(self, number: int) -> None:
        """The container says that this packet decodes on its own, and it does not."""
        self._reader.arrange(self._reader.packets.without_key(number))
        self._feed.halt()

    def _sources(self, ranks: list[int], lost: set[int]) -> dict[int, int]:
        """For each asked frame the one to show: itself, or the nearest earlier one that is whole.

        Raises:
            DecodeFailed: There is none for one of them.
        """
        source: dict[int, int] = {}
        before = -1
        for rank in ranks:
            found = self._repair.nearest(rank) if rank in lost else rank
            before = max(before, -1 if found is None else found)  # what is shown never goes back
            if before < 0:
                raise DecodeFailed(
                    f"the picture at {self.opened.timeline.times_s[rank]:.3f} s is damaged, "
                    "and so is everything before it"
                )
            source[rank] = before
        return source
