"""The words of a turn as formats hold them, and a conversation read back from such words.

A picture is `<image>` in the words; a thought stands before them in `<think>`; a call is JSON. What
only looks like one of these is disarmed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from playhead.core.media import FrameRef
from playhead.core.message import Message, Part, PicturePart, Role, TextPart, ToolCall
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Trajectory
from playhead.models.policies import render

IMAGE = "<image>"
_MEDIA = re.compile(r"<(?=(?:image|video|audio|img)>)")
"""Marks at which trainers put media; ms-swift opens the file that an `<img>` in the words names."""

Json = dict[str, Any]


class Conversation(NamedTuple):
    """What an export says."""

    messages: list[Message]
    """Call ids are made anew; texts next to each other are one."""
    tools: tuple[ToolSpec, ...]


# Written


def told(trajectory: Trajectory) -> list[Message]:
    """The conversation up to the last turn of the policy."""
    messages = trajectory.messages()
    while messages[-1].role is Role.TOOL:
        messages.pop()
    return messages


def words(message: Message) -> str:
    """The words of a message, with a mark for each picture."""
    content = render.content(message.parts, lambda _: {"type": "image"})
    if isinstance(content, str):
        return calm(content)
    return "".join(calm(part["text"]) if "text" in part else IMAGE for part in content)


def calm(text: str) -> str:
    """The text, in which nothing is the mark of a picture."""
    return _MEDIA.sub("< ", text)


def call_words(call: ToolCall) -> str:
    """A call as JSON: its name and its arguments."""
    said = {"name": call.name, "arguments": render.arguments_of(call)}
    return calm(json.dumps(said, ensure_ascii=False))


def thought(thinking: str) -> str:
    """A thought as it stands before the words of its turn. Empty: none."""
    return f"<think>\n{calm(render.harmless(thinking))}\n</think>\n\n" if thinking else ""


# Read back


class Retold:
    """A conversation, while it is read back."""

    def __init__(self, frames: Sequence[FrameRef]) -> None:
        """Begin with no messages; `frames` are its pictures, in order."""
        self.messages: list[Message] = []
        self._frames = iter(frames)
        self._open: list[ToolCall] = []
        self._num_calls = 0

    def add(self, role: Role, content: str, **more: Any) -> None:
        """A message of these words and, at their marks, the next pictures."""
        parts: list[Part] = []
        for piece in re.split(f"({IMAGE})", content):
            if piece == IMAGE:
                parts.append(PicturePart(frame=next(self._frames)))
            elif piece:
                parts.append(TextPart(text=piece))
        self.messages.append(Message(role=role, parts=tuple(parts), **more))

    def say(self, content: str) -> None:
        """A turn of the policy: its thought, if there is one, and its words."""
        found = re.match(r"<think>\n(.*?)\n</think>\n\n", content, re.DOTALL)
        thinking = found[1] if found else ""
        self.add(Role.ASSISTANT, content[found.end() if found else 0 :], thinking=thinking)

    def call(self, said: Json) -> None:
        """A call of this turn."""
        self._num_calls += 1
        call = ToolCall(id=f"c{self._num_calls}", name=said["name"], arguments=said["arguments"])
        if self.messages[-1].role is not Role.ASSISTANT:
            self.add(Role.ASSISTANT, "")
        turn = self.messages[-1]
        self.messages[-1] = turn.replace(calls=(*turn.calls, call))
        self._open.append(call)

    def unbroken(self) -> None:
        """Take back the line break that was put between the words of a turn and its first call."""
        turn = self.messages[-1]
        if turn.role is Role.ASSISTANT and turn.parts and not turn.calls:
            (said,) = turn.parts
            assert isinstance(said, TextPart)
            unbroken = TextPart(text=said.text.removesuffix("\n"))
            self.messages[-1] = turn.replace(parts=(unbroken,))

    def result(self, content: str) -> None:
        """What came of the first call that has no result yet."""
        call = self._open.pop(0)
        self.add(Role.TOOL, content, call_id=call.id, name=call.name)


def specs(functions: Iterable[Json]) -> tuple[ToolSpec, ...]:
    """Tools from their JSON schemas, as OpenAI has functions."""
    return tuple(
        ToolSpec(name=f["name"], description=f["description"], arguments=f["parameters"])
        for f in functions
    )
