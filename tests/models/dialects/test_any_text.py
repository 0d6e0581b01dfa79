"""No text makes a dialect raise, and long text takes time in proportion to its length."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playhead.core.policy import Reply
from playhead.core.tools import Observation
from playhead.models.dialects import (
    Clock,
    dialect_names,
    expressible,
    find_dialect,
    intrinsic_spans,
    read_conversation,
)
from tests import strategies

CLOCKS = [
    Clock(duration_s=600.0, fps=25, question="Who?"),
    Clock(duration_s=0.5, fps="30000/1001", origin_s=40862.0, num_calls=7, resumes=True),
    Clock(duration_s=9.0, times_s=(0.0, 0.4, 5.0)),
]
TAGS = [
    "think",
    "reasoning",
    "tool_call",
    "tool_code",
    "grounding",
    "span",
    "fps",
    "action",
    "retrieve",
    "retrive",
    "search",
    "answer",
    "request_grounding",
    "visual_query",
    "tool",
    "information",
    "tool_response",
    "video_zoom",
    "time",
    "caption",
]
FRAGMENTS = [
    *(f"<{tag}>" for tag in TAGS),
    *(f"</{tag}>" for tag in TAGS),
    *('{"name": "look", "arguments": {', '"start_s": 1', "}", "{", "[", "]", '"', "'", "\\", "\n"),
    *('{"tool": "frame_select", "arguments": ', "[1, 2]", "1e999", "NaN", "9" * 50, "-", ",", "1"),
    *("crop_video(", "start_time=1", ")", "choose frames between ", " and ", "output answer:"),
    *("get frame number at time ", "99:99", "DAY1_11210217", "Action: [", "Content: ", "<|reg|>"),
    *('[{"type": "grounder"', '"temporal_segment": ', '"segment": ', "\\boxed{", "<|im_end|>"),
    *("\ud800", "\udfff", "\x00", "\u2028", "\U0001d518", "\ufb01", "\u0661", "<", "</", "<video>"),
]
odd_text = st.lists(st.sampled_from(FRAGMENTS) | strategies.text, max_size=25).map("".join)
names = st.sampled_from(dialect_names())
clocks = st.sampled_from(CLOCKS)
quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(names, odd_text, clocks)
def test_any_text_can_be_read_and_written_again(name: str, text: str, clock: Clock):
    dialect = find_dialect(name)
    reply = dialect.read(text, clock)
    assert Reply.from_json(reply.to_json()) == reply
    assert len({call.id for call in reply.calls}) == len(reply.calls)
    assert isinstance(dialect.write(reply, clock), str)
    assert expressible(reply, dialect, clock) in (True, False)
    intrinsic_spans(text)


@quick
@given(names, st.lists(strategies.calls, max_size=3), strategies.text, clocks)
def test_any_reply_can_be_written(name: str, calls: list, text: str, clock: Clock):
    reply = Reply(text=text, thinking=text, calls=tuple(calls))
    assert isinstance(find_dialect(name).write(reply, clock), str)


@quick
@given(
    names,
    strategies.calls,
    st.lists(strategies.parts, max_size=3),
    st.none() | strategies.failures,
    clocks,
)
def test_any_result_can_be_told(name: str, call, parts: list, failure, clock: Clock):
    seen = Observation(call_id=call.id, parts=tuple(parts), failure=failure)
    told = find_dialect(name).observe(seen, call, clock)
    shown = [part for part in told if part.type == "picture"]
    assert shown == [part for part in parts if part.type == "picture"]


@quick
@given(names, st.lists(st.tuples(st.sampled_from(["human", "gpt", "tool"]), odd_text), max_size=4))
def test_any_conversation_can_be_read(name: str, turns: list[tuple[str, str]]):
    messages = read_conversation(turns, find_dialect(name), CLOCKS[0])
    called = [call.id for message in messages for call in message.calls]
    assert len(set(called)) == len(called)
    assert {m.call_id for m in messages if m.call_id is not None} <= set(called)


DEEP = 20_000
LONG = {
    "deep JSON": '<tool_call>{"name": "look", "arguments": ' + '{"a": ' * DEEP,
    "deep lists": "<tool>" + "[" * DEEP,
    "deep code": "<tool_code>" + "f(" * DEEP,
    "long code": "<tool_code>a" + ".a" * DEEP,
    "objects": "<tool_call>" + "{}" * DEEP,
    "names": "<tool_call>" + '{"name": "a"}' * DEEP,
    "spaces": "<" + " " * DEEP,
    "digits": "<action>choose frames between " + "9" * DEEP,
    "settings": "<video_zoom>" + "start=1 " * DEEP,
    "ends": "<|im_end|>" * DEEP,
    "spans": "<span>1 - 2</span><fps>1</fps>" * 5_000,
    "answers": "<answer>x</answer>" * 5_000,
    "closed": "</think>" * 5_000,
    "regressed": "<|reg|>[" * 5_000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_long_and_deep_text_is_read(text: str):
    for name in dialect_names():
        reply = find_dialect(name).read(text, CLOCKS[0])
        assert find_dialect(name).write(reply, CLOCKS[0]) is not None


@pytest.mark.parametrize("name", ["hermes", "dynframe", "m3", "video_mind", "video_thinker"])
def test_a_megabyte_of_opened_calls_is_read(name: str):
    reply = find_dialect(name).read("<tool_call>" * 95_000, CLOCKS[0])
    assert reply.calls == ()
    assert reply.text


@pytest.mark.parametrize("depth", [100, 300, 500, 700, 900, 990, 1000, 1100])
def test_arguments_of_any_depth_are_kept_or_refused(depth: int):
    nested = "[" * depth + "]" * depth
    said = f'{{"name": "note", "arguments": {{"text": {nested}}}}}'
    (call,) = find_dialect("hermes").read(f"<tool_call>{said}</tool_call>", CLOCKS[0]).calls
    assert call.problem is not None or json.dumps(call.arguments["text"]) == nested
