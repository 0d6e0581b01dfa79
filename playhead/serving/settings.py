"""What a server is told before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from playhead.core.policy import Policy

GIB = 2**30


@dataclass(frozen=True)
class ServeSettings:
    """Settings of one server. The library is given beside them."""

    model: str | Policy = "auto"
    """Which model answers: a model string or a policy."""
    effort: str = "normal"
    """What a question may cost, where a session does not say: quick, normal or deep."""
    bounds: Mapping[str, float] = field(default_factory=dict[str, float])
    """Bounds of `Budget` that hold instead of the effort's, whatever a client asks for."""
    token: str | None = None
    """What whoever asks must know. None: nothing, which only a server on this machine may say."""
    roots: tuple[Path, ...] = ()
    """Folders under which files may be added by their path. Empty: none may."""
    hosts: tuple[str, ...] = ()
    """Names that the server is reached by, besides `localhost` and addresses in digits."""
    workers: int = 4
    """How many questions are answered at once."""
    max_waiting: int = 64
    """How many more may wait; beyond them asking is refused."""
    upload_bytes: int = 8 * GIB
    """Size of one uploaded file."""
    quota_bytes: int = 64 * GIB
    """Size of all uploaded files together."""
    cache_bytes: int = 16 * GIB
    """Size of all copies made for browsers together."""
    body_bytes: int = 16 * 2**20
    """Size of any other request."""
