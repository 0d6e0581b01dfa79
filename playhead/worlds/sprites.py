"""What things look like: colours, shapes, patterns, hats, things, cups, made of whole numbers.

A picture decision is never a float: shapes are inequalities and polygons in integers, so that every
machine and every numpy paints the same pixels. The palette keeps three worlds apart: actors and
lamps are saturated, places are dull and of middle brightness, and what is written is black on
white. That makes the pictures readable by people, by models and by the oracle eyes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.layout import Layout
from playhead.worlds.script import Actor

Mask = NDArray[np.bool_]
Grid = NDArray[np.int64]
Picture = NDArray[np.uint8]
Rgb = tuple[int, int, int]

PALETTE: Mapping[str, Rgb] = MappingProxyType(
    {
        "red": (222, 34, 40),
        "orange": (250, 138, 16),
        "yellow": (246, 224, 40),
        "green": (44, 160, 56),
        "cyan": (40, 206, 222),
        "blue": (52, 92, 240),
        "purple": (136, 46, 190),
        "pink": (255, 140, 200),
    }
)
INK: Rgb = (18, 18, 18)
WHITE: Rgb = (255, 255, 255)
LABEL: Rgb = (246, 240, 218)
SIGN: Rgb = (226, 236, 248)
STICK: Rgb = (60, 44, 30)
LAMP_OFF: Rgb = (72, 72, 76)
DOOR_CLOSED: Rgb = (124, 84, 52)
DOOR_OPEN: Rgb = (14, 14, 22)
DOOR_FRAME: Rgb = (74, 58, 44)
TABLE: Rgb = (104, 92, 80)
CUP: Rgb = (236, 236, 228)
BALL: Rgb = (230, 24, 24)
BANNER: Rgb = (10, 10, 10)

_STAR = (
    (0, -1000), (245, -330), (951, -309), (390, 130), (588, 809),
    (0, 420), (-588, 809), (-390, 130), (-951, -309), (-245, -330),
)  # fmt: skip
_TRIANGLE = ((0, -1000), (980, 850), (-980, 850))
_HEART = ((-930, -120), (0, -450), (930, -120), (0, 1000))


@dataclass(frozen=True, eq=False)
class Sprite:
    """A cut-out to be put on a picture."""

    pixels: Picture
    """RGB `[h, w, 3]`."""
    mask: Mask
    """`[h, w, 3]`: True where it covers what is behind."""
    row: int
    """Which of its rows lies on the row where it is put."""
    column: int
    """Which of its columns lies on the column where it is put."""


def inside_polygon(rows: Grid, columns: Grid, corners: tuple[tuple[int, int], ...]) -> Mask:
    """Which points lie inside a polygon of `(x, y)` corners, by crossings, in whole numbers."""
    inside = np.zeros(np.broadcast(rows, columns).shape, dtype=np.bool_)
    for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0]), strict=True):
        spans = (y1 > rows) != (y2 > rows)
        side = (columns - x1) * (y2 - y1) - (x2 - x1) * (rows - y1)
        inside ^= spans & ((side < 0) == (y2 > y1))
    return inside


def shape_mask(shape: str, radius: int) -> Mask:
    """`[2 radius + 1, 2 radius + 1]`: the silhouette of a body."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.int64)
    return _SHAPES[shape](y * 1000, x * 1000, radius)


def _circle(y: Grid, x: Grid, r: int) -> Mask:
    return x * x + y * y <= (960 * r) ** 2


def _square(y: Grid, x: Grid, r: int) -> Mask:
    return np.maximum(abs(x), abs(y)) <= 840 * r


def _diamond(y: Grid, x: Grid, r: int) -> Mask:
    return abs(x) * 5 + abs(y) * 4 <= 4000 * r


def _cross(y: Grid, x: Grid, r: int) -> Mask:
    return np.minimum(abs(x), abs(y)) <= 320 * r


def _moon(y: Grid, x: Grid, r: int) -> Mask:
    hollow = (x - 480 * r) ** 2 + (y - 60 * r) ** 2 <= (760 * r) ** 2
    return (x * x + y * y <= (1000 * r) ** 2) & ~hollow


def _heart(y: Grid, x: Grid, r: int) -> Mask:
    lobes = (abs(x) - 480 * r) ** 2 + (y + 380 * r) ** 2 <= (520 * r) ** 2
    return lobes | _polygon(y, x, r, _HEART)


def _polygon(y: Grid, x: Grid, r: int, corners: tuple[tuple[int, int], ...]) -> Mask:
    return inside_polygon(y, x, tuple((cx * r, cy * r) for cx, cy in corners))


_SHAPES: Mapping[str, Callable[[Grid, Grid, int], Mask]] = {
    "circle": _circle,
    "square": _square,
    "triangle": lambda y, x, r: _polygon(y, x, r, _TRIANGLE),
    "star": lambda y, x, r: _polygon(y, x, r, _STAR),
    "diamond": _diamond,
    "cross": _cross,
    "heart": _heart,
    "moon": _moon,
}


def pattern_mask(pattern: str, radius: int) -> Mask:
    """`[2 radius + 1, 2 radius + 1]`: where a body's pattern is ink, before it is cut to shape."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.int64)
    step = max(3, radius * 2 // 9)
    if pattern == "striped":
        return (y + 100 * step + step // 2) // step % 2 == 1
    if pattern == "dotted":
        wide = 2 * step + step // 2
        dy, dx = (y + 50 * wide + wide // 2) % wide, (x + 50 * wide + wide // 2) % wide
        return (dy - wide // 2) ** 2 * 9 + (dx - wide // 2) ** 2 * 9 <= 9 * step * step // 2
    return np.zeros(y.shape, dtype=np.bool_)


def grown(mask: Mask, steps: int) -> Mask:
    """`mask` with everything within `steps` pixels of it (octagons, not circles)."""
    for step in range(steps):
        wider = mask.copy()
        for axis in (0, 1):
            wider[_cut(axis, 1)] |= mask[_cut(axis, -1)]
            wider[_cut(axis, -1)] |= mask[_cut(axis, 1)]
        if step % 2:
            for shift in (1, -1):
                wider[1:, _side(shift)] |= mask[:-1, _side(-shift)]
                wider[:-1, _side(shift)] |= mask[1:, _side(-shift)]
        mask = wider
    return mask


def _side(shift: int) -> slice:
    return slice(1, None) if shift > 0 else slice(None, -1)


def _cut(axis: int, shift: int) -> tuple[slice, slice]:
    side = _side(shift)
    return (side, slice(None)) if axis == 0 else (slice(None), side)


def hat_masks(hat: str, layout: Layout) -> tuple[Mask, Mask]:
    """`[h, w]` each: a hat's outline and what of it is white; the last row sits on the head."""
    height, half = layout.size(15), layout.size(9)
    line = max(2, layout.size(3))
    y, x = np.mgrid[0:height, -half - line : half + line + 1].astype(np.int64)
    if hat == "top hat":
        brim = y >= height - max(3, layout.size(4))
        outline = (abs(x) <= half * 2 // 3) | brim
        band = (y >= height * 5 // 12) & (y < height * 8 // 12) & (abs(x) < half * 2 // 3)
        return outline, band
    if hat == "party hat":
        outline = abs(x) * (height - 1) <= (half + 2) * y + height
        white = (abs(x) + line) * (height - 1) <= (half + 2) * y + height
        return outline, white & (y < height - line + 1)
    empty = np.zeros(y.shape, dtype=np.bool_)
    return empty, empty


@dataclass(frozen=True, eq=False)
class Figure:
    """The silhouette of an actor before it is coloured: all `[h, w]`."""

    body: Mask
    outline: Mask
    """The body and a dark line around it."""
    hat: Mask
    white: Mask
    """What of the hat is white."""
    pattern_at: tuple[slice, slice]
    """Where the body's pattern belongs."""
    row: int
    """The row of the body's middle."""
    column: int
    """The column of the body's middle."""


def figure(shape: str, hat: str, layout: Layout) -> Figure:
    """The silhouette of a shape with a hat, with room around it for a halo."""
    radius, pad = layout.radius, layout.size(5) + 2
    hat_outline, hat_white = hat_masks(hat, layout)
    top = pad + hat_outline.shape[0]
    height, width = top + 2 * radius + 1 + pad, 2 * radius + 1 + 2 * pad
    body, worn, white = (np.zeros((height, width), dtype=np.bool_) for _ in range(3))
    inner = (slice(top, top + 2 * radius + 1), slice(pad, pad + 2 * radius + 1))
    body[inner] = shape_mask(shape, radius)
    bottom = top + layout.size(3) + (radius // 5 if shape in ("square", "heart") else 0)
    left = pad + radius - hat_outline.shape[1] // 2
    place = (
        slice(bottom - hat_outline.shape[0], bottom),
        slice(left, left + hat_outline.shape[1]),
    )
    worn[place], white[place] = hat_outline, hat_white
    return Figure(
        body, grown(body, max(2, layout.size(2))), worn, white, inner, top + radius, pad + radius
    )


def actor_sprite(actor: Actor, layout: Layout, *, flashing: bool = False) -> Sprite:
    """An actor; its middle is the middle of its body. Flashing adds a white halo."""
    form = figure(actor.shape, actor.hat, layout)
    ink = np.zeros_like(form.body)
    ink[form.pattern_at] = pattern_mask(actor.pattern, layout.radius)
    pixels = np.full((*ink.shape, 3), WHITE, dtype=np.uint8)
    pixels[form.outline] = INK
    pixels[form.body] = PALETTE[actor.color]
    pixels[form.body & ink] = INK
    pixels[form.hat] = INK
    pixels[form.white] = WHITE
    covers = form.outline | form.hat
    if flashing:
        covers = grown(covers, layout.size(5))
    return Sprite(pixels, np.repeat(covers[:, :, None], 3, axis=2), form.row, form.column)


_THINGS_DRAWN = """
key
.........
.###.....
#...#....
#...#####
#...#..##
.###...#.
.........
.........
.........
book
.........
####.####
#...#...#
#.#.#.#.#
#...#...#
#.#.#.#.#
#...#...#
####.####
.........
flower
...###...
.#.#.#.#.
#.#####.#
.#.###.#.
...###...
....#....
.##.#.##.
..#####..
....#....
fish
.........
...###..#
..#####.#
.########
##.######
.########
..#####.#
...###..#
.........
umbrella
....#....
..#####..
.#######.
#########
#.#.#.#.#
....#....
....#....
..#.#....
..###....
bell
....#....
...###...
..#####..
..#####..
..#####..
.#######.
#########
...###...
....#....
"""


def _read_things(drawn: str) -> dict[str, Mask]:
    lines = drawn.split()
    return {
        lines[i]: np.array([[dot == "#" for dot in row] for row in lines[i + 1 : i + 10]])
        for i in range(0, len(lines), 10)
    }


THINGS = MappingProxyType(_read_things(_THINGS_DRAWN))
"""The dots of each thing that can be carried: `[9, 9]`, True for white."""


def thing_plate(thing: str, layout: Layout) -> Picture:
    """A carried thing: white on a black plate."""
    dots = np.pad(THINGS[thing], 1)
    white = dots.repeat(layout.dot, axis=0).repeat(layout.dot, axis=1)
    return np.where(white[:, :, None], WHITE, INK).astype(np.uint8)


def cup_sprite(layout: Layout, *, lifted: bool, ball: bool) -> Sprite:
    """A cup; its middle is the middle of its slot. Lifted, it shows what is below it."""
    size = layout.size(20)
    half = size // 2
    y, x = np.mgrid[0:size, -half : half + 1].astype(np.int64)
    bottom = size * 45 // 100 if lifted else size
    cup = (abs(x) * 2 * size <= (size + y) * half) & (y < bottom)
    pixels = np.zeros((*cup.shape, 3), dtype=np.uint8)
    pixels[:] = INK
    edge = max(1, layout.size(2) - 1)
    shrunk = ((abs(x) + edge) * 2 * size <= (size + y) * half) & (y >= edge) & (y < bottom - edge)
    pixels[shrunk] = CUP
    covers = cup
    if lifted and ball:
        radius = size * 27 // 100
        circle = x * x + (y - (size - 1 - radius)) ** 2 <= radius * radius
        pixels[circle], covers = BALL, cup | circle
    return Sprite(pixels, np.repeat(covers[:, :, None], 3, axis=2), half, half)
