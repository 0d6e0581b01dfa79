"""What a score rests on, from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from playhead.cli.app import app

runner = CliRunner()
SMALL = ("--family", "needle", "--videos", 10, "--minutes", 0.5, "--controls", 0)


def run(*arguments: object, code: int = 0) -> str:
    done = runner.invoke(app, ["eval", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    """A whole run of perfect eyes, and one of a baseline that nobody can ask."""
    out = tmp_path_factory.mktemp("measured") / "worlds"
    run("worlds", *SMALL, "--model", "oracle", "--model", "uniform:2", "--out", out)
    return out


def test_the_gaps_of_a_run_are_open_and_are_asked_once(measured):
    told = json.loads(run("gaps", measured / "oracle", "--json"))
    assert set(told) == {"blind", "single_frame", "salience", "captions"}
    assert told["blind"]["in_run"] == 1.0
    assert told["blind"]["is_open"]
    probes = measured / "oracle" / "probes" / "blind.jsonl"
    before = probes.read_bytes()
    assert json.loads(run("gaps", measured / "oracle", "--json")) == told
    assert probes.read_bytes() == before


def test_wrong_answers_are_named(measured, tmp_path):
    spoilt = tmp_path / "oracle"
    shutil.copytree(measured / "oracle", spoilt)
    lines = [json.loads(line) for line in (spoilt / "attempts.jsonl").read_text().splitlines()]
    lines[0]["answer"] |= {"text": "nothing of the sort", "value": None}
    (spoilt / "attempts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = json.loads(run("failures", spoilt, "--json"))
    assert told["labels"] == {"fusion": 1}, "it had found the evidence and is right from it"
    assert "fusion: 1 of 1 wrong answers" in run("failures", spoilt)


def test_who_cannot_be_asked_is_said(measured):
    done = runner.invoke(app, ["eval", "gaps", str(measured / "uniform-2")])
    assert done.exit_code == 1
    assert "nobody to ask" in str(done.exception)


def test_other_questions_are_refused(measured, tmp_path):
    other = tmp_path / "oracle"
    shutil.copytree(measured / "oracle", other)
    settings = json.loads((other / "run.json").read_text())
    settings["how"]["seed"] += 1
    (other / "run.json").write_text(json.dumps(settings))
    done = runner.invoke(app, ["eval", "gaps", str(other)])
    assert "not the questions" in str(done.exception)


def test_a_judge_that_decides_nothing_is_not_fit(tmp_path):
    card = tmp_path / "card.json"
    told = json.loads(run("judge", "rules", "--num", 8, "--out", card, code=1))
    assert told["tie_rate"] == 1.0
    assert json.loads(card.read_text()) == told
