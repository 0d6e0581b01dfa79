"""OpenCV's decoder: light, everywhere, and strict here because it is not.

OpenCV reads on frame by frame exactly and seeks by guessing, so a seek is followed by a look at
the time of the frame it landed on, and by reading on from there. It opens the first picture
stream of a file and no other, has no AV1 in its wheels, and does not say when a picture is
damaged.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.video.decoders.container import View
from playhead.video.decoders.foreign import ForeignDecoder

_READ_ON = 250
"""Reading on over so many frames is tried before a seek."""
_EARLY_S = (0.5, 5.0, 30.0)
"""Seek so much before the frame, then further, then start from the beginning."""


class OpencvDecoder(ForeignDecoder):
    """Pictures by `cv2.VideoCapture`. See `playhead.video.decoders.base.Decoder`."""

    name = "opencv"

    def _open(self, file: BinaryIO) -> None:
        if self._index != self._first_index:
            self._refuse(f"its pictures are stream {self._index}, and only the first can be read")
        if self.opened.extra["is_interlaced"]:
            self._refuse("its pictures are interlaced, which this build turns into noise")
        self._file = file
        self._capture = cv2.VideoCapture()
        self._restart()
        self._begins_s = self._time_s()
        if not self._has_frame:
            self._refuse(f"no {self.opened.info['codec']} in this build")

    def close(self) -> None:
        """Give back the file."""
        self._capture.release()

    def _restart(self) -> None:
        self._capture.release()
        self._source: Any = io.BufferedReader(View(self._file))  # OpenCV does not keep it alive
        self._capture = cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, [])
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self._has_frame = self._capture.grab()
        self._rank = 0

    def _frames(self, ranks: list[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for rank in ranks:
            if self._go_to(rank):
                known, bgr = self._capture.retrieve()
                if known:
                    yield rank, np.asarray(bgr, np.uint8)[..., ::-1]

    def _go_to(self, rank: int) -> bool:
        """Make frame `rank` the one that was grabbed last."""
        if self._has_frame and 0 <= rank - self._rank <= _READ_ON and self._read_on(rank):
            return True
        for early_s in _EARLY_S if self._packets.seekable and not self._packets.by_dts else ():
            aim_s = self.opened.timeline.times_s[rank] - early_s
            if aim_s > 0 and self._seek(aim_s) and self._rank <= rank and self._read_on(rank):
                return True
        self._restart()
        return self._read_on(rank)

    def _seek(self, aim_s: float) -> bool:
        self._capture.set(cv2.CAP_PROP_POS_MSEC, (aim_s + self._begins_s) * 1000)
        self._has_frame = self._capture.grab()
        self._rank = self._rank_at(self._time_s() - self._begins_s)
        return self._has_frame and self._rank >= 0

    def _read_on(self, rank: int) -> bool:
        """Read frame by frame up to `rank`; whether each had the time that it should have."""
        while self._has_frame and self._rank < rank:
            self._has_frame = self._capture.grab()
            self._rank += 1
        return self._has_frame and self._agrees()

    def _agrees(self) -> bool:
        if self._packets.by_dts:  # no times to compare: frames were counted from the beginning
            return True
        off_s = self._time_s() - self._begins_s - self.opened.timeline.times_s[self._rank]
        return abs(off_s) <= max(1e-4, 2 * float(self._packets.tick_s))

    def _time_s(self) -> float:
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
