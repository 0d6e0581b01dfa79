"""Shots: true cuts found to the frame, nothing found where nothing is cut."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core.errors import NoSuchTime
from playhead.core.span import Span
from playhead.video import open_video
from playhead.video.demo import write_demo
from playhead.video.shots import Shot, find_shots, join_shots
from tests.video.drawn import BLACK, DrawnVideo, dissolve, take, write_film

LENGTHS = (40, 13, 75, 22, 61, 30)
TAKES = [take(seed, num) for seed, num in enumerate(LENGTHS)]
CUTS_S = (np.cumsum(LENGTHS)[:-1] / 25).tolist()
FILM = DrawnVideo(np.concatenate(TAKES))


def starts(shots: list[Shot]) -> list[float]:
    return [shot.span.start for shot in shots[1:]]


def test_every_cut_of_a_film_is_found_on_its_frame(tmp_path: Path):
    with open_video(write_film(tmp_path / "film.mp4", FILM.pixels)) as video:
        assert starts(find_shots(video)) == pytest.approx(CUTS_S, abs=1e-4)


@pytest.mark.parametrize(
    "lasts_s",
    [[0.02, 0.05, 0.1, 0.03] * 30, [1.0] * 40 + [1 / 60] * 50 + [1.0] * 30],
    ids=["jittery", "slow, then fast"],
)
def test_a_cut_in_a_film_of_variable_rate_is_found_at_its_own_time(
    lasts_s: list[float], tmp_path: Path
):
    times_s = np.concatenate([[0], np.cumsum(lasts_s)[:-1]]).tolist()
    pixels = np.concatenate([take(1, 41), take(2, 50), take(3, 29)])
    with open_video(write_film(tmp_path / "film.mp4", pixels, times_s=times_s)) as video:
        expected = [times_s[41], times_s[91]]
        assert starts(find_shots(video)) == pytest.approx(expected, abs=1e-4)


def test_the_cuts_of_a_real_film_are_found(real_videos: Path):
    with open_video(real_videos / "bunny.mp4") as video:
        assert starts(find_shots(video)) == pytest.approx([11.875, 15.75, 23.0417], abs=1e-3)


def test_the_keyframes_alone_show_the_cuts_of_a_real_film(real_videos: Path):
    with open_video(real_videos / "bunny.mp4") as video:
        shots = find_shots(video, fps=None, exact=False)
        assert starts(shots) == pytest.approx([11.875, 15.75, 23.0417], abs=1e-3)


def test_cuts_between_keyframes_are_found_from_the_keyframes_when_asked_exactly():
    film = DrawnVideo(np.concatenate(TAKES[:3]), gop=35)
    assert starts(find_shots(film, fps=None, exact=True)) == pytest.approx(CUTS_S[:2])


def test_a_real_dissolve_is_one_border_inside_the_dissolve(real_videos: Path):
    with open_video(real_videos / "webb.mp4") as video:
        mixed, cut = starts(find_shots(video))
        assert 5.0 < mixed < 6.0
        assert cut == pytest.approx(8.008, abs=1e-3)


@pytest.mark.parametrize("name", ["cars.mp4", "bottles.mp4", "cups.mp4", "juggle.mp4"])
def test_one_take_in_which_much_moves_is_one_shot(name: str, real_videos: Path):
    with open_video(real_videos / name) as video:
        assert find_shots(video) == [Shot(video.info.span, None)]


@pytest.mark.parametrize("num", [1, 2, 100])
def test_a_still_picture_is_one_shot(num: int):
    still = DrawnVideo(take(1, num, moving=False))
    assert find_shots(still) == [Shot(still.info.span, None)]


def test_a_dissolve_is_one_border_near_its_middle():
    film = DrawnVideo(dissolve(take(1, 100, moving=False), take(2, 100, moving=False), 20))
    (border,) = starts(find_shots(film))
    assert border == pytest.approx(90 / 25, abs=0.3)


def test_a_fade_through_black_is_one_border_where_the_black_ends():
    black = np.stack([BLACK] * 30)
    film = DrawnVideo(dissolve(dissolve(take(1, 90), black, 10), take(2, 90), 10))
    (border,) = starts(find_shots(film))
    assert 100 / 25 <= border <= 110 / 25 + 0.25


def test_black_at_the_beginning_is_no_shot():
    film = DrawnVideo(np.concatenate([np.stack([BLACK] * 30), take(1, 60)]))
    assert starts(find_shots(film)) == []


def test_a_flash_is_no_cut():
    pixels = take(1, 100)
    pixels[50:52] = 255
    assert starts(find_shots(DrawnVideo(pixels), fps=25.0)) == []


@pytest.mark.parametrize("fps", [2.0, 4.0])
def test_the_pieces_of_a_video_joined_are_the_shots_of_the_whole(fps: float):
    whole = find_shots(FILM, fps=fps)
    borders = [0.0, 2.5, CUTS_S[2], 7.9, FILM.info.duration_s]
    pieces = [Span(start=a, end=b) for a, b in pairwise(borders)]
    assert join_shots([s for piece in pieces for s in find_shots(FILM, piece, fps=fps)]) == whole


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 9), st.floats(0.001, 12), st.sampled_from([2.0, 4.0, None]), st.booleans())
def test_shots_fill_the_span_without_gaps(
    start: float, length: float, fps: float | None, exact: bool
):
    span = Span(start=start, end=start + length)
    shots = find_shots(FILM, span, fps=fps, exact=exact)
    inside = span.intersection(FILM.info.span)
    assert inside is not None
    borders = [inside.start, *(shot.span.start for shot in shots[1:]), inside.end]
    assert [shot.span for shot in shots] == [Span(start=a, end=b) for a, b in pairwise(borders)]
    assert all(shot.score is None or 0 < shot.score <= 1 for shot in shots)


def test_a_span_outside_the_video_is_refused():
    with pytest.raises(NoSuchTime):
        find_shots(FILM, Span(start=100.0, end=101.0))


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_no_rate_is_refused(fps: float):
    with pytest.raises(ValueError, match="fps"):
        find_shots(FILM, fps=fps)


def test_a_title_on_black_is_a_shot_of_its_own(tmp_path: Path):
    write_demo(tmp_path / "demo.mp4")
    with open_video(tmp_path / "demo.mp4") as video:
        starts = [shot.span.start for shot in find_shots(video)]
    expected = [0, 1.5, 6, 7.5, 12, 13.5, 18, 19.5, 24, 25.5]
    assert starts == pytest.approx(expected, abs=0.03)
