"""What a decoder backend is: one file open in one process, pictures by time.

Decoders run inside the confined child (`playhead.video.sandbox`), so this package imports only the
standard library, numpy, PyAV and the backend's own library: no pydantic, and of `playhead.core`
only `errors`. What they know travels to the parent as plain JSON.

The container is always read by PyAV behind the allow-list of `container.py`: it alone decides what
is opened, at which times frames are shown (`Timeline`) and what the file claims. A backend only
turns an asked time into the right picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.video.limits import Limits


@dataclass(frozen=True)
class Timeline:
    """Every displayed frame of one picture stream, in display order, from a demux-only scan."""

    times_s: NDArray[np.float64]
    """`[N]`: when each frame starts being shown; the first is 0."""
    is_keyframe: NDArray[np.bool_]
    """`[N]`: whether it decodes on its own."""
    end_s: float
    """When the last frame stops being shown."""

    def index_at(self, times_s: Sequence[float]) -> NDArray[np.intp]:
        """Which frame is on screen at each time."""
        index = np.searchsorted(self.times_s, np.asarray(times_s) + 1e-9, side="right") - 1
        return np.maximum(index, 0)


@dataclass(frozen=True)
class Pictures:
    """What a backend hands over."""

    pixels: NDArray[np.uint8]
    """RGB `[N, H, W, 3]`, upright, square pixels."""
    times_s: NDArray[np.float64]
    """`[N]`: when each starts being shown."""
    missing: int = 0
    """How many of them are the nearest earlier picture because their own is damaged."""


@dataclass(frozen=True)
class Opened:
    """A file that passed the checks, with what is known about it."""

    info: dict[str, Any]
    """The fields of `playhead.core.media.VideoInfo`, as JSON values."""
    timeline: Timeline
    extra: dict[str, Any] = field(default_factory=dict)


class Decoder(Protocol):
    """One open video in one process. Not thread-safe: one caller at a time."""

    name: str
    opened: Opened

    def read(self, times_s: Sequence[float], max_side: int | None) -> Pictures:
        """The picture on screen at each of `times_s`, which are ascending and inside the video.

        Raises:
            TooLarge: More than `limits` allows; checked before anything is allocated.
            DecodeFailed: None of these pictures can be decoded.
        """
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


class OpenDecoder(Protocol):
    """How a backend is made. `file` is a seekable regular file, open for reading."""

    def __call__(self, file: BinaryIO, limits: Limits) -> Decoder:
        """Open `file`."""
        ...
