# ruff: noqa: E402
"""A speedrun, far too short to learn anything: its stages, its report, and who is not promoted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

for library in ("torch", "torchvision", "transformers"):
    pytest.importorskip(library)

from playhead.models.manner import read_manner
from playhead.training.pocket.exam import PAPERS
from playhead.training.pocket.manner import pocket_manner
from playhead.training.pocket.model import load_pocket
from playhead.training.pocket.speedrun import SERVED, Speedrun, speedrun

pytestmark = pytest.mark.slow

SHORT = Speedrun(
    eyes_s=4, glances_s=4, base_s=4, sft_s=6, rl_steps=0, num_questions=1, num_lessons=8
)
STAGES = ("eyes", "glances", "base", "sft")


def test_a_run_goes_through_its_stages_once_and_promotes_nobody_untried(tmp_path: Path):
    told = list[str]()
    report = speedrun(tmp_path, SHORT, tell=told.append)
    assert list(report.seconds) == list(STAGES)
    ways = {(line["model"], line["way"], line["paper"]) for line in report.scores}
    assert len(ways) == len(report.scores)
    num = Counter(way for _, way, _ in ways)
    assert num == {"seek": 2 * len(PAPERS), "direct": 2 * len(PAPERS), "still": 2 * 3}
    assert all(0 <= line["right"] <= 1 for line in report.scores)
    kept = json.loads((tmp_path / "report.json").read_text())
    assert kept["scores"] == report.scores
    assert read_manner(tmp_path / "sft") == pocket_manner()
    load_pocket(tmp_path / "sft")
    assert not any(gate.passed for gate in report.gates)  # one question each tells nothing
    assert not (tmp_path / SERVED).exists()
    assert "not promoted" in told[-1]

    before = {name: (tmp_path / name / "model.safetensors").stat().st_mtime_ns for name in STAGES}
    again = speedrun(tmp_path, SHORT, tell=told.append)
    assert again.seconds == report.seconds
    assert before == {
        name: (tmp_path / name / "model.safetensors").stat().st_mtime_ns for name in STAGES
    }
