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

_MARK = re.compile(r"<think>|</think>|<tool_call>\s*")
_CLOSE = re.compile(r"\s*</tool_call>")
_END = re.compile(r"</tool_call>|(?=<tool_call>)|\Z")
_NAME = re.compile(r'"name"\s*:\s*"([^"]{1,80})"')


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
    words: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    at = 0
    while (mark := _MARK.search(text, at)) is not None:
        words.append(text[at : mark.start()])
        at = mark.end()
        if mark[0] == "<think>":
            end = text.find("</think>", at)
            thoughts.append(text[at:] if end < 0 else text[at:end])
            at = len(text) if end < 0 else end + len("</think>")
        elif mark[0] == "</think>":  # the prompt had opened the thought
            thoughts.append("".join(words))
            words = []
        elif offered:
            end, after = _extent(text, at)
            call = read_call(text[at:end].strip())
            words += [text[mark.start() : after]] if call is None else []
            calls += [] if call is None else [call]
            at = after
        else:
            words.append(mark[0])
    said = "".join([*words, text[at:]]).strip()
    alone = read_call(said) if bare and offered and not calls else None
    if alone is not None and alone.name in offered:
        said, calls = "", [alone]
    thinking = "\n".join(filter(None, map(str.strip, thoughts)))
    return Spoken(said, thinking, tuple(calls))


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
