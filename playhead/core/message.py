"""What passes between a policy and the loop: messages made of text and of pictures by reference."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, cast

from pydantic import Field, JsonValue, model_validator

from playhead.core.media import FrameRef
from playhead.core.value import JsonObject, Text, Value


class TextPart(Value):
    """Words."""

    type: Literal["text"] = "text"
    text: Text


class PicturePart(Value):
    """One picture, by reference. Whoever sends it on decodes it then.

    A still picture that a person sends along is a video of one frame: its `time_s` is 0.
    """

    type: Literal["picture"] = "picture"
    frame: FrameRef


Part = Annotated[TextPart | PicturePart, Field(discriminator="type")]
"""One piece of a message."""


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class ToolCall(Value):
    """A policy's wish to use a tool, as it was understood."""

    id: Text
    """Unique within its trajectory."""
    name: Text
    arguments: JsonObject = Field(default_factory=dict)
    raw: Text | None = None
    """What the policy wrote, kept when it could not be read as JSON. None: it was read."""
    problem: Text | None = None
    """Why it could not be read, in words for the policy. None: it was read."""

    @model_validator(mode="after")
    def _check_problem(self) -> Self:
        if (self.raw is None) != (self.problem is None):
            raise ValueError("an unread call has both what was written and the problem with it")
        return self

    @classmethod
    def read(cls, id: str, name: str, arguments: str | dict[str, JsonValue]) -> Self:
        """A call from what a model wrote. Never raises: what cannot be read is kept in `raw`.

        Raw control characters inside JSON strings are accepted: constrained decoders emit them.
        """
        if not isinstance(arguments, str):
            return cls._checked(id, name, arguments, json.dumps(arguments, default=repr))
        try:
            parsed = json.loads(arguments.strip() or "{}", strict=False)
        except (ValueError, RecursionError) as error:
            problem = f"the arguments are not JSON: {error}"
            return cls(id=id, name=name, raw=arguments, problem=problem)
        return cls._checked(id, name, parsed, arguments)

    @classmethod
    def _checked(cls, id: str, name: str, parsed: Any, raw: str) -> Self:
        if not isinstance(parsed, dict):
            problem = f"the arguments must be a JSON object: got {type(parsed).__name__}"
            return cls(id=id, name=name, raw=raw, problem=problem)
        try:
            return cls(id=id, name=name, arguments=cast("dict[str, JsonValue]", parsed))
        except (ValueError, RecursionError):
            problem = "the arguments hold a value that JSON cannot: NaN, infinity or too deep"
            return cls(id=id, name=name, raw=raw, problem=problem)


class Message(Value):
    """One turn of a conversation."""

    role: Role
    parts: tuple[Part, ...] = ()
    thinking: Text = ""
    """What the policy thought before it spoke. Empty: nothing, or it was not shown."""
    calls: tuple[ToolCall, ...] = ()
    """The tools an assistant turn calls."""
    call_id: Text | None = None
    """Which call a tool turn answers. None: this is no tool turn."""
    name: Text | None = None
    """Which tool a tool turn comes from."""

    @property
    def text(self) -> str:
        """The words of this turn, without its pictures."""
        return "\n".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def frames(self) -> tuple[FrameRef, ...]:
        """The pictures of this turn."""
        return tuple(part.frame for part in self.parts if isinstance(part, PicturePart))
