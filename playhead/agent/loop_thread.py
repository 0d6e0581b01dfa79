"""An event loop in a thread of its own: the door from plain code to async code.

It works in scripts, in notebooks whose own loop is running, and in several threads at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for whoever cannot."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="playhead-loop", daemon=True
        )
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin a coroutine; its result comes in the future."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self.start(work).result()

    def close(self, patience_s: float = 10.0) -> None:
        """End the loop. Closing twice is fine.

        Args:
            patience_s: How long work at hand may take to end by itself; then it is cancelled.
        """
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(_end(patience_s), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


async def _end(patience_s: float) -> None:
    """Wait for everything that runs in this loop, then cancel it."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, late = await asyncio.wait(others, timeout=patience_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
