"""The shortcut audit: what scores without looking properly, and whether that is little enough.

Benchmarks leak. Six solvers that cheat are run on every family, and the release gate is that none
of them scores much more than guessing:

    majority   the commonest answer of other questions of that form
    metadata   the commonest answer given what can be read off the question, such as its length, its
               phrasing, the time of asking, the video's id (the best such feature counts)
    one frame  perfect eyes and the middle frame of the video
    salience   perfect eyes and the one frame that stands out most from the others
    captions   a faithful sentence on every ten seconds, without the words on cards and signs

The one idea: every solver but `captions` must be close to blind; captions may do more where a
family is a control on purpose. `playhead world audit` prints the table and fails if a limit is
broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.expect import expected_score
from playhead.worlds.eyes import perceive
from playhead.worlds.families import NAMES, Question, family
from playhead.worlds.families.build import Made, make
from playhead.worlds.oracle import answer_from, understand
from playhead.worlds.rng import Rng
from playhead.worlds.script import Knobs, World
from playhead.worlds.seen import Seen
from playhead.worlds.verify import AnswerKind
from playhead.worlds.videos import VirtualVideo
from playhead.worlds.watch import Glimpse, Heard, piece_together

CONTROLS = frozenset({"cooccurrence", "instance", "cameras"})
"""Families whose scenes are long: sparse looks do well, and tools must not be needed."""
TOLD = CONTROLS | {"streaming"}
"""Families that captions may answer: they tell who is where, and the colour of the lamp."""
SLACK = {"majority": 0.05, "metadata": 0.05, "one frame": 0.1, "salience": 0.1, "captions": 0.3}
"""How much more than blind each solver may score, before chance is allowed for."""
CAPTION_S = 10.0
_SALIENCE_FPS = 0.5
_SMALL = 32
"""Longer side of the pictures that are compared, in pixels."""
_SPOT = 36
"""Values (pixels times channels) of the largest change in a picture that make a spot."""
_SIGMAS = 3.0


@dataclass(frozen=True)
class Check:
    """What one solver scored, and what it may."""

    score: float
    limit: float | None
    """None: it may score anything."""

    @property
    def passed(self) -> bool:
        """Whether the solver stayed within its limit."""
        return self.limit is None or self.score <= self.limit


@dataclass(frozen=True)
class Row:
    """The audit of one family."""

    family: str
    num_questions: int
    num_dropped: int
    """Questions drawn that had no single answer, and so were not asked."""
    blind: float
    """The expected score of the best answer without the video, by formula."""
    checks: dict[str, Check]

    @property
    def passed(self) -> bool:
        """Whether all solvers stayed within their limits."""
        return all(check.passed for check in self.checks.values())


@dataclass(frozen=True)
class _Case:
    """One question with its world."""

    world: World
    question: Question


def run_audit(
    names: Sequence[str] = NAMES,
    knobs: Knobs | None = None,
    *,
    num_worlds: int = 60,
    num_painted: int = 15,
    questions_per_world: int = 4,
    seed: int = 0,
) -> list[Row]:
    """Run the solvers that cheat.

    Args:
        names: Families.
        knobs: How hard the worlds are. None: the defaults, ten minutes.
        num_worlds: Worlds for each family.
        num_painted: How many of them are looked at for what stands out, which takes longest.
        questions_per_world: Questions about each.
        seed: Which worlds.
    """
    knobs = knobs or Knobs()
    rows: list[Row] = []
    for name in names:
        seeds = [Rng(seed, "audit", name, i).below(2**31) for i in range(num_worlds)]
        made = [make([name], s, knobs, num=questions_per_world) for s in seeds]
        rows.append(_audit_family(name, made, num_painted))
    return rows


def _audit_family(name: str, made: Sequence[Made], num_painted: int) -> Row:
    cases = [_Case(m.world, question) for m in made for question in m.questions]
    painted = [_Case(m.world, question) for m in made[:num_painted] for question in m.questions]
    if not painted:
        raise ValueError(f"no world of these knobs has room for a question of {name}")
    chosen = family(name)
    blind = fmean(chosen.blind(case.question.form, case.world.knobs) for case in cases)
    scores = {
        "majority": _majority(cases, _by_form),
        "metadata": max(_majority(cases, feature) for feature in FEATURES.values()),
        "one frame": fmean(expected_score(c.world, c.question, 1) for c in cases),
        "salience": _salience(painted),
        "captions": _captions(cases),
    }
    checks = {
        solver: Check(
            value, _limit(name, solver, blind, len(painted if solver == "salience" else cases))
        )
        for solver, value in scores.items()
    }
    return Row(name, len(cases), sum(m.num_dropped for m in made), blind, checks)


def _limit(name: str, solver: str, blind: float, num: int) -> float | None:
    """What a solver may score: blind, some slack, and three standard errors for chance."""
    if name in {"captions": TOLD, "one frame": CONTROLS}.get(solver, ()):
        return None
    guesses = 2 if solver in ("majority", "metadata") else 1  # what is learnt is chance as well
    chance = _SIGMAS * sqrt(guesses * max(blind * (1 - blind), 0.01) / num)
    return min(1.0, blind + SLACK[solver] + chance)


# Without the video


def _by_form(case: _Case) -> Any:
    return None


FEATURES: dict[str, Callable[[_Case], Any]] = {
    "phrasing": lambda case: case.question.template,
    "length": lambda case: len(case.question.text) // 6,
    "words": lambda case: len(case.question.text.split()),
    "first letter": lambda case: case.question.text[:1],
    "place": lambda case: case.question.ask.slots.get("place"),
    "video id": lambda case: case.world.id[0],
    "question id": lambda case: case.question.id[1],
    "asked at": lambda case: int((case.question.asked_at_s or 0) // 60),
    "scenes": lambda case: len(case.world.scenes),
    "subtitles": lambda case: len(case.world.subtitles),
}
"""What can be known of a question and its file without looking at the video."""


def _majority(cases: Sequence[_Case], feature: Callable[[_Case], Any]) -> float:
    """The score of the commonest answer given form and feature, learnt on other cases."""
    half = len(cases) // 2
    first, second = cases[:half], cases[half:]
    return fmean([_learnt(first, second, feature), _learnt(second, first, feature)])


def _learnt(
    known: Sequence[_Case], asked: Sequence[_Case], feature: Callable[[_Case], Any]
) -> float:
    tables: dict[Any, Counter[str]] = {}
    golds: dict[str, Any] = {}
    for case in known:
        gold = case.question.gold
        golds[str(gold)] = gold
        for key in (case.question.form, (case.question.form, feature(case))):
            tables.setdefault(key, Counter())[str(gold)] += 1
    scores: list[float] = []
    for case in asked:
        form = case.question.form
        table = tables.get((form, feature(case))) or tables.get(form)
        if not table:
            scores.append(0.0)
            continue
        scores.append(case.question.score(golds[table.most_common(1)[0][0]]))
    return fmean(scores)


# With too little of it


def _captions(cases: Sequence[_Case]) -> float:
    return fmean(
        expected_score(
            case.world,
            case.question,
            max(1, round(case.world.duration_ms / 1000 / CAPTION_S)),
            readable=False,
        )
        for case in cases
    )


def _salience(cases: Sequence[_Case]) -> float:
    """The best of three ways of standing out: from all frames, from those around, in a scene."""
    worlds = {case.world.id: case.world for case in cases}
    frames = {key: _outstanding(world) for key, world in worlds.items()}
    ways = len(next(iter(frames.values())))
    return max(
        fmean(_score_of_frame(case, frames[case.world.id][way]) for case in cases)
        for way in range(ways)
    )


def _outstanding(world: World) -> list[Glimpse]:
    """The frame that stands out most, in each way."""
    with VirtualVideo(world) as video:
        times_s = video.info.span.every(1 / _SALIENCE_FPS)
        small = [frames.pixels for frames in video.stream(times_s, max_side=_SMALL, batch=64)]
        stack = np.concatenate(small).reshape(len(times_s), -1).astype(np.float32)
        found: list[Glimpse] = []
        for stands_out in (_farthest_from_all, _farthest_from_near, _farthest_in_scene):
            index = stands_out(stack)
            frames = video.frames_at([times_s[index]])
            time_ms = round(float(frames.times_s[0]) * 1000)
            found.append(Glimpse(time_ms, perceive(frames.pixels[0])))
    return found


def _farthest_from_all(stack: NDArray[np.float32]) -> int:
    """The frame whose fifth nearest neighbour is farthest."""
    squares = np.square(stack).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * stack @ stack.T
    near = np.sort(distances, axis=1)[:, min(5, len(stack) - 1)]
    return int(near.argmax())


def _farthest_from_near(stack: NDArray[np.float32]) -> int:
    """The frame that is least like the median of the ten around it."""
    gaps = [
        float(np.abs(stack[i] - np.median(stack[max(0, i - 5) : i + 6], axis=0)).mean())
        for i in range(len(stack))
    ]
    return int(np.argmax(gaps))


def _farthest_in_scene(stack: NDArray[np.float32]) -> int:
    """The frame with the spot that is least like the median of its scene; cuts are seen as cuts."""
    jumps = np.abs(np.diff(stack, axis=0)).mean(axis=1)
    cuts = np.flatnonzero(jumps > max(6.0, 4 * float(np.median(jumps)))) + 1
    best, most = 0, -1.0
    for first, last in pairwise([0, *cuts.tolist(), len(stack)]):
        part = stack[first:last]
        if len(part) < 3:
            continue
        change = np.abs(part - np.median(part, axis=0))
        spot = np.partition(change, -_SPOT, axis=1)[:, -_SPOT:].mean(axis=1)
        if spot.max() > most:
            best, most = first + int(spot.argmax()), float(spot.max())
    return best


def _score_of_frame(case: _Case, glimpse: Glimpse) -> float:
    """What perfect eyes answer from one frame: what it tells, else the text it shows, else a
    guess."""
    question, knobs = case.question, case.world.knobs
    understood = understand(question.prompt)
    assert understood is not None, f"no phrasing has this text: {question.text}"
    notes = piece_together([glimpse], Heard(case.world.duration_ms / 1000))
    answer = answer_from(notes, understood, question.pictures)
    if answer is None and question.kind is AnswerKind.CODE:
        answer = _text_on(glimpse.seen)
    if answer is None:
        return family(question.family).blind(question.form, knobs)
    return question.score(answer)


def _text_on(seen: Seen) -> str | None:
    texts = [card.text for card in seen.cards if card.text]
    if seen.sign is not None and seen.sign.text:
        texts.append(seen.sign.text)
    return texts[0].split(">")[-1] if texts else None


def table(rows: Sequence[Row]) -> str:
    """The audit as a Markdown table; what broke its limit is bold, `free` has no limit."""
    solvers = list(rows[0].checks)
    lines = [
        "| family | questions | dropped | blind | " + " | ".join(solvers) + " | |",
        "|---" * (len(solvers) + 5) + "|",
    ]
    for row in rows:
        cells = [_cell(row.checks[solver]) for solver in solvers]
        verdict = "pass" if row.passed else "**fail**"
        lines.append(
            f"| {row.family} | {row.num_questions} | {row.num_dropped} | {row.blind:.3f} | "
            + " | ".join(cells)
            + f" | {verdict} |"
        )
    return "\n".join(lines)


def _cell(check: Check) -> str:
    text = f"{check.score:.3f}"
    if check.limit is None:
        return f"{text} (free)"
    return f"{text} (≤ {check.limit:.2f})" if check.passed else f"**{text}** (> {check.limit:.2f})"
