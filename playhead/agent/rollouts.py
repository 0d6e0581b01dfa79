"""Rollouts: many attempts at many tasks at once, in groups, each by `attempt`, the only loop.

    groups = await collect(tasks, policy, source, num_generations=8, tools=default_tools(),
                           sampling=Sampling(temperature=1.0), budget=Budget(turns=6))

What a policy is trained on must be what it chose. So a rollout draws its tokens by a seed of its
own, another one at each turn, and, unless asked to, never bounds them: where serving makes sure by
grammar that the last turn answers, here the policy is told so in words and may fail to.

Nothing that goes wrong ends a collection. A failed attempt is in its record with whose fault it
was; if not the model's, it is tried once more, and then left for `fault` to keep out of rewards.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple

from playhead.agent.attempt import attempt
from playhead.agent.source import Source
from playhead.agent.strategies import find_strategy
from playhead.core.budget import Budget
from playhead.core.errors import Blamed, Origin, VideoError
from playhead.core.message import Message
from playhead.core.policy import Finish, Policy, Reply, Sampling
from playhead.core.store import TrajectoryStore
from playhead.core.tools import Failure, Tool, ToolSpec
from playhead.core.trajectory import Stop, Task, Trajectory
from playhead.tools.context import ToolContext

After = Callable[[Trajectory, ToolContext], Awaitable[Trajectory]]
"""What is done with an attempt that has ended while its videos are still open: the record as it is
to be kept."""


class Job(NamedTuple):
    """One attempt to make."""

    task: Task
    group: str
    number: int
    """Which of its group."""

    @property
    def id(self) -> str:
        """What its record is called."""
        return f"{self.group}-{self.number}"


async def collect(
    tasks: Sequence[Task],
    policy: Policy,
    source: Source,
    *,
    num_generations: int = 1,
    seed: int = 0,
    **how: Any,
) -> list[list[Trajectory]]:
    """Attempt every task several times.

    Args:
        tasks: What is asked.
        policy: Who thinks. One that answers in batches is asked by all attempts together.
        source: Where the videos are.
        num_generations: Attempts at each task: its group.
        seed: Another one draws other tokens. The same tasks, policy and seed give the same tokens.
        how: What else `play` takes: `tools`, `sampling`, `budget` ...

    Returns:
        A group for each task, in order.

    Raises:
        NoSuchPlugin: No strategy of that name.
    """
    if num_generations < 1:
        raise ValueError(f"a group has one attempt or more: got {num_generations=}")
    jobs = [Job(task, f"{task.id}-{seed}", k) for task in tasks for k in range(num_generations)]
    records = await play(jobs, policy, source, **how)
    left = iter(records)
    return [list(islice(left, num_generations)) for _ in tasks]


async def play(
    jobs: Sequence[Job],
    policy: Policy,
    source: Source,
    *,
    tools: Iterable[Tool],
    strategy: str = "seek",
    sampling: Sampling | None = None,
    budget: Budget | None = None,
    at_once: int = 16,
    bounds: bool = False,
    store: TrajectoryStore | None = None,
    after: After | None = None,
) -> list[Trajectory]:
    """Make attempts, many at a time. Each draws its tokens by its own name.

    Args:
        jobs: Which. Their names differ.
        policy: Who thinks.
        source: Where the videos are.
        tools: What it may call.
        strategy: As `attempt` has it.
        sampling: How replies are drawn; its seed is not used. None: greedily.
        budget: What one attempt may cost. None: that of normal effort, without a bound in seconds,
            which a busy machine would break.
        at_once: How many attempts run at the same time, at the most.
        bounds: Keep to the bounds that serving sets at the last turn: `tool_choice` and `choices`.
            A token that was chosen under them is not the policy's own choice.
        store: Where each attempt is kept once it has ended. What is there already, under the same
            name, is not attempted again.
        after: What is done with each attempt before it is kept, unless its videos were not had.

    Returns:
        The records, in the order of the jobs.

    Raises:
        NoSuchPlugin: No strategy of that name.
    """
    if strategy != "auto":
        find_strategy(strategy)
    if at_once < 1:
        raise ValueError(f"one attempt at a time or more: got {at_once=}")
    allowed = budget or Budget.of("normal").replace(seconds=None)
    how: dict[str, Any] = {
        "strategy": strategy,
        "sampling": sampling or Sampling(),
        "bounds": bounds,
        "after": after,
    }
    kept = {} if store is None else {record.id: record for record in store}
    offered, room = tuple(tools), asyncio.Semaphore(at_once)

    async def one(job: Job) -> Trajectory:
        async with room:
            record = await _attempt(job, policy, source, offered, allowed, **how)
            if fault(record) not in (None, Origin.MODEL):
                record = await _attempt(job, policy, source, offered, allowed, **how)
        if store is not None:
            await asyncio.to_thread(store.append, record)
        return record

    async with asyncio.TaskGroup() as working:
        begun = [kept[job.id] if job.id in kept else working.create_task(one(job)) for job in jobs]
    return [job if isinstance(job, Trajectory) else job.result() for job in begun]


class Sampled:
    """A policy as rollouts ask it: each turn by a seed of its own, and free unless bounded."""

    def __init__(self, policy: Policy, seed: str, *, bounds: bool) -> None:
        """Begin with the first turn.

        Args:
            policy: Who is asked.
            seed: Of the rollout.
            bounds: Keep to `tool_choice` and `choices`.
        """
        self._policy, self._seed, self._bounds = policy, seed, bounds
        self._turn = 0
        self.name = str(getattr(policy, "name", type(policy).__name__))

    def __getattr__(self, name: str) -> Any:
        """What the policy says of itself besides, such as `needs_tools`."""
        return getattr(self._policy, name)

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn. Errors as the policy's."""
        drawn = blake2b(f"{self._seed} {self._turn}".encode(), digest_size=4).digest()
        sampling = sampling.replace(seed=int.from_bytes(drawn) // 2)
        self._turn += 1
        if not self._bounds:
            free = sampling.tool_choice if sampling.tool_choice == "none" else "auto"
            sampling = sampling.replace(tool_choice=free, choices=())
        return await self._policy.reply(messages, tools, sampling)


async def _attempt(
    job: Job,
    policy: Policy,
    source: Source,
    tools: Sequence[Tool],
    budget: Budget,
    *,
    bounds: bool,
    after: After | None,
    **how: Any,
) -> Trajectory:
    """One attempt; one whose videos cannot be had is a record, too."""
    player = Sampled(policy, job.id, bounds=bounds)
    with ExitStack() as stack:
        try:
            ctx = await asyncio.to_thread(stack.enter_context, source.open(job.task, budget))
        except Exception as error:
            return _unopened(job, error, budget)
        record = await attempt(job.task, player, tools, ctx, id=job.id, group=job.group, **how)
        return record if after is None else await after(record, ctx)


def _unopened(job: Job, error: Exception, budget: Budget) -> Trajectory:
    return Trajectory(
        id=job.id,
        task=job.task,
        group=job.group,
        budget=budget,
        stop=Stop.FAILED,
        failure=failure_of(error, "not_opened"),
    )


def failure_of(error: Exception, code: str) -> Failure:
    """An error as a record keeps it: whose fault it was, and what happened."""
    unsaid = Origin.WORLD if isinstance(error, VideoError | OSError) else Origin.TOOL
    return Failure(
        origin=error.origin if isinstance(error, Blamed) else unsaid,
        code=code,
        message=str(error) or type(error).__name__,
        detail=repr(error),
    )


def fault(trajectory: Trajectory) -> Origin | None:
    """Whose fault it is if anything failed: of the attempt, or of one of its calls. None: nothing.

    If it is not the model's, the attempt says nothing about the model, however it went on.
    """
    calls = (seen.failure for step in trajectory.steps for seen in step.observations)
    origins = [failure.origin for failure in (trajectory.failure, *calls) if failure is not None]
    others = [origin for origin in origins if origin is not Origin.MODEL]
    return others[0] if others else (origins[0] if origins else None)


def is_cut(trajectory: Trajectory) -> bool:
    """Whether the last reply ran into `max_tokens`."""
    return bool(trajectory.steps) and trajectory.steps[-1].reply.finish is Finish.LENGTH


def tally(trajectories: Sequence[Trajectory]) -> dict[str, float]:
    """What attempts were like, on average: calls, pictures, turns, how they ended, whose fault."""
    num = max(1, len(trajectories))
    steps = [step for trajectory in trajectories for step in trajectory.steps]
    known = {tool.name for trajectory in trajectories for tool in trajectory.tools}
    names = [call.name for step in steps for call in step.reply.calls]
    calls = Counter(name if name in known else "unknown" for name in names)
    failures = Counter(
        seen.failure.origin for step in steps for seen in step.observations if seen.failure
    )
    ends = Counter(trajectory.stop for trajectory in trajectories)
    blames = Counter(trajectory.blame for trajectory in trajectories)
    return {
        "rollouts/turns": len(steps) / num,
        "rollouts/calls": calls.total() / num,
        **{f"rollouts/calls/{name}": count / num for name, count in sorted(calls.items())},
        "rollouts/pictures": sum(t.cost.frames for t in trajectories) / num,
        "rollouts/visual_tokens": sum(t.cost.visual_tokens for t in trajectories) / num,
        "rollouts/cut": sum(map(is_cut, trajectories)) / num,
        **{f"rollouts/stop/{stop}": ends[stop] / num for stop in Stop},
        **{f"rollouts/failed/{origin}": blames[origin] / num for origin in Origin},
        **{f"rollouts/calls_failed/{origin}": failures[origin] / num for origin in Origin},
    }
