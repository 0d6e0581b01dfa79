"""Questions over MCP to `playhead serve`: they stand in its one line with all the others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("mcp_types", reason="mcp 2 is not installed")

from tests.serving.conftest import Serve
from tests.serving.mcp_clients import QUESTION, connected
from tests.serving.served import Served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def narrow(serve: Serve) -> Served:
    """Answers one question at a time, in 1.4 s; one more may wait."""
    return serve(slow=[6, 0.2], workers=1, max_waiting=1)


class Heard(list[str]):
    """What a client is told while it waits."""

    async def tell(self, done: float, total: float | None, words: str | None) -> None:
        self.append(words or "")

    async def until(self, words: str) -> None:
        """Wait until that was told."""
        while not any(line.startswith(words) for line in self):
            await asyncio.sleep(0.01)


def over_mcp(server: Served, asked: dict[str, Any], heard: Heard | None = None) -> Any:
    """What a client gets that asks."""

    async def scenario() -> Any:
        async with connected(f"{server.url}/mcp/") as client:
            listener = Heard() if heard is None else heard
            return await client.call_tool("ask_video", asked, progress_callback=listener.tell)

    return asyncio.run(scenario())


def error_of(told: Any) -> dict[str, str]:
    assert told.is_error
    return told.structured_content["error"]


def busy(server: Served, num: int) -> list[str]:
    """Where the events are of so many questions that were asked just now, each of a session."""
    demo = server.videos()["demo.mp4"]
    return [server.ask(server.session(videos=[demo]), "What is it?") for _ in range(num)]


def test_a_question_is_kept_as_those_of_the_page_and_gone_on_with_by_either(server: Served):
    heard = Heard()
    first = over_mcp(server, QUESTION | {"videos": [server.videos()["demo.mp4"]]}, heard)
    assert "bridge" in first.structured_content["text"]
    assert "call: search" in heard
    session = first.structured_content["session"]
    assert server.answered(server.ask(session, "And who?"))["state"] == "answered"
    third = over_mcp(server, {"question": "And when?", "session": session})
    assert third.structured_content["session"] == session
    kept = server.json("GET", f"/api/sessions/{session}")["questions"]
    asked = [(one["number"], one["question"]) for one in kept]
    assert asked == [(1, QUESTION["question"]), (2, "And who?"), (3, "And when?")]


def test_a_question_that_finds_the_line_full_is_told_so_and_when_to_come_back(narrow: Served):
    taken = busy(narrow, 2)
    error = error_of(over_mcp(narrow, QUESTION))
    assert error["code"] == "too_many"
    assert error["hint"].startswith("Ask again in ")
    assert all(narrow.answered(url)["state"] == "answered" for url in taken)


def test_a_question_that_waits_takes_a_place_from_the_others(narrow: Served):
    demo = narrow.videos()["demo.mp4"]
    (first,) = busy(narrow, 1)
    other, heard = narrow.session(videos=[demo]), Heard()

    def refused() -> int:
        body = {"question": "Me too?"}
        return narrow.client.post(f"/api/sessions/{other}/ask", json=body).status_code

    async def scenario() -> tuple[Any, int]:
        async with connected(f"{narrow.url}/mcp/") as client:
            asked = {"question": "And it?", "videos": [demo]}
            asking = asyncio.ensure_future(
                client.call_tool("ask_video", asked, progress_callback=heard.tell)
            )
            await heard.until("question")
            status = await asyncio.to_thread(refused)
            return await asking, status

    answered, status = asyncio.run(scenario())
    assert status == 429
    assert answered.structured_content["text"] == "the mill"
    assert narrow.answered(first)["state"] == "answered"


def test_a_session_at_hand_is_busy_and_one_that_is_not_there_is_none(narrow: Served):
    session = narrow.session(videos=[narrow.videos()["demo.mp4"]])
    at_hand = narrow.ask(session, "What is it?")
    assert error_of(over_mcp(narrow, {"question": "And?", "session": session}))["code"] == "busy"
    nowhere = error_of(over_mcp(narrow, QUESTION | {"session": "0" * 32}))
    assert nowhere["code"] == "no_such_session"
    assert narrow.answered(at_hand)["state"] == "answered"


def test_a_client_that_takes_its_question_back_stops_it(narrow: Served):
    before = {one["id"] for one in narrow.json("GET", "/api/sessions")["sessions"]}
    heard = Heard()

    async def scenario() -> None:
        async with connected(f"{narrow.url}/mcp/") as client:
            asked = {"question": "What is it?"}
            asking = asyncio.ensure_future(
                client.call_tool("ask_video", asked, progress_callback=heard.tell)
            )
            await heard.until("call: look")
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(scenario())
    heads = narrow.json("GET", "/api/sessions")["sessions"]
    (session,) = {one["id"] for one in heads} - before
    last = narrow.answered(f"/api/sessions/{session}/questions/1/events")
    assert last["stop"] == "cancelled"
