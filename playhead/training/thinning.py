"""Fewer pictures in a trajectory: a budget of visual tokens for each sample.

    thinner = thinned(trajectory, 2048, renderer.num_picture_tokens)

Training on videos at one fixed density costs a model some of its eye for single pictures; giving
each sample a budget of its own eases that ("Temporal Gains, Spatial Costs", Hybrid-Frame). Which
budget a sample gets is the caller's to choose; this shows the same trajectory within it.

The first look and each observation give up pictures evenly over time, those with the most first,
and keep one at least. The stamp before a picture goes with it, and a line says how many are left,
so the words stay true. Tokens that were recorded are forgotten: nobody sampled after this prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from playhead.core.media import FrameRef
from playhead.core.message import Part, PicturePart, TextPart
from playhead.core.span import stamp
from playhead.core.trajectory import Trajectory


def thinned(
    trajectory: Trajectory, visual_tokens: int, tokens_of: Callable[[FrameRef], int]
) -> Trajectory:
    """The trajectory with pictures for so many tokens, or as few as it can have.

    Args:
        trajectory: Stays as it is if it fits.
        visual_tokens: Of all its pictures together.
        tokens_of: How many a picture takes.
    """
    groups = [
        trajectory.opening,
        *(seen.parts for step in trajectory.steps for seen in step.observations),
    ]
    kept = _kept([_frames(parts) for parts in groups], visual_tokens, tokens_of)
    if all(len(stays) == len(_frames(parts)) for stays, parts in zip(kept, groups, strict=True)):
        return trajectory
    parts = iter([_without(old, stays) for old, stays in zip(groups, kept, strict=True)])
    opening = next(parts)
    steps = [
        step.replace(
            reply=step.reply.replace(tokens=None),
            observations=tuple(seen.replace(parts=next(parts)) for seen in step.observations),
        )
        for step in trajectory.steps
    ]
    return trajectory.replace(opening=opening, steps=tuple(steps))


def evenly(num: int, of: int) -> list[int]:
    """`num` of the numbers from 0 below `of`, evenly spread, the ends among them; one: the middle.

    Args:
        num: 1 or more, and no more than `of`.
        of: How many there are.
    """
    if num == 1:
        return [of // 2]
    return [round(i * (of - 1) / (num - 1)) for i in range(num)]


def _kept(
    groups: Sequence[Sequence[FrameRef]], budget: int, tokens_of: Callable[[FrameRef], int]
) -> list[list[int]]:
    """Which pictures of each group stay."""
    kept = [list(range(len(frames))) for frames in groups]
    cost = [[tokens_of(frame) for frame in frames] for frames in groups]
    while sum(cost[i][j] for i, stays in enumerate(kept) for j in stays) > budget:
        most = max(range(len(kept)), key=lambda i: len(kept[i]))
        if len(kept[most]) <= 1:
            break
        kept[most] = evenly(len(kept[most]) - 1, len(groups[most]))
    return kept


def _frames(parts: Sequence[Part]) -> list[FrameRef]:
    return [part.frame for part in parts if isinstance(part, PicturePart)]


def _without(parts: Sequence[Part], stays: Sequence[int]) -> tuple[Part, ...]:
    """The parts with only these pictures, and a line that says so."""
    num = len(_frames(parts))
    if len(stays) == num:
        return tuple(parts)
    left: list[Part] = []
    number = 0
    for part in parts:
        if isinstance(part, PicturePart):
            is_kept, number = number in stays, number + 1
            if not is_kept:
                stamped = TextPart(text=f"<{stamp(part.frame.time_s)}>")
                if left and left[-1] == stamped:
                    left.pop()
                continue
        left.append(part)
    return (*left, TextPart(text=f"({len(stays)} of {num} pictures are shown.)"))
