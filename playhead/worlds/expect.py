"""What a score should be: blind, with N uniform frames and perfect eyes, with perfect tools.

A benchmark number means little alone. Perfect tools score 1 by construction; an answer without the
video scores `blind`; and between them lies what somebody scores who looks at N frames, evenly
spread, and sees in them everything there is to see. That is simulated here on scripts: `observe`
gives the script that those frames tell, and the family reads its answer off it. What the frames do
not decide scores what guessing would.

For some families a formula gives the same number: `closed_form`. With frames `g` apart, something
that lasts `d` is seen with probability `p = min(1, d / g)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import fmean, stdev

from playhead.worlds import edits
from playhead.worlds.families import Ask, Question, family
from playhead.worlds.families.build import fit, make
from playhead.worlds.families.count import HIGH, LOW
from playhead.worlds.rng import Rng
from playhead.worlds.script import (
    AUDIBLE,
    Blink,
    Enter,
    Event,
    Exit,
    Game,
    Knobs,
    Scene,
    Swap,
    World,
)
from playhead.worlds.verify import AnswerKind, score

PERFECT_TOOLS = 1.0
"""What a system scores that looks where it must."""
_FAST_STEP_MS = 100
"""Flashes can be counted only if frames are at most this far apart."""

Times = Mapping[int, Sequence[int]]
"""By camera, the moments looked at, in milliseconds, ascending."""


@dataclass(frozen=True)
class Estimate:
    """A mean score and how sure it is."""

    mean: float
    error: float
    """Standard error of the mean."""
    num: int


def uniform_times(world: World, num_frames: int, until_ms: int | None = None) -> Times:
    """The centres of equal parts, shared by the cameras."""
    each = max(1, num_frames // world.num_cameras)
    end = world.duration_ms if until_ms is None else max(1, until_ms)
    times = [end * (2 * i + 1) // (2 * each) for i in range(each)]
    return dict.fromkeys(range(world.num_cameras), times)


def observe(world: World, times: Times, *, silent: bool = False, readable: bool = True) -> World:
    """The script that perfect eyes can tell from some frames.

    Args:
        world: The truth.
        times: When one looked.
        silent: Nothing was heard.
        readable: Whether texts on cards and signs can be read.
    """
    scenes: list[Scene] = []
    events: list[Event] = []
    for index, scene in enumerate(world.scenes):
        inside = [
            time_ms
            for time_ms in times.get(scene.camera, ())
            if scene.start_ms <= time_ms < scene.end_ms
        ]
        heard = [e for e in world.events_in(index) if isinstance(e, AUDIBLE) and not silent]
        if not inside and not heard:
            continue
        cast = tuple(a for a in scene.cast if _is_seen(world, index, a, inside))
        scenes.append(scene.model_copy(update={"cast": cast}))
        here = [e for e in world.events_in(index) if not isinstance(e, AUDIBLE)]
        seen = [s for e in here for s in _seen(e, inside, scene, readable)]
        events += [e.model_copy(update={"scene": len(scenes) - 1}) for e in (*seen, *heard)]
    ordered = sorted(events, key=lambda event: event.start_ms)
    return world.replace(scenes=tuple(scenes), events=tuple(ordered))


def _is_seen(world: World, scene: int, actor: int, times: Sequence[int]) -> bool:
    stands = edits.standing_ms(world, scene, actor)
    return any(start <= t < end for start, end in stands for t in times)


def _seen(event: Event, times: Sequence[int], scene: Scene, readable: bool) -> list[Event]:
    """The event as the frames tell it: from half-way before the first that shows it to half-way
    after the last; nothing if none shows it."""
    hits = [t for t in times if event.start_ms <= t < event.end_ms]
    if not hits:
        return []
    match event:
        case Blink():
            num = sum(any(a <= t < b for t in hits) for a, b in event.flash_spans_ms)
            return [Blink.burst(event.scene, event.actor, event.start_ms, num)] if num else []
        case Game() if not any(t < event.reveal_ms for t in hits):
            return []
        case Game() | Swap() | Enter() | Exit():
            return [event]
        case _:
            pass
    before = max((t for t in times if t < hits[0]), default=scene.start_ms)
    after = min((t for t in times if t > hits[-1]), default=scene.end_ms)
    span = {"start_ms": (before + hits[0]) // 2, "end_ms": (hits[-1] + after + 1) // 2}
    hidden = {} if readable else {"glyphs": "?"} if event.kind == "card" else {}
    if not readable and event.kind == "sign":
        hidden = {"text": "?"}
    return [event.model_copy(update={**span, **hidden})]


def expected_score(
    world: World, question: Question, num_frames: int, *, readable: bool = True
) -> float:
    """What perfect eyes score on one question with `num_frames` uniform frames."""
    chosen, knobs = family(question.family), world.knobs
    chance = chosen.blind(question.form, knobs)
    asked = None if question.asked_at_s is None else round(question.asked_at_s * 1000)
    if question.kind is AnswerKind.ALERT:
        return _alert_score(world, question, num_frames)
    times = _with_pointers(uniform_times(world, num_frames, asked), question)
    step_ms = (asked or world.duration_ms) * world.num_cameras / num_frames
    if question.family == "fast" and step_ms > _FAST_STEP_MS:
        return chance
    seen = observe(world, times, silent=True, readable=readable)
    if question.family == "count":
        return _count_score(world, seen, question, min(1.0, knobs.event_ms / step_ms))
    ask = _seated(world, seen, question)
    truth = None if ask is None or not seen.scenes else chosen.derive(seen, ask)
    if truth is None or (not readable and "?" in str(truth.gold)):
        return chance
    return score(question.kind, truth.gold, question.gold)


def _with_pointers(times: Times, question: Question) -> Times:
    """The times, with those of the pictures that belong to the question."""
    more = {camera: list(moments) for camera, moments in times.items()}
    for pointer in question.pictures:
        more.setdefault(pointer.camera, []).append(round(pointer.time_s * 1000))
    return {camera: sorted(moments) for camera, moments in more.items()}


def _seated(world: World, seen: World, question: Question) -> Ask | None:
    """The ask, pointing at the same actor among those that were seen."""
    ask = question.ask
    if "seat" not in ask.slots:
        return ask
    time_ms, camera = ask.number("time_ms"), ask.number("camera_at")
    actor = world.scenes[world.scene_at(time_ms, camera)].cast[ask.number("seat")]
    cast = seen.scenes[seen.scene_at(time_ms, camera)].cast
    return ask.replace(slots={**ask.slots, "seat": cast.index(actor)}) if actor in cast else None


def _count_score(world: World, seen: World, question: Question, p: float) -> float:
    """The likeliest number, if each of c was seen with probability p (all c equally likely)."""
    chosen = family("count")
    slots = question.ask.slots
    words, place = str(slots["actor"]), slots.get("place")
    mine = [
        card
        for card in seen.events
        if card.kind == "card"
        and world.actors[card.actor] in _named(world, words)
        and (place is None or (seen.place_of(card) == place) == (question.form == "place"))
    ]

    def likelihood(num: int) -> float:
        if num < len(mine):
            return 0.0
        return comb(num, len(mine)) * p ** len(mine) * (1 - p) ** (num - len(mine))

    weights = {num: likelihood(num) for num in range(LOW, HIGH + 1)}
    if not any(weights.values()):
        return chosen.blind(question.form, world.knobs)
    best = max(weights.values())
    likeliest = [num for num, weight in weights.items() if weight == best]
    return (question.gold in likeliest) / len(likeliest)


def _named(world: World, words: str) -> list[object]:
    return [a for a in world.actors if words in (a.name, f"{a.color} {a.shape}")]


def _alert_score(world: World, question: Question, num_frames: int) -> float:
    """Watching the rest in N frames: one speaks up at the first that shows it."""
    at_ms, sight = round((question.asked_at_s or 0) * 1000), question.evidence[0]
    step = (world.duration_ms - at_ms) / num_frames
    times = (at_ms + step * (i + 0.5) for i in range(num_frames))
    hits = [t / 1000 for t in times if t / 1000 in sight.span]
    return score(question.kind, hits[0], question.gold) if hits else 0.0


def simulate(
    name: str, num_frames: Sequence[int], knobs: Knobs, *, num_worlds: int = 60, seed: int = 0
) -> dict[int, Estimate]:
    """Mean scores of perfect eyes with uniform frames, for several numbers of frames.

    Args:
        name: A family.
        num_frames: How many frames; each number is tried on the same worlds.
        knobs: How hard the worlds are.
        num_worlds: How many worlds, one question each.
        seed: Which worlds.
    """
    scores: dict[int, list[float]] = {num: [] for num in num_frames}
    for i in range(num_worlds):
        made = make([name], Rng(seed, "expect", name, i).below(2**31), knobs)
        for question in made.questions:
            for num in num_frames:
                scores[num].append(expected_score(made.world, question, num))
    return {num: _estimate(values) for num, values in scores.items()}


def _estimate(values: Sequence[float]) -> Estimate:
    if len(values) < 2:
        return Estimate(values[0] if values else float("nan"), float("nan"), len(values))
    return Estimate(fmean(values), stdev(values) / len(values) ** 0.5, len(values))


def closed_form(name: str, num_frames: int, knobs: Knobs) -> float | None:
    """The expected score with uniform frames, where a formula is known; None if not.

    Exact up to what an event loses in short scenes; chains take their cards as independent.
    """
    chosen = family(name)
    knobs = fit([chosen], knobs)
    p = min(1.0, knobs.event_ms * num_frames / knobs.duration_ms)
    form = next(iter(chosen.kinds))
    chance = chosen.blind(form, knobs)
    match name:
        case "needle" | "detail" | "negative":
            seen = p
        case "multihop":
            seen = p ** (knobs.hops + 1)
        case _:
            return None
    return seen + (1 - seen) * chance
