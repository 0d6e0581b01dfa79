"""Needle: what was on the one card that an actor raised in a place?

Models the key-information questions of LVBench and the retrieval needles of VNBench, without their
salience: the video is full of cards, by the same actor elsewhere and by others in the same place.
"""

from __future__ import annotations

from playhead.worlds.families import cards, draw
from playhead.worlds.families.base import Ask, Family, Phrase, Truth, sight
from playhead.worlds.families.phrases import describe
from playhead.worlds.rng import Rng
from playhead.worlds.script import World
from playhead.worlds.verify import AnswerKind

PHRASES = (
    Phrase(
        "where",
        "what was [written|shown] on the card the {actor} [raised|held up|lifted] in the {place}?",
    ),
    Phrase(
        "where",
        "in the {place}, the {actor} [raised|held up] a card. What did it [show|say]?",
    ),
    Phrase("where", "[read|give] the card of the {actor} in the {place}."),
    Phrase(
        "where",
        "somebody in the {place} wants to write down what the {worn} [showed|held] up there. "
        "What should they write?",
        "indirect",
    ),
    Phrase(
        "where",
        "the {place} saw many a card. Which [characters|glyphs] came from the {actor}?",
        "indirect",
        held_out=True,
    ),
    Phrase(
        "where",
        "which [code|text] did the {actor} [put up|present] in the {place}?",
        "direct",
        True,
    ),
    Phrase(
        "elsewhere",
        "the {actor} [raised|held up] two cards. What was on the one that was not in the {place}?",
        "negated",
    ),
    Phrase(
        "elsewhere",
        "what did the {actor} show on a card anywhere but in the {place}?",
        "negated",
    ),
    Phrase(
        "elsewhere",
        "leave out the {place}: what was [written|shown] on the other card of the {actor}?",
        "negated",
    ),
    Phrase(
        "elsewhere",
        "not in the {place} but somewhere else, the {actor} lifted a card. What did it say?",
        "negated",
        held_out=True,
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """One card for a drawn actor and place; for `elsewhere` one more, in another place."""
    code = draw.new_code(world, rng)
    staged = cards.stage_card(world, rng, text=code, elsewhere=form == "elsewhere")
    if staged is None:
        return None
    world, actor, place = staged
    return world, Ask.of(form, actor=describe(world, actor), place=place)


def derive(world: World, ask: Ask) -> Truth | None:
    """What is on that card."""
    elsewhere = ask.form == "elsewhere"
    card = cards.one_card(world, ask.text("actor"), ask.text("place"), elsewhere=elsewhere)
    if card is None:
        return None
    seen = (sight(world, card),)
    premise = not elsewhere or cards.are_two(world, ask.text("actor"), ask.text("place"))
    wrong = cards.other_codes(world, card.glyphs)
    return Truth(card.glyphs, seen, seen, wrong, premise=premise)


FAMILY = Family(
    name="needle",
    models="LVBench key information, VNBench retrieval",
    kinds={"where": AnswerKind.CODE, "elsewhere": AnswerKind.CODE},
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=cards.distract,
    blind=cards.blind_code,
)
