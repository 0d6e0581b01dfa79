"""Conversations with pictures, and pixels for them, that the tests of policies share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.media import FrameRef, Region
from playhead.core.message import Message, PicturePart, Role, TextPart, ToolCall
from playhead.core.span import stamp
from playhead.core.tools import ToolSpec

LOOK = ToolSpec(
    name="look",
    description="Look at a part of the video.",
    arguments={
        "type": "object",
        "properties": {
            "start_s": {"type": "number", "description": "Where it starts, in seconds."},
            "end_s": {"type": "number", "description": "Where it ends, in seconds."},
        },
        "required": ["start_s", "end_s"],
        "additionalProperties": False,
    },
)
SEARCH = ToolSpec(
    name="search",
    description="Search what is remembered.",
    arguments={
        "type": "object",
        "properties": {"text": {"type": "string", "description": "What for."}},
        "required": ["text"],
        "additionalProperties": False,
    },
)

JUMP = ToolSpec(
    name="jump",
    description="Jump to a second.",
    arguments={
        "type": "object",
        "properties": {
            "to_s": {"type": "integer", "description": "Where to, in seconds."},
            "way": {"type": "string", "enum": ["back", "on"], "description": "Which way."},
        },
        "required": ["to_s", "way"],
        "additionalProperties": False,
    },
)
"""For models of chance weights: any number of digits is a number, while 1e999 is none."""


def frame(
    time_s: float, *, height: int = 64, width: int = 96, roi: Region | None = None
) -> FrameRef:
    return FrameRef(video_id="v", time_s=time_s, height=height, width=width, roi=roi)


class Shades:
    """Resolves every picture to a shade of its time, and counts what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[FrameRef] = []

    def __call__(self, frames: Sequence[FrameRef]) -> list[NDArray[np.uint8]]:
        self.asked += frames
        return [picture(f) for f in frames]


def picture(frame: FrameRef) -> NDArray[np.uint8]:
    """A gradient whose brightness is the time."""
    across = np.linspace(0, 80, frame.width)[None, :, None] + (frame.time_s * 10) % 170
    return np.broadcast_to(across, (frame.height, frame.width, 3)).astype(np.uint8)


def user(text: str) -> Message:
    return Message(role=Role.USER, parts=(TextPart(text=text),))


def system(text: str) -> Message:
    return Message(role=Role.SYSTEM, parts=(TextPart(text=text),))


def looks(*call_ids: str, text: str = "", **more: Any) -> Message:
    """An assistant turn that looks, once for each id."""
    calls = tuple(
        ToolCall(id=id_, name="look", arguments={"start_s": 40.0, "end_s": 44.0})
        for id_ in call_ids
    )
    parts = (TextPart(text=text),) if text else ()
    return Message(role=Role.ASSISTANT, parts=parts, calls=calls, **more)


def saw(call_id: str, *times_s: float) -> Message:
    """A result of a look: a line, stamped pictures, and what it took."""
    shown = [
        part
        for time_s in times_s
        for part in (TextPart(text=f"<{stamp(time_s)}>"), PicturePart(frame=frame(time_s)))
    ]
    parts = (TextPart(text=f"{len(times_s)} pictures."), *shown, TextPart(text="This took some."))
    return Message(role=Role.TOOL, parts=parts, call_id=call_id, name="look")


def conversation() -> list[Message]:
    """A question, two looks at once, what they showed, and one more look."""
    return [
        system("Answer from the pictures."),
        user("When does it turn bright?"),
        looks("a", "b", text="I look twice."),
        saw("a", 40.0, 41.0),
        saw("b", 42.0),
        looks("c"),
        saw("c", 43.24),
    ]


def turns() -> dict[str, tuple[list[Message], tuple[ToolSpec, ...], dict[str, Any]]]:
    """Turns that every backend must render and answer alike: messages, tools, sampling."""
    whole = conversation()
    tools = (LOOK, SEARCH)
    greedy = {"max_tokens": 16, "logprobs": True}
    return {
        "question": (whole[:2], (), greedy),
        "question with tools": (whole[:2], tools, greedy),
        "pictures of two calls": (whole[:5], tools, greedy),
        "two turns of calls": (whole, tools, greedy),
        "a call that was given up": ([*whole[:4], user("And now?")], tools, greedy),
        "choices": (whole, tools, {"choices": ("left", "right"), "logprobs": True}),
    }
