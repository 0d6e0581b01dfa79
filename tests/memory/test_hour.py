"""Memory of real film: what is cut out of it or said in it is found at the seconds where it is.

Three minutes by default, the whole hour with `-m slow`. The film is made of real clips whose true
seconds are known, see `hour`. Pictures to look for are such as people have: a part of a frame,
smaller, recompressed. What is demanded leaves a margin; what was found is written down in
docs/benchmarks/memory.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.core.span import Span
from playhead.memory.disk import DiskMemory
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.memory.units import Tier, do, units
from playhead.video import open_video
from tests.memory.hour import SOURCES, Hour, make_hour

PLAIN = MemoryRecipe(late_eyes=())
MOVING = ("bunny.mp4", "cups.mp4", "blocks.mp4", "juggle.mp4", "crystal.webm")
"""Clips in which two seconds make a difference all the time."""


@dataclass(frozen=True)
class Indexed:
    """A film and the folder of the library that knows it."""

    hour: Hour
    folder: Path


@dataclass(frozen=True, eq=False)
class Cutting:
    """A part of a frame of a clip, as somebody has it who looks for it."""

    source: str
    time_s: float
    picture: NDArray[np.uint8]


@dataclass(frozen=True)
class Found:
    """How many of some cuttings were found, as shares."""

    right_clip: float
    """The first hit lies in a take that shows the clip."""
    right_moment: float
    """It lies within two seconds of a moment that shows that frame; clips that move only."""


@pytest.fixture(scope="module")
def short(real_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    return index(make_hour(tmp_path_factory.mktemp("short"), real_videos, minutes=3.0))


@pytest.fixture(scope="module")
def whole(real_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    return index(make_hour(tmp_path_factory.mktemp("whole"), real_videos, minutes=60.0))


@pytest.fixture(scope="module")
def short_cuttings(short: Indexed, real_videos: Path) -> list[Cutting]:
    return cuttings(short.hour, real_videos, 24)


@pytest.fixture(scope="module")
def whole_cuttings(whole: Indexed, real_videos: Path) -> list[Cutting]:
    return cuttings(whole.hour, real_videos, 200)


def index(hour: Hour) -> Indexed:
    folder = hour.path.parent / "library"
    with Library(folder, recipe=PLAIN) as library:
        library.add(hour.path)
        assert library.wait(600)
    return Indexed(hour, folder)


def cuttings(hour: Hour, videos: Path, num: int, seed: int = 0) -> list[Cutting]:
    """Parts of random frames that are on in the hour, of every clip in turn."""
    rng = np.random.default_rng(seed)
    found: list[Cutting] = []
    sources = sorted({take.source for take in hour.takes})
    for number, source in enumerate(sources):
        with open_video(videos / source, sandbox=False) as video:
            while len(found) < num * (number + 1) // len(sources):
                time_s = float(rng.uniform(0, video.info.duration_s))
                if hour.moments(source, time_s):
                    picture = video.frames_at([time_s]).pixels[0]
                    found.append(Cutting(source, time_s, cut_out(picture, rng)))
    return found


def cut_out(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """80 to 90 % of each side, from anywhere, a third to all of its size, as a poor JPEG."""
    height, width = (round(side * rng.uniform(0.8, 0.9)) for side in picture.shape[:2])
    top = int(rng.integers(0, picture.shape[0] - height + 1))
    left = int(rng.integers(0, picture.shape[1] - width + 1))
    part = np.ascontiguousarray(picture[top : top + height, left : left + width])
    scale = rng.uniform(0.33, 1.0)
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    stored = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)


def look_for(searched: DiskMemory | Library, hour: Hour, wanted: Sequence[Cutting]) -> Found:
    """Look for every cutting, and see where the first hit lies."""
    is_right: list[bool] = []
    is_near: list[bool] = []
    for cutting in wanted:
        (hit, *_) = searched.search(image=cutting.picture)
        time_s = hit.evidence.frames[0].time_s
        take = hour.take_at(time_s)
        is_right.append(take.source == cutting.source)
        if cutting.source in MOVING:
            moments = hour.moments(cutting.source, cutting.time_s)
            is_near.append(min(abs(time_s - moment) for moment in moments) <= 2.0)
    return Found(float(np.mean(is_right)), float(np.mean(is_near)))


def test_a_repeated_take_shows_the_very_same_pictures(real_videos: Path, tmp_path: Path):
    hour = make_hour(tmp_path, real_videos, minutes=0.7, sources=["webb.mp4"])
    first, again = next(
        (take, other)
        for take in hour.takes
        for other in hour.takes
        if take.span < other.span and take.variant == other.variant
    )
    into_s = [0.3, 4.2, 9.95]
    with open_video(hour.path) as video:
        assert video.info.duration_s == pytest.approx(hour.duration_s)
        pictures = [
            video.frames_at([take.span.start + into for into in into_s]) for take in (first, again)
        ]
    assert np.array_equal(pictures[0].pixels, pictures[1].pixels)
    assert pictures[1].times_s - pictures[0].times_s == pytest.approx(
        again.span.start - first.span.start
    )


def test_a_second_of_the_hour_shows_the_second_of_the_clip(short: Indexed, real_videos: Path):
    take = next(take for take in short.hour.takes if take.source != "webb.mp4")
    into_s = take.span.duration / 2
    with open_video(short.hour.path) as film, open_video(real_videos / take.source) as clip:
        seen = film.frames_at([take.span.start + into_s]).pixels[0]
        true = clip.frames_at([take.source_span.start + into_s], max_side=640).pixels[0]
    change = np.abs(seen.astype(int) - take.variant.place(true))
    assert change.mean() < 8


def test_a_part_of_a_picture_is_found_where_its_clip_is_on(
    short: Indexed, short_cuttings: list[Cutting]
):
    with Library(short.folder, recipe=PLAIN) as library:
        assert look_for(library, short.hour, short_cuttings).right_clip >= 0.95


def every_sentence_is_found(indexed: Indexed) -> None:
    with Library(indexed.folder, recipe=PLAIN) as library:
        for sentence in indexed.hour.sentences:
            for words in (" ".join(sentence.words), f"Where is the {sentence.words[1]}?"):
                (hit, *_) = library.search(words)
                assert hit.evidence.text == sentence.text
                assert hit.evidence.span == sentence.span


def test_what_only_one_sentence_says_is_found_at_its_seconds(short: Indexed):
    every_sentence_is_found(short)


def no_search_sees_the_future(indexed: Indexed, wanted: Sequence[Cutting]) -> None:
    rng = np.random.default_rng(0)
    with Library(indexed.folder, recipe=PLAIN) as library:
        for cutting in wanted:
            until_s = float(rng.uniform(10.0, indexed.hour.duration_s))
            later = [s for s in indexed.hour.sentences if s.span.end > until_s]
            words = " ".join(later[0].words) if later else "behind the house"
            asks: list[Callable[..., list]] = [library.search, library.memory.search]
            for ask in asks:
                hits = ask(words, image=cutting.picture, until_s=until_s, k=50)
                hits += ask(words, until_s=until_s) + ask(until_s=until_s, k=5)
                assert hits
                assert max(hit.span.end for hit in hits) <= until_s
                assert not later or all(hit.evidence.text != later[0].text for hit in hits)


def test_no_search_sees_the_future_of_three_minutes(short: Indexed, short_cuttings: list[Cutting]):
    no_search_sees_the_future(short, short_cuttings[::3])


@pytest.mark.slow
@pytest.mark.skipif(find_spec("rapidocr") is None, reason="reading the screen needs rapidocr")
def test_what_is_written_in_the_picture_is_found_while_it_is_there(
    real_videos: Path, tmp_path: Path
):
    sources = ["bunny.mp4", "timecode_2997.mp4"]
    hour = make_hour(tmp_path, real_videos, minutes=0.6, seed=1, sources=sources)
    recipe = MemoryRecipe(eyes=(), late_eyes=("screen_text",))
    with Library(tmp_path / "library", recipe=recipe) as library:
        library.add(hour.path)
        assert library.wait(600)
        (hit, *_) = library.search("peach open movie project", kinds=["screen_text"])
    middle_s = (hit.span.start + hit.span.end) / 2
    take = hour.take_at(middle_s)
    assert take.source == "bunny.mp4"
    assert take.source_span.start + middle_s - take.span.start in Span(start=16.0, end=25.0)


@pytest.mark.slow
def test_a_part_of_a_picture_is_found_in_an_hour(
    whole: Indexed,
    whole_cuttings: list[Cutting],
):
    assert {take.source for take in whole.hour.takes} == set(SOURCES)
    with Library(whole.folder, recipe=PLAIN) as library:
        found = look_for(library, whole.hour, whole_cuttings)
    assert found.right_clip >= 0.95
    assert found.right_moment >= 0.7


@pytest.mark.slow
def test_keyframes_alone_find_most_pictures_of_an_hour(
    whole: Indexed,
    whole_cuttings: list[Cutting],
    tmp_path: Path,
):
    with (
        DiskMemory(tmp_path / "coarse", embedders=PLAIN.made_embedders) as memory,
        open_video(whole.hour.path) as video,
    ):
        for unit in units(video.info.duration_s, PLAIN):
            if unit.tier <= Tier.COARSE:
                memory.write(do(unit, video, PLAIN))
        found = look_for(memory, whole.hour, whole_cuttings)
    assert found.right_clip >= 0.9


@pytest.mark.slow
def test_what_only_one_sentence_of_an_hour_says_is_found_at_its_seconds(whole: Indexed):
    assert len(whole.hour.sentences) >= 36
    every_sentence_is_found(whole)


@pytest.mark.slow
def test_no_search_sees_the_future_of_an_hour(whole: Indexed, whole_cuttings: list[Cutting]):
    no_search_sees_the_future(whole, whole_cuttings[::10])
