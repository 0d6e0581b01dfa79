"""Shots: where one take ends and the next begins.

The one idea: look coarsely first, and at every frame only where the coarse look saw a change. Two
pictures are compared by their colour histograms, which barely move when things move inside a shot
and jump when the shot changes. Where they differ, PySceneDetect's `AdaptiveDetector` sees every
frame around the change and says on which frame it is, or that it is only movement. What changes
slowly between two steady views is a dissolve or a fade, and is put where it is half over.

A coarse look is either a few pictures a second or, about 25 times cheaper, only the frames that
decode on their own: encoders put one at most cuts. It works on any span and looks a little beyond
its ends, so that the pieces of a video agree with the whole: see `join_shots`.

It does not find a shot that begins and ends between two coarse looks, a cut between two takes with
the same colours, or a wipe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import NoSuchTime
from playhead.core.span import Span, merge
from playhead.video.base import Video

_SIDE = 160  # pixels of the longer side of the pictures compared
_BINS = (8, 4, 4)  # of hue, saturation, value
_DARK = 24  # of 255: below it hue and saturation are noise
_BLACK = 32  # of 255: a black picture has nearly nothing above it
_ALL_BLACK = 0.998  # of its pixels; less, and there is something to see: a title on black
_SUSPECT = 0.25  # looks a fraction of a second apart that differ by more are looked into
_DIFFERENT = 0.45  # looks that differ by more do not show the same shot
_FLASH_S = 0.3  # changes closer together are one change, or a flash and none
_SLOW_S = 1.5  # a dissolve is over in that time
_BLEND = 0.35  # a picture that is off by more, for the whole change, is no blend
_CONTEXT_S = 3 * _SLOW_S
_SHORTEST_S = 0.01  # a picture of a film of variable rate lasts as long or longer


@dataclass(frozen=True)
class Shot:
    """A stretch of video taken in one go."""

    span: Span
    score: float | None
    """How much the picture changes where the shot begins: 0 to 1. None: no change was seen there,
    it begins where the look began."""


@dataclass(frozen=True, eq=False)
class _Looks:
    times_s: NDArray[np.float64]
    colours: NDArray[np.float32]
    """`[N, bins]`: the square root of each picture's colour histogram, of length 1."""
    small: NDArray[np.float32]
    """`[N, values]`: each picture shrunk to a few pixels."""
    is_black: NDArray[np.bool_]

    def change(self, lag: int = 1) -> NDArray[np.float64]:
        """`[N - lag]`: how much each look differs from the one `lag` later: 0 to 1."""
        return _distance(self.colours[:-lag], self.colours[lag:])


def find_shots(
    video: Video,
    span: Span | None = None,
    *,
    fps: float | None = 4.0,
    exact: bool = True,
) -> list[Shot]:
    """The shots of a span, which they fill without gaps. Black between two shots ends the first.

    Args:
        video: Any video.
        span: Which part. None: the whole video. What lies outside the video is left out.
        fps: Pictures a second of the coarse look. None: only the keyframes.
        exact: Find the very frame of each cut by decoding every frame around it. False: a shot
            begins at the first coarse look that shows it.

    Raises:
        NoSuchTime: The span lies outside the video.
        ValueError: `fps` is not a positive number.
    """
    inside = video.info.span if span is None else video.info.span.intersection(span)
    if inside is None:
        raise NoSuchTime(f"the video runs from 0 to {video.info.duration_s:.3f} s: got {span}")
    if fps is not None and not 0 < fps < float("inf"):
        raise ValueError(f"fps is a positive number, or None for keyframes: got {fps}")
    looks = _look(video, _look_times_s(video, inside, fps))
    changes = _sudden_changes(video, looks, _DIFFERENT if fps is None else _SUSPECT, exact)
    if fps is not None:
        changes |= _dissolves(looks, max(1, round(_SLOW_S * fps)), sorted(changes))
    starts = _without_flashes(looks, _through_black(looks, changes))
    return _fill(inside, {t: starts[t] for t in sorted(starts) if t in inside})


def join_shots(shots: Sequence[Shot]) -> list[Shot]:
    """One list from those of neighbouring spans: a shot that no change opens continues the last.

    Args:
        shots: In order of time.
    """
    joined: list[Shot] = []
    for shot in shots:
        if joined and shot.score is None and joined[-1].span.end == shot.span.start:
            last = joined.pop()
            shot = Shot(Span(start=last.span.start, end=shot.span.end), last.score)
        joined.append(shot)
    return joined


def _fill(inside: Span, starts: dict[float, float]) -> list[Shot]:
    scores: dict[float, float | None] = {inside.start: None} | starts
    ends = [*list(scores)[1:], inside.end]
    return [
        Shot(Span(start=start, end=end), score)
        for (start, score), end in zip(scores.items(), ends, strict=True)
    ]


def _look_times_s(video: Video, inside: Span, fps: float | None) -> list[float]:
    """When to look: a little beyond both ends, and at times that do not depend on the span."""
    duration_s = video.info.duration_s
    if fps is None:
        times_s = video.keyframe_times_s
        first, last = np.searchsorted(times_s, [inside.start, inside.end])
        return times_s[max(0, first - 2) : last + 1].tolist()
    first = max(0, floor((inside.start - _CONTEXT_S) * fps))
    last = ceil(min(inside.end + _CONTEXT_S, duration_s) * fps)
    times_s = [k / fps for k in range(first, last) if k / fps < duration_s]
    if inside.end + _CONTEXT_S >= duration_s:
        times_s.append(float(np.nextafter(duration_s, 0)))
    return times_s


def _look(video: Video, times_s: Sequence[float]) -> _Looks:
    import cv2

    looks = [
        (time_s, *_colours(picture), cv2.resize(picture, (16, 9), interpolation=cv2.INTER_AREA))
        for frames in video.stream(times_s, max_side=_SIDE)
        for time_s, picture in zip(frames.times_s, frames.pixels, strict=True)
    ]
    when, colours, black, small = zip(*looks, strict=True)
    pixels = np.stack(small).reshape(len(small), -1).astype(np.float32)
    return _Looks(np.array(when), np.stack(colours), pixels, np.array(black))


def _colours(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], bool]:
    """The square root of the colour histogram, and whether the picture is black."""
    import cv2

    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    value = hsv[..., 2].copy()
    hsv[value < _DARK] = 0
    counts = cv2.calcHist([hsv], [0, 1, 2], None, list(_BINS), [0, 180, 0, 256, 0, 256])
    return np.sqrt(counts.ravel() / counts.sum()), float((value < _BLACK).mean()) > _ALL_BLACK


def _distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Hellinger distance of histograms given as square roots: 0 (same) to 1 (nothing shared)."""
    shared = np.einsum("...i,...i->...", a, b, dtype=np.float64)
    return np.sqrt(np.clip(1.0 - shared, 0.0, 1.0))


def _sudden_changes(video: Video, looks: _Looks, limit: float, exact: bool) -> dict[float, float]:
    """Time and score of every cut between two looks that differ by more than `limit`."""
    change = looks.change()
    suspects = np.flatnonzero(change > limit)
    if not exact:
        sure = suspects[change[suspects] > _DIFFERENT]
        return {float(looks.times_s[i + 1]): float(change[i]) for i in sure}
    gaps = [
        Span(start=looks.times_s[i], end=looks.times_s[i + 1])
        for i in suspects
        if looks.times_s[i] < looks.times_s[i + 1]
    ]
    return {time_s: score for gap in merge(gaps) for time_s, score in _cuts(video, gap)}


def _cuts(video: Video, gap: Span) -> Iterator[tuple[float, float]]:
    """Time and score of the cuts in `gap`, to the frame."""
    from scenedetect import FrameTimecode
    from scenedetect.detectors import AdaptiveDetector

    detector = AdaptiveDetector(min_scene_len=0)
    seen: list[tuple[float, NDArray[np.float32]]] = []
    for time_s, picture in _every_picture(video, gap):
        seen.append((time_s, _colours(picture)[0]))
        now = FrameTimecode(len(seen) - 1, fps=25.0)  # counts pictures; its rate means nothing
        for cut in detector.process_frame(now, np.ascontiguousarray(picture[..., ::-1])):
            (_, before), (start_s, after) = seen[cut.frame_num - 1 : cut.frame_num + 1]
            score = float(_distance(before, after))
            if gap.start < start_s <= gap.end and score > _SUSPECT:
                yield start_s, score


def _every_picture(video: Video, gap: Span) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Each picture shown in `gap`, and a few more on both sides for the detector to compare."""
    frame_s = 1.0 / float(video.info.fps or 1)
    start_s = max(0.5, gap.start / frame_s - 3.5) * frame_s  # in the middle of a frame
    around = Span(start=start_s, end=max(gap.end + 4 * frame_s, start_s + frame_s))
    times_s = around.every(min(frame_s, _SHORTEST_S) if video.info.is_vfr else frame_s)
    last_s = -1.0
    for frames in video.stream([t for t in times_s if t < video.info.duration_s], max_side=_SIDE):
        for time_s, picture in zip(frames.times_s.tolist(), frames.pixels, strict=True):
            if time_s > last_s:
                yield time_s, picture
                last_s = time_s


def _dissolves(looks: _Looks, lag: int, cuts: Sequence[float]) -> dict[float, float]:
    """Time and score of every change between two views that mixes the one into the other.

    Looks `lag` apart differ though there is no cut between them, the twin comparison of Zhang,
    Kankanhalli and Smoliar, "Automatic partitioning of full-motion video" (1993); and every look
    in between is a blend of the two, which movement never is.
    """
    if len(looks.times_s) <= lag:
        return {}
    num_cuts = np.searchsorted(cuts, looks.times_s, side="right")  # so far
    change = np.where(num_cuts[:-lag] == num_cuts[lag:], looks.change(lag), 0.0)
    change[_is_near(looks.is_black, lag)[:-lag]] = 0.0
    found: dict[float, float] = {}
    for first, last in _runs(change > _DIFFERENT):
        share = _share_of_last(looks.small[first : last + lag])
        if last - first <= 2 * lag and share is not None:
            half = first + int((share >= 0.5).argmax())
            found[float(looks.times_s[half])] = float(change[first:last].max())
    return found


def _share_of_last(pictures: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """How much of the last picture is in each, if they are blends of the first and the last."""
    first, whole = pictures[0], pictures[-1] - pictures[0]
    length = max(float(np.linalg.norm(whole)), 1e-3)
    share = (pictures - first) @ whole / length**2
    off = np.linalg.norm(pictures - first - share[:, None] * whole, axis=1) / length
    between = (share > 0.1) & (share < 0.9)
    is_blend = off[between].max(initial=0.0) < _BLEND and np.diff(share).min() > -0.2
    return share if between.any() and is_blend else None


def _through_black(looks: _Looks, changes: dict[float, float]) -> dict[float, float]:
    """`changes` without those into, in and out of black, and one where each stretch of it ends."""
    times_s = looks.times_s.tolist()
    for first, last in _runs(looks.is_black):
        if last == len(times_s):
            break
        before_s = times_s[first - 1] if first else -1.0
        cuts = [t for t in changes if times_s[last - 1] < t <= times_s[last]]
        changes = {t: score for t, score in changes.items() if not before_s < t <= times_s[last]}
        views = looks.colours[[max(0, first - 3), min(last + 2, len(times_s) - 1)]]
        score = float(_distance(views[0], views[1]))
        if first and score > _SUSPECT:
            changes[cuts[-1] if cuts else times_s[last]] = score
    return changes


def _is_near(flags: NDArray[np.bool_], distance: int) -> NDArray[np.bool_]:
    """Whether there is a True from `distance` before each index to twice that after it."""
    so_far = np.concatenate(([0], np.cumsum(flags)))
    index = np.arange(len(flags))
    upto = so_far[np.minimum(index + 2 * distance + 1, len(flags))]
    return upto > so_far[np.maximum(index - distance, 0)]


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """`(first, last + 1)` of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _without_flashes(looks: _Looks, changes: dict[float, float]) -> dict[float, float]:
    """Of changes close together only the largest, and none where all is as before them."""
    kept: dict[float, float] = {}
    for group in merge([Span(start=t, end=t + _FLASH_S) for t in changes]):
        times_s = [t for t in changes if t in group]
        before = max(0, int(np.searchsorted(looks.times_s, min(times_s))) - 1)
        after = min(int(np.searchsorted(looks.times_s, max(times_s))), len(looks.times_s) - 1)
        if len(times_s) > 1 and _distance(looks.colours[before], looks.colours[after]) < _SUSPECT:
            continue
        largest = max(times_s, key=lambda t: changes[t])
        kept[largest] = changes[largest]
    return kept
