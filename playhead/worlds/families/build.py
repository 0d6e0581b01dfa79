"""From a seed to a world and questions about it.

    made = make(["needle", "order"], seed=7, knobs=Knobs(duration_ms=600_000), num=20)

Questions are staged one after another in one world. The one idea: a world is a value, so every edit
is tried, all truths are read off the result, and the edit is taken only if the new question has
exactly one answer and no earlier answer has changed. What cannot be staged is dropped and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from playhead.worlds import edits, generate, script
from playhead.worlds.families import family
from playhead.worlds.families.base import (
    Ask,
    Family,
    Phrase,
    Question,
    Truth,
    min_required_frames,
    question_id,
)
from playhead.worlds.families.phrases import HELD_OUT_PAIRS, HELD_OUT_PLACES, read_look, write
from playhead.worlds.rng import Rng
from playhead.worlds.script import Actor, Knobs, Place, World
from playhead.worlds.verify import AnswerKind

HeldOut = Literal["avoid", "allow", "only"]
"""What is done with the colour-shape pairs, places and phrasings that training never sees."""

_TRIES = 12
_OVERDRAW = 3
"""Questions drawn for each one wanted, at most."""
_CHOOSABLE = (AnswerKind.TEXT, AnswerKind.CODE, AnswerKind.NUMBER)


@dataclass(frozen=True)
class Made:
    """A world with questions about it."""

    world: World
    questions: tuple[Question, ...]
    num_dropped: int
    """Questions that were drawn but could not be given exactly one answer."""
    num_refused: int
    """Tries that were not taken: no room, ambiguous, or another answer would have changed."""


@dataclass(frozen=True)
class _Draft:
    """A question that stands, before it has words."""

    family: Family
    ask: Ask
    gold: object


def make(
    names: Sequence[str],
    seed: int,
    knobs: Knobs | None = None,
    *,
    num: int = 1,
    held_out: HeldOut = "allow",
    num_options: int = 0,
) -> Made:
    """A world and up to `num` questions, the families taking turns: a pure function of all this.

    Args:
        names: Families.
        seed: Any whole number.
        knobs: How hard the world is; families change what does not allow them (see `fit`).
        num: How many questions.
        held_out: Whether colour-shape pairs, places and phrasings that training never sees are
            avoided, allowed, or asked about every time.
        num_options: Choices to offer, where answers are single words, codes or numbers. 0: none.

    Raises:
        ValueError: No such family.
    """
    families = [family(name) for name in names]
    knobs = fit(families, knobs or Knobs())
    world = recast(generate.make_world(_world_seed(seed), knobs), held_out)
    drafts: list[_Draft] = []
    num_drawn = num_refused = 0
    while len(drafts) < num and num_drawn < _OVERDRAW * num:
        chosen = families[num_drawn % len(families)]
        form = chosen.draw_form(Rng(seed, "form", num_drawn))
        for attempt in range(_TRIES):
            rng = Rng(seed, "stage", num_drawn, attempt)
            taken = _take(world, drafts, chosen, rng, form, held_out)
            if taken is not None:
                world, draft = taken
                drafts.append(draft)
                world = _surround(world, drafts, draft, Rng(seed, "distract", num_drawn))
                break
            num_refused += 1
        num_drawn += 1
    edits.validate(world)
    questions = tuple(
        _question(world, draft, Rng(seed, "words", i), held_out, num_options)
        for i, draft in enumerate(drafts)
    )
    return Made(world, questions, num_drawn - len(questions), num_refused)


def fit(families: Sequence[Family], knobs: Knobs) -> Knobs:
    """The knobs, changed as little as the families need."""
    for member in families:
        knobs = member.fit_knobs(knobs)
    return knobs


def _world_seed(seed: int) -> int:
    return Rng(seed, "world").word()


def _take(
    world: World, drafts: Sequence[_Draft], chosen: Family, rng: Rng, form: str, held_out: HeldOut
) -> tuple[World, _Draft] | None:
    """The world with one more question, or None if this try is no good."""
    staged = chosen.stage(world, rng, form)
    if staged is None:
        return None
    edited, ask = staged
    truth = chosen.derive(edited, ask)
    if (
        truth is None
        or not truth.premise
        or any(d.family is chosen and d.ask == ask for d in drafts)
    ):
        return None
    if min_required_frames(truth.required) < world.knobs.min_frames:
        return None
    if held_out == "only" and "pair" not in _novelties(ask) and looks_in(ask):
        return None
    return (edited, _Draft(chosen, ask, truth.gold)) if stands(edited, drafts) else None


def stands(world: World, drafts: Sequence[_Draft]) -> bool:
    """Whether every answer is still what it was."""
    truths = ((draft, draft.family.derive(world, draft.ask)) for draft in drafts)
    return all(
        truth is not None and truth.premise and truth.gold == draft.gold for draft, truth in truths
    )


def _surround(world: World, drafts: Sequence[_Draft], draft: _Draft, rng: Rng) -> World:
    """The world with matched distractors for one question: fewer if others of its kind are there,
    for those are distractors too."""
    alike = sum(other.family is draft.family for other in drafts)
    most = world.knobs.num_distractors
    wanted = most if alike == 1 else int(alike <= most)
    for i in range(wanted):
        for attempt in range(4):
            more = draft.family.distract(world, rng.child(i, attempt), draft.ask)
            if more is not None and stands(more, drafts):
                world = more
                break
    return world


def _question(
    world: World, draft: _Draft, rng: Rng, held_out: HeldOut, num_options: int
) -> Question:
    chosen, ask = draft.family, draft.ask
    truth = chosen.derive(world, ask)
    assert truth is not None, "a question that stands has an answer"
    index, phrase = rng.child("phrase").choice(phrases_for(chosen, ask.form, held_out))
    kind = chosen.kinds[ask.form]
    at_ms = ask.slots.get("at_ms")
    novelties = (("phrasing",) if phrase.held_out else ()) + _novelties(ask)
    num = chosen.options.get(ask.form, num_options if kind in _CHOOSABLE else 0)
    return Question(
        id=question_id(world, chosen.name, ask),
        family=chosen.name,
        form=ask.form,
        template=f"{chosen.name}.{ask.form}.{index}",
        style=phrase.style,
        text=write(phrase, ask, rng.child("synonyms")),
        kind=kind,
        gold=truth.gold,
        options=_options(truth, num, rng.child("options")),
        ask=ask,
        evidence=truth.evidence,
        required=truth.required,
        search=truth.search,
        pictures=chosen.point(world, ask) if chosen.point else (),
        asked_at_s=at_ms / 1000 if isinstance(at_ms, int) else None,
        held_out=novelties,
    )


def phrases_for(chosen: Family, form: str, held_out: HeldOut) -> list[tuple[int, Phrase]]:
    """The phrasings of a form that may be used, with their numbers."""
    mine = [phrase for phrase in chosen.phrases if phrase.form == form]
    return [
        (i, phrase)
        for i, phrase in enumerate(mine)
        if held_out == "allow" or phrase.held_out == (held_out == "only")
    ]


def _options(truth: Truth, num: int, rng: Rng) -> tuple[str, ...]:
    """The right answer among `num - 1` wrong ones, in random order; empty if there are none."""
    wrong = rng.sample(truth.wrong, min(num - 1, len(truth.wrong))) if num > 1 else []
    return tuple(rng.shuffled([str(truth.gold), *wrong])) if wrong else ()


def looks_in(ask: Ask) -> list[str]:
    """The actors that an ask names."""
    slots = ask.slots
    names = [slots[name] for name in ("actor", "other") if name in slots]
    several = slots.get("actors", [])
    assert isinstance(several, list)
    return [str(name) for name in (*names, *several)]


def _novelties(ask: Ask) -> tuple[str, ...]:
    """What about an ask training never sees, besides its words."""
    pairs = [read_look(name) for name in looks_in(ask)]
    novel = ("pair",) if any(pair in HELD_OUT_PAIRS for pair in pairs) else ()
    return novel + (("place",) if ask.slots.get("place") in HELD_OUT_PLACES else ())


def recast(world: World, held_out: HeldOut) -> World:
    """The world without, or with many, of the looks and places that training never sees."""
    if held_out == "allow":
        return world
    rng = Rng(world.seed, "recast")
    actors = _avoiding(world, rng) if held_out == "avoid" else _only(world, rng)
    if held_out == "only":
        return world.replace(actors=actors)
    return _elsewhere(world.replace(actors=actors), rng)


def _avoiding(world: World, rng: Rng) -> tuple[Actor, ...]:
    """The actors, those with held-out pairs in other clothes."""
    kept = [actor for actor in world.actors if (actor.color, actor.shape) not in HELD_OUT_PAIRS]
    spare = [actor for actor in _all_looks(novel=False) if actor not in kept]
    fresh = iter(rng.sample(spare, len(world.actors) - len(kept)))
    return tuple(actor if actor in kept else next(fresh) for actor in world.actors)


def _only(world: World, rng: Rng) -> tuple[Actor, ...]:
    """The actors, the first eight with the eight held-out pairs."""
    novel: list[Actor] = []
    for color, shape in rng.shuffled(sorted(HELD_OUT_PAIRS)):
        looks = [a for a in _all_looks(novel=True) if (a.color, a.shape) == (color, shape)]
        novel.append(rng.choice(looks))
    novel = novel[: len(world.actors)]
    rest = [actor for actor in world.actors[len(novel) :] if actor not in novel]
    spare = [a for a in _all_looks(novel=False) if a not in rest]
    return (*novel, *rest, *rng.sample(spare, len(world.actors) - len(novel) - len(rest)))


def _all_looks(*, novel: bool) -> list[Actor]:
    looks = product(script.COLORS, script.SHAPES, script.PATTERNS, script.HATS)
    return [
        Actor(color=color, shape=shape, pattern=pattern, hat=hat)
        for color, shape, pattern, hat in looks
        if ((color, shape) in HELD_OUT_PAIRS) == novel
    ]


def _elsewhere(world: World, rng: Rng) -> World:
    """The world with other places instead of held-out ones, where enough places are left."""
    scenes, moved = list(world.scenes), dict[str, Place]()
    for i, scene in enumerate(scenes):
        if scene.place not in HELD_OUT_PLACES:
            continue
        near = scenes if world.num_cameras > 1 else scenes[max(0, i - 1) : i + 2]
        used = {other.place for other in near} | HELD_OUT_PLACES
        spare: list[Place] = [place for place in script.PLACES if place not in used]
        if world.num_cameras > 1 and scene.place in moved:  # a camera stays where it is
            spare = [moved[scene.place]]
        if spare:
            moved[scene.place] = rng.choice(spare)
            scenes[i] = scene.replace(place=moved[scene.place])
    return world.replace(scenes=tuple(scenes))
