"""Where one part of a video ends and the next begins: exact, by dynamic programming.

The one idea: choose all borders at once. Taking the strongest changes one by one leaves pieces that
are too short or too long and cuts sentences in half; the best set of borders under those rules is a
shortest path, found exactly. `segment` does that for any signal of change, after OmniRefine, which
refines the borders of chunks so by the likeness of pictures and sound. `find_events` makes such a
signal of pictures and speech: the events that WALL-WM takes as the unit of memory. `balanced`
chooses events so that rare kinds come as often as common ones, WALL-WM's cluster-balanced sampling.

A border is only ever on a multiple of the step. If people talk with pauses shorter than a step,
there may be no border between two sentences; give a finer step then.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from playhead.core.span import Span, merge

Floats = NDArray[np.float32] | NDArray[np.float64]

_NEVER = 2**62  # more cut sentences than there are: cannot be reached
_ROUNDING = 1e-6  # of a step: borders that differ by less are one
_UNUSUAL = 4.0  # deviations from the usual change: more is worth a border
_TALK = 1.5  # what a beginning or end of talk is worth; 1 pays for a border
_LEAST_SCALE = 0.02  # of cosine distance: where nothing moves, four times that is a border
_KIND_DROP = 2.0  # the radius falls to half or less when the last kind gets its centre


def segment(
    change: NDArray[np.float64],
    *,
    step_s: float,
    start_s: float = 0.0,
    shortest_s: float,
    longest_s: float,
    keep_whole: Sequence[Span] = (),
) -> list[Span]:
    """The parts whose borders hold the most change, none too short or long, no sentence cut.

    Of all ways to fill the signal's time with parts of allowed lengths, it gives one that has the
    fewest borders inside `keep_whole`, and among those the largest sum of `change` at its borders.
    Exact, in time O(N longest_s / step_s).

    Args:
        change: `[N]`: how much changes at `start_s + i * step_s`, from step i - 1 to step i. The
            first is not used: there the first part begins. Where it is negative a border costs, so
            subtract what a border should be worth; if it is nowhere negative, parts tend to be
            short. Of pictures: `[0, *frames.difference()]`.
        step_s: Seconds from one value to the next.
        start_s: When the signal begins, in seconds.
        shortest_s: No part is shorter, except that of a signal which itself is.
        longest_s: No part is longer. Twice `shortest_s` or more, less one step.
        keep_whole: Utterances: a border falls inside one only where lengths leave no other way.

    Returns:
        Parts that fill `[start_s, start_s + N * step_s)`, in order. None if N is 0.

    Raises:
        ValueError: A length is wrong, or `change` is not a list of finite numbers.
    """
    if change.ndim != 1 or not np.isfinite(change).all():
        raise ValueError(f"change is finite numbers [N]: got {change.dtype} {change.shape}")
    if not 0 < step_s < float("inf") or not 0 <= start_s < float("inf"):
        raise ValueError(f"a step is positive, a start is not negative: got {step_s=}, {start_s=}")
    shortest = max(1, ceil(shortest_s / step_s - _ROUNDING))
    longest = floor(longest_s / step_s + _ROUNDING)
    if longest < 2 * shortest - 1:
        raise ValueError(
            "not every time can be filled: longest_s must be twice shortest_s, in whole steps of "
            f"{step_s} s: got {shortest_s=}, {longest_s=}"
        )
    num = len(change)
    is_cut = _inside(num, keep_whole, step_s, start_s)
    borders = _best_borders(change, is_cut, min(shortest, num), longest)
    return [
        Span(start=start_s + first * step_s, end=start_s + last * step_s)
        for first, last in pairwise(borders)
    ]


def find_events(
    vectors: Floats,
    *,
    step_s: float,
    start_s: float = 0.0,
    shortest_s: float = 2.0,
    longest_s: float = 64.0,
    speech: Sequence[Span] = (),
) -> list[Span]:
    """The events of a video: where what is seen becomes something else, or talk begins or ends.

    What is seen during `shortest_s` before a moment is compared with what is seen after it, so that
    a flash is no border (the idea of Foote's novelty score, 2000). That is a border where it is
    unusual for this video: four robust deviations (from the median, by the median deviation) above
    what is usual, less where talk begins or ends.

    Args:
        vectors: `[N, dim]` of length 1: what each step shows, such as an embedder's vectors.
        step_s: Seconds from one vector to the next.
        start_s: When the first is seen, in seconds.
        shortest_s: No event is shorter, unless the whole is.
        longest_s: No event is longer: one that is gets a border where most changes.
        speech: Utterances: none is cut where that can be helped. Pauses shorter than `shortest_s`
            do not end a talk.

    Returns:
        Events that fill `[start_s, start_s + N * step_s)`, in order.

    Raises:
        ValueError: As `segment`, or `vectors` is not `[N, dim]`.
    """
    if vectors.ndim != 2:
        raise ValueError(f"vectors are [N, dim]: got {vectors.shape}")
    num = len(vectors)
    worth = _unusual(_novelty(vectors, max(1, round(shortest_s / step_s)))) / _UNUSUAL - 1.0
    for talk in merge(list(speech), gap_s=shortest_s):
        for step in (
            floor((talk.start - start_s) / step_s + _ROUNDING),
            ceil((talk.end - start_s) / step_s - _ROUNDING),
        ):
            if 0 < step < num:
                worth[step] += _TALK
    return segment(
        worth,
        step_s=step_s,
        start_s=start_s,
        shortest_s=shortest_s,
        longest_s=longest_s,
        keep_whole=speech,
    )


def balanced(
    spans: Sequence[Span], vectors: Floats, num: int, rng: np.random.Generator | None = None
) -> list[Span]:
    """`num` events, of rare kinds as many as of common ones while there are any, in order of time.

    Kinds are found by farthest-first traversal (Gonzalez, 1985): each new centre is the event that
    is farthest from all centres, until the distance last falls sharply. Where it never does there
    are no kinds, and the events that differ most are taken.

    Args:
        spans: The events.
        vectors: `[N, dim]` of length 1, one for each event.
        num: How many to take: all of them if there are no more.
        rng: Which events of a kind. None: the most typical first.

    Raises:
        ValueError: `num` is negative, or there is not one vector for each event.
    """
    if vectors.ndim != 2 or len(vectors) != len(spans):
        raise ValueError(f"one vector for each of {len(spans)} events: got {vectors.shape}")
    if num < 0:
        raise ValueError(f"how many events is 0 or more: got {num}")
    if num >= len(spans):
        return sorted(spans)
    if num == 0:
        return []
    distance = _distance_to_kinds(vectors, num)
    kind, nearest = distance.argmin(axis=1), distance.min(axis=1)
    order = nearest.argsort(kind="stable") if rng is None else rng.permutation(len(spans))
    turn = np.zeros(len(spans), dtype=np.int64)
    for which in range(distance.shape[1]):
        members = order[kind[order] == which]
        turn[members] = np.arange(len(members))
    taken = order[turn[order].argsort(kind="stable")][:num]
    return sorted(spans[int(i)] for i in taken)


def _inside(
    num: int, keep_whole: Sequence[Span], step_s: float, start_s: float
) -> NDArray[np.bool_]:
    """`[N + 1]`: whether a border there would lie inside one of `keep_whole`."""
    is_inside = np.zeros(num + 1, dtype=np.bool_)
    for span in keep_whole:
        first = floor((span.start - start_s) / step_s + _ROUNDING) + 1
        last = ceil((span.end - start_s) / step_s - _ROUNDING)
        is_inside[max(0, first) : max(0, last)] = True
    return is_inside


def _best_borders(
    change: NDArray[np.float64], is_cut: NDArray[np.bool_], shortest: int, longest: int
) -> list[int]:
    """Steps from 0 to N. A best way to a border is a best way to the one before, and one part."""
    num = len(change)
    gain = np.append(change, 0.0)
    fewest = np.full(num + 1, _NEVER, dtype=np.int64)  # sentences cut on the best way there
    most = np.full(num + 1, -np.inf)  # change at the borders on it
    before = np.zeros(num + 1, dtype=np.int64)
    fewest[0], most[0] = 0, 0.0
    for end in range(max(1, shortest), num + 1):
        first = max(0, end - longest)
        cuts, sums = fewest[first : end - shortest + 1], most[first : end - shortest + 1]
        least = cuts.min()
        if least < _NEVER:
            best = int(np.where(cuts == least, sums, -np.inf).argmax())
            before[end] = first + best
            fewest[end] = least + bool(is_cut[end] and end < num)
            most[end] = sums[best] + gain[end]
    borders = [num]
    while borders[-1]:
        borders.append(int(before[borders[-1]]))
    return borders[::-1]


def _novelty(vectors: Floats, width: int) -> NDArray[np.float64]:
    """`[N]`: cosine distance of the `width` steps before each step from those that begin there."""
    novelty = np.zeros(len(vectors), dtype=np.float64)
    for i in range(1, len(vectors)):
        before = vectors[max(0, i - width) : i].sum(axis=0, dtype=np.float64)
        after = vectors[i : i + width].sum(axis=0, dtype=np.float64)
        lengths = float(np.linalg.norm(before) * np.linalg.norm(after))
        novelty[i] = 1.0 - float(before @ after) / max(lengths, 1e-12)
    return novelty


def _unusual(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """`[N]`: how many robust deviations each value lies above the usual one."""
    if len(change) < 2:
        return np.zeros_like(change)
    usual = np.median(change[1:])
    scale = 1.4826 * np.median(np.abs(change[1:] - usual))
    return (change - usual) / max(float(scale), _LEAST_SCALE)


def _distance_to_kinds(vectors: Floats, most: int) -> NDArray[np.float64]:
    """`[N, kinds]`: cosine distance of each event from the centre of each kind, at most `most`."""
    rows = vectors.astype(np.float64)
    columns = [1.0 - rows @ rows[int((rows @ rows.mean(axis=0)).argmax())]]
    nearest, radii = columns[0], [float(columns[0].max())]
    while len(columns) < most and radii[-1] > 1e-9:
        columns.append(1.0 - rows @ rows[int(nearest.argmax())])
        nearest = np.minimum(nearest, columns[-1])
        radii.append(float(nearest.max()))
    drops = [k + 1 for k, (r, s) in enumerate(pairwise(radii), 1) if r >= _KIND_DROP * s]
    return np.stack(columns[: drops[-1] if drops else len(columns)], axis=1)
