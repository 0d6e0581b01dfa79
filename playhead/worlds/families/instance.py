"""Instance: where does *this* one go next?

Models visual prompts (VideoSeeker). The question points at an actor in one frame. One or two others
have its colour and its shape; only pattern or hat tell them apart, and they turn up elsewhere.
"""

from __future__ import annotations

from itertools import product

from playhead.worlds import edits, script
from playhead.worlds.families import draw
from playhead.worlds.families.base import Ask, Family, Phrase, Sight, Truth, span_of
from playhead.worlds.families.phrases import short
from playhead.worlds.families.pointing import draw_moment, point, pointed
from playhead.worlds.rng import Rng
from playhead.worlds.script import PLACES, Actor, Knobs, World
from playhead.worlds.verify import AnswerKind

PHRASES = (
    Phrase("next", "where does the one in the picture [go|appear] next?"),
    Phrase("next", "this is one of the actors. In which other place is [it|this one] seen next?"),
    Phrase("next", "follow the one that is marked here. Which place does it come to next?"),
    Phrase(
        "next",
        "I want to meet the one in the picture again, and not its double. Where do I wait?",
        "indirect",
    ),
    Phrase(
        "next", "not where its look-alikes go: where does this very one turn up next?", "negated"
    ),
    Phrase("next", "what is the next place of the one shown, after this one?", held_out=True),
    Phrase("before", "where did the one in the picture come from?"),
    Phrase("before", "in which other place was [it|this one] seen last before this picture?"),
    Phrase("before", "which place did the one shown leave to come here?", held_out=True),
    Phrase(
        "never", "is it true that the one in the picture is never seen in the {place}?", "negated"
    ),
    Phrase("never", "does the one that is marked here stay away from the {place}?", "negated"),
    Phrase("never", "does the {place} never see the one shown?", "negated", held_out=True),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """An actor with doubles, pointed at here and seen next (or last, or never) in a drawn place."""
    scenes = [i for i, scene in enumerate(world.scenes) if scene.cast]
    if not scenes:
        return None
    here = rng.choice(scenes)
    actor, home = rng.choice(world.scenes[here].cast), world.scenes[here].place
    away = [
        i
        for i, scene in enumerate(world.scenes)
        if scene.place != home and (form == "never" or _leads(world, form, here, i))
    ]
    places = sorted({world.scenes[i].place for i in away})
    if not places:
        return None
    place = rng.choice(places)
    there = rng.choice([i for i in away if world.scenes[i].place == place])
    world = draw.without_turns(world, here, actor)
    if form == "never":
        world = _visit_or_not(world, rng, actor, place, there)
        world = _add_doubles(world, rng, actor, draw.scenes_in(world, place))
        ask = _point_at(world, rng, form, here, actor)
        return world, ask.replace(slots={**ask.slots, "place": place})
    between = [i for i in away if _leads(world, form, i, there)]
    for i in between:
        if actor in world.scenes[i].cast:
            world = draw.leave(world, i, actor)
    world = draw.without_turns(draw.seat(world, there, actor, rng), there, actor)
    world = _add_doubles(world, rng, actor, between)
    return world, _point_at(world, rng, form, here, actor)


def _leads(world: World, form: str, scene: int, other: int) -> bool:
    """Whether `other` comes later than `scene`, or earlier if the form asks for what was before."""
    first, second = world.scenes[scene], world.scenes[other]
    return second.end_ms <= first.start_ms if form == "before" else second.start_ms >= first.end_ms


def _visit_or_not(world: World, rng: Rng, actor: int, place: str, there: int) -> World:
    """The world in which the actor comes to the place or not, one as likely as the other."""
    if rng.chance(1, 2):
        return draw.without_turns(draw.seat(world, there, actor, rng), there, actor)
    for i in draw.scenes_in(world, place):
        if actor in world.scenes[i].cast:
            world = draw.leave(world, i, actor)
    return world


def _add_doubles(world: World, rng: Rng, actor: int, scenes: list[int]) -> World:
    """One or two more actors of the same colour and shape, seen in some of `scenes`."""
    looks = world.actors[actor]
    spare = [
        Actor(color=looks.color, shape=looks.shape, pattern=pattern, hat=hat)
        for pattern, hat in product(script.PATTERNS, script.HATS)
    ]
    spare = [double for double in spare if double not in world.actors]
    same = sum(short(other) == short(looks) for other in world.actors) - 1
    for double in rng.sample(spare, min(len(spare), max(0, rng.between(1, 2) - same))):
        world = world.replace(actors=(*world.actors, double))
        for scene in rng.sample(scenes, min(2, len(scenes))):
            if len(world.scenes[scene].cast) < script.MAX_CAST:
                world = draw.seat(world, scene, len(world.actors) - 1, rng)
    return world


def _point_at(world: World, rng: Rng, form: str, scene: int, actor: int) -> Ask:
    here = world.scenes[scene]
    time_ms = draw_moment(world, rng, scene)
    return Ask.of(form, time_ms=time_ms, seat=here.cast.index(actor), camera_at=here.camera)


def derive(world: World, ask: Ask) -> Truth | None:
    """The place, if the actor stands there long enough to be seen."""
    actor = pointed(world, ask)
    if actor is None:
        return None
    time_ms = ask.number("time_ms")
    here = world.scene_at(time_ms, ask.number("camera_at"))
    home = world.scenes[here].place
    now = _visit(world, here, actor)
    if ask.form == "never":
        return _derive_never(world, actor, ask.text("place"), now)
    visits = [
        i
        for i in draw.stays(world, actor)
        if world.scenes[i].place != home and _leads(world, ask.form, here, i)
    ]
    if not visits:
        return None
    order = sorted(visits, key=lambda i: world.scenes[i].start_ms, reverse=ask.form == "before")
    there = _visit(world, order[0], actor)
    gold = world.scenes[order[0]].place
    if there is None or now is None:
        return None
    seen = (now, there)
    return Truth(gold, seen, seen, tuple(place for place in PLACES if place not in (gold, home)))


def _derive_never(world: World, actor: int, place: str, now: Sight | None) -> Truth | None:
    scenes = draw.scenes_in(world, place)
    visits = [_visit(world, i, actor) for i in scenes if actor in world.scenes[i].cast]
    seen = tuple(visit for visit in visits if visit is not None)
    if not scenes or now is None or len(seen) < len(visits):
        return None
    search = tuple(
        Sight(span=span_of(scene.start_ms, scene.end_ms), camera=scene.camera)
        for scene in (world.scenes[i] for i in scenes)
    )
    return Truth(not seen, seen, (now, *seen[:1]), search=search)


def _visit(world: World, scene: int, actor: int) -> Sight | None:
    """When the actor stands in a scene; None if not long enough to be seen."""
    stands = edits.standing_ms(world, scene, actor)
    long = [(a, b) for a, b in stands if b - a >= script.min_visible_ms(world.knobs)]
    if not long:
        return None
    return Sight(span=span_of(*long[0]), camera=world.scenes[scene].camera)


def blind(form: str, knobs: Knobs) -> float:
    """One of the places that it can be; always the same answer for yes and no."""
    return 0.5 if form == "never" else 1 / (len(PLACES) - 1)


FAMILY = Family(
    name="instance",
    models="VideoSeeker visual prompts",
    kinds={"next": AnswerKind.TEXT, "before": AnswerKind.TEXT, "never": AnswerKind.YES_NO},
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    blind=blind,
    point=point,
)
