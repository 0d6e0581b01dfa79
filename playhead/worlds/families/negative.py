"""Negative: half of the cards asked about were never raised.

Models hallucination and false-premise tests. The same words ask about what is there and what is
not; the actor is in the place either way, raises cards elsewhere, and others raise cards there.
"""

from __future__ import annotations

from playhead.worlds import edits
from playhead.worlds.families import cards, draw
from playhead.worlds.families.base import Ask, Family, Phrase, Sight, Truth, sight, span_of
from playhead.worlds.families.phrases import describe, who
from playhead.worlds.rng import Rng
from playhead.worlds.script import Knobs, World
from playhead.worlds.verify import NOT_IN_VIDEO, AnswerKind

PHRASES = (
    Phrase(
        "or_absent",
        "what was on the card the {actor} [raised|held up] in the {place}, if there was one?",
    ),
    Phrase(
        "or_absent",
        "[read|give] the card of the {actor} in the {place}, or say that there is none.",
    ),
    Phrase(
        "or_absent",
        "in the {place}, did the {actor} show a card, and if so, what did it [say|show]?",
    ),
    Phrase(
        "or_absent",
        "I may misremember: the {worn} and a card, in the {place}. What was on it?",
        "indirect",
    ),
    Phrase(
        "or_absent",
        "which code, if any, did the {actor} [present|put up] in the {place}?",
        held_out=True,
    ),
    Phrase("yes_no", "did the {actor} ever [raise|hold up|lift] a card in the {place}?"),
    Phrase("yes_no", "was there a card of the {actor} in the {place}?"),
    Phrase(
        "yes_no",
        "would somebody who only saw the {place} know any card of the {worn}?",
        "indirect",
        held_out=True,
    ),
    Phrase(
        "never",
        "is it true that the {actor} never [raised|held up] a card in the {place}?",
        "negated",
    ),
    Phrase("never", "did the {actor} show no card at all in the {place}?", "negated"),
    Phrase(
        "never",
        "the {place} never saw a card of the {actor}. Is that right?",
        "negated",
        held_out=True,
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """An actor in a place, with exactly one card there or with none, one as likely as the other."""
    is_there = rng.chance(1, 2)
    stay = draw.draw_stay(world, rng)
    if stay is None:
        return None
    scene, actor = stay
    place = world.scenes[scene].place
    staged = draw.raise_card(
        edits.remove(world, *draw.cards(world, actor, place)),
        scene,
        actor,
        draw.new_code(world, rng),
        rng,
    )  # also where there is to be none, so that both need the same room
    if staged is None:
        return None
    if not is_there:
        staged = edits.remove(staged, *draw.cards(staged, actor, place))
    return staged, Ask.of(form, actor=describe(staged, actor), place=place)


def derive(world: World, ask: Ask) -> Truth | None:
    """The card, or that there is none although the actor was there."""
    actor, place = who(world, ask.text("actor")), ask.text("place")
    if actor is None:
        return None
    stays = _stays(world, actor, place)
    found = draw.cards(world, actor, place)
    if not stays or len(found) > 1:
        return None
    seen = tuple(sight(world, card) for card in found)
    if ask.form != "or_absent":
        return Truth(bool(found) == (ask.form == "yes_no"), seen, seen, search=stays)
    gold = found[0].glyphs if found else NOT_IN_VIDEO
    return Truth(gold, seen, seen, cards.other_codes(world, gold), search=stays)


def _stays(world: World, actor: int, place: str) -> tuple[Sight, ...]:
    return tuple(
        Sight(span=span_of(start, end), camera=world.scenes[scene].camera)
        for scene in draw.stays(world, actor)
        if world.scenes[scene].place == place
        for start, end in edits.standing_ms(world, scene, actor)
    )


def blind(form: str, knobs: Knobs) -> float:
    """One half: always the same answer."""
    return 0.5


FAMILY = Family(
    name="negative",
    models="hallucination and false-premise tests",
    kinds={
        "or_absent": AnswerKind.CODE_OR_ABSENT,
        "yes_no": AnswerKind.YES_NO,
        "never": AnswerKind.YES_NO,
    },
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=cards.distract,
    blind=blind,
)
