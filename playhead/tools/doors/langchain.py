"""The door to LangChain and LangGraph: each tool as a `StructuredTool`.

The message that a model gets holds text and, for each picture, an `image_url` block with a
`frame://` address: a few bytes in state and traces, made into pixels by whoever calls the model
(`read_frame_url` and `ToolContext.resolve`). The artifact is the whole `Observation`. A call that
failed is text for the model like any other; `artifact.failure` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from playhead.core.errors import MissingExtra
from playhead.core.message import PicturePart, ToolCall
from playhead.core.tools import Observation, Tool
from playhead.models.frame_urls import frame_url

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool


def to_langchain(tools: Iterable[Tool], ctx: object) -> list[StructuredTool]:
    """Tools as LangChain takes them.

    Args:
        tools: Which.
        ctx: The context they run in; open as long as they are used.

    Raises:
        MissingExtra: langchain-core is not installed.
    """
    try:
        from langchain_core.tools import StructuredTool
    except ImportError as error:
        raise MissingExtra("LangChain tools need it: pip install langchain-core") from error
    return [
        StructuredTool(
            name=tool.name,
            description=tool.description,
            args_schema=dict(tool.arguments),
            func=_function(tool, ctx),
            response_format="content_and_artifact",
            metadata={"reads_only": tool.reads_only},
        )
        for tool in tools
    ]


def content_blocks(observation: Observation) -> list[str | dict[Any, Any]]:
    """What a model is told, as content blocks."""
    return [
        {"type": "image_url", "image_url": {"url": frame_url(part.frame)}}
        if isinstance(part, PicturePart)
        else {"type": "text", "text": part.text}
        for part in observation.parts
    ]


def _function(
    tool: Tool, ctx: object
) -> Callable[..., tuple[list[str | dict[Any, Any]], Observation]]:
    def call(**arguments: Any) -> tuple[list[str | dict[Any, Any]], Observation]:
        asked = ToolCall.read(f"lc{uuid4().hex[:12]}", tool.name, arguments)
        observation = tool.run(ctx, asked)
        return content_blocks(observation), observation

    return call
