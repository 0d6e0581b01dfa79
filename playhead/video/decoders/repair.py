"""What to show where a file is damaged: the nearest earlier picture that is whole.

Slow and sure: a second reader on the same file, one thread (so that an error belongs to the
packet that raised it), nothing left out, and a start one key early. A first pass over a stretch
learns what is damaged there, a second one fetches pictures. Both happen only where the fast path
failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from av.video.frame import VideoFrame

from playhead.core.errors import DecodeFailed
from playhead.video.decoders.feed import Feed
from playhead.video.decoders.reader import Reader
from playhead.video.decoders.scan import Packets

_STRETCHES = 16
"""How many stretches to go back in search of a whole picture."""


class Repair:
    """Finds whole pictures in damaged places."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._feed: Feed | None = None
        self._packets: Packets | None = None
        self._known: dict[int, tuple[int, frozenset[int]]] = {}

    def close(self) -> None:
        """Give back the second reader, if there is one."""
        if self._feed is not None:
            self._feed.reader.close()
            self._feed = None

    def nearest(self, rank: int) -> int | None:
        """The latest frame not after `rank` that is whole; None: there is none near enough."""
        packets = self._reader.packets
        for _ in range(_STRETCHES):
            number = int(packets.packet_of[rank])
            start = int(packets.start[number])
            whole = [r for r in self._whole(start, number) if r <= rank]
            if whole:
                return max(whole)
            rank = min(self._members(start, number)) - 1
            if rank < 0:
                return None
        return None

    def fetch(self, ranks: Iterable[int], deliver: Callable[[int, VideoFrame], None]) -> None:
        """Decode frames that `nearest` found.

        Raises:
            DecodeFailed: One of them does not come out any more: the file has changed.
        """
        packets = self._reader.packets
        wanted = {int(packets.packet_of[rank]): rank for rank in ranks}
        starts = {int(packets.start[number]) for number in wanted}
        for start in sorted(starts):
            here = {n: r for n, r in wanted.items() if packets.start[n] == start}
            feed = self._begin(start)
            while feed.live and here:
                ahead = feed.reader.position <= max(here)
                for number, frame in feed.push() if ahead else feed.drain():
                    if number in here:
                        deliver(here.pop(number), frame)
            if here:
                raise DecodeFailed("the file no longer decodes as it did before")

    def _members(self, start: int, last: int) -> list[int]:
        """The ranks of the frames up to packet `last` whose decoding starts at `start`."""
        packets = self._reader.packets
        ranks = packets.rank[start : last + 1][packets.start[start : last + 1] == start]
        return ranks[ranks >= 0].tolist()

    def _whole(self, start: int, last: int) -> frozenset[int]:
        """The ranks of those members that come out and lean on nothing damaged."""
        if self._packets is not self._reader.packets:  # it has been arranged anew since
            self._packets = self._reader.packets
            self._known.clear()
        upto, whole = self._known.get(start, (-1, frozenset[int]()))
        if upto < last:
            whole = self._survey(start, last)
            self._known[start] = (last, whole)
        return whole

    def _survey(self, start: int, last: int) -> frozenset[int]:
        try:
            feed = self._begin(start)
        except DecodeFailed:
            return frozenset()
        came: set[int] = set()
        while feed.live and feed.reader.position <= last:
            came.update(number for number, _ in feed.push())
        if feed.live:
            came.update(number for number, _ in feed.drain())
        packet_of = self._reader.packets.packet_of
        members = {int(packet_of[rank]): rank for rank in self._members(start, last)}
        hurt = {number for number in feed.damaged if number >= start} | (members.keys() - came)
        first_hurt = min(hurt, default=last + 1)
        return frozenset(rank for number, rank in members.items() if number < first_hurt)

    def _begin(self, start: int) -> Feed:
        """A single-threaded feed that starts one key before `start`."""
        packets = self._reader.packets
        if self._feed is None:
            self._feed = Feed(self._reader.twin(threads=1), threads=1)
        if self._feed.reader.packets is not packets:
            self._feed.reader.arrange(packets)
        self._feed.begin(int(packets.start[start - 1]) if start else 0)
        return self._feed
