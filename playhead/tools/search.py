"""`search`: moments found in everything that is remembered, by words, by a picture, or both."""

from __future__ import annotations

from playhead.core.errors import Blamed, Origin
from playhead.core.evidence import Evidence
from playhead.core.memory import Hit
from playhead.core.span import Span
from playhead.core.tools import Observation, tool
from playhead.tools import say
from playhead.tools.anchors import find_anchor
from playhead.tools.context import ToolContext

_FOR_EVER_S = 1e9
_MOST_HITS = 20


@tool
def search(
    ctx: ToolContext,
    text: str = "",
    anchor: str = "",
    kinds: list[str] | None = None,
    videos: list[str] | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    until_s: float | None = None,
    k: int = 5,
) -> Observation:
    """Find moments in what is remembered of the videos: what is said, written, described, or looks
    like an anchor. Without text and anchor, but with kinds: all of these kinds, in order of time.
    What has not been looked at yet cannot be found: the answer says how much has.

    Args:
        text: Words to look for, such as a name or a line. Rare words find more than sentences.
        anchor: Id of an anchor picture to look for, such as q1.
        kinds: Only these: speech, screen_text, caption, picture, track, note.
        videos: Only these videos, such as v1.
        start_s: Only what lies after this second, in whole or in part.
        end_s: Only what lies before this second, in whole or in part.
        until_s: Only what had ended by this second.
        k: How many moments.
    """
    is_list = not text.strip() and not anchor.strip()
    if is_list and not kinds:
        raise Blamed(Origin.MODEL, "give text or an anchor to search for, or kinds to list")
    picture = ctx.resolve([find_anchor(ctx.anchors, anchor).frame])[0] if anchor.strip() else None
    num, limited = say.limited("k", k, _MOST_HITS)
    ids = [ctx.video_id(name) for name in videos] if videos else list(ctx.video_ids)
    limits = [limit for limit in (until_s, ctx.latest_s) if limit is not None]
    part = _part(ctx, start_s, end_s)
    hits = ctx.search(
        text.strip() or None,
        image=picture,
        kinds=kinds or None,
        videos=ids,
        until_s=min(limits) if limits else None,
        k=num + is_list,
        **({} if part is None else {"span": part}),
    )
    more = ""
    if len(hits) > num:
        more = f"There are more: ask again with start_s={hits[num - 1].span.end:.1f}."
        hits = hits[:num]
    lines = say.bounded([_line(ctx, hit) for hit in hits], num) or ["Nothing found."]
    found = [hit.evidence for hit in hits[: len(lines)]]
    return say.observation(ctx, [limited, *lines, more, say.covered(ctx, ids)], found)


def _line(ctx: ToolContext, hit: Hit) -> str:
    scores = ", ".join(
        f"{channel.partition(':')[0]} {score:.2f}" for channel, score in hit.channels.items()
    )
    moment = "" if _is_same(hit) else f" (the moment: {hit.span.timecode})"
    told = f" ({scores})" if scores else ""
    return f"{say.line(ctx, hit.evidence)}{moment}{told}"


def _part(ctx: ToolContext, start_s: float | None, end_s: float | None) -> Span | None:
    """The seconds to search in. None: all that may be seen."""
    if start_s is None and end_s is None:
        return None
    start, end = max(0.0, start_s or 0.0), _FOR_EVER_S if end_s is None else end_s
    if not start < end:
        raise Blamed(Origin.MODEL, f"a part needs start_s < end_s: got {start_s} and {end_s}")
    part = Span(start=start, end=end)
    within = part if ctx.within is None else part.clamp(ctx.within)
    if within is None:
        raise Blamed(Origin.MODEL, f"only {ctx.within} may be searched: got {part}")
    return within


def _is_same(hit: Hit) -> bool:
    evidence: Evidence = hit.evidence
    return hit.span.iou(evidence.span) > 0.9
