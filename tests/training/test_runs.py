# ruff: noqa: E402
"""From nothing to a served model, by the commands alone: traces, fine-tuning, rewards, a teacher.

The model is tiny and of chance weights, so what it says at the end is nothing to boast of; what is
tested is that every stage takes what the one before it left, learns in the right direction, and is
reported beside what was there before.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

for library in ("torch", "torchvision", "trl", "datasets"):
    pytest.importorskip(library)

from typer.testing import CliRunner

from playhead.cli.app import app
from playhead.core.store import TrajectoryStore
from playhead.core.trajectory import Stop
from playhead.training.config import read_config
from playhead.training.standings import WITHOUT_TOOLS, answered
from tests.models.policies.tiny import write_tiny
from tests.training.rollout_cases import constants, loaded

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of TRL

KNOBS = "{duration_ms = 60_000, height = 180, width = 224}"
RUN = """
model = "{model}"
output = "{output}"
tools = ["look", "answer"]
max_reply_tokens = 32
budget = {{turns = 3, frames = 8}}
{more}
[held_out.worlds]
families = ["needle"]
size = 1
split = "dev"
knobs = {knobs}
"""


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["train", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def write_run(path: Path, model: Path, output: Path, more: str) -> Path:
    told = RUN.format(model=model, output=output, more=more, knobs=KNOBS)
    path.write_text(told, encoding="utf-8")
    return path


def report_of(output: Path) -> dict[str, Any]:
    return json.loads((output / "report.json").read_text())


@pytest.mark.slow
def test_from_nothing_to_a_served_model(tmp_path: Path) -> None:
    traces = tmp_path / "traces.jsonl"
    run("synth", str(traces), "--family", "needle", "--size", "3", "--seed", "3", "--no-think")
    made = list(TrajectoryStore(traces))
    assert made
    assert all(record.stop is Stop.ANSWERED for record in made)
    _, plain = loaded(write_tiny(tmp_path / "bytes"))
    base = write_tiny(tmp_path / "base", words=constants(plain, made))

    learnt = tmp_path / "sft"
    how = """
[data]
trajectories = ["{traces}"]
[sft]
learning_rate = 3e-3
max_steps = 20
batch_size = 2
log_steps = 1
freeze_vision = false
schedule = "constant"
"""
    path = write_run(tmp_path / "sft.toml", base, learnt, how.format(traces=traces))
    table = run("sft", "--config", str(path))
    assert "| before |" in table
    assert "| sft |" in table
    told = report_of(learnt)
    losses = [loss for _, loss in told["training"]["losses"]]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    assert [gate["passed"] for gate in told["gates"]] == [False, False]  # one question: too few

    rewarded = tmp_path / "rl"
    how = """
rewards = {format = 1.0, accuracy = 1.0}
[tasks.worlds]
families = ["needle"]
size = 2
knobs = KNOBS
[rl]
steps = 2
tasks_per_step = 1
num_generations = 2
batch_size = 2
learning_rate = 1e-4
""".replace("KNOBS", KNOBS)
    path = write_run(tmp_path / "rl.toml", learnt / "model", rewarded, how)
    run("rl", "--config", str(path))
    told = report_of(rewarded)["training"]
    assert told["steps"] == 2
    assert told["num_rollouts"] == 4
    assert told["parity"]["gap_max"] < 0.01

    distilled = tmp_path / "distilled"
    how = how.replace("rewards = {format = 1.0, accuracy = 1.0}", f'teacher = "{learnt / "model"}"')
    path = write_run(tmp_path / "distill.toml", rewarded / "model", distilled, how)
    run("distill", "--config", str(path))
    history = report_of(distilled)["training"]["history"]
    assert all(abs(line["distil/reverse_kl"]) < 1.0 for line in history)

    config = read_config(path)
    served = loaded(distilled / "model")
    assert config.held_out is not None
    for strategy in (config.strategy, WITHOUT_TOOLS):
        for record in answered(served, config.held_out.read(), config, strategy=strategy):
            assert record.blame is None


def test_a_run_says_what_it_lacks(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run.toml", tmp_path, tmp_path / "out", "")
    for stage, told in (
        ("sft", "give `data.trajectories`"),
        ("rl", "give `rewards`"),
        ("distill", "give `teacher`"),
    ):
        with pytest.raises(ValueError, match=told):
            CliRunner().invoke(app, ["train", stage, "--config", str(path)], catch_exceptions=False)
