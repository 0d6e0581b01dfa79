"""The decoder process: what it may not do, how it dies, and that the parent does not mind."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pickle
import random
import signal
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from playhead.core.errors import (
    DecodeFailed,
    DecoderCrashed,
    DecodeTimeout,
    NoSuchPlugin,
    TooLarge,
    VideoError,
)
from playhead.video.file import VideoFile, open_video
from playhead.video.limits import Limits
from playhead.video.sandbox import walls
from playhead.video.synthetic import ClockVideo, read_clock, write_clock
from tests.video import hostile_files, rogue_decoder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no decoder process on Windows")
linux = pytest.mark.skipif(sys.platform != "linux", reason="walls of Linux")
WALLS_OF_LINUX = {
    "dies with its parent",
    "network namespace",
    "no new privileges",
    "no capabilities",
    "memory limit",
    "processor limit",
    "no files written",
    "open files limit",
    "no core dump",
    "not traceable",
    "Landlock",
    "system-call filter",
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> ClockVideo:
    return write_clock(tmp_path_factory.mktemp("film") / "film.mp4", num_frames=50)


@pytest.fixture(autouse=True)
def _walls_may_be_missing() -> Iterator[None]:
    """Machines without one of the walls run these tests too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", walls.SandboxWarning)
        yield


Rogue = Callable[..., VideoFile]


@pytest.fixture
def rogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rogue]:
    """Opens a "video" whose decoder does what it is told; see `rogue_decoder`."""
    source = Path(rogue_decoder.__file__).read_text()
    (tmp_path / "rogue_decoder_plugin.py").write_text(source)
    installed = tmp_path / "rogue-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: rogue\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(
        "[playhead.decoders]\nrogue = rogue_decoder_plugin:Rogue\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with contextlib.ExitStack() as stack:

        def open_rogue(limits: Limits | None = None, **script: Any) -> VideoFile:
            path = tmp_path / "rogue.json"
            path.write_text(json.dumps(script))
            return stack.enter_context(open_video(path, decoder="rogue", limits=limits))

        yield open_rogue


def child_of(video: VideoFile) -> int:
    """The process id of the decoder."""
    pid = video._decoding.pid  # type: ignore[attr-defined]
    assert pid is not None
    return pid


def is_right(video: VideoFile, film: ClockVideo, times_s: list[float]) -> bool:
    seen = video.frames_at(times_s)
    painted = [read_clock(picture) for picture in seen.pixels]
    return painted == [film.index_at(time_s) for time_s in times_s]


def wait_until_gone(pid: int) -> None:
    deadline_s = time.monotonic() + 120
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline_s, "the decoder outlived its parent"
        time.sleep(0.01)


def kill(video: VideoFile) -> int:
    """Kill the decoder, and wait until it is dead. Its process id."""
    pid = child_of(video)
    os.kill(pid, signal.SIGKILL)
    deadline_s = time.monotonic() + 120
    while video._decoding._child.is_idle():  # type: ignore[attr-defined]
        assert time.monotonic() < deadline_s
    return pid


def open_descriptors() -> int:
    return psutil.Process().num_fds()


# Walls


@linux
def test_every_wall_is_either_up_or_named_with_the_reason(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        missing = dict(video.sandbox.missing)
        assert {*video.sandbox.on, *missing} == WALLS_OF_LINUX
        assert all(missing.values())


@linux
def test_a_decoder_that_was_taken_over_reaches_nothing(rogue: Rogue, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    witness.write_text("untouched")
    with hostile_files.listener() as listener:
        video = rogue(open={"reach_out": [listener.port, str(witness)]})
        if set(video.sandbox.on) != WALLS_OF_LINUX:
            pytest.skip(f"this machine lacks walls: {video.sandbox.missing}")
        assert video.info.warnings == ()
        assert listener.num_calls == 0
    assert witness.read_text() == "untouched"


def test_the_attempts_work_where_there_is_no_wall(tmp_path: Path) -> None:
    """So that the test above means something."""
    witness = tmp_path / "witness"
    witness.write_text("x")
    with hostile_files.listener() as listener:
        program = (
            "import sys; from tests.video import rogue_decoder as r; "
            "print(*r.reach_out(int(sys.argv[1]), sys.argv[2]), sep='\\n')"
        )
        command = [sys.executable, "-c", program, str(listener.port), str(witness)]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert {"read a file", "call the loopback", "fork", "run a program"} <= set(
        done.stdout.splitlines()
    )


def test_the_decoder_sees_none_of_our_environment(
    rogue: Rogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "1234")
    assert "SECRET_KEY" not in rogue(open="environment").info.warnings


def test_a_decoder_may_have_threads(rogue: Rogue) -> None:
    assert rogue(open="start_thread").info.warnings == ("a thread",)


# How it ends


def test_a_crash_is_a_typed_error_that_says_when_and_how(rogue: Rogue) -> None:
    video = rogue(read="crash")
    with pytest.raises(DecoderCrashed, match=r"reading pictures at 0\.500 to 0\.500 s: SIGSEGV"):
        video.frames_at([0.5])


def test_a_crash_while_opening_leaves_nothing_behind(rogue: Rogue) -> None:
    before = open_descriptors()
    with pytest.raises(DecoderCrashed, match="opening the file"):
        rogue(open="crash")
    assert open_descriptors() == before


def test_a_decoder_that_just_leaves_is_a_typed_error(rogue: Rogue) -> None:
    with pytest.raises(DecoderCrashed, match="status 3"):
        rogue(read="quit_quietly").frames_at([0.5])


def test_a_decoder_that_hangs_is_stopped(rogue: Rogue) -> None:
    video = rogue(Limits(wall_s=1.0), read="hang")
    pid = child_of(video)
    with pytest.raises(DecodeTimeout, match=r"within 1 s while reading pictures"):
        video.frames_at([0.5])
    assert not psutil.pid_exists(pid)


@linux
def test_a_decoder_that_spins_runs_out_of_processor_time(rogue: Rogue) -> None:
    with pytest.raises(DecoderCrashed, match=r"limits\.cpu_s = 1"):
        rogue(Limits(cpu_s=1), read="spin").frames_at([0.5])


@linux
def test_a_decoder_that_hoards_memory_is_refused_more(rogue: Rogue) -> None:
    video = rogue(Limits(memory_bytes=2**28), read="hog")
    before = psutil.Process().memory_info().rss
    with pytest.raises(TooLarge, match=r"limits\.memory_bytes"):
        video.frames_at([0.5])
    assert psutil.Process().memory_info().rss - before < 50 * 2**20


def test_what_a_library_says_is_not_repeated(rogue: Rogue) -> None:
    with pytest.raises(DecodeFailed) as caught:
        rogue(read="surprise").frames_at([0.5])
    assert "libsecret" not in str(caught.value)
    assert "while reading pictures" in str(caught.value)


def test_an_unknown_decoder_is_named(film: ClockVideo) -> None:
    with pytest.raises(NoSuchPlugin, match="pyav"):
        open_video(film.path, decoder="no such thing")


def test_after_a_death_the_next_call_is_right(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        pid = kill(video)
        assert is_right(video, film, [0.5])
        assert child_of(video) != pid


def test_a_decoder_is_replaced_before_its_processor_time_is_up(
    rogue: Rogue,
) -> None:
    video = rogue(Limits(cpu_s=1))
    video._decoding._child.is_spent = True  # type: ignore[attr-defined]
    first = child_of(video)
    video.frames_at([0.5])
    assert child_of(video) != first
    assert not psutil.pid_exists(first)


def test_a_file_that_changed_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = write_clock(tmp_path / "film.mp4").path
    with open_video(path) as video:
        kill(video)
        other = write_clock(tmp_path / "other.mp4", num_frames=10, height=64).path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(0)
            file.write(other)
        for _ in range(2):
            with pytest.raises(DecodeFailed, match="changed while it was open"):
                video.frames_at([0.1])


def kill_now_and_then(film: ClockVideo, num: int) -> None:
    rng = random.Random(num)
    with open_video(film.path, limits=Limits(wall_s=20)) as video:
        for round_ in range(num):
            times_s = sorted(rng.uniform(0, 1.99) for _ in range(8))
            pid = child_of(video) if video._decoding.pid else None  # type: ignore[attr-defined]
            killer = threading.Timer(rng.uniform(0, 0.02), _kill, [pid])
            if round_ % 2:
                _kill(pid)
            else:
                killer.start()
            with contextlib.suppress(DecoderCrashed):
                assert is_right(video, film, times_s)
            killer.cancel()
            if killer.ident:
                killer.join()
    assert is_right(open_video(film.path), film, [0.3])


def _kill(pid: int | None) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("num", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_kills_between_and_during_reads_give_errors_or_right_pictures(
    film: ClockVideo, num: int
) -> None:
    children, descriptors = len(psutil.Process().children()), open_descriptors()
    kill_now_and_then(film, num)
    gc.collect()
    assert len(psutil.Process().children()) == children
    assert open_descriptors() == descriptors


# What it says


def message(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    return (struct.pack(">I", len(data)) + data).hex()


def answer(**changes: Any) -> str:
    good = {"shape": [1, 8, 16, 3], "times_s": [0.5], "missing": 0, "num_bytes": 0}
    return message(json.dumps({"answer": {**good, **changes}, "cpu_s": 0.1}))


LIES = {
    "no json": message("hello"),
    "json that is no object": message("[1, 2]"),
    "deep json": message("[" * 100_000),
    "a huge number": message('{"answer": ' + "9" * 10_000 + "}"),
    "not a number": message('{"answer": {"num_bytes": NaN}}'),
    "no utf-8": message(b"\xff\xfe\x00\xd8"),
    "an endless message": (b"\xff" * 64).hex(),
    "nothing in it": message("{}"),
    "an answer that is no object": message('{"answer": 7, "cpu_s": 0.1}'),
    "negative bytes": answer(num_bytes=-1),
    "more bytes than allowed": answer(num_bytes=2**60),
    "bytes that are no number": answer(num_bytes="1"),
    "too few pixels": answer(num_bytes=0),
    "a shape of three": answer(shape=[1, 8, 16]),
    "a negative shape": answer(shape=[1, -8, 16, 3]),
    "a huge shape": answer(shape=[1, 2**40, 2**40, 3]),
    "a shape that overflows": answer(shape=[1, 2**63, 2, 3]),
    "no pictures": answer(shape=[0, 8, 16, 3], times_s=[]),
    "a time after the asked one": answer(times_s=[0.9]),
    "a negative time": answer(times_s=[-1.0]),
    "an infinite time": answer(times_s=[-1e999]),
    "a time that is text": answer(times_s=["now"]),
    "an error of an unknown kind": message('{"error": "SystemExit", "message": "x", "cpu_s": 0.1}'),
    "an error without words": message('{"error": "NotAVideo", "cpu_s": 0.1}'),
}


@pytest.mark.parametrize("lie", LIES)
def test_whatever_the_decoder_says_is_an_error_of_ours(rogue: Rogue, lie: str) -> None:
    video = rogue(Limits(wall_s=5.0), read={"say": LIES[lie]})
    with pytest.raises((DecoderCrashed, DecodeFailed), match="while reading pictures"):
        video.frames_at([0.5])


WRONG_FACTS = {
    "no duration": {"duration_s": 0.0},
    "an endless duration": {"duration_s": 1e400},
    "no frames": {"num_frames": 0},
    "more keyframes than frames": {"num_frames": 1},
    "a picture over the limit": {"height": 10**6, "width": 10**6},
    "a field that nobody knows": {"surprise": 1},
    "a rate that is no number": {"fps": "1/0"},
    "keyframes after the end": {"duration_s": 0.1},
}


@pytest.mark.parametrize("wrong", WRONG_FACTS)
def test_facts_that_cannot_be_are_refused(rogue: Rogue, wrong: str) -> None:
    with pytest.raises((DecoderCrashed, DecodeFailed), match="while opening the file"):
        rogue(info=WRONG_FACTS[wrong])


def test_an_error_message_cannot_write_to_a_terminal(rogue: Rogue) -> None:
    words = {"error": "DecodeFailed", "message": "\x1b[2J\nno" + "!" * 10_000, "cpu_s": 0.1}
    with pytest.raises(DecodeFailed) as caught:
        rogue(read={"say": message(json.dumps(words))}).frames_at([0.5])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("lie", [answer(num_bytes=384), message("{}")[:-2], "00"])
def test_words_that_never_end_are_waited_for_no_longer_than_allowed(rogue: Rogue, lie: str) -> None:
    video = rogue(Limits(wall_s=0.5), read={"say": lie})
    with pytest.raises(DecodeTimeout, match="while reading pictures"):
        video.frames_at([0.5])


def test_a_decoder_that_talks_out_of_turn_is_replaced(rogue: Rogue) -> None:
    good = answer(num_bytes=384) + bytes(384).hex()
    video = rogue(read={"say": good + answer()})
    assert video.frames_at([0.5]).pixels.shape == (1, 8, 16, 3)
    first = child_of(video)
    assert video.frames_at([0.5]).pixels.shape == (1, 8, 16, 3)
    assert child_of(video) != first


# The parent


def test_pictures_stay_after_the_video_is_closed_and_are_the_callers_own(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        first, again = video.frames(num=40), video.frames(num=40)
    first.pixels[:] = 7
    assert read_clock(again.pixels[20]) == film.index_at(again.times_s[20])


def test_closing_reaps_the_process_and_gives_back_every_descriptor(film: ClockVideo) -> None:
    before = open_descriptors()
    for _ in range(5):
        with open_video(film.path) as video:
            pid = child_of(video)
            video.frames_at([0.5])
        assert not psutil.pid_exists(pid)
        video.close()
    assert open_descriptors() == before


def test_a_video_that_is_forgotten_gives_back_its_process(film: ClockVideo) -> None:
    video = open_video(film.path)
    pid = child_of(video)
    del video
    gc.collect()
    assert not psutil.pid_exists(pid)


def test_a_closed_video_says_so(film: ClockVideo) -> None:
    video = open_video(film.path)
    video.close()
    with pytest.raises(ValueError, match="closed"):
        video.frames_at([0.5])
    with pytest.raises(ValueError, match="closed"):
        _ = video.id
    assert video.info.num_frames == 50


def test_several_threads_may_read_one_video(film: ClockVideo) -> None:
    wrong: list[object] = []
    with open_video(film.path) as video:

        def read(seed: int) -> None:
            rng = random.Random(seed)
            for _ in range(10):
                times_s = sorted(rng.uniform(0, 1.99) for _ in range(3))
                if not is_right(video, film, times_s):
                    wrong.append(times_s)

        threads = [threading.Thread(target=read, args=[i]) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_decoder_outlives_the_thread_that_opened_it(film: ClockVideo) -> None:
    opened: list[VideoFile] = []
    thread = threading.Thread(target=lambda: opened.append(open_video(film.path)))
    thread.start()
    thread.join()
    with opened[0] as video:
        pid = child_of(video)
        time.sleep(0.2)
        assert is_right(video, film, [0.5])
        assert child_of(video) == pid


def test_an_interrupted_read_does_not_mix_up_the_next(film: ClockVideo, rogue: Rogue) -> None:
    video = rogue(read="hang")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            video.frames_at([0.5])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert video._decoding.pid is None  # type: ignore[attr-defined]


PARENT = """
import os, sys, time
from playhead.video.file import open_video
import warnings; warnings.simplefilter("ignore")
video = open_video(sys.argv[1])
video.frames_at([0.5])
print(video._decoding.pid, flush=True)
"""


def run_parent(film: ClockVideo, then: str) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-c", PARENT + then, str(film.path)]
    root = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    parent = subprocess.Popen(command, cwd=root, stdout=pipe, stderr=pipe, text=True)
    assert parent.stdout is not None
    line = parent.stdout.readline()
    assert line.strip(), parent.communicate()[1]
    return parent, int(line)


@linux
def test_no_decoder_outlives_a_parent_that_is_killed(film: ClockVideo) -> None:
    parent, pid = run_parent(film, "time.sleep(60)")
    parent.kill()
    parent.communicate()
    wait_until_gone(pid)


def test_a_program_that_just_ends_leaves_nothing_and_says_nothing(film: ClockVideo) -> None:
    parent, pid = run_parent(film, "")
    _, said = parent.communicate(timeout=30)
    assert (parent.returncode, said) == (0, "")
    wait_until_gone(pid)


FORK = """
import atexit
child = os.fork()
clock = __import__("playhead.video.synthetic", fromlist=["read_clock"])
right = all(
    clock.read_clock(video.frames_at([i / 25]).pixels[0]) == i for i in range(0, 50, 7)
)
if child == 0:
    sys.exit(0 if right else 1)
_, status = os.waitpid(child, 0)
right = right and clock.read_clock(video.frames_at([1.0]).pixels[0]) == 25
sys.exit(0 if right and status == 0 else 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing to fork")
def test_both_halves_of_a_fork_read_right_pictures(film: ClockVideo) -> None:
    parent, pid = run_parent(film, FORK)
    _, said = parent.communicate(timeout=60)
    assert (parent.returncode, said) == (0, "")
    wait_until_gone(pid)


def test_an_open_video_cannot_be_pickled_and_says_what_to_do(film: ClockVideo) -> None:
    with open_video(film.path) as video, pytest.raises(TypeError, match="send its path"):
        pickle.dumps(video)


# Without a wall


def test_without_a_sandbox_the_pictures_are_the_same(film: ClockVideo) -> None:
    with open_video(film.path) as confined, open_video(film.path, sandbox=False) as open_:
        a, b = confined.frames(num=10), open_.frames(num=10)
        assert np.array_equal(a.pixels, b.pixels)
        assert np.array_equal(a.times_s, b.times_s)
        assert (confined.info, confined.id) == (open_.info, open_.id)
        assert open_.sandbox.on == ()
        with pytest.raises(VideoError):
            open_.frames_at([2.5])


def test_a_machine_without_child_processes_warns_once(
    film: ClockVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "")
    walls.warn_about.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            with open_video(film.path) as video:
                assert is_right(video, film, [0.5])
    said = [str(one.message) for one in caught if one.category is walls.SandboxWarning]
    assert len(said) == 1
    assert "decoder process" in said[0]


def test_a_file_that_is_trusted_does_not_warn(film: ClockVideo) -> None:
    walls.warn_about.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_video(film.path, sandbox=False).close()


WITHOUT_LANDLOCK = """
import ctypes, os, sys, warnings
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
for _ in range(16):  # as many layers as there can be, each forbidding only to make block devices
    rules = libc.syscall(444, (ctypes.c_uint64 * 1)(1 << 11), ctypes.c_size_t(8), 0)
    libc.syscall(446, rules, 0)
    os.close(rules)
from playhead.video.file import open_video
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(2):
        with open_video(sys.argv[1]) as video:
            assert video.frames_at([0.5]).pixels.any()
            assert "Landlock" in dict(video.sandbox.missing)
            assert "system-call filter" in video.sandbox.on
print(*(str(one.message) for one in caught), sep="\\n")
"""


@linux
def test_a_single_wall_that_cannot_be_had_is_warned_about_once(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        if video.sandbox.missing:
            pytest.skip(f"this machine lacks walls: {video.sandbox.missing}")
    command = [sys.executable, "-c", WITHOUT_LANDLOCK, str(film.path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (said,) = done.stdout.splitlines()
    assert "Missing: Landlock (" in said


# Reading ahead


def test_a_stream_gives_every_picture_in_order(film: ClockVideo) -> None:
    times_s = [i / 25 for i in range(50)]
    with open_video(film.path) as video:
        batches = list(video.stream(times_s, batch=7))
    assert [len(batch) for batch in batches] == [7] * 7 + [1]
    painted = [read_clock(picture) for batch in batches for picture in batch.pixels]
    assert painted == list(range(50))


def test_a_stream_that_is_left_early_leaves_no_thread(film: ClockVideo) -> None:
    before = threading.active_count()
    with open_video(film.path) as video:
        stream = video.stream([i / 25 for i in range(50)], batch=5)
        next(stream)
        stream.close()
        assert threading.active_count() == before
        assert is_right(video, film, [1.5])


def test_batches_shrink_to_what_one_call_may_hand_over(film: ClockVideo) -> None:
    with open_video(film.path) as video:
        size = 3 * video.info.height * video.info.width
    limits = replace(Limits(), bytes_per_call=4 * size + size // 2)
    with open_video(film.path, limits=limits) as video:
        assert [len(b) for b in video.stream([i / 25 for i in range(9)])] == [4, 4, 1]
        with pytest.raises(TooLarge, match=r"bytes_per_call"):
            video.frames_at([i / 25 for i in range(9)])
