"""Any policy as a LangChain chat model: references in and out, calls, usage, streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from playhead.core.message import Message, PicturePart, Role, TextPart, ToolCall
from playhead.core.policy import Finish, Reply, Sampling, Tokens, Usage
from playhead.models.policies import ScriptedPolicy
from tests.models.policies.conversations import LOOK, conversation, frame

pytest.importorskip("langchain_core")

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from playhead.models.policies.chat_model import VideoChatModel
from playhead.models.policies.langchain_messages import (
    from_langchain,
    to_langchain,
)

USED = Usage(input_tokens=90, cached_tokens=64, output_tokens=7, visual_tokens=24)
CALLS = Reply(
    text="Hm.",
    thinking="where",
    calls=(
        ToolCall(id="a", name="look", arguments={"start_s": 1.0}),
        ToolCall.read("b", "look", '{"start'),
    ),
    finish=Finish.CALLS,
    usage=USED,
    tokens=Tokens(prompt_ids=(1, 2), ids=(3,), logprobs=(-0.5,)),
)


def model_of(*replies: Reply, **sampling: Any) -> tuple[VideoChatModel, ScriptedPolicy]:
    policy = ScriptedPolicy(*replies)
    return VideoChatModel(policy=policy, sampling=Sampling(**sampling)), policy


def test_a_conversation_goes_there_and_back() -> None:
    unread = Message(role=Role.ASSISTANT, calls=(ToolCall.read("z", "look", "{"),), thinking="hm")
    messages = [*conversation(), unread]
    there = to_langchain(messages)
    assert [type(m) for m in there[:4]] == [SystemMessage, HumanMessage, AIMessage, ToolMessage]
    assert from_langchain(there) == messages
    blocks = [b["type"] for m in there for b in m.content if isinstance(b, dict)]
    assert set(blocks) == {"text", "image_url"}


def test_blocks_that_a_policy_cannot_be_shown_are_refused() -> None:
    block = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
    with pytest.raises(ValueError, match=r"frame:// address .* got type 'image'"):
        from_langchain([HumanMessage(content=[block])])


def test_a_call_of_the_model_asks_the_policy_and_says_what_it_said() -> None:
    model, policy = model_of(CALLS, temperature=0.5)
    said = model.invoke(to_langchain(conversation()), stop=["END"], max_tokens=9)
    assert said.content == "Hm."
    assert [(c["id"], c["name"], c["args"]) for c in said.tool_calls] == [
        ("a", "look", {"start_s": 1.0})
    ]
    assert said.invalid_tool_calls[0]["args"] == '{"start'
    assert said.usage_metadata is not None
    assert said.usage_metadata["total_tokens"] == 97
    assert said.usage_metadata["input_token_details"] == {"cache_read": 64}
    assert said.response_metadata["finish_reason"] == "calls"
    assert said.response_metadata["tokens"]["ids"] == [3]
    asked = policy.asked[0]
    assert list(asked.messages) == conversation()
    assert (asked.sampling.stop, asked.sampling.max_tokens) == (("END",), 9)
    assert asked.sampling.temperature == 0.5
    back = from_langchain([said])[0]
    assert (back.thinking, back.calls) == ("where", CALLS.calls)


@pytest.mark.parametrize(
    ("wanted", "becomes"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("none", "none"),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ("look", "look"),
        ({"type": "function", "function": {"name": "look"}}, "look"),
    ],
)
def test_bound_tools_and_the_choice_reach_the_policy(wanted: Any, becomes: str) -> None:
    model, policy = model_of(Reply(text="x"))
    model.bind_tools([LOOK.openai], tool_choice=wanted).invoke("hi")
    assert policy.asked[0].tools == (LOOK,)
    assert policy.asked[0].sampling.tool_choice == becomes


def test_a_python_function_will_do_as_a_tool() -> None:
    def look(start_s: float) -> str:
        """Look at a part of the video."""
        return str(start_s)

    model, policy = model_of(Reply(text="x"))
    model.bind_tools([look]).invoke("hi")
    (spec,) = policy.asked[0].tools
    assert (spec.name, spec.description) == ("look", "Look at a part of the video.")


def test_structured_output_is_a_call_that_must_come() -> None:
    call = ToolCall(id="a", name="Answer", arguments={"at_s": 42.0})
    model, policy = model_of(Reply(calls=(call,), finish=Finish.CALLS))
    schema = {
        "title": "Answer",
        "description": "The answer.",
        "type": "object",
        "properties": {"at_s": {"type": "number"}},
        "required": ["at_s"],
    }
    assert model.with_structured_output(schema).invoke("when?") == {"at_s": 42.0}
    assert policy.asked[0].sampling.tool_choice in ("required", "Answer")


def test_it_works_inside_a_running_loop_and_asynchronously() -> None:
    model, _ = model_of(Reply(text="one"), Reply(text="two"))

    async def both() -> list[Any]:
        return [model.invoke("hi").content, (await model.ainvoke("hi")).content]

    assert asyncio.run(both()) == ["one", "two"]


class Streams(ScriptedPolicy):
    """A policy that tells its words one by one."""

    async def stream(self, messages: Any, tools: Any, sampling: Any) -> AsyncIterator[str | Reply]:
        reply = await self.reply(messages, tools, sampling)
        for word in reply.text.split():
            yield word
        yield reply


@pytest.mark.parametrize("kind", [Streams, ScriptedPolicy])
def test_a_stream_ends_with_calls_and_usage(kind: type[ScriptedPolicy]) -> None:
    model = VideoChatModel(policy=kind(CALLS.replace(text="at once", calls=CALLS.calls[:1])))

    async def collect() -> list[Any]:
        return [chunk async for chunk in model.astream("hi")]

    chunks = asyncio.run(collect())
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert isinstance(whole, AIMessageChunk)
    assert str(whole.content).replace(" ", "") == "atonce"
    assert [call["name"] for call in whole.tool_calls] == ["look"]
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["input_tokens"] == 90
    assert whole.response_metadata["finish_reason"] == "calls"
    assert len(chunks) > 2 if kind is Streams else True


def test_pictures_in_a_history_are_small() -> None:
    message = Message(
        role=Role.TOOL,
        call_id="a",
        parts=(TextPart(text="<42.0s>"), PicturePart(frame=frame(42.0))),
    )
    (there,) = to_langchain([message])
    assert len(json.dumps(there.content)) < 150
