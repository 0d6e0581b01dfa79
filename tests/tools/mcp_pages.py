"""An MCP server whose list of tools has no end: each page has one, and names the next."""

from __future__ import annotations

import asyncio
from typing import Any

import mcp_types as types
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server


async def list_tools(_: Any, asked: Any) -> types.ListToolsResult:
    number = int(asked.cursor) if asked and asked.cursor else 0
    reads = types.ToolAnnotations(read_only_hint=True)
    schema: dict[str, Any] = {"type": "object"}
    tool = types.Tool(name=f"tool{number}", input_schema=schema, annotations=reads)
    return types.ListToolsResult(tools=[tool], next_cursor=str(number + 1))


async def main() -> None:
    server = Server("pages", on_list_tools=list_tools)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


asyncio.run(main())
