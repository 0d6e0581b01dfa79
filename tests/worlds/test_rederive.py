"""Every gold answer is read off the final script twice, by code that shares nothing."""

from __future__ import annotations

import json

import pytest

from playhead.worlds.families import NAMES
from playhead.worlds.families.build import Made, make
from playhead.worlds.script import Knobs
from tests.worlds.rederive import rederive

SHORT = Knobs(duration_ms=120_000)


def disagreements(made: Made) -> list[str]:
    """Questions whose gold answer the second implementation does not find, or does not score 1."""
    script = json.loads(made.world.to_json())
    wrong: list[str] = []
    for question in made.questions:
        again = rederive(script, question.family, json.loads(question.ask.to_json()))
        if again != question.gold or question.score(question.gold) != 1.0:
            wrong.append(f"{question.text} -> {question.gold!r}, again {again!r}")
    return wrong


@pytest.mark.parametrize("name", NAMES)
def test_a_second_implementation_finds_the_same_answers(name: str) -> None:
    made = [make([name], seed, SHORT if seed % 2 else None) for seed in range(20)]
    assert sum(len(m.questions) for m in made) >= 18
    assert [wrong for m in made for wrong in disagreements(m)] == []


@pytest.mark.parametrize("seed", range(3))
def test_answers_agree_where_many_questions_share_one_video(seed: int) -> None:
    made = make([n for n in NAMES if n != "cameras"], seed, num=30)
    assert len(made.questions) >= 28
    assert disagreements(made) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_answers_agree_over_five_thousand_questions(name: str) -> None:
    knobs = [Knobs(), SHORT, Knobs(motion="mixed", scene_ms=12_000, modality="mixed", fps=25)]
    made = [make([name], 10_000 + seed, knobs[seed % 3]) for seed in range(330)]
    assert sum(len(m.questions) for m in made) >= 315
    assert [wrong for m in made for wrong in disagreements(m)] == []
