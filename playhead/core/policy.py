"""A policy: whatever decides what to do next. One method is all it must have."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from playhead.core.message import Message, ToolCall
from playhead.core.tools import ToolSpec
from playhead.core.value import Text, Value


class Author(StrEnum):
    """Who wrote a reply."""

    POLICY = "policy"
    """The model under study sampled it."""
    TEACHER = "teacher"
    """A stronger model wrote it."""
    HUMAN = "human"
    SCRIPT = "script"
    """Our own code wrote it: a forced answer, a planned trace."""


class Finish(StrEnum):
    """Why a reply ended."""

    STOP = "stop"
    """The policy was done."""
    CALLS = "calls"
    """It called tools."""
    LENGTH = "length"
    """It ran into `max_tokens`."""


class Sampling(Value):
    """How a reply is drawn."""

    temperature: NonNegativeFloat = 0.0
    """0 takes the likeliest token every time."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: PositiveInt = 1024
    seed: int | None = None
    """None: the backend's own randomness."""
    stop: tuple[Text, ...] = ()
    tool_choice: Literal["auto", "none", "required"] | Text = "auto"
    """`auto`, `none`, `required`, or the name of the one tool that must be called."""
    choices: tuple[Text, ...] = ()
    """If given, the reply's text must be one of these (constrained decoding)."""
    logprobs: bool = False
    """Ask for token ids and log-probabilities, where the backend knows them."""


class Tokens(Value):
    """The token ids of one reply, as they were sampled: recorded, never derived."""

    prompt_ids: tuple[NonNegativeInt, ...]
    """What the model was given."""
    ids: tuple[NonNegativeInt, ...]
    """What it sampled."""
    logprobs: tuple[float, ...] | None = None
    """One for each of `ids`. None: not recorded."""

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if self.logprobs is not None and len(self.logprobs) != len(self.ids):
            raise ValueError(
                f"one log-probability per sampled token: got {len(self.logprobs)} for "
                f"{len(self.ids)} tokens"
            )
        return self


class Usage(Value):
    """Tokens one reply took, as its backend counts them."""

    input_tokens: NonNegativeInt = 0
    cached_tokens: NonNegativeInt = 0
    """How many of the input tokens came from a cache."""
    output_tokens: NonNegativeInt = 0
    visual_tokens: NonNegativeInt = 0
    """How many of the input tokens were pictures."""
    dollars: NonNegativeFloat | None = None
    """None: no price known."""


class Reply(Value):
    """One turn of a policy."""

    text: Text = ""
    thinking: Text = ""
    calls: tuple[ToolCall, ...] = ()
    finish: Finish = Finish.STOP
    tokens: Tokens | None = None
    """None: the backend does not tell."""
    author: Author = Author.POLICY
    usage: Usage = Field(default_factory=Usage)


class Policy(Protocol):
    """The one method a model must have."""

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn after `messages`.

        Raises:
            Blamed: The model or its server failed; `origin` is world.
        """
        ...
