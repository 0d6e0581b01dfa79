"""Dialects: the published ways in which tool-trained models write calls and are told results.

A checkpoint trained elsewhere keeps its own syntax; `find_dialect` gives the one that turns it into
our calls and back. `converse` and `read_conversation` do it for whole conversations.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from playhead.core.plugins import find_plugin, plugin_names
from playhead.models.dialects.base import Clock, Dialect, Results, expressible
from playhead.models.dialects.conversation import converse, read_conversation
from playhead.models.dialects.video_thinker import intrinsic_spans

__all__ = [
    "Clock",
    "Dialect",
    "Results",
    "converse",
    "dialect_names",
    "expressible",
    "find_dialect",
    "intrinsic_spans",
    "read_conversation",
]

_DIALECTS = {
    "openai": "openai:OPENAI",
    "hermes": "hermes:HERMES",
    "long_vt": "hermes:LONG_VT",
    "tool_code": "tool_code:TOOL_CODE",
    "eva": "eva:EVA",
    "video_o3": "video_o3:VIDEO_O3",
    "dynframe": "dynframe:DYNFRAME",
    "frame_thinker": "frame_thinker:FRAME_THINKER",
    "video_mtr": "video_mtr:VIDEO_MTR",
    "long_video_agent": "long_video_agent:LONG_VIDEO_AGENT",
    "ego_r1": "ego_r1:EGO_R1",
    "m3": "m3:M3",
    "video_zoomer": "video_zoomer:VIDEO_ZOOMER",
    "video_mind": "video_mind:VIDEO_MIND",
    "video_thinker": "video_thinker:VIDEO_THINKER",
}


def dialect_names() -> list[str]:
    """Every name that `find_dialect` knows, ours first."""
    return plugin_names("dialects", _DIALECTS)


def find_dialect(name: str) -> Dialect:
    """The dialect of that name: one of ours, or an installed plug-in's.

    Raises:
        NoSuchPlugin: There is none; the message lists what there is.
    """
    found: object = find_plugin("dialects", name, dict[str, object](_DIALECTS))
    if isinstance(found, str):
        module, _, value = found.partition(":")
        found = getattr(import_module(f"playhead.models.dialects.{module}"), value)
    return cast("Dialect", found)
