"""Small edits that families share: draw a scene, seat an actor, raise a card, find what is there.

Like `worlds.edits`, every function takes a world and gives a new one, or None if there is no room.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from playhead.worlds import edits, generate
from playhead.worlds.rng import Rng
from playhead.worlds.script import (
    MAX_CAST,
    Card,
    Enter,
    Event,
    Exit,
    Place,
    Scene,
    World,
    min_gap_ms,
    min_visible_ms,
)


def stays(world: World, actor: int) -> list[int]:
    """The scenes whose cast has the actor."""
    return [i for i, scene in enumerate(world.scenes) if actor in scene.cast]


def scenes_in(world: World, place: str) -> list[int]:
    """The scenes that play in a place."""
    return [i for i, scene in enumerate(world.scenes) if scene.place == place]


def places_of(world: World, actor: int) -> list[Place]:
    """Where an actor is seen at all, each place once, in order of first sight."""
    return list(dict.fromkeys(world.scenes[i].place for i in stays(world, actor)))


def all_places(world: World) -> list[Place]:
    """Every place of the world, each once, in order of first sight."""
    return list(dict.fromkeys(scene.place for scene in world.scenes))


def draw_stay(world: World, rng: Rng) -> tuple[int, int] | None:
    """A scene and one of its cast; None if nobody is ever there."""
    scenes = [i for i, scene in enumerate(world.scenes) if scene.cast]
    if not scenes:
        return None
    scene = rng.choice(scenes)
    return scene, rng.choice(world.scenes[scene].cast)


def cards(world: World, actor: int | None = None, place: str | None = None) -> list[Card]:
    """The cards of an actor, in a place, or both."""
    return [
        card
        for card in world.events_of(Card)
        if (actor is None or card.actor == actor)
        and (place is None or world.place_of(card) == place)
    ]


def codes(world: World) -> set[str]:
    """Every text on a card."""
    return {card.glyphs for card in world.events_of(Card)}


def new_code(world: World, rng: Rng) -> str:
    """Random glyphs that no card shows, alone or in a link."""
    used = {part for text in codes(world) for part in text.split(">")}
    while (code := generate.code(rng, world.knobs.code_length)) in used and len(used) < 20:
        pass
    return code


def length_in(world: World, scene: Scene) -> int:
    """How long a card, thing or sign is shown in a scene: the knob, or less in a short scene."""
    room = scene.end_ms - scene.start_ms - 2 * min_gap_ms(world.knobs)
    return max(min_visible_ms(world.knobs), min(world.knobs.event_ms, room))


def put(world: World, event: Event, rng: Rng) -> World | None:
    """The world with `event` at a random free time of its scene."""
    fitting = edits.fit(world, event, rng)
    return None if fitting is None else edits.add_event(world, fitting)


def raise_card(world: World, scene: int, actor: int, glyphs: str, rng: Rng) -> World | None:
    """The world with a card more."""
    here = world.scenes[scene]
    end = here.start_ms + length_in(world, here)
    card = Card(scene=scene, start_ms=here.start_ms, end_ms=end, actor=actor, glyphs=glyphs)
    return put(world, card, rng)


def raise_somewhere(
    world: World, scenes: list[int], actor: int, glyphs: str, rng: Rng
) -> World | None:
    """The world with a card more in one of some scenes, a random one that has room."""
    for scene in rng.shuffled(scenes):
        more = raise_card(world, scene, actor, glyphs, rng)
        if more is not None:
            return more
    return None


def seat(world: World, scene: int, actor: int, rng: Rng) -> World:
    """The world with an actor in a scene, in somebody's place if it is full.

    On several cameras it leaves the scenes of other cameras that run at the same time.
    """
    here = world.scenes[scene]
    if actor in here.cast:
        return world
    for other in _at_once(world, scene):
        if actor in world.scenes[other].cast:
            world = leave(world, other, actor)
    cast = list(here.cast)
    if len(cast) < MAX_CAST:
        cast.insert(rng.below(len(cast) + 1), actor)
    else:
        cast[rng.below(len(cast))] = actor
    return edits.set_cast(world, scene, cast)


def seat_all(world: World, scene: int, actors: Sequence[int], rng: Rng) -> World:
    """The world with several actors in a scene at once."""
    for actor in actors:
        spare = [a for a in world.scenes[scene].cast if a not in actors]
        if actor not in world.scenes[scene].cast and len(world.scenes[scene].cast) == MAX_CAST:
            world = leave(world, scene, rng.choice(spare))
        world = seat(world, scene, actor, rng)
    return world


def leave(world: World, scene: int, actor: int) -> World:
    """The world without an actor in a scene, nor what it did there."""
    return edits.set_cast(world, scene, [a for a in world.scenes[scene].cast if a != actor])


def _at_once(world: World, scene: int) -> Iterator[int]:
    here = world.scenes[scene]
    for i, other in enumerate(world.scenes if world.num_cameras > 1 else ()):
        overlap = other.start_ms < here.end_ms and here.start_ms < other.end_ms
        if overlap and other.camera != here.camera:
            yield i


def without_turns(world: World, scene: int, actor: int) -> World:
    """The world in which an actor is in a scene from its start to its end."""
    doomed = [
        event
        for event in world.events_in(scene)
        if isinstance(event, Enter | Exit) and event.actor == actor
    ]
    return edits.remove(world, *doomed) if doomed else world
