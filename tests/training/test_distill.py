# ruff: noqa: E402
"""On-policy distillation: gradients against closed forms, and a student that finds its teacher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for library in ("torch", "torchvision", "transformers", "trl", "datasets"):
    pytest.importorskip(library)

import torch

from playhead.agent.source import WorldSource
from playhead.core.trajectory import Scorer, Trajectory
from playhead.training.distill import ALL, LocalTeacher, exact_loss, reverse_kl
from playhead.training.grpo import train_rl
from playhead.training.grpo_trainer import MEDIA
from playhead.training.rl_settings import RLSettings
from playhead.training.rows import Renderer, Row
from tests.models.policies.tiny import write_tiny
from tests.training.rollout_cases import (
    BUDGET,
    learner,
    loaded,
    second_half,
    two_tools,
    world_tasks,
)
from tests.training.test_grpo import Cases, Given, flattened, gradient

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def cases() -> Iterator[Cases]:
    with WorldSource() as source:
        yield Cases(source)


# The mathematics, on a toy


def scores(seed: int) -> Any:
    return torch.randn(4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_gradient_of_reverse_kl_is_the_closed_form() -> None:
    student, teacher = scores(1).requires_grad_(), scores(2)
    divergence = reverse_kl(student, teacher)
    divergence.backward()
    p, q = torch.softmax(student.detach(), -1), torch.softmax(teacher, -1)
    by_hand = (p * (p.log() - q.log())).sum()
    assert float(divergence) == pytest.approx(float(by_hand))
    expected = p * (p.log() - q.log() - by_hand)
    assert torch.allclose(student.grad, expected)


def test_the_gradient_of_reverse_kl_is_that_of_finite_differences() -> None:
    teacher = scores(4)
    assert torch.autograd.gradcheck(lambda s: reverse_kl(s, teacher), scores(3).requires_grad_())
    assert float(reverse_kl(teacher, teacher)) == pytest.approx(0.0, abs=1e-12)


def test_the_advantage_of_a_token_leads_down_the_same_gradient() -> None:
    """Over all that may be sampled, (log q - log p) grad log p is minus the gradient of the KL."""
    student, teacher = scores(5).requires_grad_(), scores(6)
    reverse_kl(student, teacher).backward()
    wanted = -student.grad
    own = torch.log_softmax(student.detach(), -1)
    gap = torch.log_softmax(teacher, -1) - own
    policy = torch.zeros(4, dtype=torch.float64)
    for token in range(4):
        student.grad = None
        torch.log_softmax(student, -1)[token].backward()
        policy += own[token].exp() * gap[token] * student.grad
    assert torch.allclose(policy, wanted)


# In a batch of rollouts


def noisy(folder: Path, seed: int = 0, size: float = 0.1) -> Any:
    model, _ = loaded(folder)
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(size * torch.randn_like(weight))
    return model


def given(
    cases: Cases, output: Path, teacher: Any, rewards: dict[str, Scorer], **settings: Any
) -> Any:
    model, processor = loaded(cases.folder)
    sizes = {"steps": 1, "tasks_per_step": 1, "num_generations": 2, "batch_size": 2}
    return Given(
        model, processor, [cases.task], cases.source, rewards, RLSettings(**(sizes | settings)),
        tools=two_tools(), output=output, teacher=teacher,
    )  # fmt: skip


def local(cases: Cases, model: Any) -> LocalTeacher:
    _, processor = loaded(cases.folder)
    return LocalTeacher(model, processor, Renderer(processor), cases.source.resolve)


def test_tokens_earn_what_the_teacher_thinks_of_them(cases: Cases, tmp_path: Path) -> None:
    teacher = local(cases, noisy(cases.folder))
    trainer = given(cases, tmp_path, teacher, {}, distil={"look": 0.5, "answer": 2.0})
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    learned = [lesson.row for lesson in trainer._lessons]
    theirs = teacher.logprobs(learned, [], temperature=1.0)
    own = trainer._own_logprobs(batch)
    for i, row in enumerate(learned):
        for at in range(row.prompt, len(row)):
            share = {0: 0.5, 1: 2.0}[row.steps[at]] if row.mask[at] else 0.0
            wanted = share * (theirs[i][at] - float(own[i, at - row.prompt]))
            assert float(batch["advantages"][i, at - row.prompt]) == pytest.approx(wanted, abs=1e-4)
    trainer.close()


def test_a_teacher_that_is_the_student_teaches_nothing(cases: Cases, tmp_path: Path) -> None:
    trainer = given(cases, tmp_path, local(cases, loaded(cases.folder)[0]), {}, distil=ALL)
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    assert batch["advantages"].abs().max() < 1e-5
    trainer.close()


def test_rewards_and_teacher_mix_by_role(cases: Cases, tmp_path: Path) -> None:
    """Looks by the reward, answers by the teacher."""
    rewards: dict[str, Scorer] = {"half": second_half}
    teacher = local(cases, noisy(cases.folder))
    trainer = given(
        cases, tmp_path, teacher, rewards,
        roles={"look": {"half": 1.0}}, distil={"answer": 1.0},
    )  # fmt: skip
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    learned = [lesson.row for lesson in trainer._lessons]
    theirs = teacher.logprobs(learned, [], temperature=1.0)
    own = trainer._own_logprobs(batch)
    for i, (row, sign) in enumerate(zip(learned, (-0.7071, 0.7071), strict=True)):
        for at in (at for at in range(row.prompt, len(row)) if row.mask[at]):
            gap = theirs[i][at] - float(own[i, at - row.prompt])
            wanted = sign if row.steps[at] == 0 else gap
            assert float(batch["advantages"][i, at - row.prompt]) == pytest.approx(wanted, abs=1e-3)
    trainer.close()


def test_what_is_solved_is_left_alone_until_it_fails_again(cases: Cases, tmp_path: Path) -> None:
    rewards: dict[str, Scorer] = {"half": second_half}
    teacher = local(cases, noisy(cases.folder))
    trainer = given(
        cases, tmp_path, teacher, rewards, weights={"half": 0.0},
        distil=ALL, distil_below={"half": 0.7},
    )  # fmt: skip
    solved = trainer.batch([cases.second, cases.second], [cases.task] * 2)
    assert not solved["advantages"].any()
    failed = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    assert failed["advantages"].any()
    trainer.close()


def test_a_teacher_that_cannot_tell_is_not_listened_to(cases: Cases, tmp_path: Path) -> None:
    class Silent:
        def logprobs(
            self, rows: Sequence[Row], trajectories: Sequence[Trajectory], *, temperature: float
        ) -> list[Any]:
            assert [t.id for t in trajectories] == [row.trajectory for row in rows]
            return [np.full(len(row), np.nan, dtype=np.float32) for row in rows]

    trainer = given(cases, tmp_path, Silent(), {}, distil=ALL)
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    assert not batch["advantages"].any()
    trainer.close()


def test_a_teacher_of_other_words_is_refused(cases: Cases, tmp_path: Path) -> None:
    _, other = loaded(write_tiny(tmp_path / "other", words=["something else"]))
    _, processor = loaded(cases.folder)
    with pytest.raises(ValueError, match="vocabulary"):
        LocalTeacher(loaded(cases.folder)[0], other, Renderer(processor), cases.source.resolve)


def test_the_exact_loss_is_the_divergence_at_what_was_written(cases: Cases, tmp_path: Path) -> None:
    teacher = local(cases, noisy(cases.folder))
    trainer = given(cases, tmp_path, teacher, {}, exact=1.0)
    batch = trainer.batch([cases.first, cases.second], [cases.task] * 2)
    media = {k: batch[k] for k in MEDIA if k in batch and k != "num_images"}
    found = exact_loss(trainer.model, teacher.model, batch, media, 1.0)
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    asked = {"input_ids": ids, "attention_mask": mask, **media}
    num = batch["completion_ids"].shape[1]
    with torch.no_grad():
        own = torch.softmax(trainer.model(**asked).logits, -1)
        theirs = torch.softmax(teacher.model(**asked).logits, -1)
    each: list[float] = []
    for i, at in ((i, at) for i in range(2) for at in range(num)):
        if batch["completion_mask"][i, at] and batch["tool_mask"][i, at]:
            p, q = (spread[i, ids.shape[1] - num + at - 1] for spread in (own, theirs))
            each.append(float((p * (p / q).log()).sum()))
    assert float(found) == pytest.approx(np.mean(each), rel=1e-4)
    assert len(each) < int(batch["completion_mask"].sum())
    assert flattened(gradient(trainer, batch)).abs().max() > 0
    assert all(p.grad is None for p in teacher.model.parameters())
    trainer.close()


# A student that finds its teacher


@pytest.mark.parametrize(
    ("how", "steps", "num", "rate"),
    [
        pytest.param({"exact": 1.0}, 10, 8, 1e-3, id="exact"),
        pytest.param({"distil": ALL}, 20, 16, 2e-3, id="sampled", marks=pytest.mark.slow),
    ],
)
def test_the_divergence_falls_more_than_five_times(
    tmp_path: Path, how: dict[str, Any], steps: int, num: int, rate: float
) -> None:
    student, processor = loaded(learner())
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in student.parameters():
            weight.add_(0.03 * torch.randn_like(weight))
    with WorldSource() as source:
        teacher = LocalTeacher(
            loaded(learner())[0], processor, Renderer(processor), source.resolve, batch=16
        )
        settings = RLSettings(
            steps=steps, tasks_per_step=1, num_generations=num, batch_size=num, learning_rate=rate,
            max_reply_tokens=40, budget=BUDGET, most_left_out=1.0, **how,
        )  # fmt: skip
        report = train_rl(
            student, processor, world_tasks(1), source, {}, settings,
            tools=two_tools(), output=tmp_path, teacher=teacher,
        )  # fmt: skip
    name = "distil/reverse_kl" if "distil" in how else "distil/exact_kl"
    told = [line[name] for line in report.history]
    assert told[0] > 0.5
    assert np.mean(told[-4:]) < told[0] / 5
