"""Which frames to look at, when a span has more of them than a model can be shown.

The one idea: a selector is a function `(video, span, num_frames, query=None) -> times`. The times
are seconds, ascending, all different, inside the span, and `num_frames` at most. Whoever gets them
fetches the pictures (`video.frames_at`) and stays free to ask again.

    uniform      the centres of equal parts: no picture is read
    keyframes    the cheapest pictures to decode, spread over the span: no picture is read
    scene_aware  every shot at least once while they last, the longest first
    distinct     the pictures that differ most from one another: finds what is rare

Where something happens all the time `uniform` is hard to beat and costs nothing; where something
happens rarely, `distinct` finds it with a few frames (figures in docs/video.md).

None of these reads the `query`. Those that do need a model and come from above this floor or from
a plug-in: the entry-point group is `playhead.selectors`.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import NoSuchTime
from playhead.core.plugins import find_plugin
from playhead.core.span import Span
from playhead.video.base import Video
from playhead.video.shots import find_shots

_THOROUGH_S = 120.0  # up to here a span is looked through, beyond only its keyframes are
_LOOKS_PER_S = 2.0
_MOST_LOOKS = 240
_MOST_KEYFRAMES = 2000
_SIDE = 32


class Selector(Protocol):
    """Chooses times of a span to look at."""

    def __call__(
        self, video: Video, span: Span | None, num_frames: int, query: str | None = None
    ) -> list[float]:
        """At most `num_frames` times in seconds, ascending, all different, inside the span.

        Args:
            video: Any video.
            span: Which part. None: the whole video. What lies outside the video is left out.
            num_frames: How many at the most, 1 or more.
            query: What is looked for. None: nothing in particular.

        Raises:
            NoSuchTime: The span lies outside the video.
            ValueError: `num_frames` is less than 1.
        """
        ...


def uniform(
    video: Video, span: Span | None, num_frames: int, query: str | None = None
) -> list[float]:
    """The centres of equal parts of the span."""
    inside = _inside(video, span, num_frames)
    return _tidy(inside, inside.grid(num_frames))


def keyframes(
    video: Video, span: Span | None, num_frames: int, query: str | None = None
) -> list[float]:
    """The keyframe nearest to the centre of each equal part, so fewer where they are rare.

    A span without any keyframe gives its uniform times.
    """
    inside = _inside(video, span, num_frames)
    times_s = _keyframes_in(video, inside)
    if not len(times_s):
        return _tidy(inside, inside.grid(num_frames))
    centres = np.array(inside.grid(num_frames))
    right = np.clip(np.searchsorted(times_s, centres), 0, len(times_s) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = centres - times_s[left] < np.abs(times_s[right] - centres)
    return _tidy(inside, times_s[np.where(nearer_left, left, right)].tolist())


def scene_aware(
    video: Video, span: Span | None, num_frames: int, query: str | None = None
) -> list[float]:
    """Each shot at least once, the longest first; what is left over goes to the longest."""
    inside = _inside(video, span, num_frames)
    is_short = inside.duration <= _THOROUGH_S
    found = find_shots(video, inside, fps=_LOOKS_PER_S if is_short else None, exact=is_short)
    shots = [shot.span for shot in found]
    shares = _allot(num_frames, [shot.duration for shot in shots])
    grids = [shot.grid(num) for shot, num in zip(shots, shares, strict=True) if num]
    return _tidy(inside, [time_s for grid in grids for time_s in grid])


def distinct(
    video: Video, span: Span | None, num_frames: int, query: str | None = None
) -> list[float]:
    """The pictures that differ most from one another.

    Starts from the most ordinary picture and takes again and again the one that differs most from
    all taken so far (farthest-first traversal: Gonzalez, "Clustering to minimize the maximum
    intercluster distance", 1985). Looks at two small pictures a second, or at keyframes where the
    span is long.
    """
    inside = _inside(video, span, num_frames)
    looks_s = _look_times_s(video, inside, num_frames)
    pictures = np.concatenate(
        [
            frames.pixels.reshape(len(frames), -1).astype(np.float32)
            for frames in video.stream(looks_s, max_side=_SIDE)
        ]
    )
    taken = _farthest_first(pictures, num_frames)
    return _tidy(inside, [looks_s[i] for i in taken])


SELECTORS: Mapping[str, Selector] = MappingProxyType(
    {
        "uniform": uniform,
        "keyframes": keyframes,
        "scene_aware": scene_aware,
        "distinct": distinct,
    }
)
"""Ours, by name."""


def find_selector(name: str) -> Selector:
    """The selector of that name: one of `SELECTORS`, or an installed plug-in.

    Raises:
        NoSuchPlugin: No such name; the message lists what there is.
    """
    return find_plugin("selectors", name, SELECTORS)


def _inside(video: Video, span: Span | None, num_frames: int) -> Span:
    if num_frames < 1:
        raise ValueError(f"a selector chooses 1 frame or more: got num_frames={num_frames}")
    inside = video.info.span if span is None else video.info.span.intersection(span)
    if inside is None:
        raise NoSuchTime(f"the video runs from 0 to {video.info.duration_s:.3f} s: got {span}")
    return inside


def _tidy(inside: Span, times_s: Sequence[float]) -> list[float]:
    """Ascending and all different; in spans of a few float steps rounding can break both."""
    return sorted({time_s for time_s in times_s if time_s in inside})


def _keyframes_in(video: Video, inside: Span) -> NDArray[np.float64]:
    times_s = video.keyframe_times_s
    return times_s[(times_s >= inside.start) & (times_s < inside.end)]


def _look_times_s(video: Video, inside: Span, num_frames: int) -> list[float]:
    """Where to look to find out where looking is worth while."""
    if inside.duration > _THOROUGH_S:
        times_s = _keyframes_in(video, inside)
        if len(times_s) >= 4 * num_frames:
            return times_s[:: -(-len(times_s) // _MOST_KEYFRAMES)].tolist()
    num = min(_MOST_LOOKS, round(inside.duration * _LOOKS_PER_S))
    return _tidy(inside, inside.grid(max(num, num_frames)))


def _allot(num: int, weights: Sequence[float]) -> list[int]:
    """`num` things shared out: one each, the heaviest first, the rest in proportion to weight.

    The rest goes one by one to where the most weight is left per thing (D'Hondt's method).
    """
    shares = [0] * len(weights)
    for i in sorted(range(len(weights)), key=lambda i: -weights[i])[:num]:
        shares[i] = 1
    waiting = [(-weight / 2, i) for i, weight in enumerate(weights)]
    heapq.heapify(waiting)
    for _ in range(num - len(weights)):
        i = waiting[0][1]
        shares[i] += 1
        heapq.heapreplace(waiting, (-weights[i] / (shares[i] + 1), i))
    return shares


def _farthest_first(pictures: NDArray[np.float32], num: int) -> list[int]:
    """The picture nearest to the median, then always the farthest from all taken."""
    ordinary = np.median(pictures, axis=0)
    taken = [int(np.abs(pictures - ordinary).mean(axis=1).argmin())]
    distance = np.abs(pictures - pictures[taken[0]]).mean(axis=1)
    while len(taken) < num and distance.max() > 0:
        taken.append(int(distance.argmax()))
        distance = np.minimum(distance, np.abs(pictures - pictures[taken[-1]]).mean(axis=1))
    return taken
