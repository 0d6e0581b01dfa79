"""DynFrame: asks for frames in the middle of a thought, by span and density, and thinks on.

    <think>The dance begins somewhere here. <span>0.83 - 19.86</span><fps>2</fps>
    .. frames .. She stands still until 4.8 s.</think><answer>0.83 - 19.86</answer>

Generation stops at `</fps>`, the frames come in, and the same thought goes on: `Results.INLINE`. So
a turn after a result (`clock.resumes`) starts inside the thought, and what a model wrote past
`</fps>` without having been shown the frames is not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from playhead.core.message import Part, ToolCall
from playhead.core.policy import Reply
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Results, Wish, reply_of
from playhead.models.dialects.markup import plain, seconds
from playhead.models.dialects.tagged import (
    Tagged,
    labelled,
    lines,
    pictures,
    say_answer,
    span_of,
    words,
)

_FPS, _SPAN = "<fps>", "<span>"
_DASH = re.compile(r"[-–—]")  # noqa: RUF001 - its models write all three dashes
_PLAIN = Tagged(name="dynframe", says={"answer": say_answer})


class DynFrame:
    """See the module."""

    name = "dynframe"
    stop = ("</fps>", "</answer>")
    results = Results.INLINE
    tools = ("look", "answer")

    def read(self, text: str, clock: Clock) -> Reply:
        """See `Dialect.read`."""
        before, fps, after = text.partition(_FPS)
        if not fps:
            return _PLAIN.read(text, clock)
        thought, span, inside = before.rpartition(_SPAN)
        if not span:
            thought, inside = before, ""
        rate = after.partition("</fps>")[0]
        wish = _look(inside.partition("</span>")[0], rate, f"{span}{inside}{fps}{rate}")
        thinking, _, said = thought.removeprefix("<think>").partition("</think>")
        return reply_of([said], [thinking], [wish], clock)

    def write(self, reply: Reply, clock: Clock) -> str:
        """See `Dialect.write`."""
        looks = [call for call in reply.calls if _can_say(call)]
        others = [_PLAIN.say(call, clock) for call in reply.calls if not _can_say(call)]
        thought = reply.thinking if clock.resumes else f"<think>{reply.thinking}"
        if reply.text or not looks:  # otherwise the thought goes on after the frames
            thinks = bool(reply.thinking) or clock.resumes or bool(looks)
            thought = f"{thought}</think>" if thinks else ""
        said = "\n".join(filter(None, [thought, reply.text, *others]))
        gap = " " if said and not said.endswith(("<think>", "\n")) else ""
        return said + gap + "".join(map(_say, looks)) if looks else said

    def system(self, tools: Sequence[ToolSpec], clock: Clock) -> str:
        """See `Dialect.system`."""
        if not any(spec.name == "look" for spec in tools):
            return ""
        return (
            "Reason inside <think> and </think>. Where you need to see more, write the part in "
            "seconds and how many frames a second, <span>start - end</span><fps>rate</fps>, and "
            "go on when you have seen the frames. Then answer inside <answer> and </answer>."
        )

    def observe(self, observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
        """See `Dialect.observe`."""
        if not pictures(observation):
            return lines(words(observation))
        return lines(*labelled(observation, lambda _, time_s: f"<{time_s:.1f} seconds>"))


def _look(inside: str, rate: str, raw: str) -> Wish:
    ends = _DASH.split(inside[:100])
    start, end = map(seconds, ends) if len(ends) == 2 else (None, None)
    fps = seconds(rate[:40])
    if start is None or end is None or fps is None:
        problem = "a retrieval is <span>start - end</span><fps>rate</fps>, in seconds"
        return Wish("look", raw=raw, problem=problem)
    return Wish("look", {"start_s": start, "end_s": end, "fps": fps}, raw=raw)


def _can_say(call: ToolCall) -> bool:
    return call.name == "look" and (call.raw is not None or span_of(call.arguments) is not None)


def _say(call: ToolCall) -> str:
    span = span_of(call.arguments)
    if call.raw is not None or span is None:
        return call.raw or ""
    fps, num = seconds(call.arguments.get("fps")), seconds(call.arguments.get("num"))
    if fps is None:
        fps = max(1, round(num / (span[1] - span[0]))) if num and span[1] > span[0] else 1
    return f"<span>{plain(span[0])} - {plain(span[1])}</span><fps>{plain(fps)}</fps>"


DYNFRAME = DynFrame()
