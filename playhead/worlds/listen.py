"""Listening: the beeps in a stretch of sound.

Beeps are pure tones of three known pitches. They are found by their energy at those frequencies
(Goertzel's idea, done for all windows at once); speech has its energy elsewhere and is left alone.
What is *said* is for a speech recogniser, which this is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from playhead.video.sound import Sound
from playhead.worlds.notice import Tone
from playhead.worlds.script import PITCHES, Pitch
from playhead.worlds.soundtrack import PITCH_HZ

_WINDOW_S, _HOP_S = 0.03, 0.005
_PURE = 0.55
"""Share of a window's energy at one pitch from which it is a beep."""
_LOUD = 0.03
"""Root mean square below which it is silence."""
_LEAST_MS = 60


def tones_in(sound: Sound) -> tuple[Tone, ...]:
    """The beeps of a stretch of sound, in order of time."""
    window, hop = int(_WINDOW_S * sound.rate), int(_HOP_S * sound.rate)
    samples = np.asarray(sound.samples, dtype=np.float64)
    if len(samples) < window:
        return ()
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    energy = np.square(frames).sum(axis=1)
    loud = energy > window * _LOUD**2
    found: list[Tone] = []
    for pitch in PITCHES:
        share = _share(frames, energy, PITCH_HZ[pitch], sound.rate)
        found += _stretches((share > _PURE) & loud, pitch, sound, hop, window)
    return tuple(sorted(found, key=lambda tone: tone.start_ms))


def _share(
    frames: NDArray[np.float64], energy: NDArray[np.float64], hz: int, rate: int
) -> NDArray[np.float64]:
    """Of each window's energy, how much lies at one frequency: 0 to 1."""
    num = frames.shape[1]
    wave = np.exp(-2j * np.pi * hz / rate * np.arange(num))
    return 2 * np.square(np.abs(frames @ wave)) / num / np.maximum(energy, 1e-9)


def _stretches(
    flags: NDArray[np.bool_], pitch: Pitch, sound: Sound, hop: int, window: int
) -> list[Tone]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.view(np.int8), [0]))))
    tones: list[Tone] = []
    for first, last in edges.reshape(-1, 2):
        start = sound.start_s + (first * hop + window / 2) / sound.rate
        end = sound.start_s + (last * hop + window / 2) / sound.rate
        if (end - start) * 1000 >= _LEAST_MS:
            tones.append(Tone(round(start * 1000), round(end * 1000), pitch))
    return tones
