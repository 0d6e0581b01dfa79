"""A training run as a file: what is trained on what, how, and what it must show at the end.

    config = read_config("run.toml")
    report = run_sft(config)                     # or run_rl, run_distill: see `runs`

    model = "models/qwen3-vl-4b"
    output = "runs/seek-1"
    tools = ["look", "answer"]

    [sft]                                        # `SFTSettings`
    learning_rate = 1e-5

    [data]
    trajectories = ["data/synth.jsonl"]

    [held_out.worlds]                            # what every report is about: never trained on
    families = ["needle", "negative"]
    split = "dev"
    size = 200

A name that is not known is an error, at every depth. The same file runs on one CPU, one GPU, or on
many by `accelerate launch`.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, ValidationError, model_validator

from playhead.core.budget import Budget
from playhead.core.trajectory import Task
from playhead.core.value import JsonObject, Text, Value
from playhead.worlds.dataset import create_dataset, to_task

HeldOut = Literal["avoid", "allow", "only"]


class Worlds(Value):
    """Tasks about rendered worlds, made when they are needed; arguments of `create_dataset`."""

    families: tuple[Text, ...] = ("needle",)
    size: PositiveInt = 100
    seed: int = 0
    split: Literal["train", "dev"] = "train"
    held_out: HeldOut | None = None
    questions_per_video: PositiveInt = 1
    knobs: JsonObject = Field(default_factory=dict)
    """How hard they are, such as `duration_ms`."""

    def tasks(self) -> list[Task]:
        """The tasks.

        Raises:
            ValueError: No such family or knob.
        """
        knobs: dict[str, Any] = {name: _knob(value) for name, value in self.knobs.items()}
        data = create_dataset(
            self.families,
            self.size,
            self.seed,
            split=self.split,
            held_out=self.held_out,
            questions_per_video=self.questions_per_video,
            **knobs,
        )
        return [to_task(data[i]) for i in range(len(data))]


class Asked(Value):
    """Where tasks come from: rendered worlds, or a file with questions about a library."""

    worlds: Worlds | None = None
    tasks: Text | None = None
    """A file with a `Task` as JSON on each line."""
    library: Text | None = None
    """The library's folder that the file's tasks are about. None: worlds, too."""

    @model_validator(mode="after")
    def _check_one(self) -> Asked:
        if (self.worlds is None) == (self.tasks is None):
            raise ValueError("tasks come from `worlds` or from the file `tasks`: give one of them")
        return self

    def read(self) -> list[Task]:
        """The tasks.

        Raises:
            ValueError: A line is no task; the message names it.
            OSError: The file cannot be read.
        """
        if self.worlds is not None:
            return self.worlds.tasks()
        path = Path(self.tasks or "")
        found: list[Task] = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                found.append(Task.from_json(line))
            except ValidationError as error:
                raise ValueError(f"{path.name}, line {number}: no task: {_told(error)}") from error
        return found


class Data(Value):
    """What supervised fine-tuning learns from."""

    trajectories: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Stores of trajectories, such as `playhead train synth` writes."""
    library: Text | None = None
    """The library's folder that their pictures come from. None: rendered worlds."""


class Gates(Value):
    """What a checkpoint must show to be put in the place of `promote_to`."""

    score: Text = "accuracy"
    """A scorer by name."""
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """How much worse it may be than without tools, or than before."""
    most_over_calling: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The share of controls that may call more tools than they need."""


class TrainConfig(Value):
    """A run."""

    model: Text
    """A folder as `save_pretrained` leaves it."""
    output: Text
    """Where the model, checkpoints and the report go."""
    beside: dict[Text, Text] = Field(default_factory=dict[str, str])
    """Other models for the report, by name, such as the base that `model` was made from."""
    tools: tuple[Text, ...] = ()
    """What it may call, by name. Empty: the twelve."""
    strategy: Text = "seek"
    budget: Budget | None = None
    """Of one attempt. None: that of normal effort, without a bound in seconds."""
    max_reply_tokens: PositiveInt = 512
    data: Data | None = None
    """For `sft`."""
    sft: JsonObject = Field(default_factory=dict)
    """As `SFTSettings` has it."""
    tasks: Asked | None = None
    """For `rl` and `distill`."""
    rewards: dict[Text, float] = Field(default_factory=dict[str, float])
    """Scorers or composite rewards by name, with their weights."""
    rl: JsonObject = Field(default_factory=dict)
    """As `RLSettings` has it."""
    teacher: Text | None = None
    """A folder, for `distill`."""
    held_out: Asked | None = None
    """What the report is about."""
    controls: Asked | None = None
    """Questions that need no tools, for over-calling."""
    images: Asked | None = None
    """Questions that the model could answer before, without tools: they may not get worse."""
    gates: Gates = Field(default_factory=Gates)
    promote_to: Text | None = None
    """Where a model that passes every gate is put. None: nowhere."""


def read_config(path: str | os.PathLike[str]) -> TrainConfig:
    """A run from a TOML file.

    Raises:
        FileNotFoundError: No file there.
        ValueError: It is no TOML, or has a name that is not known; the message says where.
    """
    file = Path(path)
    try:
        return TrainConfig.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file.name} is not TOML: {error}") from error
    except ValidationError as error:
        raise ValueError(f"{file.name}: {_told(error)}") from error


def _told(error: ValidationError) -> str:
    each = (
        f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg'].lower()}" for one in error.errors()
    )
    return "; ".join(each)


def _knob(value: object) -> object:
    """A number with no fraction is a whole one: JSON does not tell them apart, knobs do."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
