"""What to show where a file is damaged: the nearest earlier picture that is whole.

Slow and sure: a second reader on the same file, one thread (so that an error belongs to the packet
that raised it), nothing left out, and a start one key early. A first pass over the stretch learns
what is damaged, a second one fetches the picture. Both only happen where the fast path failed.
"""

from __future__ import annotations

from av.video.frame import VideoFrame

from playhead.core.errors import DecodeFailed
from playhead.video.decoders.feed import Feed
from playhead.video.decoders.reader import Reader

_STRETCHES = 16
"""How many stretches to go back in search of a whole picture."""


class Repair:
    """Finds whole pictures in damaged places."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._feed: Feed | None = None
        self._known: dict[int, tuple[int, frozenset[int]]] = {}
        self._last: tuple[int, VideoFrame] | None = None

    def close(self) -> None:
        """Give back the second reader, if there is one."""
        if self._feed is not None:
            self._feed.reader.close()
            self._feed = None
        self._last = None

    def nearest(self, rank: int) -> tuple[int, VideoFrame] | None:
        """The latest frame not after `rank` that is whole, and its rank; None: there is none."""
        packets = self._reader.packets
        for _ in range(_STRETCHES):
            number = int(packets.packet_of[rank])
            start = int(packets.start[number])
            whole = [r for r in self._whole(start, number) if r <= rank]
            if whole:
                return self._fetch(start, max(whole))
            rank = min(self._members(start, number)) - 1
            if rank < 0:
                return None
        return None

    def _members(self, start: int, last: int) -> list[int]:
        """The ranks of the frames up to packet `last` whose decoding starts at `start`."""
        packets = self._reader.packets
        ranks = packets.rank[start : last + 1][packets.start[start : last + 1] == start]
        return ranks[ranks >= 0].tolist()

    def _whole(self, start: int, last: int) -> frozenset[int]:
        """The ranks of those members that come out and lean on nothing damaged."""
        upto, whole = self._known.get(start, (-1, frozenset()))
        if upto < last:
            whole = self._survey(start, last)
            self._known[start] = (last, whole)
        return whole

    def _survey(self, start: int, last: int) -> frozenset[int]:
        packets = self._reader.packets
        feed = self._begin(start)
        came: set[int] = set()
        if feed is None:
            return frozenset()
        while feed.live and feed.reader.position <= last:
            came.update(number for number, _ in feed.push())
        if feed.live:
            came.update(number for number, _ in feed.drain())
        members = self._members(start, last)
        numbers = packets.packet_of[members]
        hurt = [n for n in feed.damaged if n >= start]
        hurt += [n for n in numbers.tolist() if n not in came]
        first_hurt = min(hurt, default=last + 1)
        return frozenset(r for r, n in zip(members, numbers.tolist(), strict=True) if n < first_hurt)

    def _fetch(self, start: int, rank: int) -> tuple[int, VideoFrame] | None:
        if self._last is not None and self._last[0] == rank:
            return self._last
        number = int(self._reader.packets.packet_of[rank])
        feed = self._begin(start)
        if feed is None:
            return None
        self._last = None
        while feed.live and self._last is None:
            frames = feed.push() if feed.reader.position <= number else feed.drain()
            self._last = next(((rank, frame) for n, frame in frames if n == number), None)
        return self._last

    def _begin(self, start: int) -> Feed | None:
        """A single-threaded feed that starts one key before `start`."""
        packets = self._reader.packets
        if self._feed is None:
            self._feed = Feed(self._reader.twin(threads=1), threads=1)
        if self._feed.reader.packets is not packets:
            self._feed.reader.arrange(packets)
        try:
            self._feed.begin(int(packets.start[start - 1]) if start else 0)
        except DecodeFailed:
            return None
        return self._feed
