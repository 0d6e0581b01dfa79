"""`playhead index`, `search`, `status`, `prune` and `export` as a person types them."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from playhead.video import open_video
from playhead.video.demo import write_demo
from tests.cli.test_video_commands import playhead


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    write_demo(folder / "demo.mp4")
    (folder / "empty.mp4").touch()
    return folder


@pytest.fixture(scope="module")
def library(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "library"
    done = playhead("index", films, "--library", folder, "--until", "fine")
    assert done.returncode == 1  # the empty file
    assert "empty.mp4: the file is empty" in done.stderr
    assert "demo.mp4" in done.stdout
    assert "picture 100 %" in done.stdout
    assert "Traceback" not in done.stderr
    return folder


def test_words_are_found_with_their_seconds(library: Path):
    said = [
        json.loads(line)["evidence"]
        for line in playhead("export", "--library", library).stdout.splitlines()
    ]
    line = next(evidence for evidence in said if evidence["kind"] == "speech")
    done = playhead("search", line["text"], "--library", library, "-k", 1, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["evidence"]["span"] == line["span"]
    told = playhead("search", line["text"], "--library", library, "-k", 1)
    assert told.stdout.startswith("demo.mp4  0:")
    assert line["text"].split()[0] in told.stdout


def test_a_picture_is_found(library: Path, films: Path, tmp_path: Path):
    with open_video(films / "demo.mp4") as video:
        Image.fromarray(video.frames_at([14.5]).pixels[0]).save(tmp_path / "seen.jpg")
    done = playhead("search", "--image", tmp_path / "seen.jpg", "--library", library, "--json")
    span = json.loads(done.stdout.splitlines()[0])["span"]
    assert span["start"] <= 14.5 < span["end"]


def test_a_search_may_be_narrowed(library: Path):
    done = playhead(
        "search", "the", "--library", library, "--kind", "speech", "--span", "0-10", "--json"
    )
    for line in done.stdout.splitlines():
        hit = json.loads(line)
        assert hit["evidence"]["kind"] == "speech"
        assert hit["evidence"]["span"]["start"] < 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search"], "give words to look for"),
        (["search", "x", "--video", "nowhere"], "no video 'nowhere' in the library"),
        (["search", "x", "--span", "ten"], "not a time such as"),
        (["search", "xylophone concerto"], "nothing found"),
        (["index", "gone.mp4"], "no file there"),
        (["index", "gone.mp4", "--until", "soon"], "--until is coarse, fine or late"),
        (["search", "--image", "README"], "No such file"),
    ],
)
def test_a_mistake_is_one_sentence(library: Path, arguments: list[str], message: str):
    done = playhead(*arguments, "--library", library)
    assert done.returncode != 0
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_status_says_what_is_there_and_checks_it(library: Path):
    done = playhead("status", "--library", library, "--check")
    assert done.returncode == 0, done.stderr
    assert "1 videos" in done.stdout
    assert "recall 1.0" in done.stdout
    assert "nothing is damaged" in done.stderr
    facts = json.loads(playhead("status", "--library", library, "--json").stdout)
    assert facts["coverage"]["picture"] == 1.0
    assert facts["problems"] == {}


def test_damage_is_told_and_mended(library: Path, tmp_path: Path):
    folder = shutil.copytree(library, tmp_path / "library")
    (log,) = folder.glob("0*/log")
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    done = playhead("status", "--library", folder, "--check")
    assert done.returncode == 1
    assert "prune --mend puts it right" in done.stderr
    assert playhead("prune", "--mend", "--library", folder).returncode == 0
    assert playhead("status", "--library", folder, "--check").returncode == 0
    before, after = (playhead("export", "--library", f).stdout for f in (library, folder))
    assert sorted(before.splitlines()) == sorted(after.splitlines())


def test_a_forgotten_video_is_gone_and_its_file_is_not(library: Path, films: Path, tmp_path: Path):
    folder = shutil.copytree(library, tmp_path / "library")
    done = playhead("prune", "demo.mp4", "--library", folder)
    assert "forgotten: demo.mp4" in done.stdout
    assert playhead("export", "--library", folder).stdout == ""
    assert (films / "demo.mp4").exists()


def test_another_folder_is_not_taken_for_a_library(films: Path):
    done = playhead("status", "--library", films)
    assert done.returncode == 1
    assert "not a memory, and not empty" in done.stderr


@pytest.mark.slow
def test_a_killed_index_goes_on_where_it_was(films: Path, tmp_path: Path):
    command = [sys.executable, "-m", "playhead", "index", str(films / "demo.mp4")]
    command += ["--library", str(tmp_path / "library"), "--until", "fine"]
    for wait_s in (1.0, 1.5, 2.0):
        child = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(wait_s)
        child.send_signal(signal.SIGKILL)
        child.wait()
    done = playhead(
        "index", films / "demo.mp4", "--library", tmp_path / "library", "--until", "fine"
    )
    assert done.returncode == 0, done.stderr
    assert "picture 100 %" in done.stdout
