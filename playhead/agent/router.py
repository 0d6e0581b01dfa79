"""The router: which strategy a question gets when nobody chose one.

Short clips get no tools: below a minute, looking at everything is cheaper than seeking, and tools
offered to a model that was not trained to use them make it worse (67.4 to 58.3 on Video-MME for one
8B model, VideoSeeker, table 5). A policy that can only work with tools always gets them, and tools
of the caller's own are always offered: whoever brings one wants it used.
"""

from __future__ import annotations

from collections.abc import Iterable

from playhead.core.policy import Policy
from playhead.core.tools import Tool
from playhead.tools.context import ToolContext
from playhead.tools.toolset import default_tools

SHORT_S = 60.0
"""Seconds of video, in all, that are looked at as a whole."""


def route(ctx: ToolContext, policy: Policy, tools: Iterable[Tool]) -> str:
    """The name of a strategy."""
    length_s = sum(ctx.whole(video_id).duration for video_id in ctx.video_ids)
    if length_s > SHORT_S or getattr(policy, "needs_tools", False):
        return "seek"
    ours = default_tools()
    return "direct" if all(tool in ours for tool in tools) else "seek"
