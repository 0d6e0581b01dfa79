"""Calling tools in tests."""

from __future__ import annotations

from typing import Any

from playhead.core import ToolCall
from playhead.core.message import PicturePart
from playhead.core.tools import Failure, Observation
from playhead.tools.context import ToolContext
from playhead.tools.toolset import Toolset, default_tools

DEMO = "The demo"
REAL = ("webb", "cars")
TOOLS = Toolset(default_tools())

GOOD: dict[str, dict[str, Any]] = {
    "overview": {},
    "search": {"text": "key"},
    "ground": {"query": "the key under the bridge"},
    "look": {"start_s": 2, "end_s": 6, "num": 2},
    "caption": {"start_s": 0, "end_s": 20},
    "transcript": {},
    "mark": {"time_s": 3, "region": [0.2, 0.2, 0.6, 0.6]},
    "compare": {"start_a_s": 1, "end_a_s": 4, "start_b_s": 13, "end_b_s": 16, "num": 2},
    "relations": {"start_s": 0, "end_s": 6},
    "note": {"text": "A ball bounces.", "start_s": 0, "end_s": 6},
    "recall": {"query": "ball"},
    "answer": {"value": "under the bridge", "evidence": []},
}
"""A call of every tool that succeeds on the demo film."""


def call(ctx: ToolContext, name: str, **arguments: Any) -> Observation:
    tool = TOOLS.get(name)
    assert tool is not None, name
    return tool.run(ctx, ToolCall.read("c1", name, arguments))


def good(ctx: ToolContext, name: str, **arguments: Any) -> Observation:
    seen = call(ctx, name, **arguments)
    assert seen.failure is None, seen.failure
    return seen


def failure(ctx: ToolContext, name: str, **arguments: Any) -> Failure:
    seen = call(ctx, name, **arguments)
    assert seen.failure is not None, seen.text
    return seen.failure


def shown(seen: Observation) -> list[Any]:
    return [part.frame for part in seen.parts if isinstance(part, PicturePart)]
