"""Changing a script, and the rules that make it observable.

Every function takes a world and gives a new one. Edits do not refuse: a family may pass through a
broken script on its way. At the end `validate` does, and `check` names every rule that is broken:

    tiling      every camera's scenes follow each other from 0 to the end
    cast        at most `MAX_CAST` different actors per scene; no two of a world look the same
    one place   no actor is on two cameras at once
    inside      an event lies inside its scene
    apart       events of one scene that share a zone do not overlap and keep `min_gap_ms` apart
    long        what is seen lasts `min_visible_ms`; speech has time for its words
    standing    an actor who does something stands there, entirely visible, all the while
    turns       an actor enters when absent and leaves when present
    flashes     every flash and every pause between flashes falls on a frame
    game        a game shows its ball long enough, and its swaps come one after another
    text        texts are of the right characters and fit where they are painted
    subtitles   lines lie inside the video and do not overlap
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from playhead.worlds import script
from playhead.worlds.font import PRINTABLE
from playhead.worlds.layout import Layout
from playhead.worlds.rng import Rng
from playhead.worlds.script import (
    CARD_TEXT,
    MAX_CARD_LENGTH,
    MAX_CAST,
    ActorEvent,
    Beep,
    Blink,
    Card,
    Enter,
    Event,
    Exit,
    Game,
    Overlay,
    Sign,
    Speech,
    Subtitle,
    Swap,
    World,
    Zone,
    min_gap_ms,
    min_visible_ms,
    zones_of,
)

Interval = tuple[int, int]
"""`[start_ms, end_ms)`."""

SPEECH_MS = script.SPEECH_MS_PER_CHARACTER


def add_event(world: World, *events: Event) -> World:
    """The world with more events, wherever in time they are."""
    ordered = list(world.events)
    for event in events:
        insort(ordered, event, key=lambda e: e.start_ms)
    return world.replace(events=tuple(ordered))


def remove(world: World, *events: Event) -> World:
    """The world without `events`; removing a game removes its swaps.

    Raises:
        ValueError: The world has no such event.
    """
    left = list(world.events)
    for event in events:
        left.remove(event)
    swaps = {
        id(swap) for event in events if isinstance(event, Game) for swap in swaps_of(world, event)
    }
    return world.replace(events=tuple(event for event in left if id(event) not in swaps))


def clear(
    world: World, scene: int, span_ms: Interval | None = None, zones: Iterable[Zone] | None = None
) -> World:
    """The world without the events of a scene that come within `min_gap_ms` of a time span.

    Args:
        world: The script.
        scene: Index of the scene.
        span_ms: Which part of it. None: all of it.
        zones: Only events that take up one of these. None: all events.
    """
    start, end = span_ms or (0, world.duration_ms)
    gap, wanted = min_gap_ms(world.knobs), None if zones is None else set(zones)
    doomed = [
        event
        for event in world.events_in(scene)
        if event.start_ms < end + gap
        and start - gap < event.end_ms
        and not isinstance(event, Swap)
        and (wanted is None or wanted.intersection(zones_of(event)))
    ]
    return remove(world, *doomed) if doomed else world


def set_cast(world: World, scene: int, cast: Sequence[int]) -> World:
    """The world with other actors in a scene. Events of actors who are not in it are removed."""
    lost = [
        event
        for event in world.events_in(scene)
        if isinstance(event, ActorEvent) and event.actor not in cast
    ]
    scenes = list(world.scenes)
    scenes[scene] = scenes[scene].replace(cast=tuple(cast))
    return remove(world, *lost).replace(scenes=tuple(scenes))


def add_subtitle(world: World, *lines: Subtitle) -> World:
    """The world with more subtitle lines. Other lines of that camera in their way are removed."""
    kept = [
        old
        for old in world.subtitles
        if not any(
            old.camera == line.camera and old.start_ms < line.end_ms and line.start_ms < old.end_ms
            for line in lines
        )
    ]
    return world.replace(subtitles=tuple(sorted([*kept, *lines], key=lambda line: line.start_ms)))


def swaps_of(world: World, game: Game) -> list[Swap]:
    """The swaps of a game, in order."""
    return [
        event
        for event in world.events_in(game.scene)
        if isinstance(event, Swap) and game.start_ms <= event.start_ms < game.end_ms
    ]


def present_ms(world: World, scene: int, actor: int) -> list[Interval]:
    """When any of an actor of the cast is seen in a scene, ascending; empty if not in the cast."""
    return _presence(world, scene, actor, partly=True)


def standing_ms(world: World, scene: int, actor: int) -> list[Interval]:
    """When an actor of the cast stands in a scene, entirely visible, ascending."""
    return _presence(world, scene, actor, partly=False)


def free_ms(world: World, scene: int, zones: Iterable[Zone], min_ms: int = 1) -> list[Interval]:
    """Where in a scene an event that takes up `zones` keeps the rules `apart` and `standing`.

    Args:
        world: The script.
        scene: Index of the scene.
        zones: What the event takes up, as `zones_of` says, e.g. `[("card", 0), ("actor", 3)]`.
        min_ms: Leave out shorter intervals.
    """
    here, wanted, gap = world.scenes[scene], set(zones), min_gap_ms(world.knobs)
    free = [(here.start_ms, here.end_ms)]
    for name, number in wanted:
        if name == "actor":
            free = _both(free, standing_ms(world, scene, number))
    for event in world.events_in(scene):
        if wanted.intersection(zones_of(event)):
            free = _without(free, (event.start_ms - gap, event.end_ms + gap))
    return [(start, end) for start, end in free if end - start >= min_ms]


def fit(world: World, event: Event, rng: Rng) -> Event | None:
    """`event` moved to a random free time of its scene, of the same length; None if none is free.

    Not for `Swap` (it lives inside its game). Nothing is added to the world.
    """
    length = event.end_ms - event.start_ms
    free = free_ms(world, event.scene, zones_of(event), length)
    if not free:
        return None
    start, end = rng.weighted(free, [end - start - length + 1 for start, end in free])
    return move(event, rng.between(start, end - length))


def move(event: Event, start_ms: int) -> Event:
    """The same event at another time of the same scene."""
    changes = {"start_ms": start_ms, "end_ms": event.end_ms + start_ms - event.start_ms}
    if isinstance(event, Game):
        changes["reveal_ms"] = event.reveal_ms + start_ms - event.start_ms
    return event.model_copy(update=changes)


def validate(world: World) -> World:
    """The world itself.

    Raises:
        ValueError: A rule is broken; the message names the first ten breaches.
    """
    broken = check(world)
    if broken:
        raise ValueError("this script cannot be shown as it says:\n" + "\n".join(broken[:10]))
    return world


def check(world: World, scenes: Iterable[int] | None = None) -> list[str]:
    """Every breach of the rules above, each as `"rule: what was seen"`; empty if there is none.

    Args:
        world: The script.
        scenes: Look only at the events of these scenes. None: at everything.
    """
    whole = scenes is None
    broken = [*_check_world(world)] if whole else []
    layout = Layout(world.height, world.width)
    for scene in range(len(world.scenes)) if scenes is None else scenes:
        broken += _check_cast(world, scene)
        broken += _check_events(world, scene, layout)
        broken += _check_turns(world, scene)
        broken += _check_games(world, scene)
    return broken


def _presence(world: World, scene: int, actor: int, *, partly: bool) -> list[Interval]:
    here = world.scenes[scene]
    if actor not in here.cast:
        return []
    turns = [
        event
        for event in world.events_in(scene)
        if isinstance(event, Enter | Exit) and event.actor == actor
    ]
    since: int | None = here.start_ms if not turns or isinstance(turns[0], Exit) else None
    intervals: list[Interval] = []
    for turn in turns:
        if isinstance(turn, Enter):
            since = turn.start_ms if partly else turn.end_ms
        elif since is not None:
            intervals.append((since, turn.end_ms if partly else turn.start_ms))
            since = None
    if since is not None:
        intervals.append((since, here.end_ms))
    return [(start, end) for start, end in intervals if start < end]


def _both(first: Sequence[Interval], second: Sequence[Interval]) -> list[Interval]:
    pairs = ((max(a, c), min(b, d)) for a, b in first for c, d in second)
    return [(start, end) for start, end in pairs if start < end]


def _without(free: Sequence[Interval], hole: Interval) -> list[Interval]:
    parts = (part for a, b in free for part in ((a, min(b, hole[0])), (max(a, hole[1]), b)))
    return [(start, end) for start, end in parts if start < end]


def _check_world(world: World) -> Iterator[str]:
    if len(set(world.actors)) != len(world.actors):
        yield "cast: two actors of this world look the same"
    for camera in range(world.num_cameras):
        edges = [0]
        for i in world.scenes_of(camera):
            if world.scenes[i].start_ms != edges[-1]:
                yield f"tiling: camera {camera}, scene {i} starts at {world.scenes[i].start_ms} ms"
            edges.append(world.scenes[i].end_ms)
        if edges != sorted(set(edges)) or edges[-1] != world.duration_ms:
            yield f"tiling: camera {camera} does not run from 0 to {world.duration_ms} ms"
    if max((scene.camera for scene in world.scenes), default=0) >= world.num_cameras:
        yield f"tiling: this world has {world.num_cameras} cameras"
    if any(event.scene >= len(world.scenes) for event in world.events):
        yield f"inside: this world has {len(world.scenes)} scenes"
    yield from _check_one_place(world)
    yield from _check_subtitles(world)


def _check_one_place(world: World) -> Iterator[str]:
    if world.num_cameras == 1:
        return
    seen: dict[int, list[tuple[int, int, int]]] = {}
    for i, scene in enumerate(world.scenes):
        for actor in scene.cast:
            for start, end in present_ms(world, i, actor):
                seen.setdefault(actor, []).append((start, end, scene.camera))
    for actor, stays in seen.items():
        for (_, end, camera), (start, _, other) in pairwise(sorted(stays)):
            if start < end and camera != other:
                yield f"one place: actor {actor} is on cameras {camera} and {other} at {start} ms"


def _check_subtitles(world: World) -> Iterator[str]:
    for camera in range(world.num_cameras):
        lines = [line for line in world.subtitles if line.camera == camera]
        for line in lines:
            if not (line.start_ms < line.end_ms <= world.duration_ms and line.text.strip()):
                yield f"subtitles: not inside the video, or empty: {line}"
        for line, following in pairwise(lines):
            if following.start_ms < line.end_ms:
                yield f"subtitles: lines overlap at {following.start_ms} ms"


def _check_cast(world: World, scene: int) -> Iterator[str]:
    cast = world.scenes[scene].cast
    if len(cast) > MAX_CAST or len(set(cast)) != len(cast):
        yield f"cast: scene {scene} has at most {MAX_CAST} different actors: got {cast}"
    if any(actor >= len(world.actors) for actor in cast):
        yield f"cast: scene {scene} names an actor that is not there: got {cast}"


def _check_events(world: World, scene: int, layout: Layout) -> Iterator[str]:
    here, knobs = world.scenes[scene], world.knobs
    gap, last_end = min_gap_ms(knobs), dict[Zone, int]()
    for event in world.events_in(scene):
        if not here.start_ms <= event.start_ms < event.end_ms <= here.end_ms:
            yield f"inside: scene {scene} is [{here.start_ms}, {here.end_ms}): got {event}"
        for zone in zones_of(event):
            if zone in last_end and event.start_ms < last_end[zone] + gap:
                yield f"apart: {zone} is taken until {last_end[zone]} ms: got {event}"
            last_end[zone] = max(event.end_ms, last_end.get(zone, 0))
        if event.end_ms - event.start_ms < _least_ms(world, event):
            yield f"long: needs {_least_ms(world, event)} ms: got {event}"
        if isinstance(event, ActorEvent) and not isinstance(event, Enter | Exit):
            stands = standing_ms(world, scene, event.actor)
            if not any(a <= event.start_ms and event.end_ms <= b for a, b in stands):
                yield f"standing: actor {event.actor} stands only during {stands}: got {event}"
        yield from _check_burst(world, event)
        yield from _check_text(event, layout)


def _least_ms(world: World, event: Event) -> int:
    match event:
        case Blink() | Beep():
            return 1
        case Swap():
            return max(400, -(-4000 // script.fast_fps(world.knobs)))
        case Speech():
            return SPEECH_MS * len(event.text) + 400
        case _:
            return min_visible_ms(world.knobs)


def _check_burst(world: World, event: Event) -> Iterator[str]:
    if isinstance(event, Blink):
        whole = Blink.burst(
            event.scene, event.actor, event.start_ms, event.flashes,
            flash_ms=event.flash_ms, period_ms=event.period_ms,
        )  # fmt: skip
        if event != whole:
            yield f"flashes: the event must end with its last flash at {whole.end_ms}: got {event}"
        if not script.can_flash(world.knobs, event.flash_ms, event.period_ms):
            yield f"flashes: too fast for {script.fast_fps(world.knobs)} fps: got {event}"
    if isinstance(event, Beep):
        if event.end_ms != event.start_ms + (event.beeps - 1) * event.period_ms + event.tone_ms:
            yield f"flashes: the event must end with its last tone: got {event}"
        if event.tone_ms < 80 or event.period_ms - event.tone_ms < 80:
            yield f"flashes: tones and pauses need 80 ms each: got {event}"


def _check_text(event: Event, layout: Layout) -> Iterator[str]:
    match event:
        case Card(glyphs=text):
            if not 1 <= len(text) <= MAX_CARD_LENGTH or set(text) - set(CARD_TEXT):
                yield f"text: a card has 1 to {MAX_CARD_LENGTH} of {CARD_TEXT}: got {text!r}"
        case Sign(text=text, glyph_px=glyph_px):
            height, width = layout.sign(len(text), glyph_px)
            if not text or len(text) > 12 or set(text) - set(CARD_TEXT):
                yield f"text: a sign has 1 to 12 of {CARD_TEXT}: got {text!r}"
            if height > layout.wall.height or width > layout.wall.width:
                yield f"text: a sign of {height} x {width} does not fit the wall: got {event}"
        case Overlay(text=text):
            most = layout.banner_characters
            if not text.strip() or len(text) > most or set(text) - set(PRINTABLE):
                yield f"text: an overlay has 1 to {most} of {PRINTABLE!r}: got {text!r}"
        case Speech(text=text) if not text.strip():
            yield f"text: nothing is said: got {event}"
        case _:
            pass


def _check_turns(world: World, scene: int) -> Iterator[str]:
    last: dict[int, Event] = {}
    for event in world.events_in(scene):
        if not isinstance(event, Enter | Exit):
            continue
        if event.actor not in world.scenes[scene].cast:
            yield f"turns: actor {event.actor} is not in the cast of scene {scene}: got {event}"
        if event.actor in last and type(last[event.actor]) is type(event):
            yield f"turns: actor {event.actor} does so twice in a row: got {event}"
        last[event.actor] = event


def _check_games(world: World, scene: int) -> Iterator[str]:
    events = world.events_in(scene)
    games = [event for event in events if isinstance(event, Game)]
    swaps = [event for event in events if isinstance(event, Swap)]
    for game in games:
        first, last = game.start_ms + min_visible_ms(world.knobs), game.end_ms
        if not first <= game.reveal_ms < last:
            yield f"game: the ball must be seen until {first} ms and then covered: got {game}"
    for swap in swaps:
        if swap.a == swap.b:
            yield f"game: a swap needs two different cups: got {swap}"
        if not any(g.reveal_ms <= swap.start_ms and swap.end_ms <= g.end_ms for g in games):
            yield f"game: a swap lies inside a game after its cups are down: got {swap}"
    for swap, following in pairwise(swaps):
        if following.start_ms < swap.end_ms + 2000 // script.fast_fps(world.knobs):
            yield f"game: swaps come one after another with a pause: got {following}"
