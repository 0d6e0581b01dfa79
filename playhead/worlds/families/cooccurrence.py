"""Co-occurrence: in which places were two actors seen together, or one without the other?

Models the co-occurrence tasks of HERBench. Scenes are long, so sampling does well: a control on
which an agent should not need tools.
"""

from __future__ import annotations

from playhead.worlds import edits
from playhead.worlds.families import draw
from playhead.worlds.families.base import Ask, Family, Phrase, Sight, Truth, span_of
from playhead.worlds.families.phrases import describe, who
from playhead.worlds.rng import Rng
from playhead.worlds.script import PLACES, Knobs, World, min_visible_ms
from playhead.worlds.verify import AnswerKind

MOST = 4
"""Places in an answer."""

PHRASES = (
    Phrase("together", "in which places [are|were] the {actor} and the {other} seen together?"),
    Phrase("together", "[name|list] every place where the {actor} meets the {other}."),
    Phrase("together", "where do the {actor} and the {other} appear [side by side|at one time]?"),
    Phrase(
        "together",
        "the {worn} and the {other} took a photo of the two of them wherever they could. "
        "Where were the photos taken?",
        "indirect",
    ),
    Phrase(
        "together",
        "which places did the {actor} share with the {other}?",
        held_out=True,
    ),
    Phrase("apart", "in which places was the {actor} seen, but never with the {other}?", "negated"),
    Phrase("apart", "where does the {actor} appear without ever meeting the {other}?", "negated"),
    Phrase(
        "apart",
        "[name|list] the places of the {actor} that it does not share with the {other}.",
        "negated",
    ),
    Phrase(
        "apart",
        "where could the {actor} be sure not to run into the {other}?",
        "indirect",
        held_out=True,
    ),
)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """An actor who is with another in some drawn places, without it in others, and nowhere else."""
    seen = [a for a in range(len(world.actors)) if draw.stays(world, a)]
    places = rng.shuffled(sorted(set(draw.all_places(world))))
    if len(seen) < 2 or len(places) < 2:
        return None
    actor, other = rng.sample(seen, 2)
    ask = Ask.of(form, actor=describe(world, actor), other=describe(world, other))
    if rng.chance(1, 2) and derive(world, ask) is not None:
        return world, ask  # as chance has it
    num = rng.between(1, min(MOST, len(places) - 1))
    shared, rest = places[:num], places[num:]
    alone = rest[: rng.between(1, min(MOST, len(rest)))]
    for i, scene in enumerate(world.scenes):
        if actor in scene.cast and scene.place not in (*shared, *alone):
            world = draw.leave(world, i, actor)
        elif actor in scene.cast and other in scene.cast and scene.place in alone:
            world = draw.leave(world, i, other)
    for place in shared:
        if not _meetings(world, actor, other, place):
            world = _bring(world, rng, place, actor, other)
    for place in alone:
        if place not in draw.places_of(world, actor):
            world = _bring(world, rng, place, actor, without=other)
    return world, ask


def _bring(world: World, rng: Rng, place: str, *actors: int, without: int | None = None) -> World:
    """The world with actors in one scene of a place from its start to its end."""
    scene = rng.choice(draw.scenes_in(world, place))
    if without is not None and without in world.scenes[scene].cast:
        world = draw.leave(world, scene, without)
    world = draw.seat_all(world, scene, actors, rng)
    for actor in actors:
        world = draw.without_turns(world, scene, actor)
    return world


def _meetings(world: World, actor: int, other: int, place: str | None = None) -> list[Sight]:
    """When and where both stand in the picture for long enough to be seen."""
    found: list[Sight] = []
    for i in draw.stays(world, actor):
        scene = world.scenes[i]
        if other not in scene.cast or place not in (None, scene.place):
            continue
        for a, b in edits.standing_ms(world, i, actor):
            for c, d in edits.standing_ms(world, i, other):
                start, end = max(a, c), min(b, d)
                if end - start >= min_visible_ms(world.knobs):
                    found.append(Sight(span=span_of(start, end), camera=scene.camera))
    return found


def derive(world: World, ask: Ask) -> Truth | None:
    """The places, and one meeting in each of them."""
    actor, other = who(world, ask.text("actor")), who(world, ask.text("other"))
    if actor is None or other is None or actor == other:
        return None
    visited = draw.places_of(world, actor)
    meetings = {place: _meetings(world, actor, other, place) for place in visited}
    if any(_doubtful(world, actor, other, place, meetings[place]) for place in visited):
        return None
    places = [place for place in visited if bool(meetings[place]) == (ask.form == "together")]
    if not 1 <= len(places) <= MOST:
        return None
    if ask.form == "together":
        seen = tuple(sight for place in places for sight in meetings[place])
        return Truth(sorted(places), seen, tuple(meetings[place][0] for place in places))
    seen = tuple(
        Sight(span=span_of(scene.start_ms, scene.end_ms), camera=scene.camera)
        for i in draw.stays(world, actor)
        if (scene := world.scenes[i]).place in places
    )
    return Truth(sorted(places), seen, seen)


def _doubtful(world: World, actor: int, other: int, place: str, met: list[Sight]) -> bool:
    """Whether the two only brush past each other: neither clearly together nor clearly apart."""
    shared = [
        i for i in draw.scenes_in(world, place) if {actor, other} <= set(world.scenes[i].cast)
    ]
    return bool(shared) and not met


def blind(form: str, knobs: Knobs) -> float:
    """The F1 of naming every place there is, the best that one can do unseen."""
    num = len(PLACES)
    return sum(2 * size / (num + size) for size in range(1, MOST + 1)) / MOST


FAMILY = Family(
    name="cooccurrence",
    models="HERBench co-occurrence",
    kinds={"together": AnswerKind.SET, "apart": AnswerKind.SET},
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    blind=blind,
)
