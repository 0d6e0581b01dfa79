"""What goes and why: every reason by hand, and what holds for all filters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.agent.source import WorldSource
from playhead.core import Message, Reply, Sampling, Span, Task, TextPart, ToolSpec, Trajectory
from playhead.core.span import outside
from playhead.training import filters
from playhead.training.filters import (
    Balance,
    Blind,
    Contamination,
    Filter,
    Kept,
    Length,
    MinFrames,
    Necessity,
    PassRate,
    duplicates,
    leakage,
    letter_of,
    said_before_seen,
    sift,
    third_of,
)
from playhead.training.synthesize.planner import Planner
from playhead.worlds.dataset import create_dataset, to_task
from tests.evaluation.records import look, record, task


def reasons(each: Filter, *items: Task | Trajectory) -> list[str | None]:
    kept = asyncio.run(sift([each], items))
    stage = kept.stages[0]
    assert stage.num_out + sum(stage.reasons.values()) == stage.num_in == len(items)
    found = each(items)
    return list(asyncio.run(found) if asyncio.iscoroutine(found) else found)  # type: ignore[arg-type]


def asked(question: str, answer: Any = "blue", **more: Any) -> Task:
    return Task(id="t", question=question, answer=answer, **more)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (asked("Which colour is the car?"), None),
        (asked("Is the car Blue, or which colour is it?"), "gold_in_question"),
        (asked("Which colour is the bluebell?"), None),
        (asked("Blue or red?", options=("blue", "red")), None),
        (asked("The blue car?", options=("blue", "red")), "gold_in_question"),
        (asked("Which?\n(A) blue\n(B) red", options=("blue", "red")), None),
        (asked("Which?", options=("red", "green")), "gold_is_no_option"),
        (asked("Which?", options=("blue", "Blue ")), "options_alike"),
        (asked("Which?", video_ids=("the blue car.mp4",)), "gold_in_id"),
        (asked("How many of the 7?", answer=7), None),
    ],
)
def test_what_gives_the_answer_away(item: Task, reason: str | None):
    assert reasons(leakage, item) == [reason]


def test_a_title_may_give_it_away_and_a_thought_may_know_it():
    titled = record().replace(opening=(TextPart(text="Video v1 ('ACD.mp4') lasts 9 s"),))
    early = record(look(0, 9, thinking="I look for the card ACD."))
    late = record(look(0, 9), look(3, 5, thinking="It says ACD."))
    unlearned = early.replace(steps=(early.steps[0].replace(weight=0.0), *early.steps[1:]))
    found = reasons(leakage, titled, early, late, unlearned)
    assert found == ["gold_in_opening", "said_before_seen", None, None]
    assert said_before_seen(record())  # it answers, and never looked


def test_what_a_benchmark_holds():
    words = "one two three four five six seven eight nine ten eleven twelve thirteen"
    theirs = [
        Task(id="b1", question=f"{words} fourteen?", video_ids=("clip",)),
        Task(id="b2", question="Who opens the door?"),
    ]
    seen = Contamination.of(theirs)
    mine = [
        Task(id="b1", question="Which?"),
        Task(id="m1", question="Which?", video_ids=("clip",)),
        Task(id="m2", question=f"ZERO, {words}."),
        Task(id="m3", question="two " + words),
        Task(id="m4", question="who opens the DOOR"),
        Task(id="m5", question="Who opens the door of the barn?"),
        Task(id="m6", question=words.replace("seven", "7")),
    ]
    assert reasons(seen, *mine) == [
        "benchmark_task",
        "benchmark_video",
        "benchmark_question",
        "benchmark_question",
        "benchmark_question",
        None,
        None,
    ]


def test_the_way_a_benchmark_asks_is_not_what_it_asks():
    hint = "answer with the start and the end in seconds like twelve to fourteen please now"
    theirs = [f"When does number {i} come? {hint}" for i in range(20)]
    mine = Task(id="m", question=f"When does the bell ring? {hint}")
    assert reasons(Contamination(theirs), mine) == [None]
    assert reasons(Contamination(theirs[:3]), mine) == ["benchmark_question"]


def test_the_first_of_equals_stays():
    same, other = asked("Which colour?"), asked("Which  COLOUR")
    assert reasons(duplicates, same, other, asked("Which size?")) == [None, "duplicate", None]
    one, two = record(look(0, 9)), record(look(0, 5))
    assert reasons(duplicates, one, two, one.replace(id="z")) == [None, None, "duplicate"]


def test_a_band_of_pass_rates():
    def tries(id_: str, *right: bool) -> list[Trajectory]:
        named = task().replace(id=id_)
        return [record(answer="ACD" if is_right else "no", task=named) for is_right in right]

    items = [*tries("a", True, True), *tries("b", True, False), *tries("c", False, False)]
    unknown = record(task=task(None))
    found = reasons(PassRate(0.2, 0.8), *items, unknown)
    assert found == [*["too_easy"] * 2, None, None, *["too_hard"] * 2, "cannot_be_judged"]
    with pytest.raises(ValueError, match="a band"):
        PassRate(0.8, 0.2)


def test_how_many_frames_and_how_long():
    few, enough, unknown = (task(metadata=m) for m in ({"min_frames": 1}, {"min_frames": 2}, {}))
    assert reasons(MinFrames(), few, enough, unknown) == [
        "too_few_frames_needed",
        None,
        "frames_unknown",
    ]
    length = Length(least_turns=2, most_turns=3, most_frames=3)
    steps = [record(), record(look(0, 9)), record(*[look(0, 9)] * 3)]
    many = record(look(0, 9)).replace(cost=record().cost.replace(frames=4))
    assert reasons(length, *steps, many) == [
        "too_few_turns",
        None,
        "too_many_turns",
        "too_many_frames",
    ]


def test_no_class_is_much_more_frequent_than_the_rarest():
    letters = [
        asked("Which?", gold, options=("red", "blue")) for gold in ["red"] * 5 + ["blue"] * 2
    ]
    found = reasons(Balance(letter_of, most=1.5), *letters)
    assert found == [None, None, None, "over_represented_A", "over_represented_A", None, None]
    assert reasons(Balance(letter_of), asked("Which?")) == [None]
    (world,) = create_dataset("needle", size=1, seed=1, duration_ms=60_000)
    asked_of = to_task(world)
    assert asked_of.spans
    assert third_of(asked_of) == int(asked_of.spans[0].start // 20)


def test_the_order_of_filters_is_recorded_and_changes_the_counts():
    items = [asked("Which?")] * 3 + [asked("Blue?")]
    one = asyncio.run(sift([leakage, duplicates], items))
    other = asyncio.run(sift([duplicates, leakage], items))
    assert one.items == other.items == (items[0],)
    assert [stage.name for stage in one.stages] == ["leakage", "duplicates"]
    assert one.stages[0].reasons == {"gold_in_question": 1}
    assert other.stages[0].reasons == {"duplicate": 2}
    assert "leakage: 3 of 4 stay (75%)" in one.report


def test_a_filter_says_something_of_each_item():
    def forgets(items: Sequence[Task]) -> list[str | None]:
        return []

    with pytest.raises(ValueError, match="one reason per item"):
        asyncio.run(sift([forgets], [asked("Which?")]))


colours = st.sampled_from(["red", "blue", "green"])
tasks = st.lists(
    st.builds(
        lambda gold, number, options: asked(f"Which {number}?", gold, options=options),
        colours,
        st.integers(0, 3),
        st.just(("red", "blue", "green")),
    ),
    max_size=12,
)


@given(tasks, st.permutations([leakage, duplicates, MinFrames(0), Balance(letter_of)]))
def test_filters_only_take_away_and_are_done_when_they_are_done(
    items: list[Task], several: list[Filter]
):
    kept: Kept[Task] = asyncio.run(sift(several, items))
    left = iter(items)
    assert all(any(item is other for other in left) for item in kept.items)  # in their order
    assert kept.stages[0].num_in == len(items)
    assert kept.stages[-1].num_out == len(kept.items)
    for stage, following in zip(kept.stages, kept.stages[1:], strict=False):
        assert stage.num_out == following.num_in
    assert asyncio.run(sift([leakage, duplicates], kept.items)).items == kept.items


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 9)), max_size=5), st.integers(0, 3))
def test_what_is_left_of_a_stretch_has_nothing_of_what_was_taken_out(
    taken: Iterable[tuple[int, int]], margin: int
):
    whole = Span(start=0, end=100)
    spans = [Span(start=start, end=start + length) for start, length in taken]
    left = outside(whole, spans, float(margin))
    for moment in range(0, 200):
        t = moment / 2
        inside = any(span.start - margin <= t < span.end + margin for span in spans)
        assert any(t in part for part in left) == (not inside)


class Knows:
    """A policy that says the same, whatever it is shown."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        return Reply(text=self.text)


def test_questions_that_are_answered_blind_or_without_the_evidence_go():
    data = create_dataset("needle", size=2, seed=1, duration_ms=60_000)
    items = [to_task(entry) for entry in data]
    cheat = Knows(str(items[0].answer))
    with WorldSource() as source:
        assert reasons(Blind(cheat, source), *items) == ["answered_blind", None]
        assert reasons(Necessity(cheat, source), *items) == ["answered_without_evidence", None]
        assert reasons(Blind(Planner, source), *items) == [None, None]
        assert reasons(Necessity(Planner, source), *items) == [None, None]
        wrong = [t.replace(spans=(Span(start=59.0, end=59.5),)) for t in items]
        assert (
            reasons(Necessity(Planner, source, num_frames=60), *wrong)
            == ["answered_without_evidence"] * 2
        )
        unknown = items[0].replace(spans=None)
        assert reasons(Necessity(cheat, source), unknown) == ["evidence_unknown"]


def test_plain_text_is_what_is_compared():
    assert filters.plain("  The RED, car's\tdoor! ") == "the red car s door"
    assert filters.ngrams("a b c", 2) == {("a", "b"), ("b", "c")}
    assert filters.ngrams("a", 2) == {("a",)}
    assert filters.ngrams("!?") == set()
