"""The house stands as it is drawn: floors, light imports, public names, words on every door."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import playhead

ROOT = Path(__file__).parents[1]
MODULES = sorted(m.name for m in pkgutil.walk_packages(playhead.__path__, "playhead."))
PACKAGES = [
    "playhead",
    *(m for m in MODULES if (ROOT / m.replace(".", "/") / "__init__.py").exists()),
]


def loaded_by(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after `statement`."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_importing_playhead_loads_nothing_but_the_standard_library():
    third_party = loaded_by("import playhead") - set(sys.stdlib_module_names)
    assert third_party == {"playhead"}


def test_the_core_loads_nothing_heavy():
    everything = "; ".join(f"import {m}" for m in MODULES if m.startswith("playhead.core."))
    heavy = {
        "numpy",
        "torch",
        "transformers",
        "langgraph",
        "faiss",
        "av",
        "cv2",
        "PIL",
        "scenedetect",
    }
    assert not loaded_by(everything) & heavy


def test_the_cli_loads_nothing_heavy_until_a_command_runs():
    assert not loaded_by("import playhead.cli") & {"torch", "langgraph", "cv2", "scenedetect", "av"}


def test_imports_only_go_down_the_floors():
    lint = Path(sys.executable).with_name("lint-imports")
    if not lint.exists():
        pytest.skip("import-linter is not installed beside this Python")
    run = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_can_be_had(name: str):
    package = importlib.import_module(name)
    for public in getattr(package, "__all__", []):
        assert getattr(package, public) is not None
    with pytest.raises(AttributeError):
        _ = package.no_such_name


@pytest.mark.parametrize("name", PACKAGES)
def test_type_checkers_see_the_same_public_names_as_python(name: str):
    package = importlib.import_module(name)
    source = ast.parse((ROOT / name.replace(".", "/") / "__init__.py").read_text())
    typed = {
        alias.asname or alias.name
        for node in ast.walk(source)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    if typed:
        assert typed == set(package.__all__)


@pytest.mark.parametrize("name", ["playhead", *MODULES])
def test_every_module_says_what_it_is(name: str):
    folder = ROOT / name.replace(".", "/")
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_all_brings_every_extra_that_a_user_may_want():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    (everything,) = extras["all"]
    named = set(everything.removeprefix("playhead[").removesuffix("]").split(","))
    assert named == set(extras) - {"all", "test", "vllm"}  # its pins clash with the others'


def test_no_machine_path_is_written_down():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    for name in tracked.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yml"} and path != Path(__file__):
            text = path.read_text()
            assert "/work/" not in text, name
            assert "/root/" not in text, name
