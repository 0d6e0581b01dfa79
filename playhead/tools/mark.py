"""`mark`: point at a thing in a picture, to refer to it afterwards."""

from __future__ import annotations

from typing import Literal

from playhead.core.errors import Blamed, Origin
from playhead.core.evidence import Evidence
from playhead.core.media import FrameRef
from playhead.core.message import PicturePart
from playhead.core.span import Span, stamp
from playhead.core.tools import Observation, tool
from playhead.tools import made, say
from playhead.tools.anchors import add_anchor
from playhead.tools.context import ToolContext
from playhead.tools.ledger import side_for
from playhead.tools.roi import on_pixels, read_region

_TOKENS = 512  # that the marked picture takes
_SHORTEST_S = 1e-3

MarkKind = Literal["rectangle", "ellipse", "triangle", "point"]


@tool(reads_only=False)
def mark(
    ctx: ToolContext,
    time_s: float,
    region: list[float],
    kind: MarkKind = "rectangle",
    video: str = "",
) -> Observation:
    """Point at a thing in a picture. You get an anchor, such as a1, that search and look take to
    find or show the thing again; and the picture with the mark on it, to see that it is right.

    Args:
        time_s: Which picture: the one on screen at this second.
        region: Where the thing is: top, left, bottom, right as fractions from 0 to 1.
        kind: What the mark looks like.
        video: Which video, such as v1. The first if left out.
    """
    video_id = ctx.video_id(video)
    box = read_region(region)
    if box is None:
        raise Blamed(Origin.MODEL, "a region is [top, left, bottom, right]: got none")
    when_s, moved = _when_s(ctx.whole(video_id), time_s)
    frames, cost = ctx.look(
        video_id, [when_s], max_side=side_for(ctx.info(video_id), _TOKENS), source="mark"
    )
    (whole,), picture = frames.refs, frames.pixels[0]
    thing = frames.crop(on_pixels(box, *picture.shape[:2]))
    ctx.keep(thing.refs[0], thing.pixels[0])
    marked, drawn = made.marked(whole, picture, kind, box)
    ctx.keep(marked, drawn)
    anchor = add_anchor(ctx.anchors, thing.refs[0], kind, marked)
    found = _evidence(ctx, video_id, when_s, f"{anchor.id}: {kind} in this picture", marked)
    words = f"[{found.id}] Anchor {anchor.id} in {ctx.handle(video_id)}: a {kind} at"
    sides = ", ".join(f"{side:.2f}" for side in (box.top, box.left, box.bottom, box.right))
    head = f"{words} [{sides}], <{stamp(whole.time_s)}>. {moved}".strip()
    return say.observation(ctx, [head, PicturePart(frame=marked)], [found], cost)


def _when_s(whole: Span, time_s: float) -> tuple[float, str]:
    """A time inside the part that may be seen, and a sentence if that is another than asked."""
    last_s = max(whole.start, whole.end - _SHORTEST_S)
    when_s = min(max(time_s, whole.start), last_s)
    if when_s == time_s or whole.start <= time_s < whole.end:
        return when_s, ""
    return when_s, f"{time_s:g} s is outside what can be seen; marked is {when_s:.1f} s."


def _evidence(
    ctx: ToolContext, video_id: str, when_s: float, text: str, marked: FrameRef
) -> Evidence:
    end_s = min(ctx.whole(video_id).end, when_s + 1.0)
    span = Span(start=when_s, end=max(end_s, when_s + _SHORTEST_S / 2))
    return Evidence.make(video_id, span, "anchor", text=text, frames=[marked])
