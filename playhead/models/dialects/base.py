"""What a dialect is: how one family of tool-trained models writes its calls and is told results.

Playhead has one set of tools and one way to record a call. Checkpoints trained elsewhere have their
own tags, their own tool names and their own idea of time: seconds, frame numbers, minutes, times of
day, fractions of the video. A `Dialect` turns what such a model writes into a `Reply` with our
calls, and our calls and results back into what it would have written and was trained to be told.

A `Clock` holds what that needs to be exact. Nothing here raises on any text: a call that cannot be
read keeps what was written and says what is wrong with it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple, Protocol, Self

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, model_validator

from playhead.core.message import Part, ToolCall
from playhead.core.policy import Finish, Reply
from playhead.core.tools import Observation, ToolSpec
from playhead.core.value import Rational, Text, Value

MAX_CALLS = 64
"""More in one turn are not read: no policy needs them, and a broken one can write a million."""
_SAME_FRAME = 1e-6
"""A time this part of a frame before a frame's own time is that frame: floats are not exact."""


class Clock(Value):
    """What turns frame numbers, fractions and times of day into seconds, and back."""

    duration_s: PositiveFloat
    fps: Rational = Fraction(1)
    """How many numbered frames a second has: those that the model was shown by number."""
    times_s: tuple[NonNegativeFloat, ...] = ()
    """When each numbered frame is shown, in seconds, in order. Empty: one every `1 / fps`."""
    origin_s: NonNegativeFloat = 0.0
    """The time of day of the first frame, in seconds after midnight of day 1."""
    num_calls: NonNegativeInt = 0
    """How many calls were made before this turn."""
    resumes: bool = False
    """Whether this turn goes on after a result, for dialects that think on in the same turn."""
    question: Text = ""
    """What was asked, for dialects that repeat it or mean it without saying it."""

    @model_validator(mode="after")
    def _check_frames(self) -> Self:
        if self.fps <= 0:
            raise ValueError(f"a clock needs more than 0 frames a second: got {self.fps}")
        if any(a >= b for a, b in zip(self.times_s, self.times_s[1:], strict=False)):
            raise ValueError(f"frame times rise: got {self.times_s}")
        return self

    @property
    def num_frames(self) -> int:
        """How many frames have numbers."""
        return len(self.times_s) or ceil(self.duration_s * self.fps)

    def second(self, index: int) -> float:
        """When the frame of that number is shown. The one after the last: when the video ends."""
        if not self.times_s:
            return float(index / self.fps)
        return self.times_s[max(index, 0)] if index < self.num_frames else self.duration_s

    def index(self, time_s: float) -> int:
        """The number of the frame on screen at that time: `index(second(i)) == i`."""
        if not self.times_s:
            return floor(time_s * float(self.fps) + _SAME_FRAME)
        if time_s >= self.duration_s:
            return self.num_frames
        slack_s = _SAME_FRAME / float(self.fps)
        return max(0, bisect_right(self.times_s, time_s + slack_s) - 1)

    def call_id(self, number: int) -> str:
        """The id of the call of that number, counted from 0 in this turn."""
        return f"call_{self.num_calls + number}"

    def after(self, num_calls: int) -> Self:
        """The clock after so many more calls."""
        return self.replace(num_calls=self.num_calls + num_calls)


class Results(StrEnum):
    """Where a model of a dialect finds what its calls gave."""

    TOOL = "tool"
    """In turns of the role tool, with structured calls before them."""
    USER = "user"
    """In a user turn."""
    INLINE = "inline"
    """In its own turn, which then goes on: generation stops, frames come in, it continues."""


class Dialect(Protocol):
    """How one family of models speaks. None of the methods raises on any text."""

    @property
    def name(self) -> str:
        """As `find_dialect` knows it."""
        ...

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings after which generation should stop. `read` takes text with or without them."""
        ...

    @property
    def results(self) -> Results:
        """Where results belong in a conversation."""
        ...

    @property
    def tools(self) -> tuple[str, ...]:
        """Which of our tools the dialect has words for. Empty: all of them."""
        ...

    def read(self, text: str, clock: Clock) -> Reply:
        """What a model wrote as a reply with our calls.

        `finish` is calls or stop: only who generated the text knows whether it was cut off.
        """
        ...

    def write(self, reply: Reply, clock: Clock) -> str:
        """What a model of this dialect would have written instead."""
        ...

    def system(self, tools: Sequence[ToolSpec], clock: Clock) -> str:
        """How those of `tools` that it knows are offered to it. Empty: it was trained without."""
        ...

    def observe(self, observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
        """How it is told what a call gave. `clock` is the one of the turn before that call."""
        ...


class Wish(NamedTuple):
    """A call before it has an id. One with a `problem` could not be read."""

    name: str
    arguments: dict[str, Any] | str = {}  # noqa: RUF012 - a NamedTuple's default, never changed
    raw: str = ""
    problem: str = ""

    def call(self, id: str) -> ToolCall:
        """The call, whatever its arguments hold."""
        if self.problem:
            return ToolCall(id=id, name=self.name, raw=self.raw, problem=self.problem)
        try:
            return ToolCall.read(id, self.name, self.arguments)
        except (ValueError, TypeError, RecursionError):
            problem = "the arguments hold what JSON cannot: odd keys, or nested too deep"
            return ToolCall(id=id, name=self.name, raw=self.raw, problem=problem)


def reply_of(
    words: Sequence[str], thoughts: Sequence[str], wishes: Sequence[Wish], clock: Clock
) -> Reply:
    """A reply of the pieces that were read, in order."""
    wishes = wishes[: MAX_CALLS + 1]
    if len(wishes) > MAX_CALLS:
        problem = f"a turn makes at most {MAX_CALLS} calls; from this one on they were not read"
        wishes = [*wishes[:-1], Wish(wishes[-1].name, raw=wishes[-1].raw, problem=problem)]
    calls = tuple(wish.call(clock.call_id(i)) for i, wish in enumerate(wishes))
    return Reply(
        text="\n".join(filter(None, (word.strip() for word in words))),
        thinking="\n".join(filter(None, (thought.strip() for thought in thoughts))),
        calls=calls,
        finish=Finish.CALLS if calls else Finish.STOP,
    )


def expressible(reply: Reply, dialect: Dialect, clock: Clock) -> bool:
    """Whether nothing of what `reply` says is lost by writing it in that dialect."""
    again = dialect.read(dialect.write(reply, clock), clock)
    said = (again.text, again.thinking, [(c.name, c.arguments, c.raw) for c in again.calls])
    return said == (reply.text, reply.thinking, [(c.name, c.arguments, c.raw) for c in reply.calls])
