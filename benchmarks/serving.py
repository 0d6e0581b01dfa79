"""What a server does under load: many sessions at once, a queue that is full, a video of 2 GB.

A real `playhead serve` in a process of its own, asked over HTTP; its memory is that of the process
and of its decoders. Answers are those of the embedded rules, so what is measured is the server.

Whoever asks shares the processor with the server, so with many connections at once it speaks HTTP
over plain sockets (`Wire`): httpx then needs as much of the processor as what it measures.

    python benchmarks/serving.py --sessions 64 --questions 20
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil

from playhead.video.demo import write_demo
from playhead.video.synthetic import write_clock

QUESTIONS = (
    "Where has the miller hidden his key?",
    "When do the stars come out?",
    "What is said at the end?",
    "Where is the red ball?",
)
WORDS = ("miller", "bridge", "stars", "boat", "red ball", "night", "meadow")
GIB = 2**30
MIB = 2**20


@dataclass
class Load:
    """What many sessions at once have seen."""

    searches_s: list[float] = field(default_factory=list)
    answers_s: list[float] = field(default_factory=list)
    finished_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Wire:
    """One connection that is kept open: a request, then its reply."""

    def __init__(self, url: str) -> None:
        self._host, _, port = url.removeprefix("http://").rpartition(":")
        self._port = int(port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body; of events: all of them."""
        return await self._say(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())

    async def post(self, path: str, **body: Any) -> tuple[int, bytes]:
        """As `get`."""
        sent = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(sent)}\r\n"
        return await self._say(head.encode() + b"Content-Type: application/json\r\n\r\n" + sent)

    async def session(self, video: str) -> str:
        """A new session about a video."""
        return str(json.loads((await self.post("/api/sessions", videos=[video]))[1])["id"])

    async def _say(self, request: bytes) -> tuple[int, bytes]:
        self._streams = self._streams or await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split(b" ", 2)[1])
        _, is_sized, length = head.partition(b"content-length: ")
        if is_sized:
            return status, await reader.readexactly(int(length.partition(b"\r\n")[0]))
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return status, body


class Memory:
    """The largest memory of a process and its children, looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.most = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def now(self) -> tuple[int, int]:
        """Resident bytes: of the server, of its decoders."""
        total = 0
        for child in self._process.children(recursive=True):
            try:
                total += child.memory_info().rss
            except psutil.Error:  # it ended meanwhile
                continue
        return self._process.memory_info().rss, total

    def end(self) -> None:
        """Stop looking."""
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            self.most = max(self.most, sum(self.now()))


@contextmanager
def served(folder: Path, *options: str) -> Generator[tuple[str, int]]:
    """A server: its address and its process."""
    command = [sys.executable, "-m", "playhead", "serve", "--port", "0", "--model", "rules"]
    process = subprocess.Popen(
        [*command, "--library", str(folder / "library"), "--root", str(folder), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1], process.pid
    finally:
        process.terminate()
        process.wait(60)


def ready(client: httpx.Client, path: Path) -> str:
    """Add a file and wait until it is indexed."""
    video = client.post("/api/videos", json={"path": str(path)}).raise_for_status().json()
    while video["index"]["state"] == "indexing":
        time.sleep(0.5)
        video = client.get(f"/api/videos/{video['id']}").json()
    return str(video["id"])


async def one_session(wire: Wire, load: Load, video: str, num: int) -> None:
    """Ask `num` questions, one after the other, with a search between them."""
    dice = random.Random(len(load.errors) + num)
    session = await wire.session(video)
    for number in range(num):
        started = time.perf_counter()
        status, body = await wire.get(f"/api/search?q={quote(dice.choice(WORDS))}&k=10")
        load.searches_s.append(time.perf_counter() - started)
        if status != 200 or not json.loads(body)["hits"]:
            load.errors.append(f"search: {status}")
        question = QUESTIONS[number % len(QUESTIONS)]
        started = time.perf_counter()
        status, body = await wire.post(f"/api/sessions/{session}/ask", question=question)
        if status != 202:
            load.errors.append(f"ask: {status}")
            continue
        _, events = await wire.get(json.loads(body)["events_url"])
        load.answers_s.append(time.perf_counter() - started)
        last = json.loads(events.rstrip().rpartition(b"data: ")[2])
        if last.get("state") != "answered":
            load.errors.append(f"answer: {last.get('state')}")
    load.finished_s.append(time.perf_counter())


async def many_sessions(url: str, video: str, num: int, questions: int) -> tuple[Load, float]:
    """L1 of the threat model."""
    load = Load()
    started = time.perf_counter()
    await asyncio.gather(*(one_session(Wire(url), load, video, questions) for _ in range(num)))
    load.finished_s = [end - started for end in load.finished_s]
    return load, time.perf_counter() - started


async def overload(url: str, video: str, num: int, a_second: float) -> dict[str, Any]:
    """L4 of the threat model: `num` questions, so many a second, whoever is answered or not."""
    making = Wire(url)
    sessions = [await making.session(video) for _ in range(num)]
    refused, taken, others = list[float](), list[str](), list[int]()
    idle = [Wire(url)]

    async def ask(session: str) -> None:
        wire = idle.pop() if idle else Wire(url)
        started = time.perf_counter()
        status, body = await wire.post(f"/api/sessions/{session}/ask", question=QUESTIONS[0])
        took = time.perf_counter() - started
        idle.append(wire)
        if status == 429:
            refused.append(took)
        elif status == 202:
            taken.append(json.loads(body)["events_url"])
        else:
            others.append(status)

    began, asking = time.perf_counter(), list[asyncio.Task[None]]()
    for number, session in enumerate(sessions):
        await asyncio.sleep(began + number / a_second - time.perf_counter())
        asking.append(asyncio.create_task(ask(session)))
    await asyncio.gather(*asking)
    over = time.perf_counter()
    for events_url in taken:
        await making.get(events_url)
    drained = time.perf_counter()
    status, events = await making.post("/api/ask", question=QUESTIONS[0], videos=[video])
    assert status == 200
    assert b'"answered"' in events
    return {
        "taken": len(taken),
        "refused": refused,
        "others": others,
        "asking": over - began,
        "drained": drained - over,
        "answer": time.perf_counter() - drained,
    }


async def full_queue(url: str, video: str, num: int) -> list[float]:
    """Seconds to be refused, ten at a time, while the queue is full and answering waits."""
    took = list[float]()

    async def ask(wire: Wire) -> int:
        address = f"/api/sessions/{await wire.session(video)}/ask"
        started = time.perf_counter()
        status, _ = await wire.post(address, question=QUESTIONS[0])
        if status == 429:
            took.append(time.perf_counter() - started)
        return status

    wires = [Wire(url) for _ in range(10)]
    while await ask(wires[0]) == 202:
        continue
    for _ in range(num // 10):
        await asyncio.gather(*map(ask, wires))
    return took


def first_events(client: httpx.Client, video: str, num: int) -> dict[str, list[float]]:
    """Seconds from a question to its first event, its first step, its answer; nobody else asks."""
    seen: dict[str, list[float]] = {"question": [], "call": [], "done": []}
    for number in range(num):
        body = {"question": QUESTIONS[number % len(QUESTIONS)], "videos": [video]}
        started, missing = time.perf_counter(), set(seen)
        with client.stream("POST", "/api/ask", json=body) as reply:
            for line in reply.iter_lines():
                name = line.removeprefix("event: ")
                if line.startswith("event: ") and name in missing:
                    missing.discard(name)
                    seen[name].append(time.perf_counter() - started)
    return seen


def write_large(path: Path, film: Path) -> None:
    """A real film with 2 GiB of a free box behind it, which takes no place on the disk."""
    content = film.read_bytes()
    with path.open("wb") as file:
        file.write(content + (1).to_bytes(4) + b"free" + (2 * GIB).to_bytes(8))
        file.truncate(len(content) + 2 * GIB)


def seeks(client: httpx.Client, video: str, num: int) -> list[float]:
    """Seconds for 64 KiB from anywhere in a file, as a player asks when somebody clicks."""
    size = int(client.head(f"/media/{video}").headers["content-length"])
    dice, took = random.Random(0), []
    for _ in range(num):
        start = dice.randrange(size - 2**16)
        began = time.perf_counter()
        headers = {"Range": f"bytes={start}-{start + 2**16 - 1}"}
        reply = client.get(f"/media/{video}", headers=headers)
        took.append(time.perf_counter() - began)
        assert reply.status_code == 206
        assert len(reply.content) == 2**16
    return took


def page_bytes(url: str) -> int:
    """What a browser loads before there is any media: the page and its files, as they are sent."""
    import playhead.serving

    folder = Path(playhead.serving.__file__).with_name("web")
    names = ["", *(path.name for path in folder.iterdir() if path.name != "index.html")]
    replies = [httpx.head(f"{url}/{name}", headers={"Accept-Encoding": "gzip"}) for name in names]
    return sum(int(reply.headers["content-length"]) for reply in replies)


def times(took: list[float]) -> str:
    """Median, 99th percentile and the most, in milliseconds."""
    if not took:
        return "none"
    ordered = sorted(took)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    median = statistics.median(ordered)
    return f"{1e3 * median:.0f} / {1e3 * p99:.0f} / {1e3 * ordered[-1]:.0f} ms (n={len(took)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--over", type=int, default=10, help="times what can be answered")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_demo(folder / "demo.mp4")
        write_clock(folder / "clock.mp4", num_frames=1500)
        with served(folder) as (url, pid), httpx.Client(base_url=url, timeout=600) as client:
            memory = Memory(pid)
            video = ready(client, folder / "demo.mp4")
            ready(client, folder / "clock.mp4")
            print(f"{os.cpu_count()} processors; load of the machine {os.getloadavg()[0]:.1f}")
            print(f"page: {page_bytes(url) / 1e3:.1f} kB without media")
            for name, took in first_events(client, video, 20).items():
                print(f"question to {name}: {times(took)}")
            used_s = sum(psutil.Process(pid).cpu_times()[:2])
            load, took_s = asyncio.run(
                many_sessions(url, video, options.sessions, options.questions)
            )
            used_s = sum(psutil.Process(pid).cpu_times()[:2]) - used_s
            rate = len(load.answers_s) / took_s
            print(
                f"{options.sessions} sessions x {options.questions} questions: {took_s:.0f} s, "
                f"{len(load.errors)} errors {sorted(set(load.errors))}, {rate:.1f} answers a "
                f"second, {1e3 * used_s / len(load.answers_s):.0f} ms of processor time for each "
                "with its search"
            )
            print(f"search: {times(load.searches_s)}")
            print(f"answer: {times(load.answers_s)}")
            print(f"last / first finished: {max(load.finished_s) / min(load.finished_s):.2f}")
            print(f"memory at most: {memory.most / MIB:.0f} MiB with decoders")
            num = int(5 * options.over * rate)
            burst = asyncio.run(overload(url, video, num, options.over * rate))
            print(
                f"{num} questions in {burst['asking']:.1f} s, {options.over} times what can be "
                f"answered: {burst['taken']} taken, {len(burst['others'])} errors, "
                f"{len(burst['refused'])} refused in {times(burst['refused'])}; the queue "
                f"empty after {burst['drained']:.1f} s, then an answer in {burst['answer']:.2f} s"
            )
            memory.end()
        with socket.create_server(("127.0.0.1", 0)) as silent:  # a model server that never answers
            model = f"openai:none@http://127.0.0.1:{silent.getsockname()[1]}/v1"
            told = ("--model", model, "--queue", "16")
            with served(folder, *told) as (url, _), httpx.Client(base_url=url) as client:
                video = ready(client, folder / "demo.mp4")
                took = asyncio.run(full_queue(url, video, 200))
                print(f"refused while a model is waited for: {times(took)}")
        write_large(folder / "large.mp4", folder / "clock.mp4")
        with served(folder) as (url, pid), httpx.Client(base_url=url, timeout=600) as client:
            memory = Memory(pid)
            time.sleep(5)  # what takes seconds is loaded
            before = memory.now()[0]
            started = time.perf_counter()
            large = ready(client, folder / "large.mp4")
            print(f"2 GiB video added and indexed in {time.perf_counter() - started:.1f} s")
            print(f"seek in it: {times(seeks(client, large, 300))}")
            client.get(f"/media/{large}/thumb/10.jpg").raise_for_status()
            after, decoders = memory.now()
            print(
                f"server: {before / MIB:.0f} MiB before, {after / MIB:.0f} MiB after, decoders "
                f"{decoders / MIB:.0f} MiB, at most {memory.most / MIB:.0f} MiB together"
            )
            memory.end()


if __name__ == "__main__":
    main()
