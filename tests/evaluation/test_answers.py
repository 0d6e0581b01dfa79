"""What was answered, beside what is true: hand-worked cases."""

from __future__ import annotations

from typing import Any

import pytest

from playhead.core import Origin, Stop
from playhead.evaluation.scorers import find_scorer
from playhead.worlds.dataset import create_dataset, to_task
from playhead.worlds.families import NAMES
from tests.evaluation.records import broken, record, refused, task


def score(name: str, text: str, gold: Any, **more: Any) -> float | None:
    return find_scorer(name)(record(answer=text, task=task(gold, **more)))


@pytest.mark.parametrize(
    ("text", "gold", "more", "right"),
    [
        ("the answer is ACD.", "ACD", {}, 1.0),
        ("ACD or XYZ", "ACD", {}, 0.0),
        ("seven", 7, {}, 1.0),
        ("7 or 8", 7, {}, 0.0),
        ("yes", True, {}, 1.0),
        ("no", True, {}, 0.0),
        ("harbour, farm", ["farm", "harbour"], {}, 1.0),
        ("harbour", ["farm", "harbour"], {}, 2 / 3),
        ("farm, harbour", ["harbour", "farm"], {"metadata": {"kind": "ordered"}}, 0.0),
        ("40-45", [[40.0, 50.0]], {}, 0.5),
        ("(b)", "red", {"options": ("blue", "red")}, 1.0),
        ("blue", "red", {"options": ("blue", "red")}, 0.0),
        ("red", "B", {"options": ("blue", "red")}, 1.0),
        ("red", 1, {"options": ("blue", "red")}, 1.0),
        ("five", 5, {"options": ("4", "5"), "metadata": {"kind": "number"}}, 1.0),
        ("no", False, {"options": ("yes", "no")}, 1.0),
        ("yes", False, {"options": ("yes", "no")}, 0.0),
    ],
)
def test_accuracy_compares_by_what_the_answer_is(
    text: str, gold: Any, more: dict[str, Any], right: float
):
    assert score("accuracy", text, gold, **more) == pytest.approx(right)


def test_nothing_is_scored_without_a_truth():
    assert score("accuracy", "ACD", None) is None
    assert score("accuracy", "a long story", "a long story", metadata={"kind": "open"}) is None
    assert score("accuracy", "red", "green", options=("red", "blue")) is None


def test_no_answer_is_wrong_and_an_answer_kept_back_by_a_broken_disk_is_not_judged():
    accuracy = find_scorer("accuracy")
    assert accuracy(record(answer=None, stop=Stop.BUDGET)) == 0.0
    assert accuracy(broken(Origin.MODEL)) == 0.0
    assert accuracy(broken(Origin.WORLD)) is None
    assert accuracy(broken(Origin.TOOL)) is None
    assert accuracy(record(stop=Stop.CANCELLED)) is None


def test_a_tool_that_broke_on_the_way_leaves_the_attempt_out_right_or_wrong():
    accuracy = find_scorer("accuracy")
    for origin in (Origin.TOOL, Origin.WORLD):
        assert accuracy(record(refused(origin=origin, code="broke"))) is None
        assert accuracy(record(refused(origin=origin, code="broke"), answer="no")) is None
    assert accuracy(record(refused(origin=Origin.WORLD, code="out_of_time"))) == 1.0


def test_correct_is_all_or_nothing_and_seconds_are_right_from_half_an_overlap_on():
    assert score("correct", "harbour", ["farm", "harbour"]) == 0.0
    assert score("correct", "40-45", [[40.0, 50.0]]) == 1.0
    assert score("correct", "40-44", [[40.0, 50.0]]) == 0.0


def test_scorers_of_one_kind_say_nothing_of_another():
    assert score("exact", "acd", "ACD") == 1.0
    assert score("exact", "7", 7) is None
    assert score("number", "seven", 7) == 1.0
    assert score("number", "yes", True) is None
    assert score("choice", "A", "red", options=("red", "blue")) == 1.0
    assert score("choice", "red", "red") is None
    assert score("set_f1", "a1, b2, c3", ["a1", "b2"]) == pytest.approx(0.8)
    assert score("set_f1", "ACD", "ACD") is None
    assert score("order", "b2, a1", ["b2", "a1"]) == 1.0
    assert score("iou", "ACD", "ACD") is None


def test_kendall_tau_counts_pairs():
    gold = ["a1", "b2", "c3"]
    assert score("kendall_tau", "a1, b2, c3", gold) == 1.0
    assert score("kendall_tau", "c3, b2, a1", gold) == -1.0
    assert score("kendall_tau", "b2, a1, c3", gold) == pytest.approx(1 / 3)
    assert score("kendall_tau", "b2, a1", gold) is None


def test_brier_is_the_squared_distance_of_confidence_and_truth():
    brier = find_scorer("brier")
    assert brier(record(confidence=0.9)) == pytest.approx(0.01)
    assert brier(record(answer="no", confidence=0.9)) == pytest.approx(0.81)
    assert brier(record()) is None


@pytest.mark.parametrize("family", NAMES)
def test_a_reward_is_what_the_world_itself_says(family: str):
    data = create_dataset(family, size=2, seed=5, duration_ms=120_000)
    for entry in data:
        for said in (entry["answer"], "not in the video", "7", "red", "(A)", "0-10; 20-30"):
            found = find_scorer("accuracy")(record(answer=said, task=to_task(entry)))
            assert found == data.score_answer(said, entry), (entry["question"], said)


def test_the_option_itself_counts_and_not_how_it_reads():
    """CG-Bench has an option `!`, and others have options that differ in an article alone."""
    choice = find_scorer("choice")
    signs = task("!", options=("*", "!", "?"))
    assert choice(record(answer="B", choice="!", task=signs)) == 1.0
    assert choice(record(answer="C", choice="?", task=signs)) == 0.0
    alike = task("the cat", options=("a cat", "the cat"))
    assert choice(record(answer="A", choice="a cat", task=alike)) == 0.0
