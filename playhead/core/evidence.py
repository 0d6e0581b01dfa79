"""Evidence: something seen or heard that can support an answer."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Self

from pydantic import StringConstraints

from playhead.core.media import FrameRef
from playhead.core.span import Span
from playhead.core.value import Text, Value


class Kind(StrEnum):
    """The channels evidence comes through. A tool may name another: any `lower_case` word."""

    PICTURE = "picture"
    """Frames that were looked at."""
    CAPTION = "caption"
    """Words some model or rule wrote about pictures."""
    SPEECH = "speech"
    """Subtitles or recognised speech."""
    SCREEN_TEXT = "screen_text"
    """Words read off the picture."""
    TRACK = "track"
    """Where something was over time."""
    NOTE = "note"
    """What the policy wrote down for itself."""


class Evidence(Value):
    """Something found in a video, with the seconds where it is."""

    id: Text
    """Names the content: equal evidence has equal ids."""
    video_id: Text
    span: Span
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    """Which channel it came through: one of `Kind`, or a tool's own word."""
    text: Text = ""
    frames: tuple[FrameRef, ...] = ()
    """The pictures it rests on, by reference."""
    score: float | None = None
    """How sure its finder is, larger is surer. Comparable within one search only. None: unknown."""

    @classmethod
    def make(
        cls,
        video_id: str,
        span: Span,
        kind: str,
        *,
        text: str = "",
        frames: Sequence[FrameRef] = (),
        score: float | None = None,
    ) -> Self:
        """Evidence with the id that its content gives it (the score is not part of it)."""
        found = cls(
            id="",
            video_id=video_id,
            span=span,
            kind=str(kind),
            text=text,
            frames=tuple(frames),
            score=score,
        )
        content = found.model_dump_json(exclude={"id", "score"}).encode()
        return found.model_copy(update={"id": "e" + blake2b(content, digest_size=8).hexdigest()})
