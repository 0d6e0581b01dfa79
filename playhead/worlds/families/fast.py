"""Fast: how often did an actor flash in one burst?

Models what DynFrame calls density: 2 to 7 flashes of a tenth of a second. Uniform sampling sees
them only at ten frames a second; an agent must find the burst and look closely there.
"""

from __future__ import annotations

from itertools import pairwise

from playhead.worlds import edits, script
from playhead.worlds.families import draw
from playhead.worlds.families.base import Ask, Family, Phrase, Sight, Truth, sight, span_of
from playhead.worlds.families.phrases import describe, who
from playhead.worlds.rng import Rng
from playhead.worlds.script import Blink, Knobs, World
from playhead.worlds.verify import AnswerKind

LOW, HIGH = 2, 7
_FLASH_MS = 100
_PERIODS_MS = (250, 300, 400, 500)

PHRASES = (
    Phrase("where", "how many times does the {actor} [flash|light up] in the {place}?"),
    Phrase("where", "in the {place}, the {actor} flashes. How [often|many times]?"),
    Phrase("where", "count the flashes of the {actor} in the {place}."),
    Phrase(
        "where",
        "if every flash of the {worn} took a photo, how many photos of the {place} would there be?",
        "indirect",
    ),
    Phrase("where", "what is the number of flashes of the {actor} in the {place}?", held_out=True),
    Phrase(
        "elsewhere",
        "how many times does the {actor} flash in the one place that is not the {place}?",
        "negated",
    ),
    Phrase("elsewhere", "leave out the {place}: how often does the {actor} flash?", "negated"),
    Phrase(
        "elsewhere",
        "count the flashes of the {actor} anywhere but in the {place}.",
        "negated",
        held_out=True,
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """One burst of a drawn length; for `elsewhere` one more in another place."""
    num, stay = rng.between(LOW, HIGH), draw.draw_stay(world, rng)
    if stay is None:
        return None
    scene, actor = stay
    place = world.scenes[scene].place
    old = bursts(world, actor, place if form == "where" else None)
    staged = _add(edits.remove(world, *old), rng, scene, actor, num)
    if staged is not None and form == "elsewhere":
        away = [i for i in draw.stays(staged, actor) if staged.scenes[i].place != place]
        other = rng.between(LOW, HIGH)
        staged = _add(staged, rng, rng.choice(away), actor, other) if away else None
    if staged is None:
        return None
    return staged, Ask.of(form, actor=describe(staged, actor), place=place)


def _add(world: World, rng: Rng, scene: int, actor: int, num: int) -> World | None:
    start, period = world.scenes[scene].start_ms, rng.choice(_PERIODS_MS)
    burst = Blink.burst(scene, actor, start, num, flash_ms=_FLASH_MS, period_ms=period)
    return draw.put(world, burst, rng)


def bursts(world: World, actor: int, place: str | None = None) -> list[Blink]:
    """The bursts of an actor, in one place or anywhere."""
    return [
        burst
        for burst in world.events_of(Blink)
        if burst.actor == actor and place in (None, world.place_of(burst))
    ]


def derive(world: World, ask: Ask) -> Truth | None:
    """How many flashes. Each must be seen, and each pause between two, to tell them apart."""
    actor = who(world, ask.text("actor"))
    if actor is None:
        return None
    inside = bursts(world, actor, ask.text("place"))
    outside = [burst for burst in bursts(world, actor) if burst not in inside]
    found, others = (inside, []) if ask.form == "where" else (outside, inside)
    if len(found) != 1 or not LOW <= found[0].flashes <= HIGH:
        return None
    burst = found[0]
    seen, lit = sight(world, burst), burst.flash_spans_ms
    dark = [(end, start) for (_, end), (start, _) in pairwise(lit)]
    required = tuple(
        Sight(span=span_of(start, end), camera=seen.camera) for start, end in sorted((*lit, *dark))
    )
    wrong = tuple(str(num) for num in range(LOW, HIGH + 1) if num != burst.flashes)
    premise = ask.form == "where" or len(others) == 1
    return Truth(burst.flashes, (seen,), required, wrong, premise=premise)


def distract(world: World, rng: Rng, ask: Ask) -> World | None:
    """One more burst, by anyone anywhere."""
    stay = draw.draw_stay(world, rng)
    return None if stay is None else _add(world, rng, *stay, rng.between(LOW, HIGH))


def fit_knobs(knobs: Knobs) -> Knobs:
    """Frames dense enough, where it flashes, to show every flash and every pause."""
    if script.can_flash(knobs, _FLASH_MS, min(_PERIODS_MS)):
        return knobs
    return knobs.replace(burst_fps=max(10, knobs.burst_fps))


def blind(form: str, knobs: Knobs) -> float:
    """One of six."""
    return 1 / (HIGH - LOW + 1)


FAMILY = Family(
    name="fast",
    models="DynFrame frame density",
    kinds={"where": AnswerKind.NUMBER, "elsewhere": AnswerKind.NUMBER},
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    distract=distract,
    blind=blind,
    fit_knobs=fit_knobs,
)
