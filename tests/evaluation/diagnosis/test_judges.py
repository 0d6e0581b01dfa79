"""Judge cards: honest judges pass, planted biases do not, and the numbers are those by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from playhead.core.message import Message
from playhead.evaluation.diagnosis.judges import (
    AnswerPair,
    by_grades,
    examine,
    pairs_from_worlds,
    side_by_side,
)
from playhead.evaluation.scorers.judge import Judge, JudgeCard
from tests.evaluation.diagnosis.minds import Says

PAIRS = pairs_from_worlds(120)


def card(choose: Callable[[dict[str, str]], str], pairs: list[AnswerPair] = PAIRS) -> JudgeCard:
    """The card of a policy that chooses by what it is asked."""

    def answer(messages: list[Message]) -> str:
        lines = messages[-1].text.splitlines()
        asked = {key: json.loads(value) for key, value in (line.split(": ", 1) for line in lines)}
        return choose(asked)

    return asyncio.run(examine(side_by_side(Says(answer)), pairs, name="it"))


def honest(asked: dict[str, str]) -> str:
    return "first" if asked["true answer"] in asked["first"] else "second"


def test_an_honest_judge_passes():
    found = card(honest)
    assert found.passes
    assert (found.accuracy, found.position_bias, found.tie_rate) == (1.0, 0.0, 0.0)


def test_who_prefers_the_first_fails():
    found = card(lambda asked: "first")
    assert (found.accuracy, found.position_bias) == (0.0, 1.0)
    assert any("order" in problem for problem in found.problems)


def test_who_prefers_the_longer_fails():
    found = card(lambda a: "first" if len(a["first"]) > len(a["second"]) else "second")
    assert found.length_bias > 0.5
    assert any("length" in problem for problem in found.problems)


def test_who_never_decides_fails():
    found = card(lambda asked: "neither")
    assert (found.accuracy, found.tie_rate, found.position_bias) == (0.0, 1.0, 0.0)
    assert not found.passes


def test_a_card_by_hand():
    """Four pairs; right about the first, first-loving in the second, wrong about the third for its
    longer answer, undecided about the fourth."""
    pairs = [
        AnswerPair("q", "t", "t1", "w"),
        AnswerPair("q", "t", "t2", "w"),
        AnswerPair("q", "t", "t3", "long wrong"),
        AnswerPair("q", "t", "t4", "w"),
    ]

    def choose(asked: dict[str, str]) -> str:
        (better,) = (a for a in (asked["first"], asked["second"]) if a.startswith("t"))
        is_first = asked["first"] == better
        match better:
            case "t1":
                return "first" if is_first else "second"
            case "t2":
                return "first"
            case "t3":
                return "second" if is_first else "first"
            case _:
                return "neither"

    found = card(choose, pairs)
    assert found.accuracy == 1 / 4
    assert found.position_bias == 2 / 8
    assert found.tie_rate == 2 / 8
    assert found.length_bias == pytest.approx(1.0 - (0.0 + 0.5 + 0.0) / 3)


def test_a_judge_that_grades_has_a_card_too():
    def grade(messages: list[Message]) -> str:
        asked = dict(line.split(": ", 1) for line in messages[-1].text.splitlines())
        truth, said = (json.loads(asked[key]) for key in ("true answer", "answer"))
        return "right" if truth in said else "wrong"

    found = asyncio.run(examine(by_grades(Judge(Says(grade))), PAIRS))
    assert found.passes


def test_pairs_are_fair():
    """Neither side is always the longer one, and no worse answer holds the truth."""
    longer = sum(len(pair.worse) > len(pair.better) for pair in PAIRS) / len(PAIRS)
    assert 0.3 < longer < 0.7
    assert len(set(PAIRS)) == len(PAIRS) == 120
    assert all(pair.truth in pair.better for pair in PAIRS)
    assert not any(pair.truth in pair.worse for pair in PAIRS)


def test_no_pairs_are_refused():
    with pytest.raises(ValueError, match="got none"):
        asyncio.run(examine(side_by_side(Says(lambda m: "first")), []))
