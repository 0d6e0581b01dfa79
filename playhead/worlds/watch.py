"""Watching: from what was seen at some moments back to a script.

    glimpses = watch(video, times_s)            # only pixels go in
    script = piece_together(glimpses, Heard(duration_s=600.0))

The one idea: the oracle does not answer questions from pictures. It writes down, as a `World`, what
the pictures it was given show, with the times at which it saw it, and the families read their
answers off that script as they would off the true one. What was not looked at is not in it, so a
sparse look gives a poor script and poor answers.

Between two glimpses a change is taken to have happened half-way. Nothing here knows the true
script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import mode

import cv2
import numpy as np

from playhead.video.base import Video
from playhead.worlds.eyes import Seen, SeenActor, perceive
from playhead.worlds.notice import (
    Glimpse,
    Heard,
    Stretch,
    Tone,
    events_in,
    halfway,
    sounds_in,
)
from playhead.worlds.script import Actor, Event, Knobs, Place, Scene, Subtitle, World
from playhead.worlds.sprites import Picture

__all__ = ["Eyes", "Glimpse", "Heard", "Tone", "piece_together", "skim", "watch"]

Eyes = Callable[[Picture], Seen]
"""From a picture to what it shows."""

_NEAR_MS = 700
"""Glimpses closer than this are a close look: nobody comes or goes unseen in between."""
_LONG_MS = 4_000
"""Between glimpses further apart than this, a scene may have come and gone."""
_BLOCK = 4  # pixels: changes are looked for in means over squares of this side
_STILL_LEVEL = 12  # of 255: the codec alone changes them by less
_STILL_S = 0.5  # that a picture is taken to show what the one before did
_STEADY_MS = 250
"""Somebody who is not seen for less than this was there all the time."""


def watch(
    video: Video, times_s: Sequence[float], *, eyes: Eyes = perceive, camera: int = 0
) -> list[Glimpse]:
    """Look at a video at some times. A picture that is the same as the one before is seen once.

    Args:
        video: Whatever hands over pictures.
        times_s: Seconds, ascending.
        eyes: What turns a picture into facts.
        camera: Which of several cameras this video is from.
    """
    glimpses: list[Glimpse] = []
    before: Picture | None = None
    for frames in video.stream(times_s, batch=256):
        for picture, time_s in zip(frames.pixels, frames.times_s, strict=True):
            is_new = before is None or not np.array_equal(picture, before)
            seen = eyes(picture) if is_new else glimpses[-1].seen
            before = picture
            glimpses.append(Glimpse(round(float(time_s) * 1000), seen, camera))
    return glimpses


def skim(
    video: Video,
    times_s: Sequence[float],
    *,
    eyes: Eyes = perceive,
    max_side: int | None = None,
) -> list[Glimpse]:
    """`watch` for long videos: a picture that hardly differs from the last one that was really
    looked at is taken to show the same, for half a second at the most.

    Args:
        video: Whatever hands over pictures.
        times_s: Seconds, ascending.
        eyes: What turns a picture into facts.
        max_side: Larger pictures are shrunk to that, in pixels.
    """
    glimpses: list[Glimpse] = []
    last: tuple[float, Picture] | None = None
    for frames in video.stream(times_s, batch=256, max_side=max_side):
        _, height, width, _ = frames.pixels.shape
        small = (max(1, width // _BLOCK), max(1, height // _BLOCK))
        for picture, time_s in zip(frames.pixels, frames.times_s.tolist(), strict=True):
            blocks = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
            is_new = (
                last is None
                or time_s - last[0] >= _STILL_S - 1e-6
                or int(cv2.absdiff(blocks, last[1]).max()) > _STILL_LEVEL
            )
            last = (time_s, blocks) if is_new or last is None else last
            seen = eyes(picture) if is_new else glimpses[-1].seen
            glimpses.append(Glimpse(round(time_s * 1000), seen))
    return glimpses


def piece_together(
    glimpses: Sequence[Glimpse], heard: Heard, *, fps: int = 10, patience_ms: int = 0
) -> World:
    """The script that some glimpses tell.

    Args:
        glimpses: In any order, of any number of cameras.
        heard: Words and tones, and the length of the video.
        fps: Frames per second of the video, if known.
        patience_ms: For eyes that make mistakes: what is not seen for so long is still there.
    """
    duration_ms = max(10_000, round(heard.duration_s * 1000))
    cameras = sorted({glimpse.camera for glimpse in glimpses} | {0})
    stretches = [
        stretch
        for camera in cameras
        for stretch in _stretches(glimpses, camera, duration_ms, len(cameras) > 1, patience_ms)
    ]
    actors = list(dict.fromkeys(actor for stretch in stretches for actor in stretch.cast))
    scenes: list[Scene] = []
    events: list[Event] = []
    for stretch in stretches:
        camera, place = stretch.glimpses[0].camera, _place(stretch)
        if place is None:
            continue
        cast = tuple(actors.index(actor) for actor in stretch.cast)
        scenes.append(
            Scene(
                place=place, camera=camera, start_ms=stretch.start_ms, end_ms=stretch.end_ms,
                cast=cast,
            )
        )  # fmt: skip
        events += events_in(stretch, len(scenes) - 1, actors)
    events += sounds_in(heard, scenes)
    return World(
        seed=0,
        knobs=Knobs(duration_ms=duration_ms, fps=fps, num_cameras=max(cameras) + 1),
        actors=tuple(actors),
        scenes=tuple(scenes),
        events=tuple(sorted(events, key=lambda event: event.start_ms)),
        subtitles=tuple(
            Subtitle(start_ms=round(a * 1000), end_ms=round(b * 1000), text=text)
            for a, b, text in heard.lines
        ),
    )


# Scenes


def _stretches(
    glimpses: Iterable[Glimpse], camera: int, duration_ms: int, is_one_of_many: bool, patience: int
) -> list[Stretch]:
    unique = {g.time_ms: g for g in glimpses if g.camera == camera and g.seen.place is not None}
    mine = _steady([unique[time_ms] for time_ms in sorted(unique)], max(patience, _STEADY_MS))
    found: list[Stretch] = []
    for i, glimpse in enumerate(mine):
        if not found or _is_cut(mine[i - 1], glimpse, is_one_of_many):
            start = halfway(mine[i - 1], glimpse) if i else 0
            found.append(Stretch([], start_ms=start))
            if len(found) > 1:
                found[-2].end_ms = start
        found[-1].glimpses.append(glimpse)
    for stretch in found:
        stretch.end_ms = stretch.end_ms or duration_ms
        stretch.cast = _cast(stretch.glimpses)
        stretch.patience_ms = patience
    return found


def _steady(glimpses: list[Glimpse], patience: int) -> list[Glimpse]:
    """The glimpses, with whoever was overlooked for a moment put back, and without a place that
    is another for a moment."""
    last_seen: dict[str, tuple[int, SeenActor]] = {}
    steady = [g for i, g in enumerate(glimpses) if not _is_elsewhere(glimpses, i, patience)]
    for i, now in enumerate(steady):
        if i and steady[i - 1].seen.place != now.seen.place:
            last_seen.clear()
        for seen in now.seen.actors:
            since, before = last_seen.get(seen.actor.name, (i, seen))
            gap = steady[since + 1 : i]
            is_short = bool(gap) and now.time_ms - steady[since].time_ms <= patience + 250
            if is_short and not any(g.seen.half_seen for g in gap):
                for j in range(since + 1, i):
                    steady[j] = _with_actor(steady[j], before)
            last_seen[seen.actor.name] = (i, seen)
    return steady


def _is_elsewhere(glimpses: Sequence[Glimpse], index: int, patience: int) -> bool:
    """Whether a glimpse shows another place than shortly before and shortly after."""
    now = glimpses[index]
    before = [g for g in glimpses[max(0, index - 8) : index] if now.time_ms - g.time_ms <= patience]
    after = [g for g in glimpses[index + 1 : index + 9] if g.time_ms - now.time_ms <= patience]
    around = {g.seen.place for g in before} & {g.seen.place for g in after}
    often = Counter(g.seen.place for g in (*before, now, *after))
    return any(often[place] > often[now.seen.place] for place in around)


def _with_actor(glimpse: Glimpse, seen: SeenActor) -> Glimpse:
    actors = tuple(sorted((*glimpse.seen.actors, seen), key=_middle))
    return replace(glimpse, seen=glimpse.seen.replace(actors=actors))


def _middle(seen: SeenActor) -> int:
    return (seen.box[1] + seen.box[3]) // 2


def _is_cut(before: Glimpse, after: Glimpse, is_one_of_many: bool) -> bool:
    """Whether another scene has begun.

    A camera on its own changes its place with every scene. One of many stays where it is, and then
    only the cast tells; so it does when one has not looked for a long time.
    """
    if before.seen.place != after.seen.place:
        return True
    gap = after.time_ms - before.time_ms
    if gap <= _NEAR_MS and (before.seen.half_seen or after.seen.half_seen):
        return False  # somebody is coming or going
    if gap <= _LONG_MS and not is_one_of_many:
        return False
    return {s.actor.name for s in before.seen.actors} != {s.actor.name for s in after.seen.actors}


def _cast(glimpses: Sequence[Glimpse]) -> list[Actor]:
    """Everybody seen, from left to right; in a long look, not who was there for a moment only."""
    columns: dict[Actor, list[int]] = {}
    for glimpse in glimpses:
        for seen in glimpse.seen.actors:
            columns.setdefault(seen.actor, []).append(_middle(seen))
    least = len(glimpses) // 12
    real = [actor for actor, seen in columns.items() if len(seen) >= least]
    return sorted(real, key=lambda actor: columns[actor][0])


def _place(stretch: Stretch) -> Place | None:
    return mode(glimpse.seen.place for glimpse in stretch.glimpses)
