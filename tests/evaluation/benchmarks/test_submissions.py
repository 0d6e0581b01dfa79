"""Files for owners' servers say what the records say, in the form that the owner reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core import Task, Trajectory
from playhead.evaluation.benchmarks import benchmark_names, find_benchmark
from tests.evaluation.records import record

LETTERS = "ABCDE"
ABOUT = {
    "video_id": "001", "duration": "short", "domain": "Knowledge", "sub_category": "Geography",
    "task_type": "Counting Problem", "question_type": "ego",
}  # fmt: skip

chosen = st.lists(st.none() | st.integers(0, 4), min_size=1, max_size=9)


def records(places: Sequence[int | None], **about: Any) -> list[Trajectory]:
    """One attempt a question, with the option at a place chosen; None: none was."""
    options = ("red", "blue", "green", "grey", "pink")
    made: list[Trajectory] = []
    for i, place in enumerate(places):
        task = Task(
            id=f"q{i}", question="Which?", options=options, answer="blue",
            metadata={**ABOUT, **about, "video_id": f"{i // 3:03}"},
        )  # fmt: skip
        choice = None if place is None else options[place]
        made.append(record(answer=choice or "no idea", choice=choice, task=task))
    return made


def sent(name: str, made: Sequence[Trajectory]) -> Any:
    submission = find_benchmark(name).submission
    assert submission is not None
    file, text = submission(made)
    assert file.endswith(".json")
    return json.loads(text)


def letters(places: Sequence[int | None]) -> list[str]:
    return ["" if place is None else LETTERS[place] for place in places]


@given(chosen)
@settings(max_examples=100, deadline=None)
def test_video_mme_comes_back_video_by_video(places: list[int | None]):
    videos = sent("video_mme", records(places))
    assert [set(video) for video in videos] == [
        {"video_id", "duration", "domain", "sub_category", "questions"}
    ] * len(videos)
    assert [video["video_id"] for video in videos] == sorted(
        {f"{i // 3:03}" for i in range(len(places))}
    )
    questions = [question for video in videos for question in video["questions"]]
    assert [question["response"] for question in questions] == letters(places)
    assert {question["answer"] for question in questions} == {"B"}
    assert questions[0]["options"][1] == "B. blue"
    assert set(questions[0]) == {
        "question_id", "task_type", "question", "options", "answer", "response",
    }  # fmt: skip


@given(chosen)
@settings(max_examples=100, deadline=None)
def test_egoschema_comes_back_as_places(places: list[int | None]):
    told = sent("egoschema", records(places))
    assert list(told.values()) == [-1 if place is None else place for place in places]
    assert list(told) == [f"q{i}" for i in range(len(places))]


@given(chosen)
@settings(max_examples=100, deadline=None)
def test_the_others_come_back_as_letters(places: list[int | None]):
    made = records(places)
    assert list(sent("lvbench", made).values()) == letters(places)
    assert list(sent("longvideobench", made).values()) == letters(places)
    rows = sent("mlvu", made)
    assert [row["option"] for row in rows] == letters(places)
    assert set(rows[0]) == {"question_id", "question_type", "option"}


@pytest.mark.parametrize("name", benchmark_names())
def test_a_submission_is_there_only_where_an_owner_takes_one(name: str):
    takes = {"video_mme", "egoschema", "lvbench", "longvideobench", "mlvu"}
    assert (find_benchmark(name).submission is not None) == (name in takes)
