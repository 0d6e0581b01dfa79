"""Reading the little that models' own syntaxes share: tags, JSON in tags, numbers that are times.

Models leave tags open, nest them, repeat them, quote JSON as Python and forget braces. Everything
here takes any text, returns what can be made out, never raises, and needs time in proportion to the
length of the text.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple, cast

from playhead.core.span import parse_time

_MAX_LITERAL = 4000
"""Longer text is not read as Python: its parser's time and stack are not ours to spend."""
_ENDS = ("<|im_end|>", "<|endoftext|>", "</s>")

_PLACES = re.compile(r"(?:\w{1,20}_)?(?:path|paths|file|files|filename|filepath|url|urls|uri)")
_FREE_TEXT = frozenset(("text", "query", "question", "focus", "value", "keywords", "content"))
_PLACE = re.compile(
    r"[a-zA-Z][\w+.-]{1,20}://\S*|~?/\S+|\.{1,2}/\S+|[a-zA-Z]:\\\S*"
    r"|[^\s<>]{1,200}\.(?:mp4|mkv|mov|avi|webm|m4v|jpg|jpeg|png)"
)
_BRACKET = re.compile(r"[{\[]")


class Block(NamedTuple):
    """A stretch of text: the inside of a tag, or what lies between tags (`tag` is empty)."""

    tag: str
    body: str
    closed: bool = True

    @property
    def means_something(self) -> bool:
        """Whether it is a tag with something in it, if only nothing between two ends."""
        return bool(self.tag) and (self.closed or bool(self.body.strip()))

    @property
    def text(self) -> str:
        """The block as plain text: what to make of a tag at which the text broke off."""
        return f"<{self.tag}>{self.body}" if self.tag else self.body


class _Mark(NamedTuple):
    start: int
    end: int
    tag: str
    closes: bool


class Markup:
    """The tags that one dialect knows. Others are plain text to it."""

    def __init__(self, *tags: str) -> None:
        names = "|".join(map(re.escape, tags))
        self._pattern = re.compile(rf"<(/?)({names})>")

    def __contains__(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def quoted(self, json_text: str) -> str:
        """JSON in which none of the tags stands as one: `<` is escaped, as JSON allows."""
        return json_text.replace("<", "\\u003c") if json_text in self else json_text

    def blocks(self, text: str) -> list[Block]:
        """The text as blocks, in order.

        A tag reaches to where it is closed, whatever other tags are in between. One that is not, or
        is opened again first, reaches to the next tag. A lone closing tag is plain text.
        """
        marks = [_Mark(*m.span(), m[2], bool(m[1])) for m in self._pattern.finditer(text)]
        same, opening = _next_marks(marks)
        found: list[Block] = []
        at = i = 0
        while i < len(marks):
            mark = marks[i]
            if mark.closes:
                i += 1
                continue
            found.append(Block("", text[at : mark.start]))
            partner = same[i]
            closed = partner < len(marks) and marks[partner].closes
            until = partner if closed else opening[i]
            stop = marks[until].start if until < len(marks) else len(text)
            found.append(Block(mark.tag, text[mark.end : stop], closed))
            at, i = (marks[until].end, until + 1) if closed else (stop, until)
        found.append(Block("", text[at:]))
        return [block for block in found if block.tag or block.body.strip()]


def _next_marks(marks: list[_Mark]) -> tuple[list[int], list[int]]:
    """For each mark, where the next one of its tag is, and where the next one that opens is."""
    same, opening = [len(marks)] * len(marks), [len(marks)] * len(marks)
    of_tag: dict[str, int] = {}
    opens = len(marks)
    for i in range(len(marks) - 1, -1, -1):
        same[i], opening[i] = of_tag.get(marks[i].tag, len(marks)), opens
        of_tag[marks[i].tag] = i
        if not marks[i].closes:
            opens = i
    return same, opening


def without_end(text: str) -> str:
    """`text` without the tokens that end a turn."""
    end = len(text)
    while end and (text[end - 1].isspace() or text.endswith(_ENDS, 0, end)):
        end = end - 1 if text[end - 1].isspace() else text.rindex("<", 0, end)
    return text[:end]


def opened(text: str, tag: str) -> str:
    """`text` with its first `tag` opened: prompts often open it for the model."""
    head, close, _ = text.partition(f"</{tag}>")
    return f"<{tag}>{text}" if close and f"<{tag}>" not in head else text


def literal(text: str) -> Any:
    """The Python literal that `text` is; None if it is none. Nothing is ever evaluated."""
    if len(text) > _MAX_LITERAL:
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def json_values(text: str) -> Iterator[tuple[Any, str]]:
    """The JSON objects and lists in `text`, each with how it was written, past words between them.

    The first that is no JSON is read as a Python literal if it is one; then reading ends.
    """
    decoder = json.JSONDecoder(strict=False)
    at = 0
    while match := _BRACKET.search(text, at):
        start = match.start()
        try:
            value, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            rest = text[start : 1 + max(text.rfind("}"), text.rfind("]"))]
            value = literal(rest)
            if isinstance(value, dict | list):
                yield value, rest
            return
        yield value, text[start:at]


def json_object(text: str) -> dict[str, Any] | None:
    """The first JSON object in `text`. None: there is none."""
    for value, _ in json_values(text):
        if isinstance(value, dict):
            return {str(key): item for key, item in cast("dict[Any, Any]", value).items()}
    return None


def seconds(value: object) -> float | None:
    """A time in seconds from a number, `"12.5"`, `"12.5s"` or `"1:02:03"`. None: it is none."""
    if isinstance(value, str) and len(value) <= 40:
        text = value.strip()
        try:
            value = float(text)
        except ValueError:
            try:
                value = parse_time(text)
            except (ValueError, OverflowError):
                return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def pair(value: object) -> tuple[float, float] | None:
    """Two times from a list of two. None: it is none."""
    items = cast("list[object]", value) if isinstance(value, list | tuple) else []
    if len(items) != 2:
        return None
    start, end = map(seconds, items)
    return None if start is None or end is None else (start, end)


def whole(text: str) -> int | None:
    """A frame number. None: it is none, or has more digits than any video has frames."""
    text = text.strip()
    return int(text) if 0 < len(text) <= 12 and text.isascii() and text.isdigit() else None


def plain(number: float) -> str:
    """A number in digits that reads back as the same: `12`, `0.83`."""
    if not math.isfinite(number):
        return str(number)
    text = format(Decimal(repr(float(number))), "f")
    return text.removesuffix(".0")


def without_places(arguments: dict[str, Any]) -> dict[str, Any]:
    """`arguments` without those that name a file or an address: no model decides what is opened."""
    return {str(key): value for key, value in arguments.items() if not _is_place(str(key), value)}


def _is_place(name: str, value: object) -> bool:
    if _PLACES.fullmatch(name.lower()):
        return True
    if name in _FREE_TEXT:
        return False
    if isinstance(value, list):
        return any(_is_place("", item) for item in cast("list[object]", value))
    return isinstance(value, str) and len(value) <= 1000 and bool(_PLACE.fullmatch(value.strip()))
