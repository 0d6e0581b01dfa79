# ruff: noqa: E402
"""A batch without pictures: taken as it is, and by way of a blank picture when others have some."""

from __future__ import annotations

from typing import Any

import pytest

for library in ("torch", "torchvision", "transformers"):
    pytest.importorskip(library)

import torch
from PIL import Image

from playhead.training.blank import see_always


def outcome(tiny: tuple[Any, Any], *, pixels: Any = None) -> tuple[Any, dict[str, Any]]:
    """Scores of a text, and the gradients of the vision tower."""
    model, processor = tiny
    model.train()
    ids = torch.tensor([processor.tokenizer.encode("no picture is here")])
    scores = model(input_ids=ids, pixel_values=pixels).logits
    scores.float().square().sum().backward()
    vision = model.get_encoder(modality="image")
    return scores.detach(), {name: weight.grad for name, weight in vision.named_parameters()}


def test_a_blank_picture_changes_nothing_and_calls_every_part(tiny: tuple[Any, Any]) -> None:
    expected, none = outcome(tiny)
    assert all(grad is None for grad in none.values())
    see_always(tiny[0], joined=True)
    scores, seen = outcome(tiny)
    assert torch.equal(scores, expected)
    assert all(grad is not None and not grad.any() for grad in seen.values())


def test_pixels_of_no_rows_are_no_pictures(tiny: tuple[Any, Any]) -> None:
    expected, _ = outcome(tiny)
    see_always(tiny[0], joined=False)
    scores, seen = outcome(tiny, pixels=torch.zeros(0, 1536))
    assert torch.equal(scores, expected)
    assert all(grad is None for grad in seen.values())


def test_gradients_come_in_one_order_with_a_picture_or_without(tiny: tuple[Any, Any]) -> None:
    model, processor = tiny
    see_always(model.train(), joined=True)
    shown = processor(
        text=f"a {processor.image_token} b",
        images=[Image.new("RGB", (56, 84), "green")],
        return_tensors="pt",
    )
    blind = processor(text="a and b", return_tensors="pt")
    assert arriving(model, blind) == arriving(model, shown)


def arriving(model: Any, inputs: Any) -> list[str]:
    """Names of weights, as their gradients arrive."""
    names: list[str] = []
    hooks = [
        weight.register_post_accumulate_grad_hook(lambda _, name=name: names.append(name))
        for name, weight in model.named_parameters()
    ]
    model(**inputs).logits.float().square().sum().backward()
    for hook in hooks:
        hook.remove()
    assert any("visual" in name for name in names)
    return names
