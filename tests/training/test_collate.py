"""Batches: what the processor would have made, with what is trained on beside it."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from playhead.training.collate import IGNORED, Collator, additive, fitting, positions_of
from playhead.training.rows import Part, Renderer, Row, rows
from tests.models.policies.conversations import Shades, picture
from tests.training.examples import everything, three_looks


def some_rows(processor: Any) -> list[Row]:
    renderer = Renderer(processor)
    made = [row for t in (everything(), three_looks(None, None)) for row in rows(t, renderer)]
    assert len(made) == 2
    return made


def test_a_batch_is_what_the_processor_makes_of_text_and_pictures(tiny: tuple[Any, Any]) -> None:
    _, processor = tiny
    both = some_rows(processor)
    batch = Collator(processor, Shades())(both)
    marks = processor.tokenizer.decode([Renderer(processor).image_id])
    texts: list[str] = []
    for row in both:
        text = processor.tokenizer.decode(list(row.ids))
        for frame in row.frames:
            num = len(Renderer(processor).picture_ids(frame.height, frame.width))
            text = text.replace(marks * num, "<picture>", 1)
        texts.append(text.replace("<picture>", marks))
    theirs = processor(
        text=texts,
        images=[picture(frame) for row in both for frame in row.frames],
        padding=True,
        padding_side="right",
        return_tensors="pt",
        return_mm_token_type_ids=True,
    )
    assert set(theirs) <= set(batch)
    for name, tensor in theirs.items():
        assert batch[name].shape == tensor.shape, name
        assert torch.equal(batch[name], tensor.to(batch[name].dtype)), name


def test_labels_are_what_was_written_with_some_weight(tiny: tuple[Any, Any]) -> None:
    _, processor = tiny
    both = some_rows(processor)
    batch = Collator(processor, Shades())(both)
    for i, row in enumerate(both):
        expected = [
            id_ if m and w else IGNORED
            for id_, m, w in zip(row.ids, row.mask, row.weights, strict=True)
        ]
        padded = expected + [IGNORED] * (batch["labels"].shape[1] - len(row))
        assert batch["labels"][i].tolist() == padded
        assert batch["loss_weights"][i, : len(row)].tolist() == list(row.weights)
    assert not batch["loss_weights"][1, len(both[1]) :].any()


def test_pictures_are_decoded_late_and_kept_if_asked(tiny: tuple[Any, Any]) -> None:
    _, processor = tiny
    both = some_rows(processor)
    shades = Shades()
    collator = Collator(processor, shades, num_cached=100)
    assert not shades.asked
    first = collator(both)
    num = len(shades.asked)
    assert num == len({frame for row in both for frame in row.frames})
    again = collator(both[::-1])
    assert len(shades.asked) == num
    other = Collator(processor, shades)(both[::-1])
    assert len(shades.asked) == 2 * num
    for name in other:
        assert torch.equal(again[name], other[name])
    assert not torch.equal(first["pixel_values"], again["pixel_values"])
    small = Collator(processor, shades, num_cached=1)
    small(both)
    assert len(small._cache) == 1


def test_a_batch_may_have_no_pictures(tiny: tuple[Any, Any]) -> None:
    model, processor = tiny
    trajectory = three_looks(None)
    (row,) = rows(trajectory.replace(steps=trajectory.steps[:1]), Renderer(processor))
    assert not row.frames
    batch = Collator(processor, Shades(), decouple=1.0, positions=positions_of(model))([row])
    assert "pixel_values" not in batch
    assert batch["allowed"].shape == (1, 1, len(row), len(row))


def test_rows_that_are_too_long_are_left_out_whole(tiny: tuple[Any, Any]) -> None:
    both = some_rows(tiny[1])
    lengths = sorted(map(len, both))
    assert fitting(both, lengths[0]) == [row for row in both if len(row) == lengths[0]]
    assert fitting(both, None) == both
    assert fitting(both, 1) == []


def test_a_fraction_of_the_rows_is_decoupled_and_always_the_same(tiny: tuple[Any, Any]) -> None:
    model, processor = tiny
    (row,) = rows(three_looks(None), Renderer(processor))
    many = [Row(**{**vars(row), "trajectory": f"t{i}"}) for i in range(400)]
    how: dict[str, Any] = {"positions": positions_of(model)}
    drawn = [Collator(processor, Shades(), decouple=0.1, **how).is_drawn(r) for r in many]
    assert 20 <= sum(drawn) <= 65
    more = [Collator(processor, Shades(), decouple=0.5, **how).is_drawn(r) for r in many]
    assert all(m for d, m in zip(drawn, more, strict=True) if d)
    none = Collator(processor, Shades())(many[:2])
    assert "allowed" not in none
    with pytest.raises(ValueError, match="positions_of"):
        Collator(processor, Shades(), decouple=0.1)
    with pytest.raises(ValueError, match="fraction"):
        Collator(processor, Shades(), decouple=1.1, **how)


def test_rows_that_are_not_drawn_attend_to_all_before_them(tiny: tuple[Any, Any]) -> None:
    model, processor = tiny
    both = some_rows(processor)
    collator = Collator(processor, Shades(), decouple=0.5, positions=positions_of(model))
    one_of = {collator.is_drawn(named(both[0], i)): named(both[0], i) for i in range(20)}
    batch = collator([one_of[True], one_of[False]])
    length = len(both[0])
    plain = batch["allowed"][1, 0]
    assert torch.equal(plain, torch.ones(length, length).tril().bool())
    answer = [i for i, part in enumerate(both[0].parts) if part is Part.ANSWER]
    opening = [i for i, part in enumerate(both[0].parts) if part is Part.PICTURE_OPENING]
    assert not batch["allowed"][0, 0][answer][:, opening].any()


def named(row: Row, number: int) -> Row:
    return Row(**{**vars(row), "trajectory": f"{number}"})


def test_an_additive_mask_is_zero_where_a_token_may_attend() -> None:
    allowed = torch.tensor([[True, False]])
    for dtype in (torch.float32, torch.bfloat16):
        mask = additive(allowed, dtype)
        assert mask.dtype is dtype
        assert mask.tolist() == [[0.0, torch.finfo(dtype).min]]
