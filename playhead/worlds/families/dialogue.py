"""Dialogue: somebody says which card counts; the card itself is seen at another time.

Models subtitle reasoning (SiLVR). The words alone hold no code and the pictures alone do not tell
which of many cards counts; the two lie at least half a minute apart where the video is long enough.
"""

from __future__ import annotations

import re

from playhead.worlds import edits
from playhead.worlds.families import cards, draw
from playhead.worlds.families.base import Ask, Family, Phrase, Sight, Truth, sight, span_of
from playhead.worlds.families.phrases import describe, natural, plainly
from playhead.worlds.rng import Rng
from playhead.worlds.script import SPEECH_MS_PER_CHARACTER, Card, Knobs, Speech, Subtitle, World
from playhead.worlds.verify import AnswerKind

OBJECTS = (
    "safe", "vault", "boat", "gate", "locker", "tower", "cellar", "attic", "shed", "garage",
    "chest", "cabin", "fridge", "piano", "bicycle", "suitcase", "telescope", "drawer", "van",
    "kiosk", "lift", "barn", "tent", "rocket", "wardrobe", "cupboard", "oven", "scooter", "canoe",
    "trailer", "bunker", "balcony", "chapel", "stable", "igloo", "windmill", "lantern", "casket",
    "crate", "toolbox", "mailbox", "elevator", "submarine", "tractor", "carriage", "sledge",
    "hangar", "greenhouse", "darkroom", "pantry", "workshop", "studio", "archive", "dungeon",
    "lodge", "pavilion", "pumphouse", "boathouse", "treehouse", "lighthouse",
)  # fmt: skip
"""What codes open."""
APART_MS = 30_000
"""Between the words and the card, at least, where the video is long enough."""

PHRASES = (
    Phrase("opens", "which code opens the {object}?"),
    Phrase("opens", "what [must|do] you [type|enter] to open the {object}?"),
    Phrase("opens", "[give|find] the code of the {object}."),
    Phrase(
        "opens",
        "you stand before the locked {object}. What would get you in?",
        "indirect",
    ),
    Phrase("opens", "only one code does not fail at the {object}. Which?", "negated"),
    Phrase("opens", "with which characters is the {object} unlocked?", held_out=True),
    Phrase(
        "wrong",
        "who spoke of the {object} showed two codes. Which of them does not open it?",
        "negated",
    ),
    Phrase(
        "wrong",
        "the one who talks about the {object} has another code, which is not for it. Which?",
        "negated",
    ),
    Phrase(
        "wrong",
        "of the speaker's two codes, which is the one that fails at the {object}?",
        "negated",
        held_out=True,
    ),
)

_LINE = re.compile(r"(.+): the code I showed (not )?in the (\w+) opens the (\w+)\.", re.IGNORECASE)


def line(actor: str, place: str, thing: str, *, elsewhere: bool) -> str:
    """What is said: `Red star: the code I showed in the harbour opens the safe.`"""
    where = f"not in the {place}" if elsewhere else f"in the {place}"
    text = f"{actor[0].upper()}{actor[1:]}: the code I showed {where} opens the {thing}."
    return natural(text)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """A card, and far from it a line that says what it opens."""
    elsewhere = form == "wrong" or rng.chance(1, 3)
    used = {said[3] for _, said in spoken(world)}
    things = [thing for thing in OBJECTS if thing not in used]
    code = draw.new_code(world, rng)
    staged = cards.stage_card(world, rng, text=code, elsewhere=elsewhere)
    if staged is None or not things:
        return None
    world, actor, place = staged
    thing, name = rng.choice(things), describe(world, actor)
    points_away = elsewhere and rng.chance(1, 2)
    card = cards.one_card(world, name, place, elsewhere=points_away)
    if card is None:
        return None
    text = line(name, place, thing, elsewhere=points_away)
    told = _say(world, rng, text, card)
    return None if told is None else (told, Ask.of(form, object=thing))


def _say(world: World, rng: Rng, text: str, card: Card) -> World | None:
    """The world with a line far from a card, as sound or as a subtitle, as the knobs say."""
    audible = world.knobs.modality == "audio"
    if world.knobs.modality == "mixed":
        audible = rng.chance(1, 2)
    length = SPEECH_MS_PER_CHARACTER * len(text) + 500
    apart = min(APART_MS, world.duration_ms // 4)
    for _ in range(24):
        if audible:
            scene = rng.below(len(world.scenes))
            start = world.scenes[scene].start_ms
            draft = Speech(scene=scene, start_ms=start, end_ms=start + length, text=text)
            event = edits.fit(world, draft, rng)
            if event is not None and _far(event.start_ms, event.end_ms, card, apart):
                return edits.add_event(world, event)
            continue
        start = rng.below(max(1, world.duration_ms - length))
        told = Subtitle(start_ms=start, end_ms=start + length, text=text)
        if _far(start, start + length, card, apart) and not _talks_over(world, told):
            return edits.add_subtitle(world, told)
    return None


def _far(start: int, end: int, card: Card, apart: int) -> bool:
    return start >= card.end_ms + apart or end <= card.start_ms - apart


def _talks_over(world: World, told: Subtitle) -> bool:
    """Whether a line would remove another one that matters."""
    return any(
        old.start_ms < told.end_ms
        and told.start_ms < old.end_ms
        and _LINE.fullmatch(plainly(old.text))
        for old in world.subtitles
        if old.camera == told.camera
    )


def spoken(world: World) -> list[tuple[Sight, tuple[str, str, bool, str]]]:
    """Every line of this kind: where it is, and who, place, whether elsewhere, what it opens."""
    lines = [
        (Sight(span=span_of(s.start_ms, s.end_ms), camera=s.camera, channel="subtitle"), s.text)
        for s in world.subtitles
    ]
    lines += [(sight(world, said, "sound"), said.text) for said in world.events_of(Speech)]
    found: list[tuple[Sight, tuple[str, str, bool, str]]] = []
    for where, text in lines:
        match = _LINE.fullmatch(plainly(text))
        if match:
            found.append((where, (match[1].lower(), match[3], bool(match[2]), match[4])))
    return found


def derive(world: World, ask: Ask) -> Truth | None:
    """The code of the card that the one line about the object means (or of the other card)."""
    about = [(where, said) for where, said in spoken(world) if said[3] == ask.text("object")]
    if len(about) != 1:
        return None
    where, (name, place, elsewhere, _) = about[0]
    away = elsewhere if ask.form == "opens" else not elsewhere
    card = cards.one_card(world, name, place, elsewhere=away)
    if card is None:
        return None
    seen, wrong = sight(world, card), cards.other_codes(world, card.glyphs)
    premise = not (away or elsewhere) or cards.are_two(world, name, place)
    return Truth(card.glyphs, (where, seen), (where, seen), wrong, premise=premise)


def distract(world: World, rng: Rng, ask: Ask) -> World | None:
    """Another line about another object and another card, or one more card."""
    if rng.chance(1, 2):
        return cards.distract(world, rng, Ask.of(ask.form))
    staged = stage(world, rng, "opens")
    return None if staged is None else staged[0]


def fit_knobs(knobs: Knobs) -> Knobs:
    """A channel for words."""
    return knobs.replace(modality="subtitle") if knobs.modality == "visual" else knobs


FAMILY = Family(
    name="dialogue",
    models="SiLVR subtitle reasoning",
    kinds={"opens": AnswerKind.CODE, "wrong": AnswerKind.CODE},
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=distract,
    blind=cards.blind_code,
    fit_knobs=fit_knobs,
)
