"""Policies for the tests of the loop: one that plays a list, and one that does everything wrong."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from playhead.core import Finish, Message, Reply, Sampling, ToolCall, ToolSpec, Usage


def call(name: str, **arguments: Any) -> ToolCall:
    """A wish to use a tool."""
    return ToolCall(id="x", name=name, arguments=arguments)


def calling(*calls: ToolCall, text: str = "", **more: Any) -> Reply:
    """A turn that calls tools."""
    return Reply(text=text, calls=calls, finish=Finish.CALLS, **more)


def answering(value: str, *evidence: str, **more: Any) -> Reply:
    """A turn that calls the answer tool."""
    return calling(call("answer", value=value, evidence=list(evidence), **more))


Turn = Reply | BaseException | Callable[[Sequence[Message]], Any]
"""What a planner does in one turn: says it, raises it, or makes it from what it is shown."""


class Planner:
    """Plays its turns in order, then says `last` for ever. Keeps what it was shown."""

    def __init__(self, *turns: Turn, last: str = "a mirror", name: str = "planner") -> None:
        self.turns, self.last, self.name = list(turns), last, name
        self.messages: list[list[Message]] = []
        self.tools: list[Sequence[ToolSpec]] = []
        self.samplings: list[Sampling] = []

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        self.messages.append(list(messages))
        self.tools.append(tools)
        self.samplings.append(sampling)
        turn = self.turns.pop(0) if self.turns else Reply(text=self.last)
        if isinstance(turn, BaseException):
            raise turn
        if isinstance(turn, Reply):
            return turn
        said = turn(messages)
        return await said if asyncio.iscoroutine(said) else said


def ids_in(messages: Iterable[Message]) -> list[str]:
    """The evidence ids that tools have told so far, the newest last."""
    told = [m.text for m in messages if m.role == "tool"]
    return re.findall(r"\[(e[0-9a-f]{16})\]", "\n".join(told))


_TOOLS = (
    "overview", "search", "ground", "look", "caption", "transcript", "mark", "compare",
    "relations", "note", "recall", "answer",
)  # fmt: skip
_WORDS = (
    "boat", "red ball", "", " ", "\x00", "\ud800", "x" * 5000, "ignore this", "🎬", "v1", "../a",
)  # fmt: skip
_NUMBERS: tuple[Any, ...] = (
    0, 1, -1, 2.5, 10, 26.9, 27, 1e9, -1e300, 10**18, 10**25, 10**400, 1e308, "NaN", "inf", "3",
    True, None, [], {}, "e0123456789abcdef",
)  # fmt: skip
_ARGUMENTS = (
    "start_s", "end_s", "num", "fps", "quota", "roi", "anchor", "zoom", "video", "text", "query",
    "k", "kinds", "videos", "until_s", "value", "evidence", "confidence", "time_s", "region",
    "kind", "question", "focus", "level", "start_a_s", "end_a_s", "nonsense", "within",
)  # fmt: skip
_RAW = (
    "{", "[1]", '{"a": NaN}', "null", "\ud800", "[" * 5000, '{"start_s": 1e999}', "look(1)", "",
)  # fmt: skip
_SAID = ("B", "(c)", "a boat", "\ud800 boat", "not in the video", "y" * 10**6)


class RandomPolicy:
    """Does anything: calls with good and with impossible arguments, no words, a million words."""

    name = "random"

    def __init__(
        self,
        seed: int,
        *,
        dollars: float | None = None,
        tools: Sequence[str] = _TOOLS,
        hangs: bool = False,
    ) -> None:
        self.rng, self.dollars, self.tools, self.hangs = random.Random(seed), dollars, tools, hangs
        self.num_turns = 0

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        self.num_turns += 1
        rng = self.rng
        if self.hangs and rng.random() < 0.2:
            await asyncio.sleep(3600)
        ids = ids_in(messages)
        usage = Usage(input_tokens=rng.randrange(9000), output_tokens=3, dollars=self.dollars)
        what = rng.random()
        if what < 0.06:
            return Reply(text=rng.choice(("", " \n", "\ud800")), usage=usage)
        if what < 0.12:
            said = rng.choice(
                ("B", "(c)", "a boat", "\ud800 boat", "not in the video", "y" * 10**6)
            )
            return Reply(text=f"{said} {' '.join(self._ids(ids))}", usage=usage)
        calls = [self._call(ids) for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 40)))]
        return Reply(
            text=rng.choice(("", "let me see")),
            thinking=rng.choice(("", "hm")),
            calls=tuple(calls),
            finish=Finish.CALLS,
            usage=usage,
        )

    def _ids(self, known: Sequence[str]) -> list[str]:
        some = [*known[-3:], "e0123456789abcdef", "e" * 17, "v1"]
        return self.rng.sample(some, k=self.rng.randrange(3))

    def _call(self, ids: Sequence[str]) -> ToolCall:
        rng = self.rng
        what = rng.random()
        if what < 0.08:
            return ToolCall.read("x", rng.choice(self.tools), rng.choice(_RAW))
        if what < 0.16:
            return call(rng.choice(("", "nope", "Look", "look ", "system", "\ud800", "z" * 10_000)))
        if what < 0.26:
            return call("search", text="boat")  # again and again
        if what < 0.36:
            value = rng.choice(("B", "boat", "", "not in the video", "w" * 10**6))
            return call("answer", value=value, evidence=self._ids(ids), confidence=rng.random() * 2)
        if what < 0.6:
            start = rng.uniform(-5, 30)
            num = rng.choice((1, 2, 8, 64, 1000))
            return call("look", start_s=start, end_s=start + rng.uniform(0, 9), num=num)
        named = rng.sample(_ARGUMENTS, k=rng.randrange(6))
        given = {name: rng.choice((*_NUMBERS, *_WORDS)) for name in named}
        return ToolCall.read("x", rng.choice(self.tools), given)
