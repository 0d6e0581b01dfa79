"""MCP over standard input and output: hosts of both generations start the command."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.serving.mcp_desk import Desk
from playhead.serving.mcp_tools import TOOLS

pytest.importorskip("mcp_types", reason="mcp 2 is not installed")

import mcp

from tests.serving.mcp_clients import (
    QUESTION,
    check_old,
)


@pytest.fixture(scope="module")
def command(desk: Desk, secret_place: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """How a host starts the server, on a library that holds the demo."""
    library = tmp_path_factory.mktemp("stdio") / "library"
    with Library(library, recipe=MemoryRecipe(late_eyes=())) as shelf:
        shelf.add(secret_place / "open" / "film.mp4", title="The demo")
        shelf.wait()
    start = [sys.executable, "-m", "playhead", "mcp", "--library", str(library)]
    return [*start, "--model", "rules", "--effort", "quick", "--root", str(secret_place / "open")]


@pytest.mark.slow
def test_a_host_starts_it_over_stdio_and_asks(command: list[str]):
    from mcp.client.stdio import StdioServerParameters

    async def scenario() -> Any:
        start = StdioServerParameters(command=command[0], args=command[1:])
        async with mcp.Client(start) as client:
            listed = await client.list_tools()
            indexed = await client.call_tool("index_video", {"path": "film.mp4", "wait_s": 0})
            return listed, indexed, await client.call_tool("ask_video", QUESTION)

    listed, indexed, answered = asyncio.run(scenario())
    assert len(listed.tools) == len(TOOLS)
    assert not indexed.is_error
    assert "bridge" in answered.structured_content["text"]


@pytest.mark.slow
def test_what_is_no_message_does_not_end_the_server(command: list[str]):
    junk = [b"no json", b"[]", b"{}", b'{"jsonrpc": "2.0"}', b"\xff\xfe", b"[" * 10_000]
    begin = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "c", "version": "1"},
    }
    messages = [
        *junk,
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin}).encode(),
        b'{"jsonrpc": "2.0", "method": "notifications/initialized"}',
        *junk,
        b'{"jsonrpc": "2.0", "id": 2, "method": "tools/list"}',
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for message in messages:
            server.stdin.write(message + b"\n")
        server.stdin.flush()
        told = iter(server.stdout)
        answers = (json.loads(line) for line in told)
        assert "tools" in next(answer for answer in answers if answer.get("id") == 2)["result"]
        server.stdin.close()
        assert server.wait(60) == 0


@pytest.mark.slow
def test_a_client_of_the_first_generation_over_stdio(old_python: str, command: list[str]):
    check_old(old_python, *command)
