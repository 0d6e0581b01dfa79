"""Films that are remembered, and servers of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest

from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.serving.mcp_desk import Desk
from playhead.video.demo import write_demo
from playhead.video.synthetic import ClockVideo, write_clock
from tests.serving.browser import Browser, Command
from tests.serving.served import Served


@pytest.fixture(scope="session")
def films_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `demo.mp4` (27 s, with words) and `clock.mp4` (80 s, every picture has its number)."""
    folder = tmp_path_factory.mktemp("films")
    write_demo(folder / "demo.mp4")
    write_clock(folder / "clock.mp4", fps=Fraction(5), num_frames=400)
    return folder


@pytest.fixture(scope="session")
def remembered(films_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of both, all indexed: copy it before you serve it."""
    folder = tmp_path_factory.mktemp("remembered") / "library"
    with Library(folder, recipe=MemoryRecipe(late_eyes=())) as library:
        for name in ("demo", "clock"):
            library.add(films_folder / f"{name}.mp4")
        library.wait()
    return folder


WORDS = "1\n00:00:06,000 --> 00:00:08,400\nThe ferry leaves from the northern quay.\n"
ROOT_COMMAND = "from playhead.cli import main; main()"
Serve = Callable[..., Served]

pytest.register_assert_rewrite("tests.serving.main_way")


@pytest.fixture(scope="session")
def serve(remembered: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Serve]:
    """Starts servers, each of a library of its own unless one is given; they end with all."""
    pytest.importorskip("fastapi", reason="the serve extra is not installed")
    pytest.importorskip("uvicorn", reason="the serve extra is not installed")
    with ExitStack() as stack:

        def start(library: Path | None = None, **options: Any) -> Served:
            if library is None:
                library = tmp_path_factory.mktemp("served") / "library"
                shutil.copytree(remembered, library)
            return stack.enter_context(Served(library, options))

        yield start


@pytest.fixture(scope="session")
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of `server`: files in it may be added by their path."""
    return tmp_path_factory.mktemp("open")


@pytest.fixture(scope="session")
def server(serve: Serve, open_folder: Path) -> Served:
    """Answers by the rules."""
    return serve(roots=[str(open_folder)])


@pytest.fixture(scope="session")
def slow(serve: Serve) -> Served:
    """Answers one question at a time, by seven turns of 0.15 s; two more may wait."""
    return serve(slow=[6, 0.15], workers=1, max_waiting=2)


@pytest.fixture(scope="session")
def secret_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `secret-place/open/film.mp4`, which is open to clients, and what is not."""
    place = tmp_path_factory.mktemp("secret-place")
    (place / "open").mkdir()
    write_demo(place / "open" / "film.mp4")
    (place / "open" / "notes.txt").write_text("no film")
    write_demo(place / "closed.mp4")
    (place / "open" / "link.mp4").symlink_to(place / "closed.mp4")
    return place


@pytest.fixture(scope="session")
def desk(secret_place: Path) -> Iterator[Desk]:
    recipe = MemoryRecipe(late_eyes=())
    with Library(secret_place / "library", recipe=recipe) as library:
        library.add(secret_place / "open" / "film.mp4", title="The demo")
        library.wait()
        yield Desk(library, model="rules", effort="quick", roots=(secret_place / "open",))


@pytest.fixture(scope="session")
def old_python() -> str:
    path = os.environ.get("PLAYHEAD_TEST_MCP1_PYTHON")
    if not path:
        pytest.skip("PLAYHEAD_TEST_MCP1_PYTHON names no Python with mcp 1")
    return path


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> ClockVideo:
    """A film of 12 s in which every picture has its number, and one sentence is said at 6 s."""
    folder = tmp_path_factory.mktemp("film")
    clock = write_clock(
        folder / "ferry.mp4", fps=Fraction(25), num_frames=300, height=180, width=320
    )
    (folder / "ferry.srt").write_text(WORDS)
    return clock


@pytest.fixture(scope="module")
def command(film: ClockVideo, tmp_path_factory: pytest.TempPathFactory) -> Generator[Command]:
    """`playhead serve` for the pages of a file."""
    pytest.importorskip("fastapi", reason="the serve extra is not installed")
    library = tmp_path_factory.mktemp("served") / "library"
    with Command(library, "--root", str(film.path.parent)) as running:
        yield running


@pytest.fixture(scope="module")
def ferry(command: Command, film: ClockVideo) -> str:
    """The film in the library, indexed."""
    id_ = str(command.json("POST", "/api/videos", {"path": str(film.path)})["id"])
    session = command.json("POST", "/api/sessions", {"videos": [id_]})["id"]
    asked = command.json("POST", f"/api/sessions/{session}/ask", {"question": "?"})
    httpx.get(command.url + asked["events_url"], timeout=120)  # ends after the index is there
    command.json("DELETE", f"/api/sessions/{session}")
    return id_


@pytest.fixture(scope="module")
def address(command: Command, ferry: str) -> str:
    """The page of the film, in a session that has no question yet."""
    return f"{command.url}/#v={ferry}"


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    """A browser for the pages of a file.

    Not for longer: while it is open, an event loop runs in this thread, and `asyncio.run` refuses.
    """
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Browser) -> Generator[Browser]:
    """Every test ends with a look at the console and at where requests went."""
    yield chromium
    chromium.check()
