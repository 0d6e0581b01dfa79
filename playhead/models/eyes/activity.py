"""Eyes without weights: what moves, where, whither, in which colours; what the whole looks like.

The one idea: say only what pixels alone can tell, and say so when they cannot. In front of a fixed
camera a thing is what differs from the empty place and is alive (see `_motion`); it has a colour, a
size, a place and a way. When the camera moves, the whole picture does, and no thing is told apart.

`Activity` writes a sentence or two on every eight seconds, `MovingThings` names the stretches in
which something moves, `join_tracks` joins those that touch where one chunk of a video ends and the
next begins, so that visits can be counted.

It does not know what things are. (OpenCV 4's people detector, HOG, would not help: of 109 seconds
with somebody at a table it found none at 320 pixels and 36 at 640, at 90 ms a picture.) Two that
touch are one; one of two colours may be two. Who stands there in all of the pictures given is
background, and where no second is calm the empty place is a guess: give half a minute or more.
Doors, glints and deep shadows are things like others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from playhead.core.evidence import Evidence, Kind
from playhead.core.span import Span, merge
from playhead.models.eyes._colours import brightness, main_colours, name_colours
from playhead.models.eyes._motion import Look, Take, look, takes
from playhead.models.eyes._paths import (
    Path,
    colour,
    direction,
    main_things,
    num_together,
    paths,
    size,
)
from playhead.video.base import Frames, Video

_CELL_S = 8.0
_FEWEST = 3  # pictures: with two nobody can tell which of them shows the empty place
_GLINT = 0.01  # of the picture: a smaller thing seen only once is none
_DIMMER = 45  # of 255, mean: cameras correct their exposure by less
_NAMED = 3  # things: more are counted, not described
_ASIDE = re.compile(r" \(\d+ % of the picture\)|; the rest is still")
_STILL = "Nothing moves."


@dataclass(frozen=True, eq=False)
class _Scene:
    """All that is known about some pictures."""

    frames: Frames
    span: Span
    seen: Look
    takes: list[Take]
    things: list[Path]
    step_s: float
    """How long each picture stands for."""

    def start_s(self, index: int) -> float:
        """When picture `index` starts to be shown, not before the span does."""
        return min(max(float(self.frames.times_s[index]), self.span.start), self.span.end)

    def stretch(self, first: int, last: int) -> Span | None:
        """From the start of picture `first` to the end of picture `last`, inside the span."""
        start, end = self.start_s(first), self.start_s(last) + self.step_s
        return Span(start=start, end=end).clamp(self.span) if start < self.span.end else None


def _study(frames: Frames, span: Span) -> _Scene:
    seen = look(frames)
    found = takes(seen)
    things = [
        path
        for take in found
        if take.is_fixed and take.last - take.first >= _FEWEST
        for path in paths(seen, take)
        if len(path.seen) > 1 or path.share >= _GLINT
    ]
    gaps_s = np.diff(frames.times_s)
    step_s = float(np.median(gaps_s)) if len(gaps_s) else 1.0
    return _Scene(frames, span, seen, found, things, max(step_s, 1e-3))


class Activity:
    """An eye that writes what moves, and how the whole looks, on every eight seconds."""

    level = "8s"
    """Of the caption pyramid (`playhead.memory.captions`), which does not write these again."""

    @property
    def name(self) -> str:
        """Names the eye and its version."""
        return "activity-1"

    @property
    def kind(self) -> str:
        """The channel: captions."""
        return Kind.CAPTION.value

    def see(self, video: Video, span: Span, frames: Frames) -> list[Evidence]:
        """One caption for each eight seconds of the video's clock, as far as they are in `span`.

        Args:
            video: Whose pictures they are; it is not read again.
            span: The stretch. Captions begin at its start and at multiples of eight seconds.
            frames: Its pictures. Eight seconds of which there is none get no caption.
        """
        scene = _study(frames, span)
        # A picture belongs where the middle of its time lies: one that is asked for at 8 s may
        # have been on screen since 7.97 s.
        middles_s = [scene.start_s(i) + scene.step_s / 2 for i in range(len(frames))]
        cells = [floor(min(t, span.end - 1e-6) / _CELL_S) for t in middles_s]
        found: list[Evidence] = []
        for cell in sorted(set(cells)):
            first, num = cells.index(cell), cells.count(cell)
            part = Span(start=cell * _CELL_S, end=(cell + 1) * _CELL_S).clamp(span)
            if part is not None:
                text = _caption(scene, first, first + num)
                refs = frames[_worth_showing(scene, first, first + num)].refs
                found.append(Evidence.make(video.id, part, self.kind, text=text, frames=refs))
        return found


class ActivityCaptioner:
    """A captioner that says what `Activity` says, on pictures of any stretch."""

    @property
    def name(self) -> str:
        """Names the captioner and its version."""
        return "activity-1"

    def caption(self, frames: Frames, span: Span) -> str:
        """What moves in `frames`, whither, and how the whole looks."""
        return _caption(_study(frames, span), 0, len(frames))

    def summarise(self, captions: Sequence[str], span: Span) -> str:
        """How much of the time something moves, what it is, and how the whole mostly looks."""
        shorter = [_ASIDE.sub("", text) for text in captions]
        sentences = [sentence for text in shorter for sentence in _sentences(text)]
        looks = Counter(s for s in sentences if s.startswith("Mostly "))
        moves = [s for s in dict.fromkeys(sentences) if s not in looks and s != _STILL]
        num_lively = sum(any(s in moves for s in _sentences(text)) for text in shorter)
        parts = [_STILL if not moves else f"Something happens in {num_lively} of {len(captions)}"]
        if moves:
            more = f" And {len(moves) - _NAMED} more." if len(moves) > _NAMED else ""
            parts = [parts[0] + " parts: " + " ".join(moves[:_NAMED]) + more]
        return " ".join(parts + [s for s, _ in looks.most_common(1)])


class MovingThings:
    """An eye that finds the stretches in which something moves in front of a fixed camera."""

    @property
    def name(self) -> str:
        """Names the eye and its version."""
        return "moving-1"

    @property
    def kind(self) -> str:
        """The channel: tracks."""
        return Kind.TRACK.value

    def see(self, video: Video, span: Span, frames: Frames) -> list[Evidence]:
        """One piece of evidence for each stretch; none while the camera moves.

        Args:
            video: Whose pictures they are; it is not read again.
            span: The stretch to look at.
            frames: Its pictures, half a minute of them or more, so that the empty place is seen.
        """
        scene = _study(frames, span)
        found: list[Evidence] = []
        for group in _groups(scene.things):
            where = scene.stretch(min(p.first for p in group), max(p.last for p in group))
            if where is not None:
                largest = max(group, key=lambda path: path.share)
                best = max(largest.seen, key=lambda piece: piece.share).index
                refs = frames[sorted({largest.first, best})].refs
                text = _track(scene.seen, group)
                found.append(Evidence.make(video.id, where, self.kind, text=text, frames=refs))
        return found


def join_tracks(tracks: Sequence[Evidence], *, gap_s: float = 1.5) -> list[Span]:
    """Each stretch in which something moves once, though it was found in pieces.

    Args:
        tracks: What `MovingThings` saw in neighbouring spans of one video, in any order.
        gap_s: Pieces at most so many seconds apart are one stretch.

    Raises:
        ValueError: The tracks are of more than one video.
    """
    ids = {track.video_id for track in tracks}
    if len(ids) > 1:
        raise ValueError(f"join the tracks of one video at a time: got {len(ids)} videos")
    return merge([track.span for track in tracks], gap_s=gap_s)


def _groups(things: Sequence[Path]) -> list[list[Path]]:
    """Things that are there at the same time or one right after the other, together."""
    groups: list[list[Path]] = []
    last = -2
    for path in things:
        if path.first > last + 1:
            groups.append([])
        groups[-1].append(path)
        last = max(last, path.last)
    return [main_things(group) for group in groups]


def _worth_showing(scene: _Scene, first: int, last: int) -> list[int]:
    """The pictures that show best what moves: its first and its largest; else the middle one."""
    parts = [part for path in scene.things if (part := path.between(first, last))]
    if not parts:
        return [(first + last - 1) // 2]
    largest = max(parts, key=lambda path: path.share)
    return sorted({largest.first, max(largest.seen, key=lambda piece: piece.share).index})


def _caption(scene: _Scene, first: int, last: int) -> str:
    """What there is to say about the pictures `first` to `last`, which is not part of it."""
    inside = [take for take in scene.takes if take.first < last and take.last > first]
    parts = [part for path in scene.things if (part := path.between(first, last))]
    num_cuts = sum(first < take.first < last for take in inside)
    sentences: list[str] = []
    if num_cuts:
        times = "once" if num_cuts == 1 else f"{num_cuts} times"
        sentences.append(f"The view changes to another {times}.")
    if parts:
        sentences.append(_movement(scene.seen, main_things(parts)))
    if any(not take.is_fixed for take in inside):
        sentences.append("The whole view moves.")
    elif not num_cuts and (light := _change_of_light(scene.seen.pixels[first:last])):
        sentences.append(f"It gets {light}.")
    if not sentences and any(take.last - take.first >= _FEWEST for take in inside):
        sentences.append(_STILL)
    return " ".join([*sentences, _whole(scene.seen.pixels[first:last])])


def _movement(seen: Look, things: Sequence[Path]) -> str:
    num, named = _counted(things)
    words = [f"{size(p)} {colour(seen, p)}" for p in named]
    ways = [f"{direction(p)} ({max(1, round(100 * p.share))} % of the picture)" for p in named]
    if num == 1:
        return f"A {words[0]} thing moves {ways[0]}; the rest is still."
    each = ", ".join(f"a {word} one {way}" for word, way in zip(words, ways, strict=True))
    return f"{num} things move: {each}; the rest is still."


def _track(seen: Look, things: Sequence[Path]) -> str:
    num, named = _counted(things)
    each = "; ".join(f"{colour(seen, p)}, {size(p)}, {direction(p)}" for p in named)
    return f"1 thing moves: {each}" if num == 1 else f"{num} things move: {each}"


def _counted(things: Sequence[Path]) -> tuple[int, list[Path]]:
    """How many things there are at a time, and those of them that are worth describing."""
    num = num_together(things)
    by_weight = sorted(things, key=lambda path: -sum(piece.share for piece in path.seen))
    named = by_weight[: min(num, _NAMED)]
    return num, sorted(named, key=lambda path: path.first)


def _whole(pixels: NDArray[np.uint8]) -> str:
    return f"Mostly {' and '.join(main_colours(name_colours(pixels)))}, {brightness(pixels)}."


def _change_of_light(pixels: NDArray[np.uint8]) -> str:
    """`lighter` or `darker`, if the pictures become so as a whole; else nothing."""
    change = float(pixels[-1].mean() - pixels[0].mean())
    return "" if abs(change) < _DIMMER else "lighter" if change > 0 else "darker"


def _sentences(text: str) -> list[str]:
    return [part.strip(" .") + "." for part in text.split(". ") if part.strip(" .")]
