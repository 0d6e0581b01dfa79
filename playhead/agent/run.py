"""What one attempt works with, and what it tells while it works.

The one idea: a graph's state is plain JSON and is what survives a crash; a `Run` is everything that
cannot be stored: the policy, the tools, the open videos, whoever listens. A resumed attempt has the
state of the old one and a new `Run`.
"""

from __future__ import annotations

import asyncio
import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict

from playhead.core.budget import Budget, Cost
from playhead.core.evidence import Evidence
from playhead.core.message import ToolCall
from playhead.core.policy import Policy, Reply, Sampling
from playhead.core.tools import Observation
from playhead.core.trajectory import Answer, Step, Task
from playhead.tools.context import ToolContext
from playhead.tools.toolset import Toolset


class State(TypedDict, total=False):
    """What is checkpointed: plain JSON, pictures by reference."""

    steps: Annotated[list[dict[str, Any]], operator.add]
    """`Step`s, as JSON."""
    reply: dict[str, Any] | None
    """A `Reply` whose calls are not carried out yet."""
    cost: dict[str, Any]
    """`Cost` so far."""
    answer: dict[str, Any] | None
    """The best `Answer` so far."""
    stop: str | None
    """A `Stop`, when it is over."""
    failure: dict[str, Any] | None
    num_idle: int
    """How many turns in a row brought nothing new."""
    round: int
    """For strategies that go in rounds: which one."""


@dataclass(frozen=True)
class Event:
    """Something that a listener may want to show. Times and costs are so far."""

    kind: Literal["started", "indexing", "thought", "call", "observation", "cost", "answer"]
    text: str = ""
    call: ToolCall | None = None
    observation: Observation | None = None
    answer: Answer | None = None
    cost: Cost | None = None


@dataclass
class Run:
    """One attempt, while it runs."""

    task: Task
    policy: Policy
    tools: Toolset
    ctx: ToolContext
    system: str = ""
    opening: str = ""
    """The first user message, in words."""
    sampling: Sampling = field(default_factory=Sampling)
    window_tokens: int = 24_000
    """How much of the conversation the policy is shown, in tokens."""
    verify: bool = False
    """Whether the evidence alone must give the answer again."""
    tell: Callable[[Event], None] = lambda event: None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    started: float = field(default_factory=time.monotonic)
    steps: list[Step] = field(default_factory=list[Step])
    """The steps of the state, parsed."""

    @property
    def budget(self) -> Budget:
        """What the attempt may cost."""
        return self.ctx.ledger.budget

    def steps_of(self, state: State) -> list[Step]:
        """The steps of a state; those that are known are not parsed again."""
        stored = state.get("steps", [])
        if len(self.steps) > len(stored):
            self.steps = []
        self.steps += [Step.model_validate(step) for step in stored[len(self.steps) :]]
        return self.steps

    def left_s(self) -> float | None:
        """Seconds that may still be spent, with a little kept back to finish in. None: no bound."""
        bound = self.budget.seconds
        if bound is None:
            return None
        spent = self.ctx.ledger.spent.seconds
        return max(0.0, bound - spent - max(0.02 * bound, 0.05))

    def cite(self, ids: Sequence[str]) -> tuple[Evidence, ...]:
        """The evidence of those ids that was really found, each once."""
        found = (self.ctx.evidence.get(id_) for id_ in dict.fromkeys(ids))
        return tuple(piece for piece in found if piece is not None)


def pending(state: State) -> Reply | None:
    """The reply whose calls are not carried out yet."""
    reply = state.get("reply")
    return None if reply is None else Reply.model_validate(reply)
