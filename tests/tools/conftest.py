"""A library on the demo film, and on two real videos where they are, for all tests of tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from playhead.core import Budget
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.tools.context import Ledger, ToolContext
from playhead.video.demo import write_demo
from tests.tools.calls import DEMO, REAL

OpenContext = Callable[..., ToolContext]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret-place") / "secret-name.mp4"
    write_demo(path)
    return path


@pytest.fixture(scope="session")
def library(film: Path) -> Iterator[Library]:
    real = Path(__file__).parents[3] / "shared" / "videos"
    with Library(film.parent / "secret-library", recipe=MemoryRecipe(late_eyes=())) as made:
        made.add(film, title=DEMO)
        for title in REAL:
            if (real / f"{title}.mp4").exists():
                made.add(real / f"{title}.mp4", title=title)
        assert made.wait(120)
        yield made


@pytest.fixture
def open_context(library: Library) -> Iterator[OpenContext]:
    """Makes contexts on videos by title (the demo, if none is named) with any budget."""
    with ExitStack() as stack:

        def make(*titles: str, budget: Budget | None = None, **how: Any) -> ToolContext:
            known = {video.title: video.id for video in library.videos()}
            if missing := set(titles) - known.keys():
                pytest.skip(f"{missing} are not beside this checkout")
            ids = [known[title] for title in titles or (DEMO,)]
            ledger = Ledger(budget or Budget())
            return stack.enter_context(ToolContext(library, ids, ledger, **how))

        yield make


@pytest.fixture
def ctx(open_context: OpenContext) -> ToolContext:
    """The demo film, and no bounds."""
    return open_context()
