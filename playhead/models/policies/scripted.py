"""A policy that plays replies written beforehand, and keeps what it was asked.

For tests of whatever calls a policy: the loop, tools, servers, your own code.

    policy = ScriptedPolicy(Reply(calls=(look,)), Reply(text="at 42 s"))
    ...
    assert policy.asked[1].messages[-1].frames
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from playhead.core.errors import Blamed, Origin
from playhead.core.message import Message
from playhead.core.policy import Reply, Sampling
from playhead.core.tools import ToolSpec


class Asked(NamedTuple):
    """What one turn was asked with."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    sampling: Sampling


class ScriptedPolicy:
    """Plays its replies in order."""

    def __init__(self, *replies: Reply | BaseException) -> None:
        """Write the script.

        Args:
            *replies: One for each turn. An exception is raised in its turn instead.
        """
        self._replies = replies
        self.asked: list[Asked] = []
        """What it was asked, turn by turn."""

    @property
    def num_left(self) -> int:
        """How many replies have not been played."""
        return max(0, len(self._replies) - len(self.asked))

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next reply of the script.

        Raises:
            Blamed: The script has run out: it is too short, or the loop goes on too long.
        """
        turn = len(self.asked)
        self.asked.append(Asked(tuple(messages), tuple(tools), sampling))
        if turn >= len(self._replies):
            last = messages[-1].text[:200] if messages else ""
            raise Blamed(
                Origin.WORLD,
                f"the script has {len(self._replies)} replies and was asked for one more; give "
                f"ScriptedPolicy another Reply, or see why the loop goes on after {last!r}",
                "script_ran_out",
            )
        planned = self._replies[turn]
        if isinstance(planned, BaseException):
            raise planned
        return planned
