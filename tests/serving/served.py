"""A real server in a process of its own, and a client of it.

`python -m tests.serving.served JSON` is that process: it serves a library by a policy of the tests
until it is told to end, or killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from playhead.core import Message, Reply, Sampling, ToolSpec
from tests.agent.policies import answering, calling, ids_in
from tests.agent.policies import call as wish

ROOT = Path(__file__).parents[2]


class Slow:
    """Looks at one second after the other, and takes its time; then answers."""

    needs_tools = True
    name = "slow"

    def __init__(self, num_looks: int, delay_s: float) -> None:
        self._num_looks, self._delay_s = num_looks, delay_s

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        await asyncio.sleep(self._delay_s)
        number = sum(1 for message in messages if message.role == "assistant")
        if number >= self._num_looks or sampling.tool_choice == "none":
            return answering("the mill", *ids_in(messages)[:1])
        return calling(wish("look", start_s=number, end_s=number + 1, num=1), text=f"look {number}")


@dataclass
class Event:
    """One server-sent event."""

    id: int
    name: str
    data: dict[str, Any]


@dataclass
class Served:
    """A server of a library, while the block runs."""

    library: Path
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    """Of `ServeSettings`; `slow` is how many looks of which seconds the policy takes."""
    url: str = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self._process.poll() is None:
            self.terminate()

    def start(self) -> None:
        """Begin to serve."""
        told = {"library": str(self.library), **self.options}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.serving.served", json.dumps(told)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.log: list[str] = []
        line = self._process.stdout.readline()
        assert "http://" in line, self._process.stderr.read()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self.url = line.split()[-1].partition("/#")[0]
        token = self.options.get("token")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _read_log(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        self.log.extend(stderr)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)
        self.client.close()
        self._reader.join()
        self._close_pipes()

    def terminate(self) -> int:
        """Ask it to end."""
        self._process.terminate()
        code = self._process.wait(60)
        self.client.close()
        self._reader.join()
        self._close_pipes()
        return code

    def json(self, method: str, path: str, **how: Any) -> Any:
        """What a request that must succeed gives."""
        reply = self.client.request(method, path, **how)
        assert reply.is_success, (reply.status_code, reply.text)
        return reply.json() if reply.content else None

    def events(
        self, url: str, *, after: int | None = None, method: str = "GET", **how: Any
    ) -> Iterator[Event]:
        """Server-sent events, as they come."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        with self.client.stream(method, url, headers=headers, **how) as reply:
            assert reply.status_code == 200, reply.read()
            assert reply.headers["content-type"].startswith("text/event-stream")
            yield from read_events(reply.iter_lines())

    def ask(self, session: str, question: str, **more: Any) -> str:
        """Ask, and say where the events are."""
        asked = self.json(
            "POST", f"/api/sessions/{session}/ask", json={"question": question} | more
        )
        return str(asked["events_url"])

    def answered(self, url: str) -> dict[str, Any]:
        """The last event of a question."""
        *_, last = self.events(url)
        assert last.name == "done"
        return last.data

    def session(self, **how: Any) -> str:
        """A new session."""
        return str(self.json("POST", "/api/sessions", json=how)["id"])

    def videos(self) -> dict[str, str]:
        """Ids by title."""
        found = self.json("GET", "/api/videos")["videos"]
        return {video["title"]: video["id"] for video in found}


def read_events(lines: Iterator[str]) -> Iterator[Event]:
    """From lines to events; comments are left out."""
    kept: dict[str, str] = {}
    for line in lines:
        if not line and kept:
            yield Event(int(kept["id"]), kept["event"], json.loads(kept["data"]))
            kept = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            kept[name] = value


def main(told: dict[str, Any]) -> None:
    """Serve."""
    from playhead.memory.library import Library
    from playhead.memory.recipe import MemoryRecipe
    from playhead.serving.server import listen, run
    from playhead.serving.settings import ServeSettings

    slow = told.pop("slow", None)
    model = "rules" if slow is None else Slow(*slow)
    roots = tuple(map(Path, told.pop("roots", ())))
    library = Library(told.pop("library"), recipe=MemoryRecipe(late_eyes=()))
    settings = ServeSettings(model=model, roots=roots, **told)
    run(library, settings, listen("127.0.0.1", 0, settings))


if __name__ == "__main__":
    os.environ.pop("OPENAI_BASE_URL", None)
    main(json.loads(sys.argv[1]))
