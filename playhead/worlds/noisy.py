"""Imperfect eyes: what another pair of eyes saw, with things missed, misread and confused.

The noise of a picture depends on its pixels and the seed alone, so looking twice at one picture
does not help, as it does not help a model; looking at another picture of the same thing does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from playhead.worlds import script
from playhead.worlds.rng import Rng
from playhead.worlds.script import GLYPHS, Actor
from playhead.worlds.seen import Seen
from playhead.worlds.sprites import Picture

T = TypeVar("T")

_MILLION = 1_000_000


@dataclass(frozen=True)
class NoisyEyes:
    """Eyes that make mistakes. Each rate is a probability, 0 to 1."""

    eyes: Callable[[Picture], Seen]
    """What they would see without mistakes, such as `eyes.perceive`."""
    miss: float = 0.0
    """That an actor, a card, a thing, a sign, a banner, the game or the name plate is overlooked;
    that a lit lamp is taken for off, and an open door for closed."""
    misread: float = 0.0
    """That a character is taken for another, each on its own."""
    confuse: float = 0.0
    """That an actor's colour or shape, a thing, a lamp's colour or a place is taken for another."""
    seed: int = 0

    def __post_init__(self) -> None:
        for rate in (self.miss, self.misread, self.confuse):
            if not 0 <= rate <= 1:
                raise ValueError(f"a rate is a probability from 0 to 1: got {rate}")

    def __call__(self, picture: Picture) -> Seen:
        """What they see in a picture `[H, W, 3]`."""
        digest = blake2b(picture.tobytes(), digest_size=8).hexdigest()
        rng = Rng(self.seed, "noisy eyes", *picture.shape, digest)
        return self._garble(self.eyes(picture), rng)

    def _garble(self, seen: Seen, rng: Rng) -> Seen:
        looks = {a.actor: self._mistaken(a.actor, rng.child("actor", i))
                 for i, a in enumerate(seen.actors)}  # fmt: skip
        actors = [a.replace(actor=looks[a.actor]) for a in seen.actors]
        cards = [
            card.replace(text=self._misread(card.text, rng.child("card", i)),
                         holder=looks.get(card.holder, card.holder) if card.holder else None)
            for i, card in enumerate(seen.cards)
        ]  # fmt: skip
        things = [
            thing.replace(thing=self._confused(thing.thing, script.THINGS, rng.child("thing", i)),
                          holder=looks.get(thing.holder, thing.holder) if thing.holder else None)
            for i, thing in enumerate(seen.things)
        ]  # fmt: skip
        sign = seen.sign
        if sign is not None:
            sign = sign.replace(text=self._misread(sign.text, rng.child("sign text")))
        place = seen.place and self._confused(seen.place, script.PLACES, rng.child("place"))
        lamp = seen.lamp and self._confused(seen.lamp, script.LAMP_COLORS, rng.child("lamp"))
        return seen.replace(
            place=self._unless_missed(place, rng.child("place missed")),
            actors=self._left(actors, rng.child("actors missed")),
            cards=self._left(cards, rng.child("cards missed")),
            things=self._left(things, rng.child("things missed")),
            sign=self._unless_missed(sign, rng.child("sign missed")),
            lamp=self._unless_missed(lamp, rng.child("lamp missed")),
            door_open=seen.door_open and not self._happens(self.miss, rng.child("door missed")),
            cups=self._unless_missed(seen.cups, rng.child("cups missed")),
            overlay=self._unless_missed(
                self._misread(seen.overlay, rng.child("overlay")), rng.child("overlay missed")
            ),
        )

    def _happens(self, rate: float, rng: Rng) -> bool:
        return rng.chance(round(rate * _MILLION), _MILLION)

    def _unless_missed(self, item: T | None, rng: Rng) -> T | None:
        return None if item is None or self._happens(self.miss, rng) else item

    def _left(self, items: Sequence[T], rng: Rng) -> tuple[T, ...]:
        return tuple(item for item in items if not self._happens(self.miss, rng))

    def _confused(self, item: T, others: Sequence[T], rng: Rng) -> T:
        if not self._happens(self.confuse, rng):
            return item
        return rng.choice([other for other in others if other != item])

    def _mistaken(self, actor: Actor, rng: Rng) -> Actor:
        if not self._happens(self.confuse, rng):
            return actor
        if rng.chance(1, 2):
            return actor.replace(color=rng.choice([c for c in script.COLORS if c != actor.color]))
        return actor.replace(shape=rng.choice([s for s in script.SHAPES if s != actor.shape]))

    def _misread(self, text: str | None, rng: Rng) -> str | None:
        if text is None:
            return None
        return "".join(
            rng.choice([g for g in GLYPHS if g != character])
            if character in GLYPHS and self._happens(self.misread, rng)
            else character
            for character in text
        )
