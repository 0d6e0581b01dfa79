"""The question at hand: a session answers one at a time, and any thread may stop it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from playhead.agent.run import Run


class AtHand:
    """Whether a question is being answered, and how to stop it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_busy, self._is_stopped = False, False
        self._stop: Callable[[], object] | None = None

    @contextmanager
    def claimed(self) -> Generator[None]:
        """From here on a question is at hand, until `done`; not if the block raises.

        Raises:
            RuntimeError: Another one is.
        """
        with self._guard:
            if self._is_busy:
                raise RuntimeError("this session is answering a question: wait for it, or stop it")
            self._is_busy, self._is_stopped = True, False
        try:
            yield
        except BaseException:
            self.done()
            raise

    def begin(self, run: Run) -> None:
        """The question at hand is answered by this run, in this thread's event loop."""
        loop = asyncio.get_running_loop()
        with self._guard:
            self._stop = lambda: loop.call_soon_threadsafe(run.cancelled.set)
            if self._is_stopped:
                run.cancelled.set()

    def stop(self) -> None:
        """Stop it, now or as soon as it begins. Without a question at hand nothing happens."""
        with self._guard:
            self._is_stopped = True
            if self._stop is not None:
                self._stop()

    def done(self) -> None:
        """No question is at hand any more."""
        with self._guard:
            self._is_busy, self._stop = False, None
