"""Clients of the MCP server: in this process, over HTTP, and of mcp 1."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import mcp

from playhead.serving import mcp as served
from playhead.serving.mcp_desk import Desk
from playhead.serving.mcp_tools import TOOLS

QUESTION: dict[str, Any] = {"question": "Where has the miller hidden his key?"}
TOKEN = "a-token-of-this-test"
Scenario = Callable[[Any], Any]


def run(desk: Desk, scenario: Scenario) -> Any:
    """Let a client in this process do something with the server."""

    async def inside() -> Any:
        async with mcp.Client(served.make_server(desk)) as client:
            return await scenario(client)

    return asyncio.run(inside())


def call(desk: Desk, name: str, **arguments: Any) -> Any:
    """What a tool gives."""
    return run(desk, lambda client: client.call_tool(name, arguments))


def refused(desk: Desk, name: str, **arguments: Any) -> dict[str, str]:
    """Why a tool gives nothing."""
    seen = call(desk, name, **arguments)
    assert seen.is_error
    return seen.structured_content["error"]


def video_id(desk: Desk) -> str:
    """Of the one video."""
    return desk.library.videos()[0].id


@contextmanager
def serving(desk: Desk, token: str | None = TOKEN) -> Generator[str]:
    """The address of a real HTTP server at which the app is mounted."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = served.http_app(
        desk.library, model="rules", effort="quick", roots=desk.roots, token=token
    )
    whole = Starlette(
        routes=[Mount("/mcp", app)], lifespan=lambda _: app.router.lifespan_context(app)
    )
    settled = uvicorn.Config(whole, port=0, log_level="error", timeout_graceful_shutdown=5)
    server = uvicorn.Server(settled)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/mcp/"
    finally:
        server.should_exit = True
        thread.join()


@asynccontextmanager
async def connected(url: str, token: str | None = None) -> AsyncGenerator[Any]:
    """The real client, connected to a server over HTTP."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    known = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=known, follow_redirects=True, timeout=60) as http,
        mcp.Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


def check_old(old_python: str, *where: str) -> None:
    script = Path(__file__).with_name("mcp1_client.py")
    done = subprocess.run([old_python, script, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["version"].startswith("2025-")
    assert seen["tools"] == [tool.name for tool in TOOLS]
    assert seen["inline"] == 2
    assert seen["picture"] > 1_000
    assert "bridge" in seen["answer"]
    assert seen["steps"] == sorted(seen["steps"]) != []
    assert seen["wrong"][0] is True
    assert "no video 'nothing'" in seen["wrong"][1]
