"""The shortcut audit: its solvers cheat well, and the families do not reward it."""

from __future__ import annotations

import pytest

from playhead.worlds import run_audit
from playhead.worlds.audit import CONTROLS, Check, Row, _Case, _majority, _outstanding, table
from playhead.worlds.families import NAMES
from playhead.worlds.families.build import make
from playhead.worlds.script import Actor, Card, Knobs, Scene, World


def lonely_card() -> World:
    """A minute in which nothing happens but one card."""
    knobs = Knobs(duration_ms=60_000, modality="visual", num_actors=2)
    actors = (
        Actor(color="red", shape="star", pattern="plain", hat="none"),
        Actor(color="blue", shape="moon", pattern="plain", hat="none"),
    )
    scene = Scene(place="harbour", camera=0, start_ms=0, end_ms=60_000, cast=(0, 1))
    card = Card(scene=0, start_ms=40_000, end_ms=44_000, actor=0, glyphs="ACD")
    return World(seed=1, knobs=knobs, actors=actors, scenes=(scene,), events=(card,))


def test_the_salience_solver_finds_a_card_in_an_empty_world() -> None:
    texts = [[card.text for card in glimpse.seen.cards] for glimpse in _outstanding(lonely_card())]
    assert ["ACD"] in texts


def test_the_majority_solver_learns_an_answer_that_is_always_the_same() -> None:
    cases = [
        _Case(made.world, question.replace(gold="ACD"))
        for seed in range(8)
        for made in (make(["needle"], seed),)
        for question in made.questions
    ]
    assert _majority(cases, lambda case: None) == 1.0


def test_the_metadata_solver_learns_an_answer_that_hangs_on_a_feature() -> None:
    cases = [
        _Case(made.world, question.replace(gold=f"ACD{len(question.text) % 2}"))
        for seed in range(60)
        for made in (make(["needle"], seed),)
        for question in made.questions
    ]
    by_length = _majority(cases, lambda case: len(case.question.text) % 2)
    assert by_length > 0.9 > _majority(cases, lambda case: None)


def test_a_broken_limit_is_said_in_the_table() -> None:
    row = Row("needle", 10, 0, 0.0, {"salience": Check(0.5, 0.1), "captions": Check(0.9, None)})
    assert not row.passed
    assert "**0.500** (> 0.10)" in table([row])
    assert "0.900 (free)" in table([row])
    assert "**fail**" in table([row])


@pytest.mark.parametrize("name", ["needle", "negative"])
def test_a_family_does_not_reward_cheating(name: str) -> None:
    (row,) = run_audit([name], num_worlds=20, num_painted=3)
    assert row.passed, table([row])


def test_controls_need_no_tools() -> None:
    (row,) = run_audit(["cooccurrence"], num_worlds=8, num_painted=1)
    assert row.checks["captions"].score > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_release_gate_holds(name: str) -> None:
    (row,) = run_audit([name])
    assert row.num_questions >= 230
    assert row.passed, table([row])
    assert (row.checks["captions"].limit is None) >= (name in CONTROLS)
