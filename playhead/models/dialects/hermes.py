"""Hermes: `<tool_call>{"name": .., "arguments": {..}}</tool_call>`, any number of them in a turn.

Qwen and most open chat models speak it, so `hermes` says every call on every tool. `long_vt` is the
same syntax with the one tool of LongVT and VideoSeeker, `crop_video(video_path, start_time,
end_time)` in seconds, which samples one frame a second, and with `<answer>`. The path is dropped:
the video is the one that was asked about. Both read both.

    <think>The goal is near the end.</think>
    <tool_call>
    {"name": "crop_video", "arguments": {"video_path": "a.mp4", "start_time": 80, "end_time": 92}}
    </tool_call>
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from playhead.core.message import Part, ToolCall
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Wish
from playhead.models.dialects.markup import plain, seconds
from playhead.models.dialects.tagged import (
    Tagged,
    labelled,
    lines,
    pictures,
    say_answer,
    span_of,
    tell_tool_response,
)

CROP_FPS = 1.0
"""How many frames a second the tool of its training gave, which the call does not say."""


def read_crop(arguments: dict[str, Any], clock: Clock) -> Wish:
    """A crop as a look. `start` and `end` are understood too: some checkpoints write them."""
    start = seconds(arguments.get("start_time", arguments.get("start")))
    end = seconds(arguments.get("end_time", arguments.get("end")))
    if start is None or end is None:
        raw = json.dumps(arguments, ensure_ascii=False, default=repr, skipkeys=True)
        return Wish("look", raw=raw, problem="crop_video needs start_time and end_time in seconds")
    return Wish("look", {"start_s": start, "end_s": end, "fps": CROP_FPS})


def _say_crop(arguments: dict[str, Any], clock: Clock) -> str | None:
    span = span_of(arguments)
    if span is None:
        return None
    inside = f'"start_time": {plain(span[0])}, "end_time": {plain(span[1])}'
    said = f'{{"name": "crop_video", "arguments": {{{inside}}}}}'
    return f"<tool_call>\n{said}\n</tool_call>"


def _offer(tools: Sequence[ToolSpec], clock: Clock) -> str:
    listed = "\n".join(json.dumps(spec.openai, ensure_ascii=False) for spec in tools)
    return (
        "# Tools\n\nYou may call tools. Their signatures, inside <tools></tools>:\n"
        f"<tools>\n{listed}\n</tools>\n\n"
        "For each call, write a JSON object with its name and arguments inside "
        "<tool_call></tool_call>:\n<tool_call>\n"
        '{"name": <tool name>, "arguments": <object of arguments>}\n</tool_call>'
    )


def _offer_crop(tools: Sequence[ToolSpec], clock: Clock) -> str:
    crop = ToolSpec(
        name="crop_video",
        description="Look closely at a part of the video.",
        arguments={
            "type": "object",
            "properties": {
                "start_time": {"type": "number", "description": "Start in seconds"},
                "end_time": {"type": "number", "description": "End in seconds"},
            },
            "required": ["start_time", "end_time"],
        },
    )
    form = "<think>...</think> <tool_call>...</tool_call> (if needed) <answer>...</answer>"
    return f"{_offer([crop], clock)}\n\nThink first, crop if needed, then answer, as:\n{form}"


def tell_crop(observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
    """The frames with their times, then how many there are and from where."""
    span = span_of(call.arguments)
    if not pictures(observation) or span is None:
        return tell_tool_response(observation, call, clock)
    num = len(pictures(observation))
    start, end = span
    return lines(
        "<tool_response>",
        *labelled(observation, lambda _, time_s: f"<{plain(round(time_s, 2))}s>"),
        f"{num} frames from {start:.1f}s to {end:.1f}s.",
        "</tool_response>",
    )


HERMES = Tagged(name="hermes", translate={"crop_video": read_crop}, offer=_offer)
LONG_VT = Tagged(
    name="long_vt",
    translate={"crop_video": read_crop},
    says={"look": _say_crop, "answer": say_answer},
    offer=_offer_crop,
    tell=tell_crop,
)
