"""The door the other way round: tools of somebody else's MCP server, for our agent.

    with connect("uvx weather-server") as theirs:
        session = Session(library, tools=[*default_tools(), *theirs])

The one idea: their tools keep to our promises. A call is an observation whatever happens: a server
that is slow is not waited for, one that dies is started again by the next call. A picture that
they show is kept and shown by reference, and is paid for like any other.

A person names the server, never a model. What comes from it is data: names begin with the server's,
words are cut to a length, and tools that may change something are left out unless that person lets
them in, because words in a video can talk a model into calling them.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import shlex
import sys
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from playhead.core.budget import Cost
from playhead.core.errors import Blamed, MissingExtra, Origin
from playhead.core.message import Part, PicturePart, TextPart
from playhead.core.tools import Observation, Tool, told_tool
from playhead.core.value import clean_text
from playhead.tools.context import ToolContext
from playhead.tools.ledger import visual_tokens
from playhead.tools.say import MOST_CHARACTERS

_MOST_TOOLS = 128
_MOST_PICTURES = 16  # of one result
_MOST_BYTES = 16 * 2**20  # of a picture as it comes
_MOST_PIXELS = 4096 * 2160
_LARGEST_SIDE = 1280  # pixels of a picture as it is shown
_LONGEST_NAME = 64  # what model servers take
_LONGEST_DESCRIPTION = 2_000
_FORMATS = ("PNG", "JPEG", "WEBP")


@dataclass(frozen=True)
class Connected:
    """The tools of a server, as long as the connection is open."""

    name: str
    """What the server calls itself, or what it was named; the tools' names begin with it."""
    tools: tuple[Tool, ...]
    left_out: tuple[str, ...]
    """Tools that do not say that they only read."""

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools)

    def __len__(self) -> int:
        return len(self.tools)


@contextmanager
def connect(
    server: str,
    *,
    name: str | None = None,
    may_write: bool = False,
    timeout_s: float = 30.0,
    headers: Mapping[str, str] | None = None,
) -> Generator[Connected]:
    """Connect to an MCP server, of either generation.

    Args:
        server: A command that starts one over standard input and output, or the `http(s)://`
            address of one. A command gets no environment variables but PATH, HOME and the like.
        name: What its tools' names begin with. None: what it calls itself.
        may_write: Let in tools that do not say that they only read.
        timeout_s: How long one answer may take, in seconds.
        headers: For an address: what each request carries, such as `Authorization`.

    Raises:
        MissingExtra: mcp is not installed, or older than 2.
        Blamed: The server cannot be reached; the world's fault.
        ValueError: It is neither a command nor an address.
    """
    if not shlex.split(server):
        raise ValueError("an MCP server is a command or an address: got none")
    try:
        import_module("mcp_types")
        from anyio.from_thread import start_blocking_portal
    except ImportError as error:
        raise MissingExtra('MCP needs mcp 2: pip install "playhead[mcp]"') from error
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        link = stack.enter_context(_Link(portal, server, timeout_s, headers or {}))
        listed = _listed(link)
        prefix = _word(name or link.name)
        kept = [tool for tool in listed if may_write or _only_reads(tool)]
        tools = {tool.name: tool for tool in (_tool(link, prefix, theirs) for theirs in kept)}
        left_out = tuple(str(tool.name)[:_LONGEST_NAME] for tool in listed if tool not in kept)
        yield Connected(prefix, tuple(tools.values()), left_out)


class _Link:
    """The connection to a server: made when it is needed, made again when it broke."""

    def __init__(
        self, portal: Any, server: str, timeout_s: float, headers: Mapping[str, str]
    ) -> None:
        self._portal, self._server, self._headers = portal, server, headers
        self.timeout_s = timeout_s
        self.name = "mcp"
        self._guard = threading.Lock()
        self._open = ExitStack()
        self._client: Any = None

    def __enter__(self) -> _Link:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop(self._client)

    def ask(
        self, method: str, *arguments: Any, timeout_s: float | None = None, **named: Any
    ) -> Any:
        """What the server answers.

        Raises:
            Blamed: It cannot be reached, is too slow, or refuses; the world's fault.
        """
        from mcp import MCPError

        client = self._connected()
        job = self._portal.start_task_soon(partial(getattr(client, method), *arguments, **named))
        try:
            return job.result(timeout_s or self.timeout_s)
        except TimeoutError:
            job.cancel()
            what = f"{self.name} did not answer in {timeout_s or self.timeout_s:g} s"
            raise Blamed(Origin.WORLD, what, "out_of_time") from None
        except MCPError as error:
            if _is_closed(error):
                self._drop(client)
            what = f"{self.name} refused: {_cut(str(error), 400)}"
            raise Blamed(Origin.WORLD, what, "refused") from error
        except Exception as error:
            self._drop(client)
            what = f"the connection to {self.name} broke; the next call makes it again"
            raise Blamed(Origin.WORLD, what, "broke") from error

    def _connected(self) -> Any:
        with self._guard:
            if self._client is None:
                try:
                    self._client = self._connect()
                except Exception as error:
                    self._open.close()
                    what = f"the MCP server cannot be reached: {_cause(error)}"
                    raise Blamed(Origin.WORLD, what, "unreachable") from error
            return self._client

    def _connect(self) -> Any:
        import mcp

        opened: Any = mcp.Client(self._transport(), read_timeout_seconds=self.timeout_s)
        client = self._open.enter_context(self._portal.wrap_async_context_manager(opened))
        if client.server_info is not None:
            self.name = _word(client.server_info.name)
        return client

    def _transport(self) -> Any:
        if self._server.startswith(("http://", "https://")):
            return self._address()
        command, *arguments = shlex.split(self._server)
        stdio: Any = import_module("mcp.client.stdio")
        start = stdio.StdioServerParameters(command=command, args=arguments)
        return stdio.stdio_client(start, errlog=sys.__stderr__)

    def _address(self) -> Any:
        http: Any = import_module("mcp.client.streamable_http")
        if not self._headers:
            return http.streamable_http_client(self._server)
        sender: Any = import_module("httpx2").AsyncClient(
            headers=dict(self._headers), timeout=self.timeout_s
        )
        self._open.callback(lambda: self._portal.call(sender.aclose))
        return http.streamable_http_client(self._server, http_client=sender)

    def _drop(self, client: Any) -> None:
        """Give a connection up, unless another call has done so."""
        with self._guard:
            if client is None or client is not self._client:
                return
            self._client = None
            try:
                self._open.close()
            except Exception:  # it is broken: how it ends is nobody's concern
                self._open = ExitStack()


def _listed(link: _Link) -> list[Any]:
    """The tools of a server, page by page."""
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(_MOST_TOOLS):
        page = link.ask("list_tools", cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    return found[:_MOST_TOOLS]


def _only_reads(theirs: Any) -> bool:
    return theirs.annotations is not None and theirs.annotations.read_only_hint is True


def _tool(link: _Link, prefix: str, theirs: Any) -> Tool:
    """One of their tools, as one of ours."""

    def call(ctx: ToolContext, arguments: dict[str, JsonValue]) -> Observation:
        left_s = ctx.ledger.left.seconds
        timeout_s = link.timeout_s if left_s is None else min(link.timeout_s, max(left_s, 0.1))
        result = link.ask("call_tool", theirs.name, arguments, timeout_s=timeout_s)
        return _observed(ctx, result)

    words = _cut(theirs.description or theirs.title or theirs.name, _LONGEST_DESCRIPTION)
    schema = cast("dict[str, JsonValue]", {"properties": {}, **theirs.input_schema})
    return told_tool(
        f"{prefix}_{_word(theirs.name)}"[:_LONGEST_NAME],
        words,
        schema | {"type": "object"},
        call,
        reads_only=_only_reads(theirs),
    )


def _observed(ctx: ToolContext, result: Any) -> Observation:
    """A result as a policy is shown it: words, and pictures that were paid for.

    Raises:
        Blamed: The server says that the call failed; nobody knows whose fault it was.
    """
    parts: list[Part] = []
    cost = Cost()
    for block in result.content:
        part, price = _part(ctx, block, cost.frames)
        parts.append(part)
        cost += price
    if not parts and result.structured_content is not None:
        parts = [TextPart(text=json.dumps(result.structured_content, ensure_ascii=False))]
    if result.is_error:
        words = " ".join(part.text for part in parts if isinstance(part, TextPart))
        raise Blamed(Origin.WORLD, _cut(words, MOST_CHARACTERS) or "the tool failed", "their_error")
    return Observation(call_id="", parts=_bounded(parts) or (_said("done"),), cost=cost)


def _part(ctx: ToolContext, block: Any, num_shown: int) -> tuple[Part, Cost]:
    """One block of a result, and what it cost."""
    kind = block.type
    held = block.resource if kind == "resource" else block
    data, mime = getattr(held, "data", getattr(held, "blob", None)), getattr(held, "mime_type", "")
    if kind == "text" or getattr(held, "text", None) is not None:
        return _said(held.text), Cost()
    if kind == "resource_link":
        return _said(f"({block.name}: {block.uri})"), Cost()
    if data is None or not (mime or "").startswith("image/"):
        return _said(f"({kind}, {mime or 'of no kind'}: not shown)"), Cost()
    if num_shown >= _MOST_PICTURES:
        return _said(f"(more than {_MOST_PICTURES} pictures: not shown)"), Cost()
    picture = _picture(data)
    if picture is None:
        return _said("(a picture that cannot be read)"), Cost()
    price = Cost(frames=1, visual_tokens=visual_tokens(*picture.shape[:2]))
    if not ctx.ledger.pay(price):
        return _said("(a picture that is not affordable any more)"), Cost()
    return PicturePart(frame=ctx.give(picture)), price


def _picture(data: str) -> NDArray[np.uint8] | None:
    """A picture that came as base64, RGB uint8 `[H, W, 3]`, shrunk; None if it cannot be read."""
    from PIL import Image

    if len(data) > _MOST_BYTES * 4 // 3:
        return None
    try:
        with Image.open(io.BytesIO(base64.b64decode(data)), formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
            return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, binascii.Error):  # PIL raises all of these
        return None


def _bounded(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts, their words cut where there are too many."""
    kept: list[Part] = []
    room = MOST_CHARACTERS
    for part in parts:
        if isinstance(part, TextPart):
            part = _said(_cut(part.text, room))
            room -= len(part.text)
        kept.append(part)
    return tuple(part for part in kept if not isinstance(part, TextPart) or part.text)


def _said(words: str) -> TextPart:
    return TextPart(text=words)


def _cut(words: str, most: int) -> str:
    words = clean_text(words).strip()
    return words if len(words) <= most else f"{words[: max(0, most - 1)]}…" if most > 0 else ""


def _word(name: str) -> str:
    """A name as model servers take it."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")[: _LONGEST_NAME // 2] or "mcp"


def _is_closed(error: Any) -> bool:
    types: Any = import_module("mcp_types")
    return error.error.code == types.CONNECTION_CLOSED


def _cause(error: BaseException) -> str:
    """The first thing that went wrong, in a line."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return _cut(f"{type(error).__name__}: {error}".partition("\n")[0], 200)
