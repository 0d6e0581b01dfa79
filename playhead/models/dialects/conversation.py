"""Whole conversations, into a dialect and out of it.

`converse` renders what a policy of ours is shown, with structured calls and turns of the role tool,
as the plain turns that a model of a dialect was trained on. `read_conversation` goes the other way:
data of a checkpoint trained elsewhere becomes messages with our calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from playhead.core.message import Message, Part, Role, TextPart, ToolCall
from playhead.core.policy import Reply
from playhead.core.tools import Observation, ToolSpec
from playhead.models.dialects.base import MAX_CALLS, Clock, Dialect, Results
from playhead.models.dialects.markup import Markup

_ROLES = {
    "system": Role.SYSTEM,
    "assistant": Role.ASSISTANT,
    "gpt": Role.ASSISTANT,
    "model": Role.ASSISTANT,
    "function_call": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
    "observation": Role.TOOL,
}
"""What data sets call them. Any other is a user."""
_WRAPPERS = Markup("tool_response", "information", "New_clip", "grounding_info")
_SHOWN = re.compile(r"(?:\s|<video>|<image>|<[\d.]{1,12} seconds>)*")
"""What stands for frames in the text of a turn that they came into."""


def converse(
    messages: Sequence[Message], tools: Sequence[ToolSpec], dialect: Dialect, clock: Clock
) -> list[Message]:
    """A conversation as a model of that dialect is shown it.

    Pictures stay where they are. Results of calls made together share one turn. Where a dialect
    takes results in the middle of its own turn, they and what follows stay in that turn.

    Args:
        messages: As `Trajectory.messages` gives them.
        tools: What may be called; the dialect offers those it knows in the system turn.
        dialect: As `find_dialect` gives it.
        clock: As before the first message.
    """
    if dialect.results is Results.TOOL:
        return list(messages)
    inline = dialect.results is Results.INLINE
    turns: list[Message] = []
    calls: dict[str, tuple[ToolCall, Clock]] = {}
    before = Role.USER
    for message in messages:
        clock = clock.replace(resumes=before is Role.TOOL)
        if message.role is Role.ASSISTANT:
            said = dialect.write(_reply(message), clock)
            _say(turns, Role.ASSISTANT, [TextPart(text=said)], joins=inline and clock.resumes)
            calls |= {call.id: (call, clock.after(i)) for i, call in enumerate(message.calls)}
            clock = clock.after(len(message.calls))
        elif message.role is Role.TOOL:
            call, then = calls.get(message.call_id or "", (_unknown(message), clock))
            seen = Observation(call_id=call.id, parts=message.parts)
            told = dialect.observe(seen, call, then)
            role = Role.ASSISTANT if inline else Role.USER
            _say(turns, role, told, joins=inline or before is Role.TOOL)
        else:
            turns.append(message)
        before = message.role
    return _with_system(turns, dialect.system(tools, clock))


def _reply(message: Message) -> Reply:
    return Reply(text=message.text, thinking=message.thinking, calls=message.calls)


def _unknown(message: Message) -> ToolCall:
    """The call that a tool turn without one in the conversation answers."""
    return ToolCall(id=message.call_id or "", name=message.name or "")


def _say(turns: list[Message], role: Role, parts: Sequence[Part], *, joins: bool) -> None:
    """Add a turn, or go on with the last one."""
    if not (joins and turns and turns[-1].role is role):
        turns.append(Message(role=role, parts=tuple(parts)))
        return
    last = turns.pop()
    gap: list[Part] = [TextPart(text="\n")] if role is Role.USER else []
    turns.append(last.replace(parts=(*last.parts, *gap, *parts)))


def _with_system(turns: list[Message], offer: str) -> list[Message]:
    """The conversation with how tools are offered at the end of its system turn."""
    if not offer:
        return turns
    if turns and turns[0].role is Role.SYSTEM:
        own = turns[0].text
        parts = (TextPart(text=f"{own}\n\n{offer}" if own else offer),)
        return [turns[0].replace(parts=parts), *turns[1:]]
    return [Message(role=Role.SYSTEM, parts=(TextPart(text=offer),)), *turns]


def read_conversation(
    turns: Sequence[tuple[str, str]], dialect: Dialect, clock: Clock
) -> list[Message]:
    """Turns of imported data as messages with our calls.

    A turn after one with calls is their result, whoever speaks it. One that holds as many wrapped
    results as calls are open answers them in order. A call that gets none before the model speaks
    again gets an empty one, so that every call but the last ones has its result.

    Args:
        turns: `(role, text)`, with the roles of chat templates or of ShareGPT (`human`, `gpt`).
        dialect: As `find_dialect` gives it.
        clock: As before the first turn.
    """
    messages: list[Message] = []
    waiting: list[ToolCall] = []
    for role, text in turns:
        speaker = _ROLES.get(role.strip().lower(), Role.USER)
        if speaker is Role.ASSISTANT:
            for said, shown in _pieces(text, dialect):
                messages += [_result(call, "") for call in waiting]
                resumes = bool(messages) and messages[-1].role is Role.TOOL
                reply = dialect.read(said, clock.replace(resumes=resumes))
                messages.append(_assistant(reply))
                clock = clock.after(len(reply.calls))
                waiting = [call for call in reply.calls if call.name != "answer"]
                if shown is not None:
                    messages += [_result(call, shown) for call in waiting]
                    waiting = []
        elif waiting and speaker is not Role.SYSTEM:
            results = _results(text, len(waiting))
            messages += [_result(c, part) for c, part in zip(waiting, results, strict=False)]
            waiting = waiting[len(results) :]
        else:
            messages.append(Message(role=speaker, parts=(TextPart(text=text),)))
    return messages


def _pieces(text: str, dialect: Dialect) -> Iterator[tuple[str, str | None]]:
    """What was said in one turn, each time with what was shown in the turn after it."""
    if dialect.results is not Results.INLINE:
        yield text, None
        return
    mark = dialect.stop[0]
    parts = text.split(mark, MAX_CALLS)
    starts = [0, *map(_num_shown, parts[1:])]
    for i, (part, start) in enumerate(zip(parts, starts, strict=True)):
        if i == len(parts) - 1:
            if part[start:].strip() or i == 0:
                yield part[start:], None
            return
        follows = i + 1 < len(parts) - 1 or bool(parts[-1][starts[-1] :].strip())
        yield part[start:] + mark, parts[i + 1][: starts[i + 1]].strip() if follows else None


def _num_shown(text: str) -> int:
    """How many characters at the start of the text stand for frames."""
    match = _SHOWN.match(text)
    return match.end() if match else 0


def _results(text: str, num: int) -> list[str]:
    """The results in a turn: as many as were wrapped, at most `num`; the last holds the rest."""
    wrapped = [block.body.strip() for block in _WRAPPERS.blocks(text) if block.tag]
    if not wrapped:
        return [text]
    return [*wrapped[: num - 1], "\n".join(wrapped[num - 1 :])] if len(wrapped) >= num else wrapped


def _result(call: ToolCall, text: str) -> Message:
    parts = (TextPart(text=text),) if text else ()
    return Message(role=Role.TOOL, parts=parts, call_id=call.id, name=call.name)


def _assistant(reply: Reply) -> Message:
    said = (TextPart(text=reply.text),) if reply.text else ()
    return Message(role=Role.ASSISTANT, parts=said, thinking=reply.thinking, calls=reply.calls)
