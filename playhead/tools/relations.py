"""`relations`: who does what where, as triplets `subject - relation - object` with their seconds.

The embedded rule knows only what moves before a fixed camera: it says how a thing comes, goes and
moves, and which things touch or are next to one another. It does not know what they are, names them
by size and colour, and takes two that touch from the start for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, count

import numpy as np

from playhead.core.evidence import Evidence, Kind
from playhead.core.span import Span
from playhead.core.tools import Observation, tool
from playhead.models.eyes._motion import Look, Take, takes
from playhead.models.eyes._motion import look as compared
from playhead.models.eyes._paths import Path, colour, direction, main_things, paths, size
from playhead.tools import say
from playhead.tools.context import ToolContext
from playhead.video.base import Frames

_MOST_S = 240.0  # that one call looks through
_CONTEXT_S = 32.0  # shorter parts are seen with so much around them: to know what stays
_FPS = 2.0
_SIDE = 320  # pixels
_MOST_THINGS = 8
_MOST_LINES = 40
_NEAR = 0.06  # of the picture: things closer are next to one another
_FEWEST = 3  # pictures of a take
_LIMITS = (
    "These come from what moves before a fixed camera, without knowing what things are: look to "
    "see what they are."
)


@dataclass(frozen=True)
class _Thing:
    name: str
    path: Path


@dataclass(frozen=True)
class _Triplet:
    subject: str
    relation: str
    object: str
    first: int
    last: int


@tool
def relations(ctx: ToolContext, start_s: float, end_s: float, video: str = "") -> Observation:
    """List what moves in a part of the video as triplets: subject - relation - object, with
    seconds: how things come, go and move, which touch or are next to one another. It costs no
    pictures.

    Args:
        start_s: Where the part starts, in seconds.
        end_s: Where it ends, in seconds.
        video: Which video, such as v1. The first if left out.
    """
    video_id = ctx.video_id(video)
    part, clamped = ctx.clamp(video_id, start_s, end_s)
    later = ""
    if part.duration > _MOST_S:
        part = Span(start=part.start, end=part.start + _MOST_S)
        later = f"Only the first {_MOST_S:.0f} s: ask again with start_s={part.end:.1f}."
    frames = _frames(ctx, video_id, part)
    seen = compared(frames)
    found_takes = takes(seen)
    found: list[Evidence] = []
    number = count(1)
    for take in found_takes:
        if take.is_fixed and take.last - take.first >= _FEWEST:
            found += _in_take(frames, seen, take, part, number)
    found.sort(key=lambda piece: (piece.span.start, piece.span.end, piece.text))
    lines = say.bounded([say.line(ctx, piece) for piece in found], _MOST_LINES)
    head = f"{ctx.handle(video_id)} {say.span_words(part)}: {len(found)} relations."
    if not found:
        lines = [_why_none(frames, found_takes, part)]
    words = " ".join(word for word in (head, clamped, later, _LIMITS) if word)
    return say.observation(ctx, [words, *lines], found[: len(lines)])


def _frames(ctx: ToolContext, video_id: str, part: Span) -> Frames:
    """Pictures of the part, and around it if it is short, that nobody is shown."""
    more_s = max(0.0, (_CONTEXT_S - part.duration) / 2)
    around = Span(start=max(0.0, part.start - more_s), end=part.end + more_s)
    around = around.clamp(ctx.whole(video_id)) or part
    frames = ctx.decode(video_id, around.every(1 / _FPS), max_side=_SIDE)
    _, first = np.unique(frames.times_s, return_index=True)
    return frames[first]


def _in_take(
    frames: Frames, seen: Look, take: Take, part: Span, number: Iterator[int]
) -> Iterator[Evidence]:
    """The relations in one take, as far as they hold in the part."""
    inside = [i for i in range(take.first, take.last) if float(frames.times_s[i]) in part]
    if not inside:
        return
    first, last = inside[0], inside[-1]
    moving = [p for path in paths(seen, take) if (p := path.between(first, last + 1))]
    main = sorted(main_things([p for p in moving if len(p.seen) > 1]), key=lambda p: -p.share)
    things = [
        _Thing(f"{size(path)} {colour(seen, path)} thing {next(number)}", path)
        for path in sorted(main[:_MOST_THINGS], key=lambda p: p.first)
    ]
    for triplet in [*_alone(things, take), *_together(things)]:
        span = _span(frames, triplet, part)
        if span is not None:
            text = f"{triplet.subject} - {triplet.relation} - {triplet.object}"
            middle = (triplet.first + triplet.last) // 2
            refs = frames[[middle]].refs
            yield Evidence.make(frames.video_id, span, Kind.TRACK, text=text, frames=refs)


def _alone(things: Sequence[_Thing], take: Take) -> Iterator[_Triplet]:
    """How each thing comes, moves and goes."""
    for thing in things:
        whole = thing.path.whole or thing.path
        path = thing.path
        if path.first == whole.first > take.first:
            how = _edge(whole, 0)
            yield _Triplet(thing.name, "appears", how, path.first, path.first)
        way = direction(path)
        relation = "moves" if way.startswith("from") else "moves in place"
        yield _Triplet(thing.name, relation, way, path.first, path.last)
        if path.last == whole.last < take.last - 1:
            yield _Triplet(thing.name, "disappears", _edge(whole, -1), path.last, path.last)


def _edge(path: Path, which: int) -> str:
    """Where a thing is seen first or last: at which edge of the picture, or inside it."""
    mask = path.seen[which].mask
    sides = {
        "at the left edge": mask[:, 0],
        "at the right edge": mask[:, -1],
        "at the top edge": mask[0],
        "at the bottom edge": mask[-1],
    }
    touched = {name: int(side.sum()) for name, side in sides.items()}
    best = max(touched, key=lambda name: touched[name])
    return best if touched[best] else "inside the picture"


def _together(things: Sequence[_Thing]) -> Iterator[_Triplet]:
    """Which things touch, are next to or pass one another, while both are seen."""
    for a, b in combinations(things, 2):
        places = {piece.index: piece for piece in b.path.seen}
        shared = [(piece, places[piece.index]) for piece in a.path.seen if piece.index in places]
        if not shared:
            continue
        gaps = [_gap(p.mask, q.mask) for p, q in shared]
        for relation, is_so in (
            ("touches", [gap <= 0.02 for gap in gaps]),
            ("is next to", [0.02 < gap <= _NEAR for gap in gaps]),
        ):
            where = [p.index for (p, _), yes in zip(shared, is_so, strict=True) if yes]
            if where:
                yield _Triplet(a.name, relation, b.name, where[0], where[-1])
        start, end = (p.left - q.left for p, q in (shared[0], shared[-1]))
        relation = "is left of" if start < 0 else "is right of"
        if start * end < 0:
            relation = (
                "passes from left to right of" if start < 0 else "passes from right to left of"
            )
        yield _Triplet(a.name, relation, b.name, shared[0][0].index, shared[-1][0].index)


def _gap(a: np.ndarray, b: np.ndarray) -> float:
    """How far the boxes of two masks are apart, as a fraction of the picture's longer side."""
    boxes = [[(int(r.min()), int(r.max())) for r in np.nonzero(mask)] for mask in (a, b)]
    gaps = [
        max(lo_b - hi_a, lo_a - hi_b, 0) for (lo_a, hi_a), (lo_b, hi_b) in zip(*boxes, strict=True)
    ]
    return float(np.hypot(*gaps)) / max(a.shape)


def _span(frames: Frames, triplet: _Triplet, part: Span) -> Span | None:
    start = float(frames.times_s[triplet.first])
    end = float(frames.times_s[triplet.last]) + 1 / _FPS
    return Span(start=start, end=end).clamp(part)


def _why_none(frames: Frames, found_takes: Sequence[Take], part: Span) -> str:
    inside = [
        take
        for take in found_takes
        if any(float(frames.times_s[i]) in part for i in range(take.first, take.last))
    ]
    if any(not take.is_fixed for take in inside):
        return "The camera moves, or the picture cuts often: no thing can be told apart."
    return "Nothing was seen to move."
