"""The commands as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from playhead.video.synthetic import ClockVideo, read_clock, write_clock


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> ClockVideo:
    return write_clock(tmp_path_factory.mktemp("cli") / "film.mp4", fps=25, num_frames=75)


def playhead(*arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "playhead", *map(str, arguments)]
    env = os.environ | {"TERM": "dumb", "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=env)


def test_probe_says_what_a_video_is(film: ClockVideo):
    done = playhead("probe", film.path)
    assert done.returncode == 0, done.stderr
    for fact in ("0:03.000 (75 frames)", "160x96 h264, 25.000 fps", "sound      none"):
        assert fact in done.stdout


def test_probe_gives_one_json_object_a_file(film: ClockVideo):
    done = playhead("probe", "--json", film.path, film.path)
    one, two = map(json.loads, done.stdout.splitlines())
    assert one == two
    assert one["duration_s"] == 3.0
    assert len(one["id"]) == 32


def test_probe_tells_what_it_cannot_read_and_goes_on(film: ClockVideo, tmp_path: Path):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    done = playhead("probe", empty, tmp_path / "gone.mp4", film.path)
    assert done.returncode == 1
    assert "160x96" in done.stdout
    assert "empty.mp4: the file is empty" in done.stderr
    assert "gone.mp4" in done.stderr
    assert "Traceback" not in done.stderr


def test_frames_writes_the_pictures_of_the_asked_seconds(film: ClockVideo, tmp_path: Path):
    done = playhead("frames", film.path, "--at", "1.5", "--at", "0:02.0", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    one, two = sorted((tmp_path / "out").iterdir())
    assert read_clock(cv2.imread(str(one))) == film.index_at(1.5)
    assert read_clock(cv2.imread(str(two))) == film.index_at(2.0)
    assert one.name == "000001.480s.png"


def test_a_contact_sheet_is_one_picture(film: ClockVideo, tmp_path: Path):
    sheet = tmp_path / "sheet.png"
    done = playhead("frames", film.path, "--span", "0-2", "--num", 4, "--sheet", sheet)
    assert done.stdout.split() == [str(sheet)]
    assert cv2.imread(str(sheet)).shape[0] >= 2 * 96


def test_without_a_place_to_write_it_says_which_frames_they_are(film: ClockVideo):
    done = playhead("frames", film.path, "--span", "0-1", "--fps", 4)
    assert done.stdout.split() == ["0:00.000", "0:00.240", "0:00.480", "0:00.720"]
    refs = playhead("frames", film.path, "--at", 1, "--json").stdout
    assert json.loads(refs)["time_s"] == 1.0


def test_nothing_is_overwritten_unasked(film: ClockVideo, tmp_path: Path):
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"precious")
    done = playhead("frames", film.path, "--at", 1, "--sheet", mine)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert mine.read_bytes() == b"precious"
    assert playhead("frames", film.path, "--at", 1, "--sheet", mine, "--force").returncode == 0
    assert mine.read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--at", "9"], "the video runs from 0 to 3.000 s: got 9.0 s"),
        (["--at", "soon"], "not a time such as 42.5"),
        (["--span", "2-1"], "got start=2.0, end=1.0"),
        (["--span", "0-2", "--at", "1"], "not both"),
        (["--num", "3", "--fps", "1"], "not both"),
        (["--num", "0"], "at least 1"),
        (["--fps", "-1"], "positive"),
        (["--max-side", "0", "--at", "1"], "1 or more"),
        (["--decoder", "pyva"], "Did you mean 'pyav'?"),
    ],
)
def test_a_mistake_is_one_sentence_that_says_what_was_seen(film: ClockVideo, arguments, words):
    done = playhead("frames", film.path, *arguments)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_version_is_printed():
    import playhead as package

    assert playhead("--version").stdout.strip() == package.__version__
