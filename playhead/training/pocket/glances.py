"""Glances: a question about one to eight pictures. Where words learn what is seen, and when.

A glance has 40 to 150 tokens where an attempt has 530, so thousands are studied in minutes. Their
pictures come from an album, in which each is seen by the eyes once and asked about many times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from playhead.training.pocket.curriculum import DURATION_S, FORMS, SHARES, moment
from playhead.training.pocket.lessons import (
    NUM_TOKENS,
    Lesson,
    Scribe,
    Subject,
    positions,
    seconds,
    worded,
)
from playhead.training.pocket.perception import Labels, pictures
from playhead.worlds.families.base import Ask
from playhead.worlds.families.phrases import short
from playhead.worlds.rng import Rng
from playhead.worlds.script import COLORS, GLYPHS, HATS, PATTERNS, PLACES, SHAPES, Actor
from playhead.worlds.verify import NOT_IN_VIDEO

_BATCH = 48
_TIMED = 1, 2  # glances whose pictures have times, one of which is cited, if not asked when
_TIMES_S = [i / 2 for i in range(1, round(2 * DURATION_S)) if i % 2 == 0 or i % 6 == 3]
_RIVALS, _OFTEN = (0, 1, 2, 5, 7), (3, 2, 2, 2, 2)
"""Other pictures that look like the one that is asked about, and how often so many."""


class Eyesight:
    """The eyes of a model that do not change any more: from pixels to what the model gets."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._visual, self._processor = model.model.visual, processor.image_processor

    @torch.no_grad()
    def __call__(self, pixels: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """`[N, T, width]`, bfloat16, of pictures `[H, W, 3]`."""
        images = list(torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2))
        inputs = self._processor(images=images, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16):
            seen = self._visual(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
        return seen.bfloat16().view(len(pixels), NUM_TOKENS, -1)


class Album:
    """Pictures of ever new busy worlds, seen by the eyes, with what they show."""

    def __init__(self, see: Eyesight, seed: int) -> None:
        self._see, self._new = see, pictures(seed)
        self.shown: list[Labels] = []
        self.features: list[torch.Tensor] = []
        self.held: list[tuple[int, int]] = []
        """Each card: its picture and the part of the picture that has it."""
        self.of: dict[tuple[str, int], list[int]] = {}
        """Pictures with a card and: ("place", its number), ("color", ...), ("shape", ...), ("pair",
        ...), the numbers those of the holder."""

    def grow(self) -> None:
        """Some pictures more."""
        some = list(islice(self._new, _BATCH))
        self.features += self._see([pixels for pixels, _ in some]).unbind(0)
        for _, shown in some:
            number = len(self.shown)
            self.shown.append(shown)
            for part in np.flatnonzero(shown.card[:, 0] >= 0).tolist():
                self.held.append((number, part))
                _, color, shape = shown.card[part].tolist()
                looks = ("color", color), ("shape", shape), ("pair", 8 * color + shape)
                for key in (("place", shown.place), *looks):
                    self.of.setdefault(key, []).append(number)


class Glances:
    """Makes glances of an album."""

    def __init__(self, album: Album, scribe: Scribe, image_id: int, *, seed: int) -> None:
        self._album, self._scribe, self._image_id = album, scribe, image_id
        self._rng = Rng(seed, "glances")
        self._count = 0

    def __iter__(self) -> Iterator[Lesson]:
        """Ever new glances; never ends."""
        while True:
            self._count += 1
            lesson = self._draw(self._rng.child(self._count))
            if lesson is not None:
                yield lesson

    def _draw(self, rng: Rng) -> Lesson | None:
        """A question about a card and other pictures that look like its own, or about those alone.
        None: not one card fits.
        """
        album = self._album
        number, part = album.held[rng.below(len(album.held))]
        shown = album.shown[number]
        subject = _subject(shown, part, rng)
        if subject is None:
            return None
        chosen = [number]
        _, color, shape = shown.card[part].tolist()
        keys = (
            ("place", shown.place), ("color", color), ("shape", shape), ("pair", 8 * color + shape),
        )  # fmt: skip
        for _ in range(rng.weighted(_RIVALS, _OFTEN)):
            chosen.append(rng.choice(album.of[rng.choice(keys)]))
        form = rng.weighted(tuple(FORMS), SHARES)
        is_gone = form != "where" and len(chosen) > 1 and rng.chance(1, 2)
        chosen = rng.shuffled(chosen[1:] if is_gone else chosen)
        marks = [subject.marks(album.shown[i], has_card=True) for i in chosen]
        if sum(int(mark[:, -1].sum()) for mark in marks) != (not is_gone):
            return None
        name = short(subject.actor) if subject.is_short else subject.actor.name
        ask = Ask.of(form, actor=name, place=subject.place)
        answer = NOT_IN_VIDEO if is_gone else GLYPHS[int(shown.card[part, 0])]
        question, shown_s = worded(ask, rng), torch.full((len(chosen),), -1)
        if form == "card" or rng.chance(*_TIMED):
            times_s = sorted(rng.child("times").shuffled(_TIMES_S)[: len(chosen)])
            cited_s = None if is_gone else times_s[chosen.index(number)]
            if form == "card" and cited_s is not None:
                answer = moment(cited_s)
            ids, weights = self._scribe.timed_glance(question, answer, cited_s, times_s)
            shown_s = seconds(times_s)
        else:
            ids, weights = self._scribe.glance(question, answer, len(chosen))
        return Lesson(
            kind="glance",
            ids=torch.tensor(ids),
            weights=torch.tensor(weights),
            positions=positions(ids, self._image_id),
            features=torch.stack([album.features[i] for i in chosen]),
            marks=torch.from_numpy(np.stack(marks)),
            seconds=shown_s,
        )


def _subject(shown: Labels, part: int, rng: Rng) -> Subject | None:
    """Whoever holds the card in a part of a picture. None: two might."""
    color, shape = shown.card[part, 1:].tolist()
    same = (shown.looks[:, :2] == (color, shape)).all(1)
    if same.sum() != 1:
        return None
    _, _, pattern, hat = shown.looks[same][0].tolist()
    actor = Actor(
        color=COLORS[color], shape=SHAPES[shape], pattern=PATTERNS[pattern], hat=HATS[hat]
    )
    return Subject(actor, rng.chance(4, 5), PLACES[shown.place])
