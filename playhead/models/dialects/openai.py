"""OpenAI: calls are structured already. The text form is the assistant message as the wire has it.

    {"content": "..", "tool_calls": [{"id": "..", "type": "function",
     "function": {"name": "look", "arguments": "{\\"start_s\\": 3}"}}]}

A server that speaks this needs no dialect, and `converse` leaves its conversations as they are. The
text form is for data sets that hold such messages. Any other text is just what was said.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from playhead.core.message import Part, ToolCall
from playhead.core.policy import Reply
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Results, Wish, reply_of


class OpenAI:
    """See the module."""

    name = "openai"
    stop: tuple[str, ...] = ()
    results = Results.TOOL
    tools: tuple[str, ...] = ()

    def read(self, text: str, clock: Clock) -> Reply:
        """See `Dialect.read`."""
        message = _message(text)
        if message is None:
            return reply_of([text], [], [], clock)
        listed = message.get("tool_calls")
        calls = cast("list[Any]", listed) if isinstance(listed, list) else []
        said, thought = message.get("content"), message.get("reasoning_content")
        return reply_of(
            [said if isinstance(said, str) else ""],
            [thought if isinstance(thought, str) else ""],
            [_wish(call) for call in calls],
            clock,
        )

    def write(self, reply: Reply, clock: Clock) -> str:
        """See `Dialect.write`. Without calls and thoughts it is the bare text."""
        if not reply.calls and not reply.thinking and _message(reply.text) is None:
            return reply.text
        message: dict[str, Any] = {"role": "assistant", "content": reply.text}
        if reply.thinking:
            message["reasoning_content"] = reply.thinking
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": json.dumps(call.arguments) if call.raw is None else call.raw,
                },
            }
            for call in reply.calls
        ]
        return json.dumps(message, ensure_ascii=False)

    def system(self, tools: Sequence[ToolSpec], clock: Clock) -> str:
        """See `Dialect.system`. Tools are sent beside the messages."""
        return ""

    def observe(self, observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
        """See `Dialect.observe`."""
        return list(observation.parts)


def _message(text: str) -> dict[str, Any] | None:
    """The message that the text is. None: it is only text."""
    try:
        value = json.loads(text, strict=False) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return (
        cast("dict[str, Any]", value) if isinstance(value, dict) and "tool_calls" in value else None
    )


def _wish(item: Any) -> Wish:
    function = item.get("function") if isinstance(item, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    arguments = function.get("arguments", {}) if isinstance(function, dict) else {}
    if not isinstance(name, str) or not isinstance(arguments, str | dict):
        return Wish("", raw=repr(item)[:4000], problem="a tool call has a function with a name")
    if isinstance(arguments, str):
        read = ToolCall.read("", name, arguments)
        return Wish(name, read.arguments, read.raw or "", read.problem or "")
    return Wish(name, arguments)


OPENAI = OpenAI()
