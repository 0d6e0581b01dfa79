"""L1 and L4 of the threat model, small: many sessions at once, and far more than the queue holds.

How fast it goes is measured by `benchmarks/serving.py`; here it must go right.
"""

from __future__ import annotations

import asyncio
import json

import httpx
import psutil
import pytest

from tests.serving.conftest import Serve
from tests.serving.served import Served

pytestmark = pytest.mark.slow

GIB = 2**30
QUESTION = {"question": "Where has the miller hidden his key?"}


def client(server: Served) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=server.url, timeout=600, limits=limits)


async def answered(web: httpx.AsyncClient, session: str) -> bool:
    asked = await web.post(f"/api/sessions/{session}/ask", json=QUESTION)
    assert asked.status_code == 202, asked.text
    events = await web.get(asked.json()["events_url"])
    last = json.loads(events.text.rstrip().rpartition("data: ")[2])
    return "bridge" in last["answer"]["text"]


def test_many_sessions_at_once_all_get_their_answers(serve: Serve):
    server = serve()
    demo = server.videos()["demo.mp4"]

    async def one(web: httpx.AsyncClient) -> None:
        made = await web.post("/api/sessions", json={"videos": [demo]})
        for _ in range(2):
            found = await web.get("/api/search", params={"q": "miller key"})
            assert found.json()["hits"][0]["video"] == demo
            assert await answered(web, made.json()["id"])

    async def all_of_them() -> None:
        async with client(server) as web:
            await asyncio.gather(*(one(web) for _ in range(24)))

    asyncio.run(all_of_them())
    process = psutil.Process(server.pid)
    held = [process, *process.children(recursive=True)]
    assert sum(one.memory_info().rss for one in held) <= 2 * GIB
    assert process.num_fds() < 200  # sessions and their questions gave everything back
    assert not any("Traceback" in line for line in server.log), server.log


def test_what_the_queue_does_not_hold_is_refused_and_nothing_is_lost(serve: Serve):
    server = serve(slow=[1, 0.2], workers=2, max_waiting=6)
    demo = server.videos()["demo.mp4"]
    sessions = [server.session(videos=[demo]) for _ in range(80)]

    async def burst() -> list[httpx.Response]:
        async with client(server) as web:
            asked = [web.post(f"/api/sessions/{one}/ask", json=QUESTION) for one in sessions]
            return await asyncio.gather(*asked)

    replies = asyncio.run(burst())
    taken = [reply for reply in replies if reply.status_code == 202]
    refused = [reply for reply in replies if reply.status_code == 429]
    assert len(taken) + len(refused) == 80
    assert len(taken) >= 8
    assert refused
    assert all(1 <= int(reply.headers["retry-after"]) <= 60 for reply in refused)
    for reply in taken:
        assert server.answered(reply.json()["events_url"])["state"] == "answered"
    asked = [one["num_questions"] for one in server.json("GET", "/api/sessions")["sessions"]]
    assert sum(asked) == len(taken)
    assert server.answered(server.ask(sessions[-1], "And now?"))["state"] == "answered"
