"""A thousand damaged files: whatever is done to one, the answer is pictures or a typed error."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from playhead.core.errors import (
    DecodeFailed,
    DecoderCrashed,
    DecodeTimeout,
    NoPicture,
    NotAVideo,
    TooLarge,
    VideoError,
)
from playhead.video.decoders import installed_decoders
from playhead.video.limits import Limits
from playhead.video.sandbox import answers
from playhead.video.sandbox.worker import Worker
from tests.video import hostile_files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no decoder process on Windows")
LIMITS = Limits(wall_s=10.0)


def read_some(worker: Worker, content: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        found = worker.open(file.fileno(), answers.facts(LIMITS, len(content)))
        end_s = found.info.duration_s
        times_s = [0.0, end_s / 2, end_s * 0.999]
        check = answers.pictures(times_s, None, LIMITS)
        arguments = {"times_s": times_s, "max_side": None}
        worker.call("read", arguments, "reading pictures", check)


def outcome(worker: Worker, content: bytes) -> tuple[str, str]:
    """`ok`, or the name of the error, and its words; any other kind of error fails the test."""
    try:
        read_some(worker, content)
    except VideoError as error:
        return type(error).__name__, str(error)
    return "ok", ""


CASES = [
    ("pyav", 0, 1000),
    pytest.param("pyav", 1, 20_000, marks=pytest.mark.slow),
    *(
        pytest.param(name, 2, 1000, marks=pytest.mark.slow)
        for name in installed_decoders()
        if name != "pyav"
    ),
]


@pytest.mark.parametrize(("decoder", "seed", "num"), CASES)
def test_damaged_files_give_pictures_or_errors_that_say_why(
    tmp_path: Path, decoder: str, seed: int, num: int
) -> None:
    seeds = hostile_files.write_seeds(tmp_path)
    worker = Worker(decoder, LIMITS)
    outcomes: Counter[str] = Counter()
    deaths: list[str] = []
    try:
        for how, content in hostile_files.mutants(seeds, num, random.Random(seed)):
            start_s = time.monotonic()
            result, words = outcome(worker, content)
            outcomes[result] += 1
            blame = f"{how} of seed {seed}: {result}: {words}"
            assert result in EXPECTED | SURVIVED, blame
            if result in SURVIVED:
                deaths.append(blame)
            assert result == "ok" or "while " in words, blame
            assert not words or (words.isprintable() and "0x" not in words), blame
            assert time.monotonic() - start_s < 3 * LIMITS.wall_s + MOST_LOADING_S, blame
    finally:
        worker.close()
    assert len(deaths) <= (0 if decoder == "pyav" else num // 50), deaths
    assert num / 4 < outcomes["ok"] < num, outcomes  # damage that breaks all tests little


EXPECTED = {"ok", *(kind.__name__ for kind in (NotAVideo, NoPicture, TooLarge, DecodeFailed))}
SURVIVED = {DecoderCrashed.__name__, DecodeTimeout.__name__}
"""What the process is for: libraries that crash now and then."""
MOST_LOADING_S = 120.0
