"""Files that mean harm, against every decoder: nothing is reached, nothing is used up."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from playhead.core.errors import VideoError
from playhead.video.decoders import installed_decoders
from playhead.video.file import open_video
from playhead.video.limits import Limits
from playhead.video.sandbox import answers
from playhead.video.sandbox.worker import Worker
from playhead.video.synthetic import ClockVideo, read_clock, write_clock
from tests.video import hostile_files as hostile

pytestmark = [
    pytest.mark.filterwarnings("ignore::playhead.video.sandbox.walls.SandboxWarning"),
    pytest.mark.skipif(sys.platform == "win32", reason="no decoder process on Windows"),
]
DECODERS = [
    pytest.param(name, marks=pytest.mark.slow) if name == "torchcodec" else name
    for name in installed_decoders()
]
MOST_RSS_GROWTH = 200 * 2**20
LIMITS = Limits(wall_s=30.0)


@pytest.fixture(scope="module", params=DECODERS)
def decoder(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def worker(decoder: str) -> Iterator[Worker]:
    """One process for many small files: loading some backends takes long."""
    one = Worker(decoder, LIMITS)
    yield one
    one.close()


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> ClockVideo:
    return write_clock(tmp_path_factory.mktemp("healthy") / "film.mp4", num_frames=25)


def read_some(worker: Worker, path: Path) -> list[int | None]:
    """What is painted on a few pictures of the file."""
    with path.open("rb") as file:
        found = worker.open(file.fileno(), answers.facts(LIMITS, path.stat().st_size))
        times_s = [0.0, found.info.duration_s * 0.999]
        check = answers.pictures(times_s, 64, LIMITS)
        arguments = {"times_s": times_s, "max_side": 64}
        seen = worker.call("read", arguments, "reading pictures", check)
    return [read_clock(picture) for picture in seen.pixels]


def refuse(worker: Worker, path: Path) -> float:
    """How long it took to refuse the file, in seconds."""
    start_s = time.monotonic()
    with pytest.raises(VideoError):
        read_some(worker, path)
    return time.monotonic() - start_s


# H1: files that reach out


def test_a_canary_would_be_recognised(worker: Worker, tmp_path: Path) -> None:
    """So that the next test means something."""
    hostile.write_canaries(tmp_path)
    assert read_some(worker, tmp_path / "canary.mp4") == [0, hostile.CANARY_FRAMES - 1]


def test_no_file_reaches_the_network_or_a_neighbour(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some libraries look for neighbours here
    hostile.write_canaries(tmp_path)
    with hostile.listener() as listener:
        files = hostile.write_reachers(tmp_path, listener.port)
        took_s = {name: refuse(worker, path) for name, path in files.items()}
        assert listener.num_calls == 0
    assert max(took_s.values()) < 10.0


@pytest.mark.parametrize("sandbox", [True, False])
def test_the_allow_list_holds_without_the_walls_too(tmp_path: Path, sandbox: bool) -> None:
    hostile.write_canaries(tmp_path)
    with hostile.listener() as listener:
        for path in hostile.write_reachers(tmp_path, listener.port).values():
            if not sandbox or path.suffix == ".m3u8":
                with pytest.raises(VideoError):
                    open_video(path, sandbox=sandbox)
        assert listener.num_calls == 0


# H2: files that use up


BOMBS = {
    "a picture of 33 megapixels": lambda p: hostile.write_large_picture(
        p.with_suffix(".mp4"), height=4320, width=7680
    ),
    "a picture that grows in mid-stream": lambda p: hostile.write_growing_picture(
        p.with_suffix(".ts"), height=4320, width=7680
    ),
    "a picture that claims 4,225 megapixels": lambda p: hostile.write_claimed_size(
        p.with_suffix(".avi"), height=65_000, width=65_000
    ),
    "a gif of 65535 x 65535": lambda p: hostile.write_gif_claim(p.with_suffix(".gif")),
    "a thousand hours": lambda p: hostile.write_long_claim(
        p.with_suffix(".mkv"), duration_s=3_600_000.0
    ),
    "60,000 frames": lambda p: hostile.write_many_frames(p.with_suffix(".mkv"), 60_000),
    "120 streams": lambda p: hostile.write_many_streams(p.with_suffix(".mkv"), 120),
    "10,000 attachments": lambda p: hostile.write_many_attachments(p.with_suffix(".mkv"), 10_000),
}
SLOW_BOMBS = {
    "600,000 frames": lambda p: hostile.write_many_frames(p.with_suffix(".mkv"), 600_000),
    "8192 x 8192 HEVC": lambda p: hostile.write_large_picture(
        p.with_suffix(".ts"), height=8192, width=8192, codec="libx265"
    ),
}


@pytest.fixture(scope="session")
def write_bomb(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A bomb of that name, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("bombs")
    return functools.cache(lambda name: {**BOMBS, **SLOW_BOMBS}[name](folder / name))


@pytest.mark.parametrize(
    "bomb", [*BOMBS, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_BOMBS)]
)
def test_a_bomb_costs_the_host_nothing_and_the_next_file_is_read(
    worker: Worker, healthy: ClockVideo, write_bomb: Callable[[str], Path], bomb: str
) -> None:
    path = write_bomb(bomb)
    read_some(worker, healthy.path)
    before = psutil.Process().memory_info().rss
    start_s = time.monotonic()
    with contextlib.suppress(VideoError):
        read_some(worker, path)
    assert time.monotonic() - start_s < LIMITS.wall_s * 2 + 10
    assert psutil.Process().memory_info().rss - before < MOST_RSS_GROWTH
    assert read_some(worker, healthy.path) == [0, 24]


@pytest.mark.parametrize(
    "bomb",
    [
        "a picture of 33 megapixels",
        "a picture that claims 4,225 megapixels",
        "a gif of 65535 x 65535",
        "120 streams",
    ],
)
def test_what_is_over_a_limit_is_refused(
    worker: Worker, write_bomb: Callable[[str], Path], bomb: str
) -> None:
    refuse(worker, write_bomb(bomb))


def test_a_thousand_hours_are_bounded_by_the_frames_that_are_there(
    write_bomb: Callable[[str], Path],
) -> None:
    path = write_bomb("a thousand hours")
    with open_video(path) as video:
        assert video.info.num_frames == 4
        assert len(list(video.keyframes())) == 1


def test_a_film_with_more_packets_than_allowed_is_refused(tmp_path: Path) -> None:
    path = hostile.write_many_frames(tmp_path / "many.mkv", 2000)
    with pytest.raises(VideoError, match=r"limits\.packets"):
        open_video(path, limits=Limits(packets=1000))
