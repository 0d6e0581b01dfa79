"""`seek`: the policy calls tools until it answers. Native clue seeking, after Video-o3.

think -> act -> think -> ... -> (force) -> (verify) -> finish
"""

from __future__ import annotations

from typing import Any, Literal

from playhead.agent import nodes
from playhead.agent.run import State
from playhead.agent.strategies.graphs import Runtime, before_finish, new_graph
from playhead.core.trajectory import Stop

Next = Literal["think", "act", "force", "verify", "finish"]


def graph() -> Any:
    """The graph, not compiled."""
    return new_graph(
        "think",
        think=(nodes.think, after_think),
        act=(nodes.act, after_act),
        force=(nodes.force, before_finish),
    )


def after_think(state: State, runtime: Runtime) -> Next:
    """Carry out what was asked, or go on to the answer."""
    stop = state.get("stop")
    if stop is None:
        return "act" if state.get("reply") else "think"
    return _end(state, runtime)


def after_act(state: State, runtime: Runtime) -> Next:
    """Think again, unless the answer was given."""
    return "think" if state.get("stop") is None else _end(state, runtime)


def _end(state: State, runtime: Runtime) -> Next:
    if state.get("stop") == Stop.ANSWERED.value or state.get("stop") == Stop.FAILED.value:
        return before_finish(state, runtime)
    return "force"
