"""The dialects made of tags: one value with the words that make the difference.

Almost every published syntax is `<think>..</think>`, then a tag with a call in it, or
`<answer>..</answer>`. A `Tagged` holds what its tags mean and how our calls are said in them. A
call that it has no words for is said in the common tongue,
`<tool_call>{"name": .., "arguments": ..}</tool_call>`, which all of them also understand: nothing
is lost, and a checkpoint's own syntax comes first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, cast

from playhead.core.message import Part, PicturePart, TextPart, ToolCall
from playhead.core.policy import Reply
from playhead.core.span import stamp
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import MAX_CALLS, Clock, Results, Wish, reply_of
from playhead.models.dialects.markup import (
    Markup,
    json_values,
    opened,
    seconds,
    without_end,
    without_places,
)

Read = Callable[[str, Clock], list[Wish]]
"""What the inside of a tag wishes for."""
Say = Callable[[dict[str, Any], Clock], str | None]
"""A call on one tool as the dialect writes it. None: it has no words for these arguments."""
Translate = Callable[[dict[str, Any], Clock], Wish]
"""A foreign tool's arguments as a call on one of ours."""
Offer = Callable[[Sequence[ToolSpec], Clock], str]
Tell = Callable[[Observation, ToolCall, Clock], list[Part]]

IMAGINED = ("tool_response", "information")
"""Tags only results have. What a model writes after one of them it dreamt; it is not read."""


def read_json_calls(
    body: str, clock: Clock, translate: Mapping[str, Translate] | None = None
) -> list[Wish]:
    """Calls written as JSON objects: `name` or `tool`, and `arguments` or `parameters`."""
    items = (
        (item, raw)
        for value, raw in json_values(body)
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, dict)
    )
    wishes = [
        _wish(item, raw, clock, translate or {}) for item, raw in islice(items, MAX_CALLS + 1)
    ]
    problem = 'a call is a JSON object such as {"name": "look", "arguments": {"start_s": 0}}'
    return wishes or [Wish("", raw=body.strip(), problem=problem)]


def _wish(item: dict[str, Any], raw: str, clock: Clock, translate: Mapping[str, Translate]) -> Wish:
    inner = item.get("function")
    item = cast("dict[str, Any]", inner) if isinstance(inner, dict) else item
    name = item.get("name", item.get("tool", inner))
    arguments = item.get("arguments", item.get("parameters", {}))
    if not isinstance(name, str) or not name:
        return Wish("", raw=raw, problem="a call needs the name of a tool")
    if isinstance(arguments, str):
        parsed = ToolCall.read("", name, arguments)
        if parsed.problem is not None:
            return Wish(name, raw=arguments, problem=parsed.problem)
        arguments = parsed.arguments
    if not isinstance(arguments, dict):
        problem = f"the arguments must be a JSON object: got {type(arguments).__name__}"
        return Wish(name, raw=raw, problem=problem)
    known = translate.get(name)
    wish = known(arguments, clock) if known else Wish(name, without_places(arguments))
    return wish._replace(raw=wish.raw or raw)


def write_json_call(call: ToolCall, tags: Markup) -> str:
    """A call in the common tongue."""
    arguments = call.arguments if call.raw is None else call.raw
    if call.raw is not None and not call.name:
        return f"<tool_call>\n{call.raw}\n</tool_call>"
    said = json.dumps({"name": call.name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{tags.quoted(said)}\n</tool_call>"


def read_answer(body: str, clock: Clock) -> list[Wish]:
    """An answer, which in these dialects cites nothing."""
    value = body.strip()
    if not value:
        return [Wish("answer", raw=body, problem="the answer is empty")]
    return [Wish("answer", {"value": value, "evidence": []})]


def say_answer(arguments: dict[str, Any], clock: Clock) -> str | None:
    """An answer in its tag, without evidence and confidence."""
    value = arguments.get("value")
    return None if value is None else f"<answer>{_as_text(value)}</answer>"


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def span_of(arguments: dict[str, Any]) -> tuple[float, float] | None:
    """The span that a call names. None: not both ends."""
    start, end = seconds(arguments.get("start_s")), seconds(arguments.get("end_s"))
    return None if start is None or end is None else (start, end)


def tell_tool_response(observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
    """Everything the tool gave, in order, in `<tool_response>`."""
    return lines("<tool_response>", *observation.parts, "</tool_response>")


@dataclass(frozen=True)
class Tagged:
    """A dialect made of tags."""

    name: str
    reads: Mapping[str, Read] = field(default_factory=dict[str, Read])
    """What each tag means."""
    says: Mapping[str, Say] = field(default_factory=dict[str, Say])
    """How calls on our tools are written, by tool."""
    offer: Offer = lambda tools, clock: ""
    tell: Tell = tell_tool_response
    translate: Mapping[str, Translate] = field(default_factory=dict[str, Translate])
    """Foreign tools that come as JSON, by their own names."""
    stop: tuple[str, ...] = ()
    think: str = "think"
    """The tag it thinks in."""
    answer_wins: bool = False
    """Whether a turn with an answer and calls is an answer. Otherwise it is the calls."""
    tag: str = "tool_call"
    """The tag that a call which could not be read is written back in."""
    results: Results = Results.USER

    @property
    def tools(self) -> tuple[str, ...]:
        """Which of our tools it has words for."""
        return tuple(self.says)

    @cached_property
    def _all_reads(self) -> dict[str, Read]:
        return {"tool_call": self._read_common, "answer": read_answer, **self.reads}

    def _read_common(self, body: str, clock: Clock) -> list[Wish]:
        return read_json_calls(body, clock, self.translate)

    @cached_property
    def tags(self) -> Markup:
        """Every tag it knows."""
        return Markup(self.think, *IMAGINED, *self._all_reads)

    def read(self, text: str, clock: Clock) -> Reply:
        """See `Dialect.read`."""
        words: list[str] = []
        thoughts: list[str] = []
        calls: list[Wish] = []
        answers: list[Wish] = []
        for block in self.tags.blocks(opened(without_end(text), self.think)):
            if block.tag in IMAGINED or len(calls) > MAX_CALLS:
                break
            if block.tag == self.think:
                thoughts.append(block.body)
            elif not block.means_something:
                words.append(block.text)
            else:
                for wish in self._all_reads[block.tag](block.body, clock):
                    is_answer = wish.name == "answer" and block.tag != "tool_call"
                    (answers if is_answer else calls).append(wish)
        answered = answers and (self.answer_wins or not calls)
        return reply_of(words, thoughts, answers[-1:] if answered else calls, clock)

    def write(self, reply: Reply, clock: Clock) -> str:
        """See `Dialect.write`."""
        thought = [f"<{self.think}>{reply.thinking}</{self.think}>"] if reply.thinking else []
        said = [self.say(call, clock) for call in reply.calls]
        return "\n".join(filter(None, [*thought, reply.text, *said]))

    def say(self, call: ToolCall, clock: Clock) -> str:
        """One call as this dialect writes it."""
        if call.raw is not None and self.tag != "tool_call":
            return f"<{self.tag}>{call.raw}</{self.tag}>"
        own = self.says.get(call.name) if call.raw is None else None
        said = own(call.arguments, clock) if own else None
        return write_json_call(call, self.tags) if said is None else said

    def system(self, tools: Sequence[ToolSpec], clock: Clock) -> str:
        """See `Dialect.system`."""
        known = [spec for spec in tools if not self.says or spec.name in self.says]
        can_ask = any(spec.name != "answer" for spec in known)
        return self.offer(known, clock) if can_ask else ""

    def observe(self, observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
        """See `Dialect.observe`."""
        return self.tell(observation, call, clock)


def lines(*items: str | Part) -> list[Part]:
    """Parts in which each text is a line of its own and each picture ends the line before it."""
    parts: list[Part] = []
    for item in items:
        part = TextPart(text=item) if isinstance(item, str) else item
        if isinstance(part, PicturePart):
            parts.append(part)
        elif parts and isinstance(parts[-1], TextPart):
            parts[-1] = TextPart(text=f"{parts[-1].text}\n{part.text}")
        else:
            parts.append(TextPart(text=f"\n{part.text}") if parts else part)
    return parts


def pictures(observation: Observation) -> list[PicturePart]:
    """The pictures of a result, in order."""
    return [part for part in observation.parts if isinstance(part, PicturePart)]


def words(observation: Observation) -> str:
    """The words of a result without the times that stand before its pictures."""
    stamps = {f"<{stamp(picture.frame.time_s)}>" for picture in pictures(observation)}
    texts = [part.text for part in observation.parts if isinstance(part, TextPart)]
    return "\n".join(text for text in texts if text not in stamps)


def labelled(observation: Observation, label: Callable[[int, float], str]) -> list[str | Part]:
    """Each picture after its label, which is made from its place and its time in seconds."""
    return [
        item
        for i, picture in enumerate(pictures(observation))
        for item in (label(i, picture.frame.time_s), picture)
    ]
