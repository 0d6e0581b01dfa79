"""ParaVT: crops in parallel, as `<tool_call>` JSON or as Python in `<tool_code>`.

    <tool_code>crop_video(video_path="a.mp4", start_time=3, end_time=9.5)</tool_code>

Both are read; the Python form is written. It is parsed as one call or several, with literals as
arguments, and never evaluated.
"""

from __future__ import annotations

import ast
from typing import Any

from playhead.models.dialects.base import Clock, Wish
from playhead.models.dialects.hermes import LONG_VT, read_crop
from playhead.models.dialects.markup import plain, without_places
from playhead.models.dialects.tagged import Tagged, say_answer, span_of

_MAX_CODE = 4000
"""Longer text is no call: Python's parser is not ours to keep busy."""
_POSITIONS = ("video_path", "start_time", "end_time")
_PROBLEM = "a call is a name with literal arguments, such as crop_video(start_time=3, end_time=9)"


def _read_code(body: str, clock: Clock) -> list[Wish]:
    try:
        tree = ast.parse(body.strip() if len(body) <= _MAX_CODE else "")
        return [_read_call(node, clock) for node in _calls(tree)] or [_unread(body)]
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return [_unread(body)]


def _unread(body: str) -> Wish:
    return Wish("look", raw=body.strip(), problem=_PROBLEM)


def _calls(tree: ast.Module) -> list[ast.Call]:
    """The calls that are statements of their own, bare, printed, assigned or in a list."""
    found: list[ast.Call] = []
    for statement in tree.body:
        value = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
        inside = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
        for node in inside:
            if isinstance(node, ast.Call) and _name(node) == "print" and node.args:
                node = node.args[0]
            if isinstance(node, ast.Call):
                found.append(node)
    return found


def _name(node: ast.Call) -> str:
    """`crop_video`, also of `tools.crop_video(..)`."""
    called = node.func
    return called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")


def _read_call(node: ast.Call, clock: Clock) -> Wish:
    name = _name(node)
    arguments: dict[str, Any] = {
        key.arg: ast.literal_eval(key.value) for key in node.keywords if key.arg is not None
    }
    if name != "crop_video":
        return Wish(name, without_places(arguments))
    given = [ast.literal_eval(value) for value in node.args]
    places = _POSITIONS if given and isinstance(given[0], str) else _POSITIONS[1:]
    return read_crop({**dict(zip(places, given, strict=False)), **arguments}, clock)


def _say_crop(arguments: dict[str, Any], clock: Clock) -> str | None:
    span = span_of(arguments)
    if span is None:
        return None
    start, end = map(plain, span)
    return f"<tool_code>crop_video(start_time={start}, end_time={end})</tool_code>"


TOOL_CODE = Tagged(
    name="tool_code",
    reads={"tool_code": _read_code},
    translate={"crop_video": read_crop},
    says={"look": _say_crop, "answer": say_answer},
    offer=LONG_VT.offer,
    tell=LONG_VT.tell,
    tag="tool_code",
)
