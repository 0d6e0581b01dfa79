"""A checkpoint trained elsewhere, in our loop: its own syntax inside, our calls outside.

    policy = DialectPolicy(OpenAIPolicy("video-o3", url, resolve=resolve), find_dialect("video_o3"))

Whatever runs the model is shown the conversation as the model was trained on it, with no tools of
its own to render, and what it writes is read back as our calls. A model string does the same:
`video_o3+openai:NAME@URL`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from playhead.core.message import Message, Role
from playhead.core.policy import Policy, Reply, Sampling
from playhead.core.tools import ToolSpec
from playhead.models.dialects.base import Clock, Dialect
from playhead.models.dialects.conversation import converse

_LASTS = re.compile(r"\blasts (\d+(?:\.\d+)?) s\b")
_UNKNOWN_S = 3600.0


class DialectPolicy:
    """A policy that speaks a dialect."""

    def __init__(self, inner: Policy, dialect: Dialect, clock: Clock | None = None) -> None:
        """Wrap a policy.

        Args:
            inner: What runs the model; it is never offered tools.
            dialect: From `find_dialect`.
            clock: How the model counts time. None: seconds of the first video that the opening
                names, one frame a second.
        """
        self.inner, self.dialect, self._clock = inner, dialect, clock

    @property
    def name(self) -> str:
        """The inner policy's name behind the dialect's."""
        return f"{self.dialect.name}+{getattr(self.inner, 'name', type(self.inner).__name__)}"

    @property
    def dollars_per_million(self) -> tuple[float, float] | None:
        """The inner policy's price of a million tokens, in and out. None: it tells none."""
        return getattr(self.inner, "dollars_per_million", None)

    @property
    def manner(self) -> Any:
        """How the inner policy's model was taught. None: it tells nothing."""
        return getattr(self.inner, "manner", None)

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn. Errors are the inner policy's."""
        offered = () if sampling.tool_choice == "none" else tools
        clock = self._clock or _clock_of(messages)
        shown = converse(messages, offered, self.dialect, clock)
        stop = tuple(dict.fromkeys((*sampling.stop, *self.dialect.stop)))
        plain = sampling.replace(tool_choice="none", stop=stop)
        said = await self.inner.reply(shown, (), plain)
        if sampling.choices:
            return said
        num_calls = sum(len(message.calls) for message in messages)
        read = self.dialect.read(said.text, clock.replace(num_calls=num_calls))
        return read.replace(
            thinking=read.thinking or said.thinking,
            tokens=said.tokens,
            author=said.author,
            usage=said.usage,
        )


def _clock_of(messages: Sequence[Message]) -> Clock:
    for message in messages:
        if message.role is Role.USER and (found := _LASTS.search(message.text)):
            return Clock(duration_s=float(found[1]))
    return Clock(duration_s=_UNKNOWN_S)
