"""A picture embedder without weights: finds the moment, or the place, that a picture shows.

The one idea: a picture is known again by where its colours and its edges lie. A vector is three
parts side by side, each of fixed weight: brightness and two opponent colours in a 5 x 5 layout,
eight directions of edges in a 4 x 4 layout, and which share of the whole has which of 32 colours.
All is measured on the picture shrunk to a fixed square, so its size and shape do not matter, and
on brightness relative to its own mean and spread, so neither does the exposure.

A picture that was cut out of a frame is looked for as if it were the whole. To guess in ten ways
where it was cut out found one to three in a hundred more, at six times the cost, and is not done.

It knows nothing of what things are: no words, and two kitchens are as far apart as a kitchen and
a beach. It does not know a mirrored, turned or much smaller cut-out again.
"""

from __future__ import annotations

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
        are_pictures = pixels.dtype == np.uint8 and pixels.ndim == 4 and pixels.shape[3] == 3
        if not are_pictures or 0 in pixels.shape[1:]:
            raise ValueError(
                "pictures are RGB uint8 [N, H, W, 3] of a pixel or more: "
                f"got {pixels.dtype} {pixels.shape}"
            )
        # One at a time: matrix products of another size may round differently, and an index
        # built in pieces must be the same index, to the bit.
        rows = [_describe(_without_bars(picture)) for picture in pixels]
        return np.stack(rows) if rows else np.zeros((0, self.dim), dtype=np.float32)


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


def _describe(picture: NDArray[np.uint8]) -> Floats:
    size = (_SIDE, _SIDE)
    small = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
    pixels = small.astype(np.float32) / np.float32(255)
    bright = pixels.mean(axis=2)
    bright = (bright - bright.mean()) / max(float(bright.std()), _FLAT)
    parts = (
        _layout(_colour_maps(pixels, bright)),
        _edges(_edge_maps(bright)),
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


def _layout(maps: Floats) -> Floats:
    cells = _pooled(maps, _LAYOUT)
    return _unit(np.sign(cells) * np.sqrt(np.abs(cells)))


def _edges(maps: Floats) -> Floats:
    cells = _pooled(maps, _EDGES)
    # Every picture has edges of all directions nearly everywhere: what counts is which prevail.
    # Each cell by its own strength, so that one busy corner is not the whole picture.
    cells = cells - cells.mean(axis=0)
    return _unit(cells / np.sqrt((cells**2).sum(axis=0) + 0.01))


def _pooled(maps: Floats, num_cells: int) -> Floats:
    """`[maps, cells, cells]`: weighted means."""
    weights = _cell_weights(num_cells)
    total = weights.sum(axis=1)
    return weights @ maps @ weights.T / (total[:, None] * total)


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
