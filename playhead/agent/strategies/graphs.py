"""What every strategy's graph has in common: how nodes follow each other, and its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Literal, get_args, get_type_hints

from playhead.agent import nodes
from playhead.agent.nodes import Runtime
from playhead.agent.run import Run, State
from playhead.core.trajectory import Stop

__all__ = ["Runtime", "before_finish", "new_graph"]

Node = Callable[[State, Runtime], Awaitable[dict[str, Any]]]
Next = Callable[[State, Runtime], str]
"""From the state after a node to the name of the next one; its return type is a `Literal` of all
that it may name. The state's `steps` are those that the node added."""


def new_graph(first: str, **own: tuple[Node, Next]) -> Any:
    """A `StateGraph` with a strategy's own nodes, and `verify` and `finish` at its end.

    A node says itself where to go on: an edge with a condition would read the state again in a step
    and a thread of its own, which takes LangGraph as long as the node.

    Args:
        first: The node that a run begins with.
        own: The strategy's nodes by name, each with what comes after it.
    """
    graphs = import_module("langgraph.graph")  # takes seconds, and most commands need none
    built = graphs.StateGraph(State, context_schema=Run)
    for name, (node, after) in own.items():
        ends = get_args(get_type_hints(after)["return"])
        built.add_node(name, _then(node, after), destinations=ends)
    built.add_node("verify", nodes.verify)
    built.add_node("finish", nodes.finish)
    built.add_edge(graphs.START, first)
    built.add_edge("verify", "finish")
    built.add_edge("finish", graphs.END)
    return built


def _then(node: Node, after: Next) -> Any:
    command = import_module("langgraph.types").Command

    async def step(state: State, runtime: Runtime) -> Any:
        changes = await node(state, runtime)
        changed: Any = {**state, **changes}
        return command(update=changes, goto=after(changed, runtime))

    return step


def before_finish(state: State, runtime: Runtime) -> Literal["verify", "finish"]:
    """Verify where that is wanted and there is something to verify."""
    wanted = runtime.context.verify and state.get("answer") is not None
    return "verify" if wanted and state.get("stop") == Stop.ANSWERED.value else "finish"
