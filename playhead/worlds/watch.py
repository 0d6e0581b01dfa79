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

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import mode
from typing import Any

import numpy as np

from playhead.video.base import Video
from playhead.worlds.eyes import Seen, SeenActor, perceive
from playhead.worlds.script import (
    Actor,
    Beep,
    Blink,
    Card,
    Carry,
    Door,
    Enter,
    Event,
    Exit,
    Game,
    Knobs,
    Lamp,
    Pitch,
    Scene,
    Sign,
    Speech,
    Subtitle,
    Swap,
    World,
)
from playhead.worlds.sprites import Picture

Eyes = Callable[[Picture], Seen]
"""From a picture to what it shows."""

_NEAR_MS = 700
"""Glimpses closer than this are a close look: nobody comes or goes unseen in between."""
_LONG_MS = 4_000
"""Between glimpses further apart than this, a scene may have come and gone."""
_STEADY_MS = 250
"""Somebody who is not seen for less than this was there all the time."""
_DARK_MS = 650
"""A longer pause between two flashes makes them two bursts."""


@dataclass(frozen=True)
class Glimpse:
    """What one picture showed."""

    time_ms: int
    seen: Seen
    camera: int = 0


@dataclass(frozen=True)
class Tone:
    """One beep."""

    start_ms: int
    end_ms: int
    pitch: Pitch


@dataclass(frozen=True)
class Heard:
    """What was read and heard, and how long the video is."""

    duration_s: float
    lines: tuple[tuple[float, float, str], ...] = ()
    """Subtitles: start and end in seconds, text."""
    speech: tuple[tuple[float, float, str], ...] = ()
    """What a speech recogniser wrote down."""
    tones: tuple[Tone, ...] = ()


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


@dataclass
class _Stretch:
    """Glimpses of one scene, and when it begins and ends."""

    glimpses: list[Glimpse]
    start_ms: int = 0
    end_ms: int = 0
    cast: list[Actor] = field(default_factory=list[Actor])
    patience_ms: int = 0


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
        events += _events(stretch, len(scenes) - 1, actors)
    events += _sounds(heard, scenes)
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
) -> list[_Stretch]:
    unique = {g.time_ms: g for g in glimpses if g.camera == camera and g.seen.place is not None}
    mine = _steady([unique[time_ms] for time_ms in sorted(unique)], max(patience, _STEADY_MS))
    found: list[_Stretch] = []
    for i, glimpse in enumerate(mine):
        if not found or _is_cut(mine[i - 1], glimpse, is_one_of_many):
            start = _halfway(mine[i - 1], glimpse) if i else 0
            found.append(_Stretch([], start_ms=start))
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
    return bool(around) and now.seen.place not in around


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


def _halfway(before: Glimpse, after: Glimpse) -> int:
    return (before.time_ms + after.time_ms + 1) // 2


def _cast(glimpses: Sequence[Glimpse]) -> list[Actor]:
    """Everybody seen, from left to right; in a long look, not who was there for a moment only."""
    columns: dict[Actor, list[int]] = {}
    for glimpse in glimpses:
        for seen in glimpse.seen.actors:
            columns.setdefault(seen.actor, []).append(_middle(seen))
    least = len(glimpses) // 12
    real = [actor for actor, seen in columns.items() if len(seen) >= least]
    return sorted(real, key=lambda actor: columns[actor][0])


def _place(stretch: _Stretch) -> Any:
    return mode(glimpse.seen.place for glimpse in stretch.glimpses)


# Events


def _events(stretch: _Stretch, scene: int, actors: list[Actor]) -> Iterator[Event]:
    yield from _turns(stretch, scene, actors)
    for color, start, end in _runs(stretch, lambda seen: seen.lamp):
        yield Lamp(scene=scene, start_ms=start, end_ms=end, color=color)
    for _, start, end in _runs(stretch, lambda seen: seen.door_open or None):
        yield Door(scene=scene, start_ms=start, end_ms=end)
    for text, start, end in _runs(stretch, lambda seen: seen.sign.text if seen.sign else None):
        yield Sign(scene=scene, start_ms=start, end_ms=end, text=text, glyph_px=7)
    for text, holder, start, end in _cards(stretch):
        if holder in stretch.cast:
            index = actors.index(holder)
            yield Card(scene=scene, start_ms=start, end_ms=end, actor=index, glyphs=text)
    for actor in stretch.cast:
        index = actors.index(actor)
        for thing, start, end in _runs(stretch, lambda seen, a=actor: _carried(seen, a)):
            yield Carry(scene=scene, start_ms=start, end_ms=end, actor=index, thing=thing)
        yield from _bursts(stretch, scene, index, actor)
    yield from _games(stretch, scene)


def _card(seen: Seen) -> tuple[str, Actor] | None:
    readable = [card for card in seen.cards if card.text and card.holder]
    if not readable:
        return None
    card = readable[0]
    assert card.text is not None
    assert card.holder is not None
    return card.text, card.holder


def _cards(stretch: _Stretch) -> list[tuple[str, Actor, int, int]]:
    """Text, holder, start and end of each card. With patience, what follows at once in the same
    hands is one card, and its text is what was read for longest."""
    cards: list[tuple[str, Actor, int, int]] = []
    lengths: list[dict[str, int]] = []
    for (text, holder), start, end in _runs(stretch, _card):
        last = cards[-1] if cards else None
        if last and last[1] == holder and start - last[3] < stretch.patience_ms:
            start = cards.pop()[2]
        else:
            lengths.append({})
        lengths[-1][text] = lengths[-1].get(text, 0) + end - start
        best = max(lengths[-1], key=lengths[-1].__getitem__)
        cards.append((best, holder, start, end))
    return cards


def _carried(seen: Seen, actor: Actor) -> str | None:
    return next((held.thing for held in seen.things if held.holder == actor), None)


def _runs(stretch: _Stretch, of: Callable[[Seen], Any]) -> list[tuple[Any, int, int]]:
    """Each thing that was there for a while, with its start and end."""
    runs: list[tuple[Any, int, int]] = []
    current, since = None, stretch.start_ms
    for i, glimpse in enumerate(stretch.glimpses):
        value = of(glimpse.seen)
        if value == current:
            continue
        edge = _halfway(stretch.glimpses[i - 1], glimpse) if i else stretch.start_ms
        if current is not None:
            runs.append((current, since, edge))
        current, since = value, edge
    if current is not None:
        runs.append((current, since, stretch.end_ms))
    return _joined([run for run in runs if run[1] < run[2]], stretch.patience_ms)


def _joined(runs: list[tuple[Any, int, int]], patience: int) -> list[tuple[Any, int, int]]:
    """The runs, the same thing shortly after itself made one, and without what is in between."""
    joined: list[tuple[Any, int, int]] = []
    for value, start, end in runs:
        back = [i for i, run in enumerate(joined) if run[0] == value and start - run[2] < patience]
        if back:
            start = joined[back[0]][1]
            del joined[back[0] :]
        joined.append((value, start, end))
    return joined


def _turns(stretch: _Stretch, scene: int, actors: list[Actor]) -> Iterator[Event]:
    """Who came up or went down while one was looking."""
    for actor in stretch.cast:
        index = actors.index(actor)
        there = [any(s.actor == actor for s in g.seen.actors) for g in stretch.glimpses]
        for i, (before, after) in enumerate(pairwise(there)):
            if before == after:
                continue
            edge = _halfway(stretch.glimpses[i], stretch.glimpses[i + 1])
            if after:
                start = min(edge - 1, _half_seen_edge(stretch, i, -1))
                yield Enter(scene=scene, start_ms=max(0, start), end_ms=edge, actor=index)
            else:
                end = max(edge + 1, _half_seen_edge(stretch, i + 1, 1))
                yield Exit(scene=scene, start_ms=edge, end_ms=end, actor=index)


def _half_seen_edge(stretch: _Stretch, index: int, step: int) -> int:
    """The time of the last glimpse, going on by `step`, in which somebody was half seen."""
    glimpses = stretch.glimpses
    edge = glimpses[index].time_ms
    while 0 <= index < len(glimpses) and glimpses[index].seen.half_seen:
        edge, index = glimpses[index].time_ms, index + step
    return edge


def _bursts(stretch: _Stretch, scene: int, index: int, actor: Actor) -> Iterator[Blink]:
    """Flashes close to each other, counted."""

    def flashes(seen: Seen) -> bool | None:
        return any(s.actor == actor and s.flashing for s in seen.actors) or None

    burst: list[tuple[int, int]] = []
    for _, start, end in _runs(replace(stretch, patience_ms=0), flashes):
        if burst and start - burst[-1][1] > _DARK_MS:
            yield Blink.burst(scene, index, burst[0][0], len(burst))
            burst = []
        burst.append((start, end))
    if burst:
        yield Blink.burst(scene, index, burst[0][0], len(burst))


def _games(stretch: _Stretch, scene: int) -> Iterator[Event]:
    """Games that were seen from the ball on, with the swaps that were seen."""
    glimpses = stretch.glimpses
    for _, start, end in _runs(stretch, lambda seen: seen.cups is not None or None):
        inside = [g for g in glimpses if start <= g.time_ms < end]
        shown = [g for g in inside if g.seen.cups and g.seen.cups.ball is not None]
        if not shown:
            continue
        hidden = [g.time_ms for g in inside if g.time_ms > shown[-1].time_ms]
        reveal = (shown[-1].time_ms + min(hidden, default=end)) // 2
        ball = shown[-1].seen.cups.ball if shown[-1].seen.cups else None
        if ball is None or not start < reveal < end:
            continue
        yield Game(scene=scene, start_ms=start, end_ms=end, ball=ball, reveal_ms=reveal)
        part = _Stretch([g for g in inside if g.time_ms > reveal], reveal, end)
        yield from _swaps(part, scene)


def _swaps(stretch: _Stretch, scene: int) -> Iterator[Swap]:
    def moving(seen: Seen) -> bool | None:
        return (seen.cups is not None and len(seen.cups.slots) < 3) or None

    for _, start, end in _runs(replace(stretch, patience_ms=0), moving):
        pairs = [
            glimpse.seen.cups.swapping
            for glimpse in stretch.glimpses
            if start <= glimpse.time_ms < end and glimpse.seen.cups and glimpse.seen.cups.swapping
        ]
        if pairs:
            a, b = mode(pairs)
            yield Swap(scene=scene, start_ms=start, end_ms=end, a=a, b=b)


# Words and tones


def _sounds(heard: Heard, scenes: Sequence[Scene]) -> Iterator[Event]:
    """Speech and bursts of tones, each in the scene of the first camera that was on then."""
    for start_s, end_s, text in heard.speech:
        scene = _scene_on(scenes, round(start_s * 1000))
        if scene is not None:
            start, end = round(start_s * 1000), round(end_s * 1000)
            yield Speech(scene=scene, start_ms=start, end_ms=end, text=text)
    burst: list[Tone] = []
    for tone in heard.tones:
        if burst and not _goes_on(burst[-1], tone, scenes):
            yield from _beeps(burst, scenes)
            burst = []
        burst.append(tone)
    if burst:
        yield from _beeps(burst, scenes)


def _goes_on(last: Tone, tone: Tone, scenes: Sequence[Scene]) -> bool:
    same_scene = _scene_on(scenes, last.start_ms) == _scene_on(scenes, tone.start_ms)
    return same_scene and tone.pitch == last.pitch and tone.start_ms - last.end_ms < 275


def _beeps(burst: list[Tone], scenes: Sequence[Scene]) -> Iterator[Beep]:
    scene = _scene_on(scenes, burst[0].start_ms)
    if scene is not None:
        yield Beep.burst(scene, burst[0].start_ms, len(burst), burst[0].pitch)


def _scene_on(scenes: Sequence[Scene], time_ms: int) -> int | None:
    on = (i for i, s in enumerate(scenes) if s.camera == 0 and s.start_ms <= time_ms < s.end_ms)
    return next(on, None)
