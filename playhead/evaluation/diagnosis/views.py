"""Views: what a question is put with when it is not the agent that decides what to look at.

    shown = evenly(8).show(ctx, task)        # the parts of a message: each picture after its time

A view decodes and spends no budget. Where it has nothing to show for a task (the evidence of a task
whose seconds are not known) it gives None, and the task is left out of what is measured with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from playhead.core.evidence import Kind
from playhead.core.media import FrameRef
from playhead.core.message import Part, TextPart
from playhead.core.span import Span, outside
from playhead.core.trajectory import Task
from playhead.evaluation.asking import frames_of, pictures
from playhead.models.dialects.video_thinker import blocks
from playhead.models.eyes.activity import ActivityCaptioner
from playhead.models.eyes.base import Captioner
from playhead.tools.context import ToolContext
from playhead.video.selectors import find_selector

Show = Callable[[ToolContext, Task], Sequence[Part] | None]
Told = Sequence[tuple[Span, str]]
Tell = Callable[[ToolContext, Span], Told]
"""What happens in a stretch of the first video, in words."""

_MARGIN_S = 1.0
_EDGE_S = 0.05  # how long before the end of a stretch it is still looked at
_MOST_WORDS = 48_000
"""Characters of captions, about 12,000 tokens: of more, every other one is left out."""


@dataclass(frozen=True)
class View:
    """What is shown with a question, and what that is called."""

    name: str
    show: Show


def _nothing(ctx: ToolContext, task: Task) -> Sequence[Part]:
    return []


blind = View("blind", _nothing)
"""The question alone."""


def selected(selector: str, num: int) -> View:
    """So many pictures of the first video that a selector chooses.

    Raises:
        NoSuchPlugin: No such selector.
    """
    choose = find_selector(selector)

    def show(ctx: ToolContext, task: Task) -> Sequence[Part]:
        id_ = ctx.video_ids[0]
        times_s = choose(ctx.video(id_), ctx.whole(id_), num, task.question)
        return pictures(_at(ctx, times_s))

    return View(f"{selector}:{num}", show)


def evenly(num: int) -> View:
    """So many pictures, the centres of equal parts."""
    return selected("uniform", num)


single_frame = View("single_frame", evenly(1).show)
"""The picture in the middle."""


def _salient(ctx: ToolContext, task: Task) -> Sequence[Part]:
    """Of the two pictures that differ most, not the one that is like most others."""
    id_ = ctx.video_ids[0]
    choose, video, whole = find_selector("distinct"), ctx.video(id_), ctx.whole(id_)
    ordinary = choose(video, whole, 1, None)
    rare = [time_s for time_s in choose(video, whole, 2, None) if time_s not in ordinary]
    return pictures(_at(ctx, rare or ordinary))


salient = View("salience", _salient)
"""The one picture that is least like the most ordinary one."""


def evidence(num: int = 16) -> View:
    """About so many pictures of the seconds that hold the truth: oracle frames."""

    def show(ctx: ToolContext, task: Task) -> Sequence[Part] | None:
        return pictures(frames_of(ctx, task.spans, num=num)) if task.spans else None

    return View(f"evidence:{num}", show)


def stabbing(num: int) -> View:
    """The first so many pictures of the fewest that together touch every stretch of the truth: the
    minimum required frame set of HERBench, in order of time.

    They are found greedily by right ends, which is optimal for intervals (Nemhauser and Wolsey).
    """

    def show(ctx: ToolContext, task: Task) -> Sequence[Part] | None:
        if not task.spans:
            return None
        taken = list[float]()
        for span in sorted(task.spans, key=lambda span: span.end):
            if not any(time_s in span for time_s in taken):
                taken.append(max(span.start, span.end - _EDGE_S))
        return pictures(_at(ctx, sorted(taken)[:num]))

    return View(f"stabbing:{num}", show)


def rest(num: int = 32) -> View:
    """So many pictures of everything but those seconds and one around each."""

    def show(ctx: ToolContext, task: Task) -> Sequence[Part] | None:
        if not task.spans:
            return None
        left = outside(ctx.whole(ctx.video_ids[0]), task.spans, _MARGIN_S)
        return pictures(frames_of(ctx, left, num=num)) if left else None

    return View(f"rest:{num}", show)


def captions(tell: Tell | None = None) -> View:
    """What happens in the whole video, in words and without pictures.

    Args:
        tell: Who says it. None: what the memory has in words, else the embedded captioner.
    """
    telling = tell or remembered

    def show(ctx: ToolContext, task: Task) -> Sequence[Part] | None:
        return _in_words(telling(ctx, ctx.whole(ctx.video_ids[0])))

    return View("captions", show)


def evidence_in_words(tell: Tell | None = None) -> View:
    """What happens in the seconds that hold the truth, in words and without pictures."""
    telling = tell or remembered

    def show(ctx: ToolContext, task: Task) -> Sequence[Part] | None:
        whole = ctx.whole(ctx.video_ids[0])
        inside = [part for span in task.spans or () if (part := span.clamp(whole)) is not None]
        return _in_words([told for span in inside for told in telling(ctx, span)])

    return View("evidence_in_words", show)


def remembered(ctx: ToolContext, span: Span) -> Told:
    """The captions that are in memory; if there are none, the embedded captioner's of 8 s each."""
    id_ = ctx.video_ids[0]
    found = ctx.library.memory.entries(id_, kind=Kind.CAPTION.value, span=span)
    known = [(entry.evidence.span, entry.evidence.text) for entry in found]
    return known or by_captioner(ctx.captioner or ActivityCaptioner())(ctx, span)


def by_captioner(captioner: Captioner) -> Tell:
    """What a captioner says of every 8 s."""

    def tell(ctx: ToolContext, span: Span) -> Told:
        pyramid = ctx.library.pyramid(ctx.video(ctx.video_ids[0]), captioner)
        return [(piece.span, piece.text) for piece in pyramid.at("8s", span)]

    return tell


def _in_words(told: Told) -> Sequence[Part] | None:
    told = list(told)
    while len(text := blocks(told)) > _MOST_WORDS and len(told) > 1:
        told = told[::2]
    return [TextPart(text=text)] if text else None


def _at(ctx: ToolContext, times_s: Sequence[float]) -> list[FrameRef]:
    if not times_s:
        return []
    return list(dict.fromkeys(ctx.decode(ctx.video_ids[0], times_s, max_side=None).refs))
