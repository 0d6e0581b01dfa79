"""The door to the Model Context Protocol: a server with our tools, for mcp 2.

    server = serve(default_tools(), lambda: ToolContext(library, ids))
    async with mcp.Client(server) as client:
        result = await client.call_tool("look", {"start_s": 3, "end_s": 5})

Evidence, failure and cost are in `structured_content`; a failed call is an error that says what to
do instead. Pictures come as links that the client may read (only those that its own calls have
shown), or as JPEG, if the one who starts the server wants so.

One context serves one run of the server: over stdio that is one client, over HTTP all of them.
"""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from uuid import uuid4

from playhead.core.errors import MissingExtra, Origin, VideoError
from playhead.core.media import FrameRef
from playhead.core.message import PicturePart, ToolCall
from playhead.core.span import stamp
from playhead.core.tools import Observation, Tool, failed
from playhead.models.frame_urls import frame_url
from playhead.tools.context import ToolContext

_JPEG = "image/jpeg"
_QUALITY = 85


@dataclass
class _Run:
    """One run of the server: its context, and the pictures it has shown, by address."""

    ctx: ToolContext
    shown: dict[str, FrameRef] = field(default_factory=dict[str, FrameRef])


def serve(
    tools: Iterable[Tool],
    make_context: Callable[[], ToolContext],
    *,
    name: str = "playhead",
    pictures: bool = False,
) -> Any:
    """A `mcp.server.Server` with these tools, to be run over stdio or HTTP as any other.

    Args:
        tools: Which.
        make_context: Makes the context of one run of the server, which closes it at its end.
        name: What clients are told the server is called.
        pictures: Send pictures as JPEG. False: as links to read.

    Raises:
        MissingExtra: mcp is not installed, or older than 2.
    """
    try:
        types: Any = import_module("mcp_types")
        server: Any = import_module("mcp.server.lowlevel.server")
    except ImportError as error:
        raise MissingExtra('MCP needs mcp 2: pip install "playhead[mcp]"') from error
    by_name = {tool.name: tool for tool in tools}

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncGenerator[_Run]:
        with make_context() as ctx:
            yield _Run(ctx)

    async def list_tools(_: Any, __: Any) -> Any:
        return types.ListToolsResult(tools=[_told(types, tool) for tool in by_name.values()])

    async def call_tool(request: Any, params: Any) -> Any:
        call = ToolCall.read(f"mcp{uuid4().hex[:12]}", params.name, params.arguments or {})
        return await _in_thread(_call, types, by_name, request.lifespan_context, call, pictures)

    async def read(request: Any, params: Any) -> Any:
        return await _in_thread(_read, types, request.lifespan_context, str(params.uri))

    return server.Server(
        name,
        lifespan=lifespan,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_read_resource=read,
    )


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    import anyio.to_thread

    return await anyio.to_thread.run_sync(function, *arguments)


def _told(types: Any, tool: Tool) -> Any:
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.arguments),
        annotations=types.ToolAnnotations(
            read_only_hint=tool.reads_only, destructive_hint=False, open_world_hint=False
        ),
    )


def _call(types: Any, tools: dict[str, Tool], run: _Run, call: ToolCall, pictures: bool) -> Any:
    if call.name in tools:
        seen = tools[call.name].run(run.ctx, call)
    else:
        what = f"no tool {call.name[:40]!r}; there are {', '.join(tools)}"
        seen = failed(call, Origin.MODEL, "no_such_tool", what)
    return types.CallToolResult(
        content=_content(types, run, seen, pictures),
        structured_content=_structured(seen),
        is_error=seen.failure is not None,
    )


def _content(types: Any, run: _Run, seen: Observation, pictures: bool) -> list[Any]:
    content: list[Any] = []
    for part in seen.parts:
        if not isinstance(part, PicturePart):
            content.append(types.TextContent(text=part.text))
            continue
        url = frame_url(part.frame)
        run.shown[url] = part.frame
        if pictures and (data := _jpeg(run, part.frame)) is not None:
            content.append(types.ImageContent(data=data, mime_type=_JPEG))
        else:
            when = f"picture at {stamp(part.frame.time_s)}"
            content.append(types.ResourceLink(name=when, uri=url, mime_type=_JPEG))
    return content


def _structured(seen: Observation) -> dict[str, Any]:
    """For programs: all but what is for the log only."""
    failure = seen.failure
    return {
        "evidence": [piece.model_dump(mode="json") for piece in seen.evidence],
        "failure": None if failure is None else failure.model_dump(mode="json", exclude={"detail"}),
        "cost": seen.cost.model_dump(mode="json"),
    }


def _read(types: Any, run: _Run, url: str) -> Any:
    error: Any = import_module("mcp.shared.exceptions").MCPError
    if url not in run.shown:
        raise error(code=types.INVALID_PARAMS, message="no call has shown such a picture")
    data = _jpeg(run, run.shown[url])
    if data is None:
        raise error(code=types.INTERNAL_ERROR, message="the picture cannot be read any more")
    blob = types.BlobResourceContents(uri=url, mime_type=_JPEG, blob=data)
    return types.ReadResourceResult(contents=[blob])


def _jpeg(run: _Run, ref: FrameRef) -> str | None:
    """A picture as base64; None if it cannot be read any more."""
    from PIL import Image

    try:
        (picture,) = run.ctx.resolve([ref])
    except VideoError:
        return None
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=_QUALITY)
    return base64.b64encode(file.getvalue()).decode()
