"""A grammar for tool calls in the hermes syntax, for engines that decode by one (xgrammar).

It keeps the arguments of every call to the tool's schema without the model reading anything about
it: the prompt stays the one that the model was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from playhead.core.tools import ToolSpec
from playhead.models.policies.render import patterned


def hermes_grammar(tools: Sequence[ToolSpec], tool_choice: str) -> str:
    """A structural tag, as JSON.

    Args:
        tools: What may be called.
        tool_choice: `auto`: words, calls or both. `required`: calls, one at least. Else the name of
            the one tool that is called, once.

    Raises:
        ValueError: No tool of that name.
    """
    is_named = tool_choice not in ("auto", "required")
    callable_ = [tool for tool in tools if not is_named or tool.name == tool_choice]
    if not callable_:
        raise ValueError(f"no tool {tool_choice!r} among {', '.join(t.name for t in tools)}")
    tags = [_tag(tool) for tool in callable_]
    if tool_choice == "auto":
        form: dict[str, Any] = {
            "type": "triggered_tags",
            "triggers": ["<tool_call>"],
            "tags": tags,
        }
    else:
        form = {
            "type": "tags_with_separator",
            "tags": tags,
            "separator": "\n",
            "at_least_one": True,
            "stop_after_first": is_named,
        }
    return json.dumps({"type": "structural_tag", "format": form})


def _tag(tool: ToolSpec) -> dict[str, Any]:
    return {
        "type": "tag",
        "begin": f'<tool_call>\n{{"name": {json.dumps(tool.name)}, "arguments": ',
        "content": {"type": "json_schema", "json_schema": patterned(tool.arguments)},
        "end": "}\n</tool_call>",
    }
