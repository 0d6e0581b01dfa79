"""A decoder plug-in that a file has taken over: it does what the file says, from inside the child.

The "video" is JSON: `{"open": act, "read": act}`. An act is one of `ACTS`; what it managed to do
comes back as `info.warnings`. Installed for a test by the fixture `rogue`.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from playhead.video.decoders.base import Opened, Pictures, Timeline

NUM_FRAMES, HEIGHT, WIDTH = 10, 8, 16


def reach_out(port: int, witness: str) -> list[str]:
    """Everything that a decoder has no business doing; the names of what worked."""
    attempts: dict[str, Callable[[], object]] = {
        "read a file": lambda: Path(witness).read_bytes(),
        "list a folder": lambda: os.listdir("/"),
        "write a file": lambda: Path(witness).write_text("x"),
        "make a file": lambda: Path(witness + ".new").touch(),
        "remove a file": lambda: os.unlink(witness),
        "change a mode": lambda: os.chmod(witness, 0o777),
        "change a time": lambda: os.utime(witness),
        "call the loopback": lambda: socket.create_connection(("127.0.0.1", port), timeout=5),
        "open a socket": lambda: socket.socket(socket.AF_UNIX),
        "fork": lambda: os.fork() or os._exit(0),
        "run a program": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
        "signal the parent": lambda: os.kill(os.getppid(), 0),
        "limit the parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE),
        "read the parent": lambda: open(f"/proc/{os.getppid()}/mem", "rb").close(),
        "trace the parent": _trace,
        "raise its own limit": lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)),
        "lower its priority": lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 5),
        "make files in memory": lambda: os.memfd_create("x"),
    }
    done = []
    for name, attempt in attempts.items():
        try:
            attempt()
            done.append(name)
        except (OSError, ValueError):
            continue
    return done


def _trace() -> None:
    attach = 0x4206  # PTRACE_SEIZE
    if ctypes.CDLL(None).ptrace(attach, os.getppid(), 0, 0) < 0:
        raise OSError("refused")


def environment() -> list[str]:
    """The names in its environment."""
    return list(os.environ)


def crash() -> list[str]:
    """Die of a bad address."""
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    ctypes.string_at(0)
    return []


def quit_quietly() -> list[str]:
    """Leave."""
    os._exit(3)


def hang() -> list[str]:
    """Do nothing for ever."""
    while True:
        time.sleep(60)


def spin() -> list[str]:
    """Use the processor for ever."""
    while True:
        pass


def hog() -> list[str]:
    """Take all the memory there is."""
    hoard = []
    while True:
        hoard.append(bytearray(2**26))


def hog_and_die() -> list[str]:
    """Take all the memory there is, and more."""
    ctypes.CDLL(None).abort()
    return []


def surprise() -> list[str]:
    """Fail with a secret of the library in the message."""
    raise RuntimeError("at 0x7ffee3b0 in libsecret")


def start_thread() -> list[str]:
    """Threads are allowed."""
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    return ["a thread"]


def fine() -> list[str]:
    """Behave."""
    return []


ACTS = {
    act.__name__: act
    for act in (
        *(reach_out, environment, crash, quit_quietly, hang, spin, hog, hog_and_die),
        *(surprise, start_thread, fine),
    )
}


class Rogue:
    """See the top of this file."""

    name = "rogue"

    def __init__(self, file, limits) -> None:
        self._script = json.loads(file.read())
        done = self._act("open")
        info = {
            "duration_s": 1.0,
            "num_frames": NUM_FRAMES,
            "height": HEIGHT,
            "width": WIDTH,
            "codec": "none",
            "container": "none",
            "has_audio": True,
            "warnings": done,
        }
        times_s = np.arange(NUM_FRAMES) / NUM_FRAMES
        keys = np.arange(NUM_FRAMES) % 5 == 0
        self.opened = Opened({**info, **self._script.get("info", {})}, Timeline(times_s, keys, 1.0))

    def _act(self, stage: str) -> list[str]:
        act = self._script.get(stage, "fine")
        if isinstance(act, dict):
            ((name, arguments),) = act.items()
            return getattr(self, name)(arguments) or [] if name == "say" else ACTS[name](*arguments)
        return ACTS[act]()

    def say(self, words: str) -> None:
        """Answer in the child's place with these bytes (hexadecimal), and wait for what happens."""
        os.write(_channel(), bytes.fromhex(words))
        hang()

    def read(self, times_s, max_side) -> Pictures:
        """What the file says, or black pictures."""
        self._act("read")
        shape = (len(times_s), HEIGHT, WIDTH, 3)
        return Pictures(np.zeros(shape, np.uint8), np.asarray(times_s, dtype=np.float64))

    def close(self) -> None:
        """Nothing is held."""


def _channel() -> int:
    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                return number
        except OSError:
            continue
    raise AssertionError("not found")
