"""Perception: the eyes of the pocket model learn from single pictures, by dense heads.

    see = Eyes(model)
    for done in see.learn(cpu_s=400): ...

Every token of a picture says what its part of the picture shows: the place; whether somebody stands
there and with which looks; whether a card is held up there, what is on it and who holds it. The
labels are read off the script. Nothing of this is kept but what the eyes have learnt.

What made it fast (measured): Muon; a quarter of the pictures in other colours, whose colour is not
asked for, so that held-out pairs of colour and shape are seen as well as others; pictures of scenes
of a few seconds in which every second one has a card.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from playhead.training.pocket.model import muon_and_adam, step
from playhead.worlds import script
from playhead.worlds.edits import standing_ms
from playhead.worlds.families.build import HeldOut, recast
from playhead.worlds.families.phrases import HELD_OUT_PAIRS, HELD_OUT_PLACES
from playhead.worlds.generate import make_world
from playhead.worlds.layout import Layout
from playhead.worlds.render import Renderer
from playhead.worlds.script import Card, Enter, Exit, Knobs, World

HEIGHT, WIDTH = 180, 224
"""Pixels of the smallest worlds."""
ROWS, COLUMNS = 3, 4
"""Tokens of a picture of that size."""
NUM_GLYPHS = 1
"""On a card."""

_HEADS = {
    "place": len(script.PLACES),
    "anybody": 1, "color": 8, "shape": 8, "pattern": 3, "hat": 3,
    "card": 1, "glyph": 28, "holder_color": 8, "holder_shape": 8,
}  # fmt: skip
_LOOKS = ("color", "shape", "pattern", "hat")
_LOOK_WEIGHTS = (1.0, 1.0, 0.3, 0.3)
_PERMUTED = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
_KEPT, _FRESH = 8192, 24


class Labels(NamedTuple):
    """What one picture shows, by its tokens."""

    place: int
    looks: NDArray[np.int64]
    """`[12, 4]`: colour, shape, pattern, hat of who stands there; -1: nobody."""
    card: NDArray[np.int64]
    """`[12, 3]`: the glyph, colour and shape of the holder; -1: no card."""
    is_clear: NDArray[np.bool_]
    """`[12]`: nobody is just coming or going there."""


def labels(world: World, time_ms: int) -> Labels:
    """What a picture of a world shows, read off its script."""
    layout = Layout(world.height, world.width)
    index = world.scene_at(time_ms)
    scene = world.scenes[index]
    looks = np.full((ROWS * COLUMNS, 4), -1)
    card = np.full((ROWS * COLUMNS, NUM_GLYPHS + 2), -1)
    is_clear = np.ones(ROWS * COLUMNS, np.bool_)
    raised = {
        event.actor: event
        for event in world.events_in(index)
        if isinstance(event, Card) and event.start_ms <= time_ms < event.end_ms
    }
    moving = {
        event.actor
        for event in world.events_in(index)
        if isinstance(event, Enter | Exit) and event.start_ms <= time_ms < event.end_ms
    }
    for slot, actor in enumerate(scene.cast):
        column = layout.slot(slot, len(scene.cast))
        cell = _cell(layout, layout.actor_row, column)
        if actor in moving:
            is_clear[cell] = False
        spans = standing_ms(world, index, actor)
        if actor in moving or not any(start <= time_ms < end for start, end in spans):
            continue
        look = world.actors[actor]
        color, shape = script.COLORS.index(look.color), script.SHAPES.index(look.shape)
        pattern, hat = script.PATTERNS.index(look.pattern), script.HATS.index(look.hat)
        looks[cell] = (color, shape, pattern, hat)
        event = raised.get(actor)
        if event is not None and len(event.glyphs) == NUM_GLYPHS:
            box = layout.raised(column, *layout.card(NUM_GLYPHS))
            glyph = script.GLYPHS.index(event.glyphs)
            card[_cell(layout, *box.center)] = (glyph, color, shape)
    return Labels(script.PLACES.index(scene.place), looks, card, is_clear)


def _cell(layout: Layout, row: int, column: int) -> int:
    return (
        row * ROWS // layout.height * COLUMNS
        + min(column, layout.width - 1) * COLUMNS // layout.width
    )


def pictures(seed: int, held_out: HeldOut = "avoid") -> Iterator[tuple[NDArray[np.uint8], Labels]]:
    """Pictures `[H, W, 3]` of ever new busy worlds with what they show; never ends."""
    knobs = Knobs(
        duration_ms=120_000, scene_ms=4_000, events_per_minute=60, event_ms=2_000, num_actors=40,
        modality="visual", height=HEIGHT, width=WIDTH, code_length=NUM_GLYPHS,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    while True:
        world = recast(make_world(int(rng.integers(2**31)), knobs), held_out)
        renderer, cards = Renderer(world), world.events_of(Card)
        for _ in range(48):
            start, end = 0, world.duration_ms
            if cards and rng.random() < 0.5:
                card = cards[rng.integers(len(cards))]
                start, end = card.start_ms, card.end_ms
            time_ms = int(rng.integers(start, end))
            yield renderer.frame(time_ms), labels(world, time_ms)


class Eyes:
    """The vision tower of a model while it learns to see."""

    def __init__(self, model: Any, processor: Any, *, lr: float = 3e-3, seed: int = 1) -> None:
        self.visual, self.processor, self.lr = model.model.visual, processor, lr
        width = model.config.text_config.hidden_size
        self.heads = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, sum(_HEADS.values())))
        self.optimizers = muon_and_adam(self.visual, lr=lr, heads=[self.heads])
        self._rng = np.random.default_rng(seed)
        self._new = pictures(seed)
        self._pixels = np.empty((_KEPT, HEIGHT, WIDTH, 3), np.uint8)
        self._labels: list[Labels] = []
        self._next = 0

    def draw(self, num: int) -> tuple[torch.Tensor, list[Labels]]:
        """So many pictures out of some thousands that are replaced as they are used."""
        for _ in range(max(_FRESH, num - len(self._labels))):
            picture, shown = next(self._new)
            if self._next >= len(self._labels):
                self._labels.append(shown)
            self._pixels[self._next], self._labels[self._next] = picture, shown
            self._next = (self._next + 1) % _KEPT
        chosen = self._rng.integers(0, len(self._labels), num)
        return torch.from_numpy(self._pixels[chosen]), [self._labels[i] for i in chosen]

    def see(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the heads say of pictures `[N, H, W, 3]`: `[N, 12, classes]` each."""
        inputs = self.processor.image_processor(
            images=list(pixels.permute(0, 3, 1, 2)), return_tensors="pt"
        )
        with torch.autocast("cpu", torch.bfloat16):
            seen = self.visual(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
        out = self.heads(seen.float()).view(len(pixels), ROWS * COLUMNS, -1)
        return dict(zip(_HEADS, out.split(list(_HEADS.values()), -1), strict=True))

    def loss(
        self, said: dict[str, torch.Tensor], shown: Sequence[Labels], odd: torch.Tensor
    ) -> torch.Tensor:
        """How wrong the heads are. `odd` `[N]`: pictures in other colours than the world's."""
        place, looks, card, clear = _stacked(shown)
        total = cross_entropy(said["place"].mean(1), place)
        here, raised = looks[..., 0] >= 0, card[..., 0] >= 0
        for name, is_so, known in (
            ("anybody", here, clear),
            ("card", raised, torch.ones_like(clear)),
        ):
            logits = said[name][..., 0][known]
            total = total + binary_cross_entropy_with_logits(logits, is_so[known].float())
        coloured = here & ~odd[:, None]
        for i, (name, weight) in enumerate(zip(_LOOKS, _LOOK_WEIGHTS, strict=True)):
            at = coloured if name == "color" else here
            total = total + weight * cross_entropy(said[name][at], looks[at][:, i])
        names = ("glyph", "holder_color", "holder_shape")
        for i, name in enumerate(names):
            at = raised & ~odd[:, None] if name == "holder_color" else raised
            if at.any():
                total = total + cross_entropy(said[name][at], card[at][:, i])
        return total

    def learn(
        self, *, cpu_s: float, batch: int = 64, tell: Callable[[str], None] = print
    ) -> Iterator[float]:
        """Learn until so many seconds of processor time are over; gives the share that is done."""
        started, told, num = time.process_time(), 0.0, 0
        while (done := (time.process_time() - started) / cpu_s) < 1:
            pixels, shown = self.draw(batch)
            odd = torch.from_numpy(self._rng.random(batch) < 0.25)
            for i in odd.nonzero()[:, 0].tolist():
                pixels[i] = pixels[i][..., list(_PERMUTED[self._rng.integers(len(_PERMUTED))])]
            loss = self.loss(self.see(pixels), shown, odd)
            share = min(1.0, (done + 0.002) / 0.03, (1 - done) / 0.25)
            step(loss, self.optimizers, self.lr * share)
            num += batch
            if done - told > 0.1:
                told = done
                tell(f"{done:4.0%} {num} pictures: loss {float(loss.detach()):.3f}")
            yield done

    @torch.no_grad()
    def measure(self, *, seed: int = 77_000, num: int = 512) -> dict[str, float]:
        """How well new pictures are read, held-out looks and places among them: shares that are
        right."""
        some = [picture for picture, _ in zip(pictures(seed, "allow"), range(num), strict=False)]
        said = self.see(torch.from_numpy(np.stack([pixels for pixels, _ in some])))
        place, looks, card, _ = _stacked([shown for _, shown in some])
        best = {name: logits.argmax(-1) for name, logits in said.items()}
        here, raised = looks[..., 0] >= 0, card[..., 0] >= 0
        pair = ((best["color"] == looks[..., 0]) & (best["shape"] == looks[..., 1]))[here]
        held_out = {
            (script.COLORS.index(color), script.SHAPES.index(shape))  # type: ignore[arg-type]
            for color, shape in HELD_OUT_PAIRS
        }
        is_new = torch.tensor([(a, b) in held_out for a, b, *_ in looks[here].tolist()])
        new_place = torch.tensor([script.PLACES[i] in HELD_OUT_PLACES for i in place.tolist()])
        holder = (best["holder_color"] == card[..., 1]) & (best["holder_shape"] == card[..., 2])
        where = said["place"].mean(1).argmax(-1) == place
        shares = {
            "place": where[~new_place],
            "place, held out": where[new_place],
            "looks": pair[~is_new],
            "looks, held out": pair[is_new],
            "holder": holder[raised],
            "glyph": (best["glyph"] == card[..., 0])[raised],
        }
        return {name: float(right.float().mean()) for name, right in shares.items()}


_WORD_SIZE, _SEEN_SIZE = 0.08, 0.2
"""Root mean square of what a word and a token of a picture begin as in the language model."""


@torch.no_grad()
def give_meaning(model: Any, processor: Any, heads: nn.Sequential, pixels: torch.Tensor) -> None:
    """Let words begin as what the eyes have learnt to see: ` market` as the direction by which they
    tell a market. And let pictures be about as loud as words.

    Args:
        model: Whose eyes have learnt.
        processor: Of the model.
        heads: Of these eyes.
        pixels: `[N, H, W, 3]`: some pictures.
    """
    norm, out = heads
    assert isinstance(out, nn.Linear)
    assert isinstance(norm, nn.LayerNorm)
    weights = dict(
        zip(_HEADS, (out.weight * norm.weight).split(list(_HEADS.values())), strict=True)
    )
    looks = ((" ", script.PLACES, "place"), (" ", script.COLORS, "color"))
    looks += ((" ", script.SHAPES, "shape"), (" ", script.PATTERNS, "pattern"))
    named = [(space, words, weights[name]) for space, words, name in looks]
    embedded = model.model.language_model.embed_tokens.weight
    for space, words, rows in [*named, ("", script.GLYPHS, weights["glyph"])]:
        rows = rows - rows.mean(0)
        rows = rows / rows.norm(dim=1, keepdim=True) * _WORD_SIZE * rows.shape[1] ** 0.5
        for word, row in zip(words, rows, strict=True):
            for text in {word, space + word}:
                ids = processor.tokenizer.encode(text)
                if len(ids) == 1:
                    embedded[ids[0]] = row
    inputs = processor.image_processor(images=list(pixels.permute(0, 3, 1, 2)), return_tensors="pt")
    visual = model.model.visual
    seen = visual(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
    for weight in visual.merger.linear_fc2.parameters():
        weight.mul_(_SEEN_SIZE / seen.square().mean().sqrt())


def _stacked(shown: Sequence[Labels]) -> tuple[torch.Tensor, ...]:
    return (
        torch.tensor([each.place for each in shown]),
        *(torch.from_numpy(np.stack(x)) for x in list(zip(*shown, strict=True))[1:]),
    )
