"""Lessons: trajectories of the surveyor as a pocket model studies them.

A lesson is a `Row` with what its pictures look like to the (finished) eyes, so that no picture is
seen twice, and with what each picture shows of what is asked: small heads learn to say that where a
picture ends, and are dropped when the model is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from playhead.core.trajectory import Trajectory
from playhead.training.pocket.surveyor import Sight, Sights
from playhead.training.rows import Renderer, rows
from playhead.worlds.script import GLYPHS

NUM_GLYPHS = 3


class HasIds(Protocol):
    """A `Row`, or what stands in its place."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Tokens as the model reads them."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Lesson:
    """One row, ready to study. `L` tokens, `F` pictures of `T` tokens each."""

    row: HasIds
    features: torch.Tensor
    """`[F, T, width]`, bfloat16."""
    positions: torch.Tensor
    """`[3, L]`: M-RoPE."""
    shows: torch.Tensor
    """`[F, 4]`, 0 or 1: the place, who is asked about, the other, their card in that place."""
    glyphs: torch.Tensor
    """`[F, 3]`: what is on that card; -1 where there is none."""
    weights: torch.Tensor
    """`[L]`: of each written token."""
    clock: torch.Tensor | None = None
    """`[F, 4]`: the token of this picture's whole second and of the one before it in its look (0
    for the first); 1 where a stretch begins that fits what is asked; 1 where one has just ended.
    None: the pictures have no times."""
    cells: torch.Tensor | None = None
    """`[F, T, 3]`, 0 or 1: who stands in this part of the picture is asked about, has that colour,
    has that shape; -1: nobody stands there. None: not known."""


class Teacher:
    """Makes lessons of trajectories for one model, whose eyes do not change any more."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model, processor
        self.renderer = Renderer(processor)
        self._emphasised = _emphasised(processor.tokenizer)

    def lesson(
        self, trajectory: Trajectory, sights: Sights, pictures: Sequence[np.ndarray[Any, Any]]
    ) -> Lesson:
        """A lesson of a trajectory with one row."""
        (row,) = rows(trajectory, self.renderer)
        seen = [sights(frame) for frame in row.frames]
        shown = [
            (s.is_there, s.has_actor, s.has_other, s.is_there and s.card is not None) for s in seen
        ]
        glyphs = [
            [GLYPHS.index(g) for g in s.card]
            if s.is_there and s.card is not None and len(s.card) == NUM_GLYPHS
            else [-1] * NUM_GLYPHS
            for s in seen
        ]
        inputs = self.processor.image_processor(
            images=[torch.from_numpy(picture).permute(2, 0, 1) for picture in pictures],
            return_tensors="pt",
        )
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            visual = self.model.model.visual
            features = visual(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
        ids = torch.tensor([row.ids])
        kinds = (ids == self.renderer.image_id).int()
        places, _ = self.model.model.get_rope_index(
            ids, mm_token_type_ids=kinds, image_grid_thw=inputs["image_grid_thw"]
        )
        weights = torch.tensor(row.weights)
        weights = weights * torch.tensor([1.0 + 2.0 * (i in self._emphasised) for i in row.ids])
        return Lesson(
            row=row,
            features=features.bfloat16().view(len(pictures), -1, features.shape[-1]),
            positions=places[:, 0],
            shows=torch.tensor(shown, dtype=torch.float32),
            glyphs=torch.tensor(glyphs),
            weights=weights,
            clock=clock(seen, self.processor.tokenizer),
        )


def clock(seen: Sequence[Sight], tokenizer: Any) -> torch.Tensor:
    """`Lesson.clock` of pictures in the order in which they were shown."""

    def token(time_s: float) -> int:
        whole = int(time_s)
        return tokenizer.encode(f"{whole}.0" if whole > 9 else f"{whole}")[0]

    lines: list[list[int]] = []
    before: Sight | None = None
    for sight in seen:
        if before is not None and sight.time_s <= before.time_s:
            before = None  # another look
        fits = sight.is_there and sight.has_actor
        did = before is not None and before.is_there and before.has_actor
        earlier = token(before.time_s) if before is not None else token(0.0)
        lines.append([token(sight.time_s), earlier, int(fits and not did), int(did and not fits)])
        before = sight
    return torch.tensor(lines)


def _emphasised(tokenizer: Any) -> frozenset[int]:
    """Tokens of answers and of times. They count three times: the rest is mostly the same."""
    said = [*GLYPHS, "yes", "no", "not in the video", *(f"{n}" for n in range(300))]
    ids = [
        tokenizer.encode(f"{text}.0" if text.isdigit() and len(text) > 1 else text) for text in said
    ]
    return frozenset(each[0] for each in ids)
