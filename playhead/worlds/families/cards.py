"""What the families about raised cards share: finding one, staging one, and what looks like it."""

from __future__ import annotations

from playhead.worlds import edits
from playhead.worlds.families import draw
from playhead.worlds.families.base import Ask
from playhead.worlds.families.phrases import who
from playhead.worlds.rng import Rng
from playhead.worlds.script import GLYPHS, Card, Knobs, Place, World


def distract(world: World, rng: Rng, ask: Ask) -> World | None:
    """One more card of the same look: the same actor elsewhere, or another actor there."""
    actor = who(world, ask.text("actor")) if "actor" in ask.slots else None
    place = ask.slots.get("place")
    scenes = range(len(world.scenes))
    if actor is not None and rng.chance(1, 2):
        scenes = [i for i in draw.stays(world, actor) if world.scenes[i].place != place]
    else:
        scenes = [i for i in scenes if place is None or world.scenes[i].place == place]
        actor = None
    if not scenes:
        return None
    scene = rng.choice(scenes)
    cast = world.scenes[scene].cast if actor is None else (actor,)
    if not cast:
        return None
    return draw.raise_card(world, scene, rng.choice(cast), draw.new_code(world, rng), rng)


def one_card(world: World, look: str, place: str, *, elsewhere: bool = False) -> Card | None:
    """The one card of an actor in a place, or `elsewhere` its only one outside.

    None: there is no such card or there are several.
    """
    actor = who(world, look)
    cards = [] if actor is None else draw.cards(world, actor)
    found = [card for card in cards if (world.place_of(card) == place) != elsewhere]
    return found[0] if len(found) == 1 else None


def are_two(world: World, look: str, place: str) -> bool:
    """Whether an actor has exactly one card in a place and one outside."""
    inside = one_card(world, look, place)
    return inside is not None and one_card(world, look, place, elsewhere=True) is not None


def stage_card(
    world: World, rng: Rng, *, text: str, elsewhere: bool = False
) -> tuple[World, int, Place] | None:
    """A card with `text` that is an actor's only one in a place, or its only one outside a place.

    Returns:
        The world, the actor and the place; None where there is no room.
    """
    stays = [stay for _ in range(4) if (stay := draw.draw_stay(world, rng)) is not None]
    if not stays:
        return None
    busy = [len(draw.cards(world, actor)) for _, actor in stays]  # spare what others ask about
    scene, actor = stays[busy.index(min(busy))] if elsewhere else stays[0]
    place = world.scenes[scene].place
    world = edits.remove(world, *draw.cards(world, actor, None if elsewhere else place))
    here = draw.new_code(world, rng) if elsewhere else text
    staged = draw.raise_card(world, scene, actor, here, rng)
    if staged is not None and elsewhere:
        away = [i for i in draw.stays(staged, actor) if staged.scenes[i].place != place]
        staged = draw.raise_somewhere(staged, away, actor, text, rng)
    return None if staged is None else (staged, actor, place)


def other_codes(world: World, gold: str) -> tuple[str, ...]:
    """Texts of other cards, as long as the right one: wrong answers that a guesser cannot tell."""
    texts = {card.glyphs for card in world.events_of(Card)}
    return tuple(sorted(t for t in texts if t != gold and len(t) == len(gold)))


def blind_code(form: str, knobs: Knobs) -> float:
    """The chance of guessing a code."""
    return float(len(GLYPHS)) ** -knobs.code_length
