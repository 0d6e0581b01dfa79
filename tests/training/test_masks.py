"""Task-decoupled attention: exactly nothing of a masked picture arrives, whatever the depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from playhead.core.message import PicturePart, TextPart
from playhead.core.policy import Reply
from playhead.core.tools import Observation
from playhead.core.trajectory import Step, Stop, Task, Trajectory
from playhead.training.masks import Decoupling, causal, decoupled
from playhead.training.rows import Part, Renderer, Row, rows
from tests.models.policies.conversations import LOOK, saw
from tests.training.examples import frame, look
from tests.training.plain import PlainProcessor


def seeks(*, thinking: str = "") -> Trajectory:
    """A wide view, two looks one after the other, an answer."""

    def looks(i: int) -> Step:
        call = look(f"c{i}", float(i))
        seen = Observation(call_id=call.id, parts=saw(call.id, i + 10.0).parts)
        return Step(reply=Reply(calls=(call,), thinking=thinking), observations=(seen,))

    wide = (PicturePart(frame=frame(0.0)), PicturePart(frame=frame(1.0)), TextPart(text="When?"))
    steps = (looks(0), looks(1), Step(reply=Reply(text="at 11 s", thinking=thinking)))
    return Trajectory(
        id="t", task=Task(id="q", question="When?"), opening=wide, tools=(LOOK,), steps=steps,
        stop=Stop.ANSWERED,
    )  # fmt: skip


def plain_row(**more: Any) -> Row:
    renderer = Renderer(PlainProcessor(shows_thoughts=True), think_back=True)
    return rows(seeks(**more), renderer)[0]


def tokens(row: Row, part: Part, *, step: int | None = None) -> list[int]:
    """Where the tokens of a part are."""
    pairs = zip(row.parts, row.steps, strict=True)
    return [i for i, (p, s) in enumerate(pairs) if p is part and step in (None, s)]


def test_answers_do_not_attend_to_the_wide_view_nor_calls_to_what_others_showed() -> None:
    row = plain_row(thinking="hm")
    allowed, full = decoupled(row), causal(len(row))
    forbidden = {
        (Part.ANSWER, Part.PICTURE_OPENING),
        (Part.CALL, Part.PICTURE),
    }
    for i, part in enumerate(row.parts):
        if i + 1 < len(row) and row.mask[i + 1]:
            part = row.parts[i + 1]  # the token before a written one speaks for it
        for j in range(i + 1):
            assert allowed[i, j] == ((part, row.parts[j]) not in forbidden), (i, j)
    assert not (allowed & ~full).any()
    assert allowed[tokens(row, Part.THINK)].sum() == full[tokens(row, Part.THINK)].sum() - hidden(
        row, full
    )


def hidden(row: Row, full: np.ndarray[Any, Any]) -> int:
    """Pictures that the last token of a thought does not see, as it speaks for what follows."""
    last = [i for i in tokens(row, Part.THINK) if row.parts[i + 1] is not Part.THINK]
    count = 0
    for i in last:
        kind = Part.PICTURE if row.parts[i + 1] is Part.CALL else Part.PICTURE_OPENING
        count += sum(full[i, j] for j in tokens(row, kind))
    return count


@pytest.mark.parametrize("thinking", ["", "hm"])
def test_in_the_closed_form_no_way_leads_from_a_masked_picture_to_what_must_not_see_it(
    thinking: str,
) -> None:
    row = plain_row(thinking=thinking)
    one_layer = decoupled(row, Decoupling.CLOSED).astype(np.float32)
    reach = one_layer
    for _ in range(4):  # 16 layers
        reach = ((reach @ reach) > 0).astype(np.float32)
    written = [i for i in range(len(row)) if row.mask[i]]
    answer = [i - 1 for i in written if row.steps[i] == 2]  # the tokens that predict it
    calls = [i - 1 for i in written if row.steps[i] < 2]
    wide, close = tokens(row, Part.PICTURE_OPENING), tokens(row, Part.PICTURE)
    assert not reach[np.ix_(answer, wide)].any()
    assert not reach[np.ix_(calls, close)].any()
    assert reach[np.ix_(answer, close)].all()
    assert reach[np.ix_(calls, wide)].all()
    question = tokens(row, Part.USER)
    assert one_layer[np.ix_(answer, question)].all()
    assert one_layer[np.ix_(calls, question)].all()


def model_of(folder: Any, num_layers: int, attention: str) -> tuple[Any, Any]:
    """The tiny model with so many layers."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    config.text_config.num_hidden_layers = num_layers
    if hasattr(config.text_config, "layer_types") and config.text_config.layer_types:
        config.text_config.layer_types = config.text_config.layer_types[:1] * num_layers
    torch.manual_seed(0)
    model: Any = AutoModelForImageTextToText.from_config(config, attn_implementation=attention)
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    return model.float().eval(), processor


def batch_of(model: Any, processor: Any, **how: Any) -> tuple[Row, dict[str, Any]]:
    from playhead.training.collate import Collator, additive, positions_of
    from tests.models.policies.conversations import Shades

    (row,) = rows(seeks(), Renderer(processor))
    collator = Collator(processor, Shades(), decouple=1.0, positions=positions_of(model), **how)
    batch = collator([row])
    batch["attention_mask"] = additive(batch.pop("allowed"), model.dtype)
    return row, {k: v for k, v in batch.items() if k not in ("labels", "loss_weights")}


def pull(model: Any, row: Row, batch: dict[str, Any], step: int) -> dict[Part, float]:
    """How much the logits that predict a step's turn feel the pixels of each kind of picture."""
    pixels = batch["pixel_values"].clone().requires_grad_()
    logits = model(**{**batch, "pixel_values": pixels}).logits
    of_step = [i - 1 for i in range(len(row)) if row.mask[i] and row.steps[i] == step]
    logits[0, of_step].square().sum().backward()
    sizes = batch["image_grid_thw"].prod(dim=1).tolist()
    each = [float(part.abs().max()) for part in pixels.grad.split(sizes)]
    return {Part.PICTURE_OPENING: max(each[:2]), Part.PICTURE: max(each[2:])}


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_gradient_to_a_masked_picture_is_exactly_zero(tiny_folder: Any, attention: str) -> None:
    for how, num_layers in ((Decoupling.DIRECT, 1), (Decoupling.CLOSED, 3)):
        model, processor = model_of(tiny_folder, num_layers, attention)
        row, batch = batch_of(model, processor, decoupling=how)
        answer, call = pull(model, row, batch, 2), pull(model, row, batch, 1)
        assert answer[Part.PICTURE_OPENING] == 0.0
        assert answer[Part.PICTURE] > 0.0
        assert call[Part.PICTURE] == 0.0
        assert call[Part.PICTURE_OPENING] > 0.0


def test_without_a_mask_and_through_more_than_one_layer_something_arrives(
    tiny_folder: Any,
) -> None:
    model, processor = model_of(tiny_folder, 2, "sdpa")
    row, batch = batch_of(model, processor)
    assert pull(model, row, batch, 2)[Part.PICTURE_OPENING] > 0.0  # direct: by way of the words
    free = {k: v for k, v in batch.items() if k not in ("attention_mask", "position_ids")}
    assert pull(model, row, free, 2)[Part.PICTURE_OPENING] > 0.0
    assert pull(model, row, free, 1)[Part.PICTURE] > 0.0


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_causal_mask_of_our_own_is_the_models(tiny_folder: Any, attention: str) -> None:
    import torch

    from playhead.training.collate import Collator, additive, positions_of
    from tests.models.policies.conversations import Shades
    from tests.training.examples import everything

    model, processor = model_of(tiny_folder, 2, attention)
    both = [rows(t, Renderer(processor))[0] for t in (seeks(), everything())]
    batch = Collator(processor, Shades())(both)
    inputs = {k: v for k, v in batch.items() if k not in ("labels", "loss_weights")}
    length = inputs["input_ids"].shape[1]
    allowed = torch.from_numpy(causal(length)).expand(2, 1, length, length)
    places = {k: v for k, v in inputs.items() if k != "pixel_values"}
    ours = {
        "attention_mask": additive(allowed, torch.float32),
        "position_ids": positions_of(model)(**places),
    }
    with torch.inference_mode():
        theirs = model(**inputs).logits
        masked = model(**{**inputs, **ours}).logits
    is_token = inputs["attention_mask"].bool()
    assert (theirs[is_token] - masked[is_token]).abs().max() < 1e-5
