# ruff: noqa: E402
"""The pocket model is a Qwen3-VL that transformers loads, and its words are what is served."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for library in ("torch", "torchvision", "transformers"):
    pytest.importorskip(library)

import torch
import transformers
from PIL import Image

from playhead.training.config import still
from playhead.training.pocket.curriculum import BUDGET, tools
from playhead.training.pocket.exam import PAPERS, sit
from playhead.training.pocket.films import film_lessons
from playhead.training.pocket.glances import Album, Eyesight, Glances
from playhead.training.pocket.lessons import Lesson, Scribe
from playhead.training.pocket.model import (
    SHIPPED,
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


def lessons_of(pocket: tuple[Any, Any], num: int) -> dict[str, list[Lesson]]:
    model, processor = pocket
    image_id = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    scribe = Scribe(processor.tokenizer, [tool.spec for tool in tools()])
    see = Eyesight(model, processor)
    album = Album(see, 3)
    album.grow()
    glances = Glances(album, scribe, image_id, seed=1)
    ways = {
        way: film_lessons(see, scribe, image_id, seed=3, ways=[way]) for way in ("seek", "direct")
    }
    return {name: list(islice(new, num)) for name, new in {"glance": glances, **ways}.items()}


def test_pictures_stand_where_the_model_places_them(pocket: tuple[Any, Any]):
    model, processor = pocket
    image_id = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    for lesson in [each for some in lessons_of(pocket, 3).values() for each in some]:
        ids = lesson.ids[None]
        places, _ = model.model.get_rope_index(
            ids,
            mm_token_type_ids=(ids == image_id).int(),
            image_grid_thw=torch.tensor([[1, 6, 8]] * len(lesson.features)),
        )
        torch.testing.assert_close(places[:, 0], lesson.positions)


def test_features_are_what_the_model_makes_of_pixels(pocket: tuple[Any, Any]):
    model, processor = pocket
    pixels = np.random.default_rng(0).integers(0, 255, (3, 180, 224, 3), dtype=np.uint8)
    images = [Image.fromarray(picture) for picture in pixels]
    inputs = processor.image_processor(images=images, return_tensors="pt")
    served = model.model.visual(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
    studied = Eyesight(model, processor)(list(pixels)).float().flatten(0, 1)
    torch.testing.assert_close(studied, served, atol=0.03, rtol=0.05)


@pytest.mark.parametrize("kind", ["glance", "seek", "direct"])
def test_a_few_lessons_are_learnt_by_heart(kind: str):
    pocket = new_pocket([tool.spec for tool in tools()], SMALL)
    some = lessons_of(pocket, 4)[kind]
    student = Student(pocket[0].train(), pocket[1], lr=0.01)
    first = student.step(some, 1.0)
    last = [student.step(some, 1.0) for _ in range(15)][-1]
    assert last["words"] < 0.7 * first["words"]
    assert last["marks"] < first["marks"]


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


@pytest.mark.slow
def test_the_model_that_ships_answers_better_with_tools():
    pocket = load_pocket(SHIPPED)
    questions = PAPERS[0].draw(30)
    with_tools = sit(pocket, questions)
    evenly = sit(pocket, questions, strategy="direct")
    assert with_tools.mean > 0.3
    assert with_tools.seen > evenly.seen
    stills = [one for one in map(still, questions) if one is not None]
    shown = sit(pocket, stills, strategy="direct", budget=BUDGET.replace(frames=1))
    assert len(stills) > 20
    assert shown.mean > 0.6
