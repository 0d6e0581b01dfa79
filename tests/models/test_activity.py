"""Eyes without weights say what moves, and nothing that pixels cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from playhead.core.evidence import Evidence
from playhead.core.span import Span
from playhead.models.eyes.activity import Activity, ActivityCaptioner, MovingThings, join_tracks
from playhead.video import open_video
from playhead.video.base import Frames
from playhead.worlds import Knobs, VirtualVideo, make_world

Picture = NDArray[np.uint8]

HEIGHT, WIDTH = 90, 160
COLOURS = {
    "red": (220, 30, 30),
    "orange": (240, 140, 20),
    "yellow": (240, 225, 30),
    "green": (30, 160, 50),
    "blue": (30, 60, 220),
    "purple": (130, 40, 180),
    "pink": (250, 160, 190),
    "white": (245, 245, 245),
    "black": (10, 10, 10),
    "brown": (110, 65, 25),
}


@pytest.fixture(scope="module")
def video():
    """Any video: the eyes here take its name and read nothing else of it."""
    with VirtualVideo(make_world(0, Knobs(duration_ms=600_000))) as film:
        yield film


def drawn(paint: Callable[[Picture, int], None], num: int = 32, start_s: float = 0.0) -> Frames:
    """A picture a second: a wall with a pattern on it, and what `paint` paints on it."""
    rng = np.random.default_rng(0)
    wall = cv2.resize(rng.integers(70, 170, (9, 16, 3), dtype=np.uint8), (WIDTH, HEIGHT))
    pictures = np.repeat(wall[None], num, axis=0)
    for i, picture in enumerate(pictures):
        paint(picture, i)
    noisy = pictures + rng.normal(0, 1, pictures.shape)
    times_s = start_s + np.arange(num, dtype=np.float64)
    return Frames(np.clip(noisy, 0, 255).astype(np.uint8), times_s, "drawn")


def block(picture: Picture, top: float, left: float, colour: str, side: int = 24) -> None:
    y, x = int(top * (HEIGHT - side)), int(left * (WIDTH - side))
    picture[y : y + side, x : x + side] = COLOURS[colour]


def whole(frames: Frames) -> Span:
    return Span(start=float(frames.times_s[0]), end=float(frames.times_s[-1]) + 1)


def tracks_of(path: Path, chunk_s: float) -> list[Evidence]:
    with open_video(path) as film:
        found = []
        for start_s in film.info.span.every(chunk_s):
            span = Span(start=start_s, end=start_s + chunk_s).clamp(film.info.span)
            assert span is not None
            found += MovingThings().see(film, span, film.frames(span, fps=1, max_side=320))
    return found


def assert_covers(found: Span, seen: tuple[float, float], slack_s: float = 2.0) -> None:
    assert abs(found.start - seen[0]) <= slack_s
    assert abs(found.end - seen[1]) <= slack_s


def test_the_cars_that_cross_a_parking_lot_are_found(real_videos: Path):
    found = tracks_of(real_videos / "cars.mp4", 64)
    for track, seen in zip(found, ((5, 8), (15, 19), (25, 28)), strict=True):
        assert_covers(track.span, seen)
    assert found[0].text == "1 thing moves: white, large, from bottom to top in the middle"
    assert found[1].text.startswith("2 things move: ")
    assert "red, large, from bottom to top" in found[1].text
    assert "white, large, from top to bottom on the left" in found[1].text


@pytest.mark.parametrize("chunk_s", [64, 140])
def test_six_visits_to_a_table_are_counted_across_chunk_borders(real_videos: Path, chunk_s: float):
    visits = join_tracks(tracks_of(real_videos / "people.mp4", chunk_s))
    by_eye = ((6, 21), (23, 45), (50, 71), (74, 88), (92, 120), (124, 137))
    for visit, seen in zip(visits, by_eye, strict=True):
        assert_covers(visit, seen)


def test_the_calm_between_hands_on_bottles_is_no_track(real_videos: Path):
    found = tracks_of(real_videos / "bottles.mp4", 64)
    for time_s in (9.5, 20.0, 26.0):
        assert not any(time_s in track.span for track in found)
    for time_s in (6.5, 12.5, 17.0, 23.0, 28.5, 36.0):
        assert any(time_s in track.span for track in found)


def test_a_moving_camera_gives_no_tracks_and_the_caption_says_so(real_videos: Path):
    with open_video(real_videos / "crystal.webm") as film:
        frames = film.frames(fps=1, max_side=320)
        assert MovingThings().see(film, film.info.span, frames) == []
        captions = Activity().see(film, film.info.span, frames)
    assert all("The whole view moves." in caption.text for caption in captions)


def test_cuts_are_told(real_videos: Path):
    with open_video(real_videos / "webb.mp4") as film:
        caption = ActivityCaptioner().caption(film.frames(fps=1, max_side=320), film.info.span)
    assert "The view changes to another 2 times." in caption


@pytest.mark.parametrize("colour", COLOURS)
def test_a_thing_is_told_with_its_colour_way_and_time(video, colour: str):
    def paint(picture: Picture, i: int) -> None:
        if 10 <= i < 16:
            block(picture, 0.5, (i - 10) / 5, colour)

    frames = drawn(paint)
    (track,) = MovingThings().see(video, whole(frames), frames)
    assert track.text == f"1 thing moves: {colour}, medium, from left to right in the middle"
    assert track.span == Span(start=10, end=16)
    captions = Activity().see(video, whole(frames), frames)
    assert [f"A medium {colour} thing moves from left to right" in c.text for c in captions] == [
        False,
        True,
        False,
        False,
    ]
    assert "Nothing moves." in captions[0].text


def test_two_things_are_two_with_a_way_each(video):
    def paint(picture: Picture, i: int) -> None:
        if 10 <= i < 16:
            block(picture, (i - 10) / 5, 0.1, "white")
            block(picture, 1 - (i - 10) / 5, 0.9, "red")

    frames = drawn(paint)
    (track,) = MovingThings().see(video, whole(frames), frames)
    assert track.text.startswith("2 things move: ")
    assert "white, medium, from top to bottom on the left" in track.text
    assert "red, medium, from bottom to top on the right" in track.text


def test_who_stands_still_for_a_while_does_not_melt_into_the_background(video):
    def paint(picture: Picture, i: int) -> None:
        if 4 <= i < 12 or 14 <= i < 29:
            block(picture, 0.5, 0.5 + 0.01 * (i % 2), "blue", side=40)

    frames = drawn(paint)
    found = MovingThings().see(video, whole(frames), frames)
    assert [track.span for track in found] == [Span(start=4, end=12), Span(start=14, end=29)]


def test_what_is_left_behind_is_no_track(video):
    def paint(picture: Picture, i: int) -> None:
        if i >= 6:
            block(picture, 0.5, 0.5, "yellow")

    frames = drawn(paint)
    found = MovingThings().see(video, whole(frames), frames)
    assert all(track.span.duration <= 2 for track in found)


def test_a_camera_that_darkens_all_sees_no_thing(video):
    def paint(picture: Picture, i: int) -> None:
        if 8 <= i < 20:
            picture[:] = (picture * 0.75).astype(np.uint8)

    frames = drawn(paint)
    assert MovingThings().see(video, whole(frames), frames) == []


def test_one_picture_is_described_without_a_word_on_motion(video):
    frames = Frames(np.full((1, 90, 160, 3), (20, 30, 200), np.uint8), np.array([3.0]), "drawn")
    assert ActivityCaptioner().caption(frames, Span(start=3, end=4)) == "Mostly blue, dim."
    assert MovingThings().see(video, Span(start=3, end=4), frames) == []


def test_captions_lie_on_multiples_of_eight_seconds_of_the_video(video):
    frames = drawn(lambda picture, i: None, num=20, start_s=37.0)
    spans = [caption.span for caption in Activity().see(video, Span(start=37, end=56.5), frames)]
    assert [(s.start, s.end) for s in spans] == [(37, 40), (40, 48), (48, 56), (56, 56.5)]


def test_a_picture_that_was_on_screen_before_its_second_belongs_to_the_next_eight(video):
    frames = Frames(np.zeros((3, 9, 16, 3), np.uint8), np.array([7.97, 8.96, 9.97]), "drawn")
    (caption,) = Activity().see(video, Span(start=8, end=11), frames)
    assert caption.span == Span(start=8, end=11)
    assert caption.text == "Nothing moves. Mostly black, dark."


def test_a_summary_counts_and_does_not_repeat():
    still = "Nothing moves. Mostly grey, dim."
    lively = "A large red thing moves in the middle (20 % of the picture); the rest is still. "
    span = Span(start=0, end=32)
    text = ActivityCaptioner().summarise([still, lively + "Mostly red, dim.", still, lively], span)
    what = "A large red thing moves in the middle."
    assert text == f"Something happens in 2 of 4 parts: {what} Mostly grey, dim."
    assert ActivityCaptioner().summarise([still, still], span) == still


def test_tracks_of_two_videos_are_not_joined():
    tracks = [Evidence.make(name, Span(start=0, end=1), "track") for name in ("a", "b")]
    with pytest.raises(ValueError, match="2 videos"):
        join_tracks(tracks)


def test_a_stretch_cut_by_a_chunk_border_is_one_again():
    spans = [(60, 64), (64, 70), (80, 81)]
    tracks = [Evidence.make("a", Span(start=s, end=e), "track") for s, e in spans]
    assert join_tracks(tracks) == [Span(start=60, end=70), Span(start=80, end=81)]


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 30), st.integers(1, 30)).flatmap(
        lambda shape: hnp.arrays(np.uint8, (*shape, 3), elements=st.integers(0, 255))
    ),
    st.floats(0, 500),
)
def test_whatever_it_sees_lies_inside_the_span_and_is_the_same_again(
    video, pixels: Picture, start_s: float
):
    frames = Frames(pixels, start_s + np.arange(len(pixels), dtype=np.float64), "drawn")
    span = Span(start=start_s, end=start_s + len(pixels) - 0.5)
    for eye in (Activity(), MovingThings()):
        found = eye.see(video, span, frames)
        assert found == eye.see(video, span, frames)
        assert found == sorted(found, key=lambda evidence: evidence.span.start)
        for evidence in found:
            assert span.start <= evidence.span.start < evidence.span.end <= span.end
            assert evidence.kind == eye.kind
            assert 1 <= len(evidence.frames) <= 2
