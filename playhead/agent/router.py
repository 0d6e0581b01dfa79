"""The router: which strategy a question gets when nobody chose one.

Short clips get no tools: below a minute, looking at everything is cheaper than seeking, and tools
offered to a model that was not trained to use them make it worse (67.4 to 58.3 on Video-MME for one
8B model, VideoSeeker, table 5). A policy that can only work with tools always gets them.
"""

from __future__ import annotations

from playhead.core.policy import Policy
from playhead.tools.context import ToolContext

SHORT_S = 60.0
"""Seconds of video, in all, that are looked at as a whole."""


def route(ctx: ToolContext, policy: Policy) -> str:
    """The name of a strategy."""
    if getattr(policy, "needs_tools", False):
        return "seek"
    length_s = sum(ctx.whole(video_id).duration for video_id in ctx.video_ids)
    return "direct" if length_s <= SHORT_S else "seek"
