# ruff: noqa: E402
"""The pocket model is a Qwen3-VL that transformers loads, and its words are what is served."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for library in ("torch", "torchvision", "transformers"):
    pytest.importorskip(library)

import torch
import transformers

from playhead.agent.rollouts import Job, play
from playhead.agent.source import WorldSource
from playhead.core.policy import Sampling
from playhead.models.policies.transformers import TransformersPolicy
from playhead.training.pocket.curriculum import BUDGET, seeking, tasks, tools
from playhead.training.pocket.glances import Glances
from playhead.training.pocket.lessons import Teacher
from playhead.training.pocket.model import (
    PocketSettings,
    load_pocket,
    muon_and_adam,
    new_pocket,
    save_pocket,
    step,
)
from playhead.training.pocket.perception import Eyes, give_meaning
from playhead.training.pocket.study import Student
from playhead.training.pocket.words import constants

SMALL = PocketSettings(
    width=64, layers=3, heads=1, kv_heads=1, feedforward=64, vision_width=32, vision_layers=1
)


@pytest.fixture(scope="module")
def pocket() -> tuple[Any, Any]:
    return new_pocket([tool.spec for tool in tools()], SMALL)


@pytest.fixture(scope="module")
def folder(pocket: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pocket(pocket, tmp_path_factory.mktemp("pocket"), card="# Small")


@pytest.mark.parametrize(
    "text",
    [
        "[e271f33e0ad698cc6] v1 0:00.0-4:00.0 (0.0 to 240.0 s)", "<10.3s>", "é“猫\n\n ",
        '<tool_call>\n{"name": "look", "arguments": {"start_s": 37.5}}\n</tool_call>',
    ],
)  # fmt: skip
def test_any_text_comes_back(pocket: tuple[Any, Any], text: str):
    words = pocket[1].tokenizer
    assert words.decode(words.encode(text)) == text


def test_constants_are_one_token_and_whole_seconds_too(pocket: tuple[Any, Any]):
    words = pocket[1].tokenizer
    for text in constants([tool.spec for tool in tools()]):
        assert len(words.encode(text)) == 1, text
    for number in range(300):
        assert len(words.encode(f"<{number}.0s>")) == 4, number
    assert len(words.encode("ACD")) == 3  # the glyphs of a card stand alone
    alone = words.encode("e271f33e0ad698cc6")
    assert len(alone) <= 12
    for before, after in (("[", "] v1 "), ('"evidence": ["', '"]}')):  # the same wherever it stands
        ids = words.encode(f"{before}e271f33e0ad698cc6{after}")
        assert any(ids[i : i + len(alone)] == alone for i in range(len(ids)))


def test_a_saved_tokenizer_is_the_same(pocket: tuple[Any, Any], folder: Path):
    text = "Was there a card of the plain yellow square? <127.5s> [e271f33e0ad698cc6]"
    loaded = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
    assert loaded.tokenizer.encode(text) == pocket[1].tokenizer.encode(text)


def test_quickened_is_the_same_as_stock(folder: Path):
    stock = transformers.Qwen3VLForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32
    )
    quick, processor = load_pocket(folder)
    pictures = np.random.default_rng(0).integers(0, 255, (2, 180, 224, 3), dtype=np.uint8)
    picture = "<|vision_start|><|image_pad|><|vision_end|>"
    text = f"{picture} a {picture} b"
    inputs = processor(
        text=[text, picture], images=[*pictures, pictures[0]], padding=True, return_tensors="pt"
    )
    kept = inputs["attention_mask"].bool()
    theirs = stock(**inputs, use_cache=False).logits[kept]
    for grads in (True, False):
        with torch.set_grad_enabled(grads):
            ours = quick(**inputs, use_cache=False).logits[kept]
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_a_patch_embedding_is_trained_as_a_matrix():
    model, _ = new_pocket([tool.spec for tool in tools()], SMALL)
    weight = model.model.visual.patch_embed.proj.weight
    before = weight.detach().clone()
    optimizers = muon_and_adam(model.model.visual, lr=0.01)
    seen = model.model.visual(torch.randn(48, weight[0].numel()), torch.tensor([[1, 6, 8]]))
    step(seen.pooler_output.square().mean(), optimizers, 0.01)
    assert not torch.equal(before, weight)


def test_lessons_are_the_served_tokens_and_are_learnt():
    model, processor = new_pocket([tool.spec for tool in tools()], SMALL)
    teacher = Teacher(model, processor)
    with WorldSource() as source:
        new = seeking(teacher, source, 3, slips=0.0)
        lessons = [next(new) for _ in range(4)]
    with WorldSource() as source:
        task = next(tasks("needle", 3)).task
        policy = TransformersPolicy((model, processor), resolve=source.resolve)
        (record,) = asyncio.run(
            play([Job(task, "g", 0)], policy, source, tools=tools(), budget=BUDGET,
                 sampling=Sampling(max_tokens=4)),
        )  # fmt: skip
        policy.close()
    tokens = record.steps[0].reply.tokens
    assert tokens is not None
    constant = 8  # the marks and words of the system turn
    assert tokens.prompt_ids[:constant] == lessons[0].row.ids[:constant]
    student = Student(model.train(), processor, lr=0.01)
    first = student.step(lessons, 1.0)["words"]
    words = [student.step(lessons, 1.0)["words"] for _ in range(15)]
    assert words[-1] < 0.5 * first


def test_glances_stand_where_the_model_places_them():
    model, processor = new_pocket([tool.spec for tool in tools()], SMALL)
    new = iter(Glances(model, processor, seed=1))
    image = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    for _ in range(20):
        glance = next(new)
        ids = torch.tensor([glance.row.ids])
        grids = torch.tensor([[1, 6, 8]] * len(glance.features))
        places, _ = model.model.get_rope_index(
            ids, mm_token_type_ids=(ids == image).int(), image_grid_thw=grids
        )
        torch.testing.assert_close(places[:, 0], glance.positions)
        assert glance.shows.shape == (len(glance.features), 4)


def test_eyes_learn_and_words_get_their_meaning():
    model, processor = new_pocket([tool.spec for tool in tools()], SMALL)
    eyes = Eyes(model, processor)
    pixels, shown = eyes.draw(16)
    none_odd = torch.zeros(16, dtype=torch.bool)

    def loss() -> float:
        return float(eyes.loss(eyes.see(pixels), shown, none_odd).detach())

    before = loss()
    for _ in islice(eyes.learn(cpu_s=60, batch=16, tell=print), 30):
        pass
    assert loss() < before
    give_meaning(model, processor, eyes.heads, eyes.draw(8)[0])
    seen = eyes.visual(
        **{"hidden_states": torch.zeros(48, 4704), "grid_thw": torch.tensor([[1, 6, 8]])}
    ).pooler_output
    assert seen.square().mean().sqrt() < 1.0
