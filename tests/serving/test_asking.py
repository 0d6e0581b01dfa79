"""Asking over HTTP: events that can be taken up again, stopping, forking, a bounded queue."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from tests.serving.served import Served

QUESTION = "Where has the miller hidden his key?"


def test_a_question_is_answered_with_its_seconds(server: Served):
    demo = server.videos()["demo.mp4"]
    session = server.session(videos=[demo], title="Mill")
    events = list(server.events(server.ask(session, QUESTION)))
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    names = [event.name for event in events]
    assert names[0] == "question"
    assert names[-2:] == ["answer", "done"]
    assert {"started", "thought", "call", "observation", "cost"} <= set(names)
    answer = events[-1].data["answer"]
    assert "bridge" in answer["text"]
    assert answer["evidence"][0]["span"]["start"] == pytest.approx(7.5)
    found = server.json("GET", f"/api/sessions/{session}")
    assert found["title"] == "Mill"
    assert found["state"] == "idle"
    (asked,) = found["questions"]
    assert asked["state"] == "answered"
    assert asked["answer"] == answer
    called = [call["name"] for step in asked["steps"] for call in step["calls"]]
    assert called == [event.data["name"] for event in events if event.name == "call"]


def test_a_listener_that_comes_back_gets_what_it_missed_and_nothing_twice(slow: Served):
    url = slow.ask(slow.session(videos=[slow.videos()["clock.mp4"]]), "What is seen?")
    first = list(islice(slow.events(url), 5))  # the connection is closed in the middle
    rest = list(slow.events(url, after=first[-1].id))
    whole = list(slow.events(url))
    assert [*first, *rest] == whole
    assert whole[-1].name == "done"
    assert list(slow.events(f"{url}?after={whole[-2].id}")) == whole[-1:]
    assert not list(slow.events(url, after=whole[-1].id))


def test_an_answered_question_is_told_from_its_record_when_the_events_are_lost(server: Served):
    session = server.session()
    url = server.ask(session, QUESTION)
    before = list(server.events(url))
    (log,) = (server.library / "serving" / "events").glob(f"{session}-1.jsonl")
    log.unlink()
    again = list(server.events(url))
    for name in ("question", "call", "observation"):
        mine, theirs = ([e.data for e in told if e.name == name] for told in (again, before))
        for data in (*mine, *theirs):
            data.pop("t")
        assert mine == theirs, name
    assert again[-1].data["answer"] == before[-1].data["answer"]


def test_half_a_line_of_a_killed_server_is_left_out(server: Served):
    session = server.session()
    url = server.ask(session, QUESTION)
    before = list(server.events(url))
    (log,) = (server.library / "serving" / "events").glob(f"{session}-1.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
    again = list(server.events(url))
    assert again[:-1] == before[:-1]
    assert again[-1].name == "done"
    assert again[-1].data["answer"] == before[-1].data["answer"]


def test_ask_in_one_request_begins_a_session_and_streams(server: Served):
    demo = server.videos()["demo.mp4"]
    body = {"question": QUESTION, "videos": [demo]}
    events = list(server.events("/api/ask", method="POST", json=body))
    session = events[0].data["session"]
    assert events[-1].data["state"] == "answered"
    body = {"question": "When do the stars come out?", "session": session}
    events = list(server.events("/api/ask", method="POST", json=body))
    assert events[0].data["number"] == 2
    assert server.json("GET", f"/api/sessions/{session}")["num_questions"] == 2


def test_stop_gives_the_best_answer_so_far(slow: Served):
    session = slow.session(videos=[slow.videos()["clock.mp4"]])
    url = slow.ask(session, "What is seen?")
    for event in slow.events(url):
        if event.name == "observation":
            assert slow.json("POST", f"/api/sessions/{session}/stop") == {"stopped": True}
            break
    assert slow.answered(url)["stop"] == "cancelled"
    assert slow.json("POST", f"/api/sessions/{session}/stop") == {"stopped": False}


def test_a_question_that_waits_can_be_stopped(slow: Served):
    one, two = slow.session(), slow.session()
    first, second = slow.ask(one, "What is seen?"), slow.ask(two, "What is seen?")
    assert slow.json("POST", f"/api/sessions/{two}/stop") == {"stopped": True}
    assert slow.answered(second)["stop"] == "cancelled"
    assert slow.answered(first)["stop"] == "answered"


def test_fork_keeps_the_first_steps(slow: Served):
    session = slow.session(videos=[slow.videos()["clock.mp4"]])
    slow.answered(slow.ask(session, "What is seen?"))
    asked = slow.json(
        "POST",
        f"/api/sessions/{session}/fork",
        json={"number": 1, "step": 4, "question": "What else is seen?"},
    )
    done = slow.answered(asked["events_url"])
    assert done["state"] == "answered"
    first, second = slow.json("GET", f"/api/sessions/{session}")["questions"]
    assert second["parent"] == {"number": 1, "num_kept": 4}
    assert second["question"] == "What else is seen?"
    assert second["steps"][:4] == first["steps"][:4]
    refused = slow.client.post(f"/api/sessions/{session}/fork", json={"number": 9, "step": 1})
    assert refused.status_code == 422


def test_a_session_answers_one_question_at_a_time_and_the_queue_has_an_end(slow: Served):
    sessions = [slow.session() for _ in range(4)]
    urls = [slow.ask(session, "What is seen?") for session in sessions[:3]]
    busy = slow.client.post(f"/api/sessions/{sessions[0]}/ask", json={"question": "And now?"})
    assert busy.status_code == 409
    assert busy.json()["error"]["code"] == "busy"
    full = slow.client.post(f"/api/sessions/{sessions[3]}/ask", json={"question": "And now?"})
    assert full.status_code == 429
    assert int(full.headers["retry-after"]) >= 1
    unread = slow.client.post(f"/api/sessions/{sessions[3]}/ask", content=b"no json")
    assert unread.status_code == 429  # nothing is done for who is refused
    assert [slow.answered(url)["state"] for url in urls] == ["answered"] * 3
    assert slow.answered(slow.ask(sessions[3], "And now?"))["state"] == "answered"
    (asked,) = slow.json("GET", f"/api/sessions/{sessions[3]}")["questions"]
    assert asked["question"] == "And now?"  # what was refused is not written down


def test_feedback_is_kept_and_exported(server: Served):
    session = server.session(title="A <b>title</b>")
    server.answered(server.ask(session, QUESTION))
    judged = {"number": 1, "good": False, "note": "too short"}
    server.json("POST", f"/api/sessions/{session}/feedback", json=judged)
    (asked,) = server.json("GET", f"/api/sessions/{session}")["questions"]
    assert (asked["feedback"], asked["note"]) == (-1, "too short")
    lines = server.client.get(f"/api/sessions/{session}/export").text.splitlines()
    (record,) = map(json.loads, lines)
    assert record["task"]["question"] == QUESTION
    page = server.client.get(f"/api/sessions/{session}/export?format=markdown").text
    assert "bridge" in page
    assert "<b>" not in page


def test_a_session_can_be_renamed_and_forgotten(slow: Served):
    session = slow.session()
    slow.json("PATCH", f"/api/sessions/{session}", json={"title": "Other"})
    listed = {one["id"]: one for one in slow.json("GET", "/api/sessions")["sessions"]}
    assert listed[session]["title"] == "Other"
    slow.ask(session, "What is seen?")
    slow.json("DELETE", f"/api/sessions/{session}")
    assert slow.client.get(f"/api/sessions/{session}").status_code == 404
    assert not list((slow.library / "serving" / "events").glob(f"{session}*"))


def test_a_picture_comes_along_and_can_be_seen_again(server: Served):
    from tests.serving.test_media import data_url

    demo = server.videos()["demo.mp4"]
    picture = server.client.get(f"/media/{demo}/thumb/20.jpg?h=360").content
    session = server.session(videos=[demo])
    url = server.ask(session, "When is this seen?", image=data_url(picture))
    done = server.answered(url)
    assert done["state"] == "answered"
    (asked,) = server.json("GET", f"/api/sessions/{session}")["questions"]
    (image,) = asked["images"]
    assert server.client.get(image["url"]).headers["content-type"] == "image/jpeg"


def test_a_question_about_no_video_takes_no_place(server: Served):
    missing = server.client.post("/api/ask", json={"question": "x", "videos": ["0" * 32]})
    assert missing.status_code == 404
    assert server.json("GET", "/api/about")["queue"]["waiting"] == 0
    before = server.json("GET", "/api/sessions")
    blank = server.client.post("/api/ask", json={"question": "x", "image": "AAAA"})
    assert blank.json()["error"]["code"] == "not_a_picture"
    assert server.json("GET", "/api/sessions") == before  # no session was begun for it
    none = server.client.post("/api/sessions/no-such-session/ask", json={"question": "x"})
    assert none.status_code == 404
    assert server.json("GET", "/api/about")["queue"]["waiting"] == 0
