"""`pocket` as a model string, through the whole loop: what holds whatever its weights have learnt.

With PLAYHEAD_TEST_VLLM_PYTHON, the Python of an environment with vLLM and Playhead, the shipped
model is played by vLLM, too, and must say the same, token for token.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("transformers")

from playhead.agent.rollouts import Job, play
from playhead.agent.session import Session
from playhead.agent.source import WorldSource
from playhead.core.budget import Budget
from playhead.core.policy import Sampling
from playhead.core.trajectory import Stop, Task, Trajectory
from playhead.memory.library import Library
from playhead.models.strings import find_policy, manner_of
from playhead.tools.toolset import default_tools
from playhead.training.pocket.curriculum import KNOBS, tasks
from playhead.training.pocket.manner import pocket_manner
from playhead.training.pocket.model import SHIPPED
from playhead.worlds.dataset import create_dataset
from playhead.worlds.files import write_world
from playhead.worlds.script import GLYPHS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def questions(num: int) -> list[Task]:
    asked = tasks(411, families=["needle"], split="dev", held_out="avoid", num_rivals=1)
    return [each.task for each in itertools.islice(asked, num)]


def played(model: str, asked: Sequence[Task], **options: Any) -> list[Trajectory]:
    """Attempts with all twelve tools at hand, of which the model is offered its own."""
    taught = manner_of(model)
    sampling = Sampling(max_tokens=taught.max_reply_tokens or 40)
    with WorldSource(num_open=len(asked)) as source:
        policy = find_policy(model, resolve=source.resolve, **options)
        how: dict[str, Any] = {"tools": default_tools(), "sampling": sampling, "at_once": 1}
        jobs = [Job(task, task.id, 0) for task in asked]
        return asyncio.run(play(jobs, policy, source, strategy="auto", budget=taught.budget, **how))


def test_it_is_offered_what_it_was_taught_and_keeps_to_its_budget() -> None:
    taught = manner_of("pocket")
    for record in played("pocket", questions(2)):
        assert tuple(tool.name for tool in record.tools) == taught.tools
        assert [call.name for step in record.steps[:1] for call in step.reply.calls] == ["look"]
        assert record.cost.frames > 0
        assert not (taught.budget or Budget()).over(record.cost)
        assert record.stop is Stop.ANSWERED
        assert record.answer is not None
        assert record.answer.abstained or set(record.answer.text) <= set(GLYPHS)


def test_a_session_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    data = create_dataset(["needle"], 1, 5, split="dev", **KNOBS)
    film = write_world(data.world(data[0]), tmp_path / "film.mp4").path
    with (
        Library(tmp_path / "library") as library,
        Session(library, videos=[library.add(film)], model="pocket", patience_s=0) as session,
    ):
        assert session.budget == manner_of("pocket").budget
        answer = session.ask("Who wins the match?")
    assert answer.abstained
    assert "rendered worlds only" in answer.text
    assert "playhead models" in answer.text


def test_the_command_line_refuses_too(tmp_path: Path) -> None:
    data = create_dataset(["needle"], 1, 5, split="dev", **KNOBS)
    film = write_world(data.world(data[0]), tmp_path / "film.mp4").path
    command = [sys.executable, "-m", "playhead", "ask", str(film), "Who wins?", "--json"]
    command += ["--model", "pocket", "--library", str(tmp_path / "library")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout)["abstained"]


def test_the_curriculum_and_the_shipped_file_are_of_one_kind() -> None:
    shipped, now = manner_of("pocket"), pocket_manner()
    assert (shipped.tools, shipped.budget, shipped.dtype) == (now.tools, now.budget, now.dtype)
    assert shipped.scope is not None
    assert now.scope is not None
    assert set(shipped.scope.questions) <= set(now.scope.questions)


def test_vllm_says_the_same(tmp_path: Path) -> None:
    python = os.environ.get("PLAYHEAD_TEST_VLLM_PYTHON")
    if python is None:
        pytest.skip("PLAYHEAD_TEST_VLLM_PYTHON names no Python with vLLM")
    around = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    command = [python, "-m", "tests.training.pocket.vllm_run", str(tmp_path / "said.json")]
    subprocess.run(command, env={**os.environ, **around}, cwd=ROOT, check=True, timeout=900)
    here = said(played("pocket", questions(3)))
    assert json.loads((tmp_path / "said.json").read_text()) == here


def said(records: Sequence[Trajectory]) -> list[list[list[int]]]:
    """The token ids of every reply of every attempt."""
    replies = [[step.reply.tokens for step in record.steps] for record in records]
    return [[list(one.ids) for one in attempt if one is not None] for attempt in replies]


VLLM = f"vllm:{SHIPPED}"
