"""Detail: what is written on a sign, in letters too small for a shrunken frame?

Models questions that need a crop. Glyphs `h` pixels high in a frame `W` wide are readable in a
picture `R` wide only if `h * R / W >= 7`, the height of the font.
"""

from __future__ import annotations

from playhead.worlds import edits, generate
from playhead.worlds.families import draw
from playhead.worlds.families.base import Ask, Family, Phrase, Truth, sight
from playhead.worlds.layout import Layout
from playhead.worlds.rng import Rng
from playhead.worlds.script import GLYPHS, Knobs, Place, Sign, World
from playhead.worlds.verify import AnswerKind

NUM_GLYPHS = 4

PHRASES = (
    Phrase("only", "what is the serial number on the sign in the {place}?"),
    Phrase("only", "[read|give] the sign on the wall of the {place}."),
    Phrase("only", "in the {place} hangs a sign. What [is written on it|does it say]?"),
    Phrase(
        "only", "somebody asks for the number on the wall of the {place}. What is it?", "indirect"
    ),
    Phrase("only", "which characters does the sign in the {place} carry?", held_out=True),
    Phrase(
        "other",
        "two signs hang in the {place}, one after the other. One is not {code}. What does it say?",
        "negated",
    ),
    Phrase("other", "apart from {code}, what can be read on a sign in the {place}?", "negated"),
    Phrase(
        "other",
        "the sign in the {place} does not always say {code}. What does it say at other times?",
        "negated",
        held_out=True,
    ),
    Phrase(
        "last", "several signs hang in the {place}, one after another. What does the last one say?"
    ),
    Phrase("last", "[read|give] the sign that is the last to hang in the {place}."),
    Phrase("last", "after which no other sign comes up in the {place}: what is on it?", "indirect"),
    Phrase("last", "what is on the latest of the signs in the {place}?", held_out=True),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """The only sign of a place, one of its only two, or the last of several."""
    scene = rng.below(len(world.scenes))
    place = world.scenes[scene].place
    if form == "last" or (form == "other" and len(signs(world, place)) == 2):
        return _stage_more(world, rng, form, place)
    staged = _hang(edits.remove(world, *signs(world, place)), rng, scene)
    if staged is None or form == "only":
        return None if staged is None else (staged, Ask.of(form, place=place))
    told = signs(staged, place)[0].text
    staged = _hang(staged, rng, rng.choice(draw.scenes_in(staged, place)))
    return None if staged is None else (staged, Ask.of(form, place=place, code=told))


def _stage_more(world: World, rng: Rng, form: str, place: Place) -> tuple[World, Ask] | None:
    """At least two signs in a place, keeping those that are there."""
    for _ in range(2 - len(signs(world, place))):
        more = _hang(world, rng, rng.choice(draw.scenes_in(world, place)))
        if more is None:
            return None
        world = more
    if form == "last":
        return world, Ask.of(form, place=place)
    return world, Ask.of(form, place=place, code=rng.choice(signs(world, place)).text)


def _hang(world: World, rng: Rng, scene: int) -> World | None:
    here = world.scenes[scene]
    end = here.start_ms + draw.length_in(world, here)
    text, height = generate.code(rng, NUM_GLYPHS), world.knobs.glyph_px
    sign = Sign(scene=scene, start_ms=here.start_ms, end_ms=end, text=text, glyph_px=height)
    return draw.put(world, sign, rng)


def signs(world: World, place: str) -> list[Sign]:
    """The signs of a place."""
    return [sign for sign in world.events_of(Sign) if world.place_of(sign) == place]


def derive(world: World, ask: Ask) -> Truth | None:
    """The text of the one sign, of the one that is not the one named, or of the last."""
    hung = signs(world, ask.text("place"))
    match ask.form:
        case "other":
            found = [sign for sign in hung if sign.text != ask.text("code")]
            premise = len(hung) == 2
        case "last":
            found, premise = hung[-1:], len(hung) > 1
        case _:
            found, premise = hung, True
    if len(found) != 1:
        return None
    seen = (sight(world, found[0]),)
    texts = {sign.text for sign in world.events_of(Sign)} - {found[0].text}
    return Truth(found[0].text, seen, seen, tuple(sorted(texts)), premise=premise)


def distract(world: World, rng: Rng, ask: Ask) -> World | None:
    """A sign in another place."""
    scene = rng.below(len(world.scenes))
    return None if world.scenes[scene].place == ask.text("place") else _hang(world, rng, scene)


def fit_knobs(knobs: Knobs) -> Knobs:
    """Glyphs small enough that a sign fits on the wall."""
    layout = Layout(knobs.height, knobs.width)
    glyph_px = knobs.glyph_px
    while glyph_px > 7 and not _fits(layout, glyph_px):
        glyph_px -= 1
    return knobs.replace(glyph_px=glyph_px)


def _fits(layout: Layout, glyph_px: int) -> bool:
    height, width = layout.sign(NUM_GLYPHS, glyph_px)
    return height <= layout.wall.height and width <= layout.wall.width


def blind(form: str, knobs: Knobs) -> float:
    """The chance of guessing four glyphs."""
    return float(len(GLYPHS)) ** -NUM_GLYPHS


FAMILY = Family(
    name="detail",
    models="spatial detail, crop and zoom tasks",
    kinds=dict.fromkeys(("only", "other", "last"), AnswerKind.CODE),
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=distract,
    blind=blind,
    fit_knobs=fit_knobs,
)
