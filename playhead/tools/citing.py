"""What an answer cites: evidence by its id, or a picture by the time that it was shown with.

The one idea: what a policy writes must name something that was really found, and one thing alone.
A picture named by its time proves a moment, so it is cited with the part that it stands for, and
not with all that was looked at in the same call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from playhead.core.evidence import Evidence
from playhead.core.span import Span

_LEAST_OF_ID = 5  # characters of an id that is not written whole
_TIME = re.compile(r"(?:(v\d+)\W+)?<?(\d+(?:\.\d+)?(?= ?s)|\d+\.\d+) ?s?>?", re.IGNORECASE)
_NEAR_S = 0.5  # a picture is meant by a time so far from its own


def by_id(found: dict[str, Evidence], name: str) -> Evidence | None:
    """What is meant by an id: whole, or, as git has it, its first five characters or more, if they
    are those of one piece alone. None: nothing."""
    if name in found or len(name) < _LEAST_OF_ID:
        return found.get(name)
    fits = [piece for full, piece in found.items() if full.startswith(name)]
    return fits[0] if len(fits) == 1 else None


def read_time(name: str) -> tuple[str, float] | None:
    """The handle (may be empty) and the seconds of `42.0s`, `<42.0s>`, `42 s` or `v2 42.0s`. None:
    it is no time, as a bare `42` is none: it may be a number of anything."""
    read = _TIME.fullmatch(name)
    return (read[1] or "", float(read[2])) if read else None


def by_time(found: Iterable[Evidence], time_s: float) -> Evidence | None:
    """The picture nearest to a time, at most half a second from it, as evidence of its own.

    It spans the part that it stands for: halfway to the pictures before and after it in the same
    look. Of several looks that show it, the closest counts. None: no picture of that time was
    shown, or pictures of several videos were.
    """
    near: list[tuple[float, float, Evidence]] = []
    for piece in found:
        times_s = sorted({frame.time_s for frame in piece.frames})
        for frame in piece.frames:
            away_s = abs(frame.time_s - time_s)
            if away_s > _NEAR_S:
                continue
            span = _part(piece.span, times_s, times_s.index(frame.time_s))
            one = Evidence.make(piece.video_id, span, piece.kind, text=piece.text, frames=[frame])
            near.append((away_s, span.duration, one))
    if len({one.video_id for _, _, one in near}) != 1:
        return None
    return min(near, key=lambda each: each[:2])[2]


def _part(whole: Span, times_s: list[float], at: int) -> Span:
    """What the picture at a place stands for, of the part that all of them stand for."""
    start, end = whole.start, whole.end
    if at > 0:
        start = max(start, (times_s[at - 1] + times_s[at]) / 2)
    if at + 1 < len(times_s):
        end = min(end, (times_s[at] + times_s[at + 1]) / 2)
    return Span(start=start, end=end) if start < end else whole
