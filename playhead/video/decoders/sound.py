"""The sound of a stretch of video, on the clock of its pictures.

Every decoded piece of sound knows when it is heard; it is written where that falls between the
asked start and end, and everything else stays silence: before the sound begins, after it ends,
where it is damaged. Times within 20 ms of where the last piece ended are taken as rounding and
joined, so that a container that counts in milliseconds does not crackle.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from playhead.core.errors import NoSound, TooLarge
from playhead.video.decoders.container import (
    AUDIO_DECODERS,
    DAMAGE,
    can_decode,
    only,
    open_container,
    prepare,
)
from playhead.video.decoders.media import start_s as find_start_s
from playhead.video.limits import Limits

_PREROLL_S = (0.5, 10.0)
"""Seek so much early: decoders need a run-up, and some containers land late."""
_JOIN_S = 0.02


def read_sound(
    file: BinaryIO,
    limits: Limits,
    start_s: float,
    end_s: float,
    rate: int,
    *,
    begins_s: float | None = None,
) -> tuple[NDArray[np.float32], float]:
    """The sound from `start_s` to `end_s` as one channel.

    Args:
        file: A seekable file, open for reading.
        limits: What it may cost.
        start_s: In seconds from the first displayed frame.
        end_s: In seconds from the first displayed frame; after `start_s`.
        rate: Samples a second to hand over.
        begins_s: The container's time of the first displayed frame (`VideoInfo.start_s`). None:
            find out, which means scanning the pictures.

    Returns:
        `[T]` samples, full scale -1 to 1, silence where there is no sound; and when the first is
        heard, which is `start_s`.

    Raises:
        NoSound: The file has no sound, or none that can be decoded.
        TooLarge: More samples than the limits allow.
    """
    if not 0 <= end_s - start_s < float("inf"):
        raise ValueError(f"sound needs start <= end: got {start_s=}, {end_s=}")
    num_samples = round((end_s - start_s) * rate)
    if num_samples * 4 > limits.bytes_per_call:
        raise TooLarge(
            f"{num_samples} samples are {num_samples * 4} bytes; limits.bytes_per_call is "
            f"{limits.bytes_per_call}: ask for shorter spans"
        )
    if begins_s is None:
        begins_s = find_start_s(file, limits)
    with open_container(file, limits) as container:
        stream = _sound_stream(container)
        only(container, stream)
        prepare(stream, limits, threads=1)
        samples = np.zeros(num_samples, np.float32)
        _Tape(samples, rate, begins_s + start_s).record(container, stream)
    return samples, start_s


def _sound_stream(container: InputContainer) -> AudioStream:
    best = container.streams.best("audio")
    usable = [s for s in container.streams.audio if can_decode(s, AUDIO_DECODERS)]
    if not usable:
        raise NoSound("the file has no sound" if best is None else "nothing here decodes its sound")
    return next((s for s in usable if best is not None and s.index == best.index), usable[0])


class _Tape:
    """Samples to be filled, from the container's time `begin_s` on."""

    def __init__(self, samples: NDArray[np.float32], rate: int, begin_s: float) -> None:
        self._samples, self._rate, self._begin_s = samples, rate, begin_s
        self._at: int | None = None
        self._resampler = self._new_resampler()

    def _new_resampler(self) -> AudioResampler:
        return AudioResampler(format="flt", layout="mono", rate=self._rate)

    def record(self, container: InputContainer, stream: AudioStream) -> None:
        """Fill the samples from `stream`.

        Raises:
            NoSound: There is sound here, and none of it can be decoded.
        """
        frames = _Frames(container, stream)
        end_s = self._begin_s + len(self._samples) / self._rate
        for frame in frames.since(self._begin_s):
            if frame.time is not None and frame.time >= end_s:
                break
            for piece in self._resampled(frame):
                self._write(piece)
        for piece in self._resampled(None):
            self._write(piece)
        if frames.num_failed and not frames.num_decoded:
            raise NoSound("the sound of the file is damaged: none of it can be decoded here")

    def _resampled(self, frame: AudioFrame | None) -> list[AudioFrame]:
        try:
            return self._resampler.resample(frame)
        except DAMAGE:  # the sound changes its format here: start over with a new one
            self._resampler = self._new_resampler()
        try:
            return [] if frame is None else self._resampler.resample(frame)
        except DAMAGE:
            return []

    def _write(self, piece: AudioFrame) -> None:
        content = piece.to_ndarray().reshape(-1)
        at = self._at
        if piece.time is not None:
            stated = round((piece.time - self._begin_s) * self._rate)
            if at is None or abs(stated - at) > _JOIN_S * self._rate:
                at = stated
        at = at or 0
        self._at = at + len(content)
        first, last = max(0, at), min(len(self._samples), at + len(content))
        if first < last:
            heard = np.nan_to_num(content[first - at : last - at], posinf=1.0, neginf=-1.0)
            self._samples[first:last] = heard


class _Frames:
    """The decoded sound of a stream, damaged parts left out and counted."""

    def __init__(self, container: InputContainer, stream: AudioStream) -> None:
        self._container, self._stream = container, stream
        self.num_decoded = self.num_failed = 0

    def since(self, time_s: float) -> Iterator[AudioFrame]:
        """Frames from `time_s` (the container's time) or a little before, in order."""
        begins = self._stream.start_time or 0
        tick_s = float(self._stream.time_base or 1)
        for early_s in _PREROLL_S:
            aim = int((time_s - early_s) / tick_s)
            if aim <= begins:
                break
            try:
                self._container.seek(aim, stream=self._stream, backward=True)
            except DAMAGE:
                break
            frames = self._decoded()
            first = next(frames, None)
            if first is not None and first.time is not None and first.time <= time_s:
                yield first
                yield from frames
                return
        with suppress(*DAMAGE):  # not every container can: nothing much has been read yet
            self._container.seek(min(begins, 0), stream=self._stream, backward=True)
        yield from self._decoded()

    def _decoded(self) -> Iterator[AudioFrame]:
        try:
            for packet in self._container.demux(self._stream):
                yield from self._decode(packet)
        except DAMAGE:
            self.num_failed += 1

    def _decode(self, packet: Any) -> list[AudioFrame]:
        try:
            frames = self._stream.decode(packet)
        except EOFError:
            return []
        except DAMAGE:
            self.num_failed += 1
            return []
        self.num_decoded += len(frames)
        return frames
