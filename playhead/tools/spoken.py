"""What is said in a part of a video, as far as it may be known."""

from __future__ import annotations

from playhead.core.evidence import Evidence, Kind
from playhead.core.span import Span
from playhead.tools.context import ToolContext


def spoken(ctx: ToolContext, video_id: str, part: Span) -> list[Evidence]:
    """The lines spoken in a part, in order of time: none that ends later than may be known."""
    entries = ctx.library.memory.entries(video_id, kind=Kind.SPEECH, span=part)
    lines = [entry.evidence for entry in entries]
    if ctx.latest_s is not None:
        lines = [line for line in lines if line.span.end <= ctx.latest_s]
    return sorted(lines, key=lambda line: (line.span.start, line.span.end, line.id))


def can_be_heard(ctx: ToolContext, video_id: str) -> bool:
    """Whether the video has subtitles, or somebody listens to it."""
    recipe = ctx.library.recipe
    listens = any(
        str(eye.kind) == Kind.SPEECH for eye in (*recipe.made_eyes, *recipe.made_late_eyes)
    )
    has_text = any(track.is_text for track in ctx.info(video_id).text_tracks)
    return listens or has_text
