"""How tools speak to a policy: the part that was really looked at, what was found, what it took.

Every observation says the same things in the same words, so that a policy learns them once:

    v1 0:42.0-0:54.1 (42.0 to 54.1 s), 4 pictures 1.5 s apart. Only 42.0 to 54.1 s exist ...
    [e1f2...] 0:42.0-0:54.1 speech: the words
    <42.0s> (picture)
    This took 4 pictures, 480 visual tokens; left: 124 pictures, 31520 visual tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from playhead.core.budget import Cost
from playhead.core.evidence import Evidence
from playhead.core.message import Part, PicturePart, TextPart
from playhead.core.span import Span, stamp
from playhead.core.tools import Observation
from playhead.tools.context import ToolContext
from playhead.video.base import Frames

MOST_CHARACTERS = 6_000
"""Of the lines that one observation holds; the rest is had by another call."""

_LONGEST_LINE = 400  # characters of one piece of evidence that a policy is told


def span_words(span: Span) -> str:
    """`0:42.0-0:54.1 (42.0 to 54.1 s)`: as people and as calls write it."""
    return f"{span.timecode} ({span.start:.1f} to {span.end:.1f} s)"


def line(ctx: ToolContext, evidence: Evidence) -> str:
    """A piece of evidence in one line: id, video if there are several, span, kind, words."""
    words = " ".join(evidence.text.split())
    words = words if len(words) <= _LONGEST_LINE else words[: _LONGEST_LINE - 1] + "…"
    where = f"{ctx.handle(evidence.video_id)} " if len(ctx.video_ids) > 1 else ""
    text = f": {words}" if words else ""
    return f"[{evidence.id}] {where}{evidence.span.timecode} {evidence.kind}{text}"


def bounded(lines: Sequence[str], most_lines: int) -> list[str]:
    """The first of `lines`: at most so many, and no more than `MOST_CHARACTERS` together."""
    kept: list[str] = []
    room = MOST_CHARACTERS
    for words in lines[:most_lines]:
        room -= len(words) + 1
        if room < 0:
            break
        kept.append(words)
    return kept


def limited(name: str, asked: int, most: int) -> tuple[int, str]:
    """A count from 1 to `most`, and a sentence that says so if that changes what was asked."""
    num = min(max(1, asked), most)
    return num, "" if num == asked else f"{name} goes from 1 to {most}: {num} was taken."


def covered(ctx: ToolContext, ids: Sequence[str]) -> str:
    """How much of the videos is remembered, by what was looked for."""
    shares: list[str] = []
    for kind, words in (("speech", "heard"), ("picture", "seen"), ("screen_text", "read")):
        share = sum(ctx.library.coverage(id_, kind) for id_ in ids) / len(ids)
        shares.append(f"{words} {100 * min(share, 1.0):.0f} %")
    return f"Remembered so far: {', '.join(shares)}."


def pictures(frames: Frames) -> list[Part]:
    """Each picture after its time."""
    return [
        part
        for ref in frames.refs
        for part in (TextPart(text=f"<{stamp(ref.time_s)}>"), PicturePart(frame=ref))
    ]


def spent(ctx: ToolContext, cost: Cost) -> str:
    """What a call took, and what is left."""
    left = ctx.ledger.left
    words = f"This took {cost.frames} pictures, {cost.visual_tokens} visual tokens"
    if left.frames is None and left.visual_tokens is None:
        return words + "."
    return f"{words}; left: {left.frames} pictures, {left.visual_tokens} visual tokens."


def observation(
    ctx: ToolContext,
    parts: Iterable[Part | str],
    evidence: Sequence[Evidence] = (),
    cost: Cost | None = None,
) -> Observation:
    """An observation in which empty words are left out. The evidence may be cited from now on."""
    ctx.found(evidence)
    told = [TextPart(text=part) if isinstance(part, str) else part for part in parts if part]
    if cost is not None and cost.frames:
        told.append(TextPart(text=spent(ctx, cost)))
    return Observation(call_id="", parts=tuple(told), evidence=tuple(evidence), cost=cost or Cost())
