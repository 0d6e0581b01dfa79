"""The door to chat completions as OpenAI, vLLM and most servers speak them.

The one idea of `strict`: a server that decodes under a schema must be told everything. Every
argument is required, one that may be left out may be null, nothing else is allowed. Strings carry a
`pattern`: without one, grammar engines (xgrammar, seen with vLLM 0.32) let raw control characters
into JSON strings, which the server's own parser then drops together with the call. The pattern also
keeps out quotes and backslashes, because such engines write what it allows without escaping it.

A model that decodes strictly writes nulls for what it leaves out: `read_arguments` takes them away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import JsonValue

from playhead.core.tools import Tool
from playhead.models.policies.render import patterned


def to_openai(tools: Iterable[Tool], *, strict: bool = True) -> list[dict[str, JsonValue]]:
    """Tools as the `tools` of a chat-completions request.

    Args:
        tools: Which.
        strict: Have the server hold the model to the schema. False: the schema as it is.
    """
    return [_strict(tool) if strict else tool.spec.openai for tool in tools]


def read_arguments(tool: Tool, arguments: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What a model that decodes strictly wrote, without the nulls for what it left out.

    Args:
        tool: Which it calls.
        arguments: What it wrote.
    """
    required = cast("list[str]", tool.arguments.get("required", []))
    return {
        name: value for name, value in arguments.items() if value is not None or name in required
    }


def _strict(tool: Tool) -> dict[str, JsonValue]:
    properties: dict[str, dict[str, Any]] = patterned(tool.arguments).get("properties", {})
    required = cast("list[str]", tool.arguments.get("required", []))
    told: dict[str, Any] = {
        name: schema if name in required else _nullable(schema)
        for name, schema in properties.items()
    }
    parameters: dict[str, JsonValue] = {
        "type": "object",
        "properties": told,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": parameters,
            "strict": True,
        },
    }


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that null fits, too, without the default that null stands for."""
    schema = {key: value for key, value in schema.items() if key != "default"}
    if "anyOf" in schema:
        has_null = {"type": "null"} in schema["anyOf"]
        choices = schema["anyOf"] if has_null else [*schema["anyOf"], {"type": "null"}]
        return {**schema, "anyOf": choices}
    description = {"description": schema["description"]} if "description" in schema else {}
    rest = {key: value for key, value in schema.items() if key != "description"}
    return {"anyOf": [rest, {"type": "null"}], **description}
