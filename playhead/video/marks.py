"""Visual prompts: marks drawn on a picture to say "this one".

The one idea: where a thing is easier to point at than to describe, the pointing is drawn into the
picture, and any model that sees pictures understands it. The eight kinds are those that VideoSeeker
(2025) trains and tests with: rectangle, contour, ellipse, triangle, scribble, point, arrow, and
set-of-marks, numbers to refer to (Yang et al., 2023).

Geometry is in fractions of the picture, x to the right and y down, so that a mark made on a small
picture lies right on a large one. A mark is drawn in a strong colour between a black and a white
line, so that it is seen on any ground. Drawing gives a new picture and never changes the one it
gets. What to mark is up to the caller: nothing here finds or follows objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from math import cos, sin, tau
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydantic import Field

from playhead.core.media import Region
from playhead.core.value import Value

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

COLOURS: tuple[Colour, ...] = (
    (255, 32, 32),
    (32, 220, 32),
    (48, 112, 255),
    (255, 216, 0),
    (255, 64, 255),
    (0, 224, 224),
    (255, 144, 0),
    (160, 96, 255),
)
"""Red, green, blue, yellow, magenta, cyan, orange, violet: the first mark is red, and so on."""

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
_TRIANGLE = ((0.5, 0.0), (1.0, 1.0), (0.0, 1.0))
_CIRCLE = tuple((0.5 + cos(tau * i / 48) / 2, 0.5 + sin(tau * i / 48) / 2) for i in range(48))


class Position(Value):
    """A place in a picture, as fractions of its width and height."""

    x: float = Field(ge=0, le=1)
    """From the left."""
    y: float = Field(ge=0, le=1)
    """From the top."""


class Rectangle(Value):
    """A frame around a region."""

    kind: Literal["rectangle"] = "rectangle"
    region: Region


class Ellipse(Value):
    """An ellipse that touches the sides of a region."""

    kind: Literal["ellipse"] = "ellipse"
    region: Region


class Triangle(Value):
    """A triangle that fills a region, one corner up."""

    kind: Literal["triangle"] = "triangle"
    region: Region


class Contour(Value):
    """A closed outline, such as that of a mask."""

    kind: Literal["contour"] = "contour"
    outline: Annotated[tuple[Position, ...], Field(min_length=3, max_length=10_000)]


class Scribble(Value):
    """An open line, as drawn by hand over the thing."""

    kind: Literal["scribble"] = "scribble"
    line: Annotated[tuple[Position, ...], Field(min_length=2, max_length=10_000)]


class Point(Value):
    """A dot."""

    kind: Literal["point"] = "point"
    at: Position


class Arrow(Value):
    """An arrow whose tip touches the thing."""

    kind: Literal["arrow"] = "arrow"
    tip: Position
    tail: Position | None = None
    """Where it starts. None: beside the tip, on the side where there is more room."""


class Numbers(Value):
    """A set of marks: numbers that the question and the answer can refer to."""

    kind: Literal["numbers"] = "numbers"
    at: Annotated[tuple[Position, ...], Field(min_length=1, max_length=999)]
    first: Annotated[int, Field(ge=0, le=999)] = 1
    """The number of the first place."""


Mark = Annotated[
    Rectangle | Ellipse | Triangle | Contour | Scribble | Point | Arrow | Numbers,
    Field(discriminator="kind"),
]
"""Any of the eight, told apart by `kind` in JSON."""


def draw_marks(
    picture: NDArray[np.uint8],
    marks: Sequence[Mark],
    *,
    colours: Sequence[Colour] = COLOURS,
) -> NDArray[np.uint8]:
    """A copy of the picture with the marks on it, each in its own colour while they last.

    Args:
        picture: RGB uint8 `[H, W, 3]`.
        marks: Drawn in this order, later ones on top. Each number of a `Numbers` has a colour of
            its own.
        colours: RGB, taken in turn.

    Raises:
        ValueError: Not such a picture, or no colours.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"a picture is uint8 [H, W, 3]: got {picture.dtype} {picture.shape}")
    if not colours:
        raise ValueError("marks need one colour or more: got none")
    image = Image.fromarray(picture)
    draw, turn = ImageDraw.Draw(image), cycle(colours)
    for mark in marks:
        _draw(draw, image.size, mark, turn)
    return np.array(image)


def region_from_pixels(
    top: float, left: float, bottom: float, right: float, *, height: int, width: int
) -> Region:
    """The region of a box in pixels of a picture of that size, cut off at its edges.

    Raises:
        ValueError: Nothing of the box is inside the picture.
    """
    down = [min(max(y / height, 0.0), 1.0) for y in (top, bottom)]
    across = [min(max(x / width, 0.0), 1.0) for x in (left, right)]
    return Region(top=down[0], left=across[0], bottom=down[1], right=across[1])


def grow(region: Region, by: float) -> Region:
    """The region with `by` of its height and width added on every side, cut off at the edges.

    Raises:
        ValueError: `by` is so far below 0 that nothing is left.
    """
    high, wide = by * (region.bottom - region.top), by * (region.right - region.left)
    return Region(
        top=max(0.0, region.top - high),
        left=max(0.0, region.left - wide),
        bottom=min(1.0, region.bottom + high),
        right=min(1.0, region.right + wide),
    )


def uncrop(region: Region, roi: Region) -> Region:
    """Where `region` of the crop `roi` lies in the whole picture."""
    high, wide = roi.bottom - roi.top, roi.right - roi.left
    return Region(
        top=roi.top + region.top * high,
        left=roi.left + region.left * wide,
        bottom=min(1.0, roi.top + region.bottom * high),
        right=min(1.0, roi.left + region.right * wide),
    )


def _draw(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], mark: Mark, turn: Iterator[Colour]
) -> None:
    match mark:
        case Rectangle(region=region):
            _line(draw, size, _corners(region, _SQUARE), next(turn), closed=True)
        case Triangle(region=region):
            _line(draw, size, _corners(region, _TRIANGLE), next(turn), closed=True)
        case Ellipse(region=region):
            _line(draw, size, _corners(region, _CIRCLE), next(turn), closed=True)
        case Contour(outline=places):
            _line(draw, size, [(at.x, at.y) for at in places], next(turn), closed=True)
        case Scribble(line=places):
            _line(draw, size, [(at.x, at.y) for at in places], next(turn), closed=False)
        case Point(at=at):
            _disc(draw, size, at, next(turn), 2.0 * _pen(size))
        case Arrow():
            _arrow(draw, size, mark, next(turn))
        case Numbers(at=places, first=first):
            for number, at in enumerate(places, first):
                _number(draw, size, at, str(number), next(turn))


def _pen(size: tuple[int, int]) -> int:
    """How wide a line is, in pixels, without its black and white border."""
    return max(2, round(min(size) / 90))


def _borders(pen: int) -> tuple[int, int]:
    """How far the white and the black border reach beyond the colour, in pixels."""
    return max(1, pen // 3), 2 * max(1, pen // 3)


def _corners(region: Region, shape: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A shape given in a unit square, put into a region."""
    high, wide = region.bottom - region.top, region.right - region.left
    return [(region.left + x * wide, region.top + y * high) for x, y in shape]


def _inside(size: tuple[int, int], at: tuple[float, float], margin: float) -> tuple[float, float]:
    """A place in pixels, moved in where what is drawn there would be cut off."""
    x, y = (
        min(max(share * length, keep), length - 1 - keep)
        for share, length in zip(at, size, strict=True)
        for keep in [min(margin, (length - 1) / 2)]
    )
    return x, y


def _line(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    places: Sequence[tuple[float, float]],
    colour: Colour,
    *,
    closed: bool,
) -> None:
    pen = _pen(size)
    white, black = _borders(pen)
    points = [_inside(size, place, pen / 2 + black) for place in places]
    path = [*points, *points[:2]] if closed else points
    for ink, beyond in (_BLACK, black), (_WHITE, white), (colour, 0):
        wide = pen + 2 * beyond
        draw.line(path, fill=ink, width=wide, joint="curve")
        for x, y in (points[0], points[-1]):
            draw.circle((x, y), wide / 2, fill=ink)


def _disc(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], at: Position, colour: Colour, radius: float
) -> tuple[float, float]:
    """A filled circle; returns its centre in pixels."""
    white, black = _borders(_pen(size))
    x, y = _inside(size, (at.x, at.y), radius + black)
    for ink, beyond in (_BLACK, black), (_WHITE, white), (colour, 0):
        draw.circle((x, y), radius + beyond, fill=ink)
    return x, y


def _number(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], at: Position, text: str, colour: Colour
) -> None:
    font = ImageFont.load_default(max(14, 4 * _pen(size)))
    left, top, right, bottom = font.getbbox(text)
    middle = _disc(draw, size, at, colour, max(right - left, bottom - top) / 2 + _pen(size))
    bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 110
    draw.text(middle, text, fill=_BLACK if bright else _WHITE, font=font, anchor="mm")


def _arrow(draw: ImageDraw.ImageDraw, size: tuple[int, int], arrow: Arrow, colour: Colour) -> None:
    """A shaft and a filled head whose tip is exactly where it should be."""
    pen, (white, black) = _pen(size), _borders(_pen(size))
    tip = np.array([arrow.tip.x * size[0], arrow.tip.y * size[1]])
    if arrow.tail is None:
        away = np.array(size) / 2 - tip
        far = float(np.linalg.norm(away))
        away = away / far if far > pen else np.array([-1.0, -1.0]) / np.sqrt(2)
        tail = tip + away * max(0.2 * min(size), 8.0 * pen)
    else:
        tail = np.array([arrow.tail.x * size[0], arrow.tail.y * size[1]])
    along = (tip - tail) / max(float(np.linalg.norm(tip - tail)), 1e-6)
    neck, across = tip - along * 4 * pen, np.array([-along[1], along[0]]) * 2 * pen
    head = [tuple(place) for place in (tip, neck + across, neck - across)]
    for ink, beyond in (_BLACK, black), (_WHITE, white), (colour, 0):
        wide = pen + 2 * beyond
        draw.line([tuple(tail - along * beyond), tuple(neck)], fill=ink, width=wide)
        draw.polygon(head, fill=ink)
        if beyond:
            draw.line([*head, *head[:2]], fill=ink, width=2 * beyond + 1, joint="curve")
