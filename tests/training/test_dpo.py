# ruff: noqa: E402
"""Preference optimisation: TRL's loss on our batches is the formula, and it goes down."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

for library in ("torch", "torchvision", "trl", "peft", "datasets"):
    pytest.importorskip(library)

import torch

from playhead.models.policies.transformers import load_model
from playhead.training.collate import Collator
from playhead.training.dpo import DPOSettings, PairCollator, train_dpo
from playhead.training.preference import Pair, forked, ranked
from playhead.training.rows import Renderer, Row
from tests.models.policies.conversations import Shades
from tests.models.policies.tiny import write_tiny
from tests.training.test_preference import attempts, worth

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
"""TRL and peft know it by its old name."""

FAST: dict[str, Any] = {"dtype": "float32", "schedule": "constant", "warmup": 0.0, "log_steps": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def model(folder: Path) -> tuple[Any, Any]:
    return load_model(folder, "cpu", "float32")


def pairs(model: tuple[Any, Any]) -> list[Pair]:
    return ranked(attempts(), worth, Renderer(model[1]))


def logprob(model: tuple[Any, Any], row: Row) -> float:
    """Of all that was written in a row."""
    batch = Collator(model[1], Shades())([row])
    inputs = {k: v for k, v in batch.items() if k not in ("labels", "loss_weights")}
    with torch.inference_mode():
        chances = torch.log_softmax(model[0](**inputs).logits[0].double(), -1)
    return sum(float(chances[i - 1, row.ids[i]]) for i in range(1, len(row)) if row.mask[i])


def test_a_batch_is_all_chosen_rows_then_all_rejected(model: tuple[Any, Any]) -> None:
    (pair,) = pairs(model)
    batch = PairCollator(Collator(model[1], Shades()))([pair, pair])
    both = [pair.chosen, pair.chosen, pair.rejected, pair.rejected]
    for i, row in enumerate(both):
        assert batch["input_ids"][i, : len(row)].tolist() == list(row.ids)
        assert batch["completion_mask"][i, : len(row)].tolist() == list(row.mask)
        assert not batch["completion_mask"][i, len(row) :].any()
    assert len(batch["image_grid_thw"]) == sum(len(row.frames) for row in both)
    assert "labels" not in batch


@pytest.mark.parametrize("cut", [False, True])
def test_the_loss_is_the_formula_and_goes_down(
    folder: Path, model: tuple[Any, Any], tmp_path: Path, cut: bool
) -> None:
    """Also for pictures in tool turns, which stock TRL leaves out."""
    (pair,) = pairs(model)
    if cut:
        fork = forked(pair, Renderer(model[1]))
        assert fork is not None
        pair = fork
    settings = DPOSettings(**FAST, learning_rate=1e-3, max_steps=8, beta=0.5)
    report = train_dpo(model, [pair], settings, resolve=Shades(), output=tmp_path)
    losses = [loss for _, loss in report.losses]
    assert losses[0] == pytest.approx(math.log(2), abs=1e-3)
    assert losses[-1] < 0.1
    before = load_model(folder, "cpu", "float32")
    after = load_model(tmp_path, "cpu", "float32")
    gain = [logprob(after, row) - logprob(before, row) for row in pair]
    assert gain[0] > gain[1]
    one_more = settings.replace(max_steps=1)
    (_, loss), *_ = one_step(before, after, pair, one_more, tmp_path / "again")
    assert loss == pytest.approx(math.log1p(math.exp(-0.5 * (gain[0] - gain[1]))), rel=2e-2)


def one_step(
    before: tuple[Any, Any], after: tuple[Any, Any], pair: Pair, settings: DPOSettings, out: Path
) -> tuple[tuple[int, float], ...]:
    """TRL's loss of a model against a reference, with none of it learned."""
    from trl.trainer.dpo_config import DPOConfig

    from playhead.training.dpo import PairDPOTrainer
    from playhead.training.tuning import arguments, run

    trainer = PairDPOTrainer(
        after[0],
        [pair],
        Collator(after[1], Shades()),
        DPOConfig(**arguments(settings, out / "checkpoints", DPOConfig), beta=settings.beta),
        ref_model=before[0],
    )
    return run(trainer, out, resume=False)


def test_adapters_need_no_second_model(model: tuple[Any, Any], tmp_path: Path) -> None:
    settings = DPOSettings(**FAST, learning_rate=1e-2, max_steps=6, lora_rank=4, beta=0.5)
    report = train_dpo(model, pairs(model), settings, resolve=Shades(), output=tmp_path)
    assert report.losses[0][1] == pytest.approx(math.log(2), abs=1e-3)
    assert report.losses[-1][1] < report.losses[0][1]
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_pairs_that_are_too_long_are_left_out(model: tuple[Any, Any], tmp_path: Path) -> None:
    found = pairs(model)
    longest = max(map(len, found[0]))
    settings = DPOSettings(**FAST, max_steps=1, max_tokens=longest)
    report = train_dpo(model, found, settings, resolve=Shades(), output=tmp_path)
    assert (report.num_pairs, report.num_left_out) == (1, 0)
    assert type(report).from_json(report.to_json()) == report
    with pytest.raises(ValueError, match="all of them too long"):
        train_dpo(
            model,
            found,
            settings.replace(max_tokens=longest - 1),
            resolve=Shades(),
            output=tmp_path,
        )
