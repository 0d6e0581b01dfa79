"""Rule: when does the door open? Find the hidden rule from cases for and against it.

Models cause and counterfactual questions (Video-Holmes). In one place the door opens whenever an
actor of one colour comes up, or anyone while the lamp is lit (or dark), or both conditions hold at
once. Near misses happen too, and then the door stays shut. Exactly one of the 26 rules fits all
cases, and it takes at least two to tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

from playhead.worlds import edits, script
from playhead.worlds.families import draw
from playhead.worlds.families.base import Ask, Family, Phrase, Sight, Truth, span_of
from playhead.worlds.rng import Rng
from playhead.worlds.script import (
    COLORS,
    MAX_CAST,
    Door,
    Enter,
    Event,
    Exit,
    Knobs,
    Lamp,
    World,
    min_gap_ms,
    min_visible_ms,
)
from playhead.worlds.verify import AnswerKind

STATES = ("lit", "dark")
WITHIN_MS = 1_500
"""The door opens at most this long after the actor stands."""
_LEAST = 2
"""Cases that the question must rest on."""

Rule = tuple[str | None, str | None]
"""Which colour, and which state of the lamp. None: any."""
RULES: tuple[Rule, ...] = tuple(
    rule for rule in product((*COLORS, None), (*STATES, None)) if rule != (None, None)
)

PHRASES = (
    Phrase("induce", "in the {place}, what makes the door open?"),
    Phrase("induce", "which rule does the door of the {place} follow?"),
    Phrase(
        "induce", "what has to come up, and with the lamp how, for the door of the {place} to open?"
    ),
    Phrase("induce", "you want the door of the {place} open. What do you wait for?", "indirect"),
    Phrase("induce", "the door of the {place} does not open for just anyone. For whom?", "negated"),
    Phrase("induce", "what is the secret of the door in the {place}?", held_out=True),
    Phrase(
        "would",
        "would the door of the {place} open if a {color} one came up while the lamp is {state}?",
    ),
    Phrase(
        "would",
        "suppose a {color} one comes up in the {place} with the lamp {state}. Does the door open?",
    ),
    Phrase(
        "would",
        "can a {color} one leave the {place} by the door it opens while the lamp is {state}?",
        "indirect",
        held_out=True,
    ),
    Phrase(
        "stays_shut",
        "would the door of the {place} stay closed if a {color} one came up while the lamp is "
        "{state}?",
        "negated",
    ),
    Phrase(
        "stays_shut",
        "is it true that no door opens in the {place} for a {color} one with the lamp {state}?",
        "negated",
    ),
    Phrase(
        "stays_shut",
        "does nothing happen to the door of the {place} if a {color} one comes up with the lamp "
        "{state}?",
        "negated",
        held_out=True,
    ),
)


@dataclass(frozen=True)
class Case:
    """Somebody comes up, and the door opens or does not."""

    color: str
    state: str
    opens: bool
    sights: tuple[Sight, ...]


def _sentence(rule: Rule) -> str:
    color, state = rule
    who = f"a {color} one" if color else "anyone"
    return f"{who} comes up" + (f" while the lamp is {state}" if state else ", whatever the lamp")


def _allows(rule: Rule, color: str, state: str) -> bool:
    """Whether the door opens by a rule when somebody of a colour comes up."""
    return rule[0] in (color, None) and rule[1] in (state, None)


def stage(world: World, rng: Rng, form: str) -> tuple[World, Ask] | None:
    """A place emptied of other events and filled with cases of a drawn rule."""
    by_color: dict[str, list[int]] = {}
    for i, actor in enumerate(world.actors):
        by_color.setdefault(actor.color, []).append(i)
    if len(by_color) < 3:
        return None
    color, state = rng.choice(sorted(by_color)), rng.choice(STATES)
    rule = rng.weighted([(color, state), (color, None), (None, state)], [3, 1, 1])
    place = world.scenes[rng.below(len(world.scenes))].place
    staged = _fill(world, rng, place, _drawn_cases(rng, by_color, color), rule)
    if staged is None:
        return None
    if form == "induce":
        return staged, Ask.of(form, place=place)
    other = rng.choice([c for c in sorted(by_color) if c != color])
    pairs = list(product((color, other), STATES))
    opening = [pair for pair in pairs if _allows(rule, *pair)]
    shut = [pair for pair in pairs if pair not in opening]
    asked = rng.choice(opening if rng.chance(1, 2) else shut)
    return staged, Ask.of(form, place=place, color=asked[0], state=asked[1])


def _drawn_cases(rng: Rng, by_color: dict[str, list[int]], color: str) -> list[tuple[int, str]]:
    """Who comes up with the lamp how: three colours with both states, one of them twice."""
    others = rng.sample([c for c in sorted(by_color) if c != color], 2)
    cases = [(rng.choice(by_color[c]), s) for c, s in product((color, *others), STATES)]
    return rng.shuffled([*cases, (rng.choice(by_color[color]), rng.choice(STATES))])


def _fill(
    world: World, rng: Rng, place: str, cases: list[tuple[int, str]], rule: Rule
) -> World | None:
    """The world with all cases in scenes of a place; more scenes move there if they are needed."""
    scenes = draw.scenes_in(world, place)
    for scene in scenes:
        world = edits.clear(world, scene)
    left = list(cases)
    while left:
        if not scenes:
            more = _one_more_scene(world, rng, place)
            if more is None:
                return None
            world, scene = more
            scenes.append(scene)
        scene = scenes.pop(0)
        taken = _fitting(world, scene, left)
        if taken:
            world = _play(world, rng, scene, taken, rule)
            left = left[len(taken) :]
    return world


def _one_more_scene(world: World, rng: Rng, place: str) -> tuple[World, int] | None:
    """The world in which one more scene plays in a place, emptied of its events."""
    if world.num_cameras > 1:
        return None
    last = len(world.scenes) - 1
    free = [
        i
        for i, scene in enumerate(world.scenes)
        if place not in {world.scenes[j].place for j in (max(0, i - 1), i, min(last, i + 1))}
    ]
    if not free:
        return None
    chosen, scenes = rng.choice(free), list(world.scenes)
    scenes[chosen] = scenes[chosen].model_copy(update={"place": place})
    return edits.clear(world.replace(scenes=tuple(scenes)), chosen), chosen


def _case_ms(world: World) -> tuple[int, int, int]:
    """How long lamp before, coming up and the open door take, in milliseconds."""
    least = min_visible_ms(world.knobs)
    return max(800, least), max(1_000, least), max(1_500, least)


def _fitting(world: World, scene: int, left: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The first cases that one scene has time for, each actor once."""
    here, gap = world.scenes[scene], min_gap_ms(world.knobs)
    room = (here.end_ms - here.start_ms - 2 * gap) // _slot_ms(world)
    taken: list[tuple[int, str]] = []
    for case in left[: max(0, min(room, MAX_CAST))]:
        if case[0] in {actor for actor, _ in taken}:
            break
        taken.append(case)
    return taken


def _slot_ms(world: World) -> int:
    before, rise, open_ms = _case_ms(world)
    return before + rise + 300 + open_ms + 2 * min_gap_ms(world.knobs)


def _play(world: World, rng: Rng, scene: int, cases: list[tuple[int, str]], rule: Rule) -> World:
    """One scene in which actors come up one after another."""
    gap, (before, rise, open_ms) = min_gap_ms(world.knobs), _case_ms(world)
    cast = rng.shuffled([actor for actor, _ in cases])
    world = edits.set_cast(world, scene, ())
    for actor in cast:
        world = draw.seat(world, scene, actor, rng)
    events: list[Event] = []
    for i, (actor, lamp) in enumerate(cases):
        start = world.scenes[scene].start_ms + gap + i * _slot_ms(world)
        stands = start + before + rise
        events.append(Enter(scene=scene, start_ms=start + before, end_ms=stands, actor=actor))
        if lamp == "lit":
            end = stands + 300 + open_ms
            shade = rng.choice(script.LAMP_COLORS)
            events.append(Lamp(scene=scene, start_ms=start, end_ms=end, color=shade))
        if _allows(rule, world.actors[actor].color, lamp):
            opens = stands + 300
            events.append(Door(scene=scene, start_ms=opens, end_ms=opens + open_ms))
    return edits.add_event(world, *events)


def cases_of(world: World, place: str) -> list[Case]:
    """Everybody who comes up in a place, with the lamp then and the door after."""
    return [
        _case(world, event) for event in world.events_of(Enter) if world.place_of(event) == place
    ]


def _case(world: World, enter: Enter) -> Case:
    here, stands = world.scenes[enter.scene], enter.end_ms
    after = min(here.end_ms, stands + WITHIN_MS)
    events = world.events_in(enter.scene)
    lit = any(isinstance(e, Lamp) and e.start_ms <= stands - 1 < e.end_ms for e in events)
    opens = any(isinstance(e, Door) and stands <= e.start_ms < after for e in events)
    spans = [(enter.start_ms, stands), (stands, after)] if stands < after else []
    sights = tuple(Sight(span=span_of(a, b), camera=here.camera) for a, b in spans)
    return Case(world.actors[enter.actor].color, "lit" if lit else "dark", opens, sights)


def fits(rule: Rule, cases: Sequence[Case]) -> bool:
    """Whether a rule says of every case what happened."""
    return all(case.opens == _allows(rule, case.color, case.state) for case in cases)


def derive(world: World, ask: Ask) -> Truth | None:
    """The one rule that fits, and the fewest cases that leave no other."""
    place = ask.text("place")
    cases = cases_of(world, place)
    rules = [rule for rule in RULES if fits(rule, cases)]
    if len(rules) != 1 or _unexplained(world, place):
        return None
    rule, needed = rules[0], _needed(cases)
    if len(needed) < _LEAST:
        return None
    seen = tuple(s for case in cases for s in case.sights)
    required = tuple(s for case in needed for s in case.sights)
    if ask.form == "induce":
        met = {case.color for case in cases}
        near = [r for r in RULES if r != rule and r[0] in (*met, None)]
        return Truth(_sentence(rule), seen, required, tuple(_sentence(other) for other in near))
    opens = _allows(rule, ask.text("color"), ask.text("state"))
    return Truth(opens == (ask.form == "would"), seen, required)


def _unexplained(world: World, place: str) -> bool:
    """Whether a door opens there with nobody having come up, or somebody goes down meanwhile."""
    enters = [e for e in world.events_of(Enter) if world.place_of(e) == place]
    doors = [e for e in world.events_of(Door) if world.place_of(e) == place]
    goes = any(world.place_of(e) == place for e in world.events_of(Exit))
    return goes or any(
        not any(0 <= door.start_ms - enter.end_ms < WITHIN_MS for enter in enters) for door in doors
    )


def _needed(cases: list[Case]) -> list[Case]:
    """A smallest set of cases that only one rule fits."""
    for num in range(1, len(cases) + 1):
        for some in combinations(cases, num):
            if sum(fits(rule, some) for rule in RULES) == 1:
                return list(some)
    return cases


def fit_knobs(knobs: Knobs) -> Knobs:
    """Actors of enough colours."""
    return knobs.replace(num_actors=max(8, knobs.num_actors))


def blind(form: str, knobs: Knobs) -> float:
    """One of five options; always the same answer for yes and no."""
    return 0.2 if form == "induce" else 0.5


FAMILY = Family(
    name="rule",
    models="Video-Holmes causes and counterfactuals",
    kinds={
        "induce": AnswerKind.TEXT,
        "would": AnswerKind.YES_NO,
        "stays_shut": AnswerKind.YES_NO,
    },
    phrases=PHRASES,
    stage=stage,
    derive=derive,
    blind=blind,
    fit_knobs=fit_knobs,
    options={"induce": 5},
)
