from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from playhead.core import (
    Budget,
    Cost,
    Effort,
    FrameRef,
    Message,
    Region,
    Role,
    Span,
    Task,
    ToolCall,
    VideoInfo,
)
from tests.strategies import budgets, costs, regions

INFO = VideoInfo(
    duration_s=10,
    num_frames=300,
    fps="30000/1001",
    height=90,
    width=160,
    codec="h264",
    container="mp4",
)


def test_a_value_cannot_be_changed():
    with pytest.raises(ValidationError):
        INFO.height = 3  # type: ignore[misc]


def test_a_field_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="max_framez"):
        Budget(max_framez=3)  # type: ignore[call-arg]


def test_a_changed_copy_is_checked_again():
    assert Span(start=1, end=2).replace(end=3) == Span(start=1, end=3)
    with pytest.raises(ValueError, match="start < end"):
        Span(start=1, end=2).replace(end=0.5)


def test_a_frame_rate_stays_exact():
    assert INFO.fps == Fraction(30000, 1001)
    assert VideoInfo.from_json(INFO.to_json()) == INFO
    with pytest.raises(ValueError, match="fraction"):
        INFO.replace(fps="fast")


def test_a_lone_surrogate_becomes_a_replacement_character():
    task = Task(id="q", question="why \ud800?", metadata={"k\udfff": ["\ud83d\ude00", "\ud800"]})
    assert task.question == "why \ufffd?"
    assert task.metadata == {"k\ufffd": ["😀", "\ufffd"]}
    assert Task.from_json(task.to_json()) == task


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused(number):
    with pytest.raises(ValueError, match=r"JSON has no|finite"):
        Task(id="q", question="?", metadata={"x": [number]})
    with pytest.raises(ValueError, match="finite"):
        Cost(seconds=number)


def test_a_reference_to_a_picture_is_small():
    ref = FrameRef(video_id="a" * 32, time_s=5025.041666, height=1080, width=1920)
    assert len(ref.to_json()) < 120


@given(regions(), st.integers(1, 500), st.integers(1, 500))
def test_a_region_holds_at_least_one_pixel_and_stays_inside(region: Region, height, width):
    top, left, bottom, right = region.pixels(height, width)
    assert 0 <= top < bottom <= height
    assert 0 <= left < right <= width


def test_every_effort_has_a_larger_budget_than_the_one_before():
    quick, normal, deep = (Budget.of(effort) for effort in Effort)
    assert quick.frames < normal.frames < deep.frames
    with pytest.raises(ValueError, match="extreme"):
        Budget.of("extreme")


@given(budgets, costs, costs)
def test_what_is_left_is_what_can_still_be_spent(budget: Budget, spent: Cost, price: Cost):
    left = budget.left(spent)
    assert all(bound is None or bound >= 0 for _, bound in left)
    for unit in budget.over(spent):
        assert getattr(left, unit) == 0
    assert budget.affords(spent, price) == (not budget.over(spent + price))
    assert Budget().affords(spent, price)


def test_an_unknown_price_is_not_zero():
    assert (Cost() + Cost()).dollars is None
    assert (Cost() + Cost(dollars=0.5)).dollars == 0.5


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{", "not JSON"),
        ("[1]", "must be a JSON object: got list"),
        ('{"a": NaN}', "cannot"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_call_that_cannot_be_read_keeps_what_was_written(written, problem):
    call = ToolCall.read("1", "look", written)
    assert problem in call.problem
    assert call.raw == written
    assert call.arguments == {}


def test_raw_control_characters_inside_arguments_are_accepted():
    assert ToolCall.read("1", "note", '{"text": "a\nb"}').arguments == {"text": "a\nb"}
    assert ToolCall.read("1", "note", "").arguments == {}


def test_a_message_is_refused_an_unknown_part():
    with pytest.raises(ValueError, match="union_tag"):
        Message(role=Role.USER, parts=[{"type": "base64", "data": "x"}])
