# ruff: noqa: E402
"""What a run reports of pictures and calls, and which checkpoint it puts in another's place.

The model is the pocket model, which really reads cards; the questions about single pictures are
some that it answers right. One run hardly moves it, the other ruins it with its learning rate.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

for library in ("torch", "torchvision", "trl", "datasets"):
    pytest.importorskip(library)

from typer.testing import CliRunner

from playhead.agent.source import WorldSource
from playhead.cli.app import app
from playhead.core.store import TrajectoryStore
from playhead.core.trajectory import Task
from playhead.evaluation.scorers import find_scorer
from playhead.models.policies.transformers import load_model
from playhead.training.config import Stills, TrainConfig, Worlds, still
from playhead.training.pocket.curriculum import KNOBS
from playhead.training.pocket.model import SHIPPED
from playhead.training.processes import processes
from playhead.training.standings import measure
from tests.training.rollout_cases import halves_played, world_tasks

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of TRL

FILMS = {**KNOBS, "num_distractors": 1}
HELD_OUT = {"families": ["needle"], "split": "dev", "size": 30, "knobs": FILMS}
HOW: dict[str, Any] = {
    "model": str(SHIPPED),
    "tools": ["look", "answer"],
    "budget": {"turns": 6, "frames": 18},
    "max_reply_tokens": 40,
}
RUN = """
model = "{model}"
output = "{output}"
promote_to = "{served}"
tools = ["look", "answer"]
budget = {{turns = 6, frames = 18}}
max_reply_tokens = 40
[data]
trajectories = ["{traces}"]
[sft]
learning_rate = {rate}
max_steps = 2
batch_size = 2
freeze_vision = false
{beside}
[gates]
tolerance = 0.1
most_over_calling = 0.5
[held_out]
tasks = "{asked}"
[controls]
tasks = "{asked}"
calls = 3
[images]
tasks = "{stills}"
"""


def told(path: Path, tasks: list[Task]) -> Path:
    path.write_text("".join(task.to_json() + "\n" for task in tasks), encoding="utf-8")
    return path


def answered_right(folder: Path) -> list[Task]:
    """Questions about single pictures that the pocket model answers right."""
    asked = {"worlds": {**HELD_OUT, "size": 90, "seed": 9}}
    config = TrainConfig.model_validate({**HOW, "output": str(folder), "images": asked})
    records = measure("pocket", load_model(SHIPPED, "cpu", "float32"), config, processes()).images
    assert all(record.cost.frames == 1 for record in records)
    score = find_scorer("accuracy")
    return [record.task for record in records if score(record) == 1.0]


@pytest.mark.slow
def test_a_checkpoint_that_forgot_pictures_is_not_promoted(tmp_path: Path) -> None:
    stills = answered_right(tmp_path / "stills")
    assert len(stills) >= 30
    traces = tmp_path / "traces.jsonl"
    with WorldSource() as source:
        TrajectoryStore(traces).extend(halves_played(world_tasks(2), source))
    files = {
        "traces": traces,
        "asked": told(tmp_path / "asked.jsonl", Worlds.model_validate(HELD_OUT).tasks()),
        "stills": told(tmp_path / "stills.jsonl", stills[:40]),
        "model": SHIPPED,
        "served": tmp_path / "served",
    }

    def run(name: str, rate: float, beside: str = "") -> tuple[int, dict[str, Any]]:
        path, output = tmp_path / f"{name}.toml", tmp_path / name
        path.write_text(
            RUN.format(**files, output=output, rate=rate, beside=beside), encoding="utf-8"
        )
        done = CliRunner().invoke(app, ["train", "sft", "--config", str(path)])
        assert (output / "report.json").exists(), done.output
        report = json.loads((output / "report.json").read_text())
        return done.exit_code, report

    code, ruined = run("ruined", 0.3, f'[beside]\nbase = "{SHIPPED}"')
    assert list(ruined["models"]) == ["base", "before", "sft"]
    passed = {gate["name"]: gate["passed"] for gate in ruined["gates"]}
    assert (code, ruined["promoted"]) == (1, None)
    assert not passed["images"]
    assert not passed["images since base"]
    assert not (tmp_path / "served").exists()
    seen = {name: numbers["one_picture"]["accuracy"] for name, numbers in ruined["models"].items()}
    assert seen["base"] == seen["before"] > 0.9
    assert seen["sft"] < 0.5

    code, kept = run("kept", 1e-9)
    assert (code, kept["promoted"]) == (0, str(tmp_path / "served"))
    assert [gate["name"] for gate in kept["gates"]] == [
        "tool harm", "held out", "images", "over-calling",
    ]  # fmt: skip
    assert kept["models"]["sft"]["controls"]["over_calling"] is not None
    assert (tmp_path / "served" / "gates.json").exists()


def test_a_still_shows_the_middle_of_the_evidence() -> None:
    (task,) = Worlds.model_validate({**HELD_OUT, "size": 1}).tasks()
    one = still(task)
    assert one is not None
    assert task.spans is not None
    assert one.within is not None
    assert one.within.start > task.spans[0].start
    assert one.within.end < task.spans[0].end
    assert still(task.replace(metadata={**task.metadata, "min_frames": 2})) is None
    with pytest.raises(ValueError, match="one picture"):
        Stills.model_validate({"worlds": {"families": ["cooccurrence"], "size": 2}}).read()
