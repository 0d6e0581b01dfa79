"""The twelve, a choice of them, and yours; and the page that describes them."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from playhead.core import tool
from playhead.core.errors import NoSuchPlugin
from playhead.core.tools import Tool
from playhead.tools.toolset import Toolset, default_tools, find_tools

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"
TOOLS = Toolset(default_tools())


def test_there_are_twelve_and_each_is_described():
    assert TOOLS.names == (
        "overview",
        "search",
        "ground",
        "look",
        "caption",
        "transcript",
        "mark",
        "compare",
        "relations",
        "note",
        "recall",
        "answer",
    )
    assert [spec.name for spec in TOOLS.specs] == list(TOOLS.names)


def test_only_those_that_change_something_do_not_only_read():
    assert [t.name for t in TOOLS if not t.reads_only] == ["mark", "note"]


def test_a_toolset_is_chosen_by_name():
    assert TOOLS.only("look", "answer").names == ("look", "answer")
    assert "look" not in TOOLS.without("look").names
    assert TOOLS.get("look") is TOOLS.only("look").tools[0]
    assert TOOLS.get("no such tool") is None


def test_your_tool_joins_and_a_name_is_taken_once():
    @tool
    def count(ctx: object) -> str:
        """Count."""
        return "1"

    assert TOOLS.with_tools(count).names[-1] == "count"
    with pytest.raises(ValueError, match="names of their own"):
        TOOLS.with_tools(count, count)


def test_tools_are_found_by_name_and_a_wrong_name_lists_what_there_is():
    assert [t.name for t in find_tools(["look", "search"])] == ["look", "search"]
    with pytest.raises(NoSuchPlugin, match="look"):
        find_tools(["lok"])


def heading(made: Tool) -> str:
    """`### look(start_s, end_s, num=None)`: as the function is written."""
    _, *parameters = inspect.signature(made.function).parameters.values()
    arguments = [
        p.name if p.default is p.empty else f"{p.name}={p.default!r}".replace("'", '"')
        for p in parameters
    ]
    return f"### {made.name}({', '.join(arguments)})"


@pytest.mark.parametrize("made", list(TOOLS), ids=lambda made: made.name)
def test_every_tool_and_argument_is_on_the_page(made: Tool):
    assert heading(made) in PAGE.read_text().splitlines()
