"""Sound: samples on the clock of the pictures, and where somebody may be speaking."""

from __future__ import annotations

import shutil
import subprocess
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.core.span import Span, merge
from playhead.video import open_video
from playhead.video.sound import Sound, speech_activity
from playhead.video.subtitles import embedded_subtitles

RATE = 16_000
TALKS = [Span(start=1.5, end=3.5), Span(start=5.0, end=6.0), Span(start=9.0, end=13.0)]


def talking(talks: list[Span], length_s: float, *, noise: float, seed: int = 0) -> np.ndarray:
    """Something like voices: a buzz in syllables, in a steady hiss."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(round(length_s * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 140 * k * times_s) / k for k in range(1, 25))
    syllables = 0.55 - 0.45 * np.cos(2 * np.pi * 4 * times_s)
    is_on = np.zeros(len(times_s))
    for talk in talks:
        is_on[round(talk.start * RATE) : round(talk.end * RATE)] = 1
    return (0.2 * is_on * syllables * buzz + noise * rng.normal(size=len(times_s))).astype(
        np.float32
    )


def overlap_s(spans: list[Span], others: list[Span]) -> float:
    """Seconds that two lists of disjoint spans share."""
    both = [a.intersection(b) for a in spans for b in others]
    return sum(span.duration for span in both if span)


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.05])
def test_voices_are_found_in_silence_and_in_noise(noise: float):
    found = speech_activity(Sound(talking(TALKS, 15.0, noise=noise), RATE))
    assert len(found) == len(TALKS)
    for span, talk in zip(found, TALKS, strict=True):
        assert span.start == pytest.approx(talk.start, abs=0.25)
        assert span.end == pytest.approx(talk.end, abs=0.25)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000])
def test_times_are_right_at_any_rate_and_late_in_a_long_sound(rate: int):
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.001, 120 * rate).astype(np.float32)
    samples[round(100.5 * rate) : round(102 * rate)] *= 100
    (found,) = speech_activity(Sound(samples, rate))
    assert (found.start, found.end) == pytest.approx((100.5, 102), abs=0.1)


def test_times_are_on_the_clock_of_the_video():
    samples = talking(TALKS, 15.0, noise=0.005)
    here, later = (speech_activity(Sound(samples, RATE, start_s)) for start_s in (0.0, 40.0))
    assert [span.start + 40 for span in here] == pytest.approx([span.start for span in later])


def test_what_is_heard_before_the_first_picture_is_left_out():
    found = speech_activity(Sound(talking(TALKS, 15.0, noise=0.005), RATE, -5.5))
    assert [span.start for span in found] == pytest.approx([0.0, 3.5], abs=0.25)


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.3])
def test_steady_noise_and_silence_are_nobody_speaking(level: float):
    rng = np.random.default_rng(1)
    assert speech_activity(Sound(rng.normal(0, level, 30 * RATE).astype(np.float32), RATE)) == []


def test_a_steady_tone_is_nobody_speaking():
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(20 * RATE) / RATE)
    assert speech_activity(Sound(tone.astype(np.float32), RATE)) == []


@given(st.integers(0, 2000), st.integers(1, 48_000), st.floats(-10, 10))
def test_no_length_rate_or_start_is_too_odd(num: int, rate: int, start_s: float):
    samples = np.random.default_rng(num).normal(0, 1, num).astype(np.float32)
    sound = Sound(samples, rate, start_s)
    found = speech_activity(sound, min_speech_s=0.0)
    assert found == merge(found)
    assert all(span.end <= start_s + sound.duration_s + 0.02 for span in found)


def test_the_narration_of_a_real_video_is_where_its_subtitles_are(real_videos: Path):
    with open_video(real_videos / "webb.mp4") as video:
        found = speech_activity(video.sound())
        said = [line.span for line in embedded_subtitles(video)]
    assert overlap_s(found, said) > 0.8 * sum(span.duration for span in said[:3])
    assert overlap_s(found, [Span(start=0.0, end=0.4)]) == 0


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_synthetic_speech_is_found_in_noise(tmp_path: Path):
    said = ("Where is the clean room?", "The ball is under the right cup at the end.", "No.")
    parts, truth, at_s = [], [], 0.0
    for i, sentence in enumerate(said):
        path = tmp_path / f"{i}.wav"
        subprocess.run(["espeak-ng", "-w", str(path), sentence], check=True)
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
        loud = np.flatnonzero(np.abs(samples) > 0.005)
        parts += [np.zeros(2 * rate), samples[loud[0] : loud[-1] + 1]]
        truth.append(Span(start=at_s + 2, end=at_s + 2 + (loud[-1] - loud[0]) / rate))
        at_s = truth[-1].end
    speech = np.concatenate([*parts, np.zeros(rate)])
    noise = np.random.default_rng(0).normal(0, speech[speech != 0].std() / 10**0.5, len(speech))
    found = speech_activity(Sound((speech + noise).astype(np.float32), rate))
    total_s = sum(span.duration for span in truth)
    assert overlap_s(found, truth) > 0.85 * total_s
    assert overlap_s(found, truth) > 0.9 * sum(span.duration for span in found)


def test_a_crop_keeps_the_clock():
    sound = Sound(np.arange(100, dtype=np.float32), 10, 5.0)
    part = sound.crop(Span(start=7.0, end=8.0))
    assert part.samples.tolist() == list(range(20, 30))
    assert part.start_s == 7.0
    assert len(sound.crop(Span(start=0.0, end=5.0))) == 0
    assert len(sound.crop(Span(start=0.0, end=50.0))) == 100


@given(st.lists(st.floats(0, 10), min_size=2, max_size=2, unique=True).map(sorted))
def test_crops_side_by_side_lose_and_repeat_nothing(ends: list[float]):
    sound = Sound(np.arange(120, dtype=np.float32), 12, -0.35)
    first, last = ends
    borders = [0.0, *(b for b in (first, last) if b > 0), 10.0001]
    pieces = [sound.crop(Span(start=a, end=b)) for a, b in pairwise(borders) if a < b]
    joined = np.concatenate([piece.samples for piece in pieces])
    whole = sound.crop(Span(start=0.0, end=10.0001)).samples
    assert joined.tolist() == whole.tolist()


def test_what_is_no_sound_is_refused():
    with pytest.raises(ValueError, match="float32"):
        Sound(np.zeros((2, 10), np.float32), RATE)
    with pytest.raises(ValueError, match="float32"):
        Sound(np.zeros(10), RATE)
    with pytest.raises(ValueError, match="rate"):
        Sound(np.zeros(10, np.float32), 0)
