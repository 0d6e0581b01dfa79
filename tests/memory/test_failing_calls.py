"""A memory on a system that says no: full and read-only disks, calls that fail, too many files."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from playhead.memory import DiskMemory, check, compact
from tests.memory.faults import (
    STEPS,
    faults,
    num_points,
    state,
    states,
)
from tests.memory.made import batch


def errors_leave_nothing_half(folder: Path, hows: Callable[[int], tuple[str, ...]]) -> None:
    expected = states(folder / "whole")
    for at in range(num_points(folder / "counted")):
        for how in hows(at):
            home = folder / f"{at} {how}"
            with faults(at, how) as points:
                try:
                    memory = DiskMemory(home)
                except OSError:
                    memory = DiskMemory(home)
                for number, (_, step) in enumerate(STEPS):
                    try:
                        step(memory)
                    except OSError as error:
                        refused = str(error)
                    else:
                        refused = ""
                    if refused:
                        assert os.strerror(getattr(errno, how)) in refused
                        assert state(memory) == expected[number], (at, how)
                        step(memory)
                    assert state(memory) == expected[number + 1], (at, how)
                memory.close()
            assert points.num > at
            with DiskMemory(home) as memory:
                assert state(memory) == expected[-1]
                assert not check(memory)
            shutil.rmtree(home)


def test_a_write_that_fails_at_any_call_in_any_way_was_never_there(tmp_path: Path):
    with DiskMemory(tmp_path) as memory:
        for number, (at, how) in enumerate(product(range(20), ERRORS)):
            memory.write(batch("v", number, num=2))
            before = memory.digest()
            new = batch("w", number, num=2)
            with faults(at, how) as points, suppress(OSError):
                memory.write(new)
                assert points.num <= at or how == "short"
                before = ""
            if before:
                assert memory.digest() == before
                assert memory.write(new) == 2
        assert memory.write(new) == 0
        assert not check(memory)
        assert len(memory.vectors("clip")[0]) == len(memory.entries()) == 4 * 80


ERRORS = ("ENOSPC", "EIO", "EMFILE", "short")


def test_some_calls_that_fail_are_errors_and_leave_nothing_half(tmp_path: Path):
    errors_leave_nothing_half(tmp_path, lambda at: (ERRORS[at // 11 % 4],) if at % 11 == 2 else ())


@pytest.mark.slow
def test_any_call_that_fails_is_an_error_and_leaves_nothing_half(tmp_path: Path):
    errors_leave_nothing_half(tmp_path, lambda at: (ERRORS[at % 4], ERRORS[(at + 1) % 4]))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine does not let this user mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_an_error_and_the_memory_goes_on_when_there_is_place(small_disk: Path):
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 700_000)
    home = small_disk / "memory"
    written = 0
    with DiskMemory(home) as memory:
        refused = ""
        while not refused:
            try:
                memory.write(batch("v", written, num=40))
            except OSError as error:
                refused = str(error)
            else:
                written += 1
        assert "No space left" in refused or "full" in refused
        assert written > 3
        filler.unlink()
        assert len(memory.entries()) == 40 * written
        assert len(memory.vectors("clip")[0]) == 40 * written
        memory.write(batch("v", written, num=40))
        digest = memory.digest()
    with DiskMemory(home) as memory:
        assert memory.digest() == digest
        assert not check(memory)


def test_a_memory_is_opened_or_refused_on_a_disk_without_a_byte_left(small_disk: Path):
    home = small_disk / "memory"
    with DiskMemory(home) as memory:
        memory.write(batch("v", 0))
        digest = memory.digest()
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"x" * 4096):
            pass
    assert shutil.disk_usage(small_disk).free == 0
    refused = ""
    try:
        with DiskMemory(home) as memory:
            assert memory.digest() == digest
            memory.write(batch("v", 1, num=400))
    except OSError as error:
        refused = str(error)
    assert "No space" in refused or "full" in refused or "I/O" in refused
    (small_disk / "filler").unlink()
    with DiskMemory(home) as memory:
        assert memory.digest() == digest
        compact(memory)
        assert memory.digest() == digest


def test_a_disk_that_may_not_be_written_is_an_error(small_disk: Path):
    home = small_disk / "memory"
    with DiskMemory(home) as memory:
        memory.write(batch("v", 0))
        digest = memory.digest()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OSError, match="Read-only"):
        DiskMemory(home)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    with DiskMemory(home) as memory:
        assert memory.digest() == digest


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_may_not_be_written_is_an_error(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        DiskMemory(tmp_path / "memory")


def test_too_many_open_files_are_an_error_and_pass(tmp_path: Path):
    resource = pytest.importorskip("resource")
    with DiskMemory(tmp_path) as memory:
        memory.write(batch("v", 0))
        digest = memory.digest()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken = os.open("/dev/null", os.O_RDONLY)
        os.close(taken)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (taken, hard))
            for use in (
                lambda: memory.write(batch("v", 1)),
                lambda: memory.delete("v"),
                lambda: compact(memory),
                lambda: DiskMemory(tmp_path),
            ):
                with pytest.raises(OSError, match=r"Too many open files|unable to open"):
                    use()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert memory.digest() == digest
        memory.write(batch("v", 1))
        assert not check(memory)
