"""Reading the font of worlds back from pixels.

A line of text is a grid of dots. From where its ink begins and ends follow the size of a dot and
the number of characters; each dot's darkness is the mean over its pixels; each character is the one
whose dots are nearest. This works at any size down to one pixel per dot, also between whole sizes
and after lossy coding. What is smaller, or like no text at all, is not guessed at.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.worlds.font import FONT
from playhead.worlds.layout import ADVANCE, GLYPH_HEIGHT, GLYPH_WIDTH

LEAST_GLYPH_PX = 7
"""Characters that are lower, in pixels, are not legible."""
_SMALL_PX = 24
_BLURS = (0.0, 0.5, 1.0)
"""How far a dot may have spread into its neighbours, in dots: shrinking a picture does that."""
_MOST_CHARACTERS = 80
_MOST_ERROR = 0.16
"""Mean square error per dot beyond which it is no text. Noise gives 0.25 and more."""
_SURE_ERROR = 0.02
"""Mean square error per dot below which no other way to read it is tried."""

Ink = NDArray[np.float32]
"""`[h, w]`: how much of each pixel is ink, 0 to 1."""


def ink_of(gray: NDArray[np.uint8]) -> Ink:
    """How much of each pixel is written on: dark on a bright plate. Levels are taken from it."""
    low, high = np.percentile(gray, (2, 80))
    return np.clip((high - gray) / max(high - low, 60.0), 0, 1).astype(np.float32)


def read_line(ink: Ink, alphabet: str) -> str | None:
    """The one line of text in `ink`; None if there is none, or it is too small to be legible."""
    text, least = None, _MOST_ERROR
    for grid in grids_of(ink):
        read, error = _decode(grid, alphabet)
        if error < least:
            text, least = read, error
        if error < _SURE_ERROR:
            break
    return text


def grids_of(ink: Ink) -> Iterator[Ink]:
    """What a line of text may be, `[7, 6 n]` each: the ink of each dot, and a gap at the end.

    The first and the last character may have empty columns outside, as `1` and `.` have, so there
    can be several ways to lay the grid, the likeliest first. None if there is no legible line.
    """
    box = _trimmed(ink)
    if box is None:
        return
    if box.shape[0] >= LEAST_GLYPH_PX:
        yield from _grids(box)
    if box.shape[0] < _SMALL_PX:  # once more with its edges to a quarter of a pixel
        large = cv2.resize(ink, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
        box = _trimmed(large.astype(np.float32, copy=False))
        if box is not None and box.shape[0] >= 4 * LEAST_GLYPH_PX - 2:
            yield from _grids(box)


def _grids(box: Ink) -> Iterator[Ink]:
    """Every way to lay a grid of dots on a line of text that fills a box."""
    wide = box.shape[1] * GLYPH_HEIGHT / box.shape[0]
    for before, after in product(range(3), range(3)):
        num = max(1, round((wide + before + after + 1) / ADVANCE))
        dots = ADVANCE * num - 1 - before - after
        if num <= _MOST_CHARACTERS and abs(wide - dots) <= 0.5 + 0.04 * dots:
            grid = np.zeros((GLYPH_HEIGHT, ADVANCE * num), dtype=np.float32)
            grid[:, before : before + dots] = _means(_means(box, GLYPH_HEIGHT, 0), dots, 1)
            yield grid


def _trimmed(ink: Ink) -> Ink | None:
    """The part of `ink` from its first to its last row and column; None if there is none."""
    marked = ink > 0.5
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    if not len(rows):
        return None
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _means(ink: Ink, num: int, axis: int) -> Ink:
    """The mean over each of `num` stretches of rows or columns, divided as the font is painted."""
    length = ink.shape[axis]
    first = np.minimum(-(-np.arange(num + 1) * length // num), length)
    sums = np.cumsum(ink, axis=axis, dtype=np.float64)
    sums = np.concatenate([np.zeros_like(sums.take([0], axis)), sums], axis=axis)
    counts = np.maximum(np.diff(first), 1)
    means = np.diff(sums.take(first, axis), axis=axis) / np.expand_dims(counts, 1 - axis)
    return means.astype(np.float32)


def difference(grids: list[Ink], text: str) -> float:
    """Mean square difference per dot between what is written and `text`; 1 if lengths differ."""
    fitting = [_cells(grid) for grid in grids if grid.shape[1] == ADVANCE * len(text)]
    return min(
        (float(np.square(cells - t).mean()) for cells in fitting for t in _templates(text)),
        default=1.0,
    )


def _decode(grid: Ink, alphabet: str) -> tuple[str, float]:
    """What is written, and its mean square error, at the blur that explains it best."""
    cells = _cells(grid)
    read: list[tuple[float, str]] = []
    for templates in _templates(alphabet):
        errors = np.square(cells[:, None, :] - templates[None]).mean(axis=2)
        text = "".join(alphabet[i] for i in errors.argmin(axis=1))
        read.append((float(errors.min(axis=1).mean()), text))
    error, text = min(read)
    return text, error


def _cells(grid: Ink) -> Ink:
    """`[n, 35]`: the dots of each character."""
    num = grid.shape[1] // ADVANCE
    cells = grid.reshape(GLYPH_HEIGHT, num, ADVANCE)[:, :, :GLYPH_WIDTH]
    return cells.transpose(1, 0, 2).reshape(num, -1)


@lru_cache(maxsize=64)
def _templates(alphabet: str) -> tuple[Ink, ...]:
    """For each blur, `[n, 35]`: the dots of each character of `alphabet`."""
    sharp = np.stack([FONT[character] for character in alphabet]).astype(np.float32)
    blurred: list[Ink] = []
    for blur in _BLURS:
        side = blur / (2 + 2 * blur)
        dots = sharp
        for axis in (1, 2):
            sides = _shifted(dots, 1, axis) + _shifted(dots, -1, axis)
            dots = (dots * (1 - 2 * side) + sides * side).astype(np.float32)
        dots = dots.reshape(len(alphabet), -1)
        dots.setflags(write=False)
        blurred.append(dots)
    return tuple(blurred)


def _shifted(dots: Ink, by: int, axis: int) -> Ink:
    """`dots` one step along an axis, with nothing coming in."""
    moved = np.roll(dots, by, axis=axis)
    moved[(slice(None),) * axis + ((0 if by > 0 else -1),)] = 0
    return moved
