"""A memory whose files are not what it wrote: junk, other databases, files cut short or gone."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playhead.core import Span
from playhead.core.errors import CorruptRecord, NewerSchema
from playhead.memory import DiskMemory, check, compact, mend
from playhead.memory.log import encode
from tests.memory.made import batch


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
