"""Scorers of the answer itself, by what kind of thing the true answer is.

What was answered is read by the verifiers of `playhead.worlds.verify`, which never raise and never
look for the truth inside a longer text: an answer that lists everything is wrong.
"""

from __future__ import annotations

from typing import Any, cast

from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.scorers.blame import is_judgeable
from playhead.evaluation.scorers.intervals import reaches
from playhead.worlds import verify
from playhead.worlds.verify import AnswerKind

OPEN = "open"
"""`task.metadata["kind"]` of a question whose answer is prose: only a judge can score it."""

_CHOOSABLE = (AnswerKind.TEXT, AnswerKind.CODE, AnswerKind.NUMBER)
"""What options are compared as."""
_LEAST_IOU = 0.5
"""From here on an answer in seconds counts as right, as in R@0.5."""


def kind_of(task: Task) -> AnswerKind | None:
    """What the true answer is: as the task says, or as the answer looks. None: none is known, it
    is prose, or it is not what the task says."""
    said = task.metadata.get("kind")
    if said == OPEN or task.answer is None:
        return None
    is_said = isinstance(said, str) and said in tuple(AnswerKind)
    kind = AnswerKind(said) if is_said else _kind_of(task)
    return kind if task.options or _fits(kind, task.answer) else None


def _kind_of(task: Task) -> AnswerKind:
    match task.answer:
        case bool():
            return AnswerKind.YES_NO
        case _ if task.options:
            return AnswerKind.TEXT
        case int() | float():
            return AnswerKind.NUMBER
        case [[*_], *_]:
            return AnswerKind.SPANS
        case list():
            return AnswerKind.SET
        case _:
            return AnswerKind.TEXT


def _fits(kind: AnswerKind, gold: object) -> bool:
    """Whether a true answer is something that answers of this kind can be compared with."""
    match kind:
        case AnswerKind.NUMBER | AnswerKind.ALERT:
            return isinstance(gold, int | float) and not isinstance(gold, bool)
        case AnswerKind.SPANS:
            return isinstance(gold, list) and bool(verify.spans_in(cast("object", gold)))
        case AnswerKind.SET | AnswerKind.ORDERED | AnswerKind.PATH:
            return isinstance(gold, list)
        case _:
            return True


def gold_option(task: Task) -> str | None:
    """The option that is right, given as its text, its letter or its place from 0. None: unknown,
    or there are no options."""
    gold = task.answer
    if isinstance(gold, bool):
        gold = "yes" if gold else "no"
    for option in task.options:
        if str(gold).strip().casefold() == option.strip().casefold():
            return option
    match gold:
        case int() if 0 <= gold < len(task.options):
            return task.options[gold]
        case str() if len(gold) == 1 and 0 <= ord(gold.upper()) - 65 < len(task.options):
            return task.options[ord(gold.upper()) - 65]
        case _:
            return None


def accuracy(trajectory: Trajectory) -> float | None:
    """How right the answer is, 0 to 1: exact for words, codes, numbers, orders and choices; F1 for
    sets; intersection over union for seconds. None: the truth is not known, or it is prose, which
    only a judge can score (`judged`).
    """
    return _scored(trajectory, kind_of(trajectory.task))


def correct(trajectory: Trajectory) -> float | None:
    """1 for a right answer, else 0. Seconds are right from an overlap of 0.5 on."""
    score = accuracy(trajectory)
    if score is None:
        return None
    is_spans = kind_of(trajectory.task) is AnswerKind.SPANS
    return float(reaches(score, _LEAST_IOU if is_spans else 1.0))


def exact(trajectory: Trajectory) -> float | None:
    """1 if the answer is the true text, but for case, punctuation, articles and a lead-in ("the
    answer is"): the exact match of SQuAD (1606.05250). None: the truth is no text."""
    gold = trajectory.task.answer
    return _scored(trajectory, AnswerKind.TEXT) if isinstance(gold, str) else None


def choice(trajectory: Trajectory) -> float | None:
    """1 if the right option was chosen, by its text or its letter. None: there are no options."""
    if gold_option(trajectory.task) is None:
        return None
    return _scored(trajectory, AnswerKind.TEXT)


def number(trajectory: Trajectory) -> float | None:
    """1 if the answer is the true number, in digits or English words. None: it is no number."""
    gold = trajectory.task.answer
    is_number = isinstance(gold, int | float) and not isinstance(gold, bool)
    return _scored(trajectory, AnswerKind.NUMBER) if is_number else None


def set_f1(trajectory: Trajectory) -> float | None:
    """F1 of the names answered and the true ones, in any order. None: the truth is no list."""
    return _scored(trajectory, AnswerKind.SET) if _names(trajectory.task) else None


def order(trajectory: Trajectory) -> float | None:
    """1 if the names are answered in the true order, all of them. None: the truth is no list."""
    return _scored(trajectory, AnswerKind.ORDERED) if _names(trajectory.task) else None


def kendall_tau(trajectory: Trajectory) -> float | None:
    """How alike the answered and the true order are, -1 to 1 (Kendall, 1938): the share of pairs in
    the right order less that in the wrong one. None: the truth is no list, or other things were
    named, so that there is no order to compare."""
    names = _names(trajectory.task)
    if not names or not is_judgeable(trajectory):
        return None
    return verify.kendall_tau(trajectory.answer, names)


def brier(trajectory: Trajectory) -> float | None:
    """The squared distance of the stated confidence from the truth, 0 (best) to 1 (Brier, 1950).
    None: no confidence was stated."""
    right = correct(trajectory)
    sure = None if trajectory.answer is None else trajectory.answer.confidence
    return None if right is None or sure is None else (sure - right) ** 2


def _names(task: Task) -> list[str]:
    gold = task.answer
    if not isinstance(gold, list) or any(isinstance(item, list) for item in gold):
        return []
    return [str(item) for item in gold]


def _scored(trajectory: Trajectory, kind: AnswerKind | None) -> float | None:
    if kind is None or not is_judgeable(trajectory):
        return None
    task, answer = trajectory.task, trajectory.answer
    if answer is None:
        return 0.0
    if task.options:
        gold = gold_option(task)
        if gold is None or answer.choice in task.options:
            return None if gold is None else float(answer.choice == gold)
        how = kind if kind in _CHOOSABLE else AnswerKind.TEXT
        return verify.score(how, answer, gold, task.options)
    return verify.score(kind, answer, cast("Any", task.answer))
