"""Every packet of the picture stream, read once without decoding: the truth about time.

Headers lie: about the length, the frame rate, the number of frames. Packets say when each frame
is shown and whether it decodes on its own, and reading them all costs microseconds each. So a
file is scanned when it is opened, and everything later (which frame is on screen, where to start
decoding for it, whether the frame that came out is the one that was asked for) is a look-up in
`Packets`.

A packet is not always a frame that is shown. Left out are the packets that an edit list discards
and the hidden reference pictures of VP8 and VP9. What only decoding can tell (packets without
times, half a frame to a packet, pictures before the first that decodes) `glance.py` finds out.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from playhead.core.errors import NotAVideo, TooLarge
from playhead.video.decoders.container import DAMAGE
from playhead.video.decoders.peek import hides, is_intra
from playhead.video.limits import Limits

NO_TIME = -(2**63)
"""Stands for a missing time in columns of ticks."""
_JUMP_S = 0.25
"""A decoding time this much earlier than the one before it starts a new clock."""
_RESTARTS = ("mpegts", "mpeg", "flv")
"""Containers in which one recording may follow another, each with a clock of its own."""
_DERIVED_TIMES = ("avi", "mpeg")
"""Containers that store decoding times only; display times are worked out by the demuxer."""
_FARTHEST = 2**55
"""Ticks beyond which a time is nonsense: more than a year, in nanoseconds."""
_SEAM = 2
"""Packets on either side of such a seam that the demuxer takes for damaged without reason."""


@dataclass(frozen=True)
class Packets:
    """The packets of one picture stream in the order of the file (`P`) and its frames (`N`)."""

    stamp: NDArray[np.int64]
    """`[P]`: a time in ticks that the packet carries wherever reading starts: tells them apart."""
    decode_at: NDArray[np.int64]
    """`[P]`: decoding time in ticks; the stamp where there is none."""
    size: NDArray[np.int32]
    """`[P]`: bytes."""
    is_key: NDArray[np.bool_]
    """`[P]`: whether the container says that it decodes on its own."""
    is_damaged: NDArray[np.bool_]
    """`[P]`: whether the container says that some of it is lost."""
    ticks: NDArray[np.int64]
    """`[P]`: for how long it is shown, in ticks; 0: it does not say."""
    tick_s: Fraction
    """Seconds in a tick."""
    rank: NDArray[np.int32]
    """`[P]`: which frame it holds, in display order; -1: none that is shown."""
    start: NDArray[np.int32]
    """`[P]`: the packet at which decoding has to start for this one to come out right."""
    shown_at: NDArray[np.int64]
    """`[N]`: when each frame is shown, in ticks; ascending."""
    packet_of: NDArray[np.int32]
    """`[N]`: which packet holds it."""
    by_dts: bool = False
    """Whether stamps are decoding times."""
    seekable: bool = True
    """False: stamps do not tell the packets apart; read from the beginning only."""
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.stamp)

    def arranged(self, display_at: NDArray[np.int64], shown: NDArray[np.bool_]) -> Packets:
        """The same packets, of which those in `shown` `[P]` are displayed at `display_at` `[P]`."""
        packet_of = np.flatnonzero(shown)
        packet_of = packet_of[np.argsort(display_at[packet_of], kind="stable")]
        rank = np.full(len(self), -1, np.int32)
        rank[packet_of] = np.arange(len(packet_of), dtype=np.int32)
        return replace(
            self,
            rank=rank,
            start=_starts(self.is_key, display_at),
            shown_at=display_at[packet_of],
            packet_of=packet_of.astype(np.int32),
        )

    def without_key(self, number: int) -> Packets:
        """The same packets, of which `number` does not decode on its own after all."""
        is_key = self.is_key.copy()
        is_key[number] = False
        return replace(self, is_key=is_key, start=_starts(is_key, self.display_at()))

    def display_at(self) -> NDArray[np.int64]:
        """`[P]`: when each packet is shown, in ticks; the stamp where it is not."""
        display_at = self.stamp.copy()
        display_at[self.packet_of] = self.shown_at
        return display_at

    def reorder(self) -> int:
        """By how many frames decoding order runs ahead of display order."""
        ranks = self.rank[self.rank >= 0]
        if not len(ranks):
            return 0
        earlier_with_higher_rank = np.arange(len(ranks)) - ranks
        return max(0, int(earlier_with_higher_rank.max()))


def _starts(is_key: NDArray[np.bool_], display_at: NDArray[np.int64]) -> NDArray[np.int32]:
    """For each packet the last key at or before it that is not displayed after it."""
    keys = np.flatnonzero(is_key)
    if not len(keys):
        return np.zeros(len(is_key), np.int32)
    which = np.searchsorted(keys, np.arange(len(is_key)), side="right") - 1
    leading = (which > 0) & (display_at < display_at[keys[which]])
    while leading.any():  # open GOP: displayed before its key, so it leans on the key before
        which[leading] -= 1
        leading &= (which > 0) & (display_at < display_at[keys[which]])
    return np.where(which < 0, 0, keys[which]).astype(np.int32)


def scan(container: InputContainer, stream: VideoStream, limits: Limits) -> Packets:
    """Read every packet of `stream` from the beginning, where `container` stands, to the end.

    Raises:
        TooLarge: More packets than `limits` allows.
        NotAVideo: No packet can be read.
    """
    cells = array("q")
    warnings: tuple[str, ...] = ()
    try:
        for row in islice(_rows(container, stream), limits.packets + 1):
            cells.extend(row)
    except DAMAGE:
        warnings = ("the file is damaged: reading stopped before its end",)
    if len(cells) > limits.packets * _COLUMNS:
        raise TooLarge(f"more than {limits.packets} packets of pictures (limits.packets)")
    if not cells:
        raise NotAVideo("the file promises pictures but holds none: it is empty or cut off")
    table = np.frombuffer(cells, np.int64).reshape(-1, _COLUMNS)
    kind = container.format.name.split(",")[0]
    packets = _packets(table, Fraction(stream.time_base or 1), kind, warnings)
    if not len(packets.packet_of):
        raise NotAVideo("the file promises pictures and shows none of them")
    return packets


_COLUMNS, _KEY, _DAMAGED, _SHOWN, _SIZE_BITS = 4, 1, 2, 4, 3


def _rows(container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, int, int, int]]:
    """For each packet its display time, decoding time and duration, and its size with flags."""
    context = stream.codec_context
    hidden, intra = hides(context.name), is_intra(context.name, context.extradata)
    for packet in container.demux(stream):
        size = packet.size
        if not size:
            continue
        flags = 0
        if packet.is_keyframe and (intra is None or intra(packet)):
            flags |= _KEY
        if packet.is_corrupt:
            flags |= _DAMAGED
        if not (packet.is_discard or (hidden is not None and hidden(packet))):
            flags |= _SHOWN
        pts, dts = packet.pts, packet.dts
        yield (
            NO_TIME if pts is None else pts,
            NO_TIME if dts is None else dts,
            packet.duration or 0,
            size << _SIZE_BITS | flags,
        )


def _packets(
    table: NDArray[np.int64], tick_s: Fraction, kind: str, warnings: tuple[str, ...]
) -> Packets:
    pts, dts, ticks, rest = table.T.copy()
    for clock in (pts, dts):
        clock[(clock < -_FARTHEST) | (clock > _FARTHEST)] = NO_TIME
    display_at = np.where(pts != NO_TIME, pts, dts)
    is_timed = display_at != NO_TIME
    if not is_timed.all():
        warnings += (f"{int((~is_timed).sum())} packets have no time: theirs was guessed",)
        display_at = _guessed(display_at, is_timed, ticks)
    is_damaged = (rest & _DAMAGED) > 0
    by_dts = kind in _DERIVED_TIMES
    stamp = np.where(by_dts & (dts != NO_TIME), dts, display_at)
    joints: list[int] = []
    if kind in _RESTARTS:
        joints = _seams(dts, _JUMP_S / float(tick_s))
        for seam in _seams(dts, 0):
            is_damaged[max(0, seam - _SEAM) : seam + _SEAM] = False
    if joints:
        warnings += (f"its clock starts again {len(joints)} times: the parts were joined",)
    empty = np.empty(0, np.int32)
    bare = Packets(
        stamp=stamp,
        decode_at=np.where(dts != NO_TIME, dts, stamp),
        size=(rest >> _SIZE_BITS).astype(np.int32),
        is_key=(rest & _KEY) > 0,
        is_damaged=is_damaged,
        ticks=ticks,
        tick_s=tick_s,
        rank=empty,
        start=empty,
        shown_at=np.empty(0, np.int64),
        packet_of=empty,
        by_dts=by_dts,
        seekable=bool(is_timed.all()) and not joints,
        warnings=warnings,
    )
    return bare.arranged(_joined(display_at, dts, joints), (rest & _SHOWN) > 0)


def _guessed(
    display_at: NDArray[np.int64], is_timed: NDArray[np.bool_], ticks: NDArray[np.int64]
) -> NDArray[np.int64]:
    """`display_at` where it is known, and counted on from there in usual steps where it is not."""
    usual = max(1, int(np.median(ticks[ticks > 0]))) if (ticks > 0).any() else 1
    number = np.arange(len(display_at))
    known = np.maximum.accumulate(np.where(is_timed, number, -1))
    base = np.where(known >= 0, display_at[known], 0)
    return base + (number - np.maximum(known, 0)) * usual


def _seams(dts: NDArray[np.int64], ticks: float) -> list[int]:
    """The packets at which the decoding clock jumps back by more than `ticks`."""
    known = np.flatnonzero(dts != NO_TIME)
    jumps = np.flatnonzero(np.diff(dts[known]) < -ticks)
    return known[jumps + 1].tolist()


def _joined(
    display_at: NDArray[np.int64], dts: NDArray[np.int64], joints: list[int]
) -> NDArray[np.int64]:
    """`display_at` with the part after each joint moved to where the part before it ends."""
    if not joints:
        return display_at
    steps = np.diff(dts)
    usual = int(np.median(steps[steps > 0]))
    moved = display_at.copy()
    for before, joint, after in zip([0, *joints], joints, [*joints[1:], len(dts)], strict=False):
        moved[joint:] += moved[before:joint].max() + usual - moved[joint:after].min()
    return moved
