"""Pointing: questions that say "this one" and show a part of a frame.

The ask holds a time and a seat (which actor of the cast, from the left); the question holds the
same as a rectangle in a frame.
"""

from __future__ import annotations

from playhead.core.media import Region
from playhead.worlds import edits
from playhead.worlds.families.base import Ask, Pointer
from playhead.worlds.layout import Layout
from playhead.worlds.rng import Rng
from playhead.worlds.script import World


def box_of_seat(layout: Layout, seat: int, num: int) -> Region:
    """Around the actor in slot `seat` of `num`, with room for its hat and for camera shake."""
    half = min(layout.width // (2 * num), 2 * layout.radius)
    column = layout.slot(seat, num)
    return Region(
        top=(layout.actor_row - 2 * layout.radius) / layout.height,
        left=max(0, column - half) / layout.width,
        bottom=layout.edge / layout.height,
        right=min(layout.width, column + half) / layout.width,
    )


def draw_moment(world: World, rng: Rng, scene: int) -> int:
    """A time in milliseconds at which a film of any rate surely shows the scene."""
    here, frame = world.scenes[scene], -(-1000 // world.fps)
    return rng.between(here.start_ms + 2 * frame, here.end_ms - 2 * frame)


def point(world: World, ask: Ask) -> tuple[Pointer, ...]:
    """The picture that an ask with `time_ms`, `seat` and perhaps `camera_at` points with."""
    if "seat" not in ask.slots:
        return ()
    time_ms, camera = ask.number("time_ms"), int(str(ask.slots.get("camera_at", 0)))
    scene = world.scenes[world.scene_at(time_ms, camera)]
    roi = box_of_seat(Layout(world.height, world.width), ask.number("seat"), len(scene.cast))
    return (Pointer(time_s=time_ms / 1000, roi=roi, camera=camera),)


def pointed(world: World, ask: Ask) -> int | None:
    """The actor pointed at; None if nobody stands there then."""
    time_ms, camera = ask.number("time_ms"), int(str(ask.slots.get("camera_at", 0)))
    if not 0 <= time_ms < world.duration_ms:
        return None
    scene = world.scene_at(time_ms, camera)
    cast, seat = world.scenes[scene].cast, ask.number("seat")
    if seat >= len(cast):
        return None
    stands = edits.standing_ms(world, scene, cast[seat])
    return cast[seat] if any(a <= time_ms < b for a, b in stands) else None
