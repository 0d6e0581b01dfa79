"""Settings: what a person wants always, from where they wrote it.

In order of weight: arguments in code, flags on the command line, environment variables,
`playhead.toml` in the current folder, `playhead.toml` in the user's settings folder, defaults. A
name that does not exist is refused, also inside a group, with the names that do.

    model = "openai:qwen3-vl@http://localhost:8000/v1"
    effort = "deep"

    [memory]
    fps = 2.0

Nothing reads the environment but `load`; only the command line and `playhead.ask` call it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from playhead.core.budget import Budget, Effort

FILE = "playhead.toml"
PREFIX = "PLAYHEAD_"


class BudgetSettings(BaseModel):
    """Bounds for one question, in place of the effort's. None: the effort's."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    turns: int | None = Field(default=None, ge=1)
    """Replies of the model."""
    frames: int | None = Field(default=None, ge=0)
    """Pictures shown to the model."""
    visual_tokens: int | None = Field(default=None, ge=0)
    """Tokens that those pictures take."""
    seconds: float | None = Field(default=None, gt=0)
    """Wall-clock time."""
    dollars: float | None = Field(default=None, ge=0)
    """Money, where prices are known."""


class MemorySettings(BaseModel):
    """How videos are indexed."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    fps: float = Field(default=1.0, gt=0)
    """Pictures a second of the fine index."""
    max_side: int = Field(default=320, ge=16)
    """Longer side of the pictures that are looked at, in pixels."""
    thumbnails: bool = False
    """Keep small pictures, for when the files are gone."""
    workers: int = Field(default=2, ge=1)
    """How many threads index."""
    whisper: Path | None = None
    """A folder with a faster-whisper model: what is said is written down with it. None: only
    subtitles are read."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        use_attribute_docstrings=True,
    )

    library: Path | None = None
    """The folder of the library. None: one in the user's data folder."""
    model: str = "auto"
    """Which model answers: see `playhead models`."""
    effort: Effort = Effort.NORMAL
    """What a question may cost: quick, normal or deep."""
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    memory: MemorySettings = Field(default_factory=MemorySettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, the file here, the user's file."""
        files = [TomlConfigSettingsSource(settings_cls, path) for path in settings_files()]
        return (init_settings, env_settings, *files)

    def budget_of(self, taught: Budget | None = None) -> Budget:
        """The budget that a model was taught with, or else the effort's, with what was set
        instead."""
        own = {k: v for k, v in self.budget.model_dump().items() if v is not None}
        return (taught or Budget.of(self.effort)).replace(**own)

    def library_folder(self) -> Path:
        """Where the library is."""
        if self.library is not None:
            return self.library.expanduser()
        from platformdirs import user_data_path

        return user_data_path("playhead") / "library"


def settings_files() -> list[Path]:
    """Where settings are read from, the weightiest first; they need not be there."""
    from platformdirs import user_config_path

    return [Path(FILE), user_config_path("playhead") / FILE]


def load(**flags: Any) -> Settings:
    """The settings that hold here and now.

    Args:
        flags: What was said in code or on the command line; None counts as not said.

    Raises:
        ValueError: A value cannot be, or a name does not exist; the message says where.
    """
    said = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**said)
    except ValidationError as error:
        raise ValueError(_explain(error)) from None


def sources(settings: Settings, flags: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """Every setting with its value and where it comes from, by its dotted name."""
    import os
    import tomllib

    files = [(path, tomllib.loads(path.read_text())) for path in settings_files() if path.exists()]
    found: dict[str, tuple[Any, str]] = {}
    for name, value in _flat(settings.model_dump(mode="json")).items():
        variable = PREFIX + name.upper().replace(".", "__")
        where = "default"
        for path, content in reversed(files):
            where = str(path) if name in _flat(content) else where
        where = variable if variable in os.environ else where
        where = "flag" if flags.get(name) is not None else where
        found[name] = (value, where)
    return found


def names() -> list[str]:
    """Every setting by its dotted name."""
    return list(_flat(Settings.model_construct().model_dump(mode="json")))


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _explain(error: ValidationError) -> str:
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        name = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            close = difflib.get_close_matches(name, names(), n=1, cutoff=0.5)
            meant = (
                f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names())}"
            )
            lines.append(f"no setting {name!r}{meant}")
        else:
            lines.append(f"setting {name!r}: {problem['msg'].lower()}, got {problem['input']!r}")
    return "; ".join(lines)
