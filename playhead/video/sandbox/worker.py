"""The parent's side: a decoder process that can be asked, and that may die without harm.

The one idea: a decoder's state is disposable. Whatever goes wrong (it dies, it hangs, it answers
nonsense, the caller is interrupted) the process is killed and reaped, the caller gets a typed error
that says what was being done, and the next call starts a fresh process and opens the file again.
There is at most one question under way: callers in several threads take turns.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, NoReturn, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from playhead.core import errors
from playhead.core.errors import DecodeFailed, DecoderCrashed, DecodeTimeout, PlayheadError
from playhead.core.value import clean_text
from playhead.video.limits import Limits
from playhead.video.sandbox import wire
from playhead.video.sandbox.process import Child, Question, obituary, start
from playhead.video.sandbox.walls import Walls

logger = logging.getLogger(__name__)

T = TypeVar("T")
Check = Callable[[dict[str, Any], NDArray[np.uint8]], T]
"""Turns an answer into what it means; ValueError, KeyError or TypeError if it means nothing."""

_START_S = 120.0
"""How long a backend may take to load. Torch takes 40 s on a slow disk."""
_READS_BYTES_PER_S = 50e6
"""Opening a file reads all of it: on a slow disk that takes longer than one call may."""
_MAX_MESSAGE = 500
_TYPED = {
    kind.__name__: kind
    for kind in (
        errors.NotAVideo,
        errors.NoPicture,
        errors.NoSound,
        errors.TooLarge,
        errors.NoSuchTime,
        errors.DecodeFailed,
        errors.MissingExtra,
        errors.NoSuchPlugin,
    )
}
NONSENSE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What Python raises for an answer that is not what it should be."""


class Decoding(Protocol):
    """Where the work on one file is done: `Worker`, or `Inline` in this process."""

    walls: Walls

    def open(self, file: int, check: Check[T]) -> T:
        """Work on this file from now on."""
        ...

    def call(self, job: str, arguments: dict[str, Any], stage: str, check: Check[T]) -> T:
        """Do a job on the open file."""
        ...

    def close(self) -> None:
        """Give back what is held. Closing twice is fine."""
        ...


class Worker:
    """A decoder in a process of its own, started at the first call. Safe in threads and after fork.

    Args:
        decoder: Name of the backend.
        limits: What one file may cost.
    """

    def __init__(self, decoder: str, limits: Limits) -> None:
        self.walls = Walls()
        self._decoder, self._limits = decoder, limits
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._file = -1
        self._opened: dict[str, Any] | None = None
        _living.add(self)

    @property
    def pid(self) -> int | None:
        """Of the process, for those who watch it. None: none is running."""
        return self._child.pid if self._child else None

    def open(self, file: int, check: Check[T]) -> T:
        """Work on this file from now on. The descriptor stays the caller's, and must stay open.

        Raises:
            VideoError: It cannot be opened, and why.
        """
        with self._lock:
            self._file, self._opened = file, None
            return self._open(self._running(), check)

    def call(self, job: str, arguments: dict[str, Any], stage: str, check: Check[T]) -> T:
        """Do a job on the open file, in a fresh process if the last one is gone.

        Args:
            job: `"read"`, `"sound"` or `"texts"`.
            arguments: Of the method of that name in `jobs.Jobs`.
            stage: What is being done, for messages: "reading pictures".
            check: What the answer means.

        Raises:
            VideoError: It cannot be done, and why.
        """
        with self._lock:
            if self._file < 0:
                raise ValueError("the video is closed: open it again")
            child = self._running()
            if not child.has_file:
                self._reopen(child)
            message = {"job": job, "arguments": arguments}
            return self._ask(child, Question(message, stage, self._limits.wall_s), check)

    def close(self) -> None:
        """End the process and reap it. The next `open` starts another."""
        with self._lock:
            self._file = -1
            self._drop()

    def _running(self) -> Child:
        if self._child is None or self._child.is_spent or not self._child.is_idle():
            self._drop()
            child = start(self._decoder, self._limits)
            self.walls = _greeting(child, self._decoder, self._limits)
            self._child = child
        return self._child

    def _open(self, child: Child, check: Check[T]) -> T:
        def keep(answer: dict[str, Any], content: NDArray[np.uint8]) -> T:
            meaning = check(answer, content)
            self._opened, child.has_file = answer, True
            return meaning

        child.has_file = False
        wall_s = self._limits.wall_s + _stored_bytes(self._file) / _READS_BYTES_PER_S
        question = Question({"job": "open"}, "opening the file", wall_s, (self._file,))
        return self._ask(child, question, keep)

    def _reopen(self, child: Child) -> None:
        before = self._opened
        self._open(child, lambda answer, _: answer)
        if before is not None and self._opened != before:
            child.has_file, self._opened = False, before
            raise DecodeFailed("the file was changed while it was open: open it again")

    def _ask(self, child: Child, question: Question, check: Check[T]) -> T:
        stage = question.stage
        try:
            return check(*self._answer(child, question))
        except PlayheadError:
            raise
        except TimeoutError:
            self._drop()
            raise DecodeTimeout(
                f"no answer within {question.wall_s:.3g} s while {stage}: stopped. "
                "Ask for less at once, or raise limits.wall_s if you trust this file"
            ) from None
        except wire.Closed:
            why = obituary(self._drop(wait_s=1.0), self._limits)
            raise _crashed(f"died while {stage}: {why}") from None
        except NONSENSE as error:
            logger.debug("a decoder answered nonsense while %s", stage, exc_info=error)
            self._drop()
            raise _crashed(f"gave an impossible answer while {stage}: stopped") from None
        except BaseException:  # an interrupt: the answer to this question must not meet the next
            self._drop()
            raise

    def _answer(self, child: Child, question: Question) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        deadline_s = time.monotonic() + question.wall_s
        reply = child.ask(question, deadline_s)
        child.is_spent = _is_spent(reply, self._limits)
        if "error" in reply:
            _raise(reply, question.stage)
        answer = dict(reply["answer"])
        num_bytes, most = answer.pop("num_bytes"), self._limits.bytes_per_call
        if not isinstance(num_bytes, int) or not 0 <= num_bytes <= most:
            raise ValueError(f"an answer has at most {most} bytes: got {num_bytes!r}")
        return answer, child.take(num_bytes, deadline_s)

    def _drop(self, *, wait_s: float = 0.0) -> int | None:
        child, self._child = self._child, None
        return child.end(wait_s=wait_s) if child else None

    def _after_fork(self) -> None:
        """This copy of the process leaves the decoder to the other and will start its own."""
        self._lock = threading.RLock()
        child, self._child = self._child, None
        if child:
            child.forget()


def printable(text: str) -> str:
    """A message on one line, of bounded length, with nothing that a terminal would obey."""
    text = clean_text(text[:_MAX_MESSAGE])
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _greeting(child: Child, decoder: str, limits: Limits) -> Walls:
    stage = f"loading the {decoder} decoder"
    try:
        hello = child.hear(time.monotonic() + _START_S)
        if "error" in hello:
            _raise(hello, stage)
    except TimeoutError:
        child.end()
        raise DecodeTimeout(f"no answer within {_START_S:g} s while {stage}") from None
    except wire.Closed:
        why = obituary(child.end(wait_s=1.0), limits)
        raise _crashed(f"died while {stage}: {why}") from None
    except BaseException:
        child.end()
        raise
    missing = tuple((str(name), str(reason)) for name, reason in hello["missing"])
    return Walls(on=tuple(map(str, hello["on"])), missing=missing)


def _stored_bytes(file: int) -> int:
    """What lies on the disk: holes in a file cost nothing to make, and nothing to read."""
    status = os.fstat(file)
    return min(status.st_size, getattr(status, "st_blocks", 0) * 512)


def _is_spent(reply: dict[str, Any], limits: Limits) -> bool:
    """Whether the process should be replaced before it runs into its limits."""
    cpu_s = reply.get("cpu_s")
    out_of_memory = str(reply.get("cause")).startswith("MemoryError")
    return out_of_memory or not isinstance(cpu_s, float) or cpu_s > limits.cpu_s / 2


def _raise(reply: dict[str, Any], stage: str) -> NoReturn:
    kind = _TYPED.get(str(reply["error"]), DecodeFailed)
    message = printable(str(reply["message"]))
    logger.debug("a decoder failed while %s: %s", stage, printable(str(reply.get("cause"))))
    raise kind(f"{message} (while {stage})")


def _crashed(what: str) -> DecoderCrashed:
    return DecoderCrashed(
        f"the decoder process {what}. The next call starts a new one; "
        "if it happens again the file is damaged or hostile"
    )


_living: weakref.WeakSet[Worker] = weakref.WeakSet()
"""Every worker of this process: a forked copy of the process must let go of their children."""


def _let_go() -> None:
    for worker in list(_living):
        worker._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
