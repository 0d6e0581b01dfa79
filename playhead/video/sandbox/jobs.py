"""The work on one file: open it, read pictures, sound and subtitle tracks.

The child does this for the parent; where no child can be had (or none is wanted) the parent does
the same in its own process. Whatever goes wrong comes out as one of our errors: what a decoder
library says about a hostile file is not repeated to anybody.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import DecodeFailed, PlayheadError, TooLarge, VideoError
from playhead.video.decoders import find_decoder
from playhead.video.decoders.base import Decoder
from playhead.video.decoders.sound import read_sound
from playhead.video.decoders.text import read_text_track
from playhead.video.limits import Limits
from playhead.video.sandbox.content import Content

Answer = tuple[dict[str, Any], NDArray[np.uint8]]
"""What is known, as JSON, and the bytes of the large part: pixels, samples or times."""

_FILM = Path(__file__).with_name("warmup.mkv")
"""A kilobyte: 3 black pictures (H.264), 0.3 s of silence (AAC), a subtitle (SubRip, stream 2)."""
_TRIAL: tuple[tuple[str, dict[str, Any]], ...] = (
    ("read", {"times_s": [0.0, 0.15], "max_side": 16}),
    ("sound", {"start_s": 0.0, "end_s": 0.2, "rate": 16_000}),
    ("texts", {"index": 2}),
)


class Jobs:
    """One file at a time, in whichever process this is. Not thread-safe."""

    def __init__(self, decoder: str, limits: Limits) -> None:
        self._open_decoder, self._limits = find_decoder(decoder), limits
        self._decoder: Decoder | None = None
        self._file = -1
        self._jobs: dict[str, Callable[..., Answer]] = {
            "read": self._read,
            "sound": self._sound,
            "texts": self._texts,
        }

    def warm_up(self) -> None:
        """Do every job once on a film of our own, so that all modules that load late are loaded."""
        with suppress(VideoError):
            self.open(os.open(_FILM, os.O_RDONLY))
        for job, arguments in _TRIAL:
            with suppress(VideoError):  # not every backend can do everything
                self.do(job, arguments)
        self.close()

    def open(self, file: int) -> Answer:
        """Work on this file from now on; takes over the descriptor.

        Raises:
            VideoError: It cannot be opened, and why.
        """
        return _in_our_words(self._open, file=file)

    def do(self, job: str, arguments: dict[str, Any]) -> Answer:
        """Do `"read"`, `"sound"` or `"texts"` on the open file.

        Raises:
            VideoError: It cannot be done, and why.
        """
        return _in_our_words(self._jobs[job], **arguments)

    def close(self) -> None:
        """Give back the file."""
        decoder, self._decoder = self._decoder, None
        file, self._file = self._file, -1
        try:
            if decoder is not None:
                decoder.close()
        finally:
            if file >= 0:
                os.close(file)

    def _content(self) -> Any:
        return Content(self._file)

    def _open(self, file: int) -> Answer:
        try:
            self.close()
        finally:
            self._file = file
        self._decoder = decoder = self._open_decoder(self._content(), self._limits)
        opened = decoder.opened
        keyframes_s = opened.timeline.times_s[opened.timeline.is_keyframe]
        return {"info": opened.info}, _bytes(keyframes_s.astype(np.float64, copy=False))

    def _read(self, times_s: list[float], max_side: int | None) -> Answer:
        assert self._decoder is not None
        pictures = self._decoder.read(times_s, max_side)
        known = {
            "shape": list(pictures.pixels.shape),
            "times_s": pictures.times_s.tolist(),
            "missing": pictures.missing,
        }
        return known, _bytes(pictures.pixels)

    def _sound(self, start_s: float, end_s: float, rate: int) -> Answer:
        samples, first_s = read_sound(
            self._content(), self._limits, start_s, end_s, rate, begins_s=self._begins_s()
        )
        return {"start_s": float(first_s)}, _bytes(samples.astype(np.float32, copy=False))

    def _texts(self, index: int) -> Answer:
        events = read_text_track(self._content(), self._limits, index, begins_s=self._begins_s())
        return {"events": events}, np.empty(0, dtype=np.uint8)

    def _begins_s(self) -> float:
        assert self._decoder is not None
        return self._decoder.opened.info["start_s"]


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _in_our_words(work: Callable[..., Answer], **arguments: Any) -> Answer:
    try:
        return work(**arguments)
    except PlayheadError:
        raise
    except MemoryError as error:
        raise TooLarge(
            "decoding needs more memory than limits.memory_bytes allows; "
            "raise that limit if you trust this file"
        ) from error
    except Exception as error:
        raise DecodeFailed(
            "the decoder gave up: the file is damaged here, or of a kind that it cannot handle"
        ) from error
