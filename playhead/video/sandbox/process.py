"""One decoder process: started, asked, ended.

It is a fresh Python that gets nothing of ours: an empty environment, no open files but the two it
needs, a session of its own. A pipe that only this process holds open is its lifeline (see
`confine.die_with`); at the latest when the `Child` is forgotten it is killed and reaped.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import weakref
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from playhead.video.limits import Limits
from playhead.video.sandbox import wire

_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from playhead.video.sandbox.child import main; main(sys.argv[2])"
)


@dataclass(frozen=True)
class Question:
    """A request, what to call it in messages, and how long it may take."""

    message: dict[str, Any]
    stage: str
    wall_s: float
    files: tuple[int, ...] = ()


def why_no_process() -> str | None:
    """Why this machine cannot have a decoder process. None: it can."""
    if not hasattr(socket, "AF_UNIX") or not hasattr(socket, "recv_fds"):
        return f"{sys.platform} cannot hand an open file to another process"
    if not sys.executable:
        return "this Python does not know its own program file"
    return None


class Child:
    """A running process, its channel and its lifeline."""

    def __init__(
        self, process: subprocess.Popen[bytes], channel: socket.socket, lifeline: int
    ) -> None:
        self.has_file = False
        """Whether it has the file open that its owner thinks it has."""
        self.is_spent = False
        """Whether it is to be replaced before it runs into its limits."""
        self._process, self._channel, self._lifeline = process, channel, lifeline
        self._end = weakref.finalize(self, _end, process, channel, lifeline)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def is_idle(self) -> bool:
        """Whether it is alive and silent, as it should be when nothing is owed."""
        if self._process.poll() is not None:
            return False
        heard = select.poll()
        heard.register(self._channel, select.POLLIN)
        return not heard.poll(0)

    def hear(self, deadline_s: float) -> dict[str, Any]:
        """The next thing it says. Errors of `wire.receive`."""
        return wire.receive(self._channel, deadline_s=deadline_s)[0]

    def ask(self, question: Question, deadline_s: float) -> dict[str, Any]:
        """Its reply. Errors of `wire.send` and `wire.receive`."""
        files = question.files
        wire.send(self._channel, question.message, files=files, deadline_s=deadline_s)
        return self.hear(deadline_s)

    def take(self, num_bytes: int, deadline_s: float) -> NDArray[np.uint8]:
        """The large part that follows its reply. Errors of `wire.receive`."""
        content = np.empty(num_bytes, dtype=np.uint8)
        view = memoryview(cast(Any, content))
        wire.receive_content(self._channel, view, deadline_s=deadline_s)
        return content

    def end(self, *, wait_s: float = 0.0) -> int | None:
        """Kill and reap it. The status if it ends by itself within `wait_s`; None: it did not."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=wait_s)
        status = self._process.poll()
        self._end()
        return status

    def forget(self) -> None:
        """Let go of it without harm: it belongs to the process that this one was forked from."""
        self._end.detach()
        self._process.returncode = 0  # not ours to reap
        self._channel.close()
        os.close(self._lifeline)


def _end(process: subprocess.Popen[bytes], channel: socket.socket, lifeline: int) -> None:
    process.kill()
    process.wait()
    channel.close()
    os.close(lifeline)


def start(decoder: str, limits: Limits) -> Child:
    """A process that will say hello once its backend is loaded and its walls are up."""
    with ExitStack() as theirs, ExitStack() as ours:
        channel, far_end = socket.socketpair()
        ours.callback(channel.close)
        theirs.callback(far_end.close)
        reading, lifeline = os.pipe()
        ours.callback(os.close, lifeline)
        theirs.callback(os.close, reading)
        order = {
            "channel": far_end.fileno(),
            "lifeline": reading,
            "decoder": decoder,
            "limits": asdict(limits),
        }
        process = subprocess.Popen(  # noqa: S603  (our own Python, our own code)
            [*_python(), _BOOT, json.dumps(_search_path()), json.dumps(order)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            pass_fds=(far_end.fileno(), reading),
            start_new_session=True,  # an interrupt at the terminal is the parent's to handle
        )
        ours.pop_all()
    return Child(process, channel, lifeline)


def obituary(status: int | None, limits: Limits) -> str:
    """What a process probably died of, from the status it ended with."""
    if status is None:
        return "it stopped talking"
    if status >= 0:
        return f"it ended by itself with status {status}"
    if -status == signal.SIGXCPU:
        return f"it used up limits.cpu_s = {limits.cpu_s} s of processor time"
    if -status == signal.SIGKILL:
        return "it was killed from outside, perhaps because the machine ran out of memory"
    name = signal.Signals(-status).name
    return f"{name}; memory was corrupted, or limits.memory_bytes = {limits.memory_bytes} used up"


def _python() -> list[str]:
    flags = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else []), "-c"]
    return [sys.executable, *flags]


def _search_path() -> list[str]:
    """Where this process finds its modules, but never the folder it happens to be in."""
    ours = str(Path(__file__).parents[3])
    path = [entry for entry in sys.path if Path(entry).is_absolute()]
    return path if ours in path else [*path, ours]


def _environment() -> dict[str, str]:
    """Nothing of the parent's (no key, no token) but where its libraries lie."""
    kept = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    libraries = {name: os.environ[name] for name in kept if name in os.environ}
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    return {"PATH": os.defpath, **libraries, **dict.fromkeys(threads, "1")}
