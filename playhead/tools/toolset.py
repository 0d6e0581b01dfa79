"""The tools that a policy is offered: the twelve of Playhead, yours, or a choice of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from playhead.core.plugins import find_plugin
from playhead.core.tools import Tool, ToolSpec


@dataclass(frozen=True)
class Toolset:
    """Tools, each name once, in the order in which a policy is told about them."""

    tools: tuple[Tool, ...]

    def __post_init__(self) -> None:
        names = [tool.name for tool in self.tools]
        if len(set(names)) != len(names):
            raise ValueError(f"tools have names of their own: got {names}")

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools)

    def __len__(self) -> int:
        return len(self.tools)

    @property
    def names(self) -> tuple[str, ...]:
        """What the tools are called."""
        return tuple(tool.name for tool in self.tools)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What a policy is told."""
        return tuple(tool.spec for tool in self.tools)

    def get(self, name: str) -> Tool | None:
        """The tool of that name; None if there is none."""
        return next((tool for tool in self.tools if tool.name == name), None)

    def only(self, *names: str) -> Toolset:
        """Those of these names."""
        return Toolset(tuple(tool for tool in self.tools if tool.name in names))

    def without(self, *names: str) -> Toolset:
        """All but those of these names."""
        return Toolset(tuple(tool for tool in self.tools if tool.name not in names))

    def with_tools(self, *tools: Tool) -> Toolset:
        """These and more."""
        return Toolset((*self.tools, *tools))


def default_tools() -> tuple[Tool, ...]:
    """The twelve tools of Playhead."""
    from playhead.tools.answer import answer
    from playhead.tools.caption import caption
    from playhead.tools.compare import compare
    from playhead.tools.ground import ground
    from playhead.tools.look import look
    from playhead.tools.mark import mark
    from playhead.tools.note import note, recall
    from playhead.tools.overview import overview
    from playhead.tools.relations import relations
    from playhead.tools.search import search
    from playhead.tools.transcript import transcript

    return (
        overview,
        search,
        ground,
        look,
        caption,
        transcript,
        mark,
        compare,
        relations,
        note,
        recall,
        answer,
    )


def find_tools(names: Iterable[str]) -> tuple[Tool, ...]:
    """Tools by name, ours or an installed plug-in's.

    Raises:
        NoSuchPlugin: There is none of that name; the message lists what there is.
    """
    builtin = {tool.name: tool for tool in default_tools()}
    return tuple(find_plugin("tools", name, builtin) for name in names)
