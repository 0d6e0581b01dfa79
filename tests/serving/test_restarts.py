"""A server that is killed, or asked to end, in the middle of a question: nothing asked is lost."""

from __future__ import annotations

import json

import pytest

from tests.serving.conftest import Serve
from tests.serving.served import Event, Served

pytestmark = pytest.mark.slow


def until(server: Served, url: str, name: str, num: int) -> list[Event]:
    """Events until so many of that name were heard."""
    heard: list[Event] = []
    for event in server.events(url):
        heard.append(event)
        if sum(one.name == name for one in heard) == num:
            return heard
    raise AssertionError(f"the question was over before {num} x {name}")


def test_a_killed_question_goes_on_where_it_was(serve: Serve):
    """SIGKILL in the middle of a question; the listener comes back with its Last-Event-ID."""
    server = serve(slow=[5, 0.4], workers=1)
    clock = server.videos()["clock.mp4"]
    one, two = server.session(videos=[clock]), server.session(videos=[clock])
    url, later = server.ask(one, "What is seen?"), server.ask(two, "And in this one?")
    before = until(server, url, "observation", 3)
    server.kill()
    server.start()
    states = {head["id"]: head["state"] for head in server.json("GET", "/api/sessions")["sessions"]}
    assert (states[one], states[two]) == ("interrupted", "interrupted")
    after = list(server.events(url, after=before[-1].id))
    assert [event.id for event in (*before, *after)] == list(
        range(1, before[-1].id + len(after) + 1)
    )
    assert "resumed" in [event.name for event in after]
    assert after[-1].data["state"] == "answered"
    assert list(server.events(url)) == [*before, *after]
    (asked,) = server.json("GET", f"/api/sessions/{one}")["questions"]
    called = [c["arguments"]["start_s"] for s in asked["steps"][:-1] for c in s["calls"]]
    assert called == [0, 1, 2, 3, 4]  # each once: no step was lost, none was taken twice
    assert server.answered(later)["state"] == "answered"  # the one that was still waiting
    record = json.loads(server.client.get(f"/api/sessions/{one}/export").text)
    assert len(record["steps"]) == 6


def test_an_ended_server_leaves_the_rest_to_the_next(serve: Serve):
    server = serve(slow=[20, 0.9], workers=1)
    clock = server.videos()["clock.mp4"]
    session = server.session(videos=[clock], effort="deep")
    url = server.ask(session, "What is seen?")
    before = until(server, url, "observation", 1)
    assert server.terminate() == 0
    assert not any("Traceback" in line for line in server.log), server.log
    server.start()
    after = list(server.events(url, after=before[-1].id))
    assert after[-1].data["state"] == "answered"
    assert after[-1].data["num_steps"] == 21


def test_answers_stay_when_the_server_is_killed_between_questions(serve: Serve):
    server = serve()
    session = server.session(videos=[server.videos()["demo.mp4"]])
    url = server.ask(session, "Where has the miller hidden his key?")
    before = list(server.events(url))
    server.kill()
    server.start()
    assert list(server.events(url)) == before
    url = server.ask(session, "When do the stars come out?")
    assert server.answered(url)["state"] == "answered"
    assert server.json("GET", f"/api/sessions/{session}")["num_questions"] == 2
