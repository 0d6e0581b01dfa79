"""What the README shows works as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    run("playhead demo", folder)
    return folder


def run(script: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "PLAYHEAD_LIBRARY": str(folder / "library")}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_two_commands_are_the_set_up_and_ci_runs_them():
    first, second, *_ = blocks("bash")
    assert "install" in first
    assert "playhead demo" in first
    assert "pytest" in second
    ci = (ROOT / ".ci" / "run").read_text()
    assert ".ci/readme.py first" in ci
    assert ".ci/readme.py second" in ci


@pytest.mark.parametrize("script", blocks("bash")[2:])
def test_every_other_command_runs(script: str, demo_folder: Path):
    out = run(script, demo_folder)
    assert "playhead-demo.mp4" in out
    if "--sheet" in script:
        assert (demo_folder / "two-moments.png").stat().st_size > 10_000
        assert len(list((demo_folder / "pictures").glob("*.png"))) == 6
    if "playhead ask" in script:
        assert "under the old bridge" in out
        assert '"session": "' in out


@pytest.mark.parametrize("code", blocks("python"))
def test_every_python_example_runs(code: str, demo_folder: Path):
    path = demo_folder / "example.py"
    path.write_text(code)
    out = run(f"{sys.executable} example.py", demo_folder)
    if "frames.refs" in code:
        assert out.count(" s  ") == 4
    if "session.ask" in code:
        assert "stars come out one by one" in out
