"""From our messages to the chat messages that model servers and chat templates take.

The one idea: a conversation has one rendering, whoever plays it. Texts next to each other are
lines of their own; a picture stands exactly where its part stood, after the `<42.0s>` that the tool
wrote. Nothing is added, so a server, an engine in this process and transformers get one prompt; and
nothing that was read in a video can pass for a mark of the chat.

What servers disagree on is a switch here: pictures in turns of the role tool (`relay` moves them to
a user turn that says which call they belong to), and what was thought (not sent unless asked).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from playhead.core.media import FrameRef
from playhead.core.message import Message, Part, PicturePart, Role, TextPart, ToolCall
from playhead.core.tools import ToolSpec

Json = dict[str, Any]
Show = Callable[[FrameRef], Json]
"""From a picture to the content part that stands for it."""

CANCELLED = "cancelled: this call was not carried out"
STRING_PATTERN = r'^[^"\\\x00-\x1F\x7F]*$'
"""Grammars of constrained decoders take a pattern as what stands between the quotes: without
control characters, quotes and backslashes that is always JSON."""
_MARK = re.compile(r"<\|(?=\w)")
_BOUNDS = {"enum", "const", "pattern", "format"}
_VALUES = {"enum", "const", "default", "examples", "required"}


def repaired(messages: Sequence[Message]) -> list[Message]:
    """The conversation with one result for each call, which servers insist on.

    A call that nothing answered was cancelled, and is said to be. A result whose call is not in the
    conversation becomes a user turn.
    """
    whole: list[Message] = []
    open_calls: dict[str, ToolCall] = {}

    def cancel() -> None:
        for call in open_calls.values():
            told = (TextPart(text=CANCELLED),)
            whole.append(Message(role=Role.TOOL, parts=told, call_id=call.id, name=call.name))
        open_calls.clear()

    for message in messages:
        if message.role is not Role.TOOL:
            cancel()
            open_calls.update((call.id, call) for call in message.calls)
            whole.append(message)
            continue
        call_id = message.call_id or next(iter(open_calls), "")
        call = open_calls.pop(call_id, None)
        if call is not None:
            whole.append(message.replace(call_id=call_id, name=message.name or call.name))
            continue
        cancel()
        head = TextPart(text=f"Result of an earlier call{_of(message.name)}:")
        whole.append(Message(role=Role.USER, parts=(head, *message.parts)))
    cancel()
    return whole


def chat(
    messages: Sequence[Message],
    show: Show,
    *,
    relay: bool = False,
    think_back: bool = False,
    arguments_as_text: bool = True,
) -> list[Json]:
    """The conversation as chat messages.

    Args:
        messages: As `Trajectory.messages` gives them.
        show: How a picture is sent.
        relay: Send the pictures of tool turns in a user turn after them.
        think_back: Send what the policy thought in earlier turns.
        arguments_as_text: Calls as the API has them, arguments as JSON text. False: as chat
            templates want them.
    """
    turns: list[Json] = []
    held: list[Message] = []
    for message in repaired(messages):
        if message.role is not Role.TOOL and held:
            turns.append(_relayed(held, show))
            held = []
        if message.role is Role.TOOL:
            turns.append(_tool_turn(message, show, relay=relay))
            held += [message] if relay and message.frames else []
        elif message.role is Role.ASSISTANT:
            turns.append(_assistant_turn(message, show, think_back, arguments_as_text))
        else:
            turns.append({"role": message.role.value, "content": content(message.parts, show)})
    return [*turns, _relayed(held, show)] if held else turns


def content(parts: Iterable[Part], show: Show) -> str | list[Json]:
    """Text as text; text and pictures as a list of parts, texts next to each other joined."""
    shown: list[Json] = []
    for part in parts:
        if isinstance(part, PicturePart):
            shown.append(show(part.frame))
        elif shown and shown[-1]["type"] == "text":
            shown[-1] = {"type": "text", "text": _joined(shown[-1]["text"], harmless(part.text))}
        else:
            shown.append({"type": "text", "text": harmless(part.text)})
    if all(part["type"] == "text" for part in shown):
        return shown[0]["text"] if shown else ""
    return shown


def pictures(messages: Sequence[Message]) -> list[FrameRef]:
    """Every picture in the order in which `chat` shows them, relayed or not."""
    return [frame for message in repaired(messages) for frame in message.frames]


def tool_specs(tools: Sequence[ToolSpec], *, strict: bool = False) -> list[Json]:
    """Tools as the chat-completions API and chat templates take them.

    Args:
        tools: What may be called.
        strict: Ask for arguments that keep to the schema. Strings then get a pattern, and the model
            reads `strict` and the patterns in its prompt.
    """
    if not strict:
        return [dict(tool.openai) for tool in tools]
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": patterned(tool.arguments),
                "strict": True,
            },
        }
        for tool in tools
    ]


def patterned(schema: Any) -> Any:
    """A JSON schema whose free strings may hold no control characters, quotes or backslashes."""
    if isinstance(schema, Sequence) and not isinstance(schema, str):
        return [patterned(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    new: Json = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            new[key] = {name: patterned(inner) for name, inner in value.items()}
        else:
            new[key] = value if key in _VALUES else patterned(value)
    is_free = new.get("type") == "string" and not new.keys() & _BOUNDS
    return {**new, "pattern": STRING_PATTERN} if is_free else new


def harmless(text: str) -> str:
    """The text, in which nothing is a mark of the chat: `<|im_start|>` on a sign is only words."""
    return _MARK.sub("< |", text)


def arguments_of(call: ToolCall) -> Json:
    """What a call asked for. One that could not be read is shown as what was written."""
    arguments = dict(call.arguments) if call.raw is None else {"unreadable": call.raw}
    return json.loads(harmless(json.dumps(arguments, ensure_ascii=False)))


def _assistant_turn(
    message: Message, show: Show, think_back: bool, arguments_as_text: bool
) -> Json:
    turn: Json = {"role": "assistant", "content": content(message.parts, show)}
    if think_back and message.thinking:
        turn["reasoning_content"] = harmless(message.thinking)
    if message.calls:
        # as the API has it: servers make a list of "", which templates then take for words
        turn["content"] = turn["content"] or (None if arguments_as_text else "")
        turn["tool_calls"] = [_called(call, arguments_as_text) for call in message.calls]
    return turn


def _called(call: ToolCall, arguments_as_text: bool) -> Json:
    arguments = arguments_of(call)
    said = json.dumps(arguments, ensure_ascii=False) if arguments_as_text else arguments
    function = {"name": call.name, "arguments": said}
    return {"id": call.id, "type": "function", "function": function}


def _tool_turn(message: Message, show: Show, *, relay: bool) -> Json:
    parts: Sequence[Part] = message.parts
    if relay and message.frames:
        parts = [part for part in message.parts if isinstance(part, TextPart)]
        parts = [*parts, TextPart(text="(the pictures follow)")]
    turn: Json = {"role": "tool", "tool_call_id": message.call_id or ""}
    if message.name:
        turn["name"] = message.name
    return {**turn, "content": content(parts, show)}


def _relayed(held: Sequence[Message], show: Show) -> Json:
    """Pictures of tool turns, each after the text that stood before it, as a user turn."""
    parts: list[Part] = []
    for message in held:
        parts.append(TextPart(text=f"Pictures of call {message.call_id}{_of(message.name)}:"))
        before: Part | None = None
        for part in message.parts:
            if isinstance(part, PicturePart):
                parts += [part] if before is None else [before, part]
            before = part if isinstance(part, TextPart) else None
    return {"role": "user", "content": content(parts, show)}


def _joined(before: str, after: str) -> str:
    is_apart = before.endswith("\n") or after.startswith("\n") or not before or not after
    return before + after if is_apart else f"{before}\n{after}"


def _of(name: str | None) -> str:
    return f" ({name})" if name else ""
