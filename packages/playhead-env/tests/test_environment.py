"""The environment, run by verifiers' own command against a server that streams."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from oracle_server import serving
from playhead_env import WorldTaskset
from playhead_env.taskset import WorldTask, WorldTasksetConfig
from playhead_env.watching import Watched, note

from playhead.core.errors import Origin
from playhead.core.message import ToolCall
from playhead.core.tools import Observation, failed


@pytest.fixture(scope="module")
def task() -> WorldTask:
    (first,) = WorldTaskset(WorldTasksetConfig(size=1))
    return first


def scored(task: WorldTask, name: str, state: Watched, last_reply: str = "") -> float:
    trace: Any = SimpleNamespace(state=state, last_reply=last_reply)
    return asyncio.run(getattr(task, name)(trace))


def test_the_truth_is_worth_all_and_a_guess_nothing(task: WorldTask) -> None:
    truth = task.data.watched
    spans = [(span.start, span.end) for span in truth.spans or ()]
    right = Watched(answer=str(truth.answer), cited=spans)
    assert (scored(task, "accuracy", right), scored(task, "grounding", right)) == (1.0, 1.0)
    wrong = Watched(answer="not in the video", cited=[(0.0, 0.5)])
    assert (scored(task, "accuracy", wrong), scored(task, "grounding", wrong)) == (0.0, 0.0)
    assert scored(task, "accuracy", Watched(), str(truth.answer)) == 1.0


def test_what_broke_is_no_reward(task: WorldTask) -> None:
    state, call = Watched(), ToolCall(id="c", name="look")
    note(state, call, failed(call, Origin.MODEL, "bad_arguments", "no such argument"))
    assert state.broken is None
    note(state, call, failed(call, Origin.WORLD, "unreadable_video", "gone"))
    with pytest.raises(RuntimeError, match="look: gone"):
        scored(task, "accuracy", state)


def test_nothing_that_a_model_is_shown_tells_the_truth(task: WorldTask) -> None:
    shown = f"{task.data.system_prompt}\n{task.data.prompt}"
    assert task.data.watched.question in shown
    assert str(task.data.watched.answer) not in shown


def test_an_accepted_answer_is_noted(task: WorldTask) -> None:
    state = Watched()
    note(
        state,
        ToolCall(id="c", name="answer", arguments={"value": "X", "evidence": []}),
        Observation(call_id="c"),
    )
    assert (state.answer, state.cited) == ("X", [])


def test_rollouts_of_the_oracle_are_rewarded(tmp_path: Path) -> None:
    with serving() as url:
        command = [
            *(str(Path(sys.executable).with_name("vf-eval")), "playhead-env", "-n", "2"),
            *("--env.agent.harness.id", "null", "--env.agent.runtime.type", "subprocess"),
            *("--env.taskset.size", "2", "--env.taskset.task.watching.frames", "128"),
            *("--model", "oracle", "--client.base-url", url, "--client.api-key-var", "NO_KEY"),
            *("--output-dir", str(tmp_path), "--run.name", "run", "--no-push", "--no-rich"),
        ]
        environment = {**os.environ, "NO_KEY": "none"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    lines = (tmp_path / "run" / "traces.jsonl").read_text().splitlines()
    traces = [trace for line in lines for trace in json.loads(line)["traces"]]
    assert len(traces) == 2
    assert [trace["ok"] for trace in traces] == [True, True]
    assert {trace["stop_condition"] for trace in traces} == {"answered"}
    assert [trace["rewards"]["accuracy"]["score"] for trace in traces] == [1.0, 1.0]
    assert all(0 < trace["rewards"]["grounding"]["score"] < 1 for trace in traces)
    assert all(0 < trace["metrics"]["frames"] <= 128 for trace in traces)
