"""The events of one question: kept in a file, told to whoever listens, from any number on.

The one idea: an event has a number and a line in a file before anybody is told of it. So who lost
the connection names the last number they had and misses nothing, also when the server was killed
in between. The file can be thrown away: for an answered question it is made again from the record.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

from playhead.agent.run import Event
from playhead.agent.store import Question
from playhead.serving import views
from playhead.serving.errors import ErrorBody

logger = logging.getLogger(__name__)

DONE = "done"
"""The last event of every question."""
_ALIVE_S = 15.0
_ALIVE = b": alive\n\n"

Told = tuple[str, dict[str, Any]]
"""The name of an event and its data."""


class EventLog:
    """What happened while a question was answered. Safe in several threads."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a line that a kill cut off is left out."""
        self._path = path
        self._guard = threading.Lock()
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._told: list[Told] = _read(path) if path.exists() else []

    def __len__(self) -> int:
        return len(self._told)

    @property
    def end(self) -> dict[str, Any] | None:
        """The data of the last event. None: it has not happened yet."""
        return self._told[-1][1] if self._told and self._told[-1][0] == DONE else None

    def add(self, name: str, data: dict[str, Any]) -> None:
        """Keep an event, and tell it. A full disk keeps nobody from listening."""
        data = data | {"t": round(time.time(), 3)}
        with self._guard:
            line = json.dumps({"event": name, "data": data})
            try:
                with self._path.open("ab") as file:
                    file.write(line.encode() + b"\n")
            except OSError as error:
                logger.warning("events are not kept: %s", error)
            self._told.append((name, data))
            listeners = list(self._listeners)
        for loop, changed in listeners:
            with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
                loop.call_soon_threadsafe(changed.set)

    async def listen(self, after: int = 0) -> AsyncGenerator[list[Told]]:
        """The events after number `after`, then each as it happens; an empty list where nothing
        has happened for a while."""
        changed, number = asyncio.Event(), after
        listener = (asyncio.get_running_loop(), changed)
        self._listeners.add(listener)
        try:
            while True:
                changed.clear()
                new = self._told[number:]
                number += len(new)
                if new:
                    yield new
                if self.end is not None and number >= len(self._told):
                    return
                try:
                    await asyncio.wait_for(changed.wait(), _ALIVE_S)
                except TimeoutError:
                    yield []
        finally:
            self._listeners.discard(listener)

    async def stream(self, after: int = 0) -> AsyncIterator[bytes]:
        """`listen` as server-sent events."""
        number = after
        async with contextlib.aclosing(self.listen(after)) as events:
            async for new in events:
                lines = [_frame(number + i, *one) for i, one in enumerate(new, start=1)]
                number += len(new)
                yield b"".join(lines) or _ALIVE


def told(event: Event) -> Told:
    """An event of a session as clients are told of it."""
    data: dict[str, Any] = {}
    if event.kind in ("thought", "indexing"):
        data["text"] = event.text
    if event.kind == "call" and event.call is not None:
        call = event.call
        data |= {"id": call.id, "name": call.name, "arguments": call.arguments}
    if event.kind == "observation" and event.observation is not None:
        data |= views.plain(views.observation(event.observation))
        data["name"] = event.call.name if event.call else ""
    if event.kind == "answer":
        data["answer"] = None if event.answer is None else views.plain(views.answer(event.answer))
    if event.cost is not None:
        data["cost"] = event.cost.model_dump(mode="json")
    return event.kind, data


def first(asked: Question | None) -> Told:
    """The event that a question begins with. None: it was deleted meanwhile."""
    if asked is None:
        return "question", {}
    seen = views.plain(views.question(asked, "waiting", None))
    kept = {name: seen[name] for name in ("number", "question", "options", "within", "images")}
    return "question", {"session": asked.session, **kept}


def last(asked: Question | None, error: ErrorBody | None) -> Told:
    """The event that a question ends with.

    Args:
        asked: From the store. None: it was deleted meanwhile.
        error: Why there is no answer. None: there is one.
    """
    record = None if asked is None else asked.trajectory
    given = None if record is None else record.answer
    return DONE, {
        "state": "failed" if given is None else "answered",
        "stop": None if record is None else record.stop.value,
        "answer": None if given is None else views.plain(views.answer(given)),
        "error": None if error is None else error.model_dump(),
        "cost": None if record is None else record.cost.model_dump(mode="json"),
        "num_steps": 0 if record is None else len(record.steps),
    }


def of_record(asked: Question) -> list[Told]:
    """What can be told of an answered question from its record alone."""
    record = asked.trajectory
    found: list[Told] = [first(asked)]
    for step in views.steps(() if record is None else record.steps):
        found.append(("thought", {"text": step.thinking or step.text, "cost": None}))
        for call in step.calls:
            seen = views.plain(call.observation) | {"name": call.name}
            found.append(("call", {"id": call.id, "name": call.name, "arguments": call.arguments}))
            found.append(("observation", seen))
    return found


def _frame(number: int, name: str, data: dict[str, Any]) -> bytes:
    """One event as it goes over the wire."""
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _read(path: Path) -> list[Told]:
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    kept = [json.loads(line) for line in whole.splitlines()]
    return [(one["event"], one["data"]) for one in kept]
