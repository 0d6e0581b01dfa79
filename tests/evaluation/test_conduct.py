"""Turns that went wrong, calls that were not needed, claims about what is not there."""

from __future__ import annotations

import pytest

from playhead.core import Author, Cost, Finish, Origin, Reply, Step, Stop
from playhead.evaluation.scorers import find_scorer
from playhead.evaluation.scorers.conduct import control
from playhead.evaluation.scorers.cost import spent
from tests.evaluation.records import broken, look, record, refused, task

form = find_scorer("format")


def test_format_is_one_less_the_share_of_faulty_turns():
    assert form(record(look(0, 9))) == 1.0
    assert form(record(refused(), look(0, 9), look(9, 12))) == pytest.approx(0.75)
    silent = Step(reply=Reply(text=" "))
    cut = Step(reply=Reply(text="so I think that", finish=Finish.LENGTH))
    assert form(record(silent, cut)) == pytest.approx(1 / 3)


def test_format_is_nothing_for_who_never_answered_as_told():
    assert form(record(look(0, 9), answer=None, stop=Stop.BUDGET)) == 0.0
    assert form(record(refused("answer"), answer=None, stop=Stop.BUDGET)) == 0.0
    said = Step(reply=Reply(text="ACD"))
    assert form(record(said, answer=None)) == 0.0
    assert form(record(said, answer=None, tools=())) == 1.0
    assert form(broken(Origin.WORLD)) is None


def test_steps_of_our_own_code_are_not_the_policys_turns():
    glance = look(0, 60, author=Author.SCRIPT)
    assert find_scorer("over_calling")(record(glance, task=control(task()))) == 0.0
    assert form(record(glance, refused())) == 0.5


def test_a_control_allows_so_many_calls_and_the_answer_is_none():
    over = find_scorer("over_calling")
    assert over(record(task=control(task()))) == 0.0
    assert over(record(look(0, 9), task=control(task()))) == 1.0
    assert over(record(look(0, 9), task=control(task(), calls=1))) == 0.0
    assert over(record(refused(), look(0, 9), task=control(task(), calls=1))) == 1.0
    assert over(record(look(0, 9))) is None


def test_a_claim_about_what_is_not_there_is_a_false_positive():
    false = find_scorer("false_positive")
    absent = task("not in the video", metadata={"kind": "code_or_absent"})
    assert false(record(answer="ACD", task=absent)) == 1.0
    assert false(record(answer="not in the video", task=absent)) == 0.0
    assert false(record(answer=None, stop=Stop.BUDGET, task=absent)) == 0.0
    assert false(record(answer="No answer. The nearest ...", abstained=True, task=absent)) == 0.0
    assert false(record(answer="yes", task=task(False))) == 1.0
    assert false(record(answer="No, it was not.", task=task(False))) == 0.0
    assert false(record(answer="yes", task=task(True))) is None
    assert false(record()) is None


def test_every_unit_of_cost_is_a_scorer():
    cost = Cost(turns=3, calls=5, frames=40, visual_tokens=900, seconds=1.5)
    units = {unit: find_scorer(f"cost.{unit}")(record(cost=cost)) for unit in Cost.model_fields}
    assert units["frames"] == 40.0
    assert units["visual_tokens"] == 900.0
    assert units["seconds"] == 1.5
    assert units["dollars"] is None
    with pytest.raises(ValueError, match="a unit is one of"):
        spent("apples")
