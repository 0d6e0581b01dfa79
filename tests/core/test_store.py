"""The trajectory store under what really happens to it: kills, full disks, other writers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from playhead.core import Stop, Task, Trajectory, TrajectoryStore
from playhead.core.errors import CorruptRecord, NewerSchema
from playhead.core.store import migrate

WRITER = """
import sys
from playhead.core import Stop, Task, Trajectory, TrajectoryStore
store = TrajectoryStore(sys.argv[1])
for i in range(10**6):
    task = Task(id="q", question="x" * 20_000)
    store.append(Trajectory(id=f"{sys.argv[2]}-{i}", task=task, stop=Stop.ANSWERED))
    print(i, flush=True)
"""


def record(id: str) -> Trajectory:
    return Trajectory(id=id, task=Task(id="q", question="où?"), stop=Stop.ANSWERED)


def test_what_was_appended_is_read_back_in_order(tmp_path: Path):
    store = TrajectoryStore(tmp_path / "new" / "t.jsonl")
    assert list(store) == []
    store.append(record("a"), record("b"))
    store.append(record("c"))
    assert [t.id for t in store] == ["a", "b", "c"]


def test_a_killed_writer_loses_nothing_acknowledged_and_leaves_nothing_half_read(tmp_path: Path):
    path = tmp_path / "t.jsonl"
    acknowledged = []
    for trial in range(6):
        command = [sys.executable, "-c", WRITER, str(path), str(trial)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(0.01 * trial)
            writer.send_signal(signal.SIGKILL)
            lines = [first, *writer.stdout.read().splitlines()]
        acknowledged += [f"{trial}-{line.strip()}" for line in lines]
        kept = [t.id for t in TrajectoryStore(path)]
        assert set(acknowledged) <= set(kept)
        assert len(set(kept)) == len(kept)
    TrajectoryStore(path).append(record("after"))
    assert [t.id for t in TrajectoryStore(path)][-1] == "after"


def test_a_torn_last_line_is_moved_aside_and_the_next_append_is_whole(tmp_path: Path):
    path = tmp_path / "t.jsonl"
    store = TrajectoryStore(path)
    store.append(record("a"))
    with path.open("ab") as file:
        file.write(b'{"schema_version": 1, "id": "ha')
    assert [t.id for t in store] == ["a"]
    store.append(record("b"))
    assert [t.id for t in store] == ["a", "b"]
    assert path.with_name("t.jsonl.torn").read_bytes() == b'{"schema_version": 1, "id": "ha\n'


def test_many_writers_at_once_interleave_whole_records(tmp_path: Path):
    store = TrajectoryStore(tmp_path / "t.jsonl")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.append(record(str(i))), range(64)))
    assert {t.id for t in store} == {str(i) for i in range(64)}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_and_leaves_no_half_record(tmp_path: Path):
    resource = pytest.importorskip("resource")
    store = TrajectoryStore(tmp_path / "t.jsonl")
    store.append(record("a"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (store.path.stat().st_size + 100, hard))
        with pytest.raises(OSError, match="large"):
            store.append(record("b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert store.path.read_bytes().endswith(b"\n")
    store.append(record("c"))
    assert [t.id for t in store] == ["a", "c"]


def test_a_damaged_line_is_named(tmp_path: Path):
    path = tmp_path / "t.jsonl"
    TrajectoryStore(path).append(record("a"))
    with path.open("ab") as file:
        file.write(b"{not json}\n")
    with pytest.raises(CorruptRecord, match=r"t\.jsonl, line 2"):
        list(TrajectoryStore(path))


def test_a_record_of_the_future_is_refused_with_advice(tmp_path: Path):
    path = tmp_path / "t.jsonl"
    line = json.loads(record("a").to_json()) | {"schema_version": 99}
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(NewerSchema, match="update playhead"):
        list(TrajectoryStore(path))


def test_an_older_record_is_brought_up_step_by_step(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("playhead.core.store.SCHEMA", 3)
    steps = {1: lambda r: r | {"b": 1, "schema_version": 2}, 2: lambda r: r | {"schema_version": 3}}
    assert migrate({"schema_version": 1}, steps) == {"schema_version": 3, "b": 1}
    with pytest.raises(CorruptRecord, match="names its schema_version"):
        migrate({"id": "x"}, steps)


def test_an_acknowledged_record_reached_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(fd) or fsync(fd))
    TrajectoryStore(tmp_path / "t.jsonl").append(record("a"))
    assert synced
