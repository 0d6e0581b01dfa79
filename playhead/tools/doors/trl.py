"""The door to TRL: an environment class whose methods are the tools.

`GRPOTrainer(environment_factory=environment(tools, make_context))` makes one for each rollout and
calls `reset(**row)` with the row of the data set. TRL reads signatures and docstrings: each method
has those of its tool, so that what is trained on is what is served. Pictures come as PIL, in the
order in which a policy is shown them.

TRL counts a call as failed only if it raises, and ours never do: `calls` keeps every call with its
observation, so a reward can ask for `failure.origin` and for evidence. It is no method, so TRL does
not take it for a tool.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast, get_type_hints

from playhead.core.errors import Origin, VideoError
from playhead.core.message import PicturePart, ToolCall
from playhead.core.tools import Observation, Tool, failed
from playhead.tools.context import ToolContext

Block = dict[str, Any]
"""A content block: `{"type": "text", "text": ...}` or `{"type": "image", "image": PIL}`."""


def environment(
    tools: Iterable[Tool],
    make_context: Callable[..., ToolContext],
    *,
    name: str = "VideoEnvironment",
) -> type:
    """A class of environments with one method for each tool.

    Args:
        tools: Which.
        make_context: From the columns of a data set's row (all of them, as keywords: `prompt`, too)
            to the context of one rollout, which the environment closes.
        name: What the class is called.

    Raises:
        ValueError: A tool is called as something else of an environment.
    """
    members: dict[str, Any] = {tool.name: _method(tool) for tool in tools}
    if taken := {"reset", "calls", "context"} & members.keys():
        raise ValueError(f"an environment has these names itself: got tools {sorted(taken)}")

    def start(self: Any) -> None:
        self.calls = list[tuple[ToolCall, Observation]]()
        self.context = None

    def reset(self: Any, **row: Any) -> None:
        """Begin a rollout: nothing is said to the policy."""
        self._close()
        self.calls = list[tuple[ToolCall, Observation]]()
        self.context = make_context(**row)

    def close(self: Any) -> None:
        if getattr(self, "context", None) is not None:
            self.context.close()
            self.context = None

    members |= {"__init__": start, "reset": reset, "_close": close, "__del__": close}
    members["__doc__"] = "Watches videos: each public method is a tool."
    return type(name, (), members)


def content_blocks(ctx: ToolContext | None, observation: Observation) -> list[Block]:
    """What a policy is shown, as TRL wants multimodal results of tools.

    Args:
        ctx: Where pictures come from. None: they are left out.
        observation: What a call gave.
    """
    from PIL import Image

    blocks: list[Block] = []
    for part in observation.parts:
        if not isinstance(part, PicturePart):
            blocks.append({"type": "text", "text": part.text})
            continue
        if ctx is None:
            continue
        with suppress(VideoError):  # the file went away in between: the words stay
            (picture,) = ctx.resolve([part.frame])
            blocks.append({"type": "image", "image": Image.fromarray(picture)})
    return blocks


def _method(tool: Tool) -> Callable[..., list[Block]]:
    def method(self: Any, **arguments: Any) -> list[Block]:
        call = ToolCall.read(f"call{len(self.calls) + 1}", tool.name, arguments)
        if self.context is None:
            seen = failed(call, Origin.TOOL, "not_reset", "the environment was not reset")
        else:
            seen = tool.run(self.context, call)
        self.calls.append((call, seen))
        return content_blocks(self.context, seen)

    hints = get_type_hints(tool.function)
    signature = inspect.signature(tool.function)
    asked = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in list(signature.parameters.values())[1:]
    ]
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__name__ = tool.name
    method.__qualname__ = tool.name
    method.__doc__ = _doc(tool)
    method.__annotations__ = {parameter.name: parameter.annotation for parameter in asked}
    vars(method)["__signature__"] = inspect.Signature([me, *asked])
    return method


def _doc(tool: Tool) -> str:
    """A Google docstring that says what the schema says."""
    properties = cast("dict[str, dict[str, Any]]", tool.arguments.get("properties", {}))
    lines = [f"    {name}: {schema['description']}" for name, schema in properties.items()]
    return "\n".join([tool.description, "", *(["Args:", *lines] if lines else [])]).rstrip() + "\n"
