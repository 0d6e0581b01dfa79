"""Lessons of films: surveys, close looks and answers; answers from an even look or one picture.

A film's pictures are seen once for all the questions that can be asked about its cards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch

from playhead.training.config import moment_around
from playhead.training.pocket.curriculum import DURATION_S, FORMS, NUM_PICTURES, SHARES, tasks
from playhead.training.pocket.glances import Eyesight
from playhead.training.pocket.lessons import (
    OTHER,
    Lesson,
    Said,
    Scribe,
    Subject,
    positions,
    seconds,
    worded,
)
from playhead.training.pocket.perception import Labels, labels
from playhead.training.pocket.surveyor import Guide, Look, Sight
from playhead.worlds.clock import film_clock
from playhead.worlds.families import family
from playhead.worlds.families.base import Ask
from playhead.worlds.families.phrases import describe, short
from playhead.worlds.render import Renderer
from playhead.worlds.rng import Rng
from playhead.worlds.script import Card, World

EVENLY = Look(0.0, DURATION_S, NUM_PICTURES)
_CUT = 1, 2  # lessons that end after the survey, whatever it showed: so there is a choice


class Film:
    """A world whose pictures are painted and seen once."""

    def __init__(self, world: World, see: Eyesight) -> None:
        self.world, self._see = world, see
        self._clock, self._renderer = film_clock(world), Renderer(world)
        self._seen: dict[int, tuple[torch.Tensor, Labels]] = {}

    def times_s(self, look: Look) -> list[float]:
        """When the pictures that a look gives begin to be shown."""
        return [self._clock.start_s(self._clock.index_at(t)) for t in look.times_s]

    def pictures(self, times_s: Sequence[float]) -> tuple[torch.Tensor, list[Labels]]:
        """What the eyes make of pictures `[F, T, width]`, and what they show."""
        frames = [self._clock.index_at(time_s) for time_s in times_s]
        new = [frame for frame in dict.fromkeys(frames) if frame not in self._seen]
        if new:
            times_ms = [self._clock.shown_ms(frame) for frame in new]
            seen = self._see([self._renderer.frame(time_ms) for time_ms in times_ms])
            shown = [labels(self.world, time_ms) for time_ms in times_ms]
            self._seen.update(zip(new, zip(seen, shown, strict=True), strict=True))
        features, known = zip(*(self._seen[frame] for frame in frames), strict=True)
        return torch.stack(features), list(known)

    def asks(self, rng: Rng) -> list[tuple[Guide, str]]:
        """Questions and their answers: about cards that were raised, those with most cards to be
        mistaken for them first, and about one that never was.
        """
        cards = [(event.actor, self.world.place_of(event)) for event in self.world.events_of(Card)]
        stays = [(actor, scene.place) for scene in self.world.scenes for actor in scene.cast]

        def num_rivals(asked: tuple[int, str]) -> int:
            return sum((card[0] == asked[0]) != (card[1] == asked[1]) for card in cards)

        def asks(
            pairs: Iterable[tuple[int, str]], *, are_cards: bool
        ) -> Iterator[tuple[Guide, str]]:
            for actor, place in sorted(dict.fromkeys(pairs), key=num_rivals, reverse=True):
                form = rng.weighted(tuple(FORMS), SHARES) if are_cards else "or_absent"
                ask = Ask.of(form, actor=describe(self.world, actor), place=place)
                truth = family(FORMS[form]).derive(self.world, ask)
                if truth is not None and (len(truth.gold) == 1) == are_cards:
                    yield Guide(self.world, ask), truth.gold

        never = [pair for pair in stays if pair not in cards]
        return [*islice(asks(cards, are_cards=True), 4), *islice(asks(never, are_cards=False), 1)]


def film_lessons(
    see: Eyesight, scribe: Scribe, image_id: int, *, seed: int, ways: Sequence[str]
) -> Iterator[Lesson]:
    """Lessons about ever new films; never ends.

    Args:
        see: The eyes.
        scribe: Writes the words.
        image_id: The token of pictures.
        seed: Another one, other films.
        ways: Of `seek`, `direct` and `still`, which is about one picture alone.
    """
    rng = Rng(seed, "lessons")
    for number, asked in enumerate(tasks(seed)):
        film = Film(asked.world, see)
        for i, (guide, gold) in enumerate(film.asks(rng.child(number))):
            for way in ways:
                draw = rng.child(number, i, way)
                if way == "still" and guide.ask.form == "card":
                    continue  # one picture does not tell when something began
                looks = _LOOKS[way](film, guide, draw)
                if draw.chance(*_CUT):
                    looks = looks[:1]
                times_s = [film.times_s(look) for look in looks]
                sights = [[guide.sight(t) for t in times] for times in times_s]
                found = guide.found(sights)
                guesses = found is None and guide.ask.form == "where"
                said = Said(gold, OTHER) if guesses else Said(guide.answer(found))
                question = worded(guide.ask, draw)
                if way == "seek":
                    shown = list(zip(looks, times_s, strict=True))
                    cited_s = found.time_s if found else None
                    ids, weights = scribe.seeking(question, said, cited_s, shown, draw)
                else:
                    ids, weights = scribe.direct(
                        question, said, looks[0], times_s[0], draw, is_part=way == "still"
                    )
                flat = [sight for look in sights for sight in look]
                features, known = film.pictures([sight.time_s for sight in flat])
                yield Lesson(
                    kind=way,
                    ids=torch.tensor(ids),
                    weights=torch.tensor(weights),
                    positions=positions(ids, image_id),
                    features=features,
                    marks=_marks(guide, flat, known),
                    seconds=seconds([sight.time_s for sight in flat]),
                )


def still_of(guide: Guide, rng: Rng) -> Look:
    """A look at one picture: of the card, or if it was never raised, any."""
    middle_s = guide.middle_s()
    if middle_s is None:
        middle_s = rng.below(round(1000 * DURATION_S) - 1000) / 1000 + 0.5
    within = moment_around(middle_s)
    return Look(within.start, within.end, 1)


def looks_of(film: Film, guide: Guide) -> list[Look]:
    """The looks that a guide takes."""
    looks, sights = list[Look](), list[list[Sight]]()
    while (look := guide.next(sights)) is not None:
        looks.append(look)
        sights.append([guide.sight(time_s) for time_s in film.times_s(look)])
    return looks


_LOOKS: dict[str, Callable[[Film, Guide, Rng], list[Look]]] = {
    "seek": lambda film, guide, _: looks_of(film, guide),
    "direct": lambda *_: [EVENLY],
    "still": lambda _, guide, rng: [still_of(guide, rng)],
}


def _marks(guide: Guide, sights: Sequence[Sight], known: Sequence[Labels]) -> torch.Tensor:
    actor = guide.world.actors[guide.actor]
    subject = Subject(actor, guide.ask.text("actor") == short(actor), guide.place)
    marks = [
        subject.marks(shown, has_card=sight.card is not None)
        for sight, shown in zip(sights, known, strict=True)
    ]
    return torch.from_numpy(np.stack(marks))
