"""Strategies: small graphs over the same nodes, each from a published system, chosen by name."""

from __future__ import annotations

from functools import cache
from typing import Any

from playhead.core.plugins import find_plugin


def find_strategy(name: str) -> Any:
    """The builder of that name: it takes nothing and gives a `StateGraph` that is not compiled.

    Raises:
        NoSuchPlugin: There is none; the message lists what there is.
    """
    from playhead.agent.strategies import direct, seek, sparse_to_dense

    builtin = {
        "seek": seek.graph,
        "direct": direct.graph,
        "sparse_to_dense": sparse_to_dense.graph,
    }
    return find_plugin("strategies", name, builtin)


@cache
def compiled(name: str) -> Any:
    """The graph of that strategy, ready to run without checkpoints, also inside a graph that has
    them, or to be copied with a checkpointer. Making one takes 10 ms. Errors as `find_strategy`."""
    return find_strategy(name)().compile(checkpointer=False)
