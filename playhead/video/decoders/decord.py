"""decord: the decoder that much video research was written with.

Its FFmpeg is of 2018: no AV1, no GIF, nothing without a stated duration. It seeks to the keyframe
before a frame and counts from there, which gives another frame wherever that is not the whole
story: in MPEG-TS and its like, in open GOPs, with intra refresh, with two frames at one time.
Such files are refused, as are those of which it does not see the same frames at the same times as
we do. It holds the whole file in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from playhead.video.decoders.container import View
from playhead.video.decoders.foreign import ForeignDecoder

_CONTAINERS = ("mov", "matroska")
_CLOSE_S = 2e-3
"""It tells times as 32-bit numbers: so much they are off after hours."""


class DecordDecoder(ForeignDecoder):
    """Pictures by `decord.VideoReader`. See `playhead.video.decoders.base.Decoder`."""

    name = "decord"

    def _turns(self) -> bool:
        return self.opened.info["container"] == "mov"

    def _open(self, file: BinaryIO) -> None:
        from decord import VideoReader, cpu

        self._check_kind()
        self._reader: Any = VideoReader(View(file), ctx=cpu(0), num_threads=2)
        line = self.opened.timeline
        num_frames = len(line.times_s)
        if len(self._reader) != num_frames:
            self._refuse(f"it sees {len(self._reader)} frames and not {num_frames}")
        if list(self._reader.get_key_indices()) != np.flatnonzero(line.is_keyframe).tolist():
            self._refuse("it takes frames for keyframes that do not decode on their own")
        spans_s = self._reader.get_frame_timestamp(np.arange(num_frames))
        self._times_s = np.asarray(spans_s, np.float64)[:, 0]

    def _check_kind(self) -> None:
        """Refuse what it is known to misread."""
        info, packets = self.opened.info, self._packets
        if info["container"] not in _CONTAINERS:
            self._refuse(f"it misreads {info['container']}")
        if info["num_bytes"] > self._limits.memory_bytes // 2:
            self._refuse("it would read the whole file into memory (limits.memory_bytes)")
        if (np.diff(self.opened.timeline.times_s) == 0).any():
            self._refuse("two of its frames have the same time")
        number = np.arange(len(packets))
        last_key = np.maximum.accumulate(np.where(packets.is_key, number, 0))
        if (packets.start != last_key)[packets.packet_of].any():
            self._refuse("some of its frames refer to pictures before their keyframe (open GOP)")

    def close(self) -> None:
        """Give back the file."""
        self._reader = None

    def _frames(self, ranks: list[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        begins_s = self._times_s[0]
        for rank in ranks:
            time_s = self._times_s[rank] - begins_s
            if abs(time_s - self.opened.timeline.times_s[rank]) <= _CLOSE_S:
                yield rank, self._reader[rank].asnumpy()
