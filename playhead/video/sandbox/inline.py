"""The same work in this process: for files that are trusted, and where no child can be had.

There is no wall here: no limit on memory or time, and a crash of the decoder is a crash of all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playhead.core.errors import DecodeFailed, VideoError
from playhead.video.limits import Limits
from playhead.video.sandbox.jobs import Answer, Jobs
from playhead.video.sandbox.walls import Walls
from playhead.video.sandbox.worker import NONSENSE, Check, T


class Inline:
    """Stands in for a `Worker`. Safe in threads, which take turns.

    Args:
        decoder: Name of the backend.
        limits: What one call may hand over; time and memory are not limited here.
        why: Why there is no decoder process.
    """

    def __init__(self, decoder: str, limits: Limits, why: str) -> None:
        self.walls = Walls(missing=(("decoder process", why),))
        self._jobs = Jobs(decoder, limits)
        self._lock = threading.RLock()
        self._is_open = False

    def open(self, file: int, check: Check[T]) -> T:
        """Work on this file from now on. The descriptor stays the caller's."""
        with self._lock, _saying("opening the file"):
            answer = self._jobs.open(os.dup(file))
            self._is_open = True
            return _checked(answer, check)

    def call(self, job: str, arguments: dict[str, Any], stage: str, check: Check[T]) -> T:
        """Do a job on the open file."""
        with self._lock, _saying(stage):
            if not self._is_open:
                raise ValueError("the video is closed: open it again")
            return _checked(self._jobs.do(job, arguments), check)

    def close(self) -> None:
        """Give back the file. Closing twice is fine."""
        with self._lock:
            self._is_open = False
            self._jobs.close()


@contextmanager
def _saying(stage: str) -> Iterator[None]:
    """Put what was being done into the message of an error."""
    try:
        yield
    except VideoError as error:
        raise type(error)(f"{error} (while {stage})") from error.__cause__


def _checked(answer: Answer, check: Check[T]) -> T:
    try:
        return check(*answer)
    except NONSENSE as error:
        raise DecodeFailed("the decoder gave an impossible answer") from error
