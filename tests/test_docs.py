"""The documents say what is so: examples run, tables are complete, links lead on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from playhead.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXAMPLES = [
    pytest.param(code, id=f"{page.name}-{number}")
    for page in sorted((ROOT / "docs").glob("*.md"))
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.S), 1)
]


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from playhead.video.demo import write_demo

    folder = tmp_path_factory.mktemp("docs")
    write_demo(folder / "playhead-demo.mp4")
    return folder


@pytest.mark.parametrize("code", EXAMPLES)
def test_every_example_runs(code: str, demo_folder: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=demo_folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        yield f"{prefix} {name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")


def test_every_command_and_option_is_described():
    page = (ROOT / "docs" / "cli.md").read_text()
    for name, command in commands(typer.main.get_command(app), "playhead"):
        assert f"# `{name}" in page, name
        section = page.partition(f"# `{name}")[2].partition("\n#")[0]
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option != "--help":
                    assert f"`{option}`" in section, f"{name} {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path):
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / link).exists(), link
