"""A real vLLM server as a teacher: it scores the student's tokens as transformers does.

As the tests of the engine: set PLAYHEAD_TEST_VLLM_PYTHON.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.policies.test_vllm import ENVIRONMENT, _wait, run
from tests.models.policies.test_vllm import python as python
from tests.pythons import ROOT

pytestmark = pytest.mark.slow

RUN = """
model = "{folder}"
output = "{output}"
tools = ["look", "answer"]
max_reply_tokens = 40
budget = {{turns = 4, frames = 16}}
teacher = "{url}"
[tasks.worlds]
families = ["needle"]
size = 1
seed = 3
knobs = {{duration_ms = 60_000, height = 180, width = 224}}
[rl]
steps = 2
tasks_per_step = 1
num_generations = 4
batch_size = 4
learning_rate = 1e-5
most_left_out = 0.5
"""


@pytest.fixture(scope="module")
def folder(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt two plans."""
    folder = tmp_path_factory.mktemp("models") / "learner"
    run(python, "-m", "tests.training.vllm_run", "learner", str(folder))
    return folder


@pytest.fixture(scope="module")
def url(python: str, folder: Path) -> Iterator[str]:
    """A server of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder.parent / "log.txt"
    command = f"""-m vllm.entrypoints.openai.api_server --model {folder} --host 127.0.0.1
        --port {port} --max-model-len 2048 --dtype float32 --enforce-eager
        --enable-scale-out"""
    with log.open("w") as file:
        server = subprocess.Popen(
            [python, *command.split()],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(server, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def test_a_server_scores_tokens_and_pictures_as_transformers_does(
    python: str, url: str, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scored.json"
    run(python, "-m", "tests.training.vllm_run", "scored", str(out), url, str(folder))
    told = json.loads(out.read_text())
    assert told["pictures"] == 4
    assert told["gap"] < 1e-3
    assert "reads" in told["other_tokens"]
    assert "as other tokens" in told["other_tokens"]
    assert "another vocabulary" in told["other_words"]
    assert "temperature 1" in told["hot"]
    assert "vLLM 0.32" in told["no_vllm"]


def test_a_student_learns_from_a_server_by_the_command_line(
    python: str, url: str, folder: Path, tmp_path: Path
) -> None:
    output, path = tmp_path / "out", tmp_path / "distill.toml"
    path.write_text(RUN.format(folder=folder, output=output, url=url), encoding="utf-8")
    run(python, "-m", "playhead", "train", "distill", "--config", str(path))
    history = json.loads((output / "report.json").read_text())["training"]["history"]
    assert len(history) == 2
    assert abs(history[0]["distil/reverse_kl"]) < 1e-3  # the teacher is the student's own model
