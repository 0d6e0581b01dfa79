"""`overview`: a video as a whole, in one contact sheet and a few facts."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from playhead.core.budget import Cost
from playhead.core.evidence import Evidence, Kind
from playhead.core.media import FrameRef, VideoInfo
from playhead.core.message import Part, PicturePart
from playhead.core.span import Span
from playhead.core.tools import Observation, tool
from playhead.tools import made, say
from playhead.tools.context import ToolContext
from playhead.tools.ledger import visual_tokens
from playhead.tools.spoken import spoken
from playhead.video.base import Frames

_MOST_CELLS = 25
_CELL_HEIGHTS = (180, 120, 72)  # pixels: the largest that is affordable is taken
_WIDEST_CELL = 400  # pixels
_STRIP = 26  # pixels above each cell, for its time, and beside it
_MOST_SHOTS = 24  # that are listed


@tool
def overview(ctx: ToolContext, video: str = "", num: int = 9) -> Observation:
    """See a video as a whole: one sheet of small pictures, each under its time, and what is known
    so far: length, size, sound, subtitles, shots, what is said first and last, and how much of it
    has been seen, heard and read. A good first look at a video that you know nothing about.

    Args:
        video: Which video, such as v1. The first if left out.
        num: How many small pictures the sheet has.
    """
    video_id = ctx.video_id(video)
    whole = ctx.whole(video_id)
    num, limited = say.limited("num", num, _MOST_CELLS)
    shots = [shot.span.clamp(whole) for shot in ctx.library.shots(video_id)]
    known = [shot for shot in shots if shot is not None]
    found, parts, cost = _sheet(ctx, video_id, whole, _cells(known, whole, num))
    lines = [*_facts(ctx, video_id, whole), *_shots(known), *_said(ctx, video_id, whole)]
    words = "\n".join([*lines, say.covered(ctx, [video_id]), *([limited] if limited else ())])
    return say.observation(ctx, [words, *parts], found, cost)


def _cells(shots: Sequence[Span], whole: Span, num: int) -> list[float]:
    """When to look: in every shot while they last, the longest first; else evenly."""
    if len(shots) < 2:
        return whole.grid(num)
    longest = sorted(shots, key=lambda shot: (-shot.duration, shot.start))[:num]
    shares = dict.fromkeys(longest, 1)
    queue = [(-shot.duration / 2, shot.start, shot) for shot in longest]
    heapq.heapify(queue)
    for _ in range(num - len(longest)):
        _, start, shot = heapq.heappop(queue)
        shares[shot] += 1
        heapq.heappush(queue, (-shot.duration / (shares[shot] + 1), start, shot))
    return sorted(time_s for shot, share in shares.items() for time_s in shot.grid(share))


def _sheet(
    ctx: ToolContext, video_id: str, whole: Span, times_s: list[float]
) -> tuple[list[Evidence], list[Part | str], Cost]:
    """The sheet as evidence, as parts, and what it cost; words instead if it is not affordable."""
    for height in _CELL_HEIGHTS:
        height = _cell_height(ctx.info(video_id), height)
        price = _price(ctx.info(video_id), len(times_s), height)
        if ctx.ledger.pay(price):
            ref, words = _make(ctx, video_id, times_s, height)
            found = Evidence.make(video_id, whole, Kind.PICTURE, text=words, frames=[ref])
            head = f"[{found.id}] {words}"
            return [found], [head, PicturePart(frame=ref)], price
    return [], ["A sheet of pictures is not affordable any more."], Cost()


def _make(
    ctx: ToolContext, video_id: str, times_s: list[float], height: int
) -> tuple[FrameRef, str]:
    frames = ctx.see(video_id, times_s, max_side=made.sheet_side(height), source="overview")
    frames = _each_once(frames)
    columns = _columns(len(frames))
    ref, picture = made.sheet(frames, columns, height)
    ctx.keep(ref, picture)
    return ref, f"A sheet of {len(frames)} pictures, left to right, then down, each under its time"


def _each_once(frames: Frames) -> Frames:
    _, first = np.unique(frames.times_s, return_index=True)
    return frames[first]


def _columns(num: int) -> int:
    return max(1, int(np.ceil(np.sqrt(num))))


def _cell_height(info: VideoInfo, height: int) -> int:
    return max(16, min(height, round(_WIDEST_CELL * info.height / info.width)))


def _price(info: VideoInfo, num: int, height: int) -> Cost:
    """At least what a sheet of so many cells costs: known before it is made."""
    width = round(height * info.width / info.height)
    columns = _columns(num)
    rows = -(-num // columns)
    wide, high = columns * (max(width, 80) + _STRIP), rows * (height + 2 * _STRIP)
    return Cost(frames=1, frames_decoded=num, visual_tokens=visual_tokens(high, wide))


def _facts(ctx: ToolContext, video_id: str, whole: Span) -> list[str]:
    info = ctx.info(video_id)
    known = ctx.library.video(video_id)
    rate = f", {float(info.fps):.4g} pictures a second" if info.fps else ""
    sound = "with sound" if info.has_audio else "without sound"
    tongues = sorted({track.language or "unknown" for track in info.text_tracks if track.is_text})
    subtitles = f"subtitles: {', '.join(tongues[:8])}" if tongues else "no subtitles inside"
    title = f"{known.title[:120]!r}"
    lines = [
        f"{ctx.handle(video_id)} {title}: {info.width}x{info.height} pixels{rate}, {sound}, "
        f"{subtitles}. It can be seen from {say.span_words(whole)}."
    ]
    if known.camera:
        lines.append(f"Camera: {known.camera[:80]}.")
    return lines


def _shots(shots: Sequence[Span]) -> list[str]:
    if len(shots) < 2:
        return []
    named = ", ".join(shot.timecode for shot in shots[:_MOST_SHOTS])
    more = f" and {len(shots) - _MOST_SHOTS} more" if len(shots) > _MOST_SHOTS else ""
    return [f"{len(shots)} shots known so far: {named}{more}."]


def _said(ctx: ToolContext, video_id: str, whole: Span) -> list[str]:
    lines = spoken(ctx, video_id, whole)
    if not lines:
        return []
    if len(lines) == 1:
        return [f"Said: {lines[0].span.timecode} {lines[0].text[:200]!r}"]
    first = f"Said first, of {len(lines)} lines: {lines[0].span.timecode} {lines[0].text[:200]!r}"
    last = f"Said last: {lines[-1].span.timecode} {lines[-1].text[:200]!r}"
    return [first, last]
