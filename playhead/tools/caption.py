"""`caption`: what a part shows, in words, as finely as asked, without costing pictures.

Captions come from the library's pyramid, where they are made once and kept. A cell of it that
reaches beyond what may be seen is never used: the piece inside is captioned by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from playhead.core.evidence import Evidence, Kind
from playhead.core.span import Span
from playhead.core.tools import Observation, tool
from playhead.memory.captions import LEVELS, Level
from playhead.models.eyes.activity import ActivityCaptioner
from playhead.models.eyes.base import Captioner
from playhead.tools import say
from playhead.tools.context import ToolContext
from playhead.tools.spoken import spoken

_SIZES_S: dict[Level, float] = {"1s": 1.0, "8s": 8.0, "64s": 64.0, "chapter": 512.0}
_USUAL_LINES = 24
_MOST_LINES = 40
_MOST_SPOKEN = 20
_MOST_S = 1800.0  # of video that one call captions
_NUM_PICTURES = 4
_SIDE = 448  # pixels


@tool
def caption(
    ctx: ToolContext,
    start_s: float,
    end_s: float,
    level: Literal["", "1s", "8s", "64s", "chapter"] = "",
    focus: str = "",
    video: str = "",
) -> Observation:
    """Read what a part of the video shows, in words, and what is said there. It costs no pictures.
    Each caption tells about the whole of its own span.

    Args:
        start_s: Where the part starts, in seconds.
        end_s: Where it ends, in seconds.
        level: How long the pieces are: 1s, 8s, 64s or chapter. What suits the part if left out.
        focus: Words that matter: captions with them come first, and only such speech.
        video: Which video, such as v1. The first if left out.
    """
    video_id = ctx.video_id(video)
    part, clamped = ctx.clamp(video_id, start_s, end_s)
    later = ""
    if part.duration > _MOST_S:
        part = Span(start=part.start, end=part.start + _MOST_S)
        later = f"Only the first {_MOST_S:.0f} s: ask again with start_s={part.end:.1f}."
    size, coarser = _level(part, level)
    captions = _captions(ctx, video_id, part, size)
    said = _about(spoken(ctx, video_id, part), focus)[:_MOST_SPOKEN]
    told, how = captions, ""
    if focus.strip():
        matching = _about(captions, focus)
        told = [*matching, *(c for c in captions if c not in matching)]
        how = f", {len(matching)} of them with {focus.strip()[:80]!r}"
    where = f"{ctx.handle(video_id)} {say.span_words(part)}"
    head = f"{where}: {len(captions)} captions of up to {size}{how}."
    evidence = [*told, *said]
    lines = say.bounded([say.line(ctx, found) for found in evidence], len(evidence))
    words = " ".join(word for word in (head, clamped, coarser, later) if word)
    cut = len(evidence) - len(lines)
    rest = f"{cut} more lines did not fit: ask for a shorter part." if cut else ""
    return say.observation(ctx, [words, *lines, rest], evidence[: len(lines)])


def _level(part: Span, asked: str) -> tuple[Level, str]:
    """How long the pieces are, and a sentence if they are longer than asked."""
    fine: list[Level] = [level for level in reversed(LEVELS) if level != "1s" or asked == "1s"]
    most = _MOST_LINES if asked else _USUAL_LINES
    start = fine.index(asked) if asked in fine else 0
    for level in fine[start:]:
        if part.duration / _SIZES_S[level] <= most:
            coarser = (
                f"Pieces of {asked} would be more than {most}." if asked not in ("", level) else ""
            )
            return level, coarser
    return "chapter", ""


def _about(found: Sequence[Evidence], focus: str) -> list[Evidence]:
    """Those that hold a word of the focus; all, if there is none."""
    wanted = [
        word for word in focus.casefold().split() if len(word) > 2
    ] or focus.casefold().split()
    if not wanted:
        return list(found)
    return [piece for piece in found if any(word in piece.text.casefold() for word in wanted)]


def _captions(ctx: ToolContext, video_id: str, part: Span, level: Level) -> list[Evidence]:
    captioner = ctx.captioner or ActivityCaptioner()
    video = ctx.video(video_id)
    whole = ctx.whole(video_id)
    if whole == video.info.span:
        return ctx.library.pyramid(video, captioner).at(level, part)
    level = "64s" if level == "chapter" else level
    inner = _whole_cells(whole, _SIZES_S[level], video.info.duration_s)
    inside = part.clamp(inner) if inner is not None else None
    if inside is None or inner is None:
        return _pieces(ctx, video_id, part, captioner, _SIZES_S[level])
    found: list[Evidence] = []
    if part.start < inside.start:
        head = Span(start=part.start, end=inside.start)
        found += _pieces(ctx, video_id, head, captioner, _SIZES_S[level])
    found += ctx.library.pyramid(video, captioner).at(level, inside)
    if inside.end < part.end:
        tail = Span(start=inside.end, end=part.end)
        found += _pieces(ctx, video_id, tail, captioner, _SIZES_S[level])
    return found


def _whole_cells(whole: Span, size_s: float, duration_s: float) -> Span | None:
    """The part of `whole` that consists of whole cells; None if there is none."""
    start = math.ceil(whole.start / size_s - 1e-9) * size_s
    is_all = whole.end >= duration_s
    end = whole.end if is_all else math.floor(whole.end / size_s + 1e-9) * size_s
    return Span(start=start, end=end) if start < end else None


def _pieces(
    ctx: ToolContext, video_id: str, part: Span, captioner: Captioner, size_s: float
) -> list[Evidence]:
    """Captions of a part by itself, cut evenly into pieces no longer than a cell; not kept."""
    num = max(1, math.ceil(part.duration / size_s - 1e-9))
    step_s = part.duration / num
    found: list[Evidence] = []
    for i in range(num):
        start, end = (
            part.start + i * step_s,
            part.end if i == num - 1 else part.start + (i + 1) * step_s,
        )
        piece = Span(start=start, end=end)
        frames = ctx.decode(video_id, piece.grid(_NUM_PICTURES), max_side=_SIDE)
        text = captioner.caption(frames, piece)
        found.append(Evidence.make(video_id, piece, Kind.CAPTION, text=text, frames=frames.refs))
    return found
