# ruff: noqa: E402
"""GRPO in the real loop: on given rollouts the mathematics, on real ones that it learns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for library in ("torch", "torchvision", "transformers", "trl", "datasets"):
    pytest.importorskip(library)

import torch
from trl import GRPOTrainer

from playhead.agent.rollouts import Job
from playhead.agent.source import WorldSource
from playhead.core.errors import Origin
from playhead.core.policy import Finish
from playhead.core.store import TrajectoryStore
from playhead.core.tools import Failure
from playhead.core.trajectory import Scorer, Stop, Task, Trajectory
from playhead.training.grpo import train_rl
from playhead.training.grpo_trainer import AgentGRPOTrainer
from playhead.training.parity import NotTheSame
from playhead.training.rl_settings import RLSettings
from playhead.training.rows import Renderer, rows
from tests.training.rollout_cases import (
    BUDGET,
    halves_played,
    learner,
    loaded,
    second_half,
    two_tools,
    world_tasks,
)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


class Given(AgentGRPOTrainer):
    """Learns from rollouts that were played elsewhere, in the order of its jobs."""

    given: Sequence[Trajectory]

    def play(self, jobs: Sequence[Job]) -> list[Trajectory]:
        return [
            record.replace(id=job.id, group=job.group)
            for job, record in zip(jobs, self.given, strict=True)
        ]

    def batch(self, given: Sequence[Trajectory], tasks: Sequence[Task]) -> dict[str, Any]:
        """What TRL makes of them: tensors of one update."""
        self.given, self.current_gradient_accumulation_steps = given, 1
        lines = [{"prompt": [{"role": "user", "content": "?"}], "task": t.to_json()} for t in tasks]
        return self._generate_and_score_completions(lines)


class Cases:
    """A source, a task, both plans played, with the tokens that the fresh model would have had."""

    def __init__(self, source: WorldSource) -> None:
        self.source = source
        self.folder = learner().parent / "fresh"
        (self.task,) = world_tasks(1)
        _, processor = loaded(self.folder)
        renderer = Renderer(processor)
        sampled = [renderer.sampled(t) for t in halves_played([self.task], source)]
        self.first, self.second = sampled

    def trainer(
        self, output: Path, rewards: Mapping[str, Scorer], *, kind: Any = Given, **settings: Any
    ) -> Any:
        model, processor = loaded(self.folder)
        given = {"steps": 1, "tasks_per_step": 1, "num_generations": 2, "batch_size": 2}
        return kind(
            model, processor, [self.task], self.source, rewards,
            RLSettings(**(given | settings)), tools=two_tools(), output=output,
        )  # fmt: skip


@pytest.fixture(scope="module")
def cases() -> Iterator[Cases]:
    with WorldSource() as source:
        yield Cases(source)


def gradient(trainer: Any, batch: Mapping[str, Any]) -> list[Any]:
    trainer.model.zero_grad()
    trainer.compute_loss(trainer.model, dict(batch)).backward()
    return [p.grad.clone() for p in trainer.model.parameters() if p.grad is not None]


def same(one: Sequence[Any], two: Sequence[Any], **how: Any) -> bool:
    return all(torch.allclose(a, b, **how) for a, b in zip(one, two, strict=True))


def flattened(grads: Sequence[Any]) -> Any:
    return torch.cat([grad.flatten() for grad in grads])


# Batches


def test_the_batch_is_the_recorded_tokens_and_its_pictures(cases: Cases, tmp_path: Path) -> None:
    trainer = cases.trainer(tmp_path, {"half": second_half})
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    for i, trajectory in enumerate((cases.first, cases.second)):
        (row,) = rows(trajectory, trainer.renderer)
        prompt = batch["prompt_ids"][i][batch["prompt_mask"][i].bool()].tolist()
        wrote = batch["completion_ids"][i][batch["completion_mask"][i].bool()].tolist()
        mask = batch["tool_mask"][i][: len(wrote)].tolist()
        assert tuple(prompt + wrote) == row.ids
        assert mask == list(row.mask[row.prompt :])
    assert batch["num_images"] == [1, 1]
    assert (batch["mm_token_type_ids"] == 1).sum() == 2 * 42
    trainer.close()


def test_pixels_of_tools_reach_the_forward_pass(cases: Cases, tmp_path: Path) -> None:
    trainer = cases.trainer(tmp_path, {"half": second_half})
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    seen = gradient(trainer, batch)
    blind = gradient(trainer, {**batch, "pixel_values": torch.zeros_like(batch["pixel_values"])})
    assert not same(seen, blind)
    vision = [p.grad for p in trainer.model.model.visual.parameters() if p.grad is not None]
    assert any(grad.abs().max() > 0 for grad in vision)
    trainer.close()


def answered_at_once(cases: Cases) -> Trajectory:
    """A rollout that looked at nothing: without pictures."""
    answer = cases.first.steps[1]
    alone = cases.first.replace(steps=(answer.replace(reply=answer.reply.replace(tokens=None)),))
    return Renderer(loaded(cases.folder)[1]).sampled(alone)


def test_rollouts_with_and_without_pictures_go_together(cases: Cases, tmp_path: Path) -> None:
    trainer = cases.trainer(tmp_path, {"half": second_half})
    blind = answered_at_once(cases)
    batch = trainer.batch([blind, cases.second], [cases.task] * 2)
    assert batch["num_images"] == [0, 1]
    assert flattened(gradient(trainer, batch)).abs().max() > 0
    batch = trainer.batch([blind, blind], [cases.task] * 2)
    assert "pixel_values" not in batch
    trainer.close()


def test_a_part_of_a_batch_without_pictures_is_as_good_as_any(cases: Cases, tmp_path: Path) -> None:
    pair = [answered_at_once(cases), cases.second]
    found: list[Any] = []
    for batch_size in (2, 1):  # by ones, the first forward pass has no pictures
        trainer = cases.trainer(tmp_path, {"half": second_half}, batch_size=batch_size)
        batch = trainer.batch(pair, [cases.task] * 2)
        found.append(trainer._own_logprobs(batch) * batch["completion_mask"])
        trainer.close()
    assert torch.allclose(*found, atol=1e-5)


# The loss


@pytest.mark.parametrize("loss_type", ["grpo", "dapo", "dr_grpo", "bnpo", "cispo"])
def test_the_loss_is_trls_own(cases: Cases, tmp_path: Path, loss_type: str) -> None:
    """Same batch, one advantage for each rollout: TRL's class and ours give the same gradient."""
    trainer = cases.trainer(tmp_path, {"half": second_half}, more={"loss_type": loss_type})
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    assert batch["advantages"].shape == batch["completion_ids"].shape
    trls = {**batch, "advantages": torch.tensor([-1.0, 1.0]) / math.sqrt(2)}
    ours = trainer._compute_loss(trainer.model, batch)
    theirs = GRPOTrainer._compute_loss(trainer, trainer.model, trls)
    assert float(ours) == pytest.approx(float(theirs), abs=1e-4)
    assert same(gradient(trainer, batch), gradient(trainer, trls), atol=1e-4)
    trainer.close()


def test_the_advantages_are_trls_own_for_one_role(cases: Cases, tmp_path: Path) -> None:
    rewards: dict[str, Scorer] = {"half": second_half, "constant": lambda t: 0.25}
    trainer = cases.trainer(tmp_path, rewards, weights={"half": 2.0})
    theirs: list[Any] = []
    real = trainer._advantages
    trainer._advantages = lambda batch: theirs.append(batch["advantages"]) or real(batch)
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    mask = batch["completion_mask"] * batch["tool_mask"]
    wanted = theirs[0][:, None] * mask
    assert torch.allclose(batch["advantages"].float(), wanted.float(), atol=1e-4)
    trainer.close()


def test_one_step_makes_the_rewarded_likelier_and_the_other_less_likely(
    cases: Cases, tmp_path: Path
) -> None:
    trainer = cases.trainer(tmp_path, {"half": second_half})
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    mask = batch["completion_mask"] * batch["tool_mask"]
    before = (trainer._own_logprobs(batch) * mask).sum(1)
    trainer.compute_loss(trainer.model, batch).backward()
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight -= 0.05 * (weight.grad if weight.grad is not None else 0.0)
    after = (trainer._own_logprobs(batch) * mask).sum(1)
    assert after[1] - after[0] > before[1] - before[0]
    trainer.close()


def test_what_the_policy_did_not_write_has_no_gradient(cases: Cases, tmp_path: Path) -> None:
    trainer = cases.trainer(tmp_path, {"half": second_half})
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    unwritten = (batch["completion_mask"] * batch["tool_mask"]) == 0
    assert unwritten.any()
    absurd = batch["advantages"].masked_fill(unwritten, 1e9)
    whole = gradient(trainer, batch)
    assert same(whole, gradient(trainer, {**batch, "advantages": absurd}), rtol=0, atol=0)
    trainer.close()


def test_look_and_answer_tokens_learn_from_their_own_rewards(cases: Cases, tmp_path: Path) -> None:
    """The good look with the bad answer: its look is reinforced and its answer is not."""
    is_first = {"a": True, "b": False}

    def good_look(t: Trajectory) -> float:
        return float(is_first[t.versions["which"]])

    def good_answer(t: Trajectory) -> float:
        return float(not is_first[t.versions["which"]])

    roles = {"look": {"good_look": 1.0}, "answer": {"good_answer": 1.0}}
    rewards = {"good_look": good_look, "good_answer": good_answer}
    trainer = cases.trainer(tmp_path, rewards, roles=roles)
    pair = [
        cases.first.replace(versions={"which": "a"}),
        cases.second.replace(versions={"which": "b"}),
    ]
    batch = trainer.batch(pair, [cases.task] * 2)
    for i, sign in enumerate((1.0, -1.0)):
        (row,) = rows(pair[i], trainer.renderer)
        steps = np.array(row.steps[row.prompt :])
        written = np.array(row.mask[row.prompt :]) == 1
        values = batch["advantages"][i, : len(steps)].numpy()
        assert values[written & (steps == 0)] == pytest.approx(sign / math.sqrt(2), abs=1e-3)
        assert values[written & (steps == 1)] == pytest.approx(-sign / math.sqrt(2), abs=1e-3)
        assert not values[~written].any()
    trainer.close()


# What goes wrong


def broken_tool(trajectory: Trajectory) -> Trajectory:
    """The rollout as it would be had its look broken by our fault."""
    look = trajectory.steps[0]
    failure = Failure(origin=Origin.TOOL, code="broke", message="broke")
    seen = look.observations[0].replace(failure=failure)
    return trajectory.replace(steps=(look.replace(observations=(seen,)), *trajectory.steps[1:]))


def world_died(trajectory: Trajectory) -> Trajectory:
    failure = Failure(origin=Origin.WORLD, code="gone", message="gone")
    return trajectory.replace(steps=(), answer=None, stop=Stop.FAILED, failure=failure)


@pytest.mark.parametrize("spoil", [broken_tool, world_died])
def test_failures_of_others_do_not_change_the_gradient(
    cases: Cases, tmp_path: Path, spoil: Any
) -> None:
    pair = [cases.first, cases.second]
    two = cases.trainer(tmp_path / "two", {"half": second_half})
    expected = gradient(two, two.batch(pair, [cases.task] * 2))
    two.close()
    four = cases.trainer(tmp_path / "four", {"half": second_half}, num_generations=4, batch_size=4)
    lost = [spoil(cases.second), spoil(cases.first)]
    batch = four.batch([pair[0], lost[0], pair[1], lost[1]], [cases.task] * 4)
    assert not batch["advantages"][[1, 3]].any()
    assert not batch["tool_mask"][[1, 3], :1].any()
    assert same(expected, gradient(four, batch), atol=1e-6)
    assert four.num_masked == {"not_the_models_fault": 2}
    stored = [t.scores["half"] for t in TrajectoryStore(tmp_path / "four" / "rollouts.jsonl")]
    assert stored == [0.0, None, 1.0, None]
    four.close()


def cut(trajectory: Trajectory) -> Trajectory:
    last = trajectory.steps[-1]
    short = last.replace(reply=last.reply.replace(finish=Finish.LENGTH))
    return trajectory.replace(steps=(*trajectory.steps[:-1], short))


def test_rows_that_are_too_long_or_cut_are_masked_and_counted(cases: Cases, tmp_path: Path) -> None:
    length = len(rows(cases.second, Renderer(loaded(cases.folder)[1]))[0])
    blind = answered_at_once(cases)
    trainer = cases.trainer(tmp_path, {"half": second_half}, max_tokens=length - 1)
    batch = trainer.batch([cases.second, blind], [cases.task] * 2)
    assert trainer.num_masked == {"too_long": 1}
    assert not batch["advantages"][0].any()
    assert batch["advantages"][1].any()  # still compared with the long one
    trainer.close()
    trainer = cases.trainer(tmp_path, {"half": second_half}, mask_cut=True)
    batch = trainer.batch([cut(cases.first), cases.second], [cases.task] * 2)
    assert trainer.num_masked == {"cut": 1}
    whole = trainer.batch([cases.second, cases.second], [cases.task] * 2)
    own = trainer._own_logprobs(batch)[1]
    assert torch.allclose(own, trainer._own_logprobs(whole)[1][: len(own)], atol=1e-5)
    trainer.close()


def test_a_rollout_of_several_rows_learns_from_all_of_them_on_average(
    cases: Cases, tmp_path: Path
) -> None:
    trainer = cases.trainer(tmp_path, {"half": second_half})
    look, answer = cases.second.steps
    assert look.reply.tokens is not None
    tokens = look.reply.tokens.replace(ids=(*look.reply.tokens.ids[:-1], 7, 8))
    odd = look.replace(reply=look.reply.replace(tokens=tokens))
    split = cases.second.replace(steps=(odd, answer))
    assert len(rows(split, trainer.renderer)) == 2
    drawn: dict[int, set[float]] = {}
    for number in range(12):
        trainer._num_played[0] = number
        batch = trainer.batch([cases.first, split], [cases.task] * 2)
        row = trainer._lessons[1].row
        step = row.steps[row.prompt]
        values = batch["advantages"][1][: len(row) - row.prompt][row.mask[row.prompt] == 1 :]
        drawn.setdefault(step, set()).add(round(float(values.max()), 2))
    assert drawn == {0: {1.41}, 1: {1.41}}  # twice 0.71, whichever is drawn
    trainer.close()


def test_the_alarm_rings_when_rewards_say_nothing(
    cases: Cases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = cases.trainer(tmp_path, {"same": lambda t: 0.5}, flat_patience=2)
    for _ in range(4):
        batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
        assert not batch["advantages"].any()
    assert len(trainer.alarms) == 2
    assert "2 steps in a row" in trainer.alarms[0]
    assert "nothing is learned" in caplog.text
    trainer.close()


@pytest.mark.parametrize(
    ("rewards", "settings", "words"),
    [
        ({}, {}, "nothing to learn from"),
        ({"half": second_half}, {"weights": {"hlaf": 1.0}}, "no rewards of these names: hlaf"),
        ({"half": second_half}, {"roles": {"loook": {"half": 1.0}}}, "roles are look and answer"),
        ({"half": second_half}, {"distil": {"look": 1.0}}, "a teacher goes with"),
        ({"half": second_half}, {"batch_size": 3}, "whole batches: got self.batch_size=3"),
        ({"half": second_half}, {"more": {"scale_rewards": "batch"}}, "not through `more`"),
    ],
)
def test_settings_that_do_not_fit_are_said(
    cases: Cases, tmp_path: Path, rewards: Any, settings: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        cases.trainer(tmp_path, rewards, **settings)


# Real rollouts

RUN: dict[str, Any] = {
    "tasks_per_step": 1, "num_generations": 16, "batch_size": 16, "learning_rate": 4e-4,
    "max_reply_tokens": 40, "budget": BUDGET, "most_left_out": 0.5, "seed": 1,
}  # fmt: skip


def run(output: Path, steps: int, **settings: Any) -> tuple[Any, Any]:
    model, processor = loaded(learner())
    with WorldSource() as source:
        report = train_rl(
            model, processor, world_tasks(1), source, {"half": second_half},
            RLSettings(steps=steps, **(RUN | settings)), tools=two_tools(), output=output,
        )  # fmt: skip
    return model, report


def test_reward_goes_up_in_the_real_loop(tmp_path: Path) -> None:
    _, report = run(tmp_path, 8)
    rewards = [line["reward"] for line in report.history]
    assert rewards[0] < 0.75
    assert np.mean(rewards[-2:]) > 0.9
    assert report.steps == 8
    assert report.num_rollouts == 8 * 16
    assert report.parity.gap_max < 1e-3
    assert report.alarms == ()
    stored = list(TrajectoryStore(tmp_path / "rollouts.jsonl"))
    assert len({t.id for t in stored}) == len(stored) == 8 * 16
    assert [t.scores["half"] for t in stored[:16]] == [second_half(t) for t in stored[:16]]
    assert (tmp_path / "model.safetensors").exists()
    needed = {"entropy", "rewards/half/mean", "rollouts/calls", "rollouts/left_out_tokens",
              "rollouts/failed/world", "credit/flat/look"}  # fmt: skip
    assert needed <= report.history[0].keys()


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "save_steps": 1,
        "num_generations": 4,
        "batch_size": 4,
        "more": {"lr_scheduler_type": "constant"},
    }
    whole, told = run(tmp_path / "whole", 2, **settings)
    run(tmp_path / "parts", 1, **settings)
    parts, again = run(tmp_path / "parts", 2, **settings)
    assert again.num_rollouts == 4  # only the second step
    assert [line["reward"] for line in again.history] == [line["reward"] for line in told.history]
    weights = zip(whole.state_dict().values(), parts.state_dict().values(), strict=True)
    assert all(torch.allclose(one, two, atol=1e-6) for one, two in weights)


def test_a_gate_that_is_not_passed_stops_the_run_before_it_begins(tmp_path: Path) -> None:
    model, processor = loaded(learner())
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    settings = RLSettings(steps=1, **{**RUN, "most_gap": 1e-12, "seed": 2})
    with WorldSource() as source, pytest.raises(NotTheSame, match="log-probabilities differ"):
        train_rl(
            model, processor, world_tasks(1), source, {"half": second_half}, settings,
            tools=two_tools(), output=tmp_path,
        )  # fmt: skip
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_an_optimizer_of_ones_own_and_adapters(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    from peft import LoraConfig

    model, processor = loaded(learner())
    lora = LoraConfig(r=4, target_modules=["q_proj", "v_proj"])
    settings = RLSettings(steps=1, **(RUN | {"num_generations": 4, "batch_size": 4}))
    with WorldSource() as source:
        report = train_rl(
            model, processor, world_tasks(1), source, {"half": second_half}, settings,
            tools=two_tools(), output=tmp_path / "lora", peft_config=lora,
        )  # fmt: skip
        assert report.steps == 1
        assert (tmp_path / "lora" / "adapter_model.safetensors").exists()
        made: list[Any] = []

        def sgd(model: Any) -> Any:
            made.append(torch.optim.SGD(model.parameters(), lr=0.0))
            return made[0]

        model, _ = loaded(learner())
        before = model.lm_head.weight.detach().clone()
        train_rl(
            model, processor, world_tasks(1), source, {"half": second_half}, settings,
            tools=two_tools(), output=tmp_path / "sgd", optimizer=sgd,
        )  # fmt: skip
    assert len(made) == 1
    assert torch.equal(model.lm_head.weight, before)
