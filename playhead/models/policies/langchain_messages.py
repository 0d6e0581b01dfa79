"""Our messages as LangChain's and back, with pictures by reference.

A picture is `{"type": "image_url", "image_url": {"url": "frame://VIDEO?t=42.0&h=360&w=640"}}`:
about a hundred bytes, so histories and checkpoints stay small, and a policy decodes it when it
sends it.
Blocks of the type `image` are refused: langchain-core spends some 200 times longer on each call for
them, and they would hold pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages import ToolCall as LangChainCall

from playhead.core.message import Message, Part, PicturePart, Role, TextPart, ToolCall
from playhead.models.frame_urls import frame_url, read_frame_url
from playhead.models.policies.spoken import new_id

Block = dict[str, Any]

_ROLES = {"system": Role.SYSTEM, "human": Role.USER, "ai": Role.ASSISTANT, "tool": Role.TOOL}


def from_langchain(messages: Sequence[BaseMessage]) -> list[Message]:
    """LangChain's messages as ours.

    Raises:
        ValueError: A message has a role or a block that a policy cannot be shown.
    """
    return [_message(message) for message in messages]


def to_langchain(messages: Sequence[Message]) -> list[BaseMessage]:
    """Our messages as LangChain's."""
    return [_langchain(message) for message in messages]


def _message(message: BaseMessage) -> Message:
    role = _ROLES.get(message.type)
    if role is None:
        raise ValueError(f"a message is of system, human, ai or tool: got {message.type!r}")
    parts, thoughts = _parts(message.content)
    calls: tuple[ToolCall, ...] = ()
    if isinstance(message, AIMessage):
        read = [
            ToolCall.read(c["id"] or new_id(), c["name"], c["args"]) for c in message.tool_calls
        ]
        unread = [_unread(call) for call in message.invalid_tool_calls]
        calls = (*read, *unread)
        thoughts = thoughts or str(message.additional_kwargs.get("reasoning_content") or "")
    is_result = isinstance(message, ToolMessage)
    return Message(
        role=role,
        parts=parts,
        thinking=thoughts,
        calls=calls,
        call_id=message.tool_call_id if is_result else None,
        name=message.name if is_result else None,
    )


def _parts(content: str | Sequence[str | Block]) -> tuple[tuple[Part, ...], str]:
    """What a message shows, and what was thought in it."""
    if isinstance(content, str):
        return (TextPart(text=content),) if content else (), ""
    parts: list[Part] = []
    thoughts: list[str] = []
    for block in content:
        kind = "text" if isinstance(block, str) else block.get("type")
        if isinstance(block, str):
            parts.append(TextPart(text=block))
        elif kind == "text":
            parts.append(TextPart(text=block["text"]))
        elif kind == "image_url":
            url = block["image_url"]
            url = url if isinstance(url, str) else url["url"]
            parts.append(PicturePart(frame=read_frame_url(url)))
        elif kind in ("reasoning", "thinking"):
            thoughts.append(str(block.get("reasoning") or block.get("thinking") or ""))
        elif kind not in ("tool_use", "tool_call", "tool_call_chunk", "invalid_tool_call"):
            raise ValueError(
                f"a block is text, or a picture as image_url with a frame:// address (see "
                f"playhead.models.frame_urls): got type {kind!r}"
            )
    return tuple(parts), "\n".join(thoughts)


def _unread(call: InvalidToolCall) -> ToolCall:
    problem = call.get("error") or "the arguments are not JSON"
    return ToolCall(
        id=call.get("id") or new_id(),
        name=call.get("name") or "unknown",
        raw=call.get("args") or "",
        problem=problem,
    )


def _langchain(message: Message) -> BaseMessage:
    blocks: list[str | Block] = [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {"type": "image_url", "image_url": {"url": frame_url(part.frame)}}
        for part in message.parts
    ]
    content = blocks if message.frames or len(blocks) > 1 else message.text
    match message.role:
        case Role.SYSTEM:
            return SystemMessage(content=content)
        case Role.USER:
            return HumanMessage(content=content)
        case Role.TOOL:
            return ToolMessage(
                content=content, tool_call_id=message.call_id or "", name=message.name
            )
        case Role.ASSISTANT:
            return AIMessage(content=content, **spoken_fields(message.thinking, message.calls))


def spoken_fields(thinking: str, calls: Sequence[ToolCall]) -> dict[str, Any]:
    """What an `AIMessage` holds beside its words."""
    read = [call for call in calls if call.raw is None]
    unread = [call for call in calls if call.raw is not None]
    return {
        "additional_kwargs": {"reasoning_content": thinking} if thinking else {},
        "tool_calls": [LangChainCall(id=c.id, name=c.name, args=dict(c.arguments)) for c in read],
        "invalid_tool_calls": [
            InvalidToolCall(
                type="invalid_tool_call", id=c.id, name=c.name, args=c.raw, error=c.problem
            )
            for c in unread
        ],
    }
