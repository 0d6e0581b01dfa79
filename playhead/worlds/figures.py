"""Recognising actors: which shape, hat, colour and pattern stands in these columns.

Actors stand side by side, so a picture is first cut into columns where something dark or strongly
coloured is. Each piece is compared with the silhouettes of all 24 shapes with hats, drawn by the
code that paints them; then the colour is read inside the body, and the pattern by where it is dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.layout import Layout
from playhead.worlds.script import COLORS, HATS, SHAPES, Actor, Color, Hat, Pattern, Shape
from playhead.worlds.seen import Rect, SeenActor
from playhead.worlds.sprites import PALETTE, Figure, Mask, Rgb, figure, grown, pattern_mask
from playhead.worlds.view import View

_LEAST_CONTRAST = 0.25
"""How much darker a pattern is than what it is on, 1 for black."""
_LEAST_MATCH, _SURE_MATCH = 0.70, 0.80
"""Overlap (intersection over union) with its template below which a figure is nobody."""


@dataclass(frozen=True, eq=False)
class _Template:
    """What a shape with a hat looks like where it is dark or coloured."""

    shape: Shape
    hat: Hat
    figure: Figure
    seen: Mask
    """Where it is dark or coloured."""
    extent: int
    """Its leftmost plus its rightmost column, from the middle."""
    box: Rect
    """From its middle."""
    halo: Mask
    """Where it is white when it flashes."""
    inside: Mask
    """The body without its edge."""


@dataclass(frozen=True, eq=False)
class _Group:
    """The templates that have one `extent`, stacked so that all are compared at once."""

    templates: list[_Template]
    dots: NDArray[np.float32]
    """`[n, d]`: what is seen of each, every so many pixels."""
    totals: NDArray[np.float32]
    """`[n]`: the sum of each row of `dots`."""


@lru_cache(maxsize=16)
def _groups(layout: Layout) -> dict[int, _Group]:
    """The templates by their extent."""
    found: dict[int, list[_Template]] = {}
    for shape, hat in product(SHAPES, HATS):
        template = _template(shape, hat, layout)
        found.setdefault(template.extent, []).append(template)
    groups: dict[int, _Group] = {}
    for extent, templates in found.items():
        dots = np.stack([_dots(t.seen, layout) for t in templates])
        groups[extent] = _Group(templates, dots, dots.sum(axis=1))
    return groups


def _dots(mask: Mask, layout: Layout) -> NDArray[np.float32]:
    """A mask as a row of numbers; large ones are thinned out."""
    step = max(1, layout.radius // 22)
    return mask[::step, ::step].astype(np.float32).ravel()


def _template(shape: Shape, hat: Hat, layout: Layout) -> _Template:
    form = figure(shape, hat, layout)
    whole = form.outline | form.hat
    seen = whole & ~form.white
    seen_columns = np.flatnonzero(seen.any(axis=0)) - form.column
    rows = np.flatnonzero(whole.any(axis=1)) - form.row
    columns = np.flatnonzero(whole.any(axis=0)) - form.column
    return _Template(
        shape=shape,
        hat=hat,
        figure=form,
        seen=seen,
        extent=int(seen_columns[0] + seen_columns[-1]),
        box=(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1),
        halo=grown(whole, layout.size(5)) & ~grown(whole, 1),
        inside=form.body & ~grown(~form.body, 1) & ~form.hat,
    )


@lru_cache(maxsize=512)
def _patterns(layout: Layout, shape: Shape, hat: Hat) -> tuple[list[Pattern], NDArray[np.float32]]:
    """Patterns, also a row higher and lower; and weights `[n, H * W]` that give of the darkness of
    a figure by how much more each pattern's ink has of it than its blanks inside the body."""
    template = _template(shape, hat, layout)
    patterns, weights = list[Pattern](), list[NDArray[np.float64]]()
    names: tuple[Pattern, ...] = ("striped", "dotted")
    for pattern, down in product(names, (-1, 0, 1)):
        ink = np.zeros_like(template.inside)
        ink[template.figure.pattern_at] = pattern_mask(pattern, layout.radius)
        ink = np.roll(ink, down, axis=0)
        drawn, blank = template.inside & ink, template.inside & ~ink
        if drawn.any() and blank.any():
            patterns.append(pattern)
            weights.append((drawn / drawn.sum() - blank / blank.sum()).ravel())
    return patterns, np.array(weights, dtype=np.float32)


def find_actors(view: View) -> tuple[list[tuple[SeenActor, int]], list[Rect]]:
    """Everybody who stands there, each with the column of their middle; and boxes of others."""
    layout, (dy, _) = view.layout, view.shift
    row = layout.actor_row + dy
    top = row - layout.radius - layout.size(15)
    bottom = min(layout.edge + dy, layout.height)
    solid = (view.dark | view.vivid)[top:bottom]
    counts = solid.sum(axis=0)
    found: list[tuple[SeenActor, int]] = []
    others: list[Rect] = []
    for left, right in _runs(counts >= 3, least=layout.radius // 2):
        touching = bool(solid[-2:, left:right].any())  # perhaps on the way up or down
        figure_seen = _identify(view, row, left, right, _SURE_MATCH if touching else _LEAST_MATCH)
        if figure_seen is None:
            others.append((top, left, bottom, right))
        else:
            found.append(figure_seen)
    return found, others


def _runs(flags: Mask, *, least: int) -> list[tuple[int, int]]:
    """Stretches of true columns, at least `least` long; gaps of one column are bridged."""
    closed = flags.copy()
    closed[1:-1] |= flags[:-2] & flags[2:]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], closed, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= least]


def _identify(
    view: View, row: int, left: int, right: int, least: float
) -> tuple[SeenActor, int] | None:
    """Who stands in these columns, and the column of their middle; None if nobody for sure."""
    solid = (view.dark | view.vivid)[: view.layout.edge + view.shift[0]]
    best, best_match, best_column = None, least, 0
    for extent, group in _groups(view.layout).items():
        column = (left + right - 1 - extent) // 2
        dots = _dots(_window(solid, row, column, group.templates[0].figure), view.layout)
        both = group.dots @ dots
        matches = both / (dots.sum() + group.totals - both)
        first = int(matches.argmax())
        if matches[first] > best_match:
            best, best_match, best_column = group.templates[first], float(matches[first]), column
    return None if best is None else _describe(view, best, row, best_column)


def _window(image: NDArray, row: int, column: int, form: Figure) -> NDArray:
    """What of `image` lies where a figure is, with zeros outside the image."""
    height, width = form.body.shape
    top, left = row - form.row, column - form.column
    window = np.zeros((height, width, *image.shape[2:]), dtype=image.dtype)
    first_row, last_row = max(top, 0), min(top + height, image.shape[0])
    first, last = max(left, 0), min(left + width, image.shape[1])
    if first_row < last_row and first < last:
        part = image[first_row:last_row, first:last]
        window[first_row - top : last_row - top, first - left : last - left] = part
    return window


def _describe(
    view: View, template: _Template, row: int, column: int
) -> tuple[SeenActor, int] | None:
    layout, form = view.layout, template.figure
    pixels = _window(view.picture, row, column, form)
    gray = _window(view.gray, row, column, form)
    bright = _window(view.bright, row, column, form)
    vivid = _window(view.vivid, row, column, form) & template.inside
    if vivid.sum() < 8:
        return None
    lit = vivid & (gray >= np.median(gray[vivid]))
    color = _nearest(np.median(pixels[lit], axis=0), {name: PALETTE[name] for name in COLORS})
    pattern = _pattern(gray, float(np.median(gray[lit])), template, layout)
    top, left, bottom, right = template.box
    return SeenActor(
        actor=Actor(color=color, shape=template.shape, pattern=pattern, hat=template.hat),
        box=(
            max(row + top, 0), max(column + left, 0),
            min(row + bottom, layout.height), min(column + right, layout.width),
        ),
        flashing=bool(bright[template.halo].mean() > 0.5),
    ), column  # fmt: skip


def _pattern(gray: NDArray[np.uint8], level: float, template: _Template, layout: Layout) -> Pattern:
    """Which pattern's ink is darker than the rest of the body, whose brightness is `level`."""
    darkness = np.clip((level - gray) / np.float32(max(level - 24.0, 24.0)), 0, 1)
    patterns, weights = _patterns(layout, template.shape, template.hat)
    if not patterns:
        return "plain"
    contrasts = weights @ darkness.astype(np.float32).ravel()
    most = int(contrasts.argmax())
    return patterns[most] if contrasts[most] > _LEAST_CONTRAST else "plain"


def _nearest(color: NDArray, palette: dict[Color, Rgb]) -> Color:
    red, green, blue = map(float, color)
    return min(
        palette,
        key=lambda name: sum(
            (x - y) ** 2 for x, y in zip((red, green, blue), palette[name], strict=True)
        ),
    )
