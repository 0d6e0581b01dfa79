"""Files that nobody here made: pictures and times against a plain decoder and known facts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.core.errors import VideoError
from playhead.video import open_video
from tests.video.plain import PlainFrame, decode_all

DISPLAYED = {
    "webb.mp4": (270, 480),
    "timecode_2997.mp4": (1080, 1920),
    "bunny.mp4": (480, 854),
    "cars.mp4": (432, 768),
    "people.mp4": (432, 768),
    "bottles.mp4": (360, 640),
    "cups.mp4": (720, 1280),
    "blocks.mp4": (720, 1280),
    "juggle.mp4": (720, 1280),
    "crystal.webm": (480, 720),
    "av1.mkv": (360, 640),
    "hevc_10bit.mp4": (200, 200),
    "h264_10bit.mp4": (200, 200),
    "rotated_90.mov": (568, 320),
    "rotated_180.mov": (320, 568),
    "rotated_270.mov": (568, 320),
    "unordered.mov": (50, 50),
    "no_duration.webm": (720, 1280),
    "failing_audio.mp4": (360, 640),
}
LOOKED_AT_S = 3.0
"""How much of each file the default run decodes; the slow one decodes all."""


def check_against_a_plain_decoder(path: Path, until_s: float) -> None:
    """Five times of the first `until_s` seconds, at random, against decoding from the start."""
    height, width = DISPLAYED[path.name]
    rng = np.random.default_rng(3)
    with open_video(path) as video:
        assert (video.info.height, video.info.width) == (height, width)
        last_s = min(until_s, video.info.duration_s)
        frames = video.frames_at(np.sort(rng.uniform(0, last_s, 5)).tolist())
    asked_s = np.sort(np.random.default_rng(3).uniform(0, last_s, 5))
    shown: list[PlainFrame | None] = [None] * 5
    for plain in decode_all(path, width=width):
        for i in range(5):
            if plain.time_s <= asked_s[i] + 1e-9:
                shown[i] = plain
        if plain.time_s > last_s:
            break
    assert frames.pixels.shape == (5, height, width, 3)
    assert np.all(np.diff(frames.times_s) >= 0)
    for picture, time_s, plain in zip(frames.pixels, frames.times_s, shown, strict=True):
        assert plain is not None
        assert time_s == pytest.approx(plain.time_s, abs=1e-3)
        assert distance(picture, plain.picture) < 2.0


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The mean difference of two pictures, 0 to 255."""
    return float(np.abs(one.astype(np.int16) - other).mean())


@pytest.mark.parametrize("name", DISPLAYED)
def test_pictures_are_those_of_a_plain_decoder(name: str, real_videos: Path) -> None:
    check_against_a_plain_decoder(real_videos / name, LOOKED_AT_S)


@pytest.mark.slow
@pytest.mark.parametrize("name", DISPLAYED)
def test_pictures_of_the_whole_file_are_those_of_a_plain_decoder(
    name: str, real_videos: Path
) -> None:
    check_against_a_plain_decoder(real_videos / name, float("inf"))


def test_the_burned_in_number_is_that_of_the_asked_second(real_videos: Path) -> None:
    path = real_videos / "timecode_2997.mp4"
    font = learn_font(path)
    with open_video(path) as video:
        frames = video.frames_at([5.005, 5.045, 9.9])
    assert frames.times_s == pytest.approx([5.0, 5.04, 9.88])
    assert [read_number(picture, font) for picture in frames.pixels] == ["150", "151", "296"]


Glyph = NDArray[np.float64]


def learn_font(path: Path) -> dict[str, Glyph]:
    """What each digit looks like, cut from early frames by the number that is burned into them."""
    teachers = {0: "0", 1: "1", 2: "2", 3: "4", 4: "5", 5: "6", 6: "7", 7: "8", 11: "13", 24: "29"}
    pictures = (plain.picture for plain in decode_all(path))
    return {
        teachers[k][-1]: whole_part(picture)[-1]
        for k, picture in zip(range(25), pictures, strict=False)
        if k in teachers
    }


def read_number(picture: NDArray[np.uint8], font: dict[str, Glyph]) -> str:
    """The burned-in frame number before its decimal point."""
    return "".join(
        min(font, key=lambda digit: float(np.abs(font[digit] - glyph).mean()))
        for glyph in whole_part(picture)
    )


def whole_part(picture: NDArray[np.uint8]) -> list[Glyph]:
    """The digits before the point of the white number in the middle, each 40 x 24."""
    ink = picture[487:593, 640:1290].min(axis=2) > 140
    edges = np.flatnonzero(np.diff(ink.any(axis=0).astype(int), prepend=0, append=0))
    glyphs = [ink[:, left:right].astype(np.float64) for left, right in edges.reshape(-1, 2)]
    point = next(i for i, glyph in enumerate(glyphs) if not glyph[: len(glyph) // 2].any())
    return [cv2.resize(glyph, (24, 40), interpolation=cv2.INTER_AREA) for glyph in glyphs[:point]]


def test_a_damaged_file_is_an_error_or_its_readable_part(real_videos: Path) -> None:
    path = real_videos / "corrupted.mp4"
    try:
        with open_video(path) as video:
            frames = video.frames(num=8)
    except VideoError:
        return
    good = list(decodable(path))
    readable = [i for i, time_s in enumerate(frames.times_s) if time_s <= good[-1].time_s]
    assert len(readable) >= 3
    for i in readable:
        best = min(good, key=lambda plain: distance(frames.pixels[i], plain.picture))
        assert best.time_s == pytest.approx(frames.times_s[i])


def decodable(path: Path) -> Iterator[PlainFrame]:
    """What a plain decoder gives before it stops at the damage."""
    with suppress(av.error.InvalidDataError):
        yield from decode_all(path)
