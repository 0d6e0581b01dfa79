"""`transcript`: what is said, line by line, with times."""

from __future__ import annotations

from collections.abc import Sequence

from playhead.core.evidence import Evidence, Kind
from playhead.core.span import Span
from playhead.core.tools import Observation, tool
from playhead.tools import say
from playhead.tools.context import ToolContext
from playhead.tools.spoken import can_be_heard, spoken

_MOST_LINES = 60
_MOST_MATCHES = 40


@tool
def transcript(
    ctx: ToolContext,
    start_s: float | None = None,
    end_s: float | None = None,
    query: str = "",
    video: str = "",
) -> Observation:
    """Read what is said in a part of the video: subtitles or recognised speech, in order of time.
    It costs no pictures. With a query only the lines that match it, each with its neighbours.

    Args:
        start_s: Where the part starts, in seconds. The beginning if left out.
        end_s: Where it ends, in seconds. The end if left out.
        query: Words that the lines must match. All lines if left out.
        video: Which video, such as v1. The first if left out.
    """
    video_id = ctx.video_id(video)
    part, clamped = ctx.clamp(video_id, start_s, end_s)
    lines = spoken(ctx, video_id, part)
    where = f"{ctx.handle(video_id)} {say.span_words(part)}"
    if not lines:
        return say.observation(ctx, [clamped, _why_silent(ctx, video_id, where)])
    num_all = len(lines)
    matched = ""
    if query.strip():
        lines, num = _matching(ctx, video_id, part, lines, query)
        matched = f", of which {num} match {query.strip()[:80]!r}; neighbours are shown, too"
        if not lines:
            words = f"{where}: {num_all} lines, none of which matches {query.strip()[:80]!r}."
            return say.observation(ctx, [clamped, words])
    told = say.bounded([say.line(ctx, line) for line in lines], _MOST_LINES)
    head = f"{where}: {num_all} lines are spoken{matched}."
    rest = ""
    if len(told) < len(lines):
        next_s = lines[len(told)].span.start
        rest = f"{len(lines) - len(told)} more lines: ask again with start_s={next_s:.1f}."
    return say.observation(ctx, [clamped, head, *told, rest], lines[: len(told)])


def _matching(
    ctx: ToolContext, video_id: str, part: Span, lines: Sequence[Evidence], query: str
) -> tuple[list[Evidence], int]:
    """The lines that hold words of the query, each with one neighbour either side; and how many."""
    hits = ctx.search(query, kinds=[Kind.SPEECH], videos=[video_id], span=part, k=_MOST_MATCHES)
    ids = {id_ for hit in hits if "words" in hit.channels for id_ in (hit.evidence.id, *hit.also)}
    places = [i for i, line in enumerate(lines) if line.id in ids]
    near = sorted({i + step for i in places for step in (-1, 0, 1) if 0 <= i + step < len(lines)})
    return [lines[i] for i in near], len(places)


def _why_silent(ctx: ToolContext, video_id: str, where: str) -> str:
    heard = ctx.library.coverage(video_id, Kind.SPEECH)
    if spoken(ctx, video_id, ctx.whole(video_id)):
        return f"{where}: nobody speaks there; there are lines in other parts."
    if not can_be_heard(ctx, video_id):
        return (
            "This video has no subtitles, and there is no speech engine here that could listen to "
            "it: nothing is known of what is said."
        )
    return f"{where}: no words so far; {100 * min(heard, 1.0):.0f} % of the video has been heard."
