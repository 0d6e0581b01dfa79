"""Anchors: things in pictures that a policy can refer to, its own and those of the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from playhead.core.errors import Blamed, Origin
from playhead.core.media import FrameRef

LISTED = 30
"""Names that a message to a policy lists."""


@dataclass(frozen=True)
class Anchor:
    """A thing in a picture that a policy can refer to."""

    id: str
    frame: FrameRef
    """The picture, with the region as its `roi`."""
    kind: str
    """How it is marked: a kind of `playhead.video.marks`."""
    marked: FrameRef | None = None
    """The whole picture with the mark on it, as it is shown. None: `frame` itself is shown."""

    @property
    def shown(self) -> FrameRef:
        """The picture that a policy is shown when it asks for this anchor."""
        return self.marked or self.frame


def find_anchor(anchors: Mapping[str, Anchor], name: str) -> Anchor:
    """The anchor of that id.

    Raises:
        Blamed: There is none; the model's fault, and the message names those there are.
    """
    found = anchors.get(name.strip())
    if found is None:
        known = ", ".join(list(anchors)[-LISTED:]) or "none yet: make one with mark"
        raise Blamed(Origin.MODEL, f"no anchor {name[:40]!r}; there are {known}", "no_such_anchor")
    return found


def add_anchor(
    anchors: dict[str, Anchor], frame: FrameRef, kind: str, marked: FrameRef | None
) -> Anchor:
    """A new anchor, `a1`, `a2` ...; the same thing marked in the same way is the same anchor."""
    for known in list(anchors.values()):
        if (known.frame, known.kind) == (frame, kind):
            return known
    for num in count(1):
        anchor = Anchor(f"a{num}", frame, kind, marked)
        if anchors.setdefault(anchor.id, anchor) is anchor:
            return anchor
    raise AssertionError("unreachable")
