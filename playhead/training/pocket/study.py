"""Studying lessons: the language model learns, the eyes stay as they are.

Besides the words, a small head learns, low in the model, what each part of each picture has to do
with the question, and when each picture was shown. That is what makes several pictures in one
context bind: without such dense signals a model of this size does not learn in an hour which of
eighteen pictures fits, or what its time was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from playhead.training.pocket.lessons import (
    CITED,
    NUM_MARKS,
    NUM_TOKENS,
    TIME,
    VALUE,
    Lesson,
)
from playhead.training.pocket.model import muon_and_adam, number_ids, step

_LAYER = 1
"""After which the head reads: what comes after can use what it had to learn."""
_MARK_WEIGHTS = (1.0, 1.0, 1.0, 2.0, 10.0)
"""A card that is asked about is in one of two hundred parts, and all depends on it."""


class Student:
    """A model that studies."""

    def __init__(self, model: Any, processor: Any, *, lr: float, head: nn.Module | None = None):
        self.model, self.processor, self.lr = model, processor, lr
        self.text = model.model.language_model
        width = model.config.text_config.hidden_size
        self.head = head or nn.Sequential(nn.LayerNorm(width), nn.Linear(width, NUM_MARKS + width))
        model.model.visual.requires_grad_(False)
        self.optimizers = muon_and_adam(model, lr=lr, heads=[self.head])
        self.text.layers[_LAYER].register_forward_hook(self._keep)
        self._numbers = number_ids(processor.tokenizer)
        self._image = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
        self._pad = processor.tokenizer.pad_token_id
        self._low = torch.empty(0)

    def _keep(self, _: Any, __: Any, out: torch.Tensor) -> None:
        self._low = out

    def losses(self, lessons: Sequence[Lesson]) -> dict[str, torch.Tensor]:
        """Of the words, of what pictures have to do with the question and of when they were shown;
        how much of the answers, of the times of calls and of those that are cited is right, and the
        F1 of each mark. All lessons are of one kind."""
        most = max(len(lesson.ids) for lesson in lessons)
        ids = torch.full((len(lessons), most), self._pad)
        weights = torch.zeros(len(lessons), most)
        positions = torch.zeros(3, len(lessons), most, dtype=torch.long)
        for i, lesson in enumerate(lessons):
            num = len(lesson.ids)
            ids[i, :num], weights[i, :num] = lesson.ids, lesson.weights
            positions[:, i, :num] = lesson.positions
        features = torch.cat([lesson.features.flatten(0, 1) for lesson in lessons])
        marks = torch.cat([lesson.marks.flatten(0, 1) for lesson in lessons]).float()
        with torch.autocast("cpu", torch.bfloat16):
            embedded = self.text.embed_tokens(ids)
            embedded = embedded.masked_scatter(
                (ids == self._image)[..., None], features.to(embedded.dtype)
            )
            hidden = self.text(
                inputs_embeds=embedded, position_ids=positions, use_cache=False
            ).last_hidden_state
            at = weights[:, 1:] > 0
            logits = self.model.lm_head(hidden[:, :-1][at]).float()
        targets, each = ids[:, 1:][at], weights[:, 1:][at]
        word = cross_entropy(logits, targets, reduction="none")
        right = (logits.argmax(-1) == targets).float()
        low = self.head(self._low[ids == self._image].float())
        said, told = low.split([NUM_MARKS, low.shape[1] - NUM_MARKS], -1)
        when = told @ self.text.embed_tokens.weight[self._numbers].float().T
        shown_s = torch.cat([lesson.seconds for lesson in lessons]).repeat_interleave(NUM_TOKENS)
        late = cross_entropy(when, shown_s, ignore_index=-1, reduction="sum")
        wrong = binary_cross_entropy_with_logits(said, marks, reduction="none")
        losses = {
            "words": (word * each).sum() / each.sum(),
            "marks": (wrong * torch.tensor(_MARK_WEIGHTS)).sum(-1).mean(),
            "seconds": late / (shown_s >= 0).sum().clamp(min=1),
        }
        for name, weight in (("answers", VALUE), ("times", TIME), ("cited", CITED)):
            if (each == weight).any():
                losses[f"{lessons[0].kind} {name}"] = right[each == weight].mean().detach()
        losses["when"] = (when.argmax(-1) == shown_s)[shown_s >= 0].float().mean().detach()
        for i, name in enumerate(("place", "color", "shape", "actor", "card")):
            wanted = marks[:, i] > 0
            hit = said[:, i] > 0
            both = (wanted & hit).sum()
            losses[name] = (2 * both / (wanted.sum() + hit.sum()).clamp(min=1)).detach()
        return losses

    def step(self, lessons: Sequence[Lesson], share: float) -> dict[str, float]:
        """One step at this share of the learning rate."""
        losses = self.losses(lessons)
        step(
            losses["words"] + losses["marks"] + losses["seconds"], self.optimizers, self.lr * share
        )
        return {name: float(value.detach()) for name, value in losses.items()}

    def study(
        self,
        draw: Callable[[], Sequence[Lesson]],
        *,
        cpu_s: float,
        warmup: float = 0.03,
        decay: float = 0.3,
        tell: Callable[[str], None] = print,
    ) -> Iterator[float]:
        """Study until so many seconds of processor time are over; gives the share that is done.

        Args:
            draw: The lessons of a step.
            cpu_s: Of this process, what `draw` takes included.
            warmup: Share of the time in which the learning rate rises.
            decay: Share of the time, at the end, in which it falls to nothing.
            tell: Is told how it goes.
        """
        started, num, told = time.process_time(), 0, 0.0
        sums: dict[str, list[float]] = {}
        while (done := (time.process_time() - started) / cpu_s) < 1:
            share = min(1.0, (done + 0.002) / warmup, (1 - done) / decay)
            for name, value in self.step(draw(), share).items():
                sums.setdefault(name, []).append(value)
            num += 1
            if done - told > 0.05:
                words = ", ".join(f"{k} {sum(v) / len(v):.3f}" for k, v in sums.items())
                tell(f"{done:4.0%} {num} steps: {words}")
                told, sums = done, {}
            yield done
