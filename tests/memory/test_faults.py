"""The memory under what really happens: kills, crashes at any point, full disks, flipped bits."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from playhead.core import Span
from playhead.core.errors import CorruptRecord, NewerSchema
from playhead.memory import DiskMemory, check, compact, mend
from playhead.memory.log import encode
from tests.memory.faults import (
    DIED,
    STEPS,
    Forker,
    faults,
    kill_many,
    num_points,
    spread,
    state,
    states,
)
from tests.memory.made import batch, said

QUERIES = ["word0", "line 2 of v", "word3 line", "better", "accident"]
SPACES = ("clip", "text")

# Kills


def survives_kills(folder: Path, num: int, seed: int) -> None:
    kills = kill_many(folder, num, seed)
    assert kills.num >= num
    assert max(kills.opening_s) <= 5


def test_an_indexer_that_is_killed_loses_nothing_and_ends_the_same(tmp_path: Path):
    survives_kills(tmp_path, 25, seed=1)


@pytest.mark.slow
def test_an_indexer_that_is_killed_200_times_loses_nothing_and_ends_the_same(tmp_path: Path):
    survives_kills(tmp_path, 200, seed=2)


# A crash at every point

HOWS = ("before", "half", "after")


def crashes_leave_a_prefix(folder: Path, hows: Callable[[int], tuple[str, ...]]) -> None:
    expected = states(folder / "whole")
    num = num_points(folder / "counted")
    with Forker() as forker:
        for at in range(num):
            for how in hows(at):
                home = folder / f"{at} {how}"
                job = {"do": "steps", "folder": str(home), "at": at, "how": how}
                told, code = forker.run(job)
                assert code == DIED or len(told) == len(STEPS)
                with DiskMemory(home) as memory:
                    assert state(memory) in expected[len(told) : len(told) + 2], (at, how)
                    assert not check(memory)
                    for _, step in STEPS[expected.index(state(memory)) :]:
                        step(memory)
                    assert state(memory) == expected[-1]
                shutil.rmtree(home)


def test_a_crash_at_some_of_the_points_leaves_what_was_acknowledged_and_nothing_half(
    tmp_path: Path,
):
    crashes_leave_a_prefix(tmp_path, lambda at: (HOWS[at // 13 % 3],) if at % 13 == 3 else ())


@pytest.mark.slow
def test_a_crash_before_in_and_after_every_point_leaves_nothing_half(tmp_path: Path):
    crashes_leave_a_prefix(tmp_path, lambda at: HOWS)


# A disk that says no


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


# Flipped bits


def remembered(folder: Path) -> None:
    with DiskMemory(folder) as memory:
        for number in range(5):
            for video in "vw":
                memory.write(batch(video, number))
        memory.describe_video("v", {"title": "x"})
        memory.forget([batch("v", 2).entries[1].evidence.id])
        memory.add([said("w", 80, "a strange accident 東京 FL00R")])


def answers(memory: DiskMemory) -> Any:
    found = [
        memory.search(text, k=9, **how)  # type: ignore[arg-type]
        for text in [*QUERIES, None]
        for how in ({}, {"videos": ["w"]}, {"until_s": 9.0}, {"kinds": ["speech"]})
    ]
    return state(memory), found, [memory.coverage(v, kind) for v in "vw" for kind in (None, "x")]


def vectors(memory: DiskMemory) -> dict[tuple[str, str], list[float]]:
    return {
        (space, id_): vector.tolist()
        for space in SPACES
        for id_, vector in zip(*memory.vectors(space), strict=True)
    }


def flips_do_no_harm(folder: Path, num: int, seed: int) -> dict[str, int]:
    """Flips bytes all over the files; returns how many were detected, harmless, lost a vector."""
    whole, home, rng = folder / "whole", folder / "flipped", random.Random(seed)
    remembered(whole)
    with DiskMemory(whole) as memory:
        expected, entries, kept = answers(memory), memory.entries(), vectors(memory)
    files = [path for path in sorted(whole.rglob("*")) if path.is_file() and path.stat().st_size]
    assert {"current", "log", "tables.sqlite"} <= {path.name for path in files}
    shares = {path: 8 if path.name == "tables.sqlite" else 3 for path in files}
    shares |= {path: 1 for path in files if path.name == "current"}
    counts = {"detected": 0, "harmless": 0, "lost a vector": 0}
    for path in files:
        some = max(8, num * shares[path] // sum(shares.values()))
        for offset in spread(rng, path.stat().st_size, some):
            shutil.copytree(whole, home)
            flipped = home / path.relative_to(whole)
            content = bytearray(flipped.read_bytes())
            content[offset] ^= rng.choice([1 << rng.randrange(8), rng.randrange(1, 256)])
            flipped.write_bytes(content)
            with DiskMemory(home) as memory:
                damage = check(memory)
                if not damage:
                    assert answers(memory) == expected, (path.name, offset)
                    counts["harmless"] += 1
                else:
                    counts["detected"] += 1
                    assert mend(memory), (path.name, offset)
                    assert not check(memory), (path.name, offset)
                left = vectors(memory)
                assert memory.entries() == entries, (path.name, offset)
                for entry in entries:
                    assert memory.get(entry.evidence.id) == entry.evidence, (path.name, offset)
                assert left.items() <= kept.items(), (path.name, offset)
                lost = len(kept) - len(left)
                assert lost <= (1 if path.suffix == ".vectors" else 0), (path.name, offset)
                counts["lost a vector"] += lost
            shutil.rmtree(home)
    return counts


def test_a_flipped_byte_is_noticed_or_harmless_and_loses_no_evidence(tmp_path: Path):
    counts = flips_do_no_harm(tmp_path, 60, seed=1)
    assert counts["detected"] > 20


@pytest.mark.slow
def test_a_thousand_flipped_bytes_are_noticed_or_harmless(tmp_path: Path):
    counts = flips_do_no_harm(tmp_path, 1000, seed=2)
    print(counts)
    assert counts["detected"] > 500
    assert sum(counts.values()) - counts["lost a vector"] >= 950


def test_a_lost_vector_costs_its_video_the_mark_that_it_is_done_and_no_other(tmp_path: Path):
    with DiskMemory(tmp_path) as memory:
        memory.write(batch("v", 0))
        memory.write(batch("w", 0))
        (path,) = memory.folder.home.glob("clip*.vectors")
        content = bytearray(path.read_bytes())
        content[256 + 28 * 2 + 10] ^= 1
        path.write_bytes(content)
        assert check(memory).vectors == 1
        mend(memory)
        assert memory.done("v") == {}
        assert memory.done("w") == {"unit 0": ""}
        memory.write(batch("v", 0))
        assert len(memory.vectors("clip")[0]) == 8


# Files that somebody else made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with DiskMemory(tmp_path) as memory:
        memory.write(batch("v", 0))
        memory.write(batch("w", 0))
    return tmp_path / "000001"


def opens_with_everything(home: Path) -> None:
    with DiskMemory(home.parent) as memory:
        assert len(memory.entries()) == 8
        assert len(memory.vectors("clip")[0]) == 8
        assert len(memory.search("word0 line", k=9)) > 0
        assert list(memory.videos()) == ["v", "w"]
        assert memory.coverage("v") == memory.coverage("w", "speech") == [Span(start=0, end=4)]
        memory.write(batch("v", 1))
        assert len(memory.entries()) == 12


def add_line(home: Path, content: bytes) -> None:
    with (home / "log").open("ab") as log:
        log.write(b"%08x %08x %s\n" % (len(content), zlib.crc32(content), content))


JUNK = {
    "random bytes": bytes(random.Random(0).randbytes(5000)),
    "empty lines": b"\n\n\n",
    "a huge length": b"ffffffff 00000000 {}\n",
    "a length that reaches over the end": b"03000000 00000000 {}\n",
    "a negative length": b"-0000001 00000000 {}\n",
    "not hexadecimal": b"zzzzzzzz zzzzzzzz {}\n",
    "a wrong checksum": b"00000002 00000000 {}\n",
    "half a line": b'00000100 00000000 {"op": "ad',
    "zeros": bytes(4096),
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=list(JUNK))
def test_junk_in_the_log_is_passed_over(home: Path, junk: bytes):
    with (home / "log").open("ab") as log:
        log.write(junk)
    opens_with_everything(home)
    (home / "tables.sqlite").unlink()
    with DiskMemory(home.parent) as memory:
        assert len(memory.entries()) == 12
        mend(memory)
        assert not check(memory)
        assert len(memory.entries()) == 12


@pytest.mark.parametrize("junk", list(JUNK.values())[:7], ids=list(JUNK)[:7])
def test_junk_in_the_middle_of_the_log_is_passed_over(home: Path, junk: bytes):
    lines = (home / "log").read_bytes().splitlines(keepends=True)
    (home / "log").write_bytes(
        lines[0] + junk + (b"" if junk.endswith(b"\n") else b"\n") + lines[1]
    )
    opens_with_everything(home)


@pytest.mark.parametrize("content", [b"[]", b"1", b"null", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_line_that_is_no_record_is_passed_over(home: Path, content: bytes):
    add_line(home, content)
    opens_with_everything(home)


ADD = {"op": "add", "video": "v", "first": 8, "rows": []}
ALIEN = {
    "no op": {},
    "no video": {"op": "add"},
    "a list for a video": {"op": "forget video", "video": []},
    "rows that are none": ADD | {"rows": [1, 2]},
    "a short row": ADD | {"rows": [["id"]]},
    "rows far away": ADD | {"first": 10**15},
    "rows before the first": ADD | {"first": -1},
    "rows that are taken": ADD | {"first": 0},
    "huge vectors": ADD | {"vectors": {"x": [10**12, 0, 1]}},
    "vectors before the first": ADD | {"vectors": {"x": [4, -5, 1]}},
    "no vectors": ADD | {"vectors": {"x": [4, 0]}},
    "a huge number": ADD | {"seen": [["x", 10**400, 1]]},
    "a problem that is none": ADD | {"done": [["x", None]]},
}


@pytest.mark.parametrize("record", ALIEN.values(), ids=list(ALIEN))
def test_a_record_that_is_none_of_ours_is_a_clear_error_and_changes_nothing(
    home: Path, record: dict
):
    before = (home / "log").read_bytes()
    add_line(home, json.dumps(record).encode())
    for _ in range(2):
        with pytest.raises(CorruptRecord, match="what is no record"):
            DiskMemory(home.parent)
    (home / "log").write_bytes(before)
    opens_with_everything(home)


def test_a_record_of_a_newer_playhead_is_named_and_nothing_is_changed(home: Path):
    with DiskMemory(home.parent) as old:
        digest = old.digest()
        before = (home / "log").read_bytes()
        add_line(home, b'{"op": "dream", "video": "v"}')
        for _ in range(2):
            with pytest.raises(NewerSchema, match="'dream'; update it"):
                old.search("x")
            with pytest.raises(NewerSchema, match="'dream'; update it"):
                DiskMemory(home.parent)
        (home / "log").write_bytes(before)
        assert old.digest() == digest


def test_escaped_lone_surrogates_in_a_record_do_no_harm(home: Path):
    add_line(home, rb'{"op": "video", "video": "x\ud800", "facts": {}}')
    with pytest.raises(CorruptRecord, match="what is no record"):
        DiskMemory(home.parent)
    assert b"\xef\xbf\xbd" in encode({"op": "video", "video": "x\ud800", "facts": {}})


def evil(path: Path) -> None:
    """Tables with a trigger and a view that would do harm."""
    with DiskMemory(path.parent.parent) as memory:
        memory.folder.tables.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    tables = sqlite3.connect(path)
    tables.executescript("""
        CREATE TRIGGER evil AFTER INSERT ON entries BEGIN DELETE FROM entries; END;
        ALTER TABLE seen RENAME TO was_seen;
        CREATE VIEW seen AS SELECT 1 AS video, load_extension('x') AS kind, 0 AS start, 9 AS end;
    """)
    tables.close()


def trigger(path: Path) -> None:
    """Tables that forget everything when something is added."""
    tables = sqlite3.connect(path)
    tables.execute("CREATE TRIGGER evil AFTER INSERT ON entries BEGIN DELETE FROM entries; END")
    tables.close()


def wrong_number(statement: str) -> Callable[[Path], Any]:
    """Tables of which a number that says where things go is another one."""

    def spoil(path: Path) -> None:
        tables = sqlite3.connect(path)
        assert tables.execute(statement).rowcount
        tables.commit()
        tables.close()

    return spoil


def other_database(path: Path) -> None:
    path.unlink()
    tables = sqlite3.connect(path)
    tables.executescript(
        "CREATE TABLE entries (a); CREATE VIEW meta AS SELECT 1; PRAGMA user_version = 7"
    )
    tables.close()


STRANGE_TABLES: dict[str, Callable[[Path], Any]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "junk": lambda path: path.write_bytes(random.Random(1).randbytes(50_000)),
    "the first half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "half zeros": lambda path: path.write_bytes(path.read_bytes()[:20_000] + bytes(60_000)),
    "only the header": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "another database": other_database,
    "a trigger and a view": evil,
    "a trigger": trigger,
    "rows that are free": wrong_number("UPDATE meta SET value = 0 WHERE key = 'next_row'"),
    "rows far away": wrong_number("UPDATE meta SET value = 1 << 45 WHERE key = 'next_row'"),
    "less of the log": wrong_number("UPDATE meta SET value = 100 WHERE key = 'applied'"),
    "vectors that are free": wrong_number("UPDATE spaces SET num = 0"),
    "another length of vectors": wrong_number("UPDATE spaces SET dim = 4"),
    "no spaces": wrong_number("DELETE FROM spaces"),
    "facts that are none": wrong_number("UPDATE videos SET facts = '{'"),
    "spans that are none": wrong_number("UPDATE seen SET end = -1"),
    "evidence that is none": wrong_number("UPDATE entries SET start = 99"),
    "text that is none": wrong_number("UPDATE entries SET text = CAST(x'ff' AS TEXT)"),
    "no numbers": wrong_number("DELETE FROM meta"),
    "a strange journal": lambda path: path.with_name(path.name + "-wal").write_bytes(
        random.Random(2).randbytes(40_000)
    ),
}


@pytest.mark.parametrize("spoil", STRANGE_TABLES.values(), ids=list(STRANGE_TABLES))
def test_tables_that_somebody_else_made_are_made_again(home: Path, spoil: Callable[[Path], Any]):
    spoil(home / "tables.sqlite")
    opens_with_everything(home)
    with DiskMemory(home.parent) as memory:
        assert not mend(memory).log_lines
        assert not check(memory)
        found = memory.folder.tables.execute("SELECT name FROM sqlite_master").fetchall()
        assert ("evil",) not in found
        assert len(memory.entries()) == 12


def test_tables_that_are_spoilt_while_they_are_open_are_made_again(home: Path):
    with DiskMemory(home.parent) as memory:
        digest = memory.digest()
        memory.folder.tables.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = (home / "tables.sqlite").read_bytes()
        with (home / "tables.sqlite").open("r+b") as file:
            file.write(content[:4096] + bytes(len(content) - 4096))
        memory.folder.tables.execute("PRAGMA shrink_memory")
        assert memory.digest() == digest
        memory.write(batch("v", 1))
        assert len(memory.entries()) == 12


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 300])
def test_a_vector_file_that_was_cut_short_costs_its_vectors_only(home: Path, size: int):
    (path,) = home.glob("clip*.vectors")
    path.write_bytes(path.read_bytes()[:size])
    left = max(0, size - 256) // 28
    with DiskMemory(home.parent) as memory:
        assert check(memory).vectors == 8 - left
        assert len(memory.entries()) == 8
        assert len(memory.vectors("clip")[0]) == left
        assert memory.search("word0")
        mend(memory)
        assert not check(memory)
        assert len(memory.entries()) == 8
        assert memory.done("v") == memory.done("w") == {}
        for video in "vw":
            memory.write(batch(video, 0))
        assert len(memory.vectors("clip")[0]) == 8


def test_a_vector_file_that_is_gone_costs_its_vectors_only(home: Path):
    (path,) = home.glob("clip*.vectors")
    path.unlink()
    with DiskMemory(home.parent) as memory:
        assert memory.search("word0")
        assert memory.vectors("clip")[0] == []
        mend(memory)
        assert not check(memory)
        memory.write(batch("v", 0))
        assert len(memory.vectors("clip")[0]) == 4


@pytest.mark.parametrize("content", [b"", b"x", b"playhead memory 1 000001\n", bytes(10**6)])
def test_a_damaged_name_of_the_generation_is_written_again(home: Path, content: bytes):
    with DiskMemory(home.parent) as memory:
        compact(memory)
    good = (home.parent / "current").read_bytes()
    (home.parent / "current").write_bytes(content)
    opens_with_everything(home.parent / "000002")
    assert (home.parent / "current").read_bytes() == good


def test_a_generation_that_a_killed_compaction_left_is_removed(home: Path):
    shutil.copytree(home, home.parent / "000007")
    opens_with_everything(home)
    assert not (home.parent / "000007").exists()


if __name__ == "__main__":
    print(flips_do_no_harm(Path(sys.argv[1]), int(sys.argv[2]), seed=3))
