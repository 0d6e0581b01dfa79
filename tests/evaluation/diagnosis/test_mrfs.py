"""The fewest pictures: exact for any model, and for perfect eyes what the script says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playhead.agent.source import WorldSource
from playhead.core.errors import Blamed, Origin
from playhead.core.message import Message
from playhead.evaluation.diagnosis.mrfs import min_frames
from playhead.evaluation.diagnosis.views import stabbing
from tests.evaluation.diagnosis.minds import Says, oracle, tasks


@pytest.fixture(scope="module")
def source() -> Iterator[WorldSource]:
    with WorldSource() as made:
        yield made


@pytest.mark.parametrize("family", ["needle", "multihop", "order"])
def test_perfect_eyes_need_what_the_script_says(source: WorldSource, family: str):
    for task in tasks(family, 3):
        found = asyncio.run(min_frames(oracle, task, source, choose=(stabbing,)))
        assert found.num == task.metadata["min_frames"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(knows=st.lists(st.booleans(), min_size=6, max_size=6))
def test_any_model_is_asked_until_it_knows(source: WorldSource, knows: list[bool]):
    """Also one that knows it from two pictures and not from three."""
    (task,) = tasks("needle", 1)

    def answer(messages: list[Message]) -> str:
        return str(task.answer) if knows[len(messages[-1].frames)] else "no idea"

    found = asyncio.run(
        min_frames(Says(answer), task, source, choose=(_evenly,), most=len(knows) - 1)
    )
    assert found.num == (knows.index(True) if True in knows else None)


def _evenly(num: int):
    from playhead.evaluation.diagnosis.views import evenly

    return evenly(num)


def test_most_selectors_and_most_votes_decide(source: WorldSource):
    (task,) = tasks("needle", 1)
    asked: list[int] = []

    def answer(messages: list[Message]) -> str:
        num = len(messages[-1].frames)
        asked.append(num)
        is_right = num >= 2 and len(asked) % 3 != 0  # two votes of three
        return str(task.answer) if is_right else "no idea"

    found = asyncio.run(min_frames(Says(answer), task, source, most=4, votes=3))
    assert found.num == 2
    assert found.by_selector == {0: 2, 1: 2}
    assert found.num_asked == len(asked) == 3 + 6 + 6


def test_a_broken_model_is_no_wrong_answer(source: WorldSource):
    def answer(messages: list[Message]) -> str:
        raise Blamed(Origin.WORLD, "the server is gone")

    with pytest.raises(Blamed, match="the server is gone"):
        asyncio.run(min_frames(Says(answer), tasks("needle", 1)[0], source))
