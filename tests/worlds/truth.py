"""What a picture of a world must show, read off the script in a second, simple way."""

from __future__ import annotations

from dataclasses import dataclass

from playhead.worlds.edits import present_ms, standing_ms
from playhead.worlds.eyes import Seen
from playhead.worlds.script import (
    Actor,
    Blink,
    Card,
    Carry,
    Door,
    Game,
    Lamp,
    Overlay,
    Sign,
    Swap,
    World,
)


@dataclass(frozen=True)
class Truth:
    """The facts of one moment."""

    place: str
    actors: tuple[tuple[Actor, bool], ...]
    """Who stands, and whether they flash, from left to right."""
    coming: tuple[Actor, ...]
    """Who is on the way up or down."""
    cards: tuple[tuple[str, Actor], ...]
    things: tuple[tuple[str, Actor], ...]
    sign: str | None
    lamp: str | None
    door_open: bool
    overlay: str | None
    game: Game | None
    swap: Swap | None


def truth_at(world: World, time_ms: int, camera: int = 0) -> Truth:
    index = next(
        i
        for i, scene in enumerate(world.scenes)
        if scene.camera == camera and scene.start_ms <= time_ms < scene.end_ms
    )
    scene = world.scenes[index]
    now = [e for e in world.events if e.scene == index and e.start_ms <= time_ms < e.end_ms]

    def is_in(spans: list[tuple[int, int]]) -> bool:
        return any(start <= time_ms < end for start, end in spans)

    flashing = {
        e.actor
        for e in now
        if isinstance(e, Blink) and any(a <= time_ms < b for a, b in e.flash_spans_ms)
    }
    standing = [a for a in scene.cast if is_in(standing_ms(world, index, a))]
    present = [a for a in scene.cast if is_in(present_ms(world, index, a))]
    return Truth(
        place=scene.place,
        actors=tuple((world.actors[a], a in flashing) for a in standing),
        coming=tuple(world.actors[a] for a in present if a not in standing),
        cards=tuple((e.glyphs, world.actors[e.actor]) for e in now if isinstance(e, Card)),
        things=tuple((e.thing, world.actors[e.actor]) for e in now if isinstance(e, Carry)),
        sign=next((e.text for e in now if isinstance(e, Sign)), None),
        lamp=next((e.color for e in now if isinstance(e, Lamp)), None),
        door_open=any(isinstance(e, Door) for e in now),
        overlay=next((e.text for e in now if isinstance(e, Overlay)), None),
        game=next((e for e in now if isinstance(e, Game)), None),
        swap=next((e for e in now if isinstance(e, Swap)), None),
    )


def mistakes(seen: Seen, truth: Truth, time_ms: int) -> list[str]:
    """Every way in which what was seen is not the truth, by kind."""
    wrong: list[str] = []
    whole = [s for s in seen.actors if s.actor not in truth.coming]  # almost up is as good as up
    pairs = {
        "place": (seen.place, truth.place),
        "actors": ([s.actor for s in whole], [a for a, _ in truth.actors]),
        "flashing": ([s.flashing for s in whole], [f for _, f in truth.actors]),
        "cards": ([s.text for s in seen.cards], [text for text, _ in truth.cards]),
        "card holders": ([s.holder for s in seen.cards], [a for _, a in truth.cards]),
        "things": ([s.thing for s in seen.things], [thing for thing, _ in truth.things]),
        "thing holders": ([s.holder for s in seen.things], [a for _, a in truth.things]),
        "sign": (seen.sign.text if seen.sign else None, truth.sign),
        "lamp": (seen.lamp, truth.lamp),
        "door": (seen.door_open, truth.door_open),
        "overlay": (seen.overlay, truth.overlay),
        "cups": (seen.cups is not None, truth.game is not None),
    }
    wrong += [f"{what}: saw {a}, was {b}" for what, (a, b) in pairs.items() if a != b]
    if seen.cups is not None and truth.game is not None:
        shown = time_ms < truth.game.reveal_ms
        if seen.cups.lifted != shown or seen.cups.ball != (truth.game.ball if shown else None):
            wrong.append(f"ball: saw {seen.cups}, was {truth.game} at {time_ms}")
        if truth.swap is None and seen.cups.slots != (0, 1, 2):
            wrong.append(f"cups at rest: saw {seen.cups}")
        if truth.swap is not None:
            done = (time_ms - truth.swap.start_ms) / (truth.swap.end_ms - truth.swap.start_ms)
            pair = tuple(sorted((truth.swap.a, truth.swap.b)))
            if 0.12 < done < 0.88 and seen.cups.swapping != pair:
                wrong.append(f"swap: saw {seen.cups}, was {truth.swap} at {done:.2f}")
    return wrong
