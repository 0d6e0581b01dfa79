"""FrameThinker: one `<action>` a turn, in frame numbers of the video itself.

    <think>..</think><action>choose frames between 900 and 1200</action>
    <think>..</think><action>get frame number at time 10:05</action>
    <think>..</think><action>output answer: C</action>

Frame n is shown at `clock.second(n)`, so the clock needs the video's own frame rate. A choice gives
8 frames, 12 of videos over five minutes. Asking for a frame number is no look: it is read as a call
`frame_number`, which no tool has to answer, because `observe` answers it from the clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from playhead.core.message import Part, ToolCall
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Wish
from playhead.models.dialects.markup import seconds, whole
from playhead.models.dialects.tagged import Tagged, labelled, lines, pictures, span_of, words

_LONG_S = 300.0
_CHOOSE = re.compile(r"choose frames between\s+([\d:.]{1,16})\s+and\s+([\d:.]{1,16})")
_NUMBER = re.compile(r"get frame number at time\s+([\d:.]{1,16})")
_ANSWER = "output answer:"
_PROBLEM = (
    "an action is `choose frames between A and B`, `get frame number at time MM:SS` or "
    "`output answer: OPTION`"
)


def _num_shown(clock: Clock) -> int:
    return 12 if clock.duration_s > _LONG_S else 8


def _read_action(body: str, clock: Clock) -> list[Wish]:
    action = body.strip()
    if action.startswith(_ANSWER):
        value = action.removeprefix(_ANSWER).strip()
        return [Wish("answer", {"value": value, "evidence": []}, raw=action)]
    wish = _choice(action[:1000], clock) or _number(action[:1000])
    return [wish or Wish("look", raw=action, problem=_PROBLEM)]


def _choice(action: str, clock: Clock) -> Wish | None:
    match = _CHOOSE.search(action)
    span = [_time(word, clock) for word in match.groups()] if match else [None]
    if None in span:
        return None
    start, end = span
    return Wish("look", {"start_s": start, "end_s": end, "num": _num_shown(clock)})


def _time(word: str, clock: Clock) -> float | None:
    """A frame number as a time; some checkpoints write MM:SS where a number belongs."""
    if ":" in word:
        return seconds(word)
    index = whole(word)
    return None if index is None else clock.second(index)


def _number(action: str) -> Wish | None:
    match = _NUMBER.search(action)
    time_s = seconds(match[1]) if match else None
    return None if time_s is None else Wish("frame_number", {"time_s": time_s})


def _say_choice(arguments: dict[str, Any], clock: Clock) -> str | None:
    span = span_of(arguments)
    if span is None:
        return None
    start, end = (clock.index(time_s) for time_s in span)
    return f"<action>choose frames between {start} and {end}</action>"


def _say_number(arguments: dict[str, Any], clock: Clock) -> str | None:
    time_s = seconds(arguments.get("time_s"))
    if time_s is None:
        return None
    return f"<action>get frame number at time {_minutes(time_s)}</action>"


def _minutes(time_s: float) -> str:
    return f"{int(time_s) // 60:02d}:{int(time_s) % 60:02d}"


def _say_output(arguments: dict[str, Any], clock: Clock) -> str | None:
    value = arguments.get("value")
    return None if value is None else f"<action>{_ANSWER} {value}</action>"


def _offer(tools: Sequence[ToolSpec], clock: Clock) -> str:
    return (
        "You answer questions about a video by looking at it step by step. Reason inside <think> "
        "</think>, then take one action inside <action> </action>:\n"
        "1. `choose frames between START_FRAME and END_FRAME`: see that part in more detail, "
        f"always {_num_shown(clock)} frames.\n"
        "2. `get frame number at time MM:SS`: the frame number of a time. Hours count as minutes: "
        "62:30.\n"
        "3. `output answer: OPTION`: the final answer, when you are sure."
    )


def _tell(observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
    time_s = seconds(call.arguments.get("time_s")) if call.name == "frame_number" else None
    if time_s is not None:
        said = f"Frame number at time {_minutes(time_s)} is: {clock.index(time_s)}."
        return lines(said, *pictures(observation))
    if not pictures(observation):
        return lines(words(observation))
    return lines(*labelled(observation, lambda _, at_s: f"frame {clock.index(at_s)}:"))


FRAME_THINKER = Tagged(
    name="frame_thinker",
    reads={"action": _read_action},
    says={"look": _say_choice, "frame_number": _say_number, "answer": _say_output},
    offer=_offer,
    tell=_tell,
    stop=("</action>",),
    tag="action",
)
