"""VideoMind: a planner writes JSON, a grounder writes one token whose hidden state is a span.

    [{"type": "grounder", "value": "the dog jumps"}, {"type": "verifier"}, {"type": "answerer"}]
    The relevant moment happens in <|reg|>.

The plan's grounder is our `ground`; a plan that only answers is a look at the whole video. The span
is no text: a regression head gives it as fractions of the video. Whoever runs the head writes them
after the token, `<|reg|>[0.25, 0.5]`, and here they become a look at those seconds, as the answerer
sees them. Verifying belongs to our `ground`, so the plan's verifier is no call of its own. Answers
are plain text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from playhead.core.message import Part, ToolCall
from playhead.core.policy import Reply
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Results, Wish, reply_of
from playhead.models.dialects.markup import Markup, json_values, pair, without_end, without_places
from playhead.models.dialects.tagged import lines, read_json_calls, span_of, write_json_call

REG = "<|reg|>"
_TAGS = Markup("tool_call")
_SAID = "The relevant moment happens in"
_UNIT = 3
"""Times are rounded to so many decimals, as its own grounder rounds them."""


class VideoMind:
    """See the module."""

    name = "video_mind"
    stop: tuple[str, ...] = ()
    results = Results.USER
    tools = ("ground", "look", "answer")

    def read(self, text: str, clock: Clock) -> Reply:
        """See `Dialect.read`."""
        text = without_end(text)
        if REG in text:
            return reply_of([], [], [_regressed(text, clock)], clock)
        if text.lstrip().startswith(("[", "{", "```")) and (plan := _plan(text)) is not None:
            return reply_of(
                [], [], [wish for step in plan for wish in _step(step, plan, clock)], clock
            )
        blocks = _TAGS.blocks(text)
        called = [block.body for block in blocks if block.means_something]
        wishes = [wish for body in called for wish in read_json_calls(body, clock)]
        words = [block.text for block in blocks if not block.means_something]
        return reply_of(words, [], wishes, clock)

    def write(self, reply: Reply, clock: Clock) -> str:
        """See `Dialect.write`."""
        return "\n".join(filter(None, [reply.text, *(_say(call, clock) for call in reply.calls)]))

    def system(self, tools: Sequence[ToolSpec], clock: Clock) -> str:
        """See `Dialect.system`."""
        if not any(spec.name == "ground" for spec in tools):
            return ""
        return (
            "You are acting as the planner. Plan how to answer the question about the video, as a "
            "JSON list of tools: grounder (finds the moment that its value describes), verifier "
            "(checks the grounder), answerer (answers from the video or that moment). Such as:\n"
            '[{"type": "grounder", "value": "<text query>"}, {"type": "verifier"}, '
            '{"type": "answerer"}]'
        )

    def observe(self, observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
        """See `Dialect.observe`."""
        return lines(*observation.parts)


def _regressed(text: str, clock: Clock) -> Wish:
    after = text.partition(REG)[2]
    values = [value for value, _ in json_values(after[:4000])]
    first = values[0] if values else None
    first = first[0] if isinstance(first, list) and first and isinstance(first[0], list) else first
    numbers = cast("list[object]", first)[:2] if isinstance(first, list) else None
    span = pair(numbers)
    if span is None:
        problem = f"{REG} needs the span of the regression head after it: [start, end], 0 to 1"
        return Wish("look", raw=text, problem=problem)
    start, end = sorted(round(min(max(x, 0.0), 1.0) * clock.duration_s, _UNIT) for x in span)
    return Wish("look", {"start_s": start, "end_s": end}, raw=text)


def _plan(text: str) -> list[dict[str, Any]] | None:
    """The steps of a plan. None: the text is none."""
    values = [value for value, _ in json_values(text)]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    steps = [cast("dict[str, Any]", item) for item in flat if isinstance(item, dict)]
    are_typed = all(isinstance(step.get("type"), str) for step in steps)
    return steps if steps and are_typed else None


def _step(step: dict[str, Any], plan: list[dict[str, Any]], clock: Clock) -> list[Wish]:
    kind = step["type"].lower()
    value = step.get("value")
    if kind == "grounder":
        query = value if isinstance(value, str) and value.strip() else clock.question
        if query:
            return [Wish("ground", {"query": query})]
        return [Wish("ground", raw=str(step)[:4000], problem="a grounder needs a value to find")]
    if kind in ("answerer", "answer") and len(plan) == 1:
        return [Wish("look", {"start_s": 0.0, "end_s": clock.duration_s})]
    if kind in ("answerer", "answer", "verifier"):
        return []
    return [Wish(step["type"], without_places({k: v for k, v in step.items() if k != "type"}))]


def _say(call: ToolCall, clock: Clock) -> str:
    query, span, value = (call.arguments.get("query"), span_of(call.arguments), "value")
    if call.name == "ground" and isinstance(query, str):
        grounder = json.dumps({"type": "grounder", "value": query}, ensure_ascii=False)
        return f'[{grounder}, {{"type": "verifier"}}, {{"type": "answerer"}}]'
    if call.name == "look" and call.raw is not None:
        return call.raw
    if call.name == "look" and span == (0.0, clock.duration_s):
        return '[{"type": "answerer"}]'
    if call.name == "look" and span is not None:
        start, end = (time_s / clock.duration_s for time_s in span)
        return f"{_SAID} {REG}[{start!r}, {end!r}]."
    if call.name == "answer" and isinstance(call.arguments.get(value), str):
        return str(call.arguments[value])
    return write_json_call(call, _TAGS)


VIDEO_MIND = VideoMind()
