"""Sessions: questions that follow each other, and outlive the program that asked them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import pickle
import sqlite3
import threading
from pathlib import Path
from typing import Any

import numpy as np
import ormsgpack
import pytest

from playhead.agent.session import Session
from playhead.core import (
    Blamed,
    Budget,
    FrameRef,
    Origin,
    Reply,
    Span,
    Stop,
    tool,
)
from playhead.core.errors import StoreError, VideoNotFound
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.testing import check_trajectory
from playhead.tools.context import ToolContext
from tests.agent.conftest import Films
from tests.agent.policies import Planner, answering, calling, ids_in
from tests.agent.policies import call as wish

SEARCH = calling(wish("search", text="miller key bridge"))


def session(films: Films, *turns: Any, **how: Any) -> Session:
    """A session about the demo, with tools, that plays these turns."""
    how.setdefault("videos", [films.demo] if how.get("id") is None else None)
    how.setdefault("strategy", "seek")
    return Session(films.library, model=how.pop("model", Planner(*turns)), **how)


def key(messages: Any) -> Reply:
    return answering("under the bridge", ids_in(messages)[0])


def hang_over(question: str) -> Any:
    """A turn that searches for a question and then thinks about it for ever; others it answers."""

    async def turn(messages: Any) -> Reply:
        if not messages[1].text.count(f"\n{question}"):
            return Reply(text="a mill")
        if len(messages) == 2:
            return SEARCH
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")

    return turn


# Before the index is there


class WaitsForever:
    """A late eye that is not done before somebody says so."""

    name, kind, needs_frames, unit_s = "waits-1", "track", False, 3600.0

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def see(self, video: Any, span: Span, frames: Any) -> list[Any]:
        self.may_end.wait()
        return []


def test_an_answer_says_that_the_index_was_not_complete(
    film_files: dict[str, Path], tmp_path: Path
):
    eye = WaitsForever()
    recipe = MemoryRecipe(eyes=(), late_eyes=(eye,))
    with Library(tmp_path / "library", recipe=recipe) as library:
        library.add(film_files["demo"])
        try:
            with Session(library, model=Planner(Reply(text="a mill")), patience_s=0) as asked:
                early = asked.ask("What is it?")
        finally:
            eye.may_end.set()
        library.wait()
        with Session(library, model=Planner(Reply(text="a mill"))) as asked:
            late = asked.ask("What is it?")
    assert [words for words in early.warnings if "wholly indexed" in words]
    assert not [words for words in late.warnings if "wholly indexed" in words]


# Follow-ups and reopening


def test_a_follow_up_is_told_the_earlier_questions_and_answers(films: Films):
    policy = Planner(SEARCH, key, Reply(text="the miller"))
    with session(films, model=policy) as asked:
        asked.ask("Where is the key?")
        asked.ask("And who hid it?")
    told = policy.messages[-1][1].text
    assert "Asked before: Where is the key?" in told
    assert 'Answered: "under the bridge" [e' in told
    assert told.index("Where is the key?") < told.index("And who hid it?")


def test_a_session_is_found_again_by_its_name_by_the_beginning_of_it_and_as_the_last(
    films: Films,
):
    with session(films, Reply(text="a ball")) as asked:
        asked.ask("What bounces?")
        name = asked.id
    for known_as in (name, name[:7], "last"):
        policy = Planner(Reply(text="red"))
        with session(films, model=policy, id=known_as) as again:
            assert again.id == name
            assert again.video_ids == [films.demo]
            again.ask("Which colour?")
            assert "What bounces?" in policy.messages[0][1].text
    with session(films, id=name) as again:
        assert len(again.questions()) == 4
        for question in again.questions():
            assert question.trajectory is not None
            check_trajectory(question.trajectory)
            assert question.trajectory.id == question.thread


@pytest.mark.parametrize("name", ["nosuchsession", "", "%"])
def test_an_unknown_session_is_refused_and_says_where_to_look(films: Films, name: str):
    with pytest.raises(StoreError, match="playhead sessions"):
        session(films, id=name)


def test_an_unknown_video_is_refused_with_what_there_is(films: Films):
    with pytest.raises(VideoNotFound, match=r"demo\.mp4"):
        session(films, videos=["no such video"])


def test_a_question_without_words_is_refused(films: Films):
    with session(films) as asked:
        with pytest.raises(ValueError, match="words"):
            asked.ask("  ")
        assert asked.ask("What?").text == "a mirror"


def test_several_videos_are_asked_about_together(films: Films):
    policy = Planner(calling(wish("look", start_s=1, end_s=2, num=1, video="v2")))
    with session(films, model=policy, videos=[films.demo, films.clock]) as asked:
        asked.ask("What is in both?")
        (question,) = asked.questions()
    assert question.trajectory is not None
    (found,) = question.trajectory.evidence
    assert found.video_id == films.clock
    assert "Video v2 ('clock.mp4') lasts 80.0 s" in policy.messages[0][1].text


# Events


def test_events_come_in_order_and_the_answer_comes_last(films: Films):
    with session(films, SEARCH, key) as asked:
        events = list(asked.stream("Where is the key?"))
    kinds = [event.kind for event in events]
    assert kinds == [
        *("started", "thought", "call", "observation", "cost"),
        *("thought", "call", "observation", "cost", "answer"),
    ]
    assert events[-1].answer is not None
    assert events[-1].answer.text == "under the bridge"
    assert events[3].observation is not None
    assert "bridge" in events[3].observation.text


def test_a_failure_is_raised_after_the_events_and_kept(films: Films):
    with session(films, SEARCH, Blamed(Origin.WORLD, "the server is gone")) as asked:
        with pytest.raises(Blamed, match="server is gone") as raised:
            list(asked.stream("Where?"))
        (question,) = asked.questions()
    assert raised.value.origin is Origin.WORLD
    assert question.trajectory is not None
    assert question.trajectory.blame is Origin.WORLD


def test_stop_from_another_thread_ends_with_the_best_so_far(films: Films):
    async def think(_: object) -> Reply:
        threading.Thread(target=asked.stop).start()
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")

    with session(films, SEARCH, think) as asked:
        answer = asked.ask("Where is the key?")
        (question,) = asked.questions()
    assert question.trajectory is not None
    assert question.trajectory.stop is Stop.CANCELLED
    assert "bridge" in answer.text
    assert answer.warnings


def test_stop_does_not_wait_for_a_tool_that_hangs(films: Films):
    over = threading.Event()

    @tool
    def hang(ctx: ToolContext) -> str:
        """Hang."""
        asked.stop()
        over.wait(60)
        return "at last"

    with session(films, calling(wish("hang")), tools=[hang]) as asked:
        asked.ask("Where?")
        (question,) = asked.questions()
        over.set()
    assert question.trajectory is not None
    assert question.trajectory.stop is Stop.CANCELLED


def test_a_stop_that_comes_before_the_first_step_is_not_lost(films: Films):
    policy = Planner()
    with session(films, model=policy) as asked:
        events = asked.stream("Where?")
        assert next(events).kind == "started"
        asked.stop()
        assert [event.kind for event in events][-1] == "answer"
        assert asked.ask("And now?").text == "a mirror"
        first, second = asked.questions()
    assert first.trajectory is not None
    assert second.trajectory is not None
    assert second.trajectory.stop is Stop.ANSWERED


def test_a_listener_that_goes_away_stops_the_question_and_frees_the_session(films: Films):
    with session(films, *[hang_over("Where?")] * 3) as asked:
        for event in asked.stream("Where?"):
            if event.kind == "observation":
                break
        assert asked.ask("What turns?").text == "a mill"
        first, _ = asked.questions()
    assert first.trajectory is not None
    assert first.trajectory.stop is Stop.CANCELLED


def test_closing_a_session_ends_the_question_at_hand_for_whoever_waits(films: Films):
    began = threading.Event()

    async def think(_: object) -> Reply:
        began.set()
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")

    asked = session(films, think)
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(asked.ask("Where?")))
    waiting.start()
    assert began.wait(30)
    asked.close()
    waiting.join(30)
    assert [answer.abstained for answer in answers] == [True]


def test_a_session_that_is_busy_refuses_another_question(films: Films):
    go_on = threading.Event()

    async def think(_: object) -> Reply:
        await asyncio.to_thread(go_on.wait, 30)
        return Reply(text="a mill")

    with session(films, think) as asked:
        events = asked.stream("What turns?")
        next(events)
        for question in (lambda: asked.ask("And?"), lambda: list(asked.resume())):
            with pytest.raises(RuntimeError, match="is answering"):
                question()
        go_on.set()
        assert list(events)[-1].text == "a mill"
        assert len(asked.questions()) == 1


# Async


def test_the_async_twins_work_inside_a_running_loop(films: Films):
    async def run(asked: Session) -> list[str]:
        answer = await asked.aask("Where is the key?")
        kinds = [event.kind async for event in asked.astream("And who hid it?")]
        return [answer.text, kinds[0], kinds[-1]]

    with session(films, SEARCH, key) as asked:
        got = asyncio.run(run(asked))
    assert got == ["under the bridge", "started", "answer"]


def test_stop_reaches_a_question_in_somebody_elses_loop(films: Films):
    async def think(_: object) -> Reply:
        threading.Thread(target=asked.stop).start()
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")

    with session(films, think) as asked:
        asyncio.run(asked.aask("Where?"))
        (question,) = asked.questions()
    assert question.trajectory is not None
    assert question.trajectory.stop is Stop.CANCELLED


def test_an_async_listener_that_goes_away_stops_the_question(films: Films):
    async def run(asked: Session) -> str:
        events = asked.astream("Where?")
        async for event in events:
            if event.kind == "observation":
                break
        await events.aclose()  # type: ignore[attr-defined]
        return (await asked.aask("What turns?")).text

    with session(films, *[hang_over("Where?")] * 3) as asked:
        assert asyncio.run(run(asked)) == "a mill"


def test_two_sessions_at_once_do_not_see_each_other(films: Films):
    both = threading.Barrier(2, timeout=30)

    async def meet(_: object) -> Reply:
        await asyncio.to_thread(both.wait)
        return SEARCH

    answers: dict[str, str] = {}

    def ask(name: str) -> None:
        with session(films, meet, Reply(text=name), Reply(text=f"{name} again")) as asked:
            answers[name] = asked.ask(f"Who is {name}?").text
            asked.ask("Again?")
            earlier = asked.questions()[1].prepared["earlier"]
            answers[f"{name} was told"] = str(earlier)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (answers["ann"], answers["bob"]) == ("ann", "bob")
    assert "bob" not in answers["ann was told"]


# Forks, feedback, history


def test_an_answer_can_be_asked_again_from_every_step_on(films: Films):
    looked = calling(wish("look", start_s=6, end_s=8, num=2))
    with session(films, SEARCH, looked, key) as asked:
        asked.ask("Where is the key?")
        old = asked.questions()[0].trajectory
        assert old is not None
        for step in range(len(old.steps) + 1):
            policy = Planner(lambda m: answering("in the mill", *ids_in(m)[:1]))
            with session(films, model=policy, id=asked.id) as fork:
                events = list(fork.fork(1, step))
                new = fork.questions()[-1].trajectory
            assert new is not None
            check_trajectory(new)
            assert new.steps[:step] == old.steps[:step]
            assert len(new.steps) == step + 1
            assert new.parent == old.id
            assert policy.messages[0] == old.messages(before=step) if step < 3 else True
            answer = events[-1].answer
            assert answer is not None
            assert len(answer.evidence) == min(1, step)


def test_a_fork_may_ask_something_else(films: Films):
    policy = Planner(SEARCH, key, Reply(text="the miller"))
    with session(films, model=policy) as asked:
        asked.ask("Where is the key?")
        assert list(asked.fork(1, 1, "Who hid it?"))[-1].text == "the miller"
        assert "Who hid it?" in policy.messages[-1][1].text
        with pytest.raises(ValueError, match="2 steps"):
            list(asked.fork(1, 3))
        with pytest.raises(ValueError, match="no answered question 7"):
            list(asked.fork(7, 0))


def test_a_fork_can_use_the_anchors_of_the_steps_it_keeps(films: Films):
    box = [0.2, 0.2, 0.6, 0.6]
    marked = calling(wish("mark", time_s=8.0, region=box))
    with session(films, marked, Reply(text="a mill")) as asked:
        asked.ask("What turns?")
        policy = Planner(calling(wish("look", start_s=9, end_s=10, num=1, anchor="a1")))
        with session(films, model=policy, id=asked.id) as fork:
            list(fork.fork(1, 1))
            new = fork.questions()[-1].trajectory
    assert new is not None
    assert new.steps[1].observations[0].failure is None
    assert new.cost.frames == 2


def test_a_question_that_is_only_written_down_is_answered_by_whoever_resumes(films: Films):
    with session(films, SEARCH, key) as asking:
        number = asking.put("Where is the key?", earlier=["Asked before: something"])
        (head,) = asking.store.heads(asking.id)
        assert (head.num_questions, head.waiting) == (1, (number,))
        assert head.first_question == "Where is the key?"
        assert asking.put("And then?") == 2  # the session was not busy meanwhile
    with session(films, SEARCH, key, id=asking.id) as other:
        *_, last = other.resume(number)
        assert last.answer is not None
        assert last.answer.text == "under the bridge"
        answered, waiting = other.questions()
        assert answered.trajectory is not None
        assert "Asked before: something" in answered.trajectory.opening[0].text
        assert waiting.trajectory is None
        forked = other.put_fork(number, 1)
        assert other.store.heads(other.id)[0].waiting == (2, forked)
        with pytest.raises(ValueError, match="waits for its answer"):
            next(other.resume(number))
        other.store.change(other.id, {"videos": [films.demo], "title": "Mill"})
        assert other.store.heads()[0].settings["title"] == "Mill"


def test_feedback_is_kept_and_needs_a_question(films: Films):
    with session(films, Reply(text="a ball")) as asked:
        asked.ask("What bounces?")
        asked.feedback(1, False, "it is a balloon")
        (question,) = asked.questions()
        assert (question.feedback, question.note) == (-1, "it is a balloon")
        with pytest.raises(ValueError, match="no question 2"):
            asked.feedback(2, True)


def test_a_session_that_is_deleted_leaves_nothing_behind(films: Films):
    image = np.full((40, 60, 3), 77, np.uint8)
    with session(films, Reply(text="a ball")) as asked:
        asked.ask("What is this?", image=image)
        other = session(films, Reply(text="b"))
        other.ask("And this?")
        asked.store.delete(asked.id)
        assert asked.questions() == []
        assert len(other.questions()) == 1
        assert asked.store._run("SELECT * FROM pictures") == []
        other.close()


# Pictures of the question


def test_the_picture_of_a_question_is_kept_and_shown_again_after_reopening(films: Films):
    image = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    seen: list[Any] = []

    @tool
    def peek(ctx: ToolContext) -> str:
        """Look at the picture of the question."""
        seen.append(ctx.resolve([ctx.anchors["q1"].frame])[0])
        return "seen"

    with session(films, calling(wish("peek")), Reply(text="a mill"), tools=[peek]) as asked:
        asked.ask("Where is this?", image=image)
        name = asked.id
    with session(films, calling(wish("peek")), id=name, tools=[peek]) as again:
        list(again.fork(1, 0))
    assert len(seen) == 2
    assert all(np.array_equal(picture, image) for picture in seen)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused_and_the_session_goes_on(films: Films, image: Any):
    with session(films) as asked:
        with pytest.raises(ValueError, match="RGB uint8"):
            asked.ask("Where is this?", image=image)
        assert asked.ask("What?").text == "a mirror"


def test_a_question_about_a_part_sees_only_that_part(films: Films):
    looked = calling(wish("look", start_s=0, end_s=27, num=4))
    with session(films, looked) as asked:
        asked.ask("What is seen?", within=Span(start=12, end=18))
        (question,) = asked.questions()
    assert question.trajectory is not None
    assert question.trajectory.evidence[0].span == Span(start=12, end=18)


# Receipts


def test_a_receipt_names_the_very_pixels_that_were_shown(films: Films):
    looked = calling(wish("look", start_s=6, end_s=9, num=3))
    with session(films, looked, key) as asked:
        asked.ask("Where is the key?")
        (question,) = asked.questions()
    path = films.library.folder / "receipts" / f"{question.thread}.json"
    receipt = json.loads(path.read_text())
    assert receipt["trajectory"] == question.thread
    assert receipt["answer"] == "under the bridge"
    assert len(receipt["frames"]) == 3
    for frame in receipt["frames"]:
        digest = frame.pop("sha256")
        picture = films.library.picture(FrameRef.model_validate(frame))
        assert hashlib.sha256(picture.tobytes()).hexdigest() == digest


# What is on disk while it runs


def checkpoints_of(path: Path, copy: Path) -> tuple[int, bytes, list[str]]:
    """Size of a copy of the file, everything in it, and the threads that have checkpoints."""
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    try:
        source.backup(target)
        threads = [name for (name,) in target.execute("SELECT thread_id FROM checkpoints")]
    finally:
        source.close()
        target.close()
    return copy.stat().st_size, copy.read_bytes(), threads


def test_a_long_question_leaves_a_small_checkpoint_without_a_pixel_and_then_none(
    films: Films, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    films.library.folder.joinpath("sessions.sqlite").unlink(missing_ok=True)
    looks = [calling(wish("look", start_s=i, end_s=i + 1.5, num=8)) for i in range(16)]
    found: list[tuple[int, bytes, list[str]]] = []

    def peek(_: object) -> Reply:
        found.append(checkpoints_of(asked.store.path, tmp_path / "copy.sqlite"))
        return Reply(text="a mill")

    roomy = Budget(turns=40)
    with caplog.at_level(logging.WARNING), session(films, *looks, peek, budget=roomy) as asked:
        asked.ask("What turns?")
        (question,) = asked.questions()
        _, _, left = checkpoints_of(asked.store.path, tmp_path / "after.sqlite")
    ((size, content, threads),) = found
    assert question.trajectory is not None
    assert question.trajectory.cost.frames == 16 * 8
    assert threads == [question.thread]
    assert size <= 600_000
    for forbidden in (b"base64", b"\x89PNG", b"\xff\xd8\xff", b"numpy", b"iVBOR"):
        assert forbidden not in content
    assert left == []
    assert [r.message for r in caplog.records if "type" in r.message] == []


class Bomb:
    """Calls a function when it is made again."""

    def __reduce__(self) -> Any:
        return (open, (str(Bomb.target), "w"))

    target = Path()


@pytest.mark.parametrize("kind", ["msgpack", "json", "pickle"])
def test_a_checkpoint_that_somebody_tampered_with_runs_nothing(
    films: Films, tmp_path: Path, kind: str
):
    Bomb.target = tmp_path / "ran"
    code = ("builtins", "open", (str(Bomb.target), "w"))
    hostile = {
        "msgpack": ormsgpack.packb({"x": ormsgpack.Ext(1, ormsgpack.packb(code))}),
        "json": json.dumps(
            {"lc": 2, "type": "constructor", "id": ["builtins", "open"], "args": code[2]}
        ).encode(),
        "pickle": pickle.dumps(Bomb()),
    }[kind]

    with session(films) as asked:
        thread = asked.store.ask(asked.id, *_a_task(films)).thread
        asked.store.create(asked.id, {"videos": [films.demo]})
        _plant(asked.store.path, thread, kind, hostile)
        name = asked.id
    with session(films, id=name) as again, pytest.raises(StoreError, match="plain data"):
        list(again.resume())
    assert not Bomb.target.exists()


def _a_task(films: Films) -> tuple[Any, dict[str, Any]]:
    from playhead.core import Task

    task = Task(id="t", question="Where?", video_ids=(films.demo,))
    prepared = {"budget": {}, "strategy": "seek", "verify": False, "earlier": []}
    return task, prepared


def _plant(path: Path, thread: str, kind: str, content: bytes) -> None:
    from playhead.agent.checkpoints import open_checkpoints

    with open_checkpoints(path) as checkpoints:
        checkpoints.setup()
        checkpoints.conn.execute(
            "INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, type, checkpoint, "
            "metadata) VALUES (?, '', '1', ?, ?, '{}')",
            (thread, kind, content),
        )
        checkpoints.conn.commit()
