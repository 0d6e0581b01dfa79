"""Plots as SVG text, to stand inside a page: no script, no library, readable in light and dark.

Colours are CSS variables of the page (`--ink`, `--faint`, `--series-1` ...), so one drawing suits
both themes. Every mark also has a label or a title: colour alone says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import log

_LEFT, _RIGHT, _TOP, _WIDTH = 150, 24, 12, 720
NUM_COLOURS = 8
"""Colours that the page defines; more series begin again."""


@dataclass(frozen=True)
class Mark:
    """A score with its interval."""

    score: float
    interval: tuple[float, float]
    title: str
    """What is told where a pointer rests."""


def colour(index: int) -> str:
    """The colour of a series, as CSS."""
    return f"var(--series-{index % NUM_COLOURS + 1})"


def dots(names: Sequence[str], series: Sequence[Sequence[Mark | None]], title: str) -> str:
    """Scores from 0 to 1 with their intervals: a band for each name, a line for each series.

    Args:
        names: Of the bands, from above.
        series: For each series a mark for each name; None: there is none.
        title: For those who cannot see it.
    """
    each = 13
    band = each * len(series) + 12
    height = _TOP + band * len(names) + 30
    stripes, parts = list[str](), _axis(height)
    for i, name in enumerate(names):
        top = _TOP + i * band
        if i % 2 == 0:
            stripes.append(
                f'<rect x="0" y="{top}" width="{_WIDTH}" height="{band}" class="stripe"/>'
            )
        middle = top + band / 2 + 4
        parts.append(f'<text x="{_LEFT - 12}" y="{middle:.1f}" class="name">{escape(name)}</text>')
        for k, marks in enumerate(series):
            mark = marks[i]
            if mark is not None:
                parts.append(_dot(mark, top + 6 + each * (k + 0.5), colour(k)))
    return _svg(height, title, [*stripes, *parts])


def lines(series: Sequence[Sequence[tuple[float, Mark]]], x_name: str, title: str) -> str:
    """Scores from 0 to 1 against a logarithm.

    Args:
        series: For each series its points, by x ascending; all x above 0.
        x_name: What x is.
        title: For those who cannot see it.
    """
    height, bottom = 320, 270
    all_x = sorted({x for points in series for x, _ in points})
    low, high = log(all_x[0]), log(all_x[-1])

    def place(x: float) -> float:
        share = (log(x) - low) / (high - low) if high > low else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - 2 * _RIGHT)

    def level(score: float) -> float:
        return bottom - score * (bottom - _TOP)

    parts: list[str] = []
    for score in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = level(score)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        )
        parts.append(f'<text x="{_LEFT - 12}" y="{y + 4:.1f}" class="name">{score:g}</text>')
    parts += [
        f'<text x="{place(x):.1f}" y="{bottom + 18}" class="tick">{x:g}</text>' for x in all_x
    ]
    middle = (_LEFT + _WIDTH) / 2
    parts.append(f'<text x="{middle}" y="{bottom + 40}" class="tick">{escape(x_name)}</text>')
    for k, points in enumerate(series):
        path = " ".join(f"{place(x):.1f},{level(mark.score):.1f}" for x, mark in points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour(k)}" stroke-width="2"/>'
        )
        for x, mark in points:
            parts.append(_upright(mark, place(x), level, colour(k)))
    return _svg(height, title, parts)


def _dot(mark: Mark, y: float, stroke: str) -> str:
    low, high = (_across(bound) for bound in mark.interval)
    return (
        f"<g><title>{escape(mark.title)}</title>"
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{stroke}" '
        f'stroke-width="2" opacity=".55"/>'
        f'<circle cx="{_across(mark.score):.1f}" cy="{y:.1f}" r="4.5" fill="{stroke}"/></g>'
    )


def _upright(mark: Mark, x: float, level: Callable[[float], float], stroke: str) -> str:
    low, high = (level(bound) for bound in mark.interval)
    return (
        f"<g><title>{escape(mark.title)}</title>"
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{stroke}" '
        f'stroke-width="2" opacity=".55"/>'
        f'<circle cx="{x:.1f}" cy="{level(mark.score):.1f}" r="4.5" fill="{stroke}"/></g>'
    )


def _axis(height: int) -> list[str]:
    bottom = height - 26
    parts: list[str] = []
    for score in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _across(score)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" class="grid"/>'
            f'<text x="{x:.1f}" y="{bottom + 16}" class="tick">{score:g}</text>'
        )
    return parts


def _across(score: float) -> float:
    return _LEFT + min(1.0, max(0.0, score)) * (_WIDTH - _LEFT - _RIGHT)


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
