"""Kills at any moment of a question: what is killed, when, and what is there afterwards.

Children are forked from one process that has loaded everything already, so that a kill costs
little. `python -m tests.agent.crashes` is that process: it reads one job a line, forks a child that
does it, and says how the child ended.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from playhead.agent.checkpoints import Checkpoints
from playhead.agent.session import Session
from playhead.agent.store import SessionStore
from playhead.agent.strategies import find_strategy
from playhead.core import Kind, Message, Reply, Sampling, ToolCall, ToolSpec
from playhead.core.tools import Observation, Tool
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.tools.toolset import default_tools
from playhead.video.file import open_video
from tests.agent.policies import answering, calling, ids_in
from tests.agent.policies import call as wish

ROOT = Path(__file__).parents[2]
NOTES = ("the key is under the bridge", "the mill turns once in three seconds", "boat 42")


class StepByStep:
    """Says what comes next from what it is shown alone: it remembers nothing itself."""

    name = "step by step"

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        point("policy")
        turns = [
            calling(wish("search", text="miller key"), wish("search", text="stars")),
            calling(wish("look", start_s=6, end_s=8, num=2)),
            calling(*[wish("note", text=text, start_s=6, end_s=12) for text in NOTES[:2]]),
            calling(wish("mark", time_s=8.0, region=[0.2, 0.2, 0.6, 0.6])),
            calling(wish("look", start_s=9, end_s=10, num=1, anchor="a1")),
            calling(wish("note", text=NOTES[2], start_s=18, end_s=24), wish("recall", query="")),
        ]
        number = sum(1 for message in messages if message.role == "assistant")
        return turns[number] if number < len(turns) else answering("bridge", ids_in(messages)[0])


passed: list[str] = []
deadly: list[int] = []


def point(name: str) -> None:
    """A moment in which a child may be killed; its own number says whether it is."""
    if len(passed) in deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    passed.append(name)


class DeadlyTool(Tool):
    """Does what its tool does; may die before, and after it before anybody knows."""

    def run(self, ctx: object, call: ToolCall) -> Observation:
        point(f"before {call.name}")
        seen = super().run(ctx, call)
        point(f"after {call.name}")
        return seen


def make_everything_deadly() -> list[Tool]:
    """Put points around what is written, and into every tool."""
    put, answered = Checkpoints.put, SessionStore.answered

    def deadly_put(self: Checkpoints, *what: Any) -> Any:
        point("before a checkpoint")
        kept = put(self, *what)
        point("checkpoint")
        return kept

    def deadly_answered(self: SessionStore, *what: Any) -> None:
        point("before the record")
        answered(self, *what)
        point("after the record")

    Checkpoints.put, SessionStore.answered = deadly_put, deadly_answered  # type: ignore[method-assign]
    return [DeadlyTool(**vars(tool)) for tool in default_tools()]


def build(folder: Path, film: Path) -> None:
    """A library of one film."""
    with Library(folder, recipe=MemoryRecipe(late_eyes=())) as library:
        library.add(film)
        library.wait()


def work(folder: Path, kill_at: int | None, resume: bool, fork: int | None = None) -> None:
    """Ask, or go on, or ask again after so many steps; then write down what there is."""
    deadly[:] = [] if kill_at is None else [kill_at]
    tools = make_everything_deadly()
    recipe = MemoryRecipe(late_eyes=())
    how: dict[str, Any] = {"strategy": "seek", "tools": tools, "verify": False}
    with Library(folder, recipe=recipe, background=False) as library, ExitStack() as stack:
        film = library.videos()[0].paths[0]  # decoded here: a process for it would take longer
        library.add(stack.enter_context(open_video(film, sandbox=False)))
        with Session(library, model=StepByStep(), id="last" if resume else None, **how) as session:
            waiting = [q for q in session.questions() if q.trajectory is None]
            if fork is not None:
                list(session.fork(1, fork))
            elif not resume or not session.questions():
                session.ask("Where is the key?")
            elif waiting:
                list(session.resume())
            found = [q.trajectory.to_json() for q in session.questions() if q.trajectory]
            left = session.store._run("SELECT thread_id FROM checkpoints")
        hits = library.memory.search(kinds=[Kind.NOTE], k=100)
        notes = sorted(hit.evidence.text for hit in hits)
    receipts = sorted(path.stem for path in folder.joinpath("receipts").glob("*.json"))
    result = {"records": found, "notes": notes, "points": passed, "checkpoints": len(left)}
    result["receipts"] = receipts
    folder.joinpath("result.json").write_text(json.dumps(result))


class Forks:
    """The process that children are forked from."""

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.agent.crashes"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(60)

    def do(self, folder: Path, **job: Any) -> int:
        """Have a child do it; 0 or the signal that it died of."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps({"folder": str(folder)} | job), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())

    def asked(self, base: Path, folder: Path, *kill_at: int) -> dict[str, Any]:
        """Ask in a copy of a library, be killed so many times, go on, and see what there is."""
        shutil.copytree(base, folder)
        for number, moment in enumerate(kill_at):
            self.do(folder, kill_at=moment, resume=number > 0)
        died = self.do(folder, kill_at=None, resume=bool(kill_at))
        assert died == 0, f"the run after the kill at {kill_at} did not end well: {died}"
        return json.loads(folder.joinpath("result.json").read_text())


def serve() -> None:
    """Fork a child for each line."""
    find_strategy("seek")().compile()  # everything is loaded once, and not in every child
    default_tools()
    for module in ("cv2", "faiss", "playhead.video.decoders.pyav", "PIL.ImageFile"):
        import_module(module)
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            sys.stdout = sys.stderr
            code = 1
            try:
                folder = Path(job.pop("folder"))
                if "film" in job:
                    build(folder, Path(job["film"]))
                else:
                    work(folder, **job)
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(-os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
