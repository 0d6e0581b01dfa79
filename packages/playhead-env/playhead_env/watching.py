"""Playhead's tools as a tool server of verifiers: one for each rollout, with the rollout's film.

The one idea: the tools are Playhead's own, with their names, words and pictures, so what is trained
here is what is served there. What a rollout answered and cited goes into the state that rewards
read; the truth never comes here in a shape that a model could ask for.
"""

from __future__ import annotations

import functools
import inspect
import io
from collections.abc import Callable
from typing import Any

import verifiers.v1 as vf
from mcp.server.mcpserver import Image, MCPServer
from pydantic import Field

from playhead.agent.source import WorldSource
from playhead.core.budget import Budget
from playhead.core.errors import Origin
from playhead.core.message import ToolCall
from playhead.core.tools import Observation
from playhead.core.trajectory import Task
from playhead.tools.answer import ANSWER
from playhead.tools.doors.trl import Block, environment
from playhead.tools.toolset import find_tools


class WatchingConfig(vf.ToolsetConfig):
    """What a rollout may do."""

    tools: list[str] = Field(default_factory=lambda: ["look", ANSWER])
    """Names of Playhead's tools."""
    turns: int = 8
    """The most replies."""
    frames: int = 32
    """The most pictures that it may look at."""

    @property
    def budget(self) -> Budget:
        """The same as Playhead counts it."""
        return Budget(turns=self.turns, frames=self.frames)


class Watched(vf.State):
    """What a rollout has done so far."""

    answer: str | None = None
    """As the answer tool got it. None: not answered yet."""
    cited: list[tuple[float, float]] = Field(default_factory=list)
    """The seconds of the evidence that the answer cites."""
    frames: int = 0
    """Pictures shown."""
    broken: str | None = None
    """What failed that was not the model's fault. None: nothing."""


class WorldData(vf.TaskData):
    """One question."""

    watched: Task
    """The question as Playhead has it, with its truth and the recipe of its world."""


class Watching(vf.Toolset[WatchingConfig, Watched]):
    """The film of one rollout, and the tools to watch it with."""

    TOOL_PREFIX = None

    async def setup_task(self, task: WorldData) -> None:
        """Make the world and open it."""
        source = self._exit_stack.enter_context(WorldSource())
        opened = source.open(task.watched, self.config.budget)
        ctx = self._exit_stack.enter_context(opened)
        tools = find_tools(self.config.tools)
        self._watching: Any = environment(tools, lambda: ctx)()
        self._watching.reset()

    def register(self, mcp: MCPServer) -> None:
        """Offer the tools under Playhead's names."""
        for name in self.config.tools:
            method = getattr(self._watching, name)
            mcp.add_tool(
                self._with_state(self._noting(method)), name=name, description=method.__doc__
            )

    def _noting(self, method: Callable[..., list[Block]]) -> Callable[..., list[str | Image]]:
        @functools.wraps(method)
        def call(**arguments: Any) -> list[str | Image]:
            blocks = method(**arguments)
            note(self.state, *self._watching.calls[-1])
            return [_content(block) for block in blocks]

        vars(call)["__signature__"] = inspect.signature(method)  # without `self`
        return call


def note(state: Watched, call: ToolCall, seen: Observation) -> None:
    """Take down what a call did."""
    state.frames += seen.cost.frames
    if seen.failure is not None:
        if seen.failure.origin is not Origin.MODEL:
            state.broken = f"{call.name}: {seen.failure.message}"
    elif call.name == ANSWER:
        state.answer = str(call.arguments["value"])
        state.cited = [(piece.span.start, piece.span.end) for piece in seen.evidence]


def _content(block: Block) -> str | Image:
    if block["type"] == "text":
        return str(block["text"])
    file = io.BytesIO()
    block["image"].save(file, "PNG")
    return Image(data=file.getvalue(), format="png")


if __name__ == "__main__":
    Watching.run()
