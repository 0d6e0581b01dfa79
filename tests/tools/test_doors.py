"""One definition, identical schemas: our tools through the real libraries of other frameworks."""

from __future__ import annotations

import asyncio
import base64
import inspect
import io
import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from playhead.core.tools import Observation, Tool
from playhead.models.frame_urls import frame_url, read_frame_url
from playhead.models.policies.render import STRING_PATTERN
from playhead.tools.context import ToolContext
from playhead.tools.doors.langchain import to_langchain
from playhead.tools.doors.mcp import serve
from playhead.tools.doors.openai import read_arguments, to_openai
from playhead.tools.doors.trl import environment
from tests.tools.calls import GOOD, TOOLS, call, shown
from tests.tools.conftest import OpenContext

every_tool = pytest.mark.parametrize("made", list(TOOLS), ids=lambda made: made.name)
LOOK = GOOD["look"]


def properties(made: Tool) -> dict[str, Any]:
    return made.arguments["properties"]  # type: ignore[return-value]


def test_no_door_loads_its_library_before_it_is_used():
    doors = ("openai", "langchain", "mcp", "trl")
    code = "import sys; " + "; ".join(f"import playhead.tools.doors.{door}" for door in doors)
    code += "; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"langchain_core", "mcp", "mcp_types", "trl", "transformers"} & {*run.stdout.split()}


# OpenAI


@every_tool
def test_strict_schemas_require_everything_and_allow_nothing_else(made: Tool):
    (told,) = to_openai([made])
    function: Any = told["function"]
    parameters = function["parameters"]
    assert (function["name"], function["description"]) == (made.name, made.description)
    assert function["strict"] is True
    assert parameters["required"] == list(properties(made))
    assert parameters["additionalProperties"] is False
    assert "default" not in json.dumps(parameters)
    for name, schema in parameters["properties"].items():
        assert schema["description"] == properties(made)[name]["description"]
        may_be_null = {"type": "null"} in schema.get("anyOf", [])
        assert may_be_null == (name not in made.arguments.get("required", []))


@every_tool
def test_every_free_string_forbids_what_breaks_json(made: Tool):
    (told,) = to_openai([made])

    def strings(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for item in node for found in strings(item)]
        if not isinstance(node, dict):
            return []
        mine = [node] if node.get("type") == "string" else []
        return mine + [found for value in node.values() for found in strings(value)]

    for schema in strings(told):
        assert "enum" in schema or schema["pattern"] == STRING_PATTERN


def test_the_pattern_lets_words_of_all_scripts_pass_and_no_control_characters():
    pattern = re.compile(STRING_PATTERN)
    for text in ("", "a red car's wheel", "réel 中文 ✓", "[e0123456789abcdef]"):
        assert pattern.match(text)
    for text in ("a\nb", "a\tb", 'a "b"', "a\\b", "\x00"):
        assert not pattern.fullmatch(text)


@every_tool
def test_a_call_with_nulls_for_what_is_left_out_is_understood(ctx: ToolContext, made: Tool):
    full = dict.fromkeys(properties(made)) | GOOD[made.name]
    assert call(ctx, made.name, **read_arguments(made, full)).failure is None


def test_without_strict_the_schema_is_told_as_it_is():
    assert to_openai(TOOLS, strict=False) == [spec.openai for spec in TOOLS.specs]


# LangChain


@every_tool
def test_langchain_tells_the_same_schema(ctx: ToolContext, made: Tool):
    pytest.importorskip("langchain_core")
    from langchain_core.utils.function_calling import convert_to_openai_tool

    (theirs,) = to_langchain([made], ctx)
    assert convert_to_openai_tool(theirs) == made.spec.openai


def test_a_langchain_call_gives_references_for_the_model_and_the_whole_observation(
    ctx: ToolContext,
):
    pytest.importorskip("langchain_core")
    from playhead.models.policies.langchain_messages import from_langchain

    (look,) = to_langchain(TOOLS.only("look"), ctx)
    asked = {"name": "look", "args": LOOK, "id": "call_7", "type": "tool_call"}
    for message in (look.invoke(asked), asyncio.run(look.ainvoke(asked))):
        assert message.tool_call_id == "call_7"
        assert isinstance(message.artifact, Observation)
        assert {block["type"] for block in message.content} == {"text", "image_url"}
        urls = [b["image_url"]["url"] for b in message.content if b["type"] == "image_url"]
        assert [read_frame_url(url) for url in urls] == shown(message.artifact)
        (told,) = from_langchain([message])  # a policy of ours is shown the same pictures
        assert list(told.frames) == shown(message.artifact)
        assert len(json.dumps(message.content)) < 1_000


def test_a_langchain_call_that_fails_says_why_and_does_not_raise(ctx: ToolContext):
    pytest.importorskip("langchain_core")

    (look,) = to_langchain(TOOLS.only("look"), ctx)
    for arguments in ({"start_s": 90, "end_s": 95}, {"start_s": "soon", "end_s": 95, "zoo": 1}):
        message = look.invoke({"name": "look", "args": arguments, "id": "1", "type": "tool_call"})
        assert message.artifact.failure.origin == "model"


# MCP


def mcp_session(open_context: OpenContext, scenario: Any, **how: Any) -> Any:
    pytest.importorskip("mcp_types")  # of mcp 2; mcp itself tells no version
    import mcp

    async def run() -> Any:
        async with mcp.Client(serve(TOOLS, open_context, **how)) as client:
            return await scenario(client)

    return asyncio.run(run())


def test_mcp_tells_the_same_schemas(open_context: OpenContext):
    listed = mcp_session(open_context, lambda client: client.list_tools())
    assert [t.name for t in listed.tools] == list(TOOLS.names)
    for theirs, ours in zip(listed.tools, TOOLS, strict=True):
        assert theirs.description == ours.description
        assert theirs.input_schema == ours.arguments
        assert theirs.annotations.read_only_hint == ours.reads_only


def test_mcp_gives_links_that_can_be_read_and_no_others(open_context: OpenContext):
    pytest.importorskip("mcp_types")  # of mcp 2; mcp itself tells no version
    import mcp

    async def scenario(client: Any) -> Any:
        seen = await client.call_tool("look", LOOK)
        links = [block for block in seen.content if block.type == "resource_link"]
        read = await client.read_resource(links[0].uri)
        other = frame_url(read_frame_url(str(links[0].uri)).replace(time_s=20.0))
        with pytest.raises(mcp.MCPError, match="no call has shown"):
            await client.read_resource(other)
        return seen, links, read

    seen, links, read = mcp_session(open_context, scenario)
    assert not seen.is_error
    assert len(links) == 2
    assert "image" not in {block.type for block in seen.content}
    (evidence,) = seen.structured_content["evidence"]
    assert evidence["kind"] == "picture"
    assert seen.structured_content["cost"]["frames"] == 2
    ref = read_frame_url(str(links[0].uri))
    picture = Image.open(io.BytesIO(base64.b64decode(read.contents[0].blob)))
    assert picture.size == (ref.width, ref.height)


def test_mcp_sends_pictures_when_the_door_was_asked_to(open_context: OpenContext):
    seen = mcp_session(open_context, lambda c: c.call_tool("look", LOOK), pictures=True)
    kinds = [block.type for block in seen.content]
    assert kinds.count("image") == 2
    image = next(block for block in seen.content if block.type == "image")
    assert image.mime_type == "image/jpeg"


def test_mcp_failures_are_errors_that_say_what_to_do(open_context: OpenContext):
    async def scenario(client: Any) -> Any:
        return (
            await client.call_tool("look", {"start_s": 90, "end_s": 95}),
            await client.call_tool("look", {"start_s": "soon"}),
            await client.call_tool("fly", {}),
        )

    outside, wrong, unknown = mcp_session(open_context, scenario)
    assert outside.is_error
    assert "0.0 to 27.0" in outside.content[0].text
    assert wrong.structured_content["failure"]["code"] == "bad_arguments"
    assert "detail" not in wrong.structured_content["failure"]
    assert "there are overview, search" in unknown.content[0].text


def test_one_mcp_run_keeps_its_anchors_and_evidence(open_context: OpenContext):
    async def scenario(client: Any) -> Any:
        marked = await client.call_tool("mark", GOOD["mark"])
        cited = [piece["id"] for piece in marked.structured_content["evidence"]]
        looked = await client.call_tool("look", LOOK | {"anchor": "a1"})
        return looked, await client.call_tool("answer", {"value": "yes", "evidence": cited})

    looked, answered = mcp_session(open_context, scenario)
    assert not looked.is_error
    assert answered.content[0].text.startswith("answered: yes")


# TRL


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A type as both write it: pydantic says `anyOf` with null, transformers says `nullable`."""
    choices = schema.get("anyOf", [schema])
    real = [choice for choice in choices if choice != {"type": "null"}]
    assert len(real) == 1
    kept = {key: real[0][key] for key in ("type", "enum", "items") if key in real[0]}
    may_be_null = len(real) < len(choices) or bool(schema.get("nullable"))
    return {**kept, "null": may_be_null, "description": schema["description"]}


@every_tool
def test_transformers_reads_the_same_schema_from_the_environment(made: Tool):
    utils = pytest.importorskip("transformers.utils")
    kind = environment(TOOLS, lambda: None)  # type: ignore[arg-type, return-value]
    for method in (getattr(kind, made.name), getattr(kind(), made.name)):
        read = utils.get_json_schema(method)["function"]
        assert (read["name"], read["description"]) == (made.name, made.description)
        theirs = {name: plain(schema) for name, schema in read["parameters"]["properties"].items()}
        assert theirs == {name: plain(schema) for name, schema in properties(made).items()}
        assert read["parameters"].get("required", []) == made.arguments.get("required", [])


def test_an_environment_has_a_method_for_every_tool_and_nothing_else_in_public():
    kind = environment(TOOLS, lambda: None)  # type: ignore[arg-type, return-value]
    public = [name for name, _ in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"]
    assert sorted(public) == sorted([*TOOLS.names, "reset"])
    methods = [name for name, _ in inspect.getmembers(kind(), inspect.ismethod) if name[0] != "_"]
    assert sorted(methods) == sorted(public)


def test_a_rollout_gives_pictures_in_order_and_keeps_its_calls(open_context: OpenContext):
    env: Any = environment(TOOLS, lambda title: open_context(title))()
    assert env.reset(title="The demo") is None
    blocks = env.look(**LOOK)
    kinds = [block["type"] for block in blocks]
    assert kinds == ["text", "text", "image", "text", "image", "text"]
    (asked, seen) = env.calls[-1]
    assert asked.arguments == LOOK
    pixels = env.context.resolve(shown(seen))
    images = [block["image"] for block in blocks if block["type"] == "image"]
    assert all(np.array_equal(a, b) for a, b in zip(pixels, map(np.array, images), strict=True))
    assert "outside" in env.look(start_s=90, end_s=95)[0]["text"]
    assert env.calls[-1][1].failure.origin == "model"
    assert env.look(start_s=1, end_s=2, zoo=3)[0]["type"] == "text"
    env.reset(title="The demo")
    assert env.calls == []


def test_an_environment_that_was_not_reset_says_so():
    env: Any = environment(TOOLS, lambda: None)()  # type: ignore[arg-type, return-value]
    assert "not reset" in env.look(**LOOK)[0]["text"]
