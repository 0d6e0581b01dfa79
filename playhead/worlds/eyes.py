"""Oracle eyes: from a picture of a world back to facts, by pixels alone.

`perceive(picture)` sees what a perfect observer sees: the place, who stands there, what is held up,
the lamp, the door, the cups, signs and overlays. It gets a picture and nothing else, no script and
no time, so it is an honest stand-in for a perfect vision model: what it cannot see, it does not
know. `NoisyEyes` is the stand-in for imperfect ones.

The one idea: the stage is laid out by rule (`layout`), so the eyes know where to look. They find
the camera's shift by the name plate, and compare what they see with templates of the same sprites,
fonts and palette that painted it. It works on raw frames, after H.264, and on shrunk pictures.

One picture shows no motion. To see that something moves, or how often it flashes, look at more.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from string import ascii_uppercase

import cv2
import numpy as np

from playhead.worlds import script
from playhead.worlds.figures import find_actors
from playhead.worlds.font import PRINTABLE
from playhead.worlds.layout import Layout
from playhead.worlds.noisy import NoisyEyes
from playhead.worlds.reading import difference, grids_of, ink_of, read_line
from playhead.worlds.script import (
    CARD_TEXT,
    LAMP_COLORS,
    NUM_CUPS,
    PLACES,
    Actor,
    LampColor,
    Place,
    Thing,
)
from playhead.worlds.seen import (
    Rect,
    Seen,
    SeenActor,
    SeenCard,
    SeenCups,
    SeenSign,
    SeenText,
    SeenThing,
)
from playhead.worlds.sprites import (
    BALL,
    DOOR_CLOSED,
    DOOR_OPEN,
    INK,
    LAMP_OFF,
    PALETTE,
    THINGS,
    Mask,
    Picture,
    cup_sprite,
)
from playhead.worlds.view import BRIGHT, View, blobs, cut, look

__all__ = [
    "NoisyEyes",
    "Seen",
    "SeenActor",
    "SeenCard",
    "SeenCups",
    "SeenSign",
    "SeenText",
    "SeenThing",
    "perceive",
    "read_plates",
]

_MOST_ERROR = 0.16
"""Mean square difference per dot beyond which a name or a thing is another."""
_LEAST_SIDE = 64
"""Pixels. In smaller pictures there is nothing to be seen."""
_BLACK = 46
"""Brightness of the plates that show things, at most."""


def perceive(picture: Picture) -> Seen:
    """What a picture `[H, W, 3]` of a world shows.

    It may be any size that kept the world's proportions; what has become too small is not seen.
    """
    if min(picture.shape[:2]) < _LEAST_SIDE:
        return Seen()
    view, place = _find_plate(look(picture))
    actors, half_seen = find_actors(view)
    cards, things = _raised(view, actors)
    return Seen(
        place=place,
        actors=tuple(seen for seen, _ in actors),
        half_seen=tuple(half_seen),
        cards=tuple(cards),
        things=tuple(things),
        sign=_sign(view),
        lamp=_lamp(view),
        door_open=_door_open(view),
        cups=_cups(view),
        overlay=_overlay(view),
    )


def read_plates(picture: Picture) -> tuple[SeenText, ...]:
    """Every legible plate of black text on white, in a picture `[H, W, 3]` of any part of a world.

    For crops: unlike `perceive` it does not need to know where in the stage it is looking.
    """
    view = look(picture)
    boxes = blobs(view.bright, (0, 0, *picture.shape[:2]))
    found: list[SeenText] = []
    for box in boxes:
        if min(box[2] - box[0], box[3] - box[1]) >= 8:
            text = read_line(ink_of(cut(view.gray, box)), PRINTABLE.replace(" ", ""))
            if text is not None:
                found.append(SeenText(text=text, box=box))
    return tuple(found)


def _find_plate(view: View) -> tuple[View, Place | None]:
    """The name plate tells the place and how far the camera has moved."""
    layout = view.layout
    top, left = layout.label
    bottom = top + 15 * layout.dot
    boxes = blobs(view.bright, (0, 0, bottom, layout.width * 6 // 10))
    boxes = [box for box in boxes if box[2] - box[0] >= 7 and box[3] - box[1] >= 20]
    if not boxes:
        return view, None
    box = max(boxes, key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
    shift = (box[0] - top - 1, box[1] - left - 1)
    most = layout.margin
    if max(abs(shift[0]), abs(shift[1])) > most:
        return view, None
    return replace(view, shift=shift), _place(view, box)


def _place(view: View, box: Rect) -> Place | None:
    """The name on a plate: as it reads, or else the one that is least unlike it."""
    ink = ink_of(cut(view.gray, box))
    name = (read_line(ink, ascii_uppercase) or "").lower()
    for place in PLACES:
        if name == place:
            return place
    grids = list(grids_of(ink))
    errors = {place: difference(grids, place.upper()) for place in PLACES}
    nearest = min(PLACES, key=lambda p: errors[p])
    return nearest if errors[nearest] < _MOST_ERROR else None


def _raised(
    view: View, actors: list[tuple[SeenActor, int]]
) -> tuple[list[SeenCard], list[SeenThing]]:
    layout, (dy, _) = view.layout, view.shift
    height, _ = layout.card(1)
    top = (layout.wall.bottom + layout.card_row - height // 2) // 2 + dy
    zone = (top, 0, layout.card_row + height // 2 + 3 + dy, layout.width)
    cards: list[SeenCard] = []
    things: list[SeenThing] = []
    for top, left, bottom, right in blobs(view.gray < _BLACK, zone):
        box = (top, left, min(bottom, top + right - left), right)  # without the stick below it
        thing = _thing(view, box)
        if thing is not None:
            things.append(SeenThing(thing=thing, holder=_holder(view, box, actors), box=box))
    for box in blobs(view.bright, zone):
        is_large = min(box[2] - box[0], box[3] - box[1]) >= height * 6 // 10
        if is_large and not any(_is_inside(box, seen.box) for seen in things):
            text = read_line(ink_of(cut(view.gray, box)), CARD_TEXT)
            cards.append(SeenCard(text=text, holder=_holder(view, box, actors), box=box))
    return cards, things


def _is_inside(box: Rect, other: Rect) -> bool:
    return other[0] <= box[0] and other[1] <= box[1] and box[2] <= other[2] and box[3] <= other[3]


def _holder(view: View, box: Rect, actors: list[tuple[SeenActor, int]]) -> Actor | None:
    """Whose stick goes up to it: the darkest column below it."""
    reach = (box[3] - box[1]) // 2 + view.layout.margin
    middle = (box[1] + box[3]) // 2
    best, darkest = None, 255.0
    for seen, column in actors:
        if abs(column - middle) > reach:
            continue
        strip = view.gray[box[2] + 2 : max(seen.box[0] - 1, box[2] + 5), column - 2 : column + 3]
        level = float(strip.mean(axis=0).min()) if strip.size else 255.0
        if level < darkest:
            best, darkest = seen.actor, level
    return best


def _thing(view: View, box: Rect) -> Thing | None:
    size = view.layout.thing
    height, width = box[2] - box[0], box[3] - box[1]
    if not (0.6 * size <= min(height, width) <= max(height, width) <= 1.25 * size):
        return None
    light = cut(view.gray, box).astype(np.float32) / 255.0
    dots = cv2.resize(light, (11, 11), interpolation=cv2.INTER_AREA)[1:-1, 1:-1]
    errors = {name: float(np.square(dots - THINGS[name]).mean()) for name in script.THINGS}
    best = min(script.THINGS, key=lambda name: errors[name])
    return best if errors[best] < _MOST_ERROR else None


def _sign(view: View) -> SeenSign | None:
    wall, (dy, dx) = view.layout.wall, view.shift
    zone = (wall.top + dy - 2, wall.left + dx - 2, wall.bottom + dy + 2, wall.right + dx + 2)
    boxes = [b for b in blobs(view.bright, zone) if b[2] - b[0] >= 8 and b[3] - b[1] >= 8]
    if not boxes:
        return None
    box = max(boxes, key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
    return SeenSign(text=read_line(ink_of(cut(view.gray, box)), CARD_TEXT), box=box)


def _lamp(view: View) -> LampColor | None:
    row, column, radius = view.layout.lamp
    row, column, half = row + view.shift[0], column + view.shift[1], max(1, radius // 2)
    middle = view.picture[row - half : row + half + 1, column - half : column + half + 1]
    color = middle.reshape(-1, 3).mean(axis=0)
    colors: list[LampColor | None] = [None, *LAMP_COLORS]
    shades = {name: LAMP_OFF if name is None else PALETTE[name] for name in colors}
    return min(colors, key=lambda name: float(np.square(color - np.array(shades[name])).sum()))


def _door_open(view: View) -> bool:
    door, (dy, dx) = view.layout.door, view.shift
    part = view.picture[
        door.top + door.height // 5 + dy : door.top + door.height * 2 // 5 + dy,
        door.left + door.width * 2 // 5 + dx : door.left + door.width * 4 // 5 + dx,
    ]
    color = part.reshape(-1, 3).mean(axis=0)
    near = [float(np.square(color - np.array(shade)).sum()) for shade in (DOOR_OPEN, DOOR_CLOSED)]
    return near[0] < near[1]


def _cups(view: View) -> SeenCups | None:
    layout, (dy, dx) = view.layout, view.shift
    table = view.bright[layout.table.top + dy : min(layout.table.bottom, layout.table.bottom + dy)]
    standing, lifted = _cup_masks(layout)
    if table.sum() < lifted.sum() // 3:
        return None
    row = layout.table.center[0] + dy + layout.size(1)
    height, width = standing.shape
    slots: list[int] = []
    num_lifted, ball = 0, None
    for slot in range(NUM_CUPS):
        top, left = row - height // 2, layout.cup(slot) + dx - width // 2
        window = view.bright[top : top + height, left : left + width]
        below = view.picture[top + height // 2 : top + height, left : left + width]
        if window.shape != standing.shape:
            continue
        if window[standing].mean() > 0.6:
            slots.append(slot)
        elif window[lifted].mean() > 0.45 and window[height * 6 // 10 :].mean() < 0.2:
            slots.append(slot)
            num_lifted += 1
            if _is_red(below):
                ball = slot
    return SeenCups(slots=tuple(slots), lifted=num_lifted == NUM_CUPS, ball=ball)


@lru_cache(maxsize=16)
def _cup_masks(layout: Layout) -> tuple[Mask, Mask]:
    masks: list[Mask] = []
    for lifted in (False, True):
        sprite = cup_sprite(layout, lifted=lifted, ball=False)
        masks.append((sprite.pixels.min(axis=2) > BRIGHT) & sprite.mask[:, :, 0])
    return masks[0], masks[1]


def _is_red(pixels: Picture) -> bool:
    distance = np.square(pixels.astype(np.int32) - np.array(BALL)).sum(axis=2)
    return bool((distance < 90**2).mean() > 0.12)


def _overlay(view: View) -> str | None:
    box = view.layout.banner
    if view.dark[box.top + 1 : box.bottom].mean() < 0.4:
        return None
    light = view.gray[box.top + 1 : box.bottom - 1]
    ink = np.clip((light.astype(np.float32) - INK[0]) / 200.0, 0, 1)
    return read_line(ink, PRINTABLE)
