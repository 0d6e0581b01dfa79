"""M3-Agent: a text model over a memory, which searches or answers in two lines.

    <think>I do not know the name yet.</think>
    Action: [Search]
    Content: What is the name of <character_3>

What stands after the last `</think>` counts. There is one action in a turn; its content reaches to
the end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from playhead.core.message import Part, ToolCall
from playhead.core.policy import Reply
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import Clock, Results, Wish, reply_of
from playhead.models.dialects.markup import Markup, opened, without_end
from playhead.models.dialects.tagged import lines, read_json_calls, write_json_call

_ACTION = re.compile(r"Action:[ \t]{0,9}\[([^\]\n]{1,80})\]")
_TAGS = Markup("think", "tool_call")
_TOOLS = {"search": "text", "answer": "value"}


class M3Agent:
    """See the module."""

    name = "m3"
    stop: tuple[str, ...] = ()
    results = Results.USER
    tools = ("search", "answer")

    def read(self, text: str, clock: Clock) -> Reply:
        """See `Dialect.read`."""
        thoughts: list[str] = []
        words: list[str] = []
        wishes: list[Wish] = []
        for block in _TAGS.blocks(opened(without_end(text), "think")):
            if block.tag == "think":
                thoughts.append(block.body)
            elif block.means_something:
                wishes += read_json_calls(block.body, clock)
            else:
                before, wish = _action(block.text)
                words.append(before)
                wishes += [wish] if wish else []
        return reply_of(words, thoughts, wishes, clock)

    def write(self, reply: Reply, clock: Clock) -> str:
        """See `Dialect.write`."""
        thought = [f"<think>\n{reply.thinking}\n</think>\n"] if reply.thinking else []
        said = [_say(call) for call in reply.calls]
        return "\n".join(filter(None, [*thought, reply.text, *said]))

    def system(self, tools: Sequence[ToolSpec], clock: Clock) -> str:
        """See `Dialect.system`."""
        if not any(spec.name == "search" for spec in tools):
            return ""
        asked = f"\n\nQuestion: {clock.question}" if clock.question else ""
        return (
            "You are given a question and what is known so far. If that is enough, answer; if "
            "not, search the memory for what is missing, in other words than before. Write:\n"
            "Action: [Answer] or [Search]\nContent: <the answer, or one query>\n"
            'To learn who is who, search for "What is the name of <character_i>" or "What is the '
            f'character id of NAME"; then search with the id and answer with the name.{asked}'
        )

    def observe(self, observation: Observation, call: ToolCall, clock: Clock) -> list[Part]:
        """See `Dialect.observe`."""
        first, *rest = observation.parts or ("{}",)
        told = lines("Searched knowledge:", first, *rest)
        empty = "(The search result is empty. Please try searching from another perspective.)"
        found = observation.evidence or any(part.type == "picture" for part in observation.parts)
        nothing = not found and observation.text.strip() in ("", "{}", "nothing found")
        return lines(*told, empty) if nothing else told


def _action(text: str) -> tuple[str, Wish | None]:
    """What is said before the action, and the action."""
    match = _ACTION.search(text)
    if match is None:
        return text, None
    name = match[1].strip().lower()
    _, _, content = text[match.end() :].partition("Content:")
    content = content.strip()
    if not content:
        raw = text[match.start() :].strip()
        wish = Wish(name, raw=raw, problem="an action needs a content: what to search, or answer")
    elif name == "answer":
        wish = Wish("answer", {"value": content, "evidence": []})
    else:
        wish = Wish(name, {_TOOLS.get(name, "content"): content})
    return text[: match.start()], wish


def _say(call: ToolCall) -> str:
    content = call.arguments.get(_TOOLS.get(call.name, "content"))
    if call.raw is not None and call.name in _TOOLS:
        return call.raw
    if call.raw is None and call.name in _TOOLS and isinstance(content, str):
        return f"Action: [{call.name.capitalize()}]\nContent: {content}"
    return write_json_call(call, _TAGS)


M3 = M3Agent()
