"""`attempt`: one question, one policy, one budget, one record. Everything goes through here.

    trajectory = await attempt(task, policy, default_tools(), ctx)

Sessions, synthesis, rollouts and benchmarks call it with a checkpointer or without. It does not
raise what a policy, a tool or a file did: that is in the record, with whose fault it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from playhead.agent import prompts
from playhead.agent.record import trajectory
from playhead.agent.router import route
from playhead.agent.run import Event, Run, State
from playhead.agent.strategies import find_strategy
from playhead.core.policy import Policy, Sampling
from playhead.core.tools import Tool
from playhead.core.trajectory import Step, Task, Trajectory
from playhead.tools.context import ToolContext
from playhead.tools.toolset import Toolset

_NODES_A_TURN = 3


async def attempt(
    task: Task,
    policy: Policy,
    tools: Iterable[Tool],
    ctx: ToolContext,
    *,
    strategy: str = "auto",
    sampling: Sampling | None = None,
    verify: bool = False,
    earlier: Sequence[str] = (),
    steps: Sequence[Step] = (),
    tell: Callable[[Event], None] | None = None,
    id: str | None = None,
    group: str | None = None,
    parent: str | None = None,
) -> Trajectory:
    """Answer one question.

    Args:
        task: What is asked. Its answer and spans are shown to nobody.
        policy: Who thinks.
        tools: What it may call.
        ctx: What the tools work with, and the budget. Stays the caller's to close.
        strategy: `seek`, `direct`, `sparse_to_dense`, a plug-in's name, or `auto`: see `router`.
        sampling: How replies are drawn. None: greedily.
        verify: Whether the cited evidence alone must give the answer again; costs a turn.
        earlier: Questions and answers of the same session, a line each.
        steps: Steps to begin after: those of an attempt that this one is forked from.
        tell: Is told of every event as it happens.
        id: Name of the record. None: a new one.
        group: Attempts that are compared with each other share it.
        parent: The trajectory that this one is forked from.

    Returns:
        The record; `stop` says how it ended.

    Raises:
        NoSuchPlugin: No strategy of that name.
    """
    run = prepare(
        task, policy, tools, ctx, strategy=strategy, sampling=sampling, verify=verify,
        earlier=earlier, tell=tell,
    )  # fmt: skip
    name = route(ctx, policy) if strategy == "auto" else strategy
    graph = find_strategy(name)().compile()
    state = await graph.ainvoke(first_state(run, steps), context=run, config=config(run))
    return trajectory(run, state, id or new_id(), group=group, parent=parent)


def prepare(
    task: Task,
    policy: Policy,
    tools: Iterable[Tool],
    ctx: ToolContext,
    *,
    strategy: str = "auto",
    sampling: Sampling | None = None,
    verify: bool = False,
    earlier: Sequence[str] = (),
    tell: Callable[[Event], None] | None = None,
) -> Run:
    """The run that `attempt` would make: for callers that bring a graph of their own."""
    toolset = Toolset(tuple(tools))
    name = route(ctx, policy) if strategy == "auto" else strategy
    if name in ("direct", "sparse_to_dense"):
        toolset = toolset.only("look")
    ctx.options = task.options
    opening = prompts.opening(task, ctx, ctx.ledger.budget, earlier)
    turns = ctx.ledger.budget.turns
    if turns is not None and turns <= 1:
        opening = f"{opening}\n\n{prompts.FORCED}"
    run = Run(
        task=task,
        policy=policy,
        tools=toolset,
        ctx=ctx,
        system=prompts.SYSTEM if "answer" in toolset.names else prompts.SYSTEM_WITHOUT_TOOLS,
        opening=opening,
        sampling=sampling or Sampling(),
        verify=verify,
    )
    if tell is not None:
        run.tell = tell
    return run


def first_state(run: Run, steps: Sequence[Step] = ()) -> State:
    """Where a run begins: after `steps`, whose evidence may be cited."""
    for step in steps:
        for observation in step.observations:
            run.ctx.found(observation.evidence)
    return {"steps": [step.model_dump(mode="json") for step in steps], "cost": {}, "num_idle": 0}


def config(run: Run, **configurable: Any) -> dict[str, Any]:
    """LangGraph's settings: a bound on the number of nodes that no honest run comes near."""
    turns = run.budget.turns
    limit = 10_000 if turns is None else _NODES_A_TURN * (turns + 4)
    return {"recursion_limit": limit, "configurable": configurable}


def new_id() -> str:
    """A name that no other record has."""
    return uuid.uuid4().hex
