"""One clock: every decoder shows the picture of the asked second, on every kind of file.

`clock_files.py` makes the files, `clock_contract.py` is the promise. Where a decoder cannot read a
kind of file it says so with a typed error; what it may never do is hand over another picture.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from playhead.core.errors import VideoError
from playhead.video import open_video
from playhead.video.synthetic import ClockVideo, read_clock
from tests.video.clock_contract import check_clock
from tests.video.clock_files import FILMS
from tests.video.plain import decode_all

WriteFilm = Callable[[str], ClockVideo]
PlainlyDecoded = Callable[[str], list[tuple[int | None, float, bool]]]


def _films(*suffixes: str) -> list[str]:
    return [name for name in FILMS if name.endswith(suffixes)]


CANNOT = {
    "pyav": {},
    "opencv": {
        "clock starts again.ts": "loses its way where the clock jumps",
        "interlaced.mp4": "turns interlaced pictures into noise",
        **dict.fromkeys(["av1.mp4", "av1.mkv"], "no AV1 in the wheel"),
    },
    "torchcodec": {
        **dict.fromkeys(["open gop.mp4", "open gop.mkv"], "loses the frames at the end"),
        "intra refresh.mp4": "seeks to what is no keyframe",
        "starts inside a gop.mkv": "counts lost frames",
        "two frames at one time.mkv": "tells frames apart by their time",
        "vp8 with hidden frames.webm": "counts hidden frames",
        **dict.fromkeys(["mpeg-4 part 2.avi", "h264.avi"], "AVI with B-frames"),
        **dict.fromkeys(_films(".ts", ".mpg", ".flv"), "shows other frames of these containers"),
    },
    "decord": {
        **dict.fromkeys(["open gop.mp4", "open gop.mkv", "open gop hevc.mp4"], "open GOP"),
        **dict.fromkeys(["hevc.mp4", "10 bit hevc.mp4"], "open GOP"),
        "intra refresh.mp4": "seeks to what is no keyframe",
        "cut inside a gop.mp4": "shows what is cut away",
        "cut behind every keyframe.mp4": "shows what is cut away",
        "starts inside a gop.mkv": "counts lost frames",
        "two frames at one time.mkv": "tells frames apart by their time",
        **dict.fromkeys(["no duration.webm", "no duration.mkv"], "needs a duration"),
        "vp8 with hidden frames.webm": "counts hidden frames",
        **dict.fromkeys(["av1.mp4", "av1.mkv"], "no AV1 in the wheel"),
        **dict.fromkeys(
            _films(".ts", ".mpg", ".avi", ".flv", ".gif"), "shows other frames of these containers"
        ),
    },
}
"""Films that a decoder does not read, and why. Anything but a typed error is a failure."""

MODULES = {"pyav": "av", "opencv": "cv2", "torchcodec": "torchcodec", "decord": "decord"}


def _cases() -> list[object]:
    cases = []
    for decoder, module in MODULES.items():
        for number, name in enumerate(FILMS):
            marks = []
            if importlib.util.find_spec(module) is None:
                marks.append(pytest.mark.skip(reason=f"{module} is not installed"))
            if decoder != "pyav" and (number % 2 or name == "ten minutes.mp4"):
                marks.append(pytest.mark.slow)
            cases.append(pytest.param(decoder, name, marks=marks, id=f"{decoder}-{name}"))
    return cases


@pytest.mark.parametrize(("decoder", "name"), _cases())
def test_every_picture_is_the_one_on_screen_at_the_asked_time(
    decoder: str, name: str, clock_film: WriteFilm
) -> None:
    film = clock_film(name)
    if name in CANNOT[decoder]:
        with pytest.raises(VideoError):
            check(film, name, decoder=decoder, sandbox=False)
    else:
        check(film, name, decoder=decoder, sandbox=False)


@pytest.mark.parametrize("name", ["29.97 fps.mp4", "variable rate.mkv", "turned 90.mp4"])
def test_the_confined_process_shows_the_same(name: str, clock_film: WriteFilm) -> None:
    check(clock_film(name), name, decoder="pyav", sandbox=True)


def check(film: ClockVideo, name: str, *, decoder: str, sandbox: bool) -> None:
    """Fail unless the decoder shows the film at its true size and on its true clock."""
    with open_video(film.path, decoder=decoder, sandbox=sandbox) as video:
        assert (video.info.height, video.info.width) == FILMS[name].displayed
        assert video.frames_at([0.0]).pixels.shape[1:3] == FILMS[name].displayed
        check_clock(video, film, np.random.default_rng(11))


@pytest.fixture(scope="session")
def plainly_decoded(clock_film: WriteFilm) -> PlainlyDecoded:
    """What a plain decoder finds in a film: the painted index, the time and whether it is a key."""

    def decode(name: str) -> list[tuple[int | None, float, bool]]:
        frames = decode_all(clock_film(name).path)
        return [(read_clock(frame.picture), frame.time_s, frame.is_keyframe) for frame in frames]

    return functools.cache(decode)


@pytest.mark.parametrize("name", FILMS)
def test_the_films_are_what_they_say(
    name: str, clock_film: WriteFilm, plainly_decoded: PlainlyDecoded
) -> None:
    film = clock_film(name)
    painted, times_s, _ = zip(*plainly_decoded(name), strict=True)
    assert list(painted) == film.indices.tolist()
    if name not in ("clock starts again.ts", "h264.avi"):  # only there the container's times lie
        assert times_s == pytest.approx(film.times_s, abs=1e-9)


@pytest.mark.parametrize("name", sorted(FILMS.keys() - {"cut behind every keyframe.mp4"}))
def test_the_keyframe_tier_is_the_frames_that_decode_on_their_own(
    name: str, clock_film: WriteFilm, plainly_decoded: PlainlyDecoded
) -> None:
    film = clock_film(name)
    is_keyframe = [key for _, _, key in plainly_decoded(name)]
    with open_video(film.path, sandbox=False) as video:
        assert video.keyframe_times_s == pytest.approx(film.times_s[is_keyframe], abs=1e-6)


def test_the_clock_is_readable_on_small_pictures(clock_film: WriteFilm) -> None:
    film = clock_film("25 fps.mp4")
    with open_video(film.path) as video:
        frames = video.frames_at([0.5, 1.0], max_side=80)
    assert frames.pixels.shape == (2, 48, 80, 3)
    assert [read_clock(picture) for picture in frames.pixels] == [12, 25]


CUT_OFF = [
    "29.97 fps.mkv",
    "variable rate.ts",
    "mpeg-2.ts",
    "flash.flv",
    "vp9.webm",
    "fragmented.mp4",
]


@pytest.mark.parametrize("name", CUT_OFF)
def test_a_film_that_is_cut_off_shows_what_is_left_at_its_time(
    name: str, clock_film: WriteFilm, tmp_path: Path
) -> None:
    film = clock_film(name)
    content = film.path.read_bytes()
    for part in (0.37, 0.61, 0.83):
        left = tmp_path / f"{part} of {name}"
        left.write_bytes(content[: int(part * len(content))])
        with open_video(left, sandbox=False) as video:
            frames = video.frames(num=25)
        painted = [read_clock(picture) for picture in frames.pixels]
        readable = [i for i, index in enumerate(painted) if index is not None]
        assert len(readable) >= 8
        assert [painted[i] for i in readable] == [
            film.index_at(frames.times_s[i] + 1e-6) for i in readable
        ]
