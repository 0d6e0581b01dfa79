"""Whole conversations go into a dialect and come out of data that was written in one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.core.media import FrameRef
from playhead.core.message import Message, Part, PicturePart, Role, TextPart, ToolCall
from playhead.core.tools import ToolSpec
from playhead.models.dialects import (
    Clock,
    Results,
    converse,
    dialect_names,
    find_dialect,
    read_conversation,
)

CLOCK = Clock(duration_s=600.0, fps=25, question="Who wins?")
NAMES = ["overview", "search", "ground", "look", "caption", "note", "recall", "answer"]
TOOLS = [
    ToolSpec(name=name, description=name, arguments={"type": "object", "properties": {}})
    for name in NAMES
]


def picture(time_s: float) -> PicturePart:
    return PicturePart(frame=FrameRef(video_id="v", time_s=time_s, height=2, width=2))


def user(text: str) -> Message:
    return Message(role=Role.USER, parts=(TextPart(text=text),))


def call(id: str, tool: str, **arguments: Any) -> ToolCall:
    return ToolCall(id=id, name=tool, arguments=arguments)


def assistant(thinking: str, *calls: ToolCall) -> Message:
    return Message(role=Role.ASSISTANT, thinking=thinking, calls=calls)


def result(id: str, *parts: Part) -> Message:
    return Message(role=Role.TOOL, parts=parts, call_id=id)


LOOKED = [
    user("Who wins?"),
    assistant("Near the end.", call("a", "look", start_s=4.0, end_s=8.0, fps=1.0)),
    result("a", TextPart(text="<5.0s>"), picture(5.0), TextPart(text="<7.0s>"), picture(7.0)),
    assistant("Blue is first.", call("b", "answer", value="B", evidence=[])),
]


def told(messages: list[Message], at: int = 2) -> list[str]:
    parts = messages[at].parts
    return [part.text if isinstance(part, TextPart) else f"@{part.frame.time_s}" for part in parts]


def test_a_conversation_of_hermes_wraps_results_with_their_pictures():
    messages = converse(LOOKED, [], find_dialect("hermes"), CLOCK)
    assert [m.role for m in messages] == ["user", "assistant", "user", "assistant"]
    assert told(messages) == [
        "<tool_response>\n<5.0s>",
        "@5.0",
        "\n<7.0s>",
        "@7.0",
        "\n</tool_response>",
    ]
    assert all(not m.calls and not m.thinking for m in messages)


def test_frames_are_told_in_the_words_of_each_dialect():
    def labels(name: str) -> str:
        return "".join(told(converse(LOOKED, [], find_dialect(name), CLOCK)))

    assert "Frame 0 at [00:05]: @5.0" in labels("eva")
    assert "(Observation 1):" in labels("video_o3")
    assert "0.50 fps, contains 2 frames from 4.0 seconds to 8.0 seconds" in labels("video_o3")
    assert "frame 125:@5.0\nframe 175:@7.0" in labels("frame_thinker")
    assert "frame_idx:125, @5.0" in labels("video_mtr")
    assert "<frame1_time7.00s>@7.0" in labels("video_zoomer")
    assert "2 frames from 4.0s to 8.0s." in labels("long_vt")


def test_observations_are_numbered_as_the_calls_are():
    again = [*LOOKED[:3], *(m.replace(call_id="c") if m.call_id else m for m in LOOKED[1:3])]
    again[3] = assistant("Again.", call("c", "look", start_s=5.0, end_s=6.0, fps=1.0))
    messages = converse(again, [], find_dialect("video_o3"), CLOCK)
    assert "Observation 1" in told(messages, 2)[0]
    assert "Observation 2" in told(messages, 4)[0]


def test_a_thought_goes_on_in_the_same_turn_where_frames_come_in():
    messages = converse(LOOKED, [], find_dialect("dynframe"), CLOCK)
    assert [m.role for m in messages] == ["user", "assistant"]
    assert told(messages, 1) == [
        "<think>Near the end. <span>4 - 8</span><fps>1</fps>",
        "<5.0 seconds>",
        "@5.0",
        "\n<7.0 seconds>",
        "@7.0",
        "Blue is first.</think>\n<answer>B</answer>",
    ]


def test_structured_conversations_are_left_as_they_are():
    assert converse(LOOKED, TOOLS, find_dialect("openai"), CLOCK) == LOOKED


def test_results_of_one_turn_share_one_turn():
    both = assistant("", call("a", "overview"), call("b", "recall", query="dog"))
    seen = [result("a", TextPart(text="one")), result("b", TextPart(text="two"))]
    messages = converse([user("Q"), both, *seen], [], find_dialect("hermes"), CLOCK)
    assert len(messages) == 3
    assert "".join(told(messages)) == (
        "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>"
    )


def test_a_frame_number_is_answered_from_the_clock():
    asked = assistant("", call("a", "frame_number", time_s=605.0))
    seen = result("a", TextPart(text="no such tool"))
    messages = converse([user("Q"), asked, seen], [], find_dialect("frame_thinker"), CLOCK)
    assert told(messages) == ["Frame number at time 10:05 is: 15125."]


def test_tools_are_offered_after_the_system_turn():
    own = Message(role=Role.SYSTEM, parts=(TextPart(text="Be brief."),))
    messages = converse([own, *LOOKED], TOOLS, find_dialect("video_o3"), CLOCK)
    assert messages[0].text.startswith("Be brief.\n\n")
    assert "<grounding>" in messages[0].text
    assert converse(LOOKED, TOOLS, find_dialect("video_o3"), CLOCK)[0].role is Role.SYSTEM


@pytest.mark.parametrize("name", dialect_names())
def test_only_tools_that_there_are_are_offered(name: str):
    dialect = find_dialect(name)
    assert dialect.system([], CLOCK) == dialect.system([], CLOCK.after(3))
    if name not in ("openai", "video_thinker"):
        assert dialect.system([], CLOCK) == ""
        assert dialect.system(TOOLS, CLOCK) != ""
    assert "path" not in dialect.system(TOOLS, CLOCK)


def test_a_memory_that_found_nothing_says_so():
    asked = assistant("", call("a", "search", text="dog"))
    seen = result("a", TextPart(text="nothing found"))
    messages = converse([user("Q"), asked, seen], [], find_dialect("m3"), CLOCK)
    assert "try searching from another perspective" in told(messages)[0]


SHAREGPT = [
    ("system", "You can crop."),
    ("human", "<video>\nWho wins?"),
    ("gpt", '<think>a</think><tool_call>{"name": "crop_video", "arguments": {"video_path": "a", '
     '"start_time": 1, "end_time": 2}}</tool_call>'),
    ("observation", "<tool_response>\n<image>\n</tool_response>"),
    ("gpt", "<think>b</think><answer>B</answer>"),
]  # fmt: skip


def test_imported_turns_become_messages_with_our_calls():
    messages = read_conversation(SHAREGPT, find_dialect("long_vt"), CLOCK)
    assert [m.role for m in messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert messages[2].calls == (call("call_0", "look", start_s=1.0, end_s=2.0, fps=1.0),)
    assert (messages[3].call_id, messages[3].name, messages[3].text) == (
        "call_0",
        "look",
        "<image>",
    )
    assert messages[4].calls == (call("call_1", "answer", value="B", evidence=[]),)


def test_imported_frames_in_the_middle_of_a_turn_become_a_result():
    text = (
        "<think>Begin. <span>0.83 - 19.86</span><fps>2</fps><video>\n She dances."
        "</think><answer>0.83 - 19.86</answer>"
    )
    turns = [("human", "When?"), ("gpt", text)]
    messages = read_conversation(turns, find_dialect("dynframe"), CLOCK)
    assert [m.role for m in messages] == ["user", "assistant", "tool", "assistant"]
    assert [m.thinking for m in messages] == ["", "Begin.", "", "She dances."]
    assert messages[2].text == "<video>"
    assert messages[3].calls[0].arguments["value"] == "0.83 - 19.86"


def test_a_turn_that_stopped_for_frames_waits_for_them():
    turns = [("gpt", "<think>Begin. <span>1 - 2</span><fps>2</fps>"), ("user", "frames")]
    messages = read_conversation(turns, find_dialect("dynframe"), CLOCK)
    assert [m.role for m in messages] == ["assistant", "tool"]


def test_parallel_results_go_to_their_calls_together_or_one_by_one():
    calls = "".join(
        f'<tool_call>{{"name": "recall", "arguments": {{"query": "{q}"}}}}</tool_call>'
        for q in "ab"
    )
    wrapped = [f"<tool_response>\n{text}\n</tool_response>" for text in ("one", "two")]
    together = [("assistant", calls), ("user", "\n".join(wrapped)), ("user", "Go on.")]
    apart = [("assistant", calls), *(("user", text) for text in wrapped), ("user", "Go on.")]
    for turns in (together, apart):
        messages = read_conversation(turns, find_dialect("hermes"), CLOCK)
        assert [m.text for m in messages[1:]] == ["one", "two", "Go on."]
        assert [m.call_id for m in messages[1:]] == ["call_0", "call_1", None]


def test_a_call_that_got_no_result_gets_an_empty_one():
    turns = [("assistant", "<search>a dog</search>"), ("assistant", "<answer>a1</answer>")]
    messages = read_conversation(turns, find_dialect("long_video_agent"), CLOCK)
    assert [m.role for m in messages] == ["assistant", "tool", "assistant"]


OWN = {
    "hermes": call("", "recall", query="dog"),
    "long_vt": call("", "look", start_s=4.0, end_s=8.0, fps=1.0),
    "tool_code": call("", "look", start_s=4.0, end_s=8.0, fps=1.0),
    "eva": call("", "look", start_s=4.0, end_s=8.0, num=2),
    "video_o3": call("", "look", start_s=4.0, end_s=8.0, quota="fine"),
    "dynframe": call("", "look", start_s=4.0, end_s=8.0, fps=1.0),
    "frame_thinker": call("", "look", start_s=4.0, end_s=8.0, num=12),
    "video_mtr": call("", "look", start_s=4.0, end_s=8.0, num=8),
    "long_video_agent": call("", "search", text="dog"),
    "ego_r1": call("", "search", text="dog", until_s=8.0),
    "m3": call("", "search", text="dog"),
    "video_zoomer": call("", "look", start_s=4.0, end_s=8.0, fps=1.0),
    "video_mind": call("", "ground", query="dog"),
}


@pytest.mark.parametrize("name", OWN)
@settings(max_examples=15, deadline=None)
@given(num=st.integers(0, 3), thinking=st.sampled_from(["", "Hm.", "Line\nline."]))
def test_what_was_converted_can_be_read_back(name: str, num: int, thinking: str):
    dialect = find_dialect(name)
    thinking = "" if name == "video_mind" else thinking
    conversation = [user("Who wins?")]
    for i in range(num):
        conversation.append(assistant(thinking, OWN[name].replace(id=f"call_{i}")))
        conversation.append(result(f"call_{i}", picture(5.0)))
    conversation.append(
        Message(role=Role.ASSISTANT, thinking=thinking, parts=user("It is B.").parts)
    )
    written = converse(conversation, [], dialect, CLOCK)
    again = read_conversation([(m.role, m.text) for m in written], dialect, CLOCK)
    assert [m.role for m in again] == [m.role for m in conversation]
    spoken = [(m.thinking, m.calls, m.text) for m in again if m.role is Role.ASSISTANT]
    assert spoken == [(m.thinking, m.calls, m.text) for m in conversation if m.role == "assistant"]


@pytest.mark.parametrize("name", dialect_names())
def test_no_picture_is_lost_or_moved(name: str):
    shown = [picture(float(i)) for i in range(4)]
    messages = [
        Message(role=Role.USER, parts=(shown[0], TextPart(text="Q"))),
        assistant("", call("a", "look", start_s=0.0, end_s=4.0)),
        result("a", TextPart(text="<1.0s>"), shown[1], shown[2]),
        Message(role=Role.USER, parts=(TextPart(text="And?"), shown[3])),
    ]
    written = converse(messages, TOOLS, find_dialect(name), CLOCK)
    assert [frame for m in written for frame in m.frames] == [p.frame for p in shown]


def test_where_results_belong_is_known():
    results = {name: find_dialect(name).results for name in dialect_names()}
    assert results.pop("openai") is Results.TOOL
    assert results.pop("dynframe") is Results.INLINE
    assert set(results.values()) == {Results.USER}


def test_wire_messages_hold_arguments_as_text():
    dialect = find_dialect("openai")
    written = dialect.write(dialect.read("It is B.", CLOCK), CLOCK)
    assert written == "It is B."
    turn = assistant("", call("call_0", "look", start_s=1.5))
    reply = dialect.read(json.dumps({"content": "a", "tool_calls": []}), CLOCK).replace(
        calls=turn.calls
    )
    sent = json.loads(dialect.write(reply, CLOCK))["tool_calls"][0]["function"]
    assert sent == {"name": "look", "arguments": '{"start_s": 1.5}'}
