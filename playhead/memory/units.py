"""The pieces of work that an index is made of, and how each is done.

The one idea: a unit is a function of the video, a stretch of it and the recipe, and of nothing
else. What it finds is remembered in one go together with the mark that it is done. So an index can
be made in any order, by any number of threads, be killed at any moment and go on, and is the same
index in the end.

    words     subtitles inside the file and beside it
    coarse    keyframes (25 times cheaper than all frames): vectors, shots, thumbnails
    fine      pictures at a steady rate: vectors, and what the cheap eyes see
    late      what one expensive eye sees
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.evidence import Evidence, Kind
from playhead.core.span import Span
from playhead.memory.disk import Batch, Entry
from playhead.memory.recipe import MemoryRecipe, unit_s
from playhead.video.base import Frames, Video
from playhead.video.shots import find_shots

SHOT = "shot"
"""The kind of evidence that is a shot: no words, its span is the finding."""
GLIMPSE = "glimpse"
"""The kind of coverage by keyframes only."""

_KEYFRAME_GAP_S = 1.0  # closer keyframes are not looked at
_PICTURE_S = 1.0  # that a picture stands for at the most


class Tier(IntEnum):
    """What is done first."""

    WORDS = 0
    COARSE = 1
    FINE = 2
    LATE = 3


@dataclass(frozen=True)
class Unit:
    """One piece of work."""

    tier: Tier
    name: str
    """Unique for its video; another recipe's work has another name."""
    span: Span
    number: int
    """Which piece of its tier it is, from 0."""
    eye: int = 0
    """Which of the expensive eyes does it."""


def units(duration_s: float, recipe: MemoryRecipe) -> list[Unit]:
    """All the work that a video of that length is, in order of tier and time."""
    whole = Span(start=0.0, end=duration_s)
    found = [Unit(Tier.WORDS, recipe.words, whole, 0)]
    found += _cut(Tier.COARSE, recipe.coarse, whole, recipe.coarse_chunk_s)
    found += _cut(Tier.FINE, recipe.fine, whole, recipe.chunk_s)
    for i, eye in enumerate(recipe.made_late_eyes):
        found += _cut(Tier.LATE, recipe.late(eye), whole, unit_s(eye, recipe), eye=i)
    return found


def do(
    unit: Unit,
    video: Video,
    recipe: MemoryRecipe,
    *,
    path: str | None = None,
    keep_thumbnail: Callable[[Frames], None] | None = None,
) -> Batch:
    """What a unit finds.

    Args:
        unit: From `units` for this video and recipe.
        video: The video.
        recipe: How.
        path: Where its file is, for the subtitles beside it. None: there is no file.
        keep_thumbnail: Is given the keyframes, if the recipe wants thumbnails.

    Raises:
        VideoError: It cannot be read there.
    """
    num_damaged = getattr(video, "num_damaged", 0)
    match unit.tier:
        case Tier.WORDS:
            entries = _read_words(video, recipe, path)
            is_heard = bool(entries) or not video.info.has_audio  # else nobody has listened yet
            seen = [(str(Kind.SPEECH), unit.span)] if is_heard else []
        case Tier.COARSE:
            keep = keep_thumbnail if recipe.thumbnails else None
            entries, seen = _glimpse(video, unit.span, recipe, keep), [(GLIMPSE, unit.span)]
        case Tier.FINE:
            entries, seen = _look(video, unit.span, recipe)
        case Tier.LATE:
            eye = recipe.made_late_eyes[unit.eye]
            entries = _see(eye, video, unit.span, _frames(video, unit.span, recipe, eye), recipe)
            seen = [(str(eye.kind), unit.span)]
    num_damaged = getattr(video, "num_damaged", 0) - num_damaged
    problem = f"{num_damaged} damaged pictures were replaced by those before" if num_damaged else ""
    return Batch(video.id, entries, seen, {unit.name: problem})


def picture_entries(frames: Frames, recipe: MemoryRecipe, source: str, end_s: float) -> list[Entry]:
    """Pictures as evidence with their vectors. Each stands for the time until the next one, or
    `end_s`, but for a second at the most."""
    vectors = {e.name: e.embed_pictures(frames.pixels) for e in recipe.picture_embedders}
    ends_s = np.minimum(np.append(frames.times_s[1:], end_s), frames.times_s + _PICTURE_S)
    return [
        Entry(
            Evidence.make(
                frames.video_id,
                Span(start=float(start_s), end=float(end)),
                Kind.PICTURE,
                frames=[ref],
            ),
            source,
            vectors={space: found[i] for space, found in vectors.items()},
        )
        for i, (start_s, end, ref) in enumerate(
            zip(frames.times_s, ends_s, frames.refs, strict=True)
        )
        if start_s < end
    ]


def _cut(tier: Tier, name: str, whole: Span, step_s: float, *, eye: int = 0) -> list[Unit]:
    starts = [i * step_s for i in range(math.ceil(whole.end / step_s))]
    spans = [Span(start=s, end=min(s + step_s, whole.end)) for s in starts if s < whole.end]
    return [Unit(tier, f"{name}/{i}", span, i, eye) for i, span in enumerate(spans)]


def _read_words(video: Video, recipe: MemoryRecipe, path: str | None) -> list[Entry]:
    from playhead.models.eyes.speech import subtitle_evidence

    return _with_text_vectors(subtitle_evidence(path, video), "subtitles", recipe)


def _glimpse(
    video: Video, span: Span, recipe: MemoryRecipe, keep: Callable[[Frames], None] | None
) -> list[Entry]:
    glimpse = _Glimpse(video, span, recipe.max_side)
    entries: list[Entry] = []
    inside = glimpse.inside(span)
    if inside is not None:
        entries += picture_entries(inside, recipe, recipe.pictures, span.end)
        if keep is not None:
            keep(inside)
    for shot in find_shots(glimpse, span, fps=None, exact=False):
        cut = Evidence.make(video.id, shot.span, SHOT, score=shot.score)
        entries.append(Entry(cut, recipe.coarse))
    return entries


def _look(
    video: Video, span: Span, recipe: MemoryRecipe
) -> tuple[list[Entry], list[tuple[str, Span]]]:
    frames = _frames(video, span, recipe)
    entries = picture_entries(frames, recipe, recipe.pictures, span.end)
    seen = [(str(Kind.PICTURE), span)]
    for eye in recipe.made_eyes:
        entries += _see(eye, video, span, frames, recipe)
        seen.append((str(eye.kind), span))
    return entries, seen


def _frames(video: Video, span: Span, recipe: MemoryRecipe, eye: Any = None) -> Frames:
    """Pictures at the recipe's rate, at times that do not depend on how the video is cut."""
    if eye is not None and not getattr(eye, "needs_frames", True):
        return video.frames_at([span.start], max_side=recipe.max_side)
    first = math.ceil(span.start * recipe.fps - 1e-9)
    times_s = [k / recipe.fps for k in range(first, math.ceil(span.end * recipe.fps))]
    times_s = [time_s for time_s in times_s if time_s in span] or [span.start]
    frames = video.frames_at(times_s, max_side=recipe.max_side)
    _, distinct = np.unique(frames.times_s, return_index=True)
    return frames[distinct]


def _see(eye: Any, video: Video, span: Span, frames: Frames, recipe: MemoryRecipe) -> list[Entry]:
    return _with_text_vectors(eye.see(video, span, frames), eye.name, recipe, _level(eye))


def _level(eye: Any) -> str:
    """The level of the caption pyramid that an eye's findings are."""
    return str(getattr(eye, "level", ""))


def _with_text_vectors(
    found: Sequence[Evidence], source: str, recipe: MemoryRecipe, level: str = ""
) -> list[Entry]:
    vectors: dict[str, NDArray[Any]] = {}
    if found:
        texts = [evidence.text for evidence in found]
        vectors = {e.name: e.embed_texts(texts) for e in recipe.text_embedders}
    return [
        Entry(evidence, source, level, {space: of[i] for space, of in vectors.items()})
        for i, evidence in enumerate(found)
    ]


class _Glimpse(Video):
    """A video of which only the keyframes around a span are there, each decoded once, small."""

    def __init__(self, video: Video, span: Span, max_side: int) -> None:
        self.id, self.info = video.id, video.info
        times_s = _apart(video.keyframe_times_s)
        first, last = np.searchsorted(times_s, [span.start, span.end])
        around = times_s[max(0, first - 2) : last + 1]
        self._times_s = around if len(around) else times_s[-1:]
        self._frames = _joined(list(video.stream(self._times_s.tolist(), max_side=max_side)))

    @property
    def keyframe_times_s(self) -> NDArray[np.float64]:
        return self._times_s

    def inside(self, span: Span) -> Frames | None:
        """The pictures that start in `span`; None if none does."""
        which = np.flatnonzero(
            (self._frames.times_s >= span.start) & (self._frames.times_s < span.end)
        )
        return self._frames[which] if len(which) else None

    def close(self) -> None:
        pass

    def _read(self, times_s: Sequence[float], max_side: int | None) -> Frames:
        import cv2

        which = np.searchsorted(self._frames.times_s, np.array(times_s) + 1e-9, "right") - 1
        frames = self._frames[np.maximum(which, 0)]
        _, height, width, _ = frames.pixels.shape
        scale = (max_side or math.inf) / max(height, width)
        if scale >= 1:
            return frames
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small: list[NDArray[Any]] = [
            cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in frames.pixels
        ]
        return Frames(np.stack(small), frames.times_s, self.id)


def _apart(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """`times_s` without those that follow another too closely: the same ones for every span."""
    if len(times_s) < 2 or float(np.diff(times_s).min()) >= _KEYFRAME_GAP_S:
        return times_s
    kept = [float(times_s[0])]
    for time_s in times_s[1:].tolist():
        if time_s - kept[-1] >= _KEYFRAME_GAP_S:
            kept.append(time_s)
    return np.array(kept)


def _joined(parts: Sequence[Frames]) -> Frames:
    pixels = np.concatenate([part.pixels for part in parts])
    return Frames(pixels, np.concatenate([part.times_s for part in parts]), parts[0].video_id)
