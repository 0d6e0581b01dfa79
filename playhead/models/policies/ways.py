"""Ways to ask a server: what it takes is found out by asking, and remembered."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from playhead.models.policies.server import Refused

_OPTIONAL = (
    "uuid",
    "strict",
    "return_token_ids",
    "logprobs",
    "parallel_tool_calls",
    "stream_options",
    "structured_outputs",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "top_p",
)
"""What a request can do without, if need be."""
_NOT_KNOWN = re.compile(
    r"unsupported|unknown|unrecogni[sz]ed|not supported|not permitted|not allowed|extra inputs"
    r"|extra fields|unexpected|does not support|invalid parameter",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window)|maximum.{0,40}(tokens|length)|too long", re.IGNORECASE
)


@dataclass(frozen=True)
class Way:
    """How requests are made: what one server has been found to take."""

    is_vllm: bool = False
    relay: bool = False
    """Whether pictures of tools go in a user turn after theirs."""
    without: frozenset[str] = frozenset()
    """Parameters that it refuses."""
    all_bytes: bool = False
    """This once, send the bytes of every picture."""

    @property
    def by_name(self) -> bool:
        """Whether pictures are sent by name."""
        return self.is_vllm and "uuid" not in self.without

    def joined(self, other: Way) -> Way:
        """What both have found out."""
        return replace(
            self,
            relay=self.relay or other.relay,
            without=self.without | other.without,
            all_bytes=False,
        )

    def round(self, refused: Refused, body: dict[str, Any], *, may_relay: bool) -> Way | None:
        """Another way to ask what was refused. None: there is none.

        Args:
            refused: What the server said.
            body: The request.
            may_relay: Whether it has pictures in turns of the role tool that may be moved.
        """
        said = refused.message
        if refused.status not in (400, 413, 422):
            return None
        if re.search("cache miss", said, re.IGNORECASE):
            return None if self.all_bytes else replace(self, all_bytes=True)
        if is_too_long(said):
            return None
        if "max_completion_tokens" in said and "max_tokens" not in self.without:
            return replace(self, without=self.without | {"max_tokens"})
        for name in _OPTIONAL if _NOT_KNOWN.search(said) else ():
            is_new = name not in self.without and _holds(body, name)
            if is_new and re.search(rf"(?<![a-z_]){name}(?![a-z_])", said):
                return replace(self, without=self.without | {name})
        if may_relay and not self.relay and re.search("tool|image|content", said, re.IGNORECASE):
            return replace(self, relay=True)
        return None


def is_too_long(said: str) -> bool:
    """Whether an error says that the prompt does not fit."""
    return bool(_TOO_LONG.search(said))


def _holds(body: Any, name: str) -> bool:
    """Whether a request has a field of that name anywhere."""
    if isinstance(body, dict):
        return name in body or any(_holds(value, name) for value in body.values())
    return isinstance(body, list) and any(_holds(value, name) for value in body)
