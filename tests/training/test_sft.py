# ruff: noqa: E402
"""Fine-tuning: the loss is what one would work out by hand, and a tiny model learns its tools."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

for library in ("torch", "torchvision", "trl", "peft", "datasets"):
    pytest.importorskip(library)

import torch

from playhead.agent.attempt import attempt
from playhead.agent.source import WorldSource
from playhead.core.budget import Budget
from playhead.core.message import Message, Role
from playhead.core.policy import Reply, Sampling
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Task, Trajectory
from playhead.models.policies.transformers import TransformersPolicy, load_model
from playhead.training.masks import Decoupling
from playhead.training.rows import Renderer, Row, rows
from playhead.training.sft import SFTSettings, TrajectorySFTTrainer, train_sft
from playhead.training.tuning import freeze_vision
from tests.agent.policies import answering, call, calling
from tests.models.policies.conversations import Shades
from tests.models.policies.tiny import write_tiny
from tests.training.examples import everything, three_looks
from tests.training.rollout_cases import two_tools, world_tasks

FAST: dict[str, Any] = {"dtype": "float32", "schedule": "constant", "warmup": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def model(folder: Path) -> tuple[Any, Any]:
    return load_model(folder, "cpu", "float32")


def examples() -> list[Trajectory]:
    """Of several lengths and weights."""
    short = three_looks(None).replace(id="short")
    return [everything(), short, three_looks(None, None), short.replace(id="again")]


def train(model: tuple[Any, Any], given: Sequence[Any], output: Path, **how: Any) -> Any:
    return train_sft(model, given, SFTSettings(**(FAST | how)), resolve=Shades(), output=output)


def by_hand(model: tuple[Any, Any], made: Sequence[Row]) -> float:
    """The weighted cross entropy of what was written, over the number of its tokens, row by row."""
    net, processor = model
    total, num = 0.0, 0
    for row in made:
        images = Shades()(row.frames)
        pixels = processor.image_processor(images=images, return_tensors="pt") if images else {}
        ids = torch.tensor([row.ids])
        kinds = (ids == processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")).long()
        with torch.inference_mode():
            logits = net(input_ids=ids, mm_token_type_ids=kinds, **pixels).logits[0]
        chances = torch.log_softmax(logits.double(), -1)
        for i in range(1, len(row)):
            if row.mask[i] and row.weights[i]:
                total -= row.weights[i] * float(chances[i - 1, row.ids[i]])
                num += 1
    return total / num


@pytest.mark.parametrize(("batch_size", "accumulate"), [(4, 1), (2, 2), (1, 4)])
def test_the_loss_is_the_one_worked_out_by_hand(
    model: tuple[Any, Any], tmp_path: Path, batch_size: int, accumulate: int
) -> None:
    """However the rows are spread over accumulated batches, each token counts the same."""
    made = [row for one in examples() for row in rows(one, Renderer(model[1]))]
    expected = by_hand(model, made)
    how = {"batch_size": batch_size, "accumulate": accumulate, "max_steps": 1, "log_steps": 1}
    report = train(model, made, tmp_path, **how)
    ((step, loss),) = report.losses
    assert (step, report.num_steps) == (1, 1)
    assert loss == pytest.approx(expected, rel=1e-4)


def test_accumulated_batches_give_the_step_of_one_batch(folder: Path, tmp_path: Path) -> None:
    after: list[Any] = []
    for batch_size, accumulate in ((4, 1), (1, 4)):
        loaded = load_model(folder, "cpu", "float32")
        how = {"batch_size": batch_size, "accumulate": accumulate, "max_steps": 1}
        more: Any = {"optim": "sgd"}
        train(loaded, examples(), tmp_path, learning_rate=0.1, more=more, **how)
        after.append(loaded[0].state_dict())
    moved = 0
    before = load_model(folder, "cpu", "float32")[0].state_dict()
    for name, one in after[0].items():
        assert torch.allclose(one, after[1][name], atol=1e-6), name
        moved += not torch.equal(one, before[name])
    assert moved > 10


def test_a_token_without_weight_is_not_learned(model: tuple[Any, Any], tmp_path: Path) -> None:
    trajectory = three_looks(None, None)
    light = trajectory.replace(steps=(trajectory.steps[0].replace(weight=0.0), trajectory.steps[1]))
    heavy = trajectory.replace(steps=(trajectory.steps[0].replace(weight=3.0), trajectory.steps[1]))
    for one in (light, heavy):
        expected = by_hand(model, rows(one, Renderer(model[1])))
        report = train(model, [one], tmp_path, max_steps=1, log_steps=1, learning_rate=1e-12)
        assert report.losses[0][1] == pytest.approx(expected, rel=1e-4)


def test_a_run_says_what_it_was(model: tuple[Any, Any], tmp_path: Path) -> None:
    longest = max(len(r) for one in examples() for r in rows(one, Renderer(model[1])))
    report = train(model, examples(), tmp_path, max_steps=1, max_tokens=longest - 1)
    assert (report.num_rows, report.num_left_out, report.num_trajectories) == (3, 1, 3)
    assert report.num_pictures == 2
    assert 0 < report.num_written < report.num_tokens
    assert type(report).from_json(report.to_json()) == report
    again = load_model(tmp_path, "cpu", "float32")[0].state_dict()
    assert all(torch.equal(again[name], value) for name, value in model[0].state_dict().items())
    with pytest.raises(ValueError, match="all of them too long"):
        train(model, examples(), tmp_path, max_tokens=5)


@pytest.mark.parametrize("freeze", [True, False])
def test_the_vision_tower_is_frozen_or_not(
    folder: Path, model: tuple[Any, Any], tmp_path: Path, freeze: bool
) -> None:
    before = load_model(folder, "cpu", "float32")[0].state_dict()
    train(model, examples(), tmp_path, max_steps=1, learning_rate=0.01, freeze_vision=freeze)
    moved = {n for n, v in model[0].state_dict().items() if not torch.equal(v, before[n])}
    assert any("language_model" in name for name in moved)
    assert any("visual" in name for name in moved) == (not freeze)


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")  # peft's
def test_adapters_are_trained_alone_and_merged_to_be_served(
    folder: Path, model: tuple[Any, Any], tmp_path: Path
) -> None:
    before = load_model(folder, "cpu", "float32")[0].state_dict()
    train(model, examples(), tmp_path, max_steps=2, learning_rate=0.01, lora_rank=2)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    merged = load_model(tmp_path, "cpu", "float32")[0].state_dict()
    assert merged.keys() == before.keys()
    moved = {name for name, value in merged.items() if not torch.equal(value, before[name])}
    assert moved
    assert all("language_model" in n and n.endswith("proj.weight") for n in moved), moved


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    folder: Path, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"batch_size": 2, "learning_rate": 1e-3, "save_steps": 2, "seed": 5}
    whole = load_model(folder, "cpu", "float32")
    train(whole, examples(), tmp_path / "whole", max_steps=4, **how)
    part = load_model(folder, "cpu", "float32")
    train(part, examples(), tmp_path / "part", max_steps=2, **how)
    fresh = load_model(folder, "cpu", "float32")
    settings = SFTSettings(**(FAST | how | {"max_steps": 4}))
    report = train_sft(
        fresh, examples(), settings, resolve=Shades(), output=tmp_path / "part", resume=True
    )
    assert report.num_steps == 4
    for name, value in whole[0].state_dict().items():
        assert torch.allclose(value, fresh[0].state_dict()[name], atol=1e-6), name


def test_trajectories_may_be_shown_with_fewer_pictures(
    model: tuple[Any, Any], tmp_path: Path
) -> None:
    full = train(model, [everything()], tmp_path, max_steps=1)
    few = train(model, [everything()], tmp_path, max_steps=1, visual_tokens=1)
    assert (full.num_pictures, few.num_pictures) == (5, 3)
    assert few.num_written == full.num_written


def test_any_optimizer_may_be_brought(model: tuple[Any, Any], tmp_path: Path) -> None:
    made: list[Any] = []

    def muon_and_adam(net: Any) -> torch.optim.Optimizer:
        made.append(torch.optim.RMSprop(net.parameters(), lr=1e-3))
        return made[0]

    before = model[0].lm_head.weight.clone()
    settings = SFTSettings(**FAST, max_steps=1)
    train_sft(
        model, examples(), settings, resolve=Shades(), output=tmp_path, optimizer=muon_and_adam
    )
    assert len(made) == 1
    assert made[0].state
    assert not torch.equal(before, model[0].lm_head.weight)


def test_masks_need_attention_that_takes_them(model: tuple[Any, Any], tmp_path: Path) -> None:
    model[0].config._attn_implementation = "flash_attention_2"
    with pytest.raises(ValueError, match="attention masks need"):
        train(model, examples(), tmp_path, max_steps=1, decouple=0.1)


def test_freezing_knows_where_the_tower_is(tiny: tuple[Any, Any]) -> None:
    freeze_vision(tiny[0])
    frozen = {n for n, p in tiny[0].named_parameters() if not p.requires_grad}
    assert frozen == {n for n, _ in tiny[0].named_parameters() if "visual" in n}


class Planned:
    """For each question a part of its own to look at, and an answer of its own."""

    name = "planned"

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._number = {task.question: i for i, task in enumerate(tasks)}

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        opening = next(m for m in messages if m.role is Role.USER).text
        number = next(i for question, i in self._number.items() if question in opening)
        if any(message.role is Role.TOOL for message in messages):
            return answering(f"{number % 4}")
        start = 6.0 * (number % 8)
        return calling(call("look", start_s=start, end_s=start + 6.0, num=1))


def played(tasks: Sequence[Task], policy: Any, source: WorldSource) -> list[Trajectory]:
    """Each task once, through the loop."""

    async def one(task: Task) -> Trajectory:
        with source.open(task, Budget(turns=4, frames=16)) as ctx:
            sampling = Sampling(max_tokens=48)
            return await attempt(
                task, policy, two_tools(), ctx, strategy="seek", sampling=sampling, id=task.id
            )

    async def every() -> list[Trajectory]:
        return await asyncio.gather(*(one(task) for task in tasks))

    return asyncio.run(every())


def constants(processor: Any, trajectory: Trajectory) -> list[str]:
    """What every prompt says, as one token each: a model of bytes would read thousands."""
    prompt = Renderer(processor).prompt(trajectory.messages(), trajectory.tools)[0]
    text = processor.tokenizer.decode(list(prompt))
    system = text.split("<|im_start|>system\n")[1].split("<|im_end|>")[0]
    lines = [line for line in text.split("\n") if len(line) > 20 and "<|" not in line]
    return [
        system,
        *lines,
        '{"name": "look", "arguments": {"start_s": ',
        ', "end_s": ',
        '{"name": "answer", "arguments": {"value": "',
        '", "evidence": []}}',
        ', "num": 1}}',
    ]


def said(trajectory: Trajectory) -> list[Any]:
    """Its calls and its answer, without what names them."""
    calls = [(c.name, c.arguments) for step in trajectory.steps for c in step.reply.calls]
    assert trajectory.answer is not None
    return [*calls, trajectory.answer.text]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("decouple", "decoupling"), [(0.0, Decoupling.DIRECT), (0.5, Decoupling.CLOSED)]
)
def test_a_tiny_model_learns_to_call_and_to_answer_and_does_it_when_served(
    tmp_path: Path, decouple: float, decoupling: Decoupling
) -> None:
    tasks = world_tasks(16)
    with WorldSource() as source:
        shown = played(tasks, Planned(tasks), source)
        write_tiny(tmp_path / "bytes")
        _, plain = load_model(tmp_path / "bytes", "cpu", "float32")
        write_tiny(tmp_path / "words", words=constants(plain, shown[0]))
        net, processor = load_model(tmp_path / "words", "cpu", "float32")
        settings = SFTSettings(
            learning_rate=4e-3, max_steps=140, batch_size=16, freeze_vision=False, warmup=0.05,
            decouple=decouple, decoupling=decoupling, num_cached=64, log_steps=5,
        )  # fmt: skip
        report = train_sft(
            (net, processor), shown, settings, resolve=source.resolve, output=tmp_path / "out"
        )
        assert report.losses[0][1] > 0.8 * math.log(len(processor.tokenizer))
        assert report.losses[-1][1] < 0.1
        policy = TransformersPolicy(tmp_path / "out", resolve=source.resolve, dtype="float32")
        try:
            served = played(tasks, policy, source)
        finally:
            policy.close()
    assert [said(t) for t in served] == [said(t) for t in shown]


def test_the_trainer_takes_rows_and_any_collator(model: tuple[Any, Any], tmp_path: Path) -> None:
    """For those who add a loss of their own: the trainer without the function."""
    from trl.trainer.sft_config import SFTConfig

    from playhead.training.collate import Collator

    made = rows(everything(), Renderer(model[1]))
    args = SFTConfig(
        str(tmp_path), max_steps=1, use_cpu=True, bf16=False, report_to="none", save_strategy="no",
        dataloader_pin_memory=False, logging_steps=1, activation_checkpointing=False,
    )  # fmt: skip
    trainer = TrajectorySFTTrainer(model[0], made, Collator(model[1], Shades()), args)
    expected = by_hand(model, made)
    trainer.train()
    assert trainer.state.log_history[0]["loss"] == pytest.approx(expected, rel=1e-4)
