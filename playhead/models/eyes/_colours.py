"""Names of colours, and how light a picture is, in plain words."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

NAMES = (
    "black",
    "grey",
    "white",
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
)
_BLACK, _GREY, _WHITE, _RED, _PINK, _BROWN = (
    NAMES.index(name) for name in ("black", "grey", "white", "red", "pink", "brown")
)
_HUE_ENDS = (8, 20, 34, 84, 128, 147, 170, 181)  # of 180
_HUE_NAMES = tuple(
    NAMES.index(name)
    for name in ("red", "orange", "yellow", "green", "blue", "purple", "pink", "red")
)
_SHARE = 0.2  # of the pixels must have a colour for it to be a main one
_DARK, _DIM = 50, 105  # of 255, mean


def name_colours(pixels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The colour of each pixel of RGB `[..., 3]`, as an index into `NAMES`: `[...]`."""
    flat = np.ascontiguousarray(pixels).reshape(1, -1, 3)
    hue, strength, value = np.moveaxis(cv2.cvtColor(flat, cv2.COLOR_RGB2HSV)[0], 1, 0)
    names = np.take(_HUE_NAMES, np.searchsorted(_HUE_ENDS, hue, side="right"))
    is_warm = (hue < 20) | (hue >= 170)
    names[is_warm & (value < 170)] = _BROWN
    names[((hue < 8) | (hue >= 170)) & (value >= 60) & (strength >= 130)] = _RED
    names[(hue >= 160) & (hue < 170) & (strength >= 110)] = _RED
    names[is_warm & (value >= 190) & (strength < 110) & ((hue < 6) | (hue >= 165))] = _PINK
    names[(strength < 45) | ((value < 90) & (strength < 70))] = _GREY
    names[(strength < 45) & (value >= 185)] = _WHITE
    names[value < 50] = _BLACK
    return names.reshape(pixels.shape[:-1])


def main_colours(names: NDArray[np.intp], num: int = 2) -> list[str]:
    """The commonest colours among `names` (of `name_colours`), the largest first; one at least."""
    if names.size == 0:
        return []
    counts = np.bincount(names.ravel(), minlength=len(NAMES))
    order = np.argsort(-counts, kind="stable")[:num]
    return [NAMES[i] for n, i in enumerate(order) if n == 0 or counts[i] >= _SHARE * names.size]


def brightness(pixels: NDArray[np.uint8]) -> str:
    """`dark`, `dim` or `bright`, by the mean of all pixels."""
    level = float(pixels.mean())
    return "dark" if level < _DARK else "dim" if level < _DIM else "bright"
