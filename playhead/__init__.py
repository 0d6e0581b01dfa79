"""Playhead answers questions about hours of video, with the seconds that prove it."""

from typing import TYPE_CHECKING

from playhead._lazy import lazy

if TYPE_CHECKING:
    from playhead.agent.api import aask, ask
    from playhead.agent.session import Session
    from playhead.core.evidence import Evidence
    from playhead.core.span import Span
    from playhead.core.tools import tool
    from playhead.core.trajectory import Answer, Task, Trajectory
    from playhead.memory.library import Library
    from playhead.video.file import open_video

__version__ = "0.1.0.dev0"

__all__ = [
    "Answer",
    "Evidence",
    "Library",
    "Session",
    "Span",
    "Task",
    "Trajectory",
    "aask",
    "ask",
    "open_video",
    "tool",
]

__getattr__ = lazy(
    __name__,
    {
        "Answer": "playhead.core.trajectory",
        "Evidence": "playhead.core.evidence",
        "Library": "playhead.memory.library",
        "Session": "playhead.agent.session",
        "Span": "playhead.core.span",
        "Task": "playhead.core.trajectory",
        "Trajectory": "playhead.core.trajectory",
        "aask": "playhead.agent.api",
        "ask": "playhead.agent.api",
        "open_video": "playhead.video.file",
        "tool": "playhead.core.tools",
    },
)
