"""A model that carries with it how it was taught, and says so when it is asked anything else.

The loop reads `manner` and keeps to its tools, budget and strategy. A model with a scope answers no
question out of it: a small model would always say something, and it would be chance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from playhead.core.message import Message, Role
from playhead.core.policy import Author, Policy, Reply, Sampling
from playhead.core.tools import ToolSpec
from playhead.models.manner import Manner, Scope
from playhead.worlds.oracle import understand

_LASTS = re.compile(r"^Video v\d+ \(.*\) lasts (\d+(?:\.\d+)?) s\b", re.MULTILINE)
_SLACK_S = 0.5
INSTEAD = (
    "It is for trying the whole loop out. For other videos and questions name another model: "
    "`playhead models` lists them."
)


class TaughtPolicy:
    """A policy with its manner."""

    def __init__(self, inner: Policy, manner: Manner) -> None:
        """Wrap a policy.

        Args:
            inner: What runs the model.
            manner: How it was taught.
        """
        self.inner, self.manner = inner, manner
        self.name = str(getattr(inner, "name", type(inner).__name__))

    def __getattr__(self, name: str) -> Any:
        """What the inner policy says of itself besides."""
        if name == "inner":  # while it is being copied
            raise AttributeError(name)
        return getattr(self.inner, name)

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn, or why there is none. Errors are the inner policy's."""
        scope = self.manner.scope
        if scope is not None and (why := unknown(scope, messages)):
            return Reply(text=why, author=Author.SCRIPT)
        return await self.inner.reply(messages, tools, sampling)


def unknown(scope: Scope, messages: Sequence[Message]) -> str:
    """Why a model with this scope cannot answer a conversation; empty if it can."""
    opening = next((m.text for m in reversed(messages) if _LASTS.search(m.text)), "")
    lasting = [float(length) for length in _LASTS.findall(opening)]
    asked = understand(opening)
    form = "" if asked is None else f"{asked.family.name}.{asked.ask.form}"
    sizes = {(f.height, f.width) for m in messages if m.role is not Role.SYSTEM for f in m.frames}
    if form not in scope.questions or (asked and asked.options):
        what = f"questions of the kind {' or '.join(scope.questions)}"
    elif len(lasting) != 1 or abs(lasting[0] - scope.duration_s) > _SLACK_S:
        what = f"one film of {scope.duration_s:g} seconds"
    elif sizes - {(scope.height, scope.width)}:
        what = f"films of {scope.width} x {scope.height} pixels"
    else:
        return ""
    return f"I cannot tell: this model knows rendered worlds only, and {what}. {INSTEAD}"
