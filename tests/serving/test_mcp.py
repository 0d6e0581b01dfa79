"""What the MCP server tells its clients, in this process, with the real client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from playhead.memory.library import Library
from playhead.serving.mcp_desk import Desk
from playhead.serving.mcp_tools import TOOLS

pytest.importorskip("mcp_types", reason="mcp 2 is not installed")


from playhead.serving import mcp as served
from tests.serving.mcp_clients import (
    QUESTION,
    call,
    refused,
    run,
    video_id,
)


def test_the_eight_tools_are_told_with_schemas_and_hints(desk: Desk):
    listed = run(desk, lambda client: client.list_tools()).tools
    assert [tool.name for tool in listed] == [
        "list_videos", "index_video", "search_video", "get_frames", "get_transcript", "ground",
        "caption", "ask_video",
    ]  # fmt: skip
    for tool in listed:
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
        assert all(p.get("description") for p in tool.input_schema["properties"].values())
        assert tool.output_schema["type"] == "object"
        assert tool.annotations.destructive_hint is False
    writes = {tool.name for tool in listed if not tool.annotations.read_only_hint}
    assert writes == {"index_video", "ask_video"}
    views = {tool.name for tool in listed if tool.meta}
    assert views == {"search_video", "ground", "ask_video"}


def test_results_keep_to_the_schemas_that_were_told(desk: Desk):
    jsonschema = pytest.importorskip("jsonschema")
    part = {"video": "The demo", "start_s": 1, "end_s": 6}
    calls = {
        "list_videos": {},
        "index_video": {"path": "film.mp4", "wait_s": 0},
        "search_video": {"query": "key"},
        "get_frames": part,
        "get_transcript": {"video": "The demo", "query": "key"},
        "ground": {"video": video_id(desk)[:8], "query": "the key under the bridge"},
        "caption": part,
        "ask_video": QUESTION,
    }
    assert calls.keys() == {tool.name for tool in TOOLS}

    async def scenario(client: Any) -> None:
        for tool in (await client.list_tools()).tools:
            seen = await client.call_tool(tool.name, calls[tool.name])
            assert not seen.is_error, (tool.name, seen.content)
            jsonschema.validate(seen.structured_content, tool.output_schema)
            assert seen.content

    run(desk, scenario)


def test_a_video_is_known_by_id_by_its_beginning_and_by_title_but_not_by_path(
    desk: Desk, secret_place: Path
):
    id_ = video_id(desk)
    for name in (id_, id_[:6], "The demo"):
        assert not call(desk, "get_transcript", video=name).is_error
    for name in (
        str(secret_place / "open" / "film.mp4"),
        "film.mp4",
        id_[:3],
        "../" + id_,
        "nothing",
    ):
        assert refused(desk, "get_transcript", video=name)["code"] == "no_such_video"


def test_a_file_that_is_no_video_is_said_to_be_none(desk: Desk):
    told = refused(desk, "index_video", path="notes.txt")
    assert told["code"] == "unreadable_video"
    assert told["message"].startswith("notes.txt cannot be indexed")


def test_progress_is_told_while_it_indexes(secret_place: Path, tmp_path: Path):
    told: list[tuple[float, float]] = []

    async def tell(done: float, total: float | None, words: str | None) -> None:
        assert total is not None
        told.append((done, total))

    async def scenario(client: Any) -> Any:
        asked = {"path": "film.mp4", "until": "late", "wait_s": 120}
        return await client.call_tool("index_video", asked, progress_callback=tell)

    with Library(tmp_path / "library") as library:
        seen = run(Desk(library, roots=(secret_place / "open",)), scenario)
    assert seen.structured_content["is_done"]
    assert told
    assert all(0 <= done <= total for done, total in told)


def test_the_page_for_hosts_is_small_and_asks_nobody_else(desk: Desk):
    read = run(desk, lambda client: client.read_resource(served.VIEW))
    (page,) = read.contents
    assert page.mime_type == "text/html;profile=mcp-app"
    assert len(page.text) < 8_000
    assert "http:" not in page.text
    assert "https:" not in page.text
