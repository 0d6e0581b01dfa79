"""Pairs of attempts at one task, one better than the other, for direct preference optimisation.

    pairs = ranked(trajectories, score, renderer)
    train_dpo(model, pairs, DPOSettings(), resolve=..., output="out")     # playhead.training.dpo

A pair is two whole rows, each with its own pictures and a mask of what the policy wrote. The
log-probability of an attempt is that of its written tokens; what the tools said cancels between
policy and reference, because it is nobody's choice.

Two attempts that part ways after some turns share what is before. `forked` keeps of both just the
turn at which they differ: the same context, two ways to go on. That is the plain form of DPO; whole
rows ask the policy to prefer all that came of it as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from typing import NamedTuple

from playhead.core.trajectory import Scorer, Trajectory
from playhead.training.rows import Renderer, Row, rows


class Pair(NamedTuple):
    """Two attempts at one task with the same prompt."""

    chosen: Row
    rejected: Row


def ranked(
    trajectories: Sequence[Trajectory],
    score: Scorer,
    renderer: Renderer,
    *,
    margin: float = 0.0,
    recorded: bool = True,
) -> list[Pair]:
    """The better and the worse of every two attempts at a task.

    Attempts that cannot be judged, that make more than one row (steps were hidden), or that began
    with another prompt are compared with none.

    Args:
        trajectories: Attempts at any number of tasks.
        score: How good one was.
        renderer: Of the model to train.
        margin: By how much one must be better.
        recorded: As `rows` has it.
    """
    alike: dict[tuple[str, tuple[int, ...]], list[tuple[float, Row]]] = defaultdict(list)
    for trajectory in trajectories:
        worth = score(trajectory)
        made = rows(trajectory, renderer, recorded=recorded)
        if worth is not None and len(made) == 1:
            row = made[0]
            alike[trajectory.task.id, row.ids[: row.prompt]].append((worth, row))
    return [
        Pair(better, worse)
        for attempts in alike.values()
        for (high, better), (low, worse) in combinations(
            sorted(attempts, key=lambda attempt: -attempt[0]), 2
        )
        if high - low > margin
    ]


def forked(pair: Pair, renderer: Renderer) -> Pair | None:
    """Of both rows what leads to the first written turn in which they differ, and that turn.

    None: they wrote the same, as far as they were shown the same.
    """
    turns = zip(_turns(pair.chosen), _turns(pair.rejected), strict=False)
    for (start, chosen_end), (other_start, rejected_end) in turns:
        chosen, rejected = pair.chosen, pair.rejected
        if chosen.ids[:start] != rejected.ids[:other_start]:
            return None
        if chosen.ids[start:chosen_end] != rejected.ids[start:rejected_end]:
            return Pair(
                _only(chosen, start, chosen_end, renderer),
                _only(rejected, start, rejected_end, renderer),
            )
    return None


def _turns(row: Row) -> list[tuple[int, int]]:
    """Where each written turn begins and ends."""
    edges = [i for i, (a, b) in enumerate(pairwise((0, *row.mask, 0))) if a != b]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _only(row: Row, start: int, end: int, renderer: Renderer) -> Row:
    """The row up to `end`, of which only what follows `start` counts as written."""
    left = row.ids[:end].count(renderer.image_id)
    num_frames = 0
    while left > 0:
        left -= renderer.num_picture_tokens(row.frames[num_frames])
        num_frames += 1
    return replace(
        row,
        ids=row.ids[:end],
        parts=row.parts[:end],
        steps=row.steps[:end],
        mask=(0,) * start + row.mask[start:end],
        weights=(0.0,) * start + row.weights[start:end],
        logprobs=(None,) * start + row.logprobs[start:end],
        frames=row.frames[:num_frames],
        prompt=start,
    )
