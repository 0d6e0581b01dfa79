"""What the sixteen places look like: a wall, a floor, a motif and a name plate.

Places are dull and of middle brightness, so that actors, lamps and texts stand out of every one of
them. Each has its own colours and its own motif, and its name is painted in the corner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from playhead.worlds.font import text_mask
from playhead.worlds.layout import GLYPH_HEIGHT, Layout
from playhead.worlds.script import Place
from playhead.worlds.sprites import (
    DOOR_CLOSED,
    DOOR_FRAME,
    DOOR_OPEN,
    INK,
    LABEL,
    LAMP_OFF,
    PALETTE,
    TABLE,
    Grid,
    Mask,
    Picture,
    Rgb,
)

_Motif = Callable[[Grid, Grid], Mask]
"""Which points `(y, x)` of the 240 x 320 stage are in the motif's colour."""


def _wave(x: Grid, period: int, height: int) -> Grid:
    """A row of arcs: 0 at the ends of each period, `height` in the middle."""
    along = x % period
    return 4 * height * along * (period - along) // (period * period)


def _triangles(y: Grid, x: Grid, period: int, foot: int, height: int) -> Mask:
    away = abs(x % period - period // 2)
    return (y <= foot) & ((foot - y) * period < 2 * height * (period // 2 - away))


PLACES: Mapping[Place, tuple[Rgb, Rgb, Rgb, _Motif]] = MappingProxyType(
    {
        "harbour": (
            (132, 148, 164), (104, 112, 116), (112, 128, 148),
            lambda y, x: (y > 70) & ((y + _wave(x, 40, 6)) % 14 < 6),
        ),
        "garden": (
            (140, 156, 132), (108, 120, 96), (120, 140, 110),
            lambda y, x: (x % 32 - 16) ** 2 + (y % 40 - 20) ** 2 < 90,
        ),
        "kitchen": (
            (166, 158, 146), (122, 114, 106), (148, 140, 128),
            lambda y, x: (y // 18 + x // 18) % 2 == 0,
        ),
        "library": (
            (134, 120, 108), (110, 96, 88), (114, 100, 88),
            lambda y, x: (y % 30 < 4) | (x * 7 // 5 % 17 < 3),
        ),
        "station": (
            (142, 142, 150), (106, 106, 112), (122, 122, 132),
            lambda y, x: (y < 100) & (y > 24 + _wave(x, 80, 30)) & (x % 80 > 6),
        ),
        "market": (
            (160, 146, 132), (116, 108, 98), (140, 124, 112),
            lambda y, x: (y < 64) & (x % 40 < 20) & (y > 20),
        ),
        "beach": (
            (158, 164, 166), (150, 142, 122), (140, 150, 156),
            lambda y, x: (y > 64) & (y < 92 + _wave(x, 90, 9)),
        ),
        "forest": (
            (120, 134, 122), (96, 104, 90), (100, 116, 102),
            lambda y, x: _triangles(y, x, 46, 120, 96),
        ),
        "castle": (
            (138, 136, 140), (108, 106, 110), (120, 118, 122),
            lambda y, x: (y % 20 < 2) | ((x + y // 20 % 2 * 20) % 40 < 2),
        ),
        "school": (
            (152, 154, 136), (118, 114, 100), (132, 136, 116),
            lambda y, x: (y > 30) & (y < 110) & (x % 64 > 12) & (x % 64 < 52),
        ),
        "farm": (
            (150, 138, 120), (118, 106, 84), (130, 118, 100),
            lambda y, x: x % 26 < 13,
        ),
        "museum": (
            (154, 148, 154), (120, 114, 120), (136, 130, 138),
            lambda y, x: (x % 60 < 14) | (y < 34),
        ),
        "bakery": (
            (170, 152, 136), (128, 112, 98), (152, 134, 118),
            lambda y, x: (x % 30 - 15) ** 2 + (y % 30 - 15) ** 2 * 3 < 110,
        ),
        "office": (
            (148, 154, 158), (112, 116, 120), (130, 136, 142),
            lambda y, x: (y % 24 < 3),
        ),
        "bridge": (
            (136, 146, 152), (104, 106, 110), (116, 126, 134),
            lambda y, x: ((x + y) % 44 < 5) | ((x - y) % 44 < 5),
        ),
        "theatre": (
            (128, 112, 120), (104, 92, 98), (110, 94, 102),
            lambda y, x: (x + _wave(y, 60, 8)) % 22 < 8,
        ),
    }
)  # fmt: skip
"""Wall, floor, motif colour and motif of every place."""

_FLOOR_ROW = 150


def place_background(place: Place, layout: Layout, margin: int) -> Picture:
    """An empty place with its label, `margin` pixels larger on every side than the picture."""
    wall, floor, accent, motif = PLACES[place]
    rows = np.arange(-margin, layout.height + margin, dtype=np.int64)
    columns = np.arange(-margin, layout.width + margin, dtype=np.int64)
    y, x = (rows * 240 // layout.height)[:, None], (columns * 320 // layout.width)[None, :]
    y, x = np.broadcast_arrays(y, x)
    picture = np.empty((len(rows), len(columns), 3), dtype=np.uint8)
    picture[:] = wall
    picture[motif(y + 480, x + 640) if _is_periodic(place) else motif(y, x + 1280)] = accent
    picture[y >= _FLOOR_ROW] = floor
    below = rows >= layout.edge
    picture[below] = TABLE
    picture[margin + layout.edge : margin + layout.edge + layout.size(2)] = INK
    label = label_plate(place, layout)
    top, left = layout.label[0] + margin, layout.label[1] + margin
    picture[top : top + label.shape[0], left : left + label.shape[1]] = label
    for part, at in ((lamp_picture(None, layout), lamp_corner(layout)),
                     (door_picture(layout, is_open=False), _door_corner(layout))):  # fmt: skip
        top, left = at[0] + margin, at[1] + margin
        height, width, _ = part.shape
        picture[top : top + height, left : left + width] = part
    return picture


def _is_periodic(place: Place) -> bool:
    return place in ("garden", "kitchen", "library", "castle", "farm", "bakery", "office", "bridge")


def plate(text: str, layout: Layout, ground: Rgb, *, glyph_px: int = 0, pad: int = 0) -> Picture:
    """Black text on a plate with a thin black edge.

    Args:
        text: One line.
        layout: The stage.
        ground: Colour of the plate.
        glyph_px: Height of the characters in pixels. 0: as on cards.
        pad: From the edge of the plate to the text. 0: as on cards.
    """
    mask = text_mask(text, glyph_px or GLYPH_HEIGHT * layout.dot)
    pad = pad or 2 * layout.dot
    height, width = mask.shape[0] + 2 * pad, mask.shape[1] + 2 * pad
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[:] = INK
    picture[1:-1, 1:-1] = ground
    picture[pad : pad + mask.shape[0], pad : pad + mask.shape[1]][mask] = INK
    return picture


def label_plate(place: Place, layout: Layout) -> Picture:
    """The plate with a place's name."""
    return plate(place.upper(), layout, LABEL)


def lamp_corner(layout: Layout) -> tuple[int, int]:
    """Top and left of `lamp_picture`."""
    row, column, radius = layout.lamp
    return row - radius - 2, column - radius - 2


def lamp_picture(color: str | None, layout: Layout) -> Picture:
    """The lamp in its black case, lit in a colour or off (None)."""
    _, _, radius = layout.lamp
    y, x = np.mgrid[-radius - 2 : radius + 3, -radius - 2 : radius + 3].astype(np.int64)
    picture = np.empty((*y.shape, 3), dtype=np.uint8)
    picture[:] = INK
    picture[x * x + y * y <= radius * radius] = LAMP_OFF if color is None else PALETTE[color]
    return picture


def _door_corner(layout: Layout) -> tuple[int, int]:
    return layout.door.top, layout.door.left


def door_picture(layout: Layout, *, is_open: bool) -> Picture:
    """The door: a brown leaf with a knob, or a dark opening with the leaf turned aside."""
    height, width = layout.door.height, layout.door.width
    frame = layout.size(3)
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[:] = DOOR_FRAME
    picture[frame:, frame : width - frame] = DOOR_OPEN if is_open else DOOR_CLOSED
    if is_open:
        picture[frame:, frame : frame + width // 6] = DOOR_CLOSED
    else:
        knob = layout.size(3)
        row, column = height // 2, width - frame - 2 * knob
        picture[row : row + knob, column : column + knob] = LABEL
    return picture
