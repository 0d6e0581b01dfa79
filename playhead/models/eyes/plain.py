"""A picture embedder without weights: finds the moment, or the place, that a picture shows.

The one idea: a picture is known again by where its colours and its edges lie. A vector is three
parts side by side, each of fixed weight: brightness and two opponent colours in a 5 x 5 layout,
eight directions of edges in a 4 x 4 layout, and which share of the whole has which of 32 colours.
All is measured on the picture shrunk to a fixed square, so its size and shape do not matter, and
on brightness relative to its own mean and spread, so neither does the exposure.

A picture that somebody cut out of a frame lies in it at an unknown place. `embed_query` therefore
gives several vectors, one for each place where the picture may have been, with zeros for the part
of the frame that is not seen; a memory takes the best of them.

It knows nothing of what things are: no words, and two kitchens are as far apart as a kitchen and
a beach. It does not know a mirrored, turned or much smaller cut-out again.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.models.eyes.base import Vectors

Floats = NDArray[np.float32]

_SIDE = 64  # pixels of the square in which a whole frame is looked at
_LAYOUT = 5  # by as many cells of colour
_EDGES = 4  # by as many cells of edges
_DIRECTIONS = 8  # of edges, over half a turn: light on dark is as good as dark on light
_HUES = 12  # each pale and strong
_GREYS = 8
_WEIGHTS = (1.0, 1.0, 0.55)  # of layout, edges, colours: measured
_BRIGHTNESS = 0.35  # of a pixel one spread above the mean, beside opponent colours up to 1
_FLAT = 0.04  # a picture with less spread of brightness is not stretched further: it is noise
_FAINT = 1.0  # a layout or edges of less length stay short: nothing is there but noise
_EVEN = 0.1  # share of length that every colour gets in an ordinary picture: says nothing
_BLACK = 18  # of 255: no channel of a bar is brighter
_SPECKS = 0.05  # share of a row or column of a bar that may be brighter: noise
_LEAST = 0.3  # of each side: a picture that is dark all over keeps its edges
_SEEN = 0.5  # of a cell must be inside the picture, or it counts as not seen


@dataclass(frozen=True)
class _Place:
    """Where in a frame a picture may have been: fractions of the frame's height and width."""

    top: float
    left: float
    side: float

    @property
    def box(self) -> tuple[int, int, int]:
        """Top, left and side in pixels of the square, inside it."""
        side = max(1, round(self.side * _SIDE))
        return (
            min(round(self.top * _SIDE), _SIDE - side),
            min(round(self.left * _SIDE), _SIDE - side),
            side,
        )


def _corners(side: float) -> list[_Place]:
    rest = 1.0 - side
    return [_Place(top, left, side) for top in (0.0, rest) for left in (0.0, rest)]


_WHOLE = _Place(0.0, 0.0, 1.0)
_PLACES = (_WHOLE, _Place(0.11, 0.11, 0.78), *_corners(0.88), *_corners(0.75))


class PlainEmbedder:
    """Colour layout, edge directions and colour shares. Thread-safe: it holds nothing.

    Example:
        vectors = PlainEmbedder().embed_pictures(video.frames(fps=1, max_side=320).pixels)
    """

    @property
    def name(self) -> str:
        """Names the space and its version."""
        return "plain-2"

    @property
    def dim(self) -> int:
        """Length of a vector: 235."""
        return 3 * _LAYOUT**2 + _DIRECTIONS * _EDGES**2 + 2 * _HUES + _GREYS

    def embed_pictures(self, pixels: NDArray[np.uint8]) -> Vectors:
        """One unit vector for each picture, the same whatever pictures come with it.

        Args:
            pixels: RGB uint8 `[N, H, W, 3]`, of any size from one pixel up.

        Raises:
            ValueError: `pixels` is something else.
        """
        _check(pixels, 4)
        # One at a time: matrix products of another size may round differently, and an index
        # built in pieces must be the same index, to the bit.
        rows = [_describe(_without_bars(picture), _WHOLE) for picture in pixels]
        return np.stack(rows) if rows else np.zeros((0, self.dim), dtype=np.float32)

    def embed_query(self, picture: NDArray[np.uint8]) -> Vectors:
        """Unit vectors `[M, dim]` of a picture that may be cut out of a frame: the best one counts.

        The first is that of `embed_pictures`, for a picture that is a whole frame. The others take
        it for a part, 75 to 88 % of each side, in the middle or in a corner.

        Args:
            picture: RGB uint8 `[H, W, 3]`, of any size from one pixel up.

        Raises:
            ValueError: `picture` is something else.
        """
        _check(picture, 3)
        picture = _without_bars(picture)
        return np.stack([_describe(picture, place) for place in _PLACES])


def _check(pixels: NDArray[np.uint8], num_axes: int) -> None:
    is_picture = pixels.dtype == np.uint8 and pixels.ndim == num_axes and pixels.shape[-1] == 3
    if not is_picture or 0 in pixels.shape[-3:]:
        axes = "[N, H, W, 3]" if num_axes == 4 else "[H, W, 3]"
        raise ValueError(
            f"pictures are RGB uint8 {axes} of a pixel or more: got {pixels.dtype} {pixels.shape}"
        )


def _without_bars(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture without black bars at its edges, unless hardly anything else is there."""
    red, green, blue = cv2.split(picture)  # numpy's maximum over so short an axis is slow
    is_seen = cv2.max(cv2.max(red, green), blue) > _BLACK
    rows = np.flatnonzero(is_seen.mean(axis=1) > _SPECKS)
    columns = np.flatnonzero(is_seen.mean(axis=0) > _SPECKS)
    height, width = is_seen.shape
    if len(rows) < _LEAST * height or len(columns) < _LEAST * width:
        return picture
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _describe(picture: NDArray[np.uint8], place: _Place) -> Floats:
    """The vector of a frame of which `picture` is the part at `place`."""
    top, left, side = place.box
    small = cv2.resize(np.ascontiguousarray(picture), (side, side), interpolation=cv2.INTER_AREA)
    pixels = small.astype(np.float32) / np.float32(255)
    rows, columns = slice(top, top + side), slice(left, left + side)
    bright = pixels.mean(axis=2)
    bright = (bright - bright.mean()) / max(float(bright.std()), _FLAT)
    parts = (
        _layout(_colour_maps(pixels, bright), rows, columns),
        _edges(_edge_maps(bright), rows, columns),
        _colour_shares(pixels),
    )
    vector = np.concatenate([w * part for w, part in zip(_WEIGHTS, parts, strict=True)])
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _colour_maps(pixels: Floats, bright: Floats) -> Floats:
    """`[3, side, side]`: brightness, red against green, yellow against blue."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return np.stack([_BRIGHTNESS * bright, red - green, (red + green) / 2 - blue])


def _edge_maps(bright: Floats) -> Floats:
    """`[directions, side, side]`: strength of the edges there, shared by the nearest two."""
    across = cv2.Sobel(bright, cv2.CV_32F, 1, 0) / 8
    down = cv2.Sobel(bright, cv2.CV_32F, 0, 1) / 8
    # The root keeps one strong contour from hiding all texture.
    strength = np.sqrt(np.hypot(across, down))
    turn = (np.arctan2(down, across) % np.pi) * np.float32(_DIRECTIONS / np.pi)
    which = np.arange(_DIRECTIONS, dtype=np.float32)[:, None, None]
    away = np.abs(turn - which)
    near = 1 - np.minimum(away, _DIRECTIONS - away)
    return np.maximum(near, 0) * strength


def _layout(maps: Floats, rows: slice, columns: slice) -> Floats:
    cells = _pooled(maps, _LAYOUT, rows, columns)
    return _unit(np.sign(cells) * np.sqrt(np.abs(cells)))


def _edges(maps: Floats, rows: slice, columns: slice) -> Floats:
    cells = _pooled(maps, _EDGES, rows, columns)
    # Every picture has edges of all directions nearly everywhere: what counts is which prevail.
    # Each cell by its own strength, so that one busy corner is not the whole picture.
    cells = cells - cells.mean(axis=0)
    return _unit(cells / np.sqrt((cells**2).sum(axis=0) + 0.01))


def _pooled(maps: Floats, num_cells: int, rows: slice, columns: slice) -> Floats:
    """`[maps, cells, cells]`: weighted means of what is seen; 0 where too little of a cell is."""
    weights = _cell_weights(num_cells)
    down, across = weights[:, rows], weights[:, columns]
    seen = np.outer(down.sum(axis=1), across.sum(axis=1))
    total = np.outer(weights.sum(axis=1), weights.sum(axis=1))
    sums = down @ maps @ across.T
    return np.where(seen > _SEEN * total, sums / np.maximum(seen, 1e-6), 0)


def _cell_weights(num_cells: int) -> Floats:
    """`[cells, side]`: a tent over each cell that ends in the middle of the next."""
    at = (np.arange(_SIDE, dtype=np.float32) + 0.5) / _SIDE
    middles = (np.arange(num_cells, dtype=np.float32) + 0.5) / num_cells
    return np.maximum(0, 1 - np.abs(at - middles[:, None]) * num_cells)


def _colour_shares(pixels: Floats) -> Floats:
    """`[hues pale and strong, greys]`: the root of the share of pixels, less what all have."""
    hue, strength, value = np.moveaxis(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV), 2, 0)
    hues = (hue * (_HUES / 360)).astype(np.intp) % _HUES * 2 + (strength > 0.5)
    greys = 2 * _HUES + np.minimum((value * _GREYS).astype(np.intp), _GREYS - 1)
    which = np.where((strength < 0.15) | (value < 0.12), greys, hues)
    shares = np.bincount(which.ravel(), minlength=2 * _HUES + _GREYS) / which.size
    centred = np.sqrt(shares) - _EVEN
    return (centred / np.linalg.norm(centred)).astype(np.float32)


def _unit(cells: Floats) -> Floats:
    flat = cells.ravel()
    return flat / max(float(np.linalg.norm(flat)), _FAINT)
