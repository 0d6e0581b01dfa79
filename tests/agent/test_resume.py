"""What survives when something dies: the program itself, a decoder, a model server."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from playhead.agent.session import Session
from playhead.core import (
    Blamed,
    Budget,
    Message,
    Origin,
    Reply,
    Sampling,
    Stop,
    ToolSpec,
    Trajectory,
)
from playhead.core.errors import border
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.testing import check_trajectory
from tests.agent.conftest import Films
from tests.agent.crashes import NOTES, Forks
from tests.agent.policies import Planner, calling
from tests.agent.policies import call as wish

LONGEST_S = 10.0  # that anything may hang after something died


@pytest.fixture(scope="module")
def forks() -> Generator[Forks]:
    with Forks() as forks:
        yield forks


@pytest.fixture(scope="module")
def base(
    forks: Forks, film_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A library that nobody has asked anything yet."""
    folder = tmp_path_factory.mktemp("base") / "footage"
    assert forks.do(folder, film=str(film_files["demo"])) == 0
    return folder


@pytest.fixture(scope="module")
def whole(forks: Forks, base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an uninterrupted run gives."""
    return forks.asked(base, tmp_path_factory.mktemp("whole") / "footage")


def same(found: dict[str, Any], whole: dict[str, Any]) -> None:
    """As if nothing had happened, and every note is there once."""
    (one,), (other,) = found["records"], whole["records"]
    one, other = Trajectory.from_json(one), Trajectory.from_json(other)
    check_trajectory(one)
    assert one.answer == other.answer
    assert one.steps == other.steps
    assert one.opening == other.opening
    assert one.cost.replace(seconds=0) == other.cost.replace(seconds=0)
    assert found["notes"] == whole["notes"] == sorted(NOTES)
    assert found["checkpoints"] == 0
    assert found["receipts"] == [one.id]


def moments(whole: dict[str, Any], *kinds: str) -> list[int]:
    return [i for i, name in enumerate(whole["points"]) if name.startswith(kinds)]


def test_the_run_to_be_killed_passes_every_kind_of_moment(whole: dict[str, Any]):
    assert {name.split()[0] for name in whole["points"]} == {
        "policy", "checkpoint", "before", "after"
    }  # fmt: skip
    assert len(moments(whole, "checkpoint")) >= 14


def test_killed_at_any_boundary_between_nodes_a_question_goes_on_to_the_same_answer(
    forks: Forks, base: Path, whole: dict[str, Any], tmp_path: Path
):
    for moment in moments(whole, "checkpoint", "before the record", "after the record"):
        same(forks.asked(base, tmp_path / str(moment), moment), whole)


def test_killed_inside_any_tool_its_effect_is_there_once(
    forks: Forks, base: Path, whole: dict[str, Any], tmp_path: Path
):
    for moment in moments(whole, "after note", "after mark", "after look", "after answer"):
        same(forks.asked(base, tmp_path / str(moment), moment), whole)


def test_killed_after_writes_and_before_the_checkpoint_that_holds_them_a_question_goes_on(
    forks: Forks, base: Path, whole: dict[str, Any], tmp_path: Path
):
    same(forks.asked(base, tmp_path / "twice", 1, 0), whole)


def test_a_fork_that_is_killed_before_its_first_checkpoint_goes_on_after_the_steps_it_kept(
    forks: Forks, base: Path, tmp_path: Path
):
    folder = tmp_path / "fork"
    forks.asked(base, folder)
    assert forks.do(folder, kill_at=0, resume=True, fork=2) == signal.SIGKILL
    assert forks.do(folder, kill_at=None, resume=True) == 0
    found = json.loads(folder.joinpath("result.json").read_text())
    old, new = map(Trajectory.from_json, found["records"])
    assert new.parent == old.id
    assert new.steps[:2] == old.steps[:2]
    assert len(new.steps) == len(old.steps)
    assert found["receipts"] == sorted([old.id, new.id])


@pytest.mark.slow
def test_two_hundred_runs_killed_anywhere_and_again_end_the_same(
    forks: Forks, base: Path, whole: dict[str, Any], tmp_path: Path
):
    rng = random.Random(6)
    num = len(whole["points"])
    for run in range(200):
        kills = [run % num] + [rng.randrange(12) for _ in range(rng.randrange(3))]
        same(forks.asked(base, tmp_path / str(run), *kills), whole)


# The decoder


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def _look(number: int, now: threading.Event) -> Callable[[object], Reply]:
    """A turn that looks; in every other one decoders are killed."""

    def turn(_: object) -> Reply:
        now.set() if number % 2 else now.clear()
        return calling(wish("look", start_s=number, end_s=number + 3, num=8))

    return turn


def test_a_decoder_that_is_killed_again_and_again_costs_calls_but_not_the_answer(
    film_files: dict[str, Path], tmp_path: Path
):
    before = children()
    over, now = threading.Event(), threading.Event()

    def kill() -> None:
        rng = random.Random(5)
        while not over.wait(rng.uniform(0.01, 0.1)):
            for child in children() - before if now.is_set() else ():
                child.kill()

    looks = [_look(number, now) for number in range(8)]
    recipe = MemoryRecipe(late_eyes=())
    with Library(tmp_path / "footage", recipe=recipe) as library:
        id_ = library.add(film_files["demo"])
        library.wait()
        killer = threading.Thread(target=kill)
        killer.start()
        try:
            with Session(
                library, videos=[id_], model=Planner(*looks), strategy="seek",
                budget=Budget(turns=12),
            ) as session:  # fmt: skip
                answer = session.ask("What is seen?")
                (question,) = session.questions()
        finally:
            over.set()
            killer.join()
        assert answer.text == "a mirror"
        assert question.trajectory is not None
        check_trajectory(question.trajectory)
        failures = [o.failure for s in question.trajectory.steps for o in s.observations]
        assert {f.origin for f in failures if f} <= {Origin.WORLD}
    assert children() - before == set()


# The model server

SERVER = """
import http.server, json, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    num = 0
    def do_POST(self):
        Handler.num += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        if Handler.num >= 2:
            print("thinking", flush=True)
            time.sleep(3600)
        body = json.dumps({"search": "miller key"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class HttpPolicy:
    """Asks a model server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        with border(Origin.WORLD, "the model server"):
            async with httpx.AsyncClient(timeout=60) as client:
                said = await client.post(self.url, json={"last": messages[-1].text})
            return calling(wish("search", text=said.json()["search"]))


def test_a_model_server_that_dies_is_the_worlds_fault_at_once_and_the_session_goes_on(
    films: Films,
):
    before = children()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert server.stdout is not None
    port = int(server.stdout.readline())
    died: list[float] = []

    def kill() -> None:
        assert server.stdout is not None
        server.stdout.readline()  # it is thinking
        died.append(time.monotonic())
        server.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    how: dict[str, Any] = {"videos": [films.demo], "strategy": "seek"}
    with Session(films.library, model=HttpPolicy(port), **how) as session:
        with pytest.raises(Blamed) as raised:
            session.ask("Where is the key?")
        assert time.monotonic() - died[0] < LONGEST_S
        assert raised.value.origin is Origin.WORLD
        (question,) = session.questions()
        assert question.trajectory is not None
        assert (question.trajectory.stop, len(question.trajectory.steps)) == (Stop.FAILED, 1)
        name = session.id
    with Session(films.library, model=Planner(), id=name, strategy="seek") as session:
        assert list(session.fork(1, 1))[-1].text == "a mirror"  # go on where it died
    killer.join()
    server.wait()
    server.stdout.close()
    assert children() - before == set()
