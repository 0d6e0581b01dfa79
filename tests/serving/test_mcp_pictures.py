"""Pictures over MCP: addresses that give the pixels, and addresses that give nothing."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from playhead.core import Budget, FrameRef
from playhead.models.frame_urls import frame_url, read_frame_url
from playhead.serving.mcp_desk import Desk

pytest.importorskip("mcp_types", reason="mcp 2 is not installed")

import mcp

from playhead.tools.context import Ledger, ToolContext
from tests.agent.policies import Planner, answering, calling, ids_in
from tests.agent.policies import call as wished
from tests.serving.mcp_clients import (
    call,
    refused,
    run,
    video_id,
)


def test_pictures_are_links_that_can_be_read_and_pixels_come_when_asked_for(desk: Desk):
    part = {"video": "The demo", "start_s": 1, "end_s": 5, "num": 2}

    async def scenario(client: Any) -> Any:
        linked = await client.call_tool("get_frames", part)
        links = [block for block in linked.content if block.type == "resource_link"]
        read = [await client.read_resource(link.uri) for link in links]
        inline = await client.call_tool("get_frames", {**part, "inline": True})
        return linked, links, read, inline

    linked, links, read, inline = run(desk, scenario)
    (piece,) = linked.structured_content["evidence"]
    assert [str(link.uri) for link in links] == piece["frames"]
    assert "image" not in {block.type for block in linked.content}
    images = [block.data for block in inline.content if block.type == "image"]
    assert images == [result.contents[0].blob for result in read]
    for url, data in zip(piece["frames"], images, strict=True):
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), int)
        true = desk.library.picture(read_frame_url(url))
        assert np.abs(picture - true).mean() < 4  # JPEG


def test_more_pictures_than_sixteen_are_not_sent_inline(desk: Desk):
    part = {"video": "The demo", "start_s": 0, "end_s": 20, "num": 17}
    assert refused(desk, "get_frames", **part, inline=True)["code"] == "too_many"
    links = [b for b in call(desk, "get_frames", **part).content if b.type == "resource_link"]
    assert len(links) == 17


@pytest.mark.parametrize(
    "change",
    [
        {"video_id": "0" * 32},
        {"video_id": "../../etc/passwd"},
        {"height": 100_000, "width": 100_000},
        {"time_s": 1e6},
    ],
)
def test_an_address_of_no_picture_is_refused(desk: Desk, change: dict[str, Any]):
    seen = call(desk, "get_frames", video="The demo", start_s=1, end_s=2, num=1)
    (url,) = seen.structured_content["evidence"][0]["frames"]
    other = frame_url(read_frame_url(url).replace(**change))

    async def scenario(client: Any) -> None:
        for wrong in (other, "file:///etc/passwd", "frame://x", "ui://playhead/other"):
            with pytest.raises(mcp.MCPError, match="picture"):
                await client.read_resource(wrong)

    run(desk, scenario)


class Seeking(Planner):
    """Uses its tools, however short the video is."""

    needs_tools = True


@pytest.mark.parametrize("kind", ["sheet", "mark"])
def test_a_picture_that_a_tool_made_is_made_again_when_its_address_is_read(desk: Desk, kind: str):
    if kind == "sheet":
        wish = wished("overview", num=4)
    else:
        wish = wished("mark", time_s=2.0, region=[0.2, 0.2, 0.6, 0.6])
    planner = Seeking(calling(wish), lambda messages: answering("that", *ids_in(messages)))
    seen = call(replace(desk, model=planner), "ask_video", question="What is there?")
    (piece,) = seen.structured_content["evidence"]
    (url,) = piece["frames"]
    ref = read_frame_url(url)
    assert ref.video_id.startswith(f"{kind}:")
    (read,) = run(desk, lambda client: client.read_resource(url)).contents
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(read.blob))), int)
    assert picture.shape == (ref.height, ref.width, 3)
    with ToolContext(desk.library, [video_id(desk)], Ledger(Budget())) as ctx:
        (true,) = ctx.resolve([ref])
    assert np.abs(picture - true).mean() < 4  # JPEG
    assert picture.std() > 10


def test_a_made_picture_that_would_cost_too_much_is_none(desk: Desk):
    id_, times = video_id(desk), ",".join(map(str, range(100)))
    wrong = [
        f"sheet:{id_}:10:90:{times}",
        f"sheet:{id_}:1:5000:1.0",
        f"sheet:{'0' * 32}:1:90:1.0",
        f"sheet:{id_}:x:90:1.0",
        f"sheet:{id_}:0:90:1.0",
        f"sheet:{id_}:1:90:",
        f"mark:{id_}:star:0,0,1,1",
        f"mark:{id_}:point:0,0",
        f"mark:{id_}",
    ]

    async def scenario(client: Any) -> None:
        for name in wrong:
            url = frame_url(FrameRef(video_id=name, time_s=1.0, height=90, width=160))
            with pytest.raises(mcp.MCPError, match="no such picture"):
                await client.read_resource(url)

    run(desk, scenario)
