"""A tool: one typed function that a policy may call, and what comes back.

The function is the whole definition. Its signature becomes the JSON schema, its Google docstring
the prompt, so a missing type or `Args:` line is an error when the tool is made:

    @tool
    def look(ctx: Context, start_s: float, end_s: float) -> Evidence:
        '''Look at a part of the video.

        Args:
            start_s: Where the part starts, in seconds.
            end_s: Where it ends, in seconds.
        '''

A tool never raises into the loop. Whatever goes wrong is a `Failure` that says whose fault it was;
only what the policy can act on is told to the policy, the rest stays in the record.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, cast, get_type_hints, overload

from docstring_parser import DocstringStyle
from docstring_parser import parse as parse_docstring
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    RootModel,
    ValidationError,
    create_model,
)

from playhead.core.budget import Cost
from playhead.core.errors import BadTool, Blamed, NoSuchTime, Origin, VideoError
from playhead.core.evidence import Evidence
from playhead.core.message import Part, PicturePart, TextPart, ToolCall
from playhead.core.span import stamp
from playhead.core.value import JsonObject, Text, Value


class Failure(Value):
    """Why a call has no result."""

    origin: Origin
    code: Text
    """One word for programs: `bad_arguments`, `impossible`, `no_such_tool`, `out_of_budget`,
    `broke` ..."""
    message: Text
    """What was seen, in words for the policy."""
    hint: Text = ""
    """What to do instead, in words for the policy."""
    detail: Text = ""
    """For the log only: never shown to a policy or a client."""


class Observation(Value):
    """What one call gave: `parts` are for the model, `evidence` is for the record."""

    call_id: Text
    parts: tuple[Part, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    failure: Failure | None = None
    """None: the call succeeded."""
    cost: Cost = Field(default_factory=Cost)

    @property
    def text(self) -> str:
        """The words of it, without its pictures."""
        return "\n".join(part.text for part in self.parts if isinstance(part, TextPart))


class ToolSpec(Value):
    """A tool as a policy is told about it."""

    name: Text
    description: Text
    arguments: JsonObject
    """JSON schema of the arguments object."""

    @property
    def openai(self) -> dict[str, JsonValue]:
        """As the chat-completions API, chat templates and vLLM take it."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": self.arguments,
            },
        }


def failed(
    call: ToolCall, origin: Origin, code: str, message: str, *, hint: str = "", detail: str = ""
) -> Observation:
    """The observation of a call that has no result."""
    words = f"{message} {hint}".strip()
    return Observation(
        call_id=call.id,
        parts=(TextPart(text=words),),
        failure=Failure(origin=origin, code=code, message=message, hint=hint, detail=detail),
    )


def evidence_parts(evidence: Evidence) -> tuple[Part, ...]:
    """Evidence as a policy reads it: a line with id and span, then each picture after its time."""
    words = f": {evidence.text}" if evidence.text else ""
    line = f"[{evidence.id}] {evidence.span.timecode} {evidence.kind}{words}"
    parts: list[Part] = [TextPart(text=line)]
    for frame in evidence.frames:
        parts += [TextPart(text=f"<{stamp(frame.time_s)}>"), PicturePart(frame=frame)]
    return tuple(parts)


ToolResult = Observation | Evidence | Iterable[Evidence] | str
"""What a tool function may return."""


@dataclass(frozen=True)
class Tool:
    """Something a policy may call. Made by `tool` or `told_tool`, never by hand."""

    name: str
    description: str
    arguments: dict[str, JsonValue]
    """JSON schema of the arguments object."""
    reads_only: bool
    """Calls that only read may run at the same time as others."""
    function: Callable[..., ToolResult]
    _model: type[BaseModel]

    @property
    def spec(self) -> ToolSpec:
        """What a policy is told about it."""
        return ToolSpec(name=self.name, description=self.description, arguments=self.arguments)

    def run(self, ctx: object, call: ToolCall) -> Observation:
        """Carry out one call. Never raises: what goes wrong is in the observation's `failure`."""
        if call.problem is not None:
            return failed(call, Origin.MODEL, "unreadable_arguments", call.problem)
        try:
            checked = self._model.model_validate(call.arguments)
        except ValidationError as error:
            return failed(call, Origin.MODEL, "bad_arguments", explain(error))
        arguments = {name: getattr(checked, name) for name in type(checked).model_fields}
        try:
            return _observe(call, self.function(ctx, **arguments))
        except NoSuchTime as error:
            return failed(call, Origin.MODEL, "no_such_time", str(error))
        except Blamed as error:
            return failed(call, error.origin, error.code, str(error), detail=repr(error.__cause__))
        except VideoError as error:
            message = f"this part of the video cannot be read ({type(error).__name__})"
            return failed(call, Origin.WORLD, "unreadable_video", message, detail=str(error))
        except Exception as error:
            message = f"the tool broke ({type(error).__name__})"
            return failed(call, Origin.TOOL, "broke", message, detail=repr(error))


def _observe(call: ToolCall, result: ToolResult) -> Observation:
    if isinstance(result, Observation):
        return result.replace(call_id=call.id)
    if isinstance(result, str):
        return Observation(call_id=call.id, parts=(TextPart(text=result),))
    evidence = (result,) if isinstance(result, Evidence) else tuple(result)
    parts = tuple(part for found in evidence for part in evidence_parts(found))
    nothing = (TextPart(text="nothing found"),)
    return Observation(call_id=call.id, parts=parts or nothing, evidence=evidence)


def explain(error: ValidationError) -> str:
    """What is wrong with the arguments, one clause per argument, with the value seen."""
    clauses = [
        f"{'.'.join(map(str, problem['loc'])) or 'arguments'}: {problem['msg'].lower()}"
        + ("" if problem["type"] == "missing" else f", got {problem['input']!r:.80}")
        for problem in error.errors(include_url=False)
    ]
    return "; ".join(clauses)


@overload
def tool(function: Callable[..., ToolResult], /) -> Tool: ...
@overload
def tool(*, reads_only: bool = True) -> Callable[[Callable[..., ToolResult]], Tool]: ...
def tool(
    function: Callable[..., ToolResult] | None = None, /, *, reads_only: bool = True
) -> Tool | Callable[[Callable[..., ToolResult]], Tool]:
    """Make a tool from a typed function with a Google docstring.

    The first parameter is the context, which no policy ever sees; the others are the arguments.

    Args:
        function: `(ctx, ...) -> Observation | Evidence | Iterable[Evidence] | str`.
        reads_only: Whether calls may run at the same time as others.

    Raises:
        BadTool: A type or a docstring line is missing.
    """
    if function is None:
        return lambda f: _make(f, reads_only)
    return _make(function, reads_only)


def told_tool(
    name: str,
    description: str,
    arguments: dict[str, JsonValue],
    function: Callable[[Any, dict[str, JsonValue]], ToolResult],
    *,
    reads_only: bool,
) -> Tool:
    """A tool that somebody else tells of, by a JSON schema, at run time.

    Args:
        name: What a policy calls it.
        description: Its prompt.
        arguments: JSON schema of the arguments object. Checking it is the function's work.
        function: `(ctx, arguments) -> Observation | Evidence | Iterable[Evidence] | str`.
        reads_only: Whether calls may run at the same time as others.
    """

    def call(ctx: object, root: dict[str, JsonValue]) -> ToolResult:
        return function(ctx, root)

    return Tool(
        name=name,
        description=description,
        arguments=arguments,
        reads_only=reads_only,
        function=call,
        _model=RootModel[dict[str, JsonValue]],
    )


def _make(function: Callable[..., ToolResult], reads_only: bool) -> Tool:
    name = function.__name__
    doc = parse_docstring(function.__doc__ or "", DocstringStyle.GOOGLE)
    if not doc.description:
        raise BadTool(f"{name}: a tool's docstring is its prompt; write one")
    model = _arguments_model(function, {p.arg_name: p.description or "" for p in doc.params})
    return Tool(
        name=name,
        description=" ".join(doc.description.split()),
        arguments=_plain_schema(model),
        reads_only=reads_only,
        function=function,
        _model=model,
    )


def _arguments_model(
    function: Callable[..., ToolResult], described: dict[str, str]
) -> type[BaseModel]:
    name = function.__name__
    _, *parameters = inspect.signature(function).parameters.values()
    types = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.name not in types:
            raise BadTool(f"{name}: argument {parameter.name!r} has no type")
        if not described.get(parameter.name):
            raise BadTool(f"{name}: no 'Args:' line for {parameter.name!r}")
        default = ... if parameter.default is parameter.empty else parameter.default
        description = " ".join(described[parameter.name].split())
        annotated = Annotated[types[parameter.name], Field(description=description)]
        fields[parameter.name] = (annotated, default)
    if unknown := described.keys() - fields.keys():
        raise BadTool(f"{name}: 'Args:' describes {sorted(unknown)}, which it does not take")
    return create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def _plain_schema(model: type[BaseModel]) -> dict[str, JsonValue]:
    """The model's JSON schema without the titles that pydantic adds to every field."""

    def strip(node: Any) -> Any:
        if isinstance(node, list):
            return [strip(item) for item in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        schema = cast("dict[str, Any]", node)
        properties = schema.get("properties", {})
        plain = {key: strip(value) for key, value in schema.items() if key != "title"}
        if properties:  # an argument may be called "title"
            plain["properties"] = {key: strip(value) for key, value in properties.items()}
        return plain

    return strip(model.model_json_schema())
