"""What moves before a background that stays: pictures of a second apart, no weights.

The one idea: the background is what comes back. Of the pictures in which next to nothing moves,
those that look alike and recur most often show the empty place; what differs from it is a thing,
and it counts as long as it is alive, that is, changes a little from picture to picture, as people
who stand still do and bottles do not. Things are followed from picture to picture by place and
colour, which at one picture a second says whence and whither, not how.

Exposure is taken out first: a white car that drives by makes a camera darken all the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.video.base import Frames

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SIDE = 80  # pixels of the longer side of the pictures compared
_DIFFERENT = 14.0  # of 255: a pixel that differs more from the background is not background
_NOISE = 2.0  # of 255: no camera is quieter
_CHANGED = 16.0  # of 255: more than light and noise do from one picture to the next
_CUT_SHARE, _CUT_LIKENESS = 0.6, 0.5  # of pixels changed, correlation left: another view
_CUT_COLOURS, _FADE_LIKENESS = 0.55, 0.8  # colours changed, of 1: a cut, unless it is a fade
_PAN_SHARE = 0.45  # of pixels changed from picture to picture, mean: the camera moves
_PAN_CONTOURS = 0.58  # of contours changed from picture to picture, median: the camera moves
_FLAT = 4.0  # of 255 a pixel: less steep is no contour
_SAME_SHARE = 0.01  # of pixels may differ between two pictures of the empty place
_AROUND = 21  # pixels: light changes over a wider area, things over a smaller one
_OTHER_SHARE = 0.04  # of pixels differ: somebody was there in between
_SHADOW, _TINT = 0.7, 10.0  # of 1, of 255: no shadow is darker, or more off in colour
_SMALLEST, _LARGEST = 0.004, 0.6  # of the picture: less is noise, more is a change of light


@dataclass(frozen=True, eq=False)
class Look:
    """Pictures made small and comparable."""

    pixels: NDArray[np.uint8]
    """`[N, h, w, 3]`: as they are, for colours."""
    level: Floats
    """`[N, h, w, 3]`: with one exposure, for differences."""
    change: Floats
    """`[N - 1, h, w]`: how much each pixel differs from the picture before, 0 to 255 or more."""


@dataclass(frozen=True, eq=False)
class Take:
    """A stretch of pictures without a cut: `first` to `last`, which is not part of it."""

    first: int
    last: int
    is_fixed: bool
    """Whether the camera stands still. False: nothing can be said about single things."""
    things: Mask
    """`[last - first, h, w]`: what is not background. All False if the camera moves."""
    alive: Mask
    """`[last - first, h, w]`: what has just changed or is about to."""


def look(frames: Frames) -> Look:
    """`frames` prepared for comparing."""
    _, height, width, _ = frames.pixels.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = np.stack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in frames.pixels])
    level = _same_exposure(pixels)
    return Look(pixels, level, _largest(np.abs(np.diff(level, axis=0))))


def takes(seen: Look) -> list[Take]:
    """The takes of `seen`, which they fill, each with what moves in it."""
    is_cut = _is_cut(seen)
    starts = [0, *(np.flatnonzero(is_cut) + 1).tolist()]
    ends = [*starts[1:], len(seen.pixels)]
    return [_take(seen, first, last) for first, last in zip(starts, ends, strict=True)]


def _largest(level: Floats) -> Floats:
    """The largest channel. Like `level.max(axis=-1)`, several times faster."""
    return np.maximum(np.maximum(level[..., 0], level[..., 1]), level[..., 2])


def _grey(level: Floats) -> Floats:
    """The mean channel. Like `level.mean(axis=-1)`, several times faster."""
    return (level[..., 0] + level[..., 1] + level[..., 2]) / np.float32(3)


def _same_exposure(pixels: NDArray[np.uint8]) -> Floats:
    """`pixels` brightened or darkened as a whole, so that most of each is as light as in most."""
    level = pixels.astype(np.float32)
    bright = _grey(level)
    usual = np.maximum(np.median(bright, axis=0), 8.0)
    gain = np.clip(np.median(bright / usual, axis=(1, 2)), 0.5, 2.0).astype(np.float32)
    return level / gain[:, None, None, None]


def _is_cut(seen: Look) -> Mask:
    """`[N - 1]`: whether each picture shows another view than the one before."""
    share = (seen.change > _CHANGED).mean(axis=(1, 2))
    grey = _grey(seen.level).reshape(len(seen.level), -1)
    grey = grey - grey.mean(axis=1, keepdims=True)
    grey /= np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1e-3)
    likeness = (grey[1:] * grey[:-1]).sum(axis=1)
    is_cut = (share > _CUT_SHARE) & (likeness < _CUT_LIKENESS)
    for i in np.flatnonzero((share > _CUT_SHARE / 2) & (likeness < _FADE_LIKENESS) & ~is_cut):
        is_cut[i] = _colour_distance(seen.pixels[i], seen.pixels[i + 1]) > _CUT_COLOURS
    return is_cut


def _colour_distance(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    """Hellinger distance of the colour histograms: 0 to 1."""
    pictures = [cv2.cvtColor(p, cv2.COLOR_RGB2HSV) for p in (before, after)]
    ranges = [0, 180, 0, 256, 0, 256]
    a, b = (
        cv2.calcHist([p], [0, 1, 2], None, [8, 4, 4], ranges) / p[..., 0].size for p in pictures
    )
    return float(np.sqrt(max(0.0, 1.0 - float(np.sqrt(a * b).sum()))))


def _take(seen: Look, first: int, last: int) -> Take:
    level, change = seen.level[first:last], seen.change[first : last - 1]
    shape = level.shape[:3]
    if last - first < 2:
        return Take(first, last, True, np.zeros(shape, np.bool_), np.zeros(shape, np.bool_))
    if _is_moving(level, change):
        return Take(first, last, False, np.zeros(shape, np.bool_), np.zeros(shape, np.bool_))
    stir = np.percentile(change, 99, axis=(1, 2))
    usual = 4 * float(np.median(change))  # where something moves all the time, no moment is calm
    noise = max(_NOISE, min(usual, float(np.percentile(stir, 10))))
    limit = min(max(_DIFFERENT, 3 * noise), 3 * _DIFFERENT)
    empty = _background(level, stir, noise, limit)
    is_thing = (_largest(np.abs(level - empty)) > limit) & ~_is_shadow(level, empty)
    lively = _stirring(level) > min(max(8.0, 3 * noise), _DIFFERENT)
    alive = np.zeros(shape, np.bool_)
    alive[1:] |= lively
    alive[:-1] |= lively
    return Take(first, last, True, np.stack([_solid(mask) for mask in is_thing]), alive)


def _is_moving(level: Floats, change: Floats) -> bool:
    """Whether the camera moves: then all contours do, and not only those of things."""
    if (change > _CHANGED).mean() > _PAN_SHARE:
        return True
    moved: list[float] = []
    for grey, changed in zip(_grey(level), change, strict=False):
        across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
        steep = np.hypot(across, down) / 4
        is_contour = steep >= max(float(np.percentile(steep, 80)), _FLAT)
        is_moved = changed > np.maximum(_CHANGED / 2, 0.3 * steep)
        moved.append(float(is_moved[is_contour].mean()) if is_contour.any() else 0.0)
    return float(np.median(moved)) > _PAN_CONTOURS


def _is_shadow(level: Floats, empty: Floats) -> Mask:
    """`[N, h, w]`: whether a pixel is the background, only somewhat darker."""
    ratio = _grey(level) / np.maximum(_grey(empty), 1.0)
    off = _largest(np.abs(level - ratio[..., None] * empty))
    return (ratio > _SHADOW) & (ratio < 1) & (off < _TINT)


def _stirring(level: Floats) -> Floats:
    """`[N - 1, h, w]`: how much each pixel changes beyond what the light around it does."""
    changes = np.diff(level, axis=0)
    return np.stack([_largest(np.abs(c - cv2.blur(c, (_AROUND, _AROUND)))) for c in changes])


def _background(level: Floats, stir: Floats, noise: float, limit: float) -> Floats:
    """`[h, w, 3]`: the empty place, or what is there most of the time if it never is empty."""
    calm = np.full(len(level), np.inf, np.float32)
    calm[1:] = stir
    calm[:-1] = np.minimum(calm[:-1], stir)
    left = np.flatnonzero(calm <= 2 * noise)
    best, best_score = np.arange(len(level)), (0, 0.0)
    while len(left):
        away = _largest(np.abs(level - level[left[0]])) > limit
        share = away.mean(axis=(1, 2))
        is_alike = share < _SAME_SHARE
        group = np.flatnonzero(is_alike)
        # An empty place is seen again and again, a person who stands there only once; where
        # both are seen once, nobody stands as still as a floor.
        num_visits = 1 + sum(share[i : j + 1].max() > _OTHER_SHARE for i, j in pairwise(group))
        score = (num_visits, -float(np.median(calm[group])))
        if (len(group) > 1 and score > best_score) or not best_score[0]:
            best, best_score = group, score
        left = left[~is_alike[left]]
    return np.median(level[best], axis=0).astype(np.float32)


def _solid(mask: Mask) -> Mask:
    """`mask` without specks, its holes and cracks filled."""
    grown = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return cv2.morphologyEx(grown, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)).astype(np.bool_)


def pieces(mask: Mask) -> list[Mask]:
    """The separate parts of `mask` that are as large as things are, the largest first."""
    num, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[1:num, cv2.CC_STAT_AREA]
    order = np.argsort(-areas, kind="stable")
    least, most = max(2, _SMALLEST * mask.size), _LARGEST * mask.size
    return [labels == 1 + i for i in order if least <= areas[i] <= most]
