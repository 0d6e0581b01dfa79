"""The plainest decoder: from the first packet to the last, keeping nothing. The tests' referee."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PlainFrame:
    """A decoded frame."""

    time_s: float
    """From the first decoded frame."""
    is_keyframe: bool
    picture: NDArray[np.uint8]
    """RGB `[H, W, 3]`, upright, pixels as stored."""


def decode_all(path: Path, *, width: int | None = None) -> Iterator[PlainFrame]:
    """Every frame of the first picture stream, or of the first that is `width` pixels wide."""
    with av.open(str(path)) as file:
        streams = [s for s in file.streams.video if width in (None, s.width, s.height)]
        first_s = None
        for frame in file.decode(streams[0]):
            stored = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
            picture = np.rot90(stored, frame.rotation // 90)
            first_s = frame.time if first_s is None else first_s
            yield PlainFrame(frame.time - first_s, frame.key_frame, picture)
