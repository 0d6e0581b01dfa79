"""One app of everything that is served: routes, the page, MCP, and who is let in.

app = create_app("footage", ServeSettings(token="..."))
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from playhead import __version__
from playhead.agent.strategies import compiled
from playhead.core.errors import MissingExtra
from playhead.memory.library import Library
from playhead.serving import about, adding, errors, media, openai, searching, sessions, videos
from playhead.serving.guard import Guard
from playhead.serving.house import House
from playhead.serving.mcp import LOCAL_HOSTS, http_app
from playhead.serving.mcp_line import Line
from playhead.serving.page import page
from playhead.serving.settings import ServeSettings

_THREADS = 80
_PATIENCE_S = 10.0


def create_app(
    library: Library | str | os.PathLike[str], settings: ServeSettings | None = None
) -> FastAPI:
    """The app of one library.

    Args:
        library: Open, which stays the caller's to close; or the folder of one.
        settings: What it is told. None: the defaults.
    """
    settings = settings or ServeSettings()
    is_ours = not isinstance(library, Library)
    shelf = Library(library) if is_ours else library

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        threading.Thread(target=_load, daemon=True).start()
        house: House = app.state.house
        async with AsyncExitStack() as stack:
            if mcp is not None:
                await stack.enter_async_context(mcp.router.lifespan_context(mcp))
            yield
        if await run_in_threadpool(house.close, _PATIENCE_S) and is_ours:
            await run_in_threadpool(shelf.close)

    app = FastAPI(
        title="Playhead",
        version=__version__,
        description="Questions about hours of video, answered with the seconds that prove it.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(Guard, settings=settings)],
    )
    app.state.house = House.of(shelf, settings)
    errors.install(app)
    for part in (about, adding, videos, media, sessions, searching, openai):
        app.include_router(part.router)
    mcp = _mcp(app.state.house)
    if mcp is not None:
        app.mount("/mcp", mcp)
    app.include_router(page())
    return app


def _load() -> None:
    """Load what takes seconds, before the first question does."""
    import_module("playhead.agent.checkpoints")
    compiled("seek")


def _mcp(house: House) -> Any:
    """The app that speaks MCP; None where its extra is not installed."""
    settings = house.settings
    try:
        return http_app(
            house.library,
            model=settings.model,
            effort=settings.effort,
            bounds=dict(settings.bounds),
            roots=settings.roots,
            hosts=(*LOCAL_HOSTS, *settings.hosts),
            line=Line(house),
            picture=house.pictures.picture,
        )
    except MissingExtra:
        return None
