"""Studying lessons: the language model learns, the eyes stay as they are.

Besides the words, small heads learn from the middle of the model what each picture shows of what is
asked. That is what makes several pictures in one context bind: without such dense signals a model
of this size does not learn in an hour which of twelve pictures fits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from playhead.training.pocket.lessons import NUM_GLYPHS, Lesson
from playhead.training.pocket.model import muon_and_adam, step
from playhead.worlds.script import GLYPHS

_NUM_SHOWN, _NUM_CELL = 4, 3
_LAYER, _CLOCK_LAYER = 1, 2
"""After which heads read: what comes after can use what they had to learn."""


class Heads(nn.Module):
    """From tokens of pictures, low in the model, to what the picture shows of what is asked."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, _NUM_SHOWN + _NUM_CELL + NUM_GLYPHS * len(GLYPHS))

    def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Whether each of `N` pictures shows each of four things `[N, 4]`, and the glyphs of the
        card `[N, 3, 28]`, and what each part shows `[N, T, 3]`, from its tokens `[N, T, width]`.

        All of a picture is of one place; the others are where they are: one token that shows it is
        enough, and the glyphs are read where the card is.
        """
        out = self.out(self.norm(hidden))
        shown, cells, glyphs = out.split((_NUM_SHOWN, _NUM_CELL, NUM_GLYPHS * len(GLYPHS)), dim=-1)
        place = shown[..., 0].mean(1, keepdim=True)
        others = shown[..., 1:].amax(1)
        where = torch.softmax(shown[..., -1:], dim=1)
        read = (where * glyphs).sum(1).unflatten(1, (NUM_GLYPHS, len(GLYPHS)))
        return torch.cat([place, others], dim=1), read, cells


class Clock(nn.Module):
    """From the first token of each picture, in the middle of the model, to times: its own, that of
    the picture before, and whether a stretch that fits begins here or has just ended.

    A call is made of such times, so what it needs is already next to where it is found.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.times = nn.Linear(width, 2 * width)
        self.edges = nn.Linear(width, 2)

    def loss(
        self, hidden: torch.Tensor, clock: torch.Tensor, words: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Of times and of edges, and how many times are right.

        Args:
            hidden: `[N, width]`.
            clock: `[N, 4]`, see `Lesson.clock`.
            words: `[V, width]`: what words are.
        """
        hidden = self.norm(hidden)
        logits = self.times(hidden).unflatten(1, (2, -1)) @ words.T
        edges = self.edges(hidden)
        right = (logits.argmax(-1) == clock[:, :2]).float().mean(0).detach()
        return {
            "times": cross_entropy(logits.flatten(0, 1), clock[:, :2].flatten()),
            "edges": binary_cross_entropy_with_logits(edges, clock[:, 2:].float()),
            "now": right[0],
            "before": right[1],
        }


class Student:
    """A model that studies."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        *,
        lr: float,
    ) -> None:
        self.model, self.processor = model, processor
        self.text = model.model.language_model
        width = model.config.text_config.hidden_size
        self.heads, self.clock = Heads(width), Clock(width)
        self.extras = nn.ModuleList([self.heads, self.clock])
        model.model.visual.requires_grad_(False)
        self.optimizers = muon_and_adam(model, lr=lr, heads=[self.extras])
        self.lr = lr
        self._after: dict[int, torch.Tensor] = {}
        for number in (_LAYER, _CLOCK_LAYER):
            self.text.layers[number].register_forward_hook(partial(self._keep, number))
        id_of = processor.tokenizer.convert_tokens_to_ids
        self._image = id_of("<|image_pad|>")
        self._pad = processor.tokenizer.pad_token_id

    def losses(self, lessons: Sequence[Lesson]) -> dict[str, torch.Tensor]:
        """Of the words, of what pictures show, and how much of both is right."""
        most = max(len(lesson.row) for lesson in lessons)
        ids = torch.full((len(lessons), most), self._pad)
        weights = torch.zeros(len(lessons), most)
        positions = torch.zeros(3, len(lessons), most, dtype=torch.long)
        for i, lesson in enumerate(lessons):
            num = len(lesson.row)
            ids[i, :num] = torch.tensor(lesson.row.ids)
            weights[i, :num] = lesson.weights
            positions[:, i, :num] = lesson.positions
        features = torch.cat([lesson.features.flatten(0, 1) for lesson in lessons])
        shows = torch.cat([lesson.shows for lesson in lessons])
        glyphs = torch.cat([lesson.glyphs for lesson in lessons])
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
        low, middle = (
            self._after[number][ids == self._image].float().view(len(shows), -1, hidden.shape[-1])
            for number in (_LAYER, _CLOCK_LAYER)
        )
        shown, glyph, cell = self.heads(low)
        has = glyphs[:, 0] >= 0
        losses = {
            "words": (word * each).sum() / each.sum(),
            "shows": binary_cross_entropy_with_logits(shown, shows),
            "right": (logits.argmax(-1) == targets).float()[each > 1].mean().detach(),
            **{
                f"sees_{name}": ((shown[:, i] > 0) == (shows[:, i] > 0)).float().mean().detach()
                for i, name in enumerate(("place", "actor"))
            },
        }
        clocks = [lesson.clock for lesson in lessons if lesson.clock is not None]
        if len(clocks) == len(lessons):
            embedding = self.text.embed_tokens.weight
            losses |= self.clock.loss(middle[:, 0], torch.cat(clocks), embedding)
        told = [lesson.cells for lesson in lessons if lesson.cells is not None]
        if len(told) == len(lessons):
            cells = torch.cat(told)
            known = cells >= 0
            losses["cells"] = binary_cross_entropy_with_logits(cell[known], cells[known])
        if has.any():
            losses["glyphs"] = cross_entropy(glyph[has].flatten(0, 1), glyphs[has].flatten())
            losses["read"] = (glyph[has].argmax(-1) == glyphs[has]).float().mean().detach()
        return losses

    def _keep(self, number: int, _: Any, __: Any, out: torch.Tensor) -> None:
        self._after[number] = out

    def step(self, lessons: Sequence[Lesson], share: float) -> dict[str, float]:
        """One step at this share of the learning rate."""
        losses = self.losses(lessons)
        loss = losses["words"] + losses["shows"] + losses.get("cells", torch.zeros(()))
        loss = loss + 0.3 * losses.get("glyphs", torch.zeros(()))
        loss = loss + 0.5 * losses.get("times", torch.zeros(())) + losses.get("edges", 0.0)
        step(loss, self.optimizers, self.lr * share)
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
