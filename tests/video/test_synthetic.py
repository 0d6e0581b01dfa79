"""Films with a painted clock, and the demo."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.video.demo import DEMO_SCENES, write_demo
from playhead.video.synthetic import Encoding, paint_clock, read_clock, write_clock
from tests.video.plain import decode_all

Picture = NDArray[np.uint8]


def picture(index: int = 123_456) -> Picture:
    return paint_clock(index, 1.5, height=96, width=160)


@pytest.mark.parametrize("index", [0, 1, 4711, 2**24 - 1])
@pytest.mark.parametrize("size", [(96, 160), (187, 333), (40, 64), (1080, 1920)])
def test_a_painted_index_is_read_back(index: int, size: tuple[int, int]) -> None:
    height, width = size
    assert read_clock(paint_clock(index, 0.0, height=height, width=width)) == index


@pytest.mark.parametrize("width", [320, 157, 80, 48])
def test_a_resized_clock_is_read(width: int) -> None:
    small = cv2.resize(picture(), (width, width * 96 // 160), interpolation=cv2.INTER_AREA)
    assert read_clock(small.astype(np.uint8)) == 123_456


SPOILED: dict[str, Callable[[Picture], Picture]] = {
    "turned by 90 degrees": lambda p: np.rot90(p),
    "turned by 180 degrees": lambda p: np.rot90(p, 2),
    "turned by 270 degrees": lambda p: np.rot90(p, 3),
    "mirrored": lambda p: p[:, ::-1],
    "upside down": lambda p: p[::-1],
    "cropped": lambda p: p[:, 8:],
    "shifted by a cell": lambda p: np.roll(p, 16, axis=1),
    "mixed with another frame": lambda p: p // 2 + picture(77) // 2,
    "black": lambda p: p * 0,
    "white": lambda p: p * 0 + 255,
    "grey": lambda p: p * 0 + 128,
    "negative": lambda p: 255 - p,
    "half another frame": lambda p: np.concatenate([p[:72], picture(77)[72:]]),
    "noise": lambda p: np.random.default_rng(0).integers(0, 256, p.shape, dtype=np.uint8),
    "far too small": lambda p: p[::16, ::16],
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_clock_reads_as_none(how: str) -> None:
    assert read_clock(SPOILED[how](picture())) is None


def test_a_badly_compressed_clock_is_read_or_refused_but_never_misread(tmp_path: Path) -> None:
    encoding = Encoding(options={"crf": "51", "preset": "veryfast"})
    film = write_clock(tmp_path / "bad.mp4", num_frames=150, encoding=encoding)

    read = [read_clock(frame.picture) for frame in decode_all(film.path)]

    assert [index for index in read if index is not None] == [
        index for index, seen in enumerate(read) if seen is not None
    ]
    assert read.count(None) < 60


def test_index_at_is_what_is_on_screen(tmp_path: Path) -> None:
    film = write_clock(tmp_path / "film.mkv", fps=Fraction(24000, 1001), num_frames=24)
    assert film.times_s[1] == 0.042  # Matroska counts milliseconds
    assert [film.index_at(t) for t in (0.0, 0.0419, 0.042, 0.0834, 0.99, 5.0)] == [
        0,
        0,
        1,
        2,
        23,
        23,
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"height": 20}, "32 x 40 pixels"),
        ({"num_frames": 0}, "1 to 16777216 frames"),
        ({"times_s": [0.0, 0.2, 0.1]}, "ascend"),
        ({"times_s": [0.5, 1.0]}, "start with 0"),
    ],
)
def test_a_film_that_cannot_be_is_refused(
    wrong: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        write_clock(tmp_path / "wrong.mp4", **wrong)  # type: ignore[arg-type]


def test_the_demo_says_in_subtitles_what_its_table_says(tmp_path: Path) -> None:
    write_demo(tmp_path / "demo.mp4")

    with av.open(str(tmp_path / "demo.mp4")) as file:
        assert file.duration == 27_000_000
        stream = file.streams.subtitles[0]
        lines = [
            (float(packet.pts * stream.time_base), bytes(packet)[2:].decode())
            for packet in file.demux(stream)
            if packet.size > 2 and packet.pts is not None and stream.time_base is not None
        ]
    assert lines == [(scene.start_s + 1.5, scene.line) for scene in DEMO_SCENES]
