"""Worlds from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from playhead.cli.app import app
from playhead.video import open_video

runner = CliRunner()


def run(*arguments: object, typed: str | None = None) -> str:
    done = runner.invoke(app, ["world", *map(str, arguments)], input=typed)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_make_writes_films_and_questions_and_the_answers_apart(tmp_path: Path):
    from playhead.worlds import score_answer

    run("make", tmp_path, "--family", "needle", "--minutes", 2, "--questions", 3)
    asked = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().splitlines()]
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len(asked) == len(answers) == 3
    with open_video(tmp_path / asked[0]["videos"][0]) as video:
        assert video.info.duration_s == pytest.approx(120)
    for question, entry in zip(asked, answers, strict=True):
        assert score_answer(entry["answer"], entry) == 1
        assert entry["answer"] not in json.dumps(question)


def test_make_does_not_overwrite_unasked(tmp_path: Path):
    (tmp_path / "answers.jsonl").write_text("precious")
    done = runner.invoke(app, ["world", "make", str(tmp_path)])
    assert done.exit_code == 2
    assert "--force" in done.output
    assert (tmp_path / "answers.jsonl").read_text() == "precious"


@pytest.mark.parametrize("family", ["fast", "audio", "streaming", "dialogue"])
def test_ask_shows_the_truth_beside_what_a_perfect_watcher_answers(family: str):
    assert "score: 1.00" in run("ask", "--family", family, "--minutes", 2, "--seed", 3)


def test_play_scores_what_is_typed(tmp_path: Path):
    shown = run("play", "--family", "needle", "--folder", tmp_path, typed="junk\n")
    assert "0.00: the answer is" in shown
    assert len(list(tmp_path.glob("*.mp4"))) == 1


def test_a_revealed_salt_is_checked_against_the_promise():
    salt, digest = (line.split()[-1] for line in run("commit").splitlines())
    assert "was promised" in run("reveal", salt, digest)
    other = runner.invoke(app, ["world", "reveal", "0" * 64, digest])
    assert other.exit_code == 1
