"""Whatever an MCP client sends: no file that is closed, no word about the disk, no crash."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playhead.core import Reply
from playhead.serving.mcp_desk import Desk
from playhead.serving.mcp_tools import TOOLS

pytest.importorskip("mcp_types", reason="mcp 2 is not installed")


from tests.serving.mcp_clients import (
    QUESTION,
    call,
    refused,
    run,
)


def test_no_result_says_where_anything_is_on_the_disk(desk: Desk, secret_place: Path):
    part = {"video": "The demo", "start_s": 1, "end_s": 6}
    seen = [
        call(desk, "list_videos"),
        call(desk, "index_video", path="film.mp4"),
        call(desk, "index_video", path=str(secret_place / "closed.mp4")),
        call(desk, "index_video", path="notes.txt"),
        call(desk, "search_video", query="key"),
        call(desk, "get_frames", **part),
        call(desk, "ask_video", **QUESTION),
        call(desk, "get_transcript", video=str(secret_place / "open" / "film.mp4")),
    ]
    for result in seen:
        told = result.model_dump_json().replace(str(secret_place / "open" / "film.mp4"), "")
        assert "secret-place" not in told
        assert "Traceback" not in told


@pytest.mark.parametrize(
    "path",
    [
        "../closed.mp4",
        "link.mp4",
        "open/film.mp4",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "..",
        ".",
        "film.mp4/../../closed.mp4",
        "film\x00.mp4",
        "~/film.mp4",
        "file:///etc/passwd",
        "http://127.0.0.1/film.mp4",
        "x" * 3_000,
        "\ud800.mp4",
    ],
)
def test_only_files_in_open_folders_are_indexed(desk: Desk, path: str):
    assert refused(desk, "index_video", path=path)["code"] == "no_such_file"


def test_what_is_elsewhere_is_refused_in_the_same_words_whether_it_is_there_or_not(
    desk: Desk, secret_place: Path
):
    there = refused(desk, "index_video", path=str(secret_place / "closed.mp4"))
    assert there == refused(desk, "index_video", path=str(secret_place / "no-such-file.mp4"))
    assert refused(replace(desk, roots=()), "index_video", path="film.mp4") == there


class Breaking:
    """A policy that breaks, and says what nobody should hear."""

    name = "breaking"

    async def reply(self, messages: Any, tools: Any, sampling: Any) -> Reply:
        raise RuntimeError("/secret-place/weights.bin")


def test_a_model_that_breaks_is_an_error_without_its_words(desk: Desk):
    told = refused(replace(desk, model=Breaking()), "ask_video", **QUESTION)
    assert told["code"] == "broke"
    assert "secret-place" not in json.dumps(told)


_JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["The demo", "../../etc/passwd", "\x00", "1e999", "-1", "film.mp4"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


_LIGHT = [tool for tool in TOOLS if tool.name != "ask_video"]


_NAMES = sorted({name for tool in TOOLS for name in tool.arguments.model_fields})


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from([tool.name for tool in _LIGHT]) | st.text(max_size=20),
            st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=8), _JUNK, max_size=5),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_arguments_come_the_result_is_an_answer_or_says_why_not(
    desk: Desk, calls: list[tuple[str, dict[str, Any]]]
):
    async def scenario(client: Any) -> None:
        for name, arguments in calls:
            seen = await client.call_tool(name, arguments)
            told = seen.model_dump_json()
            assert "Traceback" not in told
            assert "secret-place" not in told
            if seen.is_error:
                error = seen.structured_content["error"]
                assert error["code"] != "broke", (name, arguments)
                assert error["message"]

    run(desk, scenario)
