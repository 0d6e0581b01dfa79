"""Types only: what every other floor speaks in. No numpy, no torch, no pictures."""

from typing import TYPE_CHECKING

from playhead._lazy import lazy

if TYPE_CHECKING:
    from playhead.core.budget import Budget, Cost, Effort
    from playhead.core.errors import Blamed, Origin, PlayheadError, VideoError, border
    from playhead.core.evidence import Evidence, Kind
    from playhead.core.media import FrameRef, Region, TextTrack, VideoInfo
    from playhead.core.memory import Hit, Memory
    from playhead.core.message import Message, Part, PicturePart, Role, TextPart, ToolCall
    from playhead.core.plugins import find_plugin, plugin_names
    from playhead.core.policy import Author, Finish, Policy, Reply, Sampling, Tokens, Usage
    from playhead.core.span import Span, format_time, merge, parse_time, stamp
    from playhead.core.store import TrajectoryStore
    from playhead.core.tools import Failure, Observation, Tool, ToolSpec, tool
    from playhead.core.trajectory import (
        Answer,
        Scorer,
        Step,
        Stop,
        Task,
        Timing,
        TokenSequence,
        Trajectory,
    )
    from playhead.core.value import Value

__all__ = [
    "Answer",
    "Author",
    "Blamed",
    "Budget",
    "Cost",
    "Effort",
    "Evidence",
    "Failure",
    "Finish",
    "FrameRef",
    "Hit",
    "Kind",
    "Memory",
    "Message",
    "Observation",
    "Origin",
    "Part",
    "PicturePart",
    "PlayheadError",
    "Policy",
    "Region",
    "Reply",
    "Role",
    "Sampling",
    "Scorer",
    "Span",
    "Step",
    "Stop",
    "Task",
    "TextPart",
    "TextTrack",
    "Timing",
    "TokenSequence",
    "Tokens",
    "Tool",
    "ToolCall",
    "ToolSpec",
    "Trajectory",
    "TrajectoryStore",
    "Usage",
    "Value",
    "VideoError",
    "VideoInfo",
    "border",
    "find_plugin",
    "format_time",
    "merge",
    "parse_time",
    "plugin_names",
    "stamp",
    "tool",
]

__getattr__ = lazy(
    __name__,
    {
        "Answer": "playhead.core.trajectory",
        "Author": "playhead.core.policy",
        "Blamed": "playhead.core.errors",
        "Budget": "playhead.core.budget",
        "Cost": "playhead.core.budget",
        "Effort": "playhead.core.budget",
        "Evidence": "playhead.core.evidence",
        "Failure": "playhead.core.tools",
        "Finish": "playhead.core.policy",
        "FrameRef": "playhead.core.media",
        "Hit": "playhead.core.memory",
        "Kind": "playhead.core.evidence",
        "Memory": "playhead.core.memory",
        "Message": "playhead.core.message",
        "Observation": "playhead.core.tools",
        "Origin": "playhead.core.errors",
        "Part": "playhead.core.message",
        "PicturePart": "playhead.core.message",
        "PlayheadError": "playhead.core.errors",
        "Policy": "playhead.core.policy",
        "Region": "playhead.core.media",
        "Reply": "playhead.core.policy",
        "Role": "playhead.core.message",
        "Sampling": "playhead.core.policy",
        "Scorer": "playhead.core.trajectory",
        "Span": "playhead.core.span",
        "Step": "playhead.core.trajectory",
        "Stop": "playhead.core.trajectory",
        "Task": "playhead.core.trajectory",
        "TextPart": "playhead.core.message",
        "TextTrack": "playhead.core.media",
        "Timing": "playhead.core.trajectory",
        "TokenSequence": "playhead.core.trajectory",
        "Tokens": "playhead.core.policy",
        "Tool": "playhead.core.tools",
        "ToolCall": "playhead.core.message",
        "ToolSpec": "playhead.core.tools",
        "Trajectory": "playhead.core.trajectory",
        "TrajectoryStore": "playhead.core.store",
        "Usage": "playhead.core.policy",
        "Value": "playhead.core.value",
        "VideoError": "playhead.core.errors",
        "VideoInfo": "playhead.core.media",
        "border": "playhead.core.errors",
        "find_plugin": "playhead.core.plugins",
        "format_time": "playhead.core.span",
        "merge": "playhead.core.span",
        "parse_time": "playhead.core.span",
        "plugin_names": "playhead.core.plugins",
        "stamp": "playhead.core.span",
        "tool": "playhead.core.tools",
    },
)
