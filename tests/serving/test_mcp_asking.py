"""Questions over MCP: answered, gone on with, bounded, and stopped with their client."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from playhead.agent.store import SessionStore
from playhead.core import Reply, Stop
from playhead.serving.mcp_desk import Desk
from playhead.serving.mcp_work import AT_ONCE, WAITING

pytest.importorskip("mcp_types", reason="mcp 2 is not installed")


from tests.serving.mcp_clients import (
    QUESTION,
    call,
    refused,
    run,
)


def test_an_answer_comes_with_its_seconds_and_a_session_to_go_on_with(desk: Desk):
    told: list[str] = []

    async def tell(done: float, total: float | None, words: str | None) -> None:
        told.append(words or "")

    async def scenario(client: Any) -> Any:
        first = await client.call_tool("ask_video", QUESTION, progress_callback=tell)
        session = first.structured_content["session"]
        again = {"question": "And who?", "session": session}
        return first, await client.call_tool("ask_video", again)

    first, second = run(desk, scenario)
    answer = first.structured_content
    assert "bridge" in answer["text"]
    assert answer["evidence"][0]["start_s"] > 6
    assert answer["cost"]["turns"] >= 1
    assert "call: search" in told
    assert second.structured_content["session"] == answer["session"]
    store = SessionStore(desk.library.folder / "sessions.sqlite")
    questions = store.questions(answer["session"])
    store.close()
    assert [q.task.question for q in questions] == [QUESTION["question"], "And who?"]
    assert questions[0].trajectory is not None
    assert questions[0].trajectory.cost.model_dump(mode="json") == answer["cost"]


def test_a_session_that_is_not_there_or_not_named_in_full_is_refused(desk: Desk):
    call(desk, "ask_video", **QUESTION)
    assert refused(desk, "ask_video", **QUESTION, session="0" * 12)["code"] == "no_such_session"
    for name in ("last", "", "a", "' OR 1=1 --"):
        assert refused(desk, "ask_video", **QUESTION, session=name)["code"] == "bad_arguments"


def test_the_bounds_of_the_server_hold_whatever_effort_is_asked_for(desk: Desk):
    bounded = replace(desk, bounds={"turns": 1})
    seen = call(bounded, "ask_video", **QUESTION, effort="deep")
    assert seen.structured_content["cost"]["turns"] <= 1


class Waiting:
    """A policy that never replies."""

    name = "waiting"

    def __init__(self) -> None:
        self.asked = threading.Event()

    async def reply(self, messages: Any, tools: Any, sampling: Any) -> Reply:
        self.asked.set()
        await asyncio.sleep(3600)
        return Reply()


def test_a_question_whose_client_goes_away_is_stopped_and_kept(desk: Desk):
    policy = Waiting()
    waiting = replace(desk, model=policy)

    async def scenario(client: Any) -> None:
        asking = asyncio.ensure_future(client.call_tool("ask_video", {"question": "What is it?"}))
        await asyncio.to_thread(policy.asked.wait)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    run(waiting, scenario)
    store = SessionStore(desk.library.folder / "sessions.sqlite")
    while (question := store.sessions()[0][2][-1]).trajectory is None:
        threading.Event().wait(0.05)
    store.close()
    assert question.task.question == "What is it?"
    assert question.trajectory.stop is Stop.CANCELLED


def test_calls_that_would_wait_too_long_are_sent_away_and_a_look_does_not_wait_for_them(desk: Desk):
    waiting = replace(desk, model=Waiting())

    async def scenario(client: Any) -> Any:
        ask = {"question": "What is it?"}
        asking = [
            asyncio.ensure_future(client.call_tool("ask_video", ask))
            for _ in range(AT_ONCE + WAITING + 1)
        ]
        (sent_away,), _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        looked = await client.call_tool("list_videos", {})
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        return sent_away.result(), looked

    sent_away, looked = run(waiting, scenario)
    assert sent_away.structured_content["error"]["code"] == "busy"
    assert not looked.is_error
