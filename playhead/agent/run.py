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
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

from playhead.agent.window import shown, step_tokens
from playhead.core.budget import Budget, Cost
from playhead.core.evidence import Evidence
from playhead.core.message import Message, TextPart, ToolCall
from playhead.core.policy import Policy, Reply, Sampling
from playhead.core.tools import Observation, ToolSpec
from playhead.core.trajectory import Answer, Step, Task, beginning
from playhead.tools.context import ToolContext
from playhead.tools.toolset import Toolset

_SHARE_KEPT = 0.02
"""Of the seconds that may be spent: kept back to finish in."""
_LEAST_KEPT_S = 0.05


class State(TypedDict, total=False):
    """What is checkpointed: plain JSON, pictures by reference."""

    steps: Annotated[list[str], operator.add]
    """`Step`s, each as a line of JSON: a model may write numbers that only text can hold."""
    reply: str | None
    """A `Reply` whose calls are not carried out yet, as JSON."""
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
    system: str
    opening: str
    """What the policy was told at first: the same after a crash, whatever was learned meanwhile."""


class Kept(NamedTuple):
    """A step, and what is asked of it at every later turn."""

    step: Step
    num_tokens: int
    messages: list[Message]


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
    strategy: str
    """By name; never `auto`."""
    tools: Toolset
    """What the strategy itself may call."""
    offered: Toolset
    """What the policy is told of and may call."""
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
    is_early: bool = False
    """Whether it began before the index was complete."""
    dearest: float | None = None
    """Dollars of the dearest reply so far. None: of none is the price known."""
    _known: dict[str, Kept] = field(default_factory=dict[str, Kept])
    """Steps by their JSON: none is parsed, measured or made into messages twice."""

    @property
    def budget(self) -> Budget:
        """What the attempt may cost."""
        return self.ctx.ledger.budget

    @cached_property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the policy is told about its tools."""
        return self.offered.specs

    def written(self, step: Step) -> str:
        """A step as it is kept in the state."""
        text = step.to_json()
        self._known[text] = Kept(step, step_tokens(step), step.messages)
        return text

    def steps_of(self, state: State) -> list[Step]:
        """The steps of a state."""
        return [kept.step for kept in self._read(state)]

    def shown(self, state: State) -> tuple[int, ...] | None:
        """Which steps of a state the policy is shown. None: all of them."""
        return shown([kept.num_tokens for kept in self._read(state)], self.window_tokens)

    def conversation(self, state: State, shown: tuple[int, ...] | None) -> list[Message]:
        """What a policy is shown before its next turn: system, opening, the shown steps. As
        `Trajectory.messages` gives it."""
        kept = self._read(state)
        turns = kept if shown is None else [kept[i] for i in shown]
        first = beginning(self.task, self.system, self.opening_parts)
        return [*first, *(message for turn in turns for message in turn.messages)]

    @property
    def opening_parts(self) -> tuple[TextPart, ...]:
        """The first user message. Empty: the question alone."""
        return (TextPart(text=self.opening),) if self.opening else ()

    def left_s(self) -> float | None:
        """Seconds that may still be spent, with a little kept back to finish in. None: no bound."""
        bound = self.budget.seconds
        if bound is None:
            return None
        spent = self.ctx.ledger.spent.seconds
        return max(0.0, bound - spent - max(_SHARE_KEPT * bound, _LEAST_KEPT_S))

    def spend_time(self, started: float, **more: Any) -> None:
        """Count the seconds since `started`, a reading of `time.monotonic`, and other units."""
        self.ctx.ledger.note(Cost(seconds=time.monotonic() - started, **more))

    def paid(self, dollars: float | None) -> None:
        """Remember what a reply has cost, if that is known."""
        if dollars is not None:
            self.dearest = max(self.dearest or 0.0, dollars)

    def cite(self, ids: Sequence[str]) -> tuple[Evidence, ...]:
        """The evidence of those ids that was really found, each once."""
        meant = (self.ctx.cited(id_) for id_ in ids)
        return tuple({piece.id: piece for piece in meant if piece is not None}.values())

    def _read(self, state: State) -> list[Kept]:
        texts = state.get("steps", [])
        for text in texts:
            if text not in self._known:
                self.written(Step.from_json(text))
        return [self._known[text] for text in texts]


def pending(state: State) -> Reply | None:
    """The reply whose calls are not carried out yet."""
    reply = state.get("reply")
    return None if reply is None else Reply.from_json(reply)
