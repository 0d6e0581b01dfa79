"""Grounding: when did it happen?

Models Charades-STA, NExT-GQA and ActivityNet moment retrieval. Things that happen once: a card, a
thing carried, a door, a lamp in a colour. The answer is a span, scored by intersection over union.
"""

from __future__ import annotations

from playhead.worlds import edits, script
from playhead.worlds.families import cards, draw
from playhead.worlds.families.base import Ask, Family, Phrase, Sight, Truth, sight, span_of
from playhead.worlds.families.phrases import describe, who
from playhead.worlds.rng import Rng
from playhead.worlds.script import Carry, Door, Event, Knobs, Lamp, World
from playhead.worlds.verify import AnswerKind

PHRASES = (
    Phrase("card", "when does the {actor} [raise|hold up] a card in the {place}?"),
    Phrase("card", "from when to when does the {actor} show its card in the {place}?"),
    Phrase("card", "[find|give] the seconds in which the {actor} lifts a card in the {place}."),
    Phrase(
        "card",
        "to read what the {worn} has to say in the {place}, which part would you watch?",
        "indirect",
    ),
    Phrase("card", "[locate|mark] the moment of the {actor}'s card in the {place}.", held_out=True),
    Phrase("carry", "when does the {actor} [carry|hold] a {thing}?"),
    Phrase("carry", "between which seconds is the {thing} in the hands of the {actor}?"),
    Phrase("carry", "during which seconds is a {thing} with the {actor}?", held_out=True),
    Phrase("door", "when is the door of the {place} open?"),
    Phrase("door", "between which seconds could one walk out of the {place}?", "indirect"),
    Phrase("door", "when is the door of the {place} not closed?", "negated"),
    Phrase("door", "[locate|mark] the time the door stands open in the {place}.", held_out=True),
    Phrase("lamp", "when does the lamp in the {place} shine {lamp}?"),
    Phrase("lamp", "between which seconds is there {lamp} lamplight in the {place}?"),
    Phrase("lamp", "[locate|mark] the {lamp} light of the lamp in the {place}.", held_out=True),
    Phrase(
        "elsewhere", "when does the {actor} hold up a card that is not in the {place}?", "negated"
    ),
    Phrase(
        "elsewhere",
        "the {actor} shows two cards. When is the one outside the {place}?",
        "negated",
    ),
    Phrase(
        "elsewhere",
        "leave out the {place}: between which seconds does the {actor} show a card?",
        "negated",
        held_out=True,
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """Make the drawn thing happen exactly once."""
    if form in ("card", "elsewhere"):
        code = draw.new_code(world, rng)
        staged = cards.stage_card(world, rng, text=code, elsewhere=form == "elsewhere")
        if staged is None:
            return None
        world, actor, place = staged
        return world, Ask.of(form, actor=describe(world, actor), place=place)
    stay = draw.draw_stay(world, rng)
    return None if stay is None else _stage_event(world, rng, form, *stay)


def _stage_event(
    world: World, rng: Rng, form: str, scene: int, actor: int
) -> tuple[World, Ask] | None:
    event = _event(world, rng, form, scene, actor)
    place = world.scenes[scene].place
    match event:
        case Carry():
            slots = {"actor": describe(world, actor), "thing": event.thing}
        case Lamp():
            slots = {"place": place, "lamp": event.color}
        case _:
            slots = {"place": place}
    ask = Ask.of(form, **slots)
    staged = draw.put(edits.remove(world, *matching(world, ask)), event, rng)
    return None if staged is None else (staged, ask)


def _event(world: World, rng: Rng, form: str, scene: int, actor: int) -> Event:
    """A thing carried, an open door or a lit lamp in a scene; its time is still to be drawn."""
    start = world.scenes[scene].start_ms
    end = start + draw.length_in(world, world.scenes[scene])
    match form:
        case "carry":
            thing = rng.choice(script.THINGS)
            return Carry(scene=scene, start_ms=start, end_ms=end, actor=actor, thing=thing)
        case "door":
            return Door(scene=scene, start_ms=start, end_ms=end)
        case _:
            color = rng.choice(script.LAMP_COLORS)
            return Lamp(scene=scene, start_ms=start, end_ms=end, color=color)


def matching(world: World, ask: Ask) -> list[Event]:
    """Everything that fits the words of an ask that is not about cards."""
    slots = ask.slots
    actor = who(world, ask.text("actor")) if "actor" in slots else None

    def fits(event: Event) -> bool:
        match event:
            case Carry() if ask.form == "carry":
                return event.actor == actor and event.thing == slots["thing"]
            case Door() if ask.form == "door":
                return world.place_of(event) == slots["place"]
            case Lamp() if ask.form == "lamp":
                return world.place_of(event) == slots["place"] and event.color == slots["lamp"]
            case _:
                return False

    return [event for event in world.events if fits(event)]


def find(world: World, ask: Ask) -> Event | None:
    """The one event that is asked about; None if there is none or several."""
    if ask.form in ("card", "elsewhere"):
        elsewhere = ask.form == "elsewhere"
        return cards.one_card(world, ask.text("actor"), ask.text("place"), elsewhere=elsewhere)
    found = matching(world, ask)
    return found[0] if len(found) == 1 else None


def derive(world: World, ask: Ask) -> Truth | None:
    """When it starts and ends; the first and the last frame of it must be seen."""
    event = find(world, ask)
    if event is None:
        return None
    seen, frame = sight(world, event), -(-1000 // world.fps)
    first = span_of(event.start_ms, event.start_ms + frame)
    last = span_of(event.end_ms - frame, event.end_ms)
    edges = tuple(Sight(span=span, camera=seen.camera) for span in (first, last))
    premise = ask.form != "elsewhere" or cards.are_two(world, ask.text("actor"), ask.text("place"))
    return Truth([[seen.span.start, seen.span.end]], (seen,), edges, premise=premise)


def distract(world: World, rng: Rng, ask: Ask) -> World | None:
    """Another event of the same kind."""
    if ask.form in ("card", "elsewhere"):
        return cards.distract(world, rng, ask)
    stay = draw.draw_stay(world, rng)
    return None if stay is None else draw.put(world, _event(world, rng, ask.form, *stay), rng)


def blind(form: str, knobs: Knobs) -> float:
    """Nearly nothing: the overlap of a fixed span with one somewhere in the video."""
    return min(1.0, knobs.event_ms / knobs.duration_ms)


FAMILY = Family(
    name="grounding",
    models="Charades-STA, NExT-GQA, ActivityNet moment retrieval",
    kinds=dict.fromkeys(("card", "carry", "door", "lamp", "elsewhere"), AnswerKind.SPANS),
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=distract,
    blind=blind,
)
