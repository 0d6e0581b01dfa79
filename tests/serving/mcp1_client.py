"""A client of the 1.x generation, run by a Python that has mcp 1: prints what it saw as JSON.

python mcp1_client.py URL TOKEN
python mcp1_client.py COMMAND ARGUMENT...
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any


async def see(reading: Any, writing: Any) -> dict[str, Any]:
    from mcp import ClientSession

    steps: list[float] = []

    async def told(done: float, total: float | None, words: str | None) -> None:
        steps.append(done)

    async with ClientSession(reading, writing) as session:
        started = await session.initialize()
        listed = await session.list_tools()
        found = await session.call_tool("list_videos", {})
        (video,) = found.structuredContent["videos"]
        how = {"video": video["id"], "start_s": 1, "end_s": 5, "num": 2}
        linked = await session.call_tool("get_frames", how)
        inline = await session.call_tool("get_frames", {**how, "inline": True})
        (link, *_) = [block for block in linked.content if block.type == "resource_link"]
        picture = await session.read_resource(link.uri)
        asked = {"question": "Where has the miller hidden his key?"}
        answered = await session.call_tool("ask_video", asked, progress_callback=told)
        wrong = await session.call_tool("get_frames", {**how, "video": "nothing"})
    return {
        "version": started.protocolVersion,
        "tools": [tool.name for tool in listed.tools],
        "inline": [block.type for block in inline.content].count("image"),
        "picture": len(picture.contents[0].blob),
        "answer": answered.structuredContent["text"],
        "steps": steps,
        "wrong": [wrong.isError, wrong.content[0].text],
    }


async def main(where: str, *more: str) -> None:
    if where.startswith("http"):
        from mcp.client.streamable_http import streamablehttp_client

        headers = {"Authorization": f"Bearer {more[0]}"}
        async with streamablehttp_client(where, headers) as (reading, writing, _):
            print(json.dumps(await see(reading, writing)))
    else:
        from mcp import StdioServerParameters
        from mcp.client.stdio import stdio_client

        async with stdio_client(StdioServerParameters(command=where, args=list(more))) as streams:
            print(json.dumps(await see(*streams)))


asyncio.run(main(*sys.argv[1:]))
