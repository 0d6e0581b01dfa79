# ruff: noqa: E402
"""One model trained by two processes: the same run, by the same commands, as with one.

The processes are real, on CPUs by gloo: each has a copy (`torchrun`), or a shard of the model
(FSDP2, or DeepSpeed where it is installed, by `accelerate launch`). What one process alone does is
what they are compared with.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

for library in ("torch", "torchvision", "trl", "datasets"):
    pytest.importorskip(library)

from playhead.agent.source import WorldSource
from playhead.core.store import TrajectoryStore
from playhead.core.trajectory import Trajectory
from tests.training.rollout_cases import halves_played, learner, world_tasks

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WORLDS = """
families = ["needle"]
knobs = {duration_ms = 60_000, height = 180, width = 224}
"""
RUN = """
model = "{model}"
output = "{output}"
tools = ["look", "answer"]
max_reply_tokens = 40
budget = {{turns = 4, frames = 16}}
{how}
[held_out.worlds]
size = 3
split = "dev"
{worlds}
"""
SFT = """
[data]
trajectories = ["{traces}"]
[sft]
learning_rate = 1e-3
max_steps = 3
batch_size = {batch}
log_steps = 1
save_steps = 2
freeze_vision = false
schedule = "constant"
"""
RL = """
rewards = {{"cost.calls" = 1.0, span_chosen = 1.0}}
[tasks.worlds]
size = 2
seed = 3
{worlds}
[rl]
steps = 3
tasks_per_step = 2
num_generations = 4
batch_size = 2
learning_rate = 1e-4
save_steps = 2
most_left_out = 0.5
"""
ALONE = ("-m", "playhead")
COPIES = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "playhead")
SHARDS = (
    *("-m", "accelerate.commands.launch", "--use_fsdp", "--fsdp_version", "2"),
    *("--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP"),
    *("--fsdp_state_dict_type", "FULL_STATE_DICT"),
    *("--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"),
    *("--dynamo_backend", "no", "-m", "playhead"),
)


def zero(stage: int, *words: str) -> tuple[str, ...]:
    """DeepSpeed shards the optimizer (ZeRO 2), or the model, too (3)."""
    return (
        *("-m", "accelerate.commands.launch", "--use_deepspeed", "--zero_stage", str(stage)),
        *("--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"),
        *("--dynamo_backend", "no", *words, "-m", "playhead"),
    )


GATHERS = ("--zero3_save_16bit_model", "true")
HAS_DEEPSPEED = pytest.mark.skipif(not find_spec("deepspeed"), reason="needs deepspeed")
WAYS = [
    pytest.param("copies", COPIES, id="copies"),
    pytest.param("shards", SHARDS, id="shards"),
    pytest.param("zero2", zero(2), id="zero2", marks=HAS_DEEPSPEED),
    pytest.param("zero3", zero(3, *GATHERS), id="zero3", marks=HAS_DEEPSPEED),
]


class Runs:
    """Runs of one base model on one set of traces and tasks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.traces = folder / "traces.jsonl"
        with WorldSource() as source:
            TrajectoryStore(self.traces).extend(halves_played(world_tasks(4), source))

    def run(self, stage: str, name: str, *words: str, **how: Any) -> Path:
        """Run a stage by the command line. Returns its output folder."""
        done = self.ended(stage, name, *words, **how)
        output = self.folder / f"{stage}-{name}"
        assert done.returncode == 0, done.stderr[-4000:]
        assert done.stdout.count("| before |") == 1  # one of them tells
        report = json.loads((output / "report.json").read_text())
        assert report["num_processes"] == (1 if words[:2] == ALONE else 2)
        return output

    def ended(
        self, stage: str, name: str, *words: str, **how: Any
    ) -> subprocess.CompletedProcess[str]:
        """How a run ends."""
        told = {"sft": SFT, "rl": RL}[stage].format(traces=self.traces, worlds=WORLDS, **how)
        model = {"sft": learner().parent / "fresh", "rl": learner()}[stage]
        output, path = self.folder / f"{stage}-{name}", self.folder / f"{stage}-{name}.toml"
        path.write_text(
            RUN.format(model=model, output=output, how=told, worlds=WORLDS),
            encoding="utf-8",
        )
        launcher = [word for word in words if word != "--continue"]
        go_on = [word for word in words if word == "--continue"]
        return subprocess.run(
            [sys.executable, *launcher, "train", stage, "--config", str(path), *go_on],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def sft_alone(runs: Runs) -> Path:
    return runs.run("sft", "alone", *ALONE, batch=4)


@pytest.fixture(scope="module")
def rl_alone(runs: Runs) -> Path:
    return runs.run("rl", "alone", *ALONE)


def training(output: Path) -> dict[str, Any]:
    return json.loads((output / "report.json").read_text())["training"]


def losses(output: Path) -> list[float]:
    told = training(output)["losses"]
    assert [step for step, _ in told] == [1, 2, 3]
    return [loss for _, loss in told]


def interrupt(output: Path) -> None:
    """Leave what a run leaves that was killed after its second step."""
    for checkpoint in output.glob("**/checkpoint-3"):
        shutil.rmtree(checkpoint)
    assert list(output.glob("**/checkpoint-2"))
    for report in output.glob("report.*"):
        report.unlink()


def held_out(output: Path, what: str) -> list[Trajectory]:
    return list(TrajectoryStore(output / "held_out" / f"{what}.jsonl"))


def check_answers(output: Path, alone: Path, stage: str) -> None:
    """Each question was asked once, and answered as one process answers it."""
    for what in ("before-with-tools", "before-without-tools", f"{stage}-with-tools"):
        told = {record.id: said(record) for record in held_out(output, what)}
        assert len(held_out(output, what)) == 3
        assert told == {record.id: said(record) for record in held_out(alone, what)}


def said(record: Trajectory) -> list[tuple[int, ...]]:
    return [step.reply.tokens.ids for step in record.steps if step.reply.tokens]


def rollouts(output: Path) -> list[Trajectory]:
    return list(TrajectoryStore(output / "model" / "rollouts.jsonl"))


def check_same_learning(output: Path, alone: Path) -> None:
    """The same rollouts, token for token, each played and kept once; the same losses."""
    played = rollouts(output)
    assert len(played) == 3 * 8
    assert {r.id: said(r) for r in played} == {r.id: said(r) for r in rollouts(alone)}
    ours, theirs = training(output)["history"], training(alone)["history"]
    assert len(ours) == len(theirs) == 3
    for one, other in zip(ours, theirs, strict=True):
        for name in ("loss", "reward", "grad_norm", "rollouts/calls", "completions/mean_length"):
            assert one[name] == pytest.approx(other[name], rel=1e-3, abs=1e-5), name
    assert any(line["grad_norm"] > 0.1 for line in ours)  # else nothing was learned


@pytest.mark.parametrize(("name", "launcher"), WAYS)
def test_two_processes_fine_tune_as_one_does(
    runs: Runs, sft_alone: Path, name: str, launcher: tuple[str, ...]
) -> None:
    expected = losses(sft_alone)
    output = runs.run("sft", name, *launcher, batch=2)
    assert losses(output) == pytest.approx(expected, rel=1e-4)
    assert expected[-1] < expected[0] - 0.1
    check_answers(output, sft_alone, "sft")

    interrupt(output)
    asked = [record.timing for record in held_out(output, "before-with-tools")]
    runs.run("sft", name, *launcher, "--continue", batch=2)
    assert losses(output) == pytest.approx(expected, rel=1e-4)
    check_answers(output, sft_alone, "sft")
    assert [record.timing for record in held_out(output, "before-with-tools")] == asked


@pytest.mark.parametrize(("name", "launcher"), WAYS)
def test_two_processes_learn_from_rewards_as_one_does(
    runs: Runs, rl_alone: Path, name: str, launcher: tuple[str, ...]
) -> None:
    output = runs.run("rl", name, *launcher)
    told = training(output)
    assert (told["num_rollouts"], told["num_masked"]) == (24, training(rl_alone)["num_masked"])
    check_same_learning(output, rl_alone)
    check_answers(output, rl_alone, "rl")

    interrupt(output)
    runs.run("rl", name, *launcher, "--continue")
    assert training(output)["num_rollouts"] == 8
    check_same_learning(output, rl_alone)
    lost = TrajectoryStore(output / "model" / "rollouts.lost.jsonl")
    assert [re.split(r"-train-\d+-", record.id)[1][0] for record in lost] == ["2"] * 8


@HAS_DEEPSPEED
def test_shards_that_could_not_be_put_together_are_refused_before_the_run(runs: Runs) -> None:
    done = runs.ended("sft", "unsaved", *zero(3), batch=2)
    assert done.returncode != 0
    assert "--zero3_save_16bit_model true" in done.stderr
    adapted = runs.ended("sft", "adapted", *zero(3, *GATHERS), batch="2\nlora_rank = 4")
    assert adapted.returncode != 0
    assert "adapters on a model in shards" in adapted.stderr
