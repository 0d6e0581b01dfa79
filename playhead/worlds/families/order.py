"""Order: who raised a first card before whom?

Models the ordering tasks of VNBench and HERBench. Each actor shows more than one card, so a later
one that happens to be sampled misleads. The actors are named in random order: no answer is
likelier.
"""

from __future__ import annotations

from math import factorial

from playhead.worlds.families import cards, draw
from playhead.worlds.families.base import Ask, Family, Phrase, Truth, sight
from playhead.worlds.families.phrases import describe, who
from playhead.worlds.rng import Rng
from playhead.worlds.script import Card, Knobs, World
from playhead.worlds.verify import AnswerKind

NUM_ACTORS = 4

PHRASES = (
    Phrase(
        "sort", "sort {actors} by [the time of their first card|when they first showed a card]."
    ),
    Phrase("sort", "in which order did {actors} [raise|hold up] their first cards?"),
    Phrase("sort", "put {actors} in order of their first card, earliest first."),
    Phrase(
        "sort",
        "a prize goes to whoever shows a card first, then to the next. In which order do "
        "{actors} get theirs?",
        "indirect",
    ),
    Phrase("sort", "[list|name] {actors} as their first cards appear.", held_out=True),
    Phrase("reverse", "order {actors} by their first card, latest first."),
    Phrase("reverse", "list {actors} from the last to the first to [raise|lift] a first card."),
    Phrase(
        "reverse",
        "play the video backwards in your mind: in which order do the first cards of {actors} "
        "go by?",
        "indirect",
        held_out=True,
    ),
    Phrase(
        "without",
        "leave out the {actor}: in which order did the others of {actors} show their first cards?",
        "negated",
    ),
    Phrase(
        "without",
        "of {actors}, all but the {actor} count. Sort them by first card.",
        "negated",
    ),
    Phrase(
        "without",
        "sort those of {actors} that are not the {actor} by when they first held up a card.",
        "negated",
        held_out=True,
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """Drawn actors, each with at least two cards at random times."""
    seen = [a for a in range(len(world.actors)) if draw.stays(world, a)]
    if len(seen) < NUM_ACTORS:
        return None
    chosen = rng.sample(seen, NUM_ACTORS)
    for actor in chosen:
        for _ in range(max(0, 2 - len(draw.cards(world, actor)))):
            code = draw.new_code(world, rng)
            more = draw.raise_somewhere(world, draw.stays(world, actor), actor, code, rng)
            if more is None and not draw.cards(world, actor):
                return None
            world = more or world
    names = [describe(world, actor) for actor in chosen]
    slots = {"actors": names} | ({"actor": rng.choice(names)} if form == "without" else {})
    return world, Ask.of(form, **slots)


def derive(world: World, ask: Ask) -> Truth | None:
    """The names in order of first cards, if no two begin together."""
    names = ask.texts("actors")
    if ask.form == "without":
        names = [name for name in names if name != ask.text("actor")]
        if len(names) != NUM_ACTORS - 1:
            return None
    firsts = {name: _first(world, name) for name in names}
    found = {name: card for name, card in firsts.items() if card is not None}
    starts = {card.start_ms for card in found.values()}
    if len(found) < len(names) or len(starts) < len(names):
        return None
    order = sorted(found, key=lambda name: found[name].start_ms, reverse=ask.form == "reverse")
    seen = tuple(sight(world, found[name]) for name in order)
    return Truth(list(order), seen, seen)


def _first(world: World, name: str) -> Card | None:
    actor = who(world, name)
    found = [] if actor is None else draw.cards(world, actor)
    return found[0] if found else None


def blind(form: str, knobs: Knobs) -> float:
    """One of all permutations."""
    return 1 / factorial(NUM_ACTORS - (form == "without"))


FAMILY = Family(
    name="order",
    models="VNBench and HERBench ordering",
    kinds=dict.fromkeys(("sort", "reverse", "without"), AnswerKind.ORDERED),
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=cards.distract,
    blind=blind,
)
