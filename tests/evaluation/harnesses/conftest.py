"""What harnesses are given: a film with questions, and a model for it, installed as any is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from playhead.worlds.cli import make

ORACLE = """
from playhead.worlds.policy import OraclePolicy


def oracle(*, resolve):
    return OraclePolicy(lambda ref: resolve([ref])[0])
"""


class Films(NamedTuple):
    """Questions about a film, and a folder that Python finds the model `oracle` in."""

    folder: Path
    rows: list[dict[str, Any]]
    """`question`, `answer`, `video` (a path), `spans` (in seconds)."""

    def python(self, named: str, module: str) -> str:
        """The Python of an environment with `module`: the one that the variable `named` names."""
        python = os.environ.get(named)
        if not python and find_spec(module) is None:
            pytest.skip(f"no {module}: set {named} to a Python that has it and Playhead")
        return python or sys.executable

    def run(self, *command: str) -> str:
        """Run a command there, with the model. Returns what it printed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(self.folder / "plugins"),
                "HF_HOME": str(self.folder / "hub"),
                "HF_HUB_OFFLINE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done.stdout


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    folder = tmp_path_factory.mktemp("harness")
    make(folder, "needle", videos=1, questions=3, seed=3, split="dev", duration_s=60)
    asked = _read(folder / "questions.jsonl")
    answers = _read(folder / "answers.jsonl")
    rows = [
        {
            "question": row["question"],
            "answer": truth["answer"],
            "video": str(folder / row["videos"][0]),
            "spans": [
                [piece["span"]["start"], piece["span"]["end"]]
                for piece in truth["metadata"]["question"]["evidence"]
            ],
        }
        for row, truth in zip(asked, answers, strict=True)
    ]
    told = folder / "plugins" / "oracle-1.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: oracle\nVersion: 1\n")
    (told / "entry_points.txt").write_text("[playhead.policies]\noracle = oracle:oracle\n")
    (folder / "plugins" / "oracle.py").write_text(ORACLE)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Films(folder, rows)


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
