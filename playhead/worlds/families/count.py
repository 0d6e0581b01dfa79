"""Count: how many cards did an actor raise, in all, in one place, or outside one place?

Models the counting tasks of HERBench and VNBench. The number is drawn first, 3 to 9 equally likely,
and the script is edited to meet it.
"""

from __future__ import annotations

from playhead.worlds import edits
from playhead.worlds.families import cards, draw
from playhead.worlds.families.base import Ask, Family, Phrase, Truth, sight
from playhead.worlds.families.phrases import describe, who
from playhead.worlds.rng import Rng
from playhead.worlds.script import Card, Knobs, World
from playhead.worlds.verify import AnswerKind

LOW, HIGH = 3, 9
_TRIES = 40

PHRASES = (
    Phrase("total", "how many times did the {actor} [raise|hold up|lift] a card?"),
    Phrase("total", "count the cards that the {actor} [raised|held up]."),
    Phrase("total", "how many cards does the {actor} show [in the whole video|from start to end]?"),
    Phrase(
        "total",
        "the {worn} is paid one coin for every card it holds up. How many coins does it get?",
        "indirect",
    ),
    Phrase("total", "what is the number of cards [lifted|raised] by the {actor}?", held_out=True),
    Phrase("place", "how many cards did the {actor} [raise|hold up] in the {place}?"),
    Phrase("place", "in the {place}, how often did the {actor} show a card?"),
    Phrase(
        "place",
        "whoever never left the {place} saw how many cards of the {worn}?",
        "indirect",
        held_out=True,
    ),
    Phrase("outside", "how many of the cards of the {actor} were not in the {place}?", "negated"),
    Phrase(
        "outside",
        "leaving out the {place}, how many cards did the {actor} [raise|hold up]?",
        "negated",
    ),
    Phrase(
        "outside",
        "how often did the {actor} lift a card anywhere but in the {place}?",
        "negated",
        held_out=True,
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """Cards taken away or added until there are as many as were drawn."""
    target = rng.between(LOW, HIGH)
    stay = draw.draw_stay(world, rng)
    if stay is None:
        return None
    scene, actor = stay
    place = world.scenes[scene].place
    if form == "outside" and not draw.cards(world, actor, place):
        code = draw.new_code(world, rng)
        more = draw.raise_card(world, scene, actor, code, rng)
        if more is None:
            return None
        world = more
    staged = _meet(world, rng, form, actor, place, target)
    if staged is None:
        return None
    slots = {"actor": describe(world, actor)} | ({} if form == "total" else {"place": place})
    return staged, Ask.of(form, **slots)


def _meet(world: World, rng: Rng, form: str, actor: int, place: str, target: int) -> World | None:
    """The world in which the actor raises `target` cards in the scenes that count."""
    for _ in range(_TRIES):
        counted = _counted(world, form, actor, place)
        if len(counted) == target:
            return world
        if len(counted) > target:
            world = edits.remove(world, rng.choice(counted))
            continue
        allowed = [i for i in range(len(world.scenes)) if _counts(world, form, i, place)]
        stays = [i for i in allowed if actor in world.scenes[i].cast]
        code = draw.new_code(world, rng)
        more = draw.raise_somewhere(world, stays, actor, code, rng)
        away = [i for i in allowed if i not in stays]
        if more is None and away:
            more = draw.seat(world, rng.choice(away), actor, rng)
        if more is None:
            return None
        world = more
    return None


def _counts(world: World, form: str, scene: int, place: str) -> bool:
    return form == "total" or (world.scenes[scene].place == place) == (form == "place")


def _counted(world: World, form: str, actor: int, place: str) -> list[Card]:
    return [card for card in draw.cards(world, actor) if _counts(world, form, card.scene, place)]


def derive(world: World, ask: Ask) -> Truth | None:
    """How many there are, if it is a number that could have been drawn."""
    actor = who(world, ask.text("actor"))
    if actor is None:
        return None
    place = "" if ask.form == "total" else ask.text("place")
    premise = ask.form != "outside" or bool(draw.cards(world, actor, place))
    counted = _counted(world, ask.form, actor, place)
    if not LOW <= len(counted) <= HIGH:
        return None
    seen = tuple(sight(world, card) for card in counted)
    wrong = tuple(str(num) for num in range(LOW, HIGH + 1) if num != len(counted))
    return Truth(len(counted), seen, seen, wrong, premise=premise)


def blind(form: str, knobs: Knobs) -> float:
    """One of seven."""
    return 1 / (HIGH - LOW + 1)


FAMILY = Family(
    name="count",
    models="HERBench and VNBench counting",
    kinds=dict.fromkeys(("total", "place", "outside"), AnswerKind.NUMBER),
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=cards.distract,
    blind=blind,
)
