"""`attempt`: one question, one policy, one budget, one record. Everything goes through here.

    trajectory = await attempt(task, policy, default_tools(), ctx)

Sessions, synthesis, rollouts and benchmarks call it with a checkpointer or without. It does not
raise what a policy, a tool or a file did: that is in the record, with whose fault it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from playhead.agent import prompts, tracing
from playhead.agent.asking import MOST_TURNS, is_last_turn
from playhead.agent.record import trajectory
from playhead.agent.router import route
from playhead.agent.run import Event, Run, State
from playhead.agent.strategies import compiled
from playhead.core.budget import Budget
from playhead.core.message import ToolCall
from playhead.core.policy import Policy, Sampling
from playhead.core.tools import Tool
from playhead.core.trajectory import Step, Task, Trajectory
from playhead.models.manner import Manner
from playhead.models.strings import manner_of
from playhead.tools.context import Ledger, ToolContext
from playhead.tools.toolset import Toolset, find_tools

_NODES_A_TURN = 3
_WITHOUT_TOOLS = ("direct", "sparse_to_dense")
"""Strategies that look by themselves and offer the policy no tools."""
_ANCHOR = "anchor"
"""The kind of evidence that comes with an anchor."""


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
        tools: What it may call. One that was taught with some tools is offered only these of them.
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
    graph = compiled(run.strategy)
    with tracing.invoke_agent(run) as span:
        state = await graph.ainvoke(first_state(run, steps), context=run, config=config(run))
        record = trajectory(run, state, id or new_id(), group=group, parent=parent)
        span.tell(record)
    return record


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
    manner = manner_of(policy)
    toolset = _known(Toolset(tuple(tools)), manner)
    name = strategy
    if name == "auto":
        name = manner.strategy or route(ctx, policy, toolset)
    offered = toolset
    if name in _WITHOUT_TOOLS:
        looks = toolset.only("look")
        toolset, offered = looks if len(looks) else Toolset(find_tools(["look"])), Toolset(())
    ctx.options = task.options
    run = Run(
        task=task,
        policy=policy,
        strategy=name,
        tools=toolset,
        offered=offered,
        ctx=ctx,
        system=prompts.SYSTEM if "answer" in offered.names else prompts.SYSTEM_WITHOUT_TOOLS,
        opening=prompts.opening(task, ctx, ctx.ledger.budget, earlier),
        sampling=sampling or _usual(manner),
        verify=verify,
    )
    if is_last_turn(run):
        run.opening = f"{run.opening}\n\n{prompts.FORCED}"
    if tell is not None:
        run.tell = tell
    return run


def _known(tools: Toolset, manner: Manner) -> Toolset:
    """Those tools that a policy was taught, in the order in which it was told of them."""
    if manner.tools is None:
        return tools
    return Toolset(tuple(tool for name in manner.tools if (tool := tools.get(name)) is not None))


def _usual(manner: Manner) -> Sampling:
    """Greedily, replies no longer than a policy was taught."""
    longest = manner.max_reply_tokens
    return Sampling() if longest is None else Sampling(max_tokens=longest)


def first_state(run: Run, steps: Sequence[Step] = ()) -> State:
    """Where a run begins: after `steps`, whose evidence may be cited."""
    bring_back(run, steps)
    return {
        "steps": [run.written(step) for step in steps],
        "cost": {},
        "num_idle": 0,
        "system": run.system,
        "opening": run.opening,
    }


def bring_back(run: Run, steps: Sequence[Step]) -> None:
    """Give a run what was found in `steps`: evidence to cite, and anchors."""
    for step in steps:
        run.paid(step.reply.usage.dollars)
        for call, seen in zip(step.reply.calls, step.observations, strict=True):
            run.ctx.found(seen.evidence)
            if any(piece.kind == _ANCHOR for piece in seen.evidence):
                _mark_again(run, call)


def _mark_again(run: Run, call: ToolCall) -> None:
    """Make an anchor a second time; its picture was paid for the first time."""
    tool, ledger = run.tools.get(call.name), run.ctx.ledger
    if tool is None:
        return
    run.ctx.ledger = Ledger(Budget())
    try:
        tool.run(run.ctx, call)
    finally:
        run.ctx.ledger = ledger


def config(run: Run, **configurable: Any) -> dict[str, Any]:
    """LangGraph's settings: a bound on the number of nodes that no honest run comes near."""
    turns = MOST_TURNS if run.budget.turns is None else run.budget.turns
    limit = _NODES_A_TURN * (turns + 4)
    return {"recursion_limit": limit, "configurable": configurable}


def new_id() -> str:
    """A name that no other record has."""
    return uuid.uuid4().hex
