"""`look`: pictures of a part of a video, as many and as large as the model asks and can afford."""

from __future__ import annotations

from playhead.core.errors import Blamed, Origin
from playhead.core.evidence import Evidence, Kind
from playhead.core.media import Region
from playhead.core.message import Part, PicturePart, TextPart
from playhead.core.span import Span, stamp
from playhead.core.tools import Observation, tool
from playhead.tools import made, say
from playhead.tools.context import (
    QUOTA_TOKENS,
    Quota,
    ToolContext,
    side_for,
    visual_tokens,
)
from playhead.video.base import Frames

_USUAL_NUM = 8
_MOST_PICTURES = 64  # in one call
_FEWEST_TOKENS = 16  # a picture with less shows nothing


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
        video: Which video, such as v1. The first if left out.
    """
    video_id = ctx.video_id(video)
    part, clamped = ctx.clamp(video_id, start_s, end_s)
    region = _region(roi)
    times_s = _times_s(ctx, video_id, part, num, fps)
    info = ctx.info(video_id)
    share = 1.0 if region is None else (region.bottom - region.top) * (region.right - region.left)
    side = side_for(info, max(QUOTA_TOKENS[quota] / len(times_s), _FEWEST_TOKENS) / share)
    scale = side / max(info.height, info.width)
    tokens = visual_tokens(round(info.height * scale), round(info.width * scale))
    num_affordable = ctx.affordable(len(times_s), tokens)
    less = ""
    if num_affordable < len(times_s):
        less = f"Only {num_affordable} of {len(times_s)} pictures are affordable."
        times_s = part.grid(num_affordable) if num_affordable else times_s
    frames, cost = ctx.look(video_id, times_s, max_side=side)
    if region is not None:
        frames = frames.crop(region)
        for ref, picture in zip(frames.refs, frames.pixels, strict=True):
            ctx.keep(ref, picture)
    found = Evidence.make(video_id, part, Kind.PICTURE, frames=frames.refs)
    head = f"[{found.id}] {ctx.handle(video_id)} {say.span_words(part)}, {_how(frames)}."
    words = " ".join(word for word in (head, clamped, less) if word)
    return say.observation(
        ctx, [words, *_anchor_parts(ctx, anchor), *say.pictures(frames)], [found], cost
    )


def _times_s(
    ctx: ToolContext, video_id: str, part: Span, num: int | None, fps: float | None
) -> list[float]:
    """When to look; each picture once."""
    if fps is not None and fps > 0 and num is None:
        wanted = part.every(1.0 / fps)
        if len(wanted) > _MOST_PICTURES:
            raise Blamed(
                Origin.MODEL,
                f"{len(wanted)} pictures are more than the {_MOST_PICTURES} of one call: ask for "
                f"at most {_MOST_PICTURES / fps:.1f} s at {fps:g} pictures a second",
            )
    else:
        wanted = part.grid(min(max(1, num or _USUAL_NUM), _MOST_PICTURES))
    rate = ctx.info(video_id).fps
    most = max(1, round(part.duration * float(rate))) if rate else 1
    return wanted if len(wanted) <= most else part.grid(most)


def _region(roi: list[float] | None) -> Region | None:
    if not roi:
        return None
    if len(roi) != 4:
        raise Blamed(Origin.MODEL, f"roi is [top, left, bottom, right]: got {roi}")
    top, left, bottom, right = (min(1.0, max(0.0, float(side))) for side in roi)
    if not (top < bottom and left < right):
        raise Blamed(
            Origin.MODEL, f"roi needs top < bottom and left < right, from 0 to 1: got {roi}"
        )
    return Region(top=top, left=left, bottom=bottom, right=right)


def _how(frames: Frames) -> str:
    _, height, width, _ = frames.pixels.shape
    size = f"{width}x{height} pixels"
    if len(frames) == 1:
        return f"1 picture of {size}"
    apart_s = float(frames.times_s[-1] - frames.times_s[0]) / (len(frames) - 1)
    return f"{len(frames)} pictures of {size}, {apart_s:.2g} s apart"


def _anchor_parts(ctx: ToolContext, name: str) -> list[Part]:
    if not name.strip():
        return []
    anchor = ctx.anchors.get(name.strip())
    if anchor is None:
        known = ", ".join(ctx.anchors) or "none yet: make one with mark"
        raise Blamed(Origin.MODEL, f"no anchor {name!r}; there are {known}")
    frame = anchor.frame
    if anchor.kind in made.MARKS and frame.roi is not None:
        whole = frame.replace(roi=None)
        (picture,) = ctx.resolve([whole])
        frame, drawn = made.marked(whole, picture, anchor.kind, frame.roi)
        ctx.keep(frame, drawn)
    words = f"Anchor {anchor.id}, <{stamp(frame.time_s)}>:"
    return [TextPart(text=words), PicturePart(frame=frame)]
