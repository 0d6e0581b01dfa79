"""The one record: what was asked, what was done, what was seen, what was answered.

The same `Trajectory` is written by sessions, synthesis, rollouts and benchmarks, so that a model
is trained on exactly what it is served with. Everything else is a view of it: the messages a policy
was shown, the evidence it found, the token sequences to train on, whose fault a failure was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from itertools import chain
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt, model_validator

from playhead.core.budget import Budget, Cost
from playhead.core.errors import Origin
from playhead.core.evidence import Evidence
from playhead.core.media import FrameRef
from playhead.core.message import Message, Part, Role, TextPart
from playhead.core.policy import Reply
from playhead.core.span import Span
from playhead.core.tools import Failure, Observation, ToolSpec
from playhead.core.value import Json, JsonObject, Text, Value

SCHEMA = 1
"""The version of `Trajectory` that this Playhead writes."""

Fraction01 = Annotated[float, Field(ge=0, le=1)]


class Task(Value):
    """A question about videos. `answer` and `spans` are for scorers; no policy is shown them."""

    id: Text
    question: Text
    video_ids: tuple[Text, ...] = ()
    options: tuple[Text, ...] = ()
    """The answers to choose from. Empty: an open question."""
    images: tuple[FrameRef, ...] = ()
    """Pictures that belong to the question."""
    within: Span | None = None
    """The part of the video it is about. None: all of it."""
    answer: Json = None
    """The true answer. None: not known."""
    spans: tuple[Span, ...] | None = None
    """Where the truth can be seen. None: not known; empty: nowhere."""
    metadata: JsonObject = Field(default_factory=dict)


class Answer(Value):
    """What a person gets: words, the seconds that prove them, and how far to trust them."""

    text: Text
    choice: Text | None = None
    """The option chosen, as it was given. None: an open question, or none was chosen."""
    value: Json = None
    """The answer as data, where it is a number, a list or spans. None: words only."""
    evidence: tuple[Evidence, ...] = ()
    confidence: Fraction01 | None = None
    """None: unknown."""
    abstained: bool = False
    """True when the honest answer is that the video does not tell."""
    verified: bool | None = None
    """Whether the evidence alone gives the same answer. None: not checked."""
    coverage: Fraction01 | None = None
    """How much of the video had been looked at. None: unknown."""
    warnings: tuple[Text, ...] = ()


class Stop(StrEnum):
    """Why an attempt ended."""

    ANSWERED = "answered"
    """The policy gave its answer."""
    BUDGET = "budget"
    """One unit of the budget was spent; the best answer so far stands."""
    REPEATED = "repeated"
    """It kept asking for what it had already seen; the best answer so far stands."""
    CANCELLED = "cancelled"
    """Somebody pressed stop; the best answer so far stands."""
    FAILED = "failed"
    """Something broke; `failure` says what and whose fault it was."""


class Step(Value):
    """One turn: what the policy said, and what its calls gave, in call order."""

    reply: Reply
    observations: tuple[Observation, ...] = ()
    shown: tuple[NonNegativeInt, ...] | None = None
    """Indices of the earlier steps the policy was shown. None: all of them, so the prompt grew by
    appending."""
    weight: NonNegativeFloat = 1.0
    """How much training should listen to this step. 0: not at all."""

    @property
    def messages(self) -> list[Message]:
        """The turn in a conversation: what was said, then what each call gave."""
        reply = self.reply
        said = (TextPart(text=reply.text),) if reply.text else ()
        turn = Message(role=Role.ASSISTANT, parts=said, thinking=reply.thinking, calls=reply.calls)
        results = [
            Message(role=Role.TOOL, parts=seen.parts, call_id=call.id, name=call.name)
            for call, seen in zip(reply.calls, self.observations, strict=True)
        ]
        return [turn, *results]

    @model_validator(mode="after")
    def _check_observations(self) -> Self:
        called = [call.id for call in self.reply.calls]
        seen = [observation.call_id for observation in self.observations]
        if called != seen:
            raise ValueError(f"one observation per call, in call order: got {seen} for {called}")
        return self


class Timing(Value):
    """When an attempt ran and where its seconds went."""

    started: AwareDatetime
    seconds: NonNegativeFloat
    """Wall-clock time of the whole attempt."""
    policy_s: NonNegativeFloat | None = None
    """Of these, waiting for the policy. None: not measured."""
    tools_s: NonNegativeFloat | None = None
    """Of these, inside tools. None: not measured."""

    @classmethod
    def between(cls, started: datetime, ended: datetime) -> Self:
        """From two moments with time zones."""
        return cls(started=started, seconds=(ended - started).total_seconds())


class TokenSequence(Value):
    """Token ids to train on: what the model sampled is 1 in `mask`, everything else is 0."""

    ids: tuple[int, ...]
    mask: tuple[Literal[0, 1], ...]
    logprobs: tuple[float | None, ...]
    """Log-probability at sampling time. None: not sampled, or not recorded."""
    weights: tuple[float, ...]
    """The weight of the step each sampled token belongs to; 0 where `mask` is 0."""
    steps: tuple[int, ...]
    """Which steps of the trajectory it holds."""


class Trajectory(Value):
    """One attempt at one task."""

    schema_version: Literal[1] = SCHEMA
    id: Text
    task: Task
    system: Text = ""
    """The system prompt."""
    opening: tuple[Part, ...] = ()
    """The first user message as the policy was shown it. Empty: the task's question alone."""
    tools: tuple[ToolSpec, ...] = ()
    steps: tuple[Step, ...] = ()
    answer: Answer | None = None
    """None: it never came to one."""
    stop: Stop
    failure: Failure | None = None
    """What broke. Given exactly when `stop` is failed."""
    budget: Budget = Field(default_factory=Budget)
    cost: Cost = Field(default_factory=Cost)
    scores: dict[Text, float | None] = Field(default_factory=dict[str, float | None])
    """By scorer. None: that scorer cannot judge this attempt."""
    group: Text | None = None
    """Attempts at the same task that are compared with each other share it."""
    parent: Text | None = None
    """The trajectory this one was forked from."""
    policy: Text = ""
    """Which model, by name."""
    versions: dict[Text, Text] = Field(default_factory=dict[str, str])
    timing: Timing | None = None

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if (self.stop is Stop.FAILED) != (self.failure is not None):
            raise ValueError(f"a failure belongs to stop=failed: got {self.stop=}, {self.failure=}")
        for i, step in enumerate(self.steps):
            if step.shown is not None and any(j >= i for j in step.shown):
                raise ValueError(f"step {i} can only have been shown earlier ones: {step.shown}")
        calls = [call.id for step in self.steps for call in step.reply.calls]
        if len(set(calls)) != len(calls):
            raise ValueError(f"call ids are unique within a trajectory: got {calls}")
        return self

    def messages(self, before: int | None = None) -> list[Message]:
        """The conversation.

        Args:
            before: Only what the policy was shown when it took this step. None: everything.

        Raises:
            IndexError: No such step.
        """
        shown = range(len(self.steps))
        if before is not None:
            step = self.steps[before]
            shown = range(before) if step.shown is None else step.shown
        turns = (self.steps[i].messages for i in shown)
        return [*beginning(self.task, self.system, self.opening), *chain.from_iterable(turns)]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Everything found, in the order found, each once."""
        found = {e.id: e for step in self.steps for o in step.observations for e in o.evidence}
        return tuple(found.values())

    @property
    def blame(self) -> Origin | None:
        """Whose fault it was that this attempt failed. None: it did not fail."""
        return self.failure.origin if self.failure else None

    @property
    def prompt_hash(self) -> str:
        """Names the system prompt and the tools, so that a number can be traced to them."""
        digest = blake2b(self.system.encode(), digest_size=8)
        for spec in self.tools:
            digest.update(spec.to_json().encode())
        return digest.hexdigest()

    def sequences(self) -> list[TokenSequence]:
        """The recorded tokens as few sequences as they allow.

        A step whose prompt begins with everything before it continues a sequence; a step that was
        shown something else starts a new one. Steps without recorded tokens are left out.
        """
        sequences: list[TokenSequence] = []
        for i, step in enumerate(self.steps):
            tokens = step.reply.tokens
            if tokens is None:
                continue
            last = sequences[-1] if sequences else None
            if last is None or tokens.prompt_ids[: len(last.ids)] != last.ids:
                last = TokenSequence(ids=(), mask=(), logprobs=(), weights=(), steps=())
            else:
                sequences.pop()
            new, num = tokens.prompt_ids[len(last.ids) :], len(tokens.ids)
            sequences.append(
                TokenSequence(
                    ids=last.ids + new + tokens.ids,
                    mask=last.mask + (0,) * len(new) + (1,) * num,
                    logprobs=last.logprobs
                    + (None,) * len(new)
                    + (tokens.logprobs or (None,) * num),
                    weights=last.weights + (0.0,) * len(new) + (step.weight,) * num,
                    steps=(*last.steps, i),
                )
            )
        return sequences


def beginning(task: Task, system: str, opening: Sequence[Part]) -> list[Message]:
    """What a conversation begins with: the system prompt, if there is one, and the first user
    message; without an `opening` that is the question."""
    asked = Message(role=Role.USER, parts=tuple(opening) or (TextPart(text=task.question),))
    return [Message(role=Role.SYSTEM, parts=(TextPart(text=system),)), asked] if system else [asked]


Scorer = Callable[[Trajectory], float | None]
"""A metric, which is also a reward. None: this attempt cannot be judged by it."""
