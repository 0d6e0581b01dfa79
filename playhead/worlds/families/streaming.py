"""Streaming: what is it now, what was it before, tell me when it happens.

Models StreamingBench and OVO-Bench. The question is asked at a moment; nothing later may be looked
at. *Now* and *before* are about the lamp of a place; *forward* wants to hear of a card as soon as
it is raised: early is wrong, late is worth `exp(-delay / tau)`.
"""

from __future__ import annotations

from playhead.worlds import edits, script
from playhead.worlds.families import cards, draw
from playhead.worlds.families.base import Ask, Family, Phrase, Sight, Truth, sight, span_of
from playhead.worlds.families.phrases import describe, who
from playhead.worlds.rng import Rng
from playhead.worlds.script import LAMP_COLORS, Knobs, Lamp, World
from playhead.worlds.verify import AnswerKind

PHRASES = (
    Phrase("now", "which colour is the lamp right now?"),
    Phrase("now", "what colour does the lamp [shine in|have] at this moment?"),
    Phrase("now", "a photo taken now would show the lamp in which colour?", "indirect"),
    Phrase("now", "in which colour is the lamp lit as we speak?", held_out=True),
    Phrase("before", "in which colour was the lamp in the {place} lit last, up to now?"),
    Phrase("before", "so far, which colour did the lamp in the {place} show most recently?"),
    Phrase(
        "before",
        "whoever left the {place} last by lamplight left by light of which colour, so far?",
        "indirect",
    ),
    Phrase(
        "before", "up to now, what was the latest colour of the lamp in the {place}?", held_out=True
    ),
    Phrase(
        "not_yet", "in which colour has the lamp in the {place} not been lit so far?", "negated"
    ),
    Phrase(
        "not_yet",
        "of red, yellow, green and blue, which has the lamp in the {place} not shown up to now?",
        "negated",
    ),
    Phrase(
        "not_yet",
        "one of the four lamp colours is still missing in the {place}. Which?",
        "negated",
        held_out=True,
    ),
    Phrase("forward", "from now on, tell me as soon as the {actor} [raises|holds up] a card."),
    Phrase("forward", "[say|tell me] when the {actor} shows its next card."),
    Phrase(
        "forward",
        "I look away now. Call me the moment the {worn} has something to read.",
        "indirect",
    ),
    Phrase(
        "forward", "watch for the next card of the {actor} and speak up at once.", held_out=True
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """Lamps or a card around a drawn moment."""
    if form == "forward":
        return _stage_card(world, rng)
    if form == "not_yet":
        return _stage_three(world, rng)
    if form == "now" and world.num_cameras > 1:
        return None  # which of the lamps?
    scene, color = rng.below(len(world.scenes)), rng.choice(LAMP_COLORS)
    here = world.scenes[scene]
    lamp = _lamp(world, scene, color)
    lamp = None if lamp is None else edits.fit(world, lamp, rng)
    if lamp is None:
        return None
    if form == "now":
        at_ms = rng.between(lamp.start_ms + 300, lamp.end_ms - 1) // 100 * 100
        return edits.add_event(world, lamp), Ask.of(form, at_ms=at_ms)
    latest = min(world.duration_ms - 1, lamp.end_ms + 120_000)
    at_ms = rng.between(lamp.end_ms, latest) // 100 * 100
    later = [
        other
        for other in lamps(world, here.place)
        if lamp.end_ms <= other.start_ms and other.start_ms < at_ms + 2_000
    ]
    staged = edits.add_event(edits.remove(world, *later), lamp)
    return staged, Ask.of(form, place=here.place, at_ms=at_ms)


def _lamp(world: World, scene: int, color: script.LampColor) -> Lamp | None:
    start = world.scenes[scene].start_ms
    end = start + draw.length_in(world, world.scenes[scene])
    return Lamp(scene=scene, start_ms=start, end_ms=end, color=color)


def _stage_three(world: World, rng: Rng) -> tuple[World, Ask] | None:
    """All colours but one, in one place, before now."""
    place = world.scenes[rng.below(len(world.scenes))].place
    at_ms = rng.between(world.duration_ms // 2, world.duration_ms - 1) // 100 * 100
    missing = rng.choice(LAMP_COLORS)
    early = [i for i in draw.scenes_in(world, place) if world.scenes[i].end_ms <= at_ms]
    doomed = [lamp for lamp in lamps(world, place) if lamp.color == missing]
    world = edits.remove(world, *doomed)
    for color in LAMP_COLORS:
        so_far = {lamp.color for lamp in lamps(world, place) if lamp.end_ms <= at_ms}
        if color == missing or color in so_far:
            continue
        lamp = _lamp(world, rng.choice(early), color) if early else None
        more = None if lamp is None else draw.put(world, lamp, rng)
        if more is None:
            return None
        world = more
    return world, Ask.of("not_yet", place=place, at_ms=at_ms)


def _stage_card(world: World, rng: Rng) -> tuple[World, Ask] | None:
    """A card, and a moment before it with no card of that actor in between."""
    stay = draw.draw_stay(world, rng)
    if stay is None:
        return None
    scene, actor = stay
    staged = draw.raise_card(world, scene, actor, draw.new_code(world, rng), rng)
    if staged is None:
        return None
    mine = draw.cards(staged, actor)
    card = next(card for card in mine if card not in world.events)
    earlier = max([other.end_ms for other in mine if other.end_ms <= card.start_ms], default=0)
    at_ms = rng.between(max(earlier, card.start_ms - 60_000), card.start_ms - 1) // 100 * 100
    if at_ms < earlier:
        return None
    return staged, Ask.of("forward", actor=describe(staged, actor), at_ms=at_ms)


def lamps(world: World, place: str) -> list[Lamp]:
    """The times the lamp of a place is lit."""
    return [lamp for lamp in world.events_of(Lamp) if world.place_of(lamp) == place]


def derive(world: World, ask: Ask) -> Truth | None:
    """What holds at the moment of asking, read from nothing later (but for `forward`)."""
    at_ms = ask.number("at_ms")
    if not 0 <= at_ms < world.duration_ms:
        return None
    match ask.form:
        case "now":
            return _derive_now(world, at_ms)
        case "forward":
            return _derive_card(world, ask, at_ms)
        case "before":
            return _derive_before(world, ask.text("place"), at_ms)
        case _:
            return _derive_missing(world, ask.text("place"), at_ms)


def _derive_now(world: World, at_ms: int) -> Truth | None:
    lit = [
        lamp
        for lamp in world.events_in(world.scene_at(at_ms))
        if isinstance(lamp, Lamp) and lamp.start_ms <= at_ms < lamp.end_ms
    ]
    if world.num_cameras > 1 or not lit or at_ms - lit[0].start_ms < 300:
        return None
    seen = (Sight(span=span_of(lit[0].start_ms, at_ms + 1)),)
    return Truth(lit[0].color, seen, seen, tuple(c for c in LAMP_COLORS if c != lit[0].color))


def _derive_before(world: World, place: str, at_ms: int) -> Truth | None:
    lit = [lamp for lamp in lamps(world, place) if lamp.start_ms <= at_ms]
    if not lit or lit[-1].end_ms > at_ms:
        return None  # still lit: is that the last time, or the one before?
    seen = (sight(world, lit[-1]),)
    return Truth(lit[-1].color, seen, seen, tuple(c for c in LAMP_COLORS if c != lit[-1].color))


def _derive_missing(world: World, place: str, at_ms: int) -> Truth | None:
    lit = [lamp for lamp in lamps(world, place) if lamp.start_ms <= at_ms]
    missing = sorted(set(LAMP_COLORS) - {lamp.color for lamp in lit})
    if len(missing) != 1 or any(lamp.end_ms > at_ms for lamp in lit):
        return None
    firsts = {lamp.color: sight(world, lamp) for lamp in reversed(lit)}
    seen = tuple(sight(world, lamp) for lamp in lit)
    wrong = tuple(color for color in LAMP_COLORS if color != missing[0])
    return Truth(missing[0], seen, tuple(firsts.values()), wrong)


def _derive_card(world: World, ask: Ask, at_ms: int) -> Truth | None:
    actor = who(world, ask.text("actor"))
    if actor is None:
        return None
    mine = draw.cards(world, actor)
    following = [card for card in mine if card.start_ms >= at_ms]
    if not following or any(card.start_ms < at_ms < card.end_ms for card in mine):
        return None
    card = following[0]
    begin = span_of(card.start_ms, min(card.end_ms, card.start_ms + -(-1000 // world.fps)))
    return Truth(
        card.start_ms / 1000, (sight(world, card),), (sight(world, card).replace(span=begin),)
    )


def distract(world: World, rng: Rng, ask: Ask) -> World | None:
    """Another lamp anywhere, or another card."""
    if ask.form == "forward":
        return cards.distract(world, rng, ask)
    scene = rng.below(len(world.scenes))
    lamp = _lamp(world, scene, rng.choice(LAMP_COLORS))
    return None if lamp is None else draw.put(world, lamp, rng)


def blind(form: str, knobs: Knobs) -> float:
    """One of four colours; for alerts, firing at once."""
    return 0.25 if form != "forward" else 0.05


FAMILY = Family(
    name="streaming",
    models="StreamingBench, OVO-Bench",
    kinds={
        "now": AnswerKind.TEXT,
        "before": AnswerKind.TEXT,
        "not_yet": AnswerKind.TEXT,
        "forward": AnswerKind.ALERT,
    },
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=distract,
    blind=blind,
)
