"""Tools of a real MCP server in another process, in our agent."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playhead import Library, Session
from playhead.core import Budget, ToolCall
from playhead.core.errors import Blamed
from playhead.core.tools import Observation
from playhead.testing import check_trajectory
from playhead.tools.context import ToolContext
from playhead.tools.doors.mcp_client import Connected, connect
from playhead.tools.toolset import Toolset, default_tools
from tests.agent.policies import Planner, answering, calling
from tests.agent.policies import call as asked
from tests.tools.calls import DEMO, shown
from tests.tools.conftest import OpenContext

pytest.importorskip("mcp_types", reason="mcp 2 is not installed")

SCRIPT = Path(__file__).with_name("mcp_server.py")
COMMAND = shlex.join([sys.executable, str(SCRIPT)])


@pytest.fixture(scope="module")
def theirs() -> Iterator[Connected]:
    with connect(COMMAND) as connected:
        yield connected


def call(tools: Connected, ctx: ToolContext, name: str, **arguments: Any) -> Observation:
    tool = Toolset(tools.tools).get(name)
    assert tool is not None, tools
    return tool.run(ctx, ToolCall.read("c1", name, arguments))


def test_their_tools_are_named_after_the_server_and_told_as_they_tell_them(theirs: Connected):
    tools = Toolset((*default_tools(), *theirs))
    told = tools.get("Weather_station_temperature")
    assert told is not None
    assert told.description == "How warm it is."
    assert told.reads_only
    properties: Any = told.arguments["properties"]
    assert set(properties) == {"city", "day"}
    assert told.arguments["required"] == ["city"]


def test_a_server_that_lists_its_tools_in_pages_without_end_is_read_so_far():
    script = Path(__file__).with_name("mcp_pages.py")
    with connect(shlex.join([sys.executable, str(script)])) as theirs:
        assert [tool.name for tool in theirs][:2] == ["pages_tool0", "pages_tool1"]
        assert len(theirs) == 128


def test_what_may_change_something_is_left_out_unless_it_is_let_in(
    theirs: Connected, ctx: ToolContext
):
    assert theirs.left_out == ("make_rain",)
    assert "Weather_station_make_rain" not in Toolset(theirs.tools).names
    with connect(COMMAND, may_write=True, name="rain") as all_of_them:
        assert all_of_them.left_out == ()
        assert call(all_of_them, ctx, "rain_make_rain", city="Rome").text == "Rome is wet"
        assert not Toolset(all_of_them.tools).get("rain_make_rain").reads_only  # type: ignore[union-attr]


def test_words_come_back_as_words(theirs: Connected, ctx: ToolContext):
    seen = call(theirs, ctx, "Weather_station_temperature", city="Oslo", day=2)
    assert seen.failure is None
    assert seen.text == "Oslo: 22 degrees"


def test_pictures_are_shown_by_reference_and_paid_for(theirs: Connected, open_context: OpenContext):
    ctx = open_context(budget=Budget(frames=3, visual_tokens=50))
    seen = call(theirs, ctx, "Weather_station_radar", num=5)
    assert "(legend: sky://legend)" in seen.text
    assert len(seen.to_json()) < 2_000
    refs = shown(seen)
    assert len(refs) == 3
    assert seen.text.count("not affordable") == 2
    assert seen.cost.frames == ctx.ledger.spent.frames == 3
    assert seen.cost.visual_tokens == ctx.ledger.spent.visual_tokens == 12
    red, green, blue = ctx.resolve(refs)
    for picture, colour in ((red, [255, 0, 0]), (green, [0, 128, 0]), (blue, [0, 0, 255])):
        assert np.array_equal(picture, np.full((64, 64, 3), colour, np.uint8))


def test_large_pictures_are_shrunk_and_many_are_not_all_shown(theirs: Connected, ctx: ToolContext):
    (large,) = shown(call(theirs, ctx, "Weather_station_radar", side=2000))
    assert (large.height, large.width) == (1280, 1280)
    many = call(theirs, ctx, "Weather_station_radar", num=18)
    assert len(shown(many)) == 16


def test_what_cannot_be_shown_is_said_and_long_words_are_cut(theirs: Connected, ctx: ToolContext):
    seen = call(theirs, ctx, "Weather_station_rubbish")
    assert seen.failure is None
    assert not shown(seen)
    assert seen.text.count("cannot be read") == 2
    assert "audio/wav" in seen.text
    assert len(seen.text) < 7_000


@pytest.mark.parametrize("arguments", [{}, {"city": 3.5}, {"city": "Rome", "day": "soon"}])
def test_a_call_that_they_refuse_is_an_observation(
    theirs: Connected, ctx: ToolContext, arguments: dict[str, Any]
):
    seen = call(theirs, ctx, "Weather_station_temperature", **arguments)
    assert seen.failure is not None
    assert seen.failure.origin == "world"
    assert "Traceback" not in seen.text


def test_a_failure_is_told_in_their_words(theirs: Connected, ctx: ToolContext):
    seen = call(theirs, ctx, "Weather_station_fail")
    assert seen.failure is not None
    assert seen.failure.code == "their_error"
    assert seen.text == "no such city"


@pytest.mark.slow
def test_a_server_that_is_slow_is_not_waited_for_and_works_on(ctx: ToolContext):
    with connect(COMMAND, timeout_s=8, name="s") as theirs:
        late = call(theirs, ctx, "s_slow")
        assert late.failure is not None
        assert late.failure.code == "out_of_time"


def test_no_call_takes_longer_than_the_question_may(theirs: Connected, open_context: OpenContext):
    ctx = open_context(budget=Budget(seconds=0.5))
    late = call(theirs, ctx, "Weather_station_slow")
    assert late.failure is not None
    assert "0.5 s" in late.text


@pytest.mark.slow
def test_a_server_that_dies_is_started_again_by_the_next_call(ctx: ToolContext):
    with connect(COMMAND, name="d") as theirs:
        dead = call(theirs, ctx, "d_die")
        assert dead.failure is not None
        assert dead.failure.origin == "world"
        again = call(theirs, ctx, "d_temperature", city="Rome")
        assert again.text == "Rome: 20 degrees"


def test_a_server_is_told_nothing_of_our_surroundings(
    monkeypatch: pytest.MonkeyPatch, ctx: ToolContext
):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with connect(COMMAND, name="e") as theirs:
        assert "OPENAI_API_KEY" not in call(theirs, ctx, "e_environment").text


@pytest.mark.parametrize(
    "server", ["/no/such/program", f"{sys.executable} -c pass", "http://127.0.0.1:9/mcp"]
)
def test_a_server_that_is_not_there_is_the_worlds_fault(server: str):
    with pytest.raises(Blamed, match="cannot be reached") as told, connect(server, timeout_s=20):
        pass
    assert told.value.origin == "world"


@pytest.mark.parametrize("server", ["", " ", "'unclosed"])
def test_what_is_no_command_is_refused(server: str):
    with pytest.raises(ValueError, match=r"a command or an address|No closing"), connect(server):
        pass


def test_a_question_is_answered_with_their_tools_beside_ours(theirs: Connected, library: Library):
    turns = [
        calling(asked("Weather_station_radar", num=2), asked("overview")),
        calling(asked("Weather_station_temperature", city="Rome"), asked("no_such_tool")),
        answering("sunny"),
    ]
    policy = Planner(*turns)
    tools = [*default_tools(), *theirs]
    ids = [library.video(DEMO).id]
    with Session(library, videos=ids, model=policy, tools=tools) as session:
        answer = session.ask("Is it warm?")
        (question,) = session.questions()
    assert answer.text == "sunny"
    record = question.trajectory
    assert record is not None
    check_trajectory(record)
    radar, temperature = record.steps[0].observations[0], record.steps[1].observations[0]
    assert [ref.video_id[:6] for ref in shown(radar)] == ["image:", "image:"]
    assert temperature.text == "Rome: 20 degrees"
    assert record.cost.frames == 3
    assert len(record.to_json()) < 60_000


@pytest.mark.slow
def test_a_server_is_named_on_the_command_line(film: Path, tmp_path: Path):
    ask = ["ask", str(film), "Where has the miller hidden his key?", "--model", "rules"]
    command = [sys.executable, "-m", "playhead", *ask, "--library", str(tmp_path / "library")]
    done = subprocess.run([*command, "--mcp", COMMAND], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "bridge" in done.stdout
    assert "without make_rain; see --mcp-writes" in done.stderr
    gone = subprocess.run([*command, "--mcp", "/no/such/program"], capture_output=True, text=True)
    assert gone.returncode == 1
    assert gone.stderr.startswith("playhead: the MCP server cannot be reached")
    assert "Traceback" not in gone.stderr


@pytest.mark.slow
def test_a_server_at_an_address(ctx: ToolContext):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, SCRIPT, str(port)], stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        for line in server.stderr:
            if b"running on" in line:
                break
        try:
            with connect(f"http://127.0.0.1:{port}/mcp", headers={"X-Who": "me"}) as theirs:
                seen = call(theirs, ctx, "Weather_station_temperature", city="Rome")
                assert seen.text == "Rome: 20 degrees"
        finally:
            server.terminate()
