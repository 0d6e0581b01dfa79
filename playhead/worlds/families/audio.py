"""Audio: how many beeps, which spoken code? Nothing on screen tells.

Models questions about sound. Who only looks is blind here.
"""

from __future__ import annotations

import re

from playhead.worlds import edits, generate, script
from playhead.worlds.families import draw
from playhead.worlds.families.base import Ask, Family, Phrase, Truth, sight
from playhead.worlds.rng import Rng
from playhead.worlds.script import SPEECH_MS_PER_CHARACTER, Beep, Knobs, Speech, World
from playhead.worlds.verify import AnswerKind

LOW, HIGH = 1, 7
_SAID = re.compile(r"The word is ([A-Z0-9](?:, [A-Z0-9])*)\.")

PHRASES = (
    Phrase("beeps", "how many {pitch} beeps are heard in the {place}?"),
    Phrase("beeps", "in the {place}, how often does a {pitch} tone sound?"),
    Phrase("beeps", "count the {pitch} [beeps|tones] in the {place}."),
    Phrase(
        "beeps",
        "with eyes closed in the {place}, how many {pitch} beeps would you count?",
        "indirect",
    ),
    Phrase("beeps", "what is the number of {pitch} beeps in the {place}?", held_out=True),
    Phrase("not_pitch", "how many beeps in the {place} are not {pitch}?", "negated"),
    Phrase(
        "not_pitch", "leaving out the {pitch} ones, how many beeps sound in the {place}?", "negated"
    ),
    Phrase(
        "not_pitch",
        "count the tones of the {place}, but none that is {pitch}.",
        "negated",
        held_out=True,
    ),
    Phrase("spoken", "which code is spoken in the {place}?"),
    Phrase("spoken", "in the {place} somebody spells a code aloud. Which?"),
    Phrase(
        "spoken", "what would a blind visitor of the {place} write down as the code?", "indirect"
    ),
    Phrase("spoken", "which letters and digits are read out in the {place}?", held_out=True),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """Tones or a spoken code, the only ones of their kind in a place."""
    scene = rng.below(len(world.scenes))
    place = world.scenes[scene].place
    if form == "spoken":
        code = generate.code(rng, world.knobs.code_length)
        world = edits.remove(world, *(said for said, _ in spoken(world, place)))
        staged = _speak(world, rng, scene, code)
        return None if staged is None else (staged, Ask.of(form, place=place))
    world = edits.remove(world, *beeps(world, place))
    pitch, num = rng.choice(script.PITCHES), rng.between(LOW, HIGH)
    others: list[script.Pitch] = [other for other in script.PITCHES if other != pitch]
    decoy = rng.choice(others)
    asked = pitch if form == "beeps" else decoy
    staged = _beep(world, rng, scene, num, pitch)
    for _ in range(4):
        more = None if staged is None else _beep(staged, rng, scene, rng.between(LOW, HIGH), decoy)
        if more is not None:
            return more, Ask.of(form, place=place, pitch=asked)
    return None


def _beep(world: World, rng: Rng, scene: int, num: int, pitch: script.Pitch) -> World | None:
    return draw.put(world, Beep.burst(scene, world.scenes[scene].start_ms, num, pitch), rng)


def _speak(world: World, rng: Rng, scene: int, code: str) -> World | None:
    text = f"The word is {', '.join(code)}."
    start = world.scenes[scene].start_ms
    end = start + SPEECH_MS_PER_CHARACTER * len(text) + 1_500
    return draw.put(world, Speech(scene=scene, start_ms=start, end_ms=end, text=text), rng)


def beeps(world: World, place: str) -> list[Beep]:
    """The tones of a place."""
    return [beep for beep in world.events_of(Beep) if world.place_of(beep) == place]


def spoken(world: World, place: str) -> list[tuple[Speech, str]]:
    """The codes spelled aloud in a place."""
    said = [said for said in world.events_of(Speech) if world.place_of(said) == place]
    matches = [(event, _SAID.fullmatch(event.text)) for event in said]
    return [(event, match[1].replace(", ", "")) for event, match in matches if match]


def derive(world: World, ask: Ask) -> Truth | None:
    """The number of tones, or the code. No frame is needed, or helps."""
    place = ask.text("place")
    if ask.form == "spoken":
        found = spoken(world, place)
        if len(found) != 1:
            return None
        heard, code = found[0]
        others = {c for p in draw.all_places(world) for _, c in spoken(world, p)} - {code}
        where = (sight(world, heard, "sound"),)
        return Truth(code, where, where, tuple(sorted(others)))
    is_pitch = ask.form == "beeps"
    heard = [b for b in beeps(world, place) if (b.pitch == ask.text("pitch")) == is_pitch]
    num = sum(beep.beeps for beep in heard)
    if len(heard) != 1 or not LOW <= num <= HIGH:
        return None
    where = (sight(world, heard[0], "sound"),)
    return Truth(num, where, where, tuple(str(n) for n in range(LOW, HIGH + 1) if n != num))


def distract(world: World, rng: Rng, ask: Ask) -> World | None:
    """The same kind of sound in another place."""
    scene = rng.below(len(world.scenes))
    if world.scenes[scene].place == ask.text("place"):
        return None
    if ask.form == "spoken":
        return _speak(world, rng, scene, generate.code(rng, world.knobs.code_length))
    return _beep(world, rng, scene, rng.between(LOW, HIGH), rng.choice(script.PITCHES))


def fit_knobs(knobs: Knobs) -> Knobs:
    """A soundtrack."""
    match knobs.modality:
        case "visual":
            return knobs.replace(modality="audio")
        case "subtitle":
            return knobs.replace(modality="mixed")
        case _:
            return knobs


def blind(form: str, knobs: Knobs) -> float:
    """One of seven; or the chance of guessing a code."""
    if form == "spoken":
        return float(len(script.GLYPHS)) ** -knobs.code_length
    return 1 / (HIGH - LOW + 1)


FAMILY = Family(
    name="audio",
    models="questions about sound",
    kinds={
        "beeps": AnswerKind.NUMBER,
        "not_pitch": AnswerKind.NUMBER,
        "spoken": AnswerKind.CODE,
    },
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=distract,
    blind=blind,
    fit_knobs=fit_knobs,
)
