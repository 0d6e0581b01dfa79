"""Somebody else's MCP server, with good and bad manners: run over stdio, or over HTTP at a port.

python mcp_server.py [PORT]
"""

from __future__ import annotations

import base64
import io
import os
import sys
import time

from mcp.server import MCPServer
from mcp_types import (
    AudioContent,
    CallToolResult,
    ImageContent,
    ResourceLink,
    TextContent,
    ToolAnnotations,
)
from PIL import Image

server = MCPServer("Weather station!")
READS = ToolAnnotations(read_only_hint=True)


def png(size: tuple[int, int], colour: str) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@server.tool(annotations=READS)
def temperature(city: str, day: int = 0) -> str:
    """How warm it is."""
    return f"{city}: {20 + day} degrees"


@server.tool(annotations=READS)
def radar(num: int = 1, side: int = 64) -> CallToolResult:
    """Pictures of the sky."""
    blocks = [TextContent(text="The sky:"), ResourceLink(name="legend", uri="sky://legend")]
    colours = ("red", "green", "blue")
    pictures = [
        ImageContent(data=png((side, side), colours[i % 3]), mime_type="image/png")
        for i in range(num)
    ]
    return CallToolResult(content=[*blocks, *pictures])


@server.tool(annotations=READS)
def rubbish() -> CallToolResult:
    """Blocks that nobody can show."""
    return CallToolResult(
        content=[
            ImageContent(data="no picture", mime_type="image/png"),
            ImageContent(data=png((9000, 2000), "red"), mime_type="image/png"),
            AudioContent(data="AAAA", mime_type="audio/wav"),
            TextContent(text="x" * 100_000),
        ]
    )


@server.tool(annotations=READS)
def slow() -> str:
    """Takes its time."""
    time.sleep(60)
    return "at last"


@server.tool(annotations=READS)
def die() -> str:
    """Ends the server."""
    os._exit(3)


@server.tool(annotations=READS)
def environment() -> str:
    """What it was told of its surroundings."""
    return " ".join(sorted(os.environ))


@server.tool(annotations=READS)
def fail() -> CallToolResult:
    """Never succeeds."""
    return CallToolResult(content=[TextContent(text="no such city")], is_error=True)


@server.tool()
def make_rain(city: str) -> str:
    """Changes something."""
    return f"{city} is wet"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run("stdio")
