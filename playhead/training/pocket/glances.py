"""Glances: one picture or a few, and a question about them. Where words learn what is seen.

A hundred glances cost what one lesson of the real loop costs, and whatever a picture shows of what
is asked is found among fifty tokens and not among five hundred. So this comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import torch

from playhead.training.pocket.lessons import NUM_GLYPHS, Lesson
from playhead.training.pocket.perception import COLUMNS, HEIGHT, ROWS, WIDTH, labels
from playhead.worlds.edits import standing_ms
from playhead.worlds.families import family
from playhead.worlds.families.base import HINTS, Ask
from playhead.worlds.families.build import phrases_for, recast
from playhead.worlds.families.phrases import describe, write
from playhead.worlds.generate import make_world
from playhead.worlds.render import Renderer
from playhead.worlds.rng import Rng
from playhead.worlds.script import COLORS, GLYPHS, PLACES, SHAPES, Card, Knobs, World
from playhead.worlds.verify import NOT_IN_VIDEO

_KNOBS = Knobs(
    duration_ms=120_000, scene_ms=4_000, events_per_minute=60, event_ms=2_000, num_actors=24,
    modality="visual", height=HEIGHT, width=WIDTH,
)  # fmt: skip
_FORMS = (
    ("needle", "where"),
    ("negative", "or_absent"),
    ("negative", "yes_no"),
    ("negative", "never"),
)
_PER_WORLD = 48
_KEPT = 20_000
_TOKENS = ROWS * COLUMNS


@dataclass(frozen=True)
class Glance:
    """What stands where a lesson has its row."""

    ids: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)


class Glances:
    """Makes glances for a model whose eyes do not change any more."""

    def __init__(self, model: Any, processor: Any, *, seed: int, most: int = 3) -> None:
        """Begin.

        Args:
            model: Of the pocket.
            processor: Of the model.
            seed: Another one, other worlds.
            most: Pictures in one question.
        """
        self._visual, self._processor = model.model.visual, processor
        self._seed, self._most = seed, most
        encode = processor.tokenizer.encode
        self._head, self._tail = (
            encode("<|im_start|>user\n"),
            encode("<|im_end|>\n<|im_start|>assistant\n"),
        )
        self._end = encode("<|im_end|>")
        before, pad, after = (
            encode("<|vision_start|>"),
            encode("<|image_pad|>"),
            encode("<|vision_end|>"),
        )
        self._picture = [*before, *pad * _TOKENS, *after]

    def __iter__(self) -> Iterator[Lesson]:
        """Ever new glances; never ends."""
        for number in range(10_000_000):
            yield from self._of_world(Rng(self._seed, "glances", number))

    def _of_world(self, rng: Rng) -> list[Lesson]:
        world = recast(make_world(rng.word(), _KNOBS), "avoid")
        renderer, cards = Renderer(world), world.events_of(Card)
        drawn = [self._draw(world, cards, rng.child(i)) for i in range(_PER_WORLD)]
        pixels = np.stack([renderer.frame(t) for times_ms, *_ in drawn for t in times_ms])
        inputs = self._processor.image_processor(
            images=list(torch.from_numpy(pixels).permute(0, 3, 1, 2)), return_tensors="pt"
        )
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            seen = self._visual(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
        features = seen.bfloat16().view(len(pixels), _TOKENS, -1)
        lessons, at = list[Lesson](), 0
        for times_ms, words, answer, shown, glyphs, cells in drawn:
            lessons.append(
                self._lesson(
                    words, answer, features[at : at + len(times_ms)].clone(), shown, glyphs, cells
                )
            )
            at += len(times_ms)
        return lessons

    def _draw(self, world: World, cards: Sequence[Card], rng: Rng) -> tuple[Any, ...]:
        """Times, question, answer, and what each picture shows of it."""
        num = 1 if rng.chance(1, 2) else rng.between(1, self._most)
        times_ms = [rng.below(world.duration_ms) for _ in range(num)]
        card = rng.choice(cards)
        if rng.chance(3, 5):
            times_ms[rng.below(num)] = rng.between(card.start_ms, card.end_ms - 1)
        scene = world.scenes[world.scene_at(times_ms[rng.below(num)])]
        if scene == world.scenes[card.scene] and rng.chance(2, 3):
            actor, place = card.actor, scene.place
        else:
            anybody = scene.cast if scene.cast and rng.chance(2, 3) else range(len(world.actors))
            actor, place = rng.choice(anybody), scene.place
        if rng.chance(1, 3):
            place = rng.choice(PLACES)
        name, form = rng.choice(_FORMS)
        shown, glyphs, found = list[list[bool]](), list[list[int]](), ""
        cells = list[np.ndarray[Any, Any]]()
        look = world.actors[actor]
        asked_look = [COLORS.index(look.color), SHAPES.index(look.shape)]
        for time_ms in sorted(times_ms):
            index = world.scene_at(time_ms)
            text = next(
                (
                    e.glyphs for e in world.events_in(index)
                    if isinstance(e, Card) and e.actor == actor and e.start_ms <= time_ms < e.end_ms
                ),
                "",
            )  # fmt: skip
            is_there = world.scenes[index].place == place
            stands = actor in world.scenes[index].cast and any(
                a <= time_ms < b for a, b in standing_ms(world, index, actor)
            )
            is_read = is_there and len(text) == NUM_GLYPHS
            looks = labels(world, time_ms).looks
            same = looks[:, :2] == asked_look
            cells.append(np.where(looks[:, :1] < 0, -1, np.c_[same.all(1) & stands, same]))
            shown.append([is_there, stands, False, is_read])
            glyphs.append([GLYPHS.index(g) for g in text] if is_read else [-1] * NUM_GLYPHS)
            found = found or (text if is_read else "")
        asked = family(name)
        _, phrase = rng.choice(phrases_for(asked, form, "avoid"))
        words = write(phrase, Ask.of(form, actor=describe(world, actor), place=place), rng)
        said = {"yes_no": ("no", "yes"), "never": ("yes", "no")}.get(form, (NOT_IN_VIDEO, found))
        return (
            sorted(times_ms),
            f"{words}\n{HINTS[asked.kinds[form]]}",
            said[bool(found)],
            shown,
            glyphs,
            cells,
        )

    def _lesson(
        self,
        words: str,
        answer: str,
        features: torch.Tensor,
        shown: Any,
        glyphs: Any,
        cells: Any,
    ) -> Lesson:
        encode = self._processor.tokenizer.encode
        asked = [*self._head, *encode(words)]
        said = [*encode(answer), *self._end]
        ids = [*asked, *self._picture * len(features), *self._tail, *said]
        weights = torch.zeros(len(ids))
        weights[-len(said) :] = 3.0
        weights[-1] = 1.0
        return Lesson(
            row=Glance(tuple(ids)),
            features=features,
            positions=_positions(len(asked), len(features), len(self._tail) + len(said)),
            shows=torch.tensor(shown, dtype=torch.float32),
            glyphs=torch.tensor(glyphs),
            weights=weights,
            cells=torch.from_numpy(np.stack(cells)).float(),
        )


class GlanceShelf:
    """Thousands of glances to draw from; new ones come as they are drawn."""

    def __init__(self, glances: Glances, *, batch: int, seed: int = 0) -> None:
        self._new, self._batch, self._random = iter(glances), batch, Random(seed)
        self._kept = [next(self._new) for _ in range(2 * batch)]

    def draw(self) -> list[Lesson]:
        """A batch, half as many of which are new on the shelf."""
        for _ in range(self._batch // 2):
            if len(self._kept) < _KEPT:
                self._kept.append(next(self._new))
            else:
                self._kept[self._random.randrange(_KEPT)] = next(self._new)
        return self._random.sample(self._kept, self._batch)


def _positions(before: int, num: int, after: int) -> torch.Tensor:
    """M-RoPE of so many tokens before, pictures with a mark on each side, and tokens after."""
    text = torch.arange(before)
    parts, at = [text.expand(3, -1)], before
    rows = torch.arange(ROWS).repeat_interleave(COLUMNS)
    columns = torch.arange(COLUMNS).repeat(ROWS)
    grid = torch.stack([torch.zeros_like(rows), rows, columns])
    side = max(ROWS, COLUMNS)
    for _ in range(num):
        marks = torch.tensor([[at], [at + 1 + side]])
        parts += [marks[0].expand(3, -1), grid + at + 1, marks[1].expand(3, -1)]
        at += side + 2
    parts.append((torch.arange(after) + at).expand(3, -1))
    return torch.cat(parts, dim=1)
