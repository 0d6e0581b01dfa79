"""Which region of a picture looks most like something: the spatial half of Free Video-LLM.

The one idea: cut the picture into overlapping cells of several sizes, embed each as a picture of
its own, and take those most like the query; then move the borders of the best a little as long as
that makes it more alike. Free Video-LLM (2024) does so with the patches of CLIP for a prompt in
words; an embedder without words does it for a picture.

It finds one place of one thing. A cell as small as a fourth of the picture is the smallest it tries
at first, so what is much smaller is found only as part of its surroundings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import Blamed, Origin
from playhead.core.media import Region

_Box = tuple[float, float, float, float]
"""Top, left, bottom, right."""

_ROUNDS = 8  # of moving the borders, or halving by how much
_STARTS = (
    3  # cells whose borders are moved, at least: the best cell is not always of the best place
)
_OVERLAP = 0.3  # intersection over union from which two proposals are one
_SMALLEST = 0.05  # side of a region
_INSIDE = 1e-6  # pixels: a border is put so far inside its pixel, against rounding down


def propose_regions(
    query: NDArray[Any],
    picture: NDArray[np.uint8],
    embedder: Any,
    *,
    grid: tuple[int, int] = (4, 4),
    num: int = 3,
) -> list[tuple[Region, float]]:
    """The regions of a picture that look most like the query, best first, with their likeness.

    Args:
        query: A picture, RGB uint8 `[H, W, 3]`, or vectors of the embedder's space: `[dim]`, or
            `[M, dim]` of which the nearest counts.
        picture: Where to look, RGB uint8 `[H, W, 3]`.
        embedder: A `PictureEmbedder`.
        grid: Rows and columns of the smallest cells; larger ones are whole numbers of these.
        num: How many regions at the most; none overlaps another much.
    """
    wanted = embedder.embed_pictures(query[None]) if query.ndim == 3 else np.atleast_2d(query)
    boxes = _cells(grid)
    scores = _alike(wanted, picture, boxes, embedder)
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    starts = _apart([(boxes[i], float(scores[i])) for i in order])[: max(num, _STARTS)]
    step = (0.25 / grid[0], 0.25 / grid[1])
    moved = [_moved(wanted, picture, embedder, box, score, step) for box, score in starts]
    found = _apart(sorted(moved, key=lambda pair: -pair[1]))[:num]
    return [(_region(box), score) for box, score in found]


def read_region(sides: Sequence[float] | None) -> Region | None:
    """The region of a tool's argument `[top, left, bottom, right]`; None if there is none.

    Raises:
        Blamed: It is no region; the model's fault.
    """
    if not sides:
        return None
    if len(sides) != 4:
        raise Blamed(Origin.MODEL, f"a region is [top, left, bottom, right]: got {sides[:8]}")
    box = tuple(min(1.0, max(0.0, float(side))) for side in sides)
    top, left, bottom, right = box
    if not (top < bottom and left < right):
        raise Blamed(
            Origin.MODEL,
            f"a region needs top < bottom and left < right, from 0 to 1: got {list(sides)}",
        )
    return _region((top, left, bottom, right))


def on_pixels(region: Region, height: int, width: int) -> Region:
    """The region moved to the borders of pixels of a picture of that size.

    A crop's reference holds its own size and its region. Only if the region is whole pixels do
    these say how large the whole was, so that the very same crop can be made again.
    """
    top, left, bottom, right = region.pixels(height, width)
    return Region(
        top=(top + _INSIDE) / height if top else 0.0,
        left=(left + _INSIDE) / width if left else 0.0,
        bottom=bottom / height,
        right=right / width,
    )


def _cells(grid: tuple[int, int]) -> list[_Box]:
    """Overlapping cells of every size that the grid has but the whole, half a cell apart."""
    rows, columns = grid
    boxes: list[_Box] = []
    for high in range(1, rows + 1):
        for wide in range(1, columns + 1):
            if abs(high / rows - wide / columns) > 0.26 or (high == rows and wide == columns):
                continue
            for top in range(2 * (rows - high) + 1):
                for left in range(2 * (columns - wide) + 1):
                    y, x = top / (2 * rows), left / (2 * columns)
                    boxes.append((y, x, y + high / rows, x + wide / columns))
    return boxes


def _apart(found: Sequence[tuple[_Box, float]]) -> list[tuple[_Box, float]]:
    """Those that do not overlap an earlier one much."""
    kept: list[tuple[_Box, float]] = []
    for box, score in found:
        if all(_iou(box, other) < _OVERLAP for other, _ in kept):
            kept.append((box, score))
    return kept


def _alike(
    wanted: NDArray[Any], picture: NDArray[np.uint8], boxes: Sequence[_Box], embedder: Any
) -> NDArray[np.float32]:
    """`[N]`: how much each box looks like the nearest of `wanted`."""
    height, width, _ = picture.shape
    scores: list[float] = []
    for box in boxes:
        top, left, bottom, right = _region(box).pixels(height, width)
        vectors = embedder.embed_pictures(picture[None, top:bottom, left:right])
        scores.append(float((wanted @ vectors[0]).max()))
    return np.array(scores, np.float32)


def _moved(
    wanted: NDArray[Any],
    picture: NDArray[np.uint8],
    embedder: Any,
    box: _Box,
    score: float,
    step: tuple[float, float],
) -> tuple[_Box, float]:
    """The box with its borders where it looks most like `wanted`: a climb in smaller steps."""
    for _ in range(_ROUNDS):
        tries = [near for near in _near(box, step) if near != box]
        scores = _alike(wanted, picture, tries, embedder)
        best = int(np.argmax(scores))
        if scores[best] > score:
            box, score = tries[best], float(scores[best])
        else:
            step = (step[0] / 2, step[1] / 2)
    return box, score


def _near(box: _Box, step: tuple[float, float]) -> list[_Box]:
    """The box moved, and made larger or smaller at one side, by a step."""
    down, across = step
    top, left, bottom, right = box
    moves = [(y, x, y, x) for y in (-down, 0.0, down) for x in (-across, 0.0, across)]
    moves += [(y, 0.0, 0.0, 0.0) for y in (-down, down)]
    moves += [(0.0, x, 0.0, 0.0) for x in (-across, across)]
    moves += [(0.0, 0.0, y, 0.0) for y in (-down, down)]
    moves += [(0.0, 0.0, 0.0, x) for x in (-across, across)]
    tries: list[_Box] = []
    for dt, dl, db, dr in moves:
        near = (
            max(0.0, top + dt),
            max(0.0, left + dl),
            min(1.0, bottom + db),
            min(1.0, right + dr),
        )
        if near[2] - near[0] >= _SMALLEST and near[3] - near[1] >= _SMALLEST:
            tries.append(near)
    return tries


def _region(box: _Box) -> Region:
    top, left, bottom, right = box
    return Region(top=top, left=left, bottom=min(1.0, bottom), right=min(1.0, right))


def _iou(a: _Box, b: _Box) -> float:
    high = min(a[2], b[2]) - max(a[0], b[0])
    wide = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, high) * max(0.0, wide)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return both / (areas - both)
