"""MCP over HTTP: real servers, clients of both generations, and who may not come in."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from playhead.models.frame_urls import read_frame_url
from playhead.serving.mcp_desk import Desk
from playhead.video.synthetic import read_clock
from tests.serving.served import Served

pytest.importorskip("mcp_types", reason="mcp 2 is not installed")

import httpx

from tests.serving.mcp_clients import (
    QUESTION,
    TOKEN,
    check_old,
    connected,
    serving,
)


def test_a_client_over_http_asks_and_reads_pictures(desk: Desk):
    async def scenario(url: str) -> Any:
        async with connected(url, TOKEN) as client:
            answered = await client.call_tool("ask_video", QUESTION)
            how = {"video": "The demo", "start_s": 1, "end_s": 2, "num": 1}
            looked = await client.call_tool("get_frames", how)
            (frame,) = looked.structured_content["evidence"][0]["frames"]
            return answered, await client.read_resource(frame)

    with serving(desk) as url:
        answered, picture = asyncio.run(scenario(url))
    assert "bridge" in answered.structured_content["text"]
    assert picture.contents[0].blob


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer another"}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}, 421),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"}, 403),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "http://127.0.0.1.evil.example"}, 403),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "null"}, 403),
        ({"Authorization": f"Bearer {TOKEN}", "Mcp-Session-Id": "0" * 32}, 404),
    ],
)
def test_who_may_not_come_in_is_refused(desk: Desk, headers: dict[str, str], status: int):
    with serving(desk) as url:
        told = httpx.post(url, json=PING, headers=ACCEPT | headers)
    assert told.status_code == status
    assert "Traceback" not in told.text


@pytest.mark.slow
def test_a_client_of_the_first_generation_over_http(old_python: str, desk: Desk):
    with serving(desk) as url:
        check_old(old_python, url, TOKEN)


@pytest.mark.slow
def test_playhead_serve_gives_the_pixels_of_a_picture_at_its_address(server: Served):
    async def scenario() -> list[Any]:
        async with connected(f"{server.url}/mcp/") as client:
            part = {"video": "clock.mp4", "start_s": 20, "end_s": 30, "num": 3, "detail": "fine"}
            looked = await client.call_tool("get_frames", part)
            links = [block.uri for block in looked.content if block.type == "resource_link"]
            assert len(links) == 3
            return [(str(link), await client.read_resource(link)) for link in links]

    for link, read in asyncio.run(scenario()):
        picture = Image.open(io.BytesIO(base64.b64decode(read.contents[0].blob)))
        number = int(read_frame_url(link).time_s * 5 + 1e-6)
        assert read_clock(np.asarray(picture.convert("RGB"))) == number
