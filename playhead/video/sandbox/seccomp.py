"""A system-call filter for Linux: what a decoder never needs is refused with EPERM.

The one idea: the filter is a second wall behind Landlock and the network namespace, and the only
one against starting processes. It is a list of what is refused, not of what is allowed, so that
backends with their own threads and allocators (torch) work unchanged: no sockets, no programs, no
new processes (threads are fine), no files by name, no signals to and no look into other
processes, no asynchronous or tracing interfaces of the kernel. Calls that need a capability
(mount, reboot ...) are not listed: the child has no capabilities.

Source: seccomp(2) and the kernel's `Documentation/userspace-api/seccomp_filter.rst`; numbers from
the kernel's call tables. Covers x86-64 and 64-bit ARM.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from errno import ENOSYS, EPERM

_REFUSED = """
    socket 41 198           socketpair 53 199       connect 42 203          bind 49 200
    listen 50 201           accept 43 202           accept4 288 242
    execve 59 221           execveat 322 281        fork 57 -               vfork 58 -
    ptrace 101 117          process_vm_readv 310 270                        kcmp 312 272
    process_vm_writev 311 271                       process_madvise 440 440
    pidfd_open 434 434      pidfd_getfd 438 438     pidfd_send_signal 424 424
    tkill 200 130           rt_sigqueueinfo 129 138 rt_tgsigqueueinfo 297 240
    io_uring_setup 425 425  io_uring_enter 426 426  io_uring_register 427 427
    bpf 321 280             perf_event_open 298 241 userfaultfd 323 282
    add_key 248 217         request_key 249 218     keyctl 250 219
    unshare 272 97          setns 308 268           mount 165 40            chroot 161 51
    open 2 -                openat 257 56           openat2 437 437         creat 85 -
    open_tree 428 428       name_to_handle_at 303 264
    open_by_handle_at 304 265
    unlink 87 -             unlinkat 263 35         rename 82 -             renameat 264 38
    renameat2 316 276       mkdir 83 -              mkdirat 258 34          rmdir 84 -
    link 86 -               linkat 265 37           symlink 88 -            symlinkat 266 36
    mknod 133 -             mknodat 259 33          truncate 76 45
    chmod 90 -              fchmodat 268 53         fchmodat2 452 452
    chown 92 -              lchown 94 -             fchownat 260 54
    utime 132 -             utimes 235 -            futimesat 261 -         utimensat 280 88
    setxattr 188 5          lsetxattr 189 6         setxattrat 463 463
    removexattr 197 14      lremovexattr 198 15     removexattrat 466 466
    memfd_create 319 279    memfd_secret 447 447
    shmget 29 194           shmat 30 196            msgget 68 186           semget 64 190
    mq_open 240 180         mq_unlink 241 181
    setpriority 141 140     ioprio_set 251 30       sched_setattr 314 274
    sched_setparam 142 118  sched_setscheduler 144 119
    migrate_pages 256 238   move_pages 279 239      inotify_init 253 -      inotify_init1 294 26
"""
_CLONE, _CLONE3 = (56, 220), (435, 435)
_KILL, _TGKILL, _PRLIMIT64 = (62, 129), (234, 131), (302, 261)
_FCNTL, _F_SETOWN, _F_SETSIG, _F_SETOWN_EX = (72, 25), 8, 10, 15
_IOCTL, _FIOSETOWN, _SIOCSPGRP = (16, 29), 0x8901, 0x8902
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24
_KILL_PROCESS, _REFUSE, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install() -> None:
    """Put the filter on this thread and all it starts, for ever. Needs no_new_privs.

    Raises:
        OSError: The kernel, or this kind of processor, has no such filter.
    """
    machine = platform.machine()
    is_64_bit = sys.maxsize > 2**32
    if not sys.platform.startswith("linux") or machine not in _AUDIT_ARCH or not is_64_bit:
        raise OSError(f"there is no list of system calls for {sys.platform} on {machine}")
    code = b"".join(struct.pack("HBBI", *step) for step in _program(machine, os.getpid()))
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _program(machine: str, pid: int) -> list[tuple[int, int, int, int]]:
    """The filter as (code, jump if true, jump if false, operand)."""
    column = 0 if machine == "x86_64" else 1
    rows = _REFUSED.split()
    numbers = [row for i, row in enumerate(rows) if i % 3 == 1 + column]
    steps = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL_PROCESS),
    ]
    for number in numbers:
        if number != "-":
            steps += [(_EQUAL, 0, 1, int(number)), (_RETURN, 0, 0, _REFUSE | EPERM)]
    # glibc falls back from clone3, whose flags a filter cannot see, to clone, whose flags it can.
    steps += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _REFUSE | ENOSYS)]
    steps += _only(_CLONE[column], (_ANY_BIT, _CLONE_THREAD))
    steps += _only(_KILL[column], (_EQUAL, pid))
    steps += _only(_TGKILL[column], (_EQUAL, pid))
    steps += _only(_PRLIMIT64[column], (_EQUAL, 0))
    # A socket can be told to send signals to another process when something arrives on it.
    steps += _never(_FCNTL[column], (_F_SETOWN, _F_SETSIG, _F_SETOWN_EX))
    steps += _never(_IOCTL[column], (_FIOSETOWN, _SIOCSPGRP))
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _only(number: int, test: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Allow this call only where its first argument passes the test."""
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARGUMENT_0),
        (test[0], 0, 1, test[1]),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE | EPERM),
    ]


def _never(number: int, commands: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Allow this call unless its second argument is one of `commands`."""
    tests = [
        step
        for command in commands
        for step in ((_EQUAL, 0, 1, command), (_RETURN, 0, 0, _REFUSE | EPERM))
    ]
    load = (_LOAD, 0, 0, _ARGUMENT_1)
    return [(_EQUAL, 0, len(tests) + 2, number), load, *tests, (_RETURN, 0, 0, _ALLOW)]
