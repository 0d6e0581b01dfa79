"""`compare`: two parts side by side: their pictures, and what measurably differs."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from playhead.core.budget import Cost
from playhead.core.evidence import Evidence, Kind
from playhead.core.message import Part
from playhead.core.span import Span
from playhead.core.tools import Observation, tool
from playhead.models.eyes.activity import ActivityCaptioner
from playhead.tools import say
from playhead.tools.context import ToolContext
from playhead.tools.ledger import side_for
from playhead.video.base import Frames

_MOST_EACH = 16
_TOKENS_EACH = 1024  # visual tokens of either part
_SIDE = 160  # pixels of the pictures that are measured
_MEASURED = 24  # pictures of either part
_DARKER = 0.03  # of full brightness: less is no difference
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class _Half:
    """One of the two parts."""

    name: str
    video_id: str
    part: Span
    clamped: str
    """What was made of the part that was asked for, in words."""
    max_side: int

    def price(self, ctx: ToolContext, num: int) -> Cost:
        """What so many pictures of it cost."""
        return ctx.price(self.video_id, num, self.max_side)


@tool
def compare(
    ctx: ToolContext,
    start_a_s: float,
    end_a_s: float,
    start_b_s: float,
    end_b_s: float,
    question: str = "",
    num: int = 4,
    video: str = "",
    video_b: str = "",
) -> Observation:
    """Compare two parts: first the pictures of A, then those of B, and what differs as far as it
    can be measured: what moves, colours, brightness.

    Args:
        start_a_s: Where part A starts, in seconds.
        end_a_s: Where part A ends, in seconds.
        start_b_s: Where part B starts, in seconds.
        end_b_s: Where part B ends, in seconds.
        question: What to compare for.
        num: How many pictures of either part.
        video: Which video A is in, such as v1. The first if left out.
        video_b: Which video B is in. That of A if left out.
    """
    each, limited = say.limited("num", num, _MOST_EACH)
    a = _half(ctx, "A", video, start_a_s, end_a_s, each)
    b = _half(ctx, "B", video_b or video, start_b_s, end_b_s, each)
    one = a.price(ctx, 1) + b.price(ctx, 1)
    affordable = min(ctx.affordable(2 * each, 1) // 2, ctx.affordable(each, one.visual_tokens))
    less = f"Only {affordable} of {each} pictures each are affordable." if affordable < each else ""
    each = min(each, max(1, affordable))
    cost = a.price(ctx, each) + b.price(ctx, each)
    ctx.pay(cost)
    parts: list[Part | str] = []
    found: list[Evidence] = []
    for half in (a, b):
        frames = ctx.see(
            half.video_id, half.part.grid(each), max_side=half.max_side, source="compare"
        )
        found.append(Evidence.make(half.video_id, half.part, Kind.PICTURE, frames=frames.refs))
        parts += [_head(ctx, half, found[-1]), *say.pictures(frames)]
    differs = _difference(_measured(ctx, a), a.part, _measured(ctx, b), b.part)
    asked = f"Compare for: {question.strip()[:400]}" if question.strip() else ""
    notes = " ".join(word for word in (differs, limited, less, asked) if word)
    return say.observation(ctx, [*parts, notes], found, cost)


def _half(ctx: ToolContext, name: str, video: str, start_s: float, end_s: float, num: int) -> _Half:
    video_id = ctx.video_id(video)
    part, clamped = ctx.clamp(video_id, start_s, end_s)
    return _Half(name, video_id, part, clamped, side_for(ctx.info(video_id), _TOKENS_EACH / num))


def _head(ctx: ToolContext, half: _Half, found: Evidence) -> str:
    where = f"{ctx.handle(half.video_id)} {say.span_words(half.part)}"
    words = f"[{found.id}] {half.name}: {where}, {len(found.frames)} pictures."
    return f"{words} {half.clamped}".strip()


def _measured(ctx: ToolContext, half: _Half) -> Frames:
    """Small pictures of a part, evenly spread, at most four a second: shown to nobody."""
    num = max(2, min(_MEASURED, round(4 * half.part.duration)))
    return ctx.decode(half.video_id, half.part.grid(num), max_side=_SIDE)


def _difference(a: Frames, part_a: Span, b: Frames, part_b: Span) -> str:
    """What differs, in words: what is true of both is left out."""
    captioner = ActivityCaptioner()
    told_a = _sentences(captioner.caption(a, part_a))
    told_b = _sentences(captioner.caption(b, part_b))
    only_a = " ".join(sentence for sentence in told_a if sentence not in told_b)
    only_b = " ".join(sentence for sentence in told_b if sentence not in told_a)
    words = [f"Only of A holds: {only_a}"] if only_a else []
    words += [f"Only of B holds: {only_b}"] if only_b else []
    change = (float(b.pixels.mean()) - float(a.pixels.mean())) / 255
    if abs(change) >= _DARKER:
        words.append(f"B is {'brighter' if change > 0 else 'darker'} by {100 * abs(change):.0f} %.")
    means = [frames.pixels.reshape(-1, 3).mean(axis=0) for frames in (a, b)]
    shift = (means[1] - means[0] - (means[1] - means[0]).mean()) / 255
    strongest = int(np.argmax(np.abs(shift)))
    if abs(shift[strongest]) >= _DARKER:
        more = "more" if shift[strongest] > 0 else "less"
        words.append(f"B has {more} {('red', 'green', 'blue')[strongest]}.")
    return " ".join(words) or "No measurable difference in what moves, colours or brightness."


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in _SENTENCE.split(text.strip()) if sentence]
