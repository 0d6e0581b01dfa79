"""A thousand damaged files: whatever is done to one, the answer is pictures or a typed error."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from playhead.core.errors import DecodeFailed, NoPicture, NotAVideo, TooLarge, VideoError
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


@pytest.mark.parametrize(
    ("seed", "num"), [(0, 1000), pytest.param(1, 20_000, marks=pytest.mark.slow)]
)
def test_damaged_files_give_pictures_or_errors_that_say_why(
    tmp_path: Path, seed: int, num: int
) -> None:
    seeds = hostile_files.write_seeds(tmp_path)
    worker = Worker("pyav", LIMITS)
    outcomes: Counter[str] = Counter()
    try:
        for content in seeds:
            read_some(worker, content)
        for how, content in hostile_files.mutants(seeds, num, random.Random(seed)):
            start_s = time.monotonic()
            result, words = outcome(worker, content)
            outcomes[result] += 1
            assert result in KNOWN, f"{how} of seed {seed}: {result}: {words}"
            assert result == "ok" or "(while " in words
            assert not words or (words.isprintable() and "0x" not in words)
            assert time.monotonic() - start_s < 3 * LIMITS.wall_s, how
    finally:
        worker.close()
    assert outcomes["ok"] > num / 4, outcomes  # damage that breaks everything tests little
    assert outcomes["ok"] < num, outcomes


KNOWN = {"ok", *(kind.__name__ for kind in (NotAVideo, NoPicture, TooLarge, DecodeFailed))}
"""A crash or a hang of the decoder would be survived too, but it is not what should happen."""
