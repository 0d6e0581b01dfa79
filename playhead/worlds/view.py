"""A picture prepared for looking at: brightness, and what is dark, bright or strongly coloured."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.worlds.layout import Layout
from playhead.worlds.seen import Rect
from playhead.worlds.sprites import Mask, Picture

_DARK, BRIGHT, _SATURATED = 76, 186, 56
_GRAINY = 2
"""Median difference of neighbouring pixels beyond which there is noise to be smoothed."""


@dataclass(frozen=True, eq=False)
class View:
    """A picture with what every part of the eyes needs of it."""

    picture: Picture
    layout: Layout
    gray: NDArray[np.uint8]
    dark: Mask
    bright: Mask
    vivid: Mask
    """Strongly coloured."""
    shift: tuple[int, int] = (0, 0)
    """How far the camera has moved everything down and to the right, in pixels."""


def look(picture: Picture) -> View:
    """Prepare a picture `[H, W, 3]`."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    low, high = _extremes(picture)
    bright = low > BRIGHT
    step = max(2, len(gray) // 60)  # a few rows are enough
    if np.median(cv2.absdiff(gray[::step, 1:], gray[::step, :-1])) > _GRAINY:
        low, high = _extremes(cv2.medianBlur(picture, 3))  # texts would not survive it
    height, width, _ = picture.shape
    return View(
        picture=picture,
        layout=Layout(height, width),
        gray=gray,
        dark=high < _DARK,
        bright=bright,
        vivid=cv2.subtract(high, low) > _SATURATED,
    )


def _extremes(picture: NDArray) -> tuple[NDArray, NDArray]:
    """The least and the greatest channel of each pixel."""
    red, green, blue = cv2.split(picture)
    return cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)


def cut(image: NDArray[np.uint8], box: Rect) -> NDArray[np.uint8]:
    """The part of an image that lies in a box."""
    return image[box[0] : box[2], box[1] : box[3]]


def blobs(mask: Mask, within: Rect) -> list[Rect]:
    """The boxes of the connected parts of `mask` inside a rectangle, in picture coordinates."""
    top, left, bottom, right = within
    part = np.ascontiguousarray(mask[max(top, 0) : bottom, max(left, 0) : right]).view(np.uint8)
    if not part.size or not part.any():
        return []
    _, _, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8)
    return [
        (int(y) + max(top, 0), int(x) + max(left, 0), int(y + h) + max(top, 0),
         int(x + w) + max(left, 0))
        for x, y, w, h, _ in stats[1:]
    ]  # fmt: skip
