"""What every strategy's graph has in common: its end."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

from playhead.agent import nodes
from playhead.agent.nodes import Runtime
from playhead.agent.run import Run, State
from playhead.core.trajectory import Stop

__all__ = ["Runtime", "before_finish", "new_graph"]


def new_graph(first: str, **own: Any) -> Any:
    """A `StateGraph` with a strategy's own nodes, and `verify` and `finish` at its end.

    Args:
        first: The node that a run begins with.
        own: The strategy's nodes by name.
    """
    graphs = import_module("langgraph.graph")  # takes seconds, and most commands need none
    built = graphs.StateGraph(State, context_schema=Run)
    for name, node in {**own, "verify": nodes.verify, "finish": nodes.finish}.items():
        built.add_node(name, node)
    built.add_edge(graphs.START, first)
    built.add_edge("verify", "finish")
    built.add_edge("finish", graphs.END)
    return built


def before_finish(state: State, runtime: Runtime) -> Literal["verify", "finish"]:
    """Verify where that is wanted and there is something to verify."""
    wanted = runtime.context.verify and state.get("answer") is not None
    return "verify" if wanted and state.get("stop") == Stop.ANSWERED.value else "finish"
