"""What is remembered about videos, as everything above the memory floor sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from pydantic import Field

from playhead.core.evidence import Evidence
from playhead.core.span import Span
from playhead.core.value import Text, Value


class Hit(Value):
    """One search result."""

    evidence: Evidence
    """The best of what was found there."""
    span: Span
    """The moment: the evidence's own span and that of the near duplicates merged into it."""
    score: float
    """Larger is better; comparable within one search only."""
    channels: dict[Text, float] = Field(default_factory=dict[str, float])
    """What each channel gave it, on the channel's own scale: `words` (BM25), `picture:SPACE` and
    `meaning:SPACE` (cosine similarity in the space of an embedder) ..."""
    also: tuple[Text, ...] = ()
    """Ids of the other evidence merged into it, best first."""


class Memory(Protocol):
    """A store of evidence that can be searched."""

    def add(self, evidence: Iterable[Evidence]) -> None:
        """Remember; what is already there is not stored twice. Durable when this returns."""
        ...

    def search(
        self,
        text: str | None = None,
        *,
        image: Any = None,
        span: Span | None = None,
        kinds: Sequence[str] | None = None,
        videos: Sequence[str] | None = None,
        until_s: float | None = None,
        k: int = 5,
    ) -> list[Hit]:
        """The `k` best pieces of evidence, best first.

        Args:
            text: Words to look for.
            image: A picture to look for, RGB uint8 `[H, W, 3]`.
            span: Only what overlaps it.
            kinds: Only these channels.
            videos: Only these video ids.
            until_s: Only what had ended by then: a search never sees the future.
            k: How many at the most.
        """
        ...

    def get(self, id: str) -> Evidence | None:
        """The evidence of that id; None if there is none."""
        ...

    def coverage(self, video_id: str, kind: str | None = None) -> list[Span]:
        """Which parts of a video have been looked at, in order, merged."""
        ...

    def delete(self, video_id: str) -> None:
        """Forget everything about a video."""
        ...
