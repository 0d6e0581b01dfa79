"""What the decoder process may do: compute, read the files it is handed, answer on one socket.

The one idea: every mechanism is tried on its own, and what did not work is reported by name with
the reason, so that nobody believes in a wall that is not there. Most of them exist on Linux only.

    leave()  before the libraries are loaded (a user namespace needs a process with one thread):
             own user and network namespace
    lock()   after they are loaded and before a byte of the file is touched: no new privileges, no
             capabilities, Landlock, limits on memory, processor time and files, the system-call
             filter

Sources: prctl(2), unshare(2), capabilities(7), setrlimit(2), and the kernel's
`Documentation/userspace-api/landlock.rst`. It does not hide which files exist (stat works where
folders can be searched), and it is no virtual machine: a hole in the kernel is a hole in this
wall. RLIMIT_NPROC is left alone: it counts threads, which decoders need, and every other process of
the user; the system-call filter refuses new processes instead.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from playhead.video.sandbox import seccomp
from playhead.video.sandbox.walls import Step

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CAPABILITY_VERSION_3 = 0x20080522
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_ASK_VERSION = 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_OPEN_FILES = 64


def leave() -> list[Step]:
    """Go where there is no network. For a process with one thread."""
    return [_try("network namespace", _leave_network)]


def lock(*, memory_bytes: int, cpu_s: int) -> list[Step]:
    """Close every door that is still open, for ever. For a process with one thread.

    Args:
        memory_bytes: What the process may allocate beyond what it holds now.
        cpu_s: Processor seconds it may use in its life.
    """
    return [
        _try("no new privileges", partial(_prctl, _PR_SET_NO_NEW_PRIVS, 1)),
        _try("no capabilities", _drop_capabilities),
        _try("memory limit", partial(_limit_memory, memory_bytes)),
        _try("processor limit", partial(_limit, resource.RLIMIT_CPU, cpu_s, grace=1)),
        _try("no files written", partial(_limit, resource.RLIMIT_FSIZE, 0)),
        _try("open files limit", partial(_limit, resource.RLIMIT_NOFILE, _OPEN_FILES)),
        _try("no core dump", partial(_limit, resource.RLIMIT_CORE, 0)),
        _try("not traceable", partial(_prctl, _PR_SET_DUMPABLE, 0)),
        _try("Landlock", _landlock),
        _try("system-call filter", seccomp.install),
    ]


def die_with(lifeline: int) -> Step:
    """Have the kernel kill this process when the last writing end of the pipe `lifeline` closes.

    The usual means, PR_SET_PDEATHSIG, fires when the parent's *thread* ends, and decoders are
    started from thread pools. A pipe closes when the parent's process ends, however it ends.
    """
    return _try("dies with its parent", partial(_watch, lifeline))


def _watch(lifeline: int) -> None:
    if not hasattr(fcntl, "F_SETSIG"):
        raise OSError("no signal for a closed pipe here; the end is seen at the next request")
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it closed before anybody watched
        os._exit(0)


def _try(name: str, step: Callable[[], object]) -> Step:
    try:
        step()
    except (OSError, ValueError, OverflowError, AttributeError) as error:
        return name, str(error) or type(error).__name__
    return name, None


def _libc() -> ctypes.CDLL:
    if not sys.platform.startswith("linux"):
        raise OSError(f"{sys.platform} has none")
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _prctl(option: int, value: int) -> None:
    _check(_libc().prctl(option, value, 0, 0, 0))


def _leave_network() -> None:
    libc = _libc()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) < 0:
        _check(libc.unshare(_CLONE_NEWNET))  # a privileged process needs no user namespace


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _check(_libc().capset(header, (ctypes.c_uint32 * 6)()))


def _limit(kind: int, most: int, *, grace: int = 0) -> None:
    """Lower a limit for good; one that is already lower stays."""
    _, ceiling = resource.getrlimit(kind)
    if ceiling != resource.RLIM_INFINITY:
        most = min(most, ceiling)
        grace = min(grace, ceiling - most)
    resource.setrlimit(kind, (most, most + grace))


def _limit_memory(memory_bytes: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + memory_bytes)


def _landlock() -> None:
    """No files by name, no TCP, no signals and no abstract sockets to others."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        raise OSError(f"{threads - 1} threads were running before it, and would stay outside")
    libc = _libc()
    version = _check(libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_ASK_VERSION))
    files = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    sizes = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}
    handled = (ctypes.c_uint64 * 3)(files, 0b11, 0b11)
    ruleset = _check(
        libc.syscall(_LANDLOCK_CREATE_RULESET, handled, ctypes.c_size_t(sizes.get(version, 24)), 0)
    )
    try:
        _check(libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
