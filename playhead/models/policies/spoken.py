"""What a model wrote, as a reply: thoughts, words and tool calls taken apart.

Most open models write calls as `<tool_call>{"name": .., "arguments": {..}}</tool_call>` (hermes). A
server that knows this takes them out; where it does not, or gives up because a string holds a raw
control character, the text comes here. Nothing here raises on any text: a call that cannot be read
keeps what was written and says what is wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import uuid4

from playhead.core.message import ToolCall

_OPEN = re.compile(r"<tool_call>\s*")
_CLOSE = re.compile(r"\s*</tool_call>")
_END = re.compile(r"</tool_call>|(?=<tool_call>)|\Z")
_NAME = re.compile(r'"name"\s*:\s*"([^"]{1,80})"')
_THOUGHT = re.compile(r"<think>(.*?)(?:</think>|\Z)", re.DOTALL)


class Spoken(NamedTuple):
    """A text taken apart."""

    text: str
    thinking: str
    calls: tuple[ToolCall, ...]


def take_apart(text: str, offered: Collection[str], *, bare: bool = False) -> Spoken:
    """Thoughts, words and calls of what a model wrote.

    Args:
        text: All of it.
        offered: Names of the tools it may call. None offered: what looks like a call is text.
        bare: Whether a text that is nothing but one call, without its tags, is a call too.
    """
    rest, thinking = _without_thoughts(text)
    if not offered:
        return Spoken(rest.strip(), thinking, ())
    rest, calls = _without_calls(rest)
    alone = read_call(rest.strip()) if bare and not calls else None
    if alone is not None and alone.name in offered:
        rest, calls = "", [alone]
    return Spoken(rest.strip(), thinking, tuple(calls))


def _without_calls(text: str) -> tuple[str, list[ToolCall]]:
    """The text around the calls in it, and those. One that names no tool stays text."""
    words: list[str] = []
    calls: list[ToolCall] = []
    at = 0
    while (opened := _OPEN.search(text, at)) is not None:
        start = opened.end()
        end, after = _extent(text, start)
        call = read_call(text[start:end].strip())
        words.append(text[at : after if call is None else opened.start()])
        calls += [] if call is None else [call]
        at = after
    return "".join([*words, text[at:]]), calls


def _extent(text: str, start: int) -> tuple[int, int]:
    """Where a call's JSON ends, and where the text goes on. A string in it may hold any tag."""
    end = -1
    if text.startswith("{", start):
        with suppress(ValueError, RecursionError):
            end = json.JSONDecoder(strict=False).raw_decode(text, start)[1]
    closed = _CLOSE.match(text, end) if end >= 0 else None
    if closed is not None:
        return end, closed.end()
    ended = _END.search(text, max(start, end))
    assert ended is not None  # the end of the text is one
    return ended.start(), ended.end()


def read_call(text: str) -> ToolCall | None:
    """One call from its JSON. None: it does not even name a tool."""
    said = _parsed(text)
    if isinstance(said, dict) and isinstance(said.get("name"), str) and said["name"]:
        arguments = said.get("arguments", said.get("parameters", {}))
        is_text = isinstance(arguments, str | dict)
        return ToolCall.read(
            new_id(), said["name"], arguments if is_text else json.dumps(arguments)
        )
    named = _NAME.search(text)
    if named is None:
        return None
    problem = 'the call is not JSON such as {"name": "look", "arguments": {}}'
    return ToolCall(id=new_id(), name=named[1], raw=text, problem=problem)


def new_id() -> str:
    """An id for a call that came without one."""
    return f"call_{uuid4().hex[:12]}"


def _parsed(text: str) -> Any:
    """The first JSON value of the text; raw control characters in strings are let pass."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text.strip())[0]
    except (ValueError, RecursionError):
        return None


def _without_thoughts(text: str) -> tuple[str, str]:
    """The text without what was thought, and that.

    Chat templates may open the thought in the prompt: then only its end is in the text.
    """
    thoughts: list[str] = []
    while "</think>" in text and "<think>" not in text.partition("</think>")[0]:
        thought, _, text = text.partition("</think>")
        thoughts.append(thought.strip())
    thoughts += [match[1].strip() for match in _THOUGHT.finditer(text)]
    return _THOUGHT.sub("", text), "\n".join(filter(None, thoughts))
