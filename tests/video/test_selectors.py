"""Selectors: times that are ascending, different, inside and few enough, and well chosen."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core.errors import NoSuchPlugin, NoSuchTime
from playhead.core.span import Span
from playhead.testing import check_selector
from playhead.video import open_video
from playhead.video.selectors import (
    SELECTORS,
    distinct,
    find_selector,
    keyframes,
    scene_aware,
    uniform,
)
from tests.video.drawn import DrawnVideo, take

FILM = DrawnVideo(np.concatenate([take(seed, 50) for seed in range(4)]), gop=20)
NAMES = sorted(SELECTORS)


@pytest.mark.parametrize("name", NAMES)
def test_a_selector_keeps_the_rules_on_a_real_video(name: str, real_videos: Path):
    with open_video(real_videos / "webb.mp4") as video:
        check_selector(SELECTORS[name], video)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(NAMES), st.floats(0, 7.9), st.floats(1e-9, 9), st.integers(1, 40))
def test_times_are_ascending_different_inside_and_few_enough(
    name: str, start: float, length: float, num_frames: int
):
    span = Span(start=start, end=max(start + length, float(np.nextafter(start, 9))))
    times_s = SELECTORS[name](FILM, span, num_frames)
    assert times_s == sorted(set(times_s))
    assert 1 <= len(times_s) <= num_frames
    assert all(time_s in span and time_s in FILM.info.span for time_s in times_s)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_span_the_whole_video_is_meant(name: str):
    assert SELECTORS[name](FILM, None, 6) == SELECTORS[name](FILM, FILM.info.span, 6)


@pytest.mark.parametrize("select", [uniform, keyframes])
def test_the_cheap_selectors_read_no_picture(select):
    film = DrawnVideo(take(1, 50))
    select(film, None, 8)
    assert film.num_read == 0


def test_keyframes_are_keyframes_spread_over_the_span():
    assert keyframes(FILM, None, 5) == pytest.approx([0.8, 2.4, 4.0, 5.6, 7.2])


def test_a_span_without_a_keyframe_gives_its_uniform_times():
    span = Span(start=0.1, end=0.7)
    assert keyframes(FILM, span, 3) == uniform(FILM, span, 3)


def test_every_shot_is_looked_at_while_there_are_frames():
    times_s = scene_aware(FILM, None, 4)
    assert [int(time_s // 2) for time_s in times_s] == [0, 1, 2, 3]


def test_the_longest_shots_come_first():
    film = DrawnVideo(np.concatenate([take(1, 30), take(2, 100), take(3, 40)]))
    (first,) = scene_aware(film, None, 1)
    assert 30 / 25 <= first < 130 / 25
    shots = [sum(a <= t * 25 < b for t in scene_aware(film, None, 8)) for a, b in
             [(0, 30), (30, 130), (130, 170)]]  # fmt: skip
    assert shots == [1, 5, 2]


def test_what_happens_rarely_is_found_by_distinct_and_not_by_uniform():
    rng = np.random.default_rng(0)
    pixels = np.concatenate([take(1, 750, moving=False)[:, ::2, ::2]])
    pixels = np.clip(pixels + rng.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)
    for picture in pixels[421:446]:
        cv2.circle(picture, (40, 22), 6, (255, 255, 255), -1)
    film, event = DrawnVideo(pixels), Span(start=421 / 25, end=446 / 25)
    assert not any(time_s in event for time_s in uniform(film, None, 4))
    assert any(time_s in event for time_s in distinct(film, None, 4))


def test_a_still_picture_is_distinct_once():
    assert len(distinct(DrawnVideo(take(1, 100, moving=False)), None, 8)) == 1


def test_long_videos_are_looked_through_by_their_keyframes():
    film = DrawnVideo(np.repeat(take(1, 200)[:, ::6, ::6], 20, axis=0), fps=10.0, gop=20)
    distinct(film, None, 8)
    scene_aware(film, None, 8)
    assert film.num_read <= 2 * 200


@pytest.mark.parametrize("name", NAMES)
def test_a_span_outside_the_video_is_refused(name: str):
    with pytest.raises(NoSuchTime):
        SELECTORS[name](FILM, Span(start=50.0, end=60.0), 4)


@pytest.mark.parametrize("name", NAMES)
def test_no_frames_at_all_is_refused(name: str):
    with pytest.raises(ValueError, match="num_frames=0"):
        SELECTORS[name](FILM, None, 0)


def test_a_selector_is_found_by_its_name_and_a_wrong_name_lists_them():
    assert find_selector("uniform") is uniform
    with pytest.raises(NoSuchPlugin, match="scene_aware"):
        find_selector("scene_awar")
