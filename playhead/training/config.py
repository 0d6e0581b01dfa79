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

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError, model_validator

from playhead.core.budget import Budget
from playhead.core.span import Span
from playhead.core.trajectory import Task
from playhead.core.value import JsonObject, Text, Value
from playhead.evaluation.scorers.conduct import control
from playhead.worlds.dataset import create_dataset, to_task

HeldOut = Literal["avoid", "allow", "only"]
_MOMENT_S = 0.2


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


class Controls(Asked):
    """Questions that need no tools: calls that are more than it takes are counted."""

    calls: NonNegativeInt = 1
    """What it takes, unless a task of a file says it (`conduct.control`). 1: one look at all of it,
    because nothing is shown unasked."""

    def read(self) -> list[Task]:
        """The tasks, marked as controls. Errors as `Asked`."""
        tasks = super().read()
        return [t if "control" in t.metadata else control(t, self.calls) for t in tasks]


class Stills(Asked):
    """Questions about one picture each: the middle of the part that the task is about (`within`).

    Of worlds, those questions whose answer is to be seen in one picture (`needle`, `detail`).
    """

    def read(self) -> list[Task]:
        """The tasks.

        Raises:
            ValueError: As `Asked`, or none of the worlds' questions is about one picture.
        """
        tasks = super().read()
        if self.worlds is None:
            return tasks
        found = [one for one in map(still, tasks) if one is not None]
        if not found:
            names = ", ".join(self.worlds.families)
            raise ValueError(f"none of these is about one picture (needle and detail are): {names}")
        return found


def still(task: Task) -> Task | None:
    """A world's question about the picture in which its answer is seen. None: one is not enough."""
    spans = task.spans or ()
    if task.metadata.get("min_frames") != 1 or len(spans) != 1:
        return None
    return task.replace(within=moment_around((spans[0].start + spans[0].end) / 2))


def moment_around(middle_s: float) -> Span:
    """A fifth of a second, in which one picture is looked at."""
    return Span(start=round(middle_s - _MOMENT_S / 2, 3), end=round(middle_s + _MOMENT_S / 2, 3))


class Data(Value):
    """What supervised fine-tuning learns from."""

    trajectories: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Stores of trajectories, such as `playhead train synth` writes."""
    library: Text | None = None
    """The library's folder that their pictures come from. None: rendered worlds."""


class Sampler(Value):
    """Who plays the rollouts of `rl` and `distill` in the place of the model that is trained."""

    kind: Literal["copy", "vllm", "server"]
    """`copy`: a whole copy in each process, for a model in shards (FSDP2). `vllm`: vLLM in each
    process. `server`: one vLLM server for all."""
    base_url: Text | None = None
    """Of the server; it ends in `/v1`."""
    weights: Text | None = None
    """The folder through which the server gets new weights: the same path here and there."""
    unties: bool = False
    """The server was started on CPUs, with an untied model (`engine.untie`)."""
    more: JsonObject = Field(default_factory=dict)
    """Whatever else the engine takes, such as vLLM's `max_model_len`."""

    @model_validator(mode="after")
    def _check_server(self) -> Sampler:
        given = (self.base_url is not None, self.weights is not None)
        if given != ((self.kind == "server"),) * 2:
            raise ValueError("`base_url` and `weights` go with a server, and a server with them")
        return self


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
    """Other models for the report, by name. The one called `base` is what all began with: pictures
    may not get worse since it either."""
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
    engine: Sampler | None = None
    """For `rl` and `distill`: who samples. None: the model itself, or a copy where it is trained in
    shards."""
    teacher: Text | None = None
    """For `distill`: a folder, or the address of a vLLM server, such as `http://host:8000/v1`."""
    held_out: Asked | None = None
    """What the report is about."""
    controls: Controls | None = None
    """Questions that need no tools, for over-calling."""
    images: Stills | None = None
    """Questions about single pictures, which may not get worse."""
    gates: Gates = Field(default_factory=Gates)
    promote_to: Text | None = None
    """Where a model that passes every gate is put. None: nowhere."""

    @model_validator(mode="after")
    def _check_gates(self) -> TrainConfig:
        asked = {"held_out": self.held_out, "controls": self.controls, "images": self.images}
        if self.promote_to and (missing := [name for name, what in asked.items() if what is None]):
            raise ValueError(
                f"a model is promoted on all gates: give {', '.join(missing)} with `promote_to`"
            )
        return self


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
