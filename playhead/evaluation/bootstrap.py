"""Intervals of means, where questions about one video stand or fall together.

    low, high = interval([("v1", 1.0), ("v1", 0.0), ("v2", 1.0)])

The one idea: what is drawn again and again is videos, not questions. Twenty questions about one
film are not twenty films.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

DRAWS = 2_000
_LEVEL = 0.95
_NEARLY = 0.1  # this far from 1 or 0 a score is as good as right or wrong

Scored = tuple[str, float]
"""The cluster of a question, which is its videos, and its score."""


def interval(scored: Sequence[Scored], *, seed: int = 0) -> tuple[float, float]:
    """95 % of what a mean score in [0, 1] may be.

    A percentile bootstrap over clusters (Efron and Tibshirani, "An Introduction to the Bootstrap",
    1993, chapter 13). Where every question was as good as right, or as good as wrong, that has no
    width. In its place stands what follows from the exact binomial interval of as many trials as
    there are clusters (Clopper and Pearson, 1934): with at least p of them that good, the mean is
    at least p times the lowest score.

    Args:
        scored: At least one question.
        seed: Of the bootstrap.
    """
    scores, num = [score for _, score in scored], len({cluster for cluster, _ in scored})
    least = ((1 - _LEVEL) / 2) ** (1 / num)
    if min(scores) >= 1 - _NEARLY:
        return least * min(scores), 1.0
    if max(scores) <= _NEARLY:
        return 0.0, 1 - least * (1 - max(scores))
    return bounds(means(scored, seed=seed))


def means(scored: Sequence[Scored], *, seed: int = 0) -> NDArray[np.float64]:
    """The mean score in each of `DRAWS` bootstrap samples of the clusters `[DRAWS]`."""
    return drawn([scored], lambda columns: columns[0], seed=seed)


def drawn(
    runs: Sequence[Sequence[Scored]],
    of: Callable[[list[NDArray[np.float64]]], NDArray[np.float64]],
    *,
    seed: int = 0,
) -> NDArray[np.float64]:
    """A statistic of the means of several runs in each of `DRAWS` samples, the same clusters drawn
    for all of them.

    Args:
        runs: The scored questions of each.
        of: From the mean of each run in every sample, a list of `[DRAWS]`, to the statistic.
        seed: Of the bootstrap.
    """
    names = sorted({cluster for scored in runs for cluster, _ in scored})
    picks = np.random.default_rng(seed).integers(len(names), size=(DRAWS, len(names)))
    places = {name: i for i, name in enumerate(names)}
    columns: list[NDArray[np.float64]] = []
    for scored in runs:
        sums, counts = np.zeros(len(names)), np.zeros(len(names))
        for cluster, score in scored:
            sums[places[cluster]] += score
            counts[places[cluster]] += 1
        with np.errstate(invalid="ignore"):
            columns.append(sums[picks].sum(axis=1) / counts[picks].sum(axis=1))
    return of(columns)


def bounds(samples: Iterable[float] | NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 % of bootstrap samples; those in which nothing was judged are left out."""
    low, high = np.nanquantile(np.asarray(samples), ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2))
    return float(low), float(high)
