"""`look`: pictures of a part of a video, as many and as large as the model asks and can afford."""

from __future__ import annotations

from playhead.core.budget import Cost
from playhead.core.errors import Blamed, Origin
from playhead.core.evidence import Evidence, Kind
from playhead.core.media import Region, VideoInfo
from playhead.core.message import Part, PicturePart, TextPart
from playhead.core.span import Span, stamp
from playhead.core.tools import Observation, tool
from playhead.tools import say
from playhead.tools.anchors import Anchor, find_anchor
from playhead.tools.context import ToolContext
from playhead.tools.ledger import QUOTA_TOKENS, Quota, side_for, visual_tokens
from playhead.tools.roi import propose_regions, read_region
from playhead.video.base import Frames
from playhead.video.marks import grow

_USUAL_NUM = 8
_MOST_PICTURES = 64  # in one call
_FEWEST_TOKENS = 16  # a picture with less shows nothing
_ZOOM_SIDE = 320  # pixels of the picture that is searched for an anchor
_ROOM = 0.25  # of a region found: it is shown with so much around it


@tool
def look(
    ctx: ToolContext,
    start_s: float,
    end_s: float,
    num: int | None = None,
    fps: float | None = None,
    quota: Quota = "medium",
    roi: list[float] | None = None,
    anchor: str = "",
    zoom: bool = False,
    video: str = "",
) -> Observation:
    """Look at pictures of a part of the video. Each comes after its time, like <42.0s>. More
    pictures are smaller ones: together they take about the quota. To read small things ask for one
    or two pictures, or for a region.

    Args:
        start_s: Where the part starts, in seconds.
        end_s: Where it ends, in seconds.
        num: How many pictures, spread evenly. Give this or fps; 8 if neither.
        fps: How many pictures a second, for fast events.
        quota: How much detail: coarse (1024 tokens in all), medium (2048) or fine (4096).
        roi: Only this region of each picture: top, left, bottom, right as fractions from 0 to 1.
        anchor: Id of an anchor: its picture is shown first, marked, to compare with.
        zoom: With an anchor and no roi: only the region that looks most like the anchor.
        video: Which video, such as v1. The first if left out.
    """
    video_id = ctx.video_id(video)
    part, clamped = ctx.clamp(video_id, start_s, end_s)
    named = find_anchor(ctx.anchors, anchor) if anchor.strip() else None
    region, found_words = read_region(roi), ""
    times_s, fewer = _times_s(ctx, video_id, part, num, fps)
    if zoom and region is None and named is not None:
        region, found_words = _zoomed(ctx, video_id, times_s, named)
    side = _side(ctx.info(video_id), QUOTA_TOKENS[quota] / len(times_s), region)
    first, first_cost = _anchor_parts(ctx, named)
    num_affordable = ctx.affordable(
        len(times_s), ctx.price(video_id, 1, side, region).visual_tokens
    )
    less = ""
    if num_affordable < len(times_s):
        less = f"Only {num_affordable} of {len(times_s)} pictures are affordable."
        times_s = part.grid(num_affordable) if num_affordable else times_s
    frames, cost = ctx.look(video_id, times_s, max_side=side, roi=region)
    found = Evidence.make(video_id, part, Kind.PICTURE, frames=frames.refs)
    head = f"[{found.id}] {ctx.handle(video_id)} {say.span_words(part)}, {_how(frames)}."
    words = " ".join(word for word in (head, clamped, fewer, found_words, less) if word)
    return say.observation(ctx, [words, *first, *say.pictures(frames)], [found], cost + first_cost)


def _times_s(
    ctx: ToolContext, video_id: str, part: Span, num: int | None, fps: float | None
) -> tuple[list[float], str]:
    """When to look, each picture once; and a sentence if that is less than was asked for."""
    rate = ctx.info(video_id).fps
    most = max(1, round(part.duration * float(rate))) if rate else 1
    if fps is not None and fps > 0 and num is None:
        wanted = part.duration * min(fps, float(rate or 1))
        if wanted > _MOST_PICTURES:
            raise Blamed(
                Origin.MODEL,
                f"{wanted:.0f} pictures are more than the {_MOST_PICTURES} of one call: ask for "
                f"at most {_MOST_PICTURES / fps:.1f} s at {fps:g} pictures a second",
            )
        times_s = part.every(1.0 / fps) if wanted > 1 else [part.start]
        return (times_s, "") if len(times_s) <= most else (part.grid(most), "")
    asked = _USUAL_NUM if num is None else num
    kept, limited = say.limited("num", asked, _MOST_PICTURES)
    if kept > most:
        limited = "" if num is None else f"This part has {most} different pictures."
    return part.grid(min(kept, most)), limited


def _side(info: VideoInfo, tokens: float, region: Region | None) -> int:
    """The longer side, in pixels, of pictures of which a region takes about so many tokens."""
    share = 1.0 if region is None else (region.bottom - region.top) * (region.right - region.left)
    return side_for(info, max(tokens, _FEWEST_TOKENS) / max(share, 1e-6))


def _how(frames: Frames) -> str:
    _, height, width, _ = frames.pixels.shape
    size = f"{width}x{height} pixels"
    if len(frames) == 1:
        return f"1 picture of {size}"
    apart_s = float(frames.times_s[-1] - frames.times_s[0]) / (len(frames) - 1)
    return f"{len(frames)} pictures of {size}, {apart_s:.2g} s apart"


def _zoomed(
    ctx: ToolContext, video_id: str, times_s: list[float], anchor: Anchor
) -> tuple[Region | None, str]:
    """The region of the middle picture that looks most like an anchor, with some room around it."""
    embedders = ctx.library.recipe.picture_embedders
    if not embedders:
        return None, "No zoom: nothing here compares pictures."
    (wanted,) = ctx.resolve([anchor.frame])
    middle = ctx.decode(video_id, [times_s[len(times_s) // 2]], max_side=_ZOOM_SIDE)
    (region, _), *_ = propose_regions(wanted, middle.pixels[0], embedders[0], num=1)
    region = grow(region, _ROOM)
    sides = ", ".join(
        f"{side:.2f}" for side in (region.top, region.left, region.bottom, region.right)
    )
    return region, f"Zoomed to [{sides}], which looks most like {anchor.id}."


def _anchor_parts(ctx: ToolContext, anchor: Anchor | None) -> tuple[list[Part], Cost]:
    """An anchor's picture after its time, and what it costs: paid for, or left out."""
    if anchor is None:
        return [], Cost()
    frame = anchor.shown
    price = Cost(frames=1, visual_tokens=visual_tokens(frame.height, frame.width))
    if not ctx.ledger.pay(price):
        return [TextPart(text=f"Anchor {anchor.id} is not affordable any more.")], Cost()
    words = f"Anchor {anchor.id}, <{stamp(frame.time_s)}>:"
    return [TextPart(text=words), PicturePart(frame=frame)], price
