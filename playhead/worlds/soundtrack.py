"""What is heard in a world: beeps made of whole numbers, and speech by espeak-ng if it is there.

Any stretch of sound is made at once, as any picture is: the scenes it touches are found by
bisection and only their beeps and words are mixed. A tone is a parabola that follows a sine (error
under 6 %), computed in integers, so beeps are the same samples everywhere. Speech is made by the
espeak-ng program; without it speech is silence, and `Voice.available` says so.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from playhead.core.span import Span
from playhead.video.sound import Sound
from playhead.worlds.script import AUDIBLE, Beep, Speech, World

PITCH_HZ = {"low": 330, "middle": 660, "high": 1320}
"""What the pitches of beeps sound like."""

_AMPLITUDE = 9_000
_RAMP_S = 0.005
_SPEEDS = (170, 240, 340, 450)
_WAV_HEADER = 44
_ESPEAK_RATE = 22_050
_MOST_SAYINGS = 256

Samples = NDArray[np.float32]


class Voice:
    """Speaks by the espeak-ng program. Remembers what it has said."""

    def __init__(self) -> None:
        self._program = shutil.which("espeak-ng")
        self._said: dict[tuple[str, int], Samples] = {}

    @property
    def available(self) -> bool:
        """Whether it can speak. If not, everything it says is silence."""
        return self._program is not None

    def say(self, text: str, most_ms: int) -> Samples:
        """`[T]` at 22,050 samples a second: `text`, hurried and in the end cut to fit `most_ms`."""
        key = (text, most_ms)
        if key not in self._said:
            if len(self._said) >= _MOST_SAYINGS:
                self._said.clear()
            self._said[key] = self._speak(text, most_ms)
        return self._said[key]

    def _speak(self, text: str, most_ms: int) -> Samples:
        most = most_ms * _ESPEAK_RATE // 1000
        if self._program is None:
            return np.zeros(most, dtype=np.float32)
        samples = np.zeros(0, dtype=np.float32)
        for speed in _SPEEDS:
            command = [self._program, "-v", "en", "-s", str(speed), "--stdin", "--stdout"]
            wav = subprocess.run(  # noqa: S603 - our own arguments, the text goes to standard input
                command, input=text.encode(), capture_output=True, check=True, timeout=60
            ).stdout
            whole = np.frombuffer(wav[_WAV_HEADER : len(wav) // 2 * 2], dtype="<i2")
            samples = _scaled(whole)
            if len(samples) <= most:
                break
        return samples[:most]


def heard(world: World, span: Span, *, camera: int = 0, rate: int = 16_000, voice: Voice) -> Sound:
    """The sound of a camera's film in a span, as one channel.

    Args:
        world: The script.
        span: Which part, inside the world, in seconds.
        camera: Whose sound.
        rate: Samples per second.
        voice: Who speaks.
    """
    first, last = math.ceil(span.start * rate - 1e-6), math.ceil(span.end * rate - 1e-6)
    mixed = np.zeros(last - first, dtype=np.float32)
    for event in _audible(world, span, camera):
        if isinstance(event, Beep):
            for i in range(event.beeps):
                start_ms = event.start_ms + i * event.period_ms
                tone = _tone(PITCH_HZ[event.pitch], event.tone_ms * rate // 1000, rate)
                _mix(mixed, tone, start_ms * rate // 1000 - first)
        else:
            said = voice.say(event.text, event.end_ms - event.start_ms)
            _mix(mixed, _resampled(said, rate), event.start_ms * rate // 1000 - first)
    return Sound(np.clip(mixed, -1.0, 1.0), rate, first / rate)


def _audible(world: World, span: Span, camera: int) -> Iterator[Beep | Speech]:
    start_ms, end_ms = int(span.start * 1000), math.ceil(span.end * 1000)
    for scene in world.scenes_during(start_ms, end_ms, camera):
        for event in world.events_in(scene):
            if isinstance(event, AUDIBLE) and event.start_ms < end_ms and start_ms < event.end_ms:
                yield event


def _tone(pitch_hz: int, num: int, rate: int) -> Samples:
    """`[num]`: a tone in whole numbers, softened at both ends."""
    index = np.arange(num, dtype=np.int64)
    phase = (index * pitch_hz * 65_536 // rate) % 65_536
    half = phase % 32_768
    bow = 4 * half * (32_768 - half) // 32_768  # 0 .. 32768 .. 0
    wave = np.where(phase < 32_768, bow, -bow)
    ramp = max(1, int(rate * _RAMP_S))
    soft = np.minimum(np.minimum(index, num - 1 - index), ramp)
    return _scaled(wave * soft // ramp * _AMPLITUDE // 32_768)


def _scaled(samples: NDArray[np.integer]) -> Samples:
    """16-bit samples as floats from -1 to 1."""
    return samples.astype(np.float32) / np.float32(32_768)


def _resampled(samples: Samples, rate: int) -> Samples:
    if rate == _ESPEAK_RATE:
        return samples
    times = np.arange(len(samples) * rate // _ESPEAK_RATE) * (_ESPEAK_RATE / rate)
    return np.interp(times, np.arange(len(samples)), samples).astype(np.float32)


def _mix(mixed: Samples, part: Samples, start: int) -> None:
    """Add `part` to `mixed` from sample `start` on; what lies outside is left out."""
    first, last = max(start, 0), min(start + len(part), len(mixed))
    if first < last:
        mixed[first:last] += part[first - start : last - start]
