"""`playhead train`: what it prints, writes, and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from playhead.cli.app import app
from playhead.core import TrajectoryStore

run = CliRunner()


def synth(out: Path, *more: str) -> tuple[int, str]:
    found = run.invoke(app, ["train", "synth", str(out), "--family", "needle", *more])
    return found.exit_code, found.output


def test_synth_writes_trajectories_and_says_what_became_of_all(tmp_path: Path):
    out = tmp_path / "seek.jsonl"
    code, said = synth(out, "--size", "2", "--mistakes", "0")
    assert code == 0, said
    assert "2 tasks, 2 attempts, 2 kept (100%)" in said
    assert "leakage: 2 of 2 stay (100%)" in said
    assert f"2 trajectories in {out}" in said
    assert len(list(TrajectoryStore(out))) == 2
    code, said = synth(out, "--size", "2")
    assert code != 0
    assert "exists" in said
    code, said = synth(out, "--size", "3", "--mistakes", "0", "--continue")
    assert "2 tasks were done before" in said
    assert len({t.task.id for t in TrajectoryStore(out)}) == 3


def test_a_teacher_is_named_by_a_model_string(tmp_path: Path):
    out = tmp_path / "taught.jsonl"
    code, said = synth(out, "--size", "1", "--from", "teacher:rules", "--attempts", "2")
    assert code == 0, said
    assert "1 tasks, 2 attempts, 0 kept (0%)" in said
    assert len(list(TrajectoryStore(tmp_path / "taught.rejected.jsonl"))) == 2


@pytest.mark.parametrize(
    "wrong", [("--from", "nobody"), ("--split", "test"), ("--from", "teacher")]
)
def test_what_is_asked_wrongly_is_told(tmp_path: Path, wrong: tuple[str, str]):
    code, said = synth(tmp_path / "x.jsonl", "--size", "1", *wrong)
    assert code != 0
    assert "got" in said
