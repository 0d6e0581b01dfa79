"""A checkpoint trained elsewhere runs in the loop: it is shown and read in its own syntax."""

from __future__ import annotations

import asyncio

import pytest

from playhead.core import Finish, Message, Reply, Role, Sampling, TextPart, ToolCall
from playhead.models.dialects import find_dialect
from playhead.models.dialects.policy import DialectPolicy
from playhead.models.policies.scripted import ScriptedPolicy
from playhead.models.strings import find_policy

OPENING = Message(
    role=Role.USER,
    parts=(TextPart(text="Video v1 ('match') lasts 600.0 s (10:00.0).\n\nWho scores?"),),
)
ASKED = '<think>Late.</think>\n<grounding>{"temporal_segment": [512, 530]}</grounding>'


def ask(policy: DialectPolicy, *messages: Message, **sampling: object) -> Reply:
    return asyncio.run(policy.reply(messages, (), Sampling.model_validate(sampling)))


def test_what_the_model_writes_becomes_our_call():
    inner = ScriptedPolicy(Reply(text=ASKED))
    reply = ask(DialectPolicy(inner, find_dialect("video_o3")), OPENING)
    assert reply.finish is Finish.CALLS
    (call,) = reply.calls
    assert call.name == "look"
    assert (call.arguments["start_s"], call.arguments["end_s"]) == (512, 530)
    (asked,) = inner.asked
    assert "</grounding>" in asked.sampling.stop
    assert asked.tools == ()


def test_our_calls_and_results_are_shown_as_the_model_knows_them():
    call = ToolCall(id="c1", name="look", arguments={"start_s": 512, "end_s": 530})
    turn = Message(role=Role.ASSISTANT, calls=(call,), thinking="Late.")
    seen = Message(role=Role.TOOL, parts=(TextPart(text="pictures"),), call_id="c1", name="look")
    inner = ScriptedPolicy(Reply(text="<think>Seen.</think>\n<answer>Number 9</answer>"))
    reply = ask(DialectPolicy(inner, find_dialect("video_o3")), OPENING, turn, seen)
    shown = inner.asked[0].messages
    assert not any(message.calls or message.role is Role.TOOL for message in shown)
    assert '"temporal_segment": [512, 530]' in shown[-2].text.replace("512.0", "512")
    assert "Number 9" in reply.text or any(
        call.name == "answer" and call.arguments["value"] == "Number 9" for call in reply.calls
    )


def test_a_model_string_names_the_dialect():
    made = find_policy("video_o3+openai:x@http://127.0.0.1:9/v1", resolve=lambda refs: [])
    assert isinstance(made, DialectPolicy)
    assert made.name.startswith("video_o3+")
    with pytest.raises(LookupError, match="no dialects plug-in 'klingon'"):
        find_policy("klingon+rules", resolve=lambda refs: [])
