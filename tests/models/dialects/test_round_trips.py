"""Whatever a dialect can say comes back as it was: calls, thoughts, words, and times exactly.

Each strategy makes replies that its dialect has words for. What it has none for is listed below.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core.message import ToolCall
from playhead.core.policy import Finish, Reply
from playhead.models.dialects import Clock, Dialect, dialect_names, expressible, find_dialect
from playhead.models.dialects.markup import without_places
from tests import strategies

DURATION_S = 7200.0
Call = tuple[str, dict[str, Any]]
words = st.text(
    st.characters(exclude_characters="<{[", exclude_categories=("Cs",)), max_size=20
).filter(lambda text: text == text.strip() and "Action:" not in text and "Content:" not in text)
some_words = words.filter(bool)
times = st.integers(0, 7_200_000).map(lambda ms: ms / 1000)
pairs = st.lists(times, min_size=2, max_size=2, unique=True).map(sorted)
quotas = st.sampled_from(["coarse", "medium", "fine"])
rates = st.sampled_from([0.5, 1.0, 1.5, 2.0, 24.0, 23.976])
clocks = st.builds(
    Clock,
    duration_s=st.just(DURATION_S),
    fps=st.sampled_from(["1", "2", "15", "24000/1001", "25", "30000/1001", "60"]),
    origin_s=st.sampled_from([0.0, 40862.0, 3.5]),
    num_calls=st.integers(0, 9),
    question=words,
)
any_call = st.tuples(
    some_words.filter(lambda name: name != "crop_video"),
    strategies.json_objects.filter(lambda a: without_places(a) == a),
)
answers = some_words.map(lambda value: ("answer", {"value": value, "evidence": []}))


def looks(**more: st.SearchStrategy) -> st.SearchStrategy[Call]:
    rest = st.fixed_dictionaries(more)
    made = st.tuples(pairs, rest)
    return made.map(lambda m: ("look", {"start_s": m[0][0], "end_s": m[0][1], **m[1]}))


@st.composite
def frame_looks(draw: st.DrawFn, clock: Clock, *, last: int, num: int) -> Call:
    """Spans from a frame to another; `last` more belong to it; `num` frames at most, 0 for 12."""
    start = draw(st.integers(0, 7000))
    end = draw(st.integers(start + 1 - last, 7100))
    shown = min(end - start + 1, num) if num else 12
    span = {"start_s": clock.second(start), "end_s": clock.second(end + last)}
    return "look", {**span, "num": shown}


@st.composite
def day_captions(draw: st.DrawFn, clock: Clock) -> Call:
    start = draw(st.integers(0, 100_000))
    length = draw(st.just(1) | st.integers(20, 12_000))
    focus = draw(words)
    start_s, end_s = (n / 20 - clock.origin_s for n in (start, start + length))
    return "caption", {"start_s": start_s, "end_s": end_s, "focus": focus}


def day_searches(clock: Clock) -> st.SearchStrategy[Call]:
    made = st.tuples(some_words, st.integers(0, 10**7))
    return made.map(
        lambda m: ("search", {"text": m[0], "until_s": m[1] / 20 - clock.origin_s}),
    )


def own(name: str, clock: Clock) -> st.SearchStrategy[list[Call]]:
    """Calls that a turn of the dialect can make."""
    one_second = looks(fps=st.just(1.0))
    search = some_words.map(lambda text: ("search", {"text": text}))
    ground = some_words.map(lambda query: ("ground", {"query": query}))
    number = st.integers(0, 9999).map(lambda n: ("frame_number", {"time_s": float(n)}))
    many: dict[str, st.SearchStrategy[Call]] = {
        "openai": st.tuples(some_words, strategies.json_objects),
        "hermes": any_call,
        "long_vt": one_second,
        "tool_code": one_second,
        "eva": looks(num=st.integers(1, 300)) | looks(num=st.integers(1, 300), quota=quotas),
        "video_o3": looks(quota=quotas),
        "frame_thinker": frame_looks(clock, last=0, num=0) | number,
        "video_mtr": frame_looks(clock, last=1, num=8),
        "long_video_agent": search | ground,
        "ego_r1": day_searches(clock) | day_captions(clock),
        "video_zoomer": looks() | looks(fps=rates),
    }
    one: dict[str, st.SearchStrategy[Call]] = {
        "dynframe": looks(fps=rates) | answers,
        "m3": search | answers,
        "video_mind": ground | looks(),
    }
    if name == "video_thinker":
        return st.just([])
    if name in one:
        return st.lists(one[name], max_size=1)
    calls = st.lists(many[name], max_size=3)
    return calls if name in ("openai", "hermes") else calls | answers.map(lambda a: [a])


@st.composite
def said(draw: st.DrawFn, name: str) -> tuple[Reply, Clock]:
    clock = draw(clocks)
    calls = draw(own(name, clock))
    can_think = name != "video_mind"
    text = draw(some_words if name == "video_thinker" else words)
    if name == "video_mind" and calls:
        text = ""  # a plan, or a span, is all of the turn
    reply = Reply(
        text=text,
        thinking=draw(words) if can_think else "",
        calls=tuple(
            ToolCall(id=clock.call_id(i), name=n, arguments=a) for i, (n, a) in enumerate(calls)
        ),
        finish=Finish.CALLS if calls else Finish.STOP,
    )
    return reply, clock


@pytest.mark.parametrize("name", dialect_names())
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_a_dialect_can_say_comes_back_as_it_was(name: str, data: st.DataObject):
    reply, clock = data.draw(said(name))
    dialect = find_dialect(name)
    assert dialect.read(dialect.write(reply, clock), clock) == reply
    assert expressible(reply, dialect, clock)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), resumes=st.booleans())
def test_a_thought_that_goes_on_after_frames_comes_back_as_it_was(
    data: st.DataObject, resumes: bool
):
    reply, clock = data.draw(said("dynframe"))
    clock, dialect = clock.replace(resumes=resumes), find_dialect("dynframe")
    assert dialect.read(dialect.write(reply, clock), clock) == reply


COMMON = [
    n
    for n in dialect_names()
    if n not in ("openai", "dynframe", "video_mind", "m3", "video_thinker")
]


@pytest.mark.parametrize("name", COMMON)
@settings(max_examples=30, deadline=None)
@given(call=any_call)
def test_a_call_without_own_words_is_said_in_the_common_tongue(name: str, call: Call):
    dialect: Dialect = find_dialect(name)
    foreign = ("frame_select", "rag", "video_llm", "vlm", "frame_number", *dialect.tools)
    if call[0] in foreign:
        return
    clock = Clock(duration_s=DURATION_S)
    reply = Reply(calls=(ToolCall(id="call_0", name=call[0], arguments=call[1]),), finish="calls")
    assert dialect.read(dialect.write(reply, clock), clock) == reply


CANNOT = [
    ("long_vt", "look", {"start_s": 1.0, "end_s": 2.0, "fps": 4.0}),
    ("tool_code", "look", {"start_s": 1.0, "end_s": 2.0, "roi": [0, 0, 1, 1], "fps": 1.0}),
    ("eva", "look", {"start_s": 1.0, "end_s": 2.0, "fps": 2.0}),
    ("video_o3", "look", {"start_s": 1.0, "end_s": 2.0, "num": 8}),
    ("dynframe", "look", {"start_s": 1.0, "end_s": 2.0, "num": 8}),
    ("frame_thinker", "look", {"start_s": 1.01, "end_s": 2.0, "num": 12}),
    ("video_mtr", "look", {"start_s": 1.01, "end_s": 2.0, "num": 8}),
    ("long_video_agent", "search", {"text": "a dog", "k": 3}),
    ("ego_r1", "search", {"text": "a dog"}),
    ("m3", "search", {"text": "a dog", "kinds": ["speech"]}),
    ("video_zoomer", "look", {"start_s": 1.0, "end_s": 2.0, "num": 8}),
    ("video_mind", "answer", {"value": "B", "evidence": []}),
    ("video_thinker", "look", {"start_s": 1.0, "end_s": 2.0}),
    *((n, "answer", {"value": "B", "evidence": ["e1"]}) for n in dialect_names()[2:]),
]


@pytest.mark.parametrize(("name", "tool", "arguments"), CANNOT)
def test_what_a_dialect_cannot_say_is_known(name: str, tool: str, arguments: dict[str, Any]):
    clock = Clock(duration_s=DURATION_S, fps=2)
    reply = Reply(calls=(ToolCall(id="call_0", name=tool, arguments=arguments),))
    assert not expressible(reply, find_dialect(name), clock)


@pytest.mark.parametrize("fps", ["1", "15", "24000/1001", "25", "30000/1001", "50", "60", "120"])
def test_a_frame_number_and_its_second_are_the_same_moment(fps: str):
    clock = Clock(duration_s=36_000.0, fps=fps)
    for index in [*range(0, 2000), *range(10**6, 10**6 + 200)]:
        assert clock.index(clock.second(index)) == index
        assert clock.second(index) == float(index / Fraction(fps))


def test_frames_at_irregular_times_keep_their_numbers():
    clock = Clock(duration_s=10.0, times_s=(0.0, 0.04, 3.0, 9.5))
    assert [clock.index(time_s) for time_s in (0.0, 0.039, 0.04, 2.9, 3.0, 9.9, 10.0)] == [
        0, 0, 1, 1, 2, 3, 4,
    ]  # fmt: skip
    assert [clock.second(index) for index in range(5)] == [0.0, 0.04, 3.0, 9.5, 10.0]
    reply = find_dialect("video_mtr").read("<retrieve>1, 3</retrieve>", clock)
    assert reply.calls[0].arguments == {"start_s": 0.04, "end_s": 10.0, "num": 3}
    assert "<retrieve>1, 3</retrieve>" in find_dialect("video_mtr").write(reply, clock)


def test_a_clock_refuses_times_that_do_not_rise():
    with pytest.raises(ValueError, match="rise"):
        Clock(duration_s=9.0, times_s=(0.0, 0.0))
    with pytest.raises(ValueError, match="frames a second"):
        Clock(duration_s=9.0, fps=0)
