"""Ego-R1: a text model over days of footage, with times of day such as `DAY1_11210217`.

    <think>..</think><tool>{"name": "rag", "arguments": {"level": "day", "keywords": ["drill"],
    "start_time": "DAY1_11210217", "query_time": "DAY1_11220217"}}</tool>

That time is day 1, 11:21:02, frame 17 of 20 in that second. `clock.origin_s` says when the video
starts; at 0, `DAY1_00000000` is its first frame. `rag` is our search, up to `query_time`;
`video_llm` asks about a range and `vlm` about a moment, both our caption with a focus. The level
and `start_time` of a search have no counterpart here and are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from playhead.core.message import Part, ToolCall
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Wish
from playhead.models.dialects.markup import seconds
from playhead.models.dialects.tagged import Tagged, lines, read_json_calls, say_answer, span_of

_FRAMES = 20
"""How many frame numbers a second has in its times."""
_TIME = re.compile(r"DAY(\d{1,4})_(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)
_MOMENT_S = 1 / _FRAMES


def read_day_time(text: object, clock: Clock) -> float | None:
    """Seconds of the video from `DAY1_11210217`. None: it is no such time."""
    match = _TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    day, hour, minute, second, frame = map(int, match.groups())
    of_day = (((day - 1) * 24 + hour) * 60 + minute) * 60 + second
    return (of_day * _FRAMES + frame) / _FRAMES - clock.origin_s


def write_day_time(time_s: float, clock: Clock) -> str:
    """`DAY1_11210217` from seconds of the video, to the twentieth of a second."""
    ticks = max(0, round((time_s + clock.origin_s) * _FRAMES))
    whole, frame = divmod(ticks, _FRAMES)
    days, of_day = divmod(whole, 86400)
    clock_time = f"{of_day // 3600:02d}{of_day // 60 % 60:02d}{of_day % 60:02d}{frame:02d}"
    return f"DAY{days + 1}_{clock_time}"


def _unread(name: str, arguments: dict[str, Any], problem: str) -> Wish:
    raw = json.dumps(arguments, ensure_ascii=False, default=repr, skipkeys=True)
    return Wish(name, raw=raw, problem=problem)


def _read_rag(arguments: dict[str, Any], clock: Clock) -> Wish:
    keywords = arguments.get("keywords")
    words = keywords if isinstance(keywords, list) else [keywords]
    text = ", ".join(word for word in words if isinstance(word, str))
    if not text:
        return _unread("search", arguments, "rag needs keywords")
    until = read_day_time(arguments.get("query_time"), clock)
    return Wish("search", {"text": text} if until is None else {"text": text, "until_s": until})


def _read_video_llm(arguments: dict[str, Any], clock: Clock) -> Wish:
    start, _, end = str(arguments.get("range")).partition("-")
    start_s, end_s = read_day_time(start, clock), read_day_time(end, clock)
    question = arguments.get("question")
    if start_s is None or end_s is None or not isinstance(question, str):
        return _unread(
            "caption",
            arguments,
            "video_llm needs a question and a range DAYX_HHMMSSFF-DAYX_HHMMSSFF",
        )
    return Wish("caption", {"start_s": start_s, "end_s": end_s, "focus": question})


def _read_vlm(arguments: dict[str, Any], clock: Clock) -> Wish:
    time_s = read_day_time(arguments.get("timestamp"), clock)
    question = arguments.get("question")
    if time_s is None or not isinstance(question, str):
        return _unread("caption", arguments, "vlm needs a question and a timestamp DAYX_HHMMSSFF")
    end_s = read_day_time(write_day_time(time_s + _MOMENT_S, clock), clock)
    return Wish("caption", {"start_s": time_s, "end_s": end_s, "focus": question})


_TRANSLATE = {"rag": _read_rag, "video_llm": _read_video_llm, "vlm": _read_vlm}


def _read_tool(body: str, clock: Clock) -> list[Wish]:
    return read_json_calls(body, clock, _TRANSLATE)


def _say(name: str, arguments: dict[str, Any]) -> str:
    said = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool>{EGO_R1.tags.quoted(said)}</tool>"


def _say_search(arguments: dict[str, Any], clock: Clock) -> str | None:
    text, until = arguments.get("text"), seconds(arguments.get("until_s"))
    if not isinstance(text, str):
        return None
    return _say(
        "rag",
        {
            "level": "hour",
            "keywords": [text],
            "start_time": write_day_time(0.0, clock),
            "query_time": write_day_time(clock.duration_s if until is None else until, clock),
        },
    )


def _say_caption(arguments: dict[str, Any], clock: Clock) -> str | None:
    span, focus = span_of(arguments), arguments.get("focus")
    if span is None or not isinstance(focus, str):
        return None
    start, end = (write_day_time(time_s, clock) for time_s in span)
    if span[1] - span[0] < 1.5 * _MOMENT_S:
        return _say("vlm", {"question": focus, "timestamp": start})
    return _say("video_llm", {"question": focus, "range": f"{start}-{end}"})


def _offer(tools: Sequence[ToolSpec], clock: Clock) -> str:
    names = {spec.name for spec in tools}
    rag = (
        '- rag: search what is known. {"level": "week|day|hour", "keywords": [..], "start_time": '
        '"DAYX_HHMMSSFF", "query_time": "DAYX_HHMMSSFF"}\n'
    )
    ask = (
        '- video_llm: ask about a part of at most 10 minutes. {"question": "..", "range": '
        '"DAYX_HHMMSSFF-DAYX_HHMMSSFF"}\n'
        '- vlm: ask about a moment. {"question": "..", "timestamp": "DAYX_HHMMSSFF"}\n'
    )
    return (
        "Answer the question. Always reason inside <think> and </think> first. Then either call "
        'one tool by <tool>{"name": .., "arguments": {..}}</tool>, and it returns its result '
        "between <information> and </information>, or answer inside <answer> and </answer>.\n"
        "Times are day, hour, minute, second and frame (00 to 19). The tools:\n"
        f"{rag if 'search' in names else ''}{ask if 'caption' in names else ''}"
        f"The video starts at {write_day_time(0.0, clock)} and ends at "
        f"{write_day_time(clock.duration_s, clock)}."
    )


def _tell(observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
    return lines("<information>", *observation.parts, "</information>")


EGO_R1 = Tagged(
    name="ego_r1",
    reads={"tool": _read_tool},
    translate=_TRANSLATE,
    says={"search": _say_search, "caption": _say_caption, "answer": say_answer},
    offer=_offer,
    tell=_tell,
    stop=("</tool>", "</answer>"),
    answer_wins=True,
    tag="tool",
)
