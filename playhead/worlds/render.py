"""Painting a script: the picture of any moment, at once.

    picture = Renderer(world).frame(12_500)

The one idea: a picture is a pure function of the script and a time in milliseconds, found by
bisection (which scene, which of its events) and put together from cached parts: places, actors,
plates. Only whole numbers decide about pixels, so the same script gives the same bytes everywhere.

Painted in this order: place, lamp, door, sign, actors (those who do something last), raised card or
thing, cups, noise, banner. The zones of `layout` keep them from covering each other. A panning or
shaking camera moves everything but the banner by at most `margin` pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import numpy as np

from playhead.worlds.font import text_mask
from playhead.worlds.layout import Layout
from playhead.worlds.places import (
    door_picture,
    lamp_corner,
    lamp_picture,
    place_background,
    plate,
)
from playhead.worlds.rng import noise
from playhead.worlds.script import (
    ActorEvent,
    Blink,
    Card,
    Carry,
    Door,
    Enter,
    Event,
    Exit,
    Game,
    Lamp,
    Overlay,
    Place,
    Scene,
    Sign,
    Swap,
    World,
)
from playhead.worlds.sprites import (
    BANNER,
    SIGN,
    STICK,
    WHITE,
    Picture,
    Sprite,
    actor_sprite,
    cup_sprite,
    thing_plate,
)

T = TypeVar("T")

_SWAY = (0, 1, 2, 1, 0, -1, -2, -1)
_MOST_PARTS = 2048


def render(world: World, time_ms: int, camera: int = 0) -> Picture:
    """The picture `[H, W, 3]` at a time. For more than a few, keep a `Renderer`.

    Raises:
        IndexError: No such camera, or a time outside the world.
    """
    return Renderer(world).frame(time_ms, camera)


class Renderer:
    """Paints one world. Owns the parts it has painted before; not for two threads at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.layout = Layout(world.height, world.width)
        self._parts: dict[Hashable, Any] = {}
        self._margin = self.layout.margin

    def frame(self, time_ms: int, camera: int = 0) -> Picture:
        """The picture `[H, W, 3]` of a camera at a time; yours to change.

        Raises:
            IndexError: No such camera, or a time outside the world.
        """
        index = self.world.scene_at(time_ms, camera)
        scene, layout = self.world.scenes[index], self.layout
        active = [e for e in self.world.events_in(index) if e.start_ms <= time_ms < e.end_ms]
        dy, dx = _camera_shift(scene, time_ms, layout)
        picture = self._background(scene.place, dy, dx)
        for event in active:
            self._paint_wall(picture, event, dy, dx)
        self._paint_actors(picture, index, scene, active, time_ms, dy, dx)
        for event in active:
            if isinstance(event, Game):
                self._paint_game(picture, event, active, time_ms, dy, dx)
        if self.world.knobs.noise:
            _add_noise(picture, self.world, time_ms, camera)
        for event in active:
            if isinstance(event, Overlay):
                self._paint_banner(picture, event)
        return picture

    def _part(self, key: Hashable, paint: Callable[[], T]) -> T:
        if key not in self._parts:
            if len(self._parts) >= _MOST_PARTS:
                self._parts.clear()
            self._parts[key] = paint()
        return cast(T, self._parts[key])

    def _background(self, place: Place, dy: int, dx: int) -> Picture:
        margin = self._margin
        whole = self._part(("place", place), lambda: place_background(place, self.layout, margin))
        top, left = margin - dy, margin - dx
        return whole[top : top + self.layout.height, left : left + self.layout.width].copy()

    def _actor(self, actor: int, *, flashing: bool) -> Sprite:
        return self._part(
            ("actor", actor, flashing),
            lambda: actor_sprite(self.world.actors[actor], self.layout, flashing=flashing),
        )

    def _turns(self, index: int) -> dict[int, list[Enter | Exit]]:
        def collect() -> dict[int, list[Enter | Exit]]:
            turns: dict[int, list[Enter | Exit]] = {}
            for event in self.world.events_in(index):
                if isinstance(event, Enter | Exit):
                    turns.setdefault(event.actor, []).append(event)
            return turns

        return self._part(("turns", index), collect)

    def _paint_wall(self, picture: Picture, event: Event, dy: int, dx: int) -> None:
        layout = self.layout
        if isinstance(event, Lamp):
            color = event.color
            lamp = self._part(("lamp", color), lambda: lamp_picture(color, layout))
            _paste(picture, lamp, *_moved(lamp_corner(layout), dy, dx))
        elif isinstance(event, Door):
            door = self._part("door", lambda: door_picture(layout, is_open=True))
            _paste(picture, door, layout.door.top + dy, layout.door.left + dx)
        elif isinstance(event, Sign):
            self._paint_sign(picture, event, dy, dx)

    def _paint_actors(
        self, picture: Picture, index: int, scene: Scene, active: list[Event], time_ms: int,
        dy: int, dx: int,
    ) -> None:  # fmt: skip
        layout, turns = self.layout, self._turns(index)
        doing = {event.actor: event for event in active if isinstance(event, ActorEvent)}
        slots = sorted(range(len(scene.cast)), key=lambda slot: scene.cast[slot] in doing)
        for slot in slots:
            actor = scene.cast[slot]
            sunk = self._sunk(turns.get(actor, []), time_ms)
            if sunk is None:
                continue
            event = doing.get(actor)
            flashing = isinstance(event, Blink) and _shines(event, time_ms)
            column = layout.slot(slot, len(scene.cast)) + dx + self._sway(actor, time_ms)
            if isinstance(event, Card | Carry):
                self._paint_raised(picture, event, column, dy)
            sprite = self._actor(actor, flashing=flashing)
            _put(picture, sprite, layout.actor_row + sunk + dy, column, layout.edge + dy)

    def _sway(self, actor: int, time_ms: int) -> int:
        return _SWAY[(time_ms // 500 + 3 * actor) % len(_SWAY)] * self.layout.size(1)

    def _sunk(self, turns: list[Enter | Exit], time_ms: int) -> int | None:
        """How far an actor is below its place, in pixels. None: not to be seen."""
        state = None if turns and isinstance(turns[0], Enter) else 0
        for turn in turns:
            if time_ms < turn.start_ms:
                break
            enters = isinstance(turn, Enter)
            if time_ms >= turn.end_ms:
                state = 0 if enters else None
                continue
            depth = self.layout.edge - self.layout.actor_row + 2 * self.layout.radius
            done, whole = time_ms - turn.start_ms, turn.end_ms - turn.start_ms
            state = depth * (whole - done if enters else done) // whole
        return state

    def _paint_raised(self, picture: Picture, event: Card | Carry, column: int, dy: int) -> None:
        layout = self.layout
        if isinstance(event, Card):
            part = self._part(("card", event.glyphs), lambda: plate(event.glyphs, layout, WHITE))
        else:
            part = self._part(("thing", event.thing), lambda: thing_plate(event.thing, layout))
        height, width, _ = part.shape
        box = layout.raised(column, height, width)
        head = layout.actor_row - layout.radius - layout.size(2) + dy
        half = max(1, layout.dot // 2)
        picture[box.bottom + dy : head, column - half : column + half] = STICK
        _paste(picture, part, box.top + dy, box.left)

    def _paint_sign(self, picture: Picture, sign: Sign, dy: int, dx: int) -> None:
        part = self._part(
            ("sign", sign.text, sign.glyph_px),
            lambda: plate(
                sign.text, self.layout, SIGN, glyph_px=sign.glyph_px, pad=2 + sign.glyph_px // 3
            ),
        )
        row, column = self.layout.wall.center
        height, width, _ = part.shape
        _paste(picture, part, row - height // 2 + dy, column - width // 2 + dx)

    def _paint_game(
        self, picture: Picture, game: Game, active: list[Event], time_ms: int, dy: int, dx: int
    ) -> None:
        layout, lifted = self.layout, time_ms < game.reveal_ms
        swap = next((event for event in active if isinstance(event, Swap)), None)
        row = layout.table.center[0] + dy + layout.size(1)
        for slot in _back_to_front(swap):
            ball = lifted and slot == game.ball
            cup = self._part(
                ("cup", lifted, ball),
                lambda b=ball: cup_sprite(layout, lifted=lifted, ball=b),
            )
            down, column = _cup_at(layout, slot, swap, time_ms)
            _put(picture, cup, row + down, column + dx, layout.height)

    def _paint_banner(self, picture: Picture, event: Overlay) -> None:
        box, dot = self.layout.banner, self.layout.dot
        mask = self._part(("banner", event.text), lambda: text_mask(event.text, 7 * dot))
        picture[box.top : box.bottom] = BANNER
        top = box.top + (box.height - mask.shape[0]) // 2
        left = (box.width - mask.shape[1]) // 2
        picture[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = WHITE


def _camera_shift(scene: Scene, time_ms: int, layout: Layout) -> tuple[int, int]:
    """How far everything is moved down and to the right, in pixels."""
    if scene.motion == "pan":
        along = (time_ms - scene.start_ms) % 8_000 * 24 // 8_000  # out, back, to the other side
        steps = along if along <= 6 else 12 - along if along <= 18 else along - 24
        return 0, steps * layout.size(1)
    if scene.motion == "shake":
        step = (time_ms // 100 * 2_654_435_761 + scene.start_ms) % 2**32 >> 8
        return (step % 5 - 2) * layout.size(1), (step // 5 % 5 - 2) * layout.size(1)
    return 0, 0


def _shines(blink: Blink, time_ms: int) -> bool:
    return (time_ms - blink.start_ms) % blink.period_ms < blink.flash_ms


def _back_to_front(swap: Swap | None) -> tuple[int, ...]:
    """The cup that moves in front is painted last."""
    if swap is None:
        return (0, 1, 2)
    still = 3 - swap.a - swap.b
    return (swap.a, still, swap.b)


def _cup_at(layout: Layout, slot: int, swap: Swap | None, time_ms: int) -> tuple[int, int]:
    """How far down, and in which column, the cup is that was in `slot` before the swap."""
    column = layout.cup(slot)
    if swap is None or slot not in (swap.a, swap.b):
        return 0, column
    done, whole = time_ms - swap.start_ms, swap.end_ms - swap.start_ms
    other = layout.cup(swap.b if slot == swap.a else swap.a)
    arc = layout.size(4) * 4 * done * (whole - done) // (whole * whole)
    return (-arc if slot == swap.a else arc), column + (other - column) * done // whole


def _moved(corner: tuple[int, int], dy: int, dx: int) -> tuple[int, int]:
    return corner[0] + dy, corner[1] + dx


def _paste(picture: Picture, part: Picture, top: int, left: int) -> None:
    """Put a rectangle on a picture, cut off at its edges."""
    height, width, _ = part.shape
    inner = part[max(-top, 0) : picture.shape[0] - top, max(-left, 0) : picture.shape[1] - left]
    picture[max(top, 0) : top + height, max(left, 0) : left + width] = inner


def _put(picture: Picture, sprite: Sprite, row: int, column: int, end_row: int) -> None:
    """Put a sprite on a picture, cut off at `end_row` and at the edges of the picture."""
    height, width, _ = picture.shape
    top, left = row - sprite.row, column - sprite.column
    first_row, last_row = max(top, 0), min(top + sprite.mask.shape[0], end_row, height)
    first, last = max(left, 0), min(left + sprite.mask.shape[1], width)
    if first_row >= last_row or first >= last:
        return
    part = (slice(first_row - top, last_row - top), slice(first - left, last - left))
    np.copyto(picture[first_row:last_row, first:last], sprite.pixels[part], where=sprite.mask[part])


def _add_noise(picture: Picture, world: World, time_ms: int, camera: int) -> None:
    most = world.knobs.noise
    drawn = noise(world.seed, "noise", camera, time_ms, num=picture.size) % (2 * most + 1)
    noisy = picture.astype(np.int16) + drawn.reshape(picture.shape).astype(np.int16) - most
    picture[:] = np.clip(noisy, 0, 255).astype(np.uint8)
