"""Settings: what outweighs what, and that a mistake is told where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from playhead import config

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    for name in config.names():
        monkeypatch.delenv(config.PREFIX + name.upper().replace(".", "__"), raising=False)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_code_outweighs_the_environment_which_outweighs_the_files_here_and_at_home(
    monkeypatch: pytest.MonkeyPatch,
):
    here, home = config.settings_files()
    assert config.load().memory.fps == 1.0
    write(home, "[memory]\nfps = 2.0\nmax_side = 200\n")
    assert config.load().memory.fps == 2.0
    write(here, "[memory]\nfps = 3.0\n")
    assert config.load().memory.fps == 3.0
    monkeypatch.setenv("PLAYHEAD_MEMORY__FPS", "4")
    assert config.load().memory.fps == 4.0
    assert config.load(memory={"fps": 5.0}).memory.fps == 5.0
    assert config.load(memory={"fps": 5.0}).memory.max_side == 200  # groups are merged


def test_where_each_setting_comes_from_is_told(monkeypatch: pytest.MonkeyPatch):
    here, home = config.settings_files()
    write(home, 'model = "rules"\n')
    write(here, 'effort = "deep"\n')
    monkeypatch.setenv("PLAYHEAD_BUDGET__FRAMES", "7")
    found = config.sources(config.load(), {})
    assert found["model"] == ("rules", str(home))
    assert found["effort"] == ("deep", str(here))
    assert found["budget.frames"] == (7, "PLAYHEAD_BUDGET__FRAMES")
    assert found["memory.fps"] == (1.0, "default")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modle = 'rules'", "no setting 'modle'; did you mean 'model'?"),
        ("[budget]\nframez = 3", "no setting 'budget.framez'; did you mean 'budget.frames'?"),
        ("[memory]\nfps = 0", "setting 'memory.fps'"),
        ("effort = 'huge'", "setting 'effort'"),
    ],
)
def test_a_mistake_is_told_where_it_is(text: str, message: str):
    write(config.settings_files()[0], text)
    with pytest.raises(ValueError, match="setting") as told:
        config.load()
    assert message in str(told.value)


def test_a_bound_replaces_the_efforts():
    budget = config.load(effort="quick", budget={"frames": 5}).budget_of()
    assert budget.frames == 5
    assert budget.turns == 4


def test_every_setting_is_described():
    page = (ROOT / "docs" / "cli.md").read_text()
    for name in config.names():
        assert f"`{name}`" in page, name
