"""Noticing: the events in a run of glimpses of one scene, and in what was heard.

Something that is seen in one glimpse and not in the next has ended half-way between the two. Eyes
that make mistakes need patience: what is not seen for a moment is still there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import mode
from typing import Any

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
    Lamp,
    Pitch,
    Scene,
    Sign,
    Speech,
    Swap,
)
from playhead.worlds.seen import Seen

DARK_MS = 650
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


@dataclass
class Stretch:
    """Glimpses of one scene, and when it begins and ends."""

    glimpses: list[Glimpse]
    start_ms: int = 0
    end_ms: int = 0
    cast: list[Actor] = field(default_factory=list[Actor])
    patience_ms: int = 0


def events_in(stretch: Stretch, scene: int, actors: list[Actor]) -> Iterator[Event]:
    """What happens in a stretch, as events of scene `scene`; actors by their index in `actors`."""
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


def _cards(stretch: Stretch) -> list[tuple[str, Actor, int, int]]:
    """Text, holder, start and end of each card. With patience, what follows at once in the same
    hands is one card, unless both were read for long, and its text is what was read for longest."""
    cards: list[tuple[str, Actor, int, int]] = []
    lengths: list[dict[str, int]] = []
    for (text, holder), start, end in _runs(stretch, _card):
        last = cards[-1] if cards else None
        is_at_once = last and last[1] == holder and start - last[3] < stretch.patience_ms
        is_long = last and min(last[3] - last[2], end - start) > stretch.patience_ms
        if last and is_at_once and not (is_long and last[0] != text):
            start = cards.pop()[2]
        else:
            lengths.append({})
        lengths[-1][text] = lengths[-1].get(text, 0) + end - start
        best = max(lengths[-1], key=lengths[-1].__getitem__)
        cards.append((best, holder, start, end))
    return cards


def _carried(seen: Seen, actor: Actor) -> str | None:
    return next((held.thing for held in seen.things if held.holder == actor), None)


def _runs(stretch: Stretch, of: Callable[[Seen], Any]) -> list[tuple[Any, int, int]]:
    """Each thing that was there for a while, with its start and end."""
    runs: list[tuple[Any, int, int]] = []
    current, since = None, stretch.start_ms
    for i, glimpse in enumerate(stretch.glimpses):
        value = of(glimpse.seen)
        if value == current:
            continue
        edge = halfway(stretch.glimpses[i - 1], glimpse) if i else stretch.start_ms
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


def _turns(stretch: Stretch, scene: int, actors: list[Actor]) -> Iterator[Event]:
    """Who came up or went down while one was looking."""
    for actor in stretch.cast:
        index = actors.index(actor)
        there = [any(s.actor == actor for s in g.seen.actors) for g in stretch.glimpses]
        for i, (before, after) in enumerate(pairwise(there)):
            if before == after:
                continue
            edge = halfway(stretch.glimpses[i], stretch.glimpses[i + 1])
            if after:
                start = min(edge - 1, _half_seen_edge(stretch, i, -1))
                yield Enter(scene=scene, start_ms=max(0, start), end_ms=edge, actor=index)
            else:
                end = max(edge + 1, _half_seen_edge(stretch, i + 1, 1))
                yield Exit(scene=scene, start_ms=edge, end_ms=end, actor=index)


def _half_seen_edge(stretch: Stretch, index: int, step: int) -> int:
    """The time of the last glimpse, going on by `step`, in which somebody was half seen."""
    glimpses = stretch.glimpses
    edge = glimpses[index].time_ms
    while 0 <= index < len(glimpses) and glimpses[index].seen.half_seen:
        edge, index = glimpses[index].time_ms, index + step
    return edge


def _bursts(stretch: Stretch, scene: int, index: int, actor: Actor) -> Iterator[Blink]:
    """Flashes close to each other, counted."""

    def flashes(seen: Seen) -> bool | None:
        return any(s.actor == actor and s.flashing for s in seen.actors) or None

    burst: list[tuple[int, int]] = []
    for _, start, end in _runs(replace(stretch, patience_ms=0), flashes):
        if burst and start - burst[-1][1] > DARK_MS:
            yield _burst(scene, index, burst)
            burst = []
        burst.append((start, end))
    if burst:
        yield _burst(scene, index, burst)


def _burst(scene: int, index: int, lit: Sequence[tuple[int, int]]) -> Blink:
    """Flashes that were seen, as evenly spaced ones that begin and end when they did."""
    (start, _), (last, end) = lit[0], lit[-1]
    period_ms = max(1, (last - start) // max(1, len(lit) - 1))
    return Blink(
        scene=scene, actor=index, start_ms=start, end_ms=end, flashes=len(lit),
        flash_ms=end - last, period_ms=period_ms,
    )  # fmt: skip


def _games(stretch: Stretch, scene: int) -> Iterator[Event]:
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
        part = Stretch([g for g in inside if g.time_ms > reveal], reveal, end)
        yield from _swaps(part, scene)


def _swaps(stretch: Stretch, scene: int) -> Iterator[Swap]:
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


def sounds_in(heard: Heard, scenes: Sequence[Scene]) -> Iterator[Event]:
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


def halfway(before: Glimpse, after: Glimpse) -> int:
    """The moment between two glimpses, in milliseconds."""
    return (before.time_ms + after.time_ms + 1) // 2
