"""What the backends other than PyAV share: our clock, their pictures.

`container.py` opens and scans the file as always and says which frame is on screen when; the
other library is only asked for frame number so and so. It then has to prove that it means the
same frame, by that frame's own time; where it cannot, or where its picture is missing, the call
fails and says to use PyAV. So such a backend may refuse a file, but never shows another moment of
it.

Not covered: damage. These libraries patch up damaged pictures and do not tell; PyAV's are
checked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, NoReturn

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from playhead.core.errors import DecodeFailed, VideoError
from playhead.video.decoders.base import Opened, Pictures
from playhead.video.decoders.call import check_call, rows_by_frame
from playhead.video.decoders.media import open_media
from playhead.video.decoders.picture import Painter
from playhead.video.limits import Limits


class ForeignDecoder(ABC):
    """A decoder that borrows another library's pictures."""

    name: str

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        media = open_media(file, limits)
        self.opened: Opened = media.opened
        self._limits, self._shape = limits, media.shape
        with media.reader as reader:
            self._packets = reader.packets
            self._index = reader.stream.index
            self._first_index = reader.container.streams.video[0].index
        shape = media.shape
        if self._turns():
            if shape.mirrors:
                self._refuse("its pictures are stored mirrored")
            shape = replace(shape, transpose=False, upside_down=False, mirrored=False)
        self._painter = Painter(shape, limits)
        try:
            self._open(file)
        except VideoError:
            raise
        except Exception as error:  # whatever the library raises, in our words
            self._refuse(f"it cannot be opened ({type(error).__name__})")

    @abstractmethod
    def _open(self, file: BinaryIO) -> None:
        """Open the library on `file`."""

    def _turns(self) -> bool:
        """Whether the library turns the pictures of this file by itself."""
        return False

    @abstractmethod
    def _frames(self, ranks: list[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Those frames, ascending, as RGB `[H, W, 3]`, each with the rank it proved to have."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is held."""

    def read(self, times_s: Sequence[float], max_side: int | None) -> Pictures:
        """The picture on screen at each of `times_s`, ascending, in seconds.

        Raises:
            TooLarge: More than the limits allow; checked before anything is allocated.
            DecodeFailed: The library cannot decode one of them, or decodes another.
        """
        line = self.opened.timeline
        size = self._shape.size(max_side)
        check_call(len(times_s), size, self._limits)
        ranks = line.index_at(times_s)
        rows = rows_by_frame(ranks)
        pixels = np.empty((len(ranks), *size, 3), np.uint8)
        missing = set(rows)
        try:
            for rank, rgb in self._frames(sorted(rows)):
                if rank in missing:
                    first, *others = rows[rank]
                    self._painter.paint(_as_frame(rgb), pixels[first])
                    pixels[others] = pixels[first]
                    missing.discard(rank)
        except VideoError:
            raise
        except Exception as error:  # whatever the library raises, in our words
            self._fail(min(missing, default=0), f"failed ({type(error).__name__})")
        if missing:
            self._fail(min(missing), "does not give it")
        return Pictures(pixels, line.times_s[ranks])

    def _fail(self, rank: int, what: str) -> NoReturn:
        time_s = self.opened.timeline.times_s[rank]
        raise DecodeFailed(
            f"the picture at {time_s:.3f} s: {self.name} {what}; use decoder='pyav'"
        ) from None

    def _refuse(self, why: str) -> NoReturn:
        raise DecodeFailed(
            f"{self.name} cannot decode this file: {why}; use decoder='pyav'"
        ) from None

    def _rank_at(self, time_s: float) -> int:
        """Which frame starts being shown at `time_s`; -1 if none does, to within a tick."""
        times_s = self.opened.timeline.times_s
        rank = int(np.searchsorted(times_s, time_s))
        near = [r for r in (rank - 1, rank) if 0 <= r < len(times_s)]
        best = min(near, key=lambda r: abs(times_s[r] - time_s), default=-1)
        off_s = abs(times_s[best] - time_s)
        return best if off_s <= max(1e-4, float(self._packets.tick_s)) else -1


def _as_frame(rgb: NDArray[Any]) -> VideoFrame:
    return VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
