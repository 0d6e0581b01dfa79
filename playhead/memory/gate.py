"""A gate that lets a few in at a time: searches beyond what the processors can do wait outside.

The one idea: who came first goes first. Threads that all reckon at once take the processors, and
Python's lock, from each other at random, so that a few of them are served last again and again: of
64 searches at once, the slowest took five times as long as half of them. A place is therefore
handed on to the one who has waited longest, which no semaphore of the standard library promises.
"""

from __future__ import annotations

import threading
from collections import deque


class Gate:
    """Lets `num` in at a time, and the others in the order in which they came.

    Example:
        with gate:
            ...
    """

    def __init__(self, num: int) -> None:
        self._num_free = num
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        called = threading.Event()
        with self._guard:
            if self._num_free:
                self._num_free -= 1
                return
            self._waiting.append(called)
        try:
            called.wait()
        except BaseException:  # the user's Ctrl-C
            with self._guard:
                if not called.is_set():
                    self._waiting.remove(called)
                    raise
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._num_free += 1
