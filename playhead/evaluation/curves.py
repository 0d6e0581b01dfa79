"""Accuracy against budget: one run for each bound on pictures, and the area under them.

    (curve,) = curves_of([run_8, run_32, run_128])
    curve.area, curve.area_interval

The one idea: accuracy at one budget says little, since every budget has its best model. The x axis
is the logarithm of the pictures that may be spent, because each doubling costs as much again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np
from numpy.typing import NDArray

from playhead.evaluation.bootstrap import Scored, bounds, drawn, interval
from playhead.evaluation.numbers import scored
from playhead.evaluation.run import Run
from playhead.evaluation.subjects import UNIFORM


@dataclass(frozen=True)
class Point:
    """One run of a curve."""

    frames: int
    """Pictures that a question may take."""
    score: float
    interval: tuple[float, float]
    num: int


@dataclass(frozen=True)
class Curve:
    """One model at several budgets."""

    model: str
    points: tuple[Point, ...]
    """By budget, ascending; two at least."""
    area: float
    """The mean score over the logarithm of the budget, from the first point to the last: the area
    under straight lines between the points, by its width."""
    area_interval: tuple[float, float]


@dataclass(frozen=True)
class Gap:
    """How far one curve lies above another, on the budgets that both have."""

    before: str
    after: str
    area: float
    interval: tuple[float, float]


def curves_of(runs: Sequence[Run]) -> list[Curve]:
    """The curve of each model that has two budgets or more; runs of one set of questions."""
    return [_curve(model, points) for model, points in _points(runs).items() if len(points) > 1]


def gaps_of(runs: Sequence[Run]) -> list[Gap]:
    """Each later curve less the first, where they have two budgets in common."""
    (first, before), *others = _points(runs).items() or (("", {}),)
    found: list[Gap] = []
    for model, after in others:
        frames = sorted(before.keys() & after.keys())
        if len(frames) > 1:
            both = [before[num] for num in frames] + [after[num] for num in frames]
            half = len(frames)

            def gap(
                columns: list[NDArray[np.float64]], frames: list[int] = frames, half: int = half
            ) -> NDArray[np.float64]:
                return area(frames, columns[half:]) - area(frames, columns[:half])

            found.append(
                Gap(first, model, float(gap([_mean(s) for s in both])), bounds(drawn(both, gap)))
            )
    return found


def area(frames: Sequence[int], scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The mean of a curve over the logarithm of its budgets.

    Args:
        frames: Budgets, ascending, two at least.
        scores: The score at each, numbers or arrays of one shape.
    """
    widths = [log(b) - log(a) for a, b in pairwise(frames)]
    heights = [(a + b) / 2 for a, b in pairwise(scores)]
    total = sum(w * h for w, h in zip(widths, heights, strict=True))
    return np.asarray(total / sum(widths))


def _points(runs: Sequence[Run]) -> dict[str, dict[int, list[Scored]]]:
    """For each model and each bound on pictures: its judged questions."""
    found: dict[str, dict[int, list[Scored]]] = {}
    for run in runs:
        frames = run.settings.budget.frames
        judged = scored(run.records, run.settings.scorers[0])
        if frames and judged:
            found.setdefault(_model(run), {})[frames] = judged
    return found


def _model(run: Run) -> str:
    name, settings = run.settings.model, run.settings
    is_uniform = name == UNIFORM or name.startswith(f"{UNIFORM}:")
    plain = UNIFORM if is_uniform else name
    return plain if is_uniform or settings.strategy == "auto" else f"{plain}, {settings.strategy}"


def _curve(model: str, points: dict[int, list[Scored]]) -> Curve:
    frames = sorted(points)
    runs = [points[num] for num in frames]
    return Curve(
        model=model,
        points=tuple(
            Point(num, float(_mean(judged)), interval(judged), len(judged))
            for num, judged in zip(frames, runs, strict=True)
        ),
        area=float(area(frames, [_mean(judged) for judged in runs])),
        area_interval=bounds(drawn(runs, lambda columns: area(frames, columns))),
    )


def _mean(judged: Sequence[Scored]) -> NDArray[np.float64]:
    return np.asarray(sum(score for _, score in judged) / len(judged))
