"""Two short films that are remembered, and the shortest way to ask about them."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from playhead.agent.attempt import attempt
from playhead.core import Budget, Policy, Task, Trajectory
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.testing import check_trajectory
from playhead.tools.context import Ledger, ToolContext
from playhead.tools.toolset import default_tools
from playhead.video.demo import write_demo
from playhead.video.file import open_video
from playhead.video.synthetic import write_clock


@dataclass(frozen=True)
class Films:
    """A library, the ids of its videos, and their files."""

    library: Library
    demo: str
    """27 s: a ball, a windmill, stars, a boat, the end; with subtitles."""
    clock: str
    """80 s: every frame carries its number."""
    paths: dict[str, Path]
    loop: asyncio.AbstractEventLoop

    def context(self, *videos: str, budget: Budget | None = None, **how: Any) -> ToolContext:
        """The films as one question sees them; the clock if none is named."""
        return ToolContext(
            self.library, videos or (self.clock,), Ledger(budget or Budget.of("normal")), **how
        )

    def ask(
        self,
        policy: Policy,
        *videos: str,
        question: str = "What is seen?",
        budget: Budget | None = None,
        task: dict[str, Any] | None = None,
        tools: Any = None,
        **how: Any,
    ) -> Trajectory:
        """One attempt, checked for what holds for all."""
        with self.context(*videos, budget=budget) as ctx:
            asked = Task(id="t", question=question, video_ids=tuple(ctx.video_ids), **(task or {}))
            work = attempt(asked, policy, tools or default_tools(), ctx, **how)
            record = self.loop.run_until_complete(work)
            check_trajectory(record, {id_: ctx.info(id_) for id_ in ctx.video_ids})
            return record


@pytest.fixture(scope="session")
def film_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both files, by what is on them."""
    folder = tmp_path_factory.mktemp("films")
    write_demo(folder / "demo.mp4")
    write_clock(folder / "clock.mp4", fps=Fraction(5), num_frames=400)
    return {name: folder / f"{name}.mp4" for name in ("demo", "clock")}


@pytest.fixture(scope="session")
def films(
    film_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Generator[Films]:
    """Both films, remembered. They are held open: a question does not start a decoder."""
    with (
        Library(
            tmp_path_factory.mktemp("library") / "footage", recipe=MemoryRecipe(late_eyes=())
        ) as library,
        ExitStack() as stack,
    ):
        ids = {name: library.add(path) for name, path in film_files.items()}
        library.wait()
        for path in film_files.values():
            library.add(stack.enter_context(open_video(path)))
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        yield Films(library, ids["demo"], ids["clock"], film_files, loop)
