"""Measuring from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from playhead.cli.app import app

runner = CliRunner()
SMALL = ("--family", "needle", "--videos", 2, "--minutes", 0.5, "--controls", 0)


def run(*arguments: object) -> str:
    done = runner.invoke(app, ["eval", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> tuple[Path, str]:
    """A curve, as it was printed and as it lies on the disk."""
    out = tmp_path_factory.mktemp("measured") / "worlds"
    curve = ("--model", "uniform", "--model", "uniform:4", "--frames", "2,16")
    return out, run("worlds", *SMALL, *curve, "--out", out)


def test_a_curve_is_a_run_for_each_budget(measured):
    out, told = measured
    assert {path.parent.name for path in out.glob("*/run.json")} == {
        "uniform-frames=2",
        "uniform-frames=16",
        "uniform-4",  # its pictures are in its name: the budget changes nothing
    }
    assert "| uniform frames=16 | all |" in told
    assert "area under log pictures" in told


def test_the_report_lies_beside_the_runs_and_can_be_had_again(measured, tmp_path):
    out, told = measured
    assert (out / "report.md").read_text() == told
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    (section,) = json.loads((out / "report.json").read_text())
    assert len(section["runs"]) == 3
    again = run("report", *(out / name for name in ("uniform-frames=2", "uniform-frames=16")))
    assert "| uniform frames=2 | needle |" in again
    assert len(json.loads(run("report", out, "--json"))[0]["runs"]) == 3
    page = tmp_path / "page.html"
    run("report", out, "--html", page)
    assert "</html>" in page.read_text()


def test_the_same_command_goes_on_and_asks_nothing_twice(measured):
    out, told = measured
    before = {path: path.read_bytes() for path in out.glob("*/attempts.jsonl")}
    curve = ("--model", "uniform", "--model", "uniform:4", "--frames", "2,16")
    assert run("worlds", *SMALL, *curve, "--out", out) == told
    assert {path: path.read_bytes() for path in before} == before


def test_two_runs_are_compared(measured):
    out, _ = measured
    one, other = out / "uniform-frames=2", out / "uniform-frames=16"
    told = run("compare", one, other)
    assert told.startswith("# uniform frames=16 less uniform frames=2: accuracy")
    found = json.loads(run("compare", one, other, "--json"))
    assert found["differences"]["all"]["num"] == 2


def refused(*arguments: object) -> str:
    done = runner.invoke(app, ["eval", *map(str, arguments)])
    assert done.exit_code != 0
    return f"{done.output} {done.exception}"


def test_other_settings_in_the_same_folder_are_refused(measured, tmp_path):
    copy = tmp_path / "worlds"
    shutil.copytree(measured[0], copy)
    small = [0.75 if part == 0.5 else part for part in SMALL]
    told = refused("worlds", *small, "--model", "uniform:4", "--out", copy)
    assert "how.minutes: 0.5, not 0.75" in told


def test_what_cannot_be_is_told(tmp_path):
    assert "frames is a number: got 'many'" in refused("worlds", "--frames", "many")
    assert "a bound is written UNIT=NUMBER" in refused("worlds", "--budget", "pictures=3")
    assert "uniform:N looks at N pictures" in refused("worlds", "--model", "uniform:many")
    folders = ("--data", tmp_path, "--videos", tmp_path)
    assert "name who is measured" in refused("nextgqa", *folders)
    assert "rendered worlds only" in refused("nextgqa", *folders, "--model", "oracle")
    assert "no benchmarks plug-in 'nothing'" in refused(
        "nothing", *folders, "--model", "rules", "--out", tmp_path
    )
    assert "no run in" in refused("report", tmp_path)


def test_benchmarks_are_listed_with_their_owners():
    assert "github.com/doc-doc/NExT-GQA" in run("benchmarks")
