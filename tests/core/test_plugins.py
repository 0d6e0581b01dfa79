from __future__ import annotations

import sys
from pathlib import Path

import pytest

from playhead.core import find_plugin, plugin_names
from playhead.core.errors import NoSuchPlugin

BUILTIN = {"uniform": len, "keyframes": max}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package somebody else wrote, installed the way pip does."""
    (tmp_path / "street_tools.py").write_text(
        "def busiest():\n    return 'busy'\nuniform = 'theirs'\n"
    )
    info = tmp_path / "street_tools-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: street-tools\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[playhead.selectors]\nbusiest = street_tools:busiest\nuniform = street_tools:uniform\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "street_tools", raising=False)


@pytest.mark.usefixtures("installed")
def test_an_installed_plugin_is_found_by_name():
    assert find_plugin("selectors", "busiest", BUILTIN)() == "busy"
    assert plugin_names("selectors", BUILTIN) == ["uniform", "keyframes", "busiest"]


@pytest.mark.usefixtures("installed")
def test_a_plugin_cannot_replace_one_of_ours():
    assert find_plugin("selectors", "uniform", BUILTIN) is len


def test_an_unknown_name_says_what_there_is_and_what_was_meant():
    with pytest.raises(NoSuchPlugin, match=r"keyframes\. Did you mean .uniform."):
        find_plugin("selectors", "unifrom", BUILTIN)
    with pytest.raises(ValueError, match="group is one of"):
        find_plugin("colours", "red", {})
