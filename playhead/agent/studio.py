"""The agent as a graph that LangGraph's own server and Studio can load: see `langgraph.json`.

    langgraph dev        # in the folder of langgraph.json

The one idea: a `Run` cannot be stored, so one node makes it and runs a strategy's graph inside.
Studio shows that graph's steps as a sub-graph, and keeps what goes in and comes out: plain JSON.
There is no checkpointer here; the platform brings its own. Library, model and effort come from the
settings (`playhead.config`), and what is said here beside the question goes before them.
"""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from typing import Any, NotRequired, TypedDict

from playhead.agent.api import open_library
from playhead.agent.attempt import attempt, new_id
from playhead.agent.loop_thread import LoopThread
from playhead.agent.record import answer_of
from playhead.core.trajectory import Task, Trajectory
from playhead.models.strings import find_policy, manner_of
from playhead.tools.context import Ledger, ToolContext
from playhead.tools.toolset import default_tools


class Asked(TypedDict):
    """What goes in."""

    question: str
    videos: NotRequired[list[str]]
    """By id, path or title. Left out: all of the library."""
    options: NotRequired[list[str]]
    """Answers to choose from."""
    model: NotRequired[str]
    """A model string: see `playhead models`."""
    effort: NotRequired[str]
    """`quick`, `normal` or `deep`."""
    strategy: NotRequired[str]
    """`seek`, `direct`, `sparse_to_dense`, or `auto`."""


class Answered(TypedDict):
    """What comes out."""

    answer: dict[str, Any]
    """An `Answer`."""
    cost: dict[str, Any]
    """A `Cost`."""
    trajectory: dict[str, Any]
    """The whole record."""


class State(Asked, Answered):
    """All of it."""


def graph() -> Any:
    """The graph, compiled without a checkpointer."""
    graphs = import_module("langgraph.graph")
    built = graphs.StateGraph(State, input_schema=Asked, output_schema=Answered)
    built.add_node("attempt", answer)
    built.add_edge(graphs.START, "attempt")
    built.add_edge("attempt", graphs.END)
    return built.compile(name="playhead")


async def answer(state: Asked) -> Answered:
    """Answer a question as `playhead ask` does, but for the session.

    Raises:
        Blamed: Something broke; `origin` says whose fault it was.
        VideoNotFound: No such video.
    """
    loop = LoopThread()  # the server's own must not wait for the disk
    try:
        record = await asyncio.wrap_future(loop.start(_record(state)))
    finally:
        await asyncio.to_thread(loop.close)
    return {
        "answer": answer_of(record).model_dump(mode="json"),
        "cost": record.cost.model_dump(mode="json"),
        "trajectory": record.model_dump(mode="json"),
    }


async def _record(asked: Asked) -> Trajectory:
    from playhead import config

    settings = config.load(model=asked.get("model"), effort=asked.get("effort"))
    with open_library(settings) as library:
        names = asked.get("videos") or [video.id for video in library.videos()]
        ids = tuple(library.video(name).id for name in names)
        options = tuple(asked.get("options") or ())
        task = Task(id=new_id(), question=asked["question"], video_ids=ids, options=options)
        taught = manner_of(settings.model, environment=os.environ).budget
        with ToolContext(library, ids, Ledger(settings.budget_of(taught))) as ctx:
            policy = find_policy(settings.model, resolve=ctx.resolve, environment=os.environ)
            strategy = asked.get("strategy") or "auto"
            return await attempt(task, policy, default_tools(), ctx, strategy=strategy)
