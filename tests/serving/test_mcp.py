"""The MCP server through real clients: in this process, over stdio, over HTTP, also of mcp 1."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from playhead.agent.store import SessionStore
from playhead.core import Reply, Stop
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.models.frame_urls import frame_url, read_frame_url
from playhead.serving.mcp_tools import TOOLS, Desk
from playhead.serving.mcp_work import AT_ONCE, WAITING
from playhead.video.demo import write_demo

pytest.importorskip("mcp_types", reason="mcp 2 is not installed")

import httpx
import mcp

from playhead.serving import mcp as served

QUESTION = {"question": "Where has the miller hidden his key?"}
TOKEN = "a-token-of-this-test"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `secret-place/open/film.mp4`, which is open to clients, and what is not."""
    place = tmp_path_factory.mktemp("secret-place")
    (place / "open").mkdir()
    write_demo(place / "open" / "film.mp4")
    (place / "open" / "notes.txt").write_text("no film")
    write_demo(place / "closed.mp4")
    (place / "open" / "link.mp4").symlink_to(place / "closed.mp4")
    return place


@pytest.fixture(scope="module")
def desk(folder: Path) -> Iterator[Desk]:
    recipe = MemoryRecipe(late_eyes=())
    with Library(folder / "library", recipe=recipe) as library:
        library.add(folder / "open" / "film.mp4", title="The demo")
        library.wait()
        yield Desk(library, model="rules", effort="quick", roots=(folder / "open",))


Scenario = Callable[[Any], Any]


def run(desk: Desk, scenario: Scenario) -> Any:
    """Let a client in this process do something with the server."""

    async def inside() -> Any:
        async with mcp.Client(served.make_server(desk)) as client:
            return await scenario(client)

    return asyncio.run(inside())


def call(desk: Desk, name: str, **arguments: Any) -> Any:
    return run(desk, lambda client: client.call_tool(name, arguments))


def refused(desk: Desk, name: str, **arguments: Any) -> dict[str, str]:
    seen = call(desk, name, **arguments)
    assert seen.is_error
    return seen.structured_content["error"]


def video_id(desk: Desk) -> str:
    return desk.library.videos()[0].id


# What is told


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


def test_no_result_says_where_anything_is_on_the_disk(desk: Desk, folder: Path):
    part = {"video": "The demo", "start_s": 1, "end_s": 6}
    seen = [
        call(desk, "list_videos"),
        call(desk, "index_video", path="film.mp4"),
        call(desk, "index_video", path=str(folder / "closed.mp4")),
        call(desk, "index_video", path="notes.txt"),
        call(desk, "search_video", query="key"),
        call(desk, "get_frames", **part),
        call(desk, "ask_video", **QUESTION),
        call(desk, "get_transcript", video=str(folder / "open" / "film.mp4")),
    ]
    for result in seen:
        told = result.model_dump_json().replace(str(folder / "open" / "film.mp4"), "")
        assert "secret-place" not in told
        assert "Traceback" not in told


# Videos and pictures


def test_a_video_is_known_by_id_by_its_beginning_and_by_title_but_not_by_path(
    desk: Desk, folder: Path
):
    id_ = video_id(desk)
    for name in (id_, id_[:6], "The demo"):
        assert not call(desk, "get_transcript", video=name).is_error
    for name in (str(folder / "open" / "film.mp4"), "film.mp4", id_[:3], "../" + id_, "nothing"):
        assert refused(desk, "get_transcript", video=name)["code"] == "no_such_video"


def test_pictures_are_links_that_can_be_read_and_pixels_come_when_asked_for(desk: Desk):
    part = {"video": "The demo", "start_s": 1, "end_s": 5, "num": 2}

    async def scenario(client: Any) -> Any:
        linked = await client.call_tool("get_frames", part)
        links = [block for block in linked.content if block.type == "resource_link"]
        read = [await client.read_resource(link.uri) for link in links]
        inline = await client.call_tool("get_frames", {**part, "inline": True})
        return linked, links, read, inline

    linked, links, read, inline = run(desk, scenario)
    (piece,) = linked.structured_content["evidence"]
    assert [str(link.uri) for link in links] == piece["frames"]
    assert "image" not in {block.type for block in linked.content}
    images = [block.data for block in inline.content if block.type == "image"]
    assert images == [result.contents[0].blob for result in read]
    for url, data in zip(piece["frames"], images, strict=True):
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))), int)
        true = desk.library.picture(read_frame_url(url))
        assert np.abs(picture - true).mean() < 4  # JPEG


def test_more_pictures_than_sixteen_are_not_sent_inline(desk: Desk):
    part = {"video": "The demo", "start_s": 0, "end_s": 20, "num": 17}
    assert refused(desk, "get_frames", **part, inline=True)["code"] == "too_many"
    links = [b for b in call(desk, "get_frames", **part).content if b.type == "resource_link"]
    assert len(links) == 17


@pytest.mark.parametrize(
    "change",
    [
        {"video_id": "0" * 32},
        {"video_id": "../../etc/passwd"},
        {"height": 100_000, "width": 100_000},
        {"time_s": 1e6},
    ],
)
def test_an_address_of_no_picture_is_refused(desk: Desk, change: dict[str, Any]):
    seen = call(desk, "get_frames", video="The demo", start_s=1, end_s=2, num=1)
    (url,) = seen.structured_content["evidence"][0]["frames"]
    other = frame_url(read_frame_url(url).replace(**change))

    async def scenario(client: Any) -> None:
        for wrong in (other, "file:///etc/passwd", "frame://x", "ui://playhead/other"):
            with pytest.raises(mcp.MCPError, match="picture"):
                await client.read_resource(wrong)

    run(desk, scenario)


# Indexing


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
    desk: Desk, folder: Path
):
    there = refused(desk, "index_video", path=str(folder / "closed.mp4"))
    assert there == refused(desk, "index_video", path=str(folder / "no-such-file.mp4"))
    assert refused(replace(desk, roots=()), "index_video", path="film.mp4") == there


def test_a_file_that_is_no_video_is_said_to_be_none(desk: Desk):
    told = refused(desk, "index_video", path="notes.txt")
    assert told["code"] == "unreadable_video"
    assert told["message"].startswith("notes.txt cannot be indexed")


def test_progress_is_told_while_it_indexes(folder: Path, tmp_path: Path):
    told: list[tuple[float, float]] = []

    async def tell(done: float, total: float | None, words: str | None) -> None:
        assert total is not None
        told.append((done, total))

    async def scenario(client: Any) -> Any:
        asked = {"path": "film.mp4", "until": "late", "wait_s": 120}
        return await client.call_tool("index_video", asked, progress_callback=tell)

    with Library(tmp_path / "library") as library:
        seen = run(Desk(library, roots=(folder / "open",)), scenario)
    assert seen.structured_content["is_done"]
    assert told
    assert all(0 <= done <= total for done, total in told)


# Asking


def test_an_answer_comes_with_its_seconds_and_a_session_to_go_on_with(desk: Desk):
    told: list[str] = []

    async def tell(done: float, total: float | None, words: str | None) -> None:
        told.append(words or "")

    async def scenario(client: Any) -> Any:
        first = await client.call_tool("ask_video", QUESTION, progress_callback=tell)
        session = first.structured_content["session"]
        again = {"question": "And who?", "session": session}
        return first, await client.call_tool("ask_video", again)

    first, second = run(desk, scenario)
    answer = first.structured_content
    assert "bridge" in answer["text"]
    assert answer["evidence"][0]["start_s"] > 6
    assert answer["cost"]["turns"] >= 1
    assert "call: search" in told
    assert second.structured_content["session"] == answer["session"]
    store = SessionStore(desk.library.folder / "sessions.sqlite")
    questions = store.questions(answer["session"])
    store.close()
    assert [q.task.question for q in questions] == [QUESTION["question"], "And who?"]
    assert questions[0].trajectory is not None
    assert questions[0].trajectory.cost.model_dump(mode="json") == answer["cost"]


def test_a_session_that_is_not_there_or_not_named_in_full_is_refused(desk: Desk):
    call(desk, "ask_video", **QUESTION)
    assert refused(desk, "ask_video", **QUESTION, session="0" * 12)["code"] == "no_such_session"
    for name in ("last", "", "a", "' OR 1=1 --"):
        assert refused(desk, "ask_video", **QUESTION, session=name)["code"] == "bad_arguments"


def test_the_bounds_of_the_server_hold_whatever_effort_is_asked_for(desk: Desk):
    bounded = replace(desk, bounds={"turns": 1})
    seen = call(bounded, "ask_video", **QUESTION, effort="deep")
    assert seen.structured_content["cost"]["turns"] <= 1


class Waiting:
    """A policy that never replies."""

    name = "waiting"

    def __init__(self) -> None:
        self.asked = threading.Event()

    async def reply(self, messages: Any, tools: Any, sampling: Any) -> Reply:
        self.asked.set()
        await asyncio.sleep(3600)
        return Reply()


def test_a_question_whose_client_goes_away_is_stopped_and_kept(desk: Desk):
    policy = Waiting()
    waiting = replace(desk, model=policy)

    async def scenario(client: Any) -> None:
        asking = asyncio.ensure_future(client.call_tool("ask_video", {"question": "What is it?"}))
        await asyncio.to_thread(policy.asked.wait)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    run(waiting, scenario)
    store = SessionStore(desk.library.folder / "sessions.sqlite")
    while (question := store.sessions()[0][2][-1]).trajectory is None:
        threading.Event().wait(0.05)
    store.close()
    assert question.task.question == "What is it?"
    assert question.trajectory.stop is Stop.CANCELLED


def test_calls_that_would_wait_too_long_are_sent_away_and_a_look_does_not_wait_for_them(desk: Desk):
    waiting = replace(desk, model=Waiting())

    async def scenario(client: Any) -> Any:
        ask = {"question": "What is it?"}
        asking = [
            asyncio.ensure_future(client.call_tool("ask_video", ask))
            for _ in range(AT_ONCE + WAITING + 1)
        ]
        (sent_away,), _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        looked = await client.call_tool("list_videos", {})
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        return sent_away.result(), looked

    sent_away, looked = run(waiting, scenario)
    assert sent_away.structured_content["error"]["code"] == "busy"
    assert not looked.is_error


class Breaking:
    """A policy that breaks, and says what nobody should hear."""

    name = "breaking"

    async def reply(self, messages: Any, tools: Any, sampling: Any) -> Reply:
        raise RuntimeError("/secret-place/weights.bin")


def test_a_model_that_breaks_is_an_error_without_its_words(desk: Desk):
    told = refused(replace(desk, model=Breaking()), "ask_video", **QUESTION)
    assert told["code"] == "broke"
    assert "secret-place" not in json.dumps(told)


# Whatever is sent

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


# Over HTTP


@contextmanager
def serving(desk: Desk, token: str | None = TOKEN) -> Generator[str]:
    """The address of a real HTTP server at which the app is mounted."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = served.http_app(
        desk.library, model="rules", effort="quick", roots=desk.roots, token=token
    )
    whole = Starlette(
        routes=[Mount("/mcp", app)], lifespan=lambda _: app.router.lifespan_context(app)
    )
    settled = uvicorn.Config(whole, port=0, log_level="error", timeout_graceful_shutdown=5)
    server = uvicorn.Server(settled)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/mcp/"
    finally:
        server.should_exit = True
        thread.join()


def test_a_client_over_http_asks_and_reads_pictures(desk: Desk):
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    async def scenario(url: str) -> Any:
        known = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            httpx2.AsyncClient(headers=known, follow_redirects=True) as http,
            mcp.Client(streamable_http_client(url, http_client=http)) as client,
        ):
            answered = await client.call_tool("ask_video", QUESTION)
            how = {"video": "The demo", "start_s": 1, "end_s": 2, "num": 1}
            looked = await client.call_tool("get_frames", how)
            (frame,) = looked.structured_content["evidence"][0]["frames"]
            return answered, await client.read_resource(frame)

    with serving(desk) as url:
        answered, picture = asyncio.run(scenario(url))
    assert "bridge" in answered.structured_content["text"]
    assert picture.contents[0].blob


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer another"}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}, 421),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"}, 403),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "http://127.0.0.1.evil.example"}, 403),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "null"}, 403),
        ({"Authorization": f"Bearer {TOKEN}", "Mcp-Session-Id": "0" * 32}, 404),
    ],
)
def test_who_may_not_come_in_is_refused(desk: Desk, headers: dict[str, str], status: int):
    with serving(desk) as url:
        told = httpx.post(url, json=PING, headers=ACCEPT | headers)
    assert told.status_code == status
    assert "Traceback" not in told.text


# Over stdio, and with clients of the 1.x generation


@pytest.fixture(scope="module")
def command(desk: Desk, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """How a host starts the server, on a library that holds the demo."""
    library = tmp_path_factory.mktemp("stdio") / "library"
    with Library(library, recipe=MemoryRecipe(late_eyes=())) as shelf:
        shelf.add(folder / "open" / "film.mp4", title="The demo")
        shelf.wait()
    start = [sys.executable, "-m", "playhead", "mcp", "--library", str(library)]
    return [*start, "--model", "rules", "--effort", "quick", "--root", str(folder / "open")]


@pytest.mark.slow
def test_a_host_starts_it_over_stdio_and_asks(command: list[str]):
    from mcp.client.stdio import StdioServerParameters

    async def scenario() -> Any:
        start = StdioServerParameters(command=command[0], args=command[1:])
        async with mcp.Client(start) as client:
            listed = await client.list_tools()
            indexed = await client.call_tool("index_video", {"path": "film.mp4", "wait_s": 0})
            return listed, indexed, await client.call_tool("ask_video", QUESTION)

    listed, indexed, answered = asyncio.run(scenario())
    assert len(listed.tools) == len(TOOLS)
    assert not indexed.is_error
    assert "bridge" in answered.structured_content["text"]


@pytest.mark.slow
def test_what_is_no_message_does_not_end_the_server(command: list[str]):
    junk = [b"no json", b"[]", b"{}", b'{"jsonrpc": "2.0"}', b"\xff\xfe", b"[" * 10_000]
    begin = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "c", "version": "1"},
    }
    messages = [
        *junk,
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin}).encode(),
        b'{"jsonrpc": "2.0", "method": "notifications/initialized"}',
        *junk,
        b'{"jsonrpc": "2.0", "id": 2, "method": "tools/list"}',
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for message in messages:
            server.stdin.write(message + b"\n")
        server.stdin.flush()
        told = iter(server.stdout)
        answers = (json.loads(line) for line in told)
        assert "tools" in next(answer for answer in answers if answer.get("id") == 2)["result"]
        server.stdin.close()
        assert server.wait(60) == 0


@pytest.fixture(scope="module")
def old_python() -> str:
    path = os.environ.get("PLAYHEAD_TEST_MCP1_PYTHON")
    if not path:
        pytest.skip("PLAYHEAD_TEST_MCP1_PYTHON names no Python with mcp 1")
    return path


def check_old(old_python: str, *where: str) -> None:
    script = Path(__file__).with_name("mcp1_client.py")
    done = subprocess.run([old_python, script, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["version"].startswith("2025-")
    assert seen["tools"] == [tool.name for tool in TOOLS]
    assert seen["inline"] == 2
    assert seen["picture"] > 1_000
    assert "bridge" in seen["answer"]
    assert seen["steps"] == sorted(seen["steps"]) != []
    assert seen["wrong"][0] is True
    assert "no video 'nothing'" in seen["wrong"][1]


@pytest.mark.slow
def test_a_client_of_the_first_generation_over_stdio(old_python: str, command: list[str]):
    check_old(old_python, *command)


@pytest.mark.slow
def test_a_client_of_the_first_generation_over_http(old_python: str, desk: Desk):
    with serving(desk) as url:
        check_old(old_python, url, TOKEN)


# The page for hosts


def test_the_page_for_hosts_is_small_and_asks_nobody_else(desk: Desk):
    read = run(desk, lambda client: client.read_resource(served.VIEW))
    (page,) = read.contents
    assert page.mime_type == "text/html;profile=mcp-app"
    assert len(page.text) < 8_000
    assert "http:" not in page.text
    assert "https:" not in page.text
