"""Sound as samples with a clock, and where in it somebody may be speaking.

The one idea: `Sound` carries when its first sample is heard, on the same clock as the pictures, so
a time found in the sound is a time in the video. `speech_activity` finds the stretches that stand
out of the background: where a transcriber should listen, and where a cut would split a sentence.

It is an energy gate and not a speech detector: a door that slams is activity, music is activity
where it is louder than itself, and speech under steady loud music is missed. A trained detector
tells speech from other sounds; this one needs no weights and costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from playhead.core.span import Span, merge

_HOP_S = 0.01
_WINDOW_S = 0.032
_FLOOR_S = 10.0
_SMOOTH = 5
_BANDS_HZ = (150, 400, 900, 1800, 3600)
_SILENCE_DB = -75.0  # below this level in a band everything is silence
_CHUNK = 4096  # windows transformed at once


@dataclass(frozen=True, eq=False)
class Sound:
    """A stretch of mono sound in memory."""

    samples: NDArray[np.float32]
    """`[T]`, full scale is -1 to 1."""
    rate: int
    """Samples per second."""
    start_s: float = 0.0
    """When the first sample is heard, in seconds from the first displayed frame. Negative where
    the sound of a file begins before its pictures."""

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise ValueError(f"sound is float32 [T]: got {self.samples.dtype} {self.samples.shape}")
        if self.rate < 1:
            raise ValueError(f"a rate is a number of samples per second: got {self.rate}")

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def duration_s(self) -> float:
        """How long it is, in seconds."""
        return len(self.samples) / self.rate

    def crop(self, span: Span) -> Sound:
        """The samples heard in `span`; none of them if the two do not touch."""
        first, last = np.clip(
            np.ceil((np.array([span.start, span.end]) - self.start_s) * self.rate - 1e-6),
            0,
            len(self.samples),
        ).astype(int)
        return Sound(self.samples[first:last], self.rate, self.start_s + first / self.rate)


def speech_activity(
    sound: Sound,
    *,
    onset_db: float = 8.0,
    release_db: float = 5.0,
    min_speech_s: float = 0.2,
    min_pause_s: float = 0.35,
) -> list[Span]:
    """Where the sound stands out of its background: an energy gate, not a speech detector.

    Two thresholds over a noise floor, after Rabiner and Sambur, "An algorithm for determining the
    endpoints of isolated utterances" (1975): a stretch that stays above the lower one counts if it
    anywhere passes the upper one. The level is taken in four bands where speech has its energy, and
    the two bands that stand out most decide. The floor of each follows the background as a low
    percentile of the level over ten seconds, the idea of minimum statistics (Martin, 2001).

    Args:
        sound: At 8,000 samples a second or more; fewer leave bands empty.
        onset_db: How far above the floor a stretch must rise somewhere.
        release_db: How far above the floor it must stay.
        min_speech_s: Shorter stretches are left out.
        min_pause_s: Shorter pauses are bridged.

    Returns:
        Spans on the clock of the video, ascending and apart. What lies before its first frame is
        left out.
    """
    levels = _band_levels_db(sound)
    if not len(levels):
        return []
    excess = np.sort(levels - _floor_db(levels), axis=1)[:, -2:].mean(axis=1)
    stretches = _runs(excess > release_db)
    hop_s = _hop(sound.rate) / sound.rate
    spans = [
        Span(start=max(0.0, sound.start_s + first * hop_s), end=sound.start_s + last * hop_s)
        for first, last in stretches
        if excess[first:last].max() > onset_db and sound.start_s + last * hop_s > 0
    ]
    return [span for span in merge(spans, gap_s=min_pause_s) if span.duration >= min_speech_s]


def _hop(rate: int) -> int:
    return max(1, round(rate * _HOP_S))


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """`(first, last + 1)` of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _band_levels_db(sound: Sound) -> NDArray[np.float64]:
    """`[N, bands]`: the level in each band at each hop, smoothed, in dB of full scale."""
    hop, window = _hop(sound.rate), max(2, round(sound.rate * _WINDOW_S))
    num = len(sound.samples) // hop
    padded = np.pad(sound.samples, (window // 2, window))
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:num]
    shape, hertz = np.hanning(window), np.fft.rfftfreq(window, 1 / sound.rate)
    bands = [(hertz >= low) & (hertz < high) for low, high in pairwise(_BANDS_HZ)]
    power = np.empty((num, len(bands)))
    for i in range(0, num, _CHUNK):
        spectrum = np.abs(np.fft.rfft(windows[i : i + _CHUNK] * shape) / window) ** 2
        power[i : i + _CHUNK] = np.stack([spectrum[:, band].sum(axis=1) for band in bands], axis=1)
    power += 10 ** (_SILENCE_DB / 10)
    return 10 * np.log10(_moving_average(power))


def _moving_average(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over `_SMOOTH` rows, the first and last row repeated beyond the ends."""
    if not len(values):
        return values
    padded = np.pad(values, ((_SMOOTH // 2, _SMOOTH // 2), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH, axis=0).mean(axis=-1)


def _floor_db(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """`[N, bands]`: the level of the background around each hop."""
    window = min(len(levels), round(_FLOOR_S / _HOP_S))
    step = max(1, window // 10)
    around = np.lib.stride_tricks.sliding_window_view(levels, window, axis=0)[::step]
    floors = np.percentile(around, 10, axis=2)
    centres = np.arange(len(floors)) * step + window / 2
    hops = np.arange(len(levels))
    return np.stack([np.interp(hops, centres, floor) for floor in floors.T], axis=1)
