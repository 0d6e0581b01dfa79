"""Screen text: what is written in the picture, once, with the seconds it was there."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from playhead.core.errors import MissingExtra
from playhead.core.evidence import Evidence
from playhead.core.span import Span
from playhead.models.eyes.screen_text import ScreenText
from playhead.video import Video, open_video
from tests.video.drawn import DrawnVideo

HEIGHT, WIDTH = 180, 320


@pytest.fixture(scope="module")
def eye() -> ScreenText:
    pytest.importorskip("rapidocr")
    return ScreenText()


def see(eye: ScreenText, video: Video, span: Span | None = None) -> list[Evidence]:
    """What the eye sees of a span, given the small pictures that an index has."""
    span = span or video.info.span
    return eye.see(video, span, video.frames(span, fps=1.0, max_side=320))


def slide(*rows: str, seed: int = 0) -> NDArray[np.uint8]:
    """Rows of text on a picture of coloured fields."""
    rng = np.random.default_rng(seed)
    fields = rng.integers(0, 90, (4, 6, 3)).astype(np.uint8)
    picture = Image.fromarray(fields).resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(18)
    for i, row in enumerate(rows):
        draw.text((20, 15 + 35 * i), row, fill="white", font=font)
    return np.array(picture)


def moving(num: int, seed: int = 0) -> NDArray[np.uint8]:
    """Pictures in which nothing stands still."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 90, (num, 12, 20, 3)).astype(np.uint8)
    return small.repeat(15, axis=1).repeat(16, axis=2)


def film(*takes: tuple[NDArray[np.uint8], int]) -> DrawnVideo:
    """Each picture shown for so many seconds."""
    return DrawnVideo(np.stack([picture for picture, num in takes for _ in range(num)]), fps=1.0)


def told(found: list[Evidence]) -> list[tuple[float, float, str]]:
    return [(seen.span.start, seen.span.end, seen.text) for seen in found]


def test_the_title_of_a_real_film_is_read_where_it_is_shown(eye: ScreenText, real_videos: Path):
    with open_video(real_videos / "bunny.mp4") as video:
        found = see(eye, video)
        (title,) = [seen for seen in found if "PEACH" in seen.text]
        assert title.text == "THE PEACH OPEN MOVIE PROJECT\nPRESENTS"
        assert 20 <= title.span.start <= 22
        assert 22.5 <= title.span.end <= 24
        assert title.score is not None
        assert title.score > 0.95
        assert title.kind == eye.kind == "screen_text"
        (ref,) = title.frames
        assert ref.time_s in title.span
        assert (ref.video_id, ref.height, ref.width) == (video.id, 480, 854)


def test_a_burned_in_clock_says_the_time_of_its_picture(real_videos: Path):
    pytest.importorskip("rapidocr")
    with open_video(real_videos / "timecode_2997.mp4") as video:
        found = see(ScreenText(max_side=640), video)
    assert len(found) == 8, "as many as may be read, of ten that differ"
    by_start = {round(seen.span.start): seen for seen in found}
    assert by_start[5].text == "150.000\n5.005\n00:00:05;00"
    for seen in found:
        (ref,) = seen.frames
        assert float(seen.text.split("\n")[1]) == pytest.approx(ref.time_s, abs=0.02)
        assert seen.span.duration <= 1


@pytest.mark.parametrize("name", ["cars.mp4"])
def test_where_nothing_is_written_nothing_is_read(eye: ScreenText, name: str, real_videos: Path):
    with open_video(real_videos / name) as video:
        assert see(eye, video) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["people.mp4", "bottles.mp4", "juggle.mp4", "webb.mp4"])
def test_nothing_is_read_into_things(eye: ScreenText, name: str, real_videos: Path):
    with open_video(real_videos / name) as video:
        for start in range(0, int(video.info.duration_s), 64):
            span = Span(start=start, end=min(start + 64, video.info.duration_s))
            assert see(eye, video, span) == []


def test_a_text_has_the_seconds_it_was_there(eye: ScreenText):
    video = film((slide(), 7), (slide("Departures", "18:35"), 5), (slide(), 20))
    assert told(see(eye, video)) == [(7, 12, "Departures\n18:35")]


def test_a_text_that_stays_while_others_come_and_go_is_one(eye: ScreenText):
    rows = ("Results", "Sales", "Costs", "Thanks")
    video = film(*((slide(rows[0], row), 6) for row in rows[1:]))
    found = see(eye, video)
    assert told(found) == [
        (0, 6, "Sales"),
        (0, 18, "Results"),
        (6, 12, "Costs"),
        (12, 18, "Thanks"),
    ]
    assert len(found[1].frames) == 3


def test_a_text_that_comes_back_is_seen_twice(eye: ScreenText):
    sign = slide("Departures", seed=1)
    found = see(eye, film((sign, 4), (slide(), 4), (sign, 4)))
    assert told(found) == [(0, 4, "Departures"), (8, 12, "Departures")]


def test_a_small_text_is_found_in_footage_that_never_rests(eye: ScreenText):
    pixels = moving(60)
    pixels[33:37, 140:170, 20:120] = slide("Breaking")[10:40, 15:115]
    video = DrawnVideo(pixels, fps=1.0)
    assert told(see(eye, video)) == [(33, 37, "Breaking")]


def test_pictures_that_stay_the_same_are_read_once(eye: ScreenText):
    video = film((slide("Departures"), 60))
    small = video.frames(fps=1.0, max_side=320)
    video.num_read = 0
    assert told(eye.see(video, video.info.span, small)) == [(0, 60, "Departures")]
    assert video.num_read == 1


@pytest.mark.parametrize(("length_s", "most"), [(20, 3), (64, 3), (65, 6)])
def test_no_more_is_read_than_may_be(length_s: int, most: int):
    pytest.importorskip("rapidocr")
    video = DrawnVideo(moving(length_s), fps=1.0)
    small = video.frames(fps=1.0, max_side=320)
    video.num_read = 0
    ScreenText(num_reads=3).see(video, video.info.span, small)
    assert video.num_read == most


def test_a_piece_of_a_video_says_nothing_about_the_rest(eye: ScreenText):
    video = film((slide("Before"), 10), (slide("Noon"), 10), (slide("After"), 10))
    piece = Span(start=12.5, end=17.25)
    (found,) = see(eye, video, piece)
    assert found.text == "Noon"
    assert found.span == piece


def test_what_is_read_is_plain_text(eye: ScreenText):
    (found,) = see(eye, film((slide("<b>Sale</b>"), 3)))
    assert found.text == "Sale"


def test_the_same_pictures_give_the_same_evidence(eye: ScreenText):
    video = film((slide("Tuesday", seed=1), 3), (slide("Friday", seed=2), 3))
    again = ScreenText()
    assert see(eye, video) == see(eye, video) == see(again, video)
    assert again.name == eye.name
    assert ScreenText(min_score=0.5).name != eye.name


@pytest.mark.parametrize("size", [(1, 1), (5, 60), (9, 17), (90, 160)], ids=str)
def test_no_picture_is_too_odd(eye: ScreenText, size: tuple[int, int]):
    pixels = np.random.default_rng(0).integers(0, 255, (4, *size, 3)).astype(np.uint8)
    video = DrawnVideo(pixels, fps=1.0)
    for seen in see(eye, video):
        assert seen.span.intersection(video.info.span) == seen.span


def test_single_letters_are_read_only_when_asked_for(eye: ScreenText, real_videos: Path):
    with open_video(real_videos / "blocks.mp4") as video:
        (pixels,) = video.frames_at([0.0], max_side=960).pixels
    words = [line.text for line in eye.read(pixels)]
    letters = [line.text for line in ScreenText(min_letters=1).read(pixels)]
    assert words == ["SAM"]
    assert "SAM" in letters
    assert any(len(letter) == 1 for letter in letters)


def test_reading_says_nothing_itself(
    eye: ScreenText, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.DEBUG):
        see(ScreenText(), film((slide(), 2)))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@pytest.mark.parametrize(
    "wrong", [{"max_side": 0}, {"num_reads": 0}, {"num_threads": 0}, {"min_score": 1.5}], ids=str
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError, match="got"):
        ScreenText(**wrong)  # pyright: ignore[reportArgumentType]


def test_a_missing_reader_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("playhead.models.eyes._local.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"playhead\[ocr\]"):
        ScreenText()
