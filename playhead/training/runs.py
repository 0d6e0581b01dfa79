"""A run from beginning to end: measure, train, measure again, judge.

    report = run_sft(read_config("run.toml"))
    print(report.table())

The one idea: nobody is told how a run went without being told where it began. The model before,
the model after and whatever else is named answer the same held-out questions, with tools and
without, and gates are judged on those pairs. A model that fails one is not promoted; its report
says at what.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playhead.agent.rollouts import collect
from playhead.agent.source import LibrarySource, Source, WorldSource
from playhead.core.policy import Sampling
from playhead.core.store import TrajectoryStore
from playhead.core.tools import Tool
from playhead.core.trajectory import Scorer, Task, Trajectory
from playhead.evaluation.scorers import find_scorer
from playhead.memory.library import Library
from playhead.tools.toolset import default_tools, find_tools
from playhead.training.config import Asked, TrainConfig
from playhead.training.guard import Gate, over_calling, promote, regression, tool_harm

WITHOUT_TOOLS = "direct"
"""The strategy that shows pictures spread evenly and offers no tools."""
_COLUMNS = ("accuracy", "evidence_iou", "format", "cost.frames", "cost.calls")


@dataclass(frozen=True)
class Standing:
    """What one model did on the questions of a report."""

    name: str
    with_tools: Sequence[Trajectory] = ()
    without: Sequence[Trajectory] = ()
    controls: Sequence[Trajectory] = ()
    images: Sequence[Trajectory] = ()


@dataclass(frozen=True)
class Report:
    """How a run went."""

    stage: str
    standings: tuple[Standing, ...]
    """The model before first, the trained one last."""
    gates: tuple[Gate, ...]
    training: dict[str, Any]
    """What the trainer says: steps, seconds, losses ..."""
    promoted: str | None
    """Where the model was put. None: it was not."""

    def table(self) -> str:
        """Models by line, as Markdown, and what the gates say below it."""
        names = ["model", "without tools", *(name.replace("_", " ") for name in _COLUMNS), "n"]
        lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
        for standing in self.standings:
            cells = [standing.name, _mean(standing.without, "accuracy")]
            cells += [_mean(standing.with_tools, name) for name in _COLUMNS]
            lines.append(f"| {' | '.join(cells)} | {len(standing.with_tools)} |")
        judged = [f"- {'passed' if gate.passed else 'FAILED'}: {gate.told}" for gate in self.gates]
        return "\n".join([*lines, "", *judged]).rstrip() + "\n"

    def to_json(self) -> str:
        """Numbers and gates; the attempts are in their own files."""
        told = {
            "stage": self.stage,
            "models": {
                standing.name: {
                    "with_tools": _means(standing.with_tools),
                    "without_tools": _means(standing.without),
                }
                for standing in self.standings
            },
            "gates": [asdict(gate) for gate in self.gates],
            "training": self.training,
            "promoted": self.promoted,
        }
        return json.dumps(told, indent=2, default=str) + "\n"


def run_sft(config: TrainConfig, *, resume: bool = False) -> Report:
    """Supervised fine-tuning on `config.data`.

    Args:
        config: The run.
        resume: Go on from the last checkpoint, if there is one.

    Raises:
        ValueError: The run lacks something, or an option is not known.
    """
    from playhead.training.sft import SFTSettings, train_sft

    data = config.data
    if data is None:
        raise ValueError("sft learns from trajectories: give `data.trajectories`")
    settings = SFTSettings.model_validate(config.sft)
    paths = [Path(path) for path in data.trajectories]
    if missing := [str(path) for path in paths if not path.exists()]:
        raise ValueError(f"no such file of trajectories: {', '.join(missing)}")
    records = [record for path in paths for record in TrajectoryStore(path)]

    def train(loaded: tuple[Any, Any]) -> dict[str, Any]:
        with _source(data.library, [record.task for record in records]) as source:
            report = train_sft(
                loaded, records, settings, resolve=source.resolve, output=_model_of(config),
                resume=resume,
            )  # fmt: skip
        return json.loads(report.to_json())

    return _run("sft", config, train)


def run_rl(config: TrainConfig, *, resume: bool = False) -> Report:
    """Reinforcement learning on `config.tasks`, in the loop that serves.

    Args:
        config: The run. With a `teacher` it distils, too.
        resume: Go on from the last checkpoint, if there is one.

    Raises:
        ValueError: The run lacks something, or an option is not known.
        NotTheSame: What would be trained on is not what was served.
    """
    if not config.rewards:
        raise ValueError("rl learns from rewards: give `rewards`, such as {accuracy = 1.0}")
    return _run_rollouts("rl", config, resume)


def run_distill(config: TrainConfig, *, resume: bool = False) -> Report:
    """On-policy distillation from `config.teacher` on `config.tasks`. Arguments as `run_rl`."""
    if config.teacher is None:
        raise ValueError("distill learns from a teacher: give `teacher`, a folder with a model")
    return _run_rollouts("distill", config, resume)


RUNS: Mapping[str, Callable[..., Report]] = {"sft": run_sft, "rl": run_rl, "distill": run_distill}


def _run_rollouts(stage: str, config: TrainConfig, resume: bool) -> Report:
    from playhead.models.policies.transformers import load_model
    from playhead.training.distill import ALL, LocalTeacher
    from playhead.training.grpo import RLSettings, train_rl
    from playhead.training.rewards import find_part
    from playhead.training.rows import Renderer

    if config.tasks is None:
        raise ValueError(f"{stage} learns from tasks: give `tasks`")
    tasks = config.tasks.read()
    given: dict[str, Any] = {
        "weights": dict(config.rewards),
        "strategy": config.strategy,
        "budget": config.budget,
        "max_reply_tokens": config.max_reply_tokens,
        **({"distil": ALL} if config.teacher else {}),
    }
    settings = RLSettings.model_validate(given | config.rl)
    scorers: dict[str, Scorer] = {name: find_part(name) for name in config.rewards}
    library = config.tasks.library

    def train(loaded: tuple[Any, Any]) -> dict[str, Any]:
        model, processor = loaded
        with _source(library, tasks) as source:
            teacher = None
            if config.teacher is not None:
                other = load_model(config.teacher, None, "auto")
                teacher = LocalTeacher(*other, Renderer(processor), source.resolve)
            report = train_rl(
                model, processor, tasks, source, scorers, settings, tools=_tools(config),
                output=_model_of(config), resume=resume, teacher=teacher,
            )  # fmt: skip
        processor.save_pretrained(_model_of(config))
        return asdict(report)

    return _run(stage, config, train)


def _run(
    stage: str, config: TrainConfig, train: Callable[[tuple[Any, Any]], dict[str, Any]]
) -> Report:
    """Measure what is to be compared, train, measure again, judge, and write the report."""
    from accelerate import PartialState

    from playhead.models.policies.transformers import load_model

    machine = PartialState()
    folder = Path(config.output)
    folder.mkdir(parents=True, exist_ok=True)
    standings: list[Standing] = []
    if machine.is_main_process:
        for name, path in config.beside.items():
            standings.append(measure(name, load_model(path, None, "auto"), config))
    machine.wait_for_everyone()
    loaded = load_model(config.model, None, "auto")
    before = "before" if "before" not in config.beside else "model"
    if machine.is_main_process:
        standings.append(measure(before, loaded, config))
    machine.wait_for_everyone()
    training = train(loaded)
    machine.wait_for_everyone()
    if machine.is_main_process:
        trained = load_model(_model_of(config), None, "auto")
        standings.append(measure(stage, trained, config))
    gates = tuple(judge(standings[-2], standings[-1], config)) if standings else ()
    promoted = None
    if machine.is_main_process and config.promote_to and gates and all(g.passed for g in gates):
        promoted = str(promote(_model_of(config), config.promote_to, gates))
    report = Report(stage, tuple(standings), gates, training, promoted)
    if machine.is_main_process:
        (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
        (folder / "report.md").write_text(report.table(), encoding="utf-8")
    return report


def measure(name: str, loaded: tuple[Any, Any], config: TrainConfig) -> Standing:
    """Let a model answer what the report is about; every attempt is kept in `output`.

    Args:
        name: What the report calls it.
        loaded: The model and its processor.
        config: The run.
    """

    def attempts(asked: Asked | None, what: str, strategy: str) -> list[Trajectory]:
        if asked is None:
            return []
        path = Path(config.output) / "held_out" / f"{name}-{what}.jsonl"
        path.unlink(missing_ok=True)
        return answered(loaded, asked, config, strategy=strategy, store=TrajectoryStore(path))

    return Standing(
        name,
        with_tools=attempts(config.held_out, "with-tools", config.strategy),
        without=attempts(config.held_out, "without-tools", WITHOUT_TOOLS),
        controls=attempts(config.controls, "controls", config.strategy),
        images=attempts(config.images, "images", WITHOUT_TOOLS),
    )


def answered(
    loaded: tuple[Any, Any],
    asked: Asked,
    config: TrainConfig,
    *,
    strategy: str,
    store: TrajectoryStore | None = None,
) -> list[Trajectory]:
    """One attempt at each task, greedily and as it is served."""
    from playhead.models.policies.transformers import TransformersPolicy

    tasks = asked.read()
    with _source(asked.library, tasks) as source:
        policy = TransformersPolicy(loaded, resolve=source.resolve, max_batch=16)
        try:
            groups = asyncio.run(
                collect(
                    tasks, policy, source, tools=_tools(config), strategy=strategy,
                    sampling=Sampling(max_tokens=config.max_reply_tokens), budget=config.budget,
                    bounds=True, store=store,
                )
            )  # fmt: skip
        finally:
            policy.close()
    return [record for group in groups for record in group]


def judge(before: Standing, after: Standing, config: TrainConfig) -> list[Gate]:
    """The gates that the run's questions allow: none, if nothing is held out."""
    score, allowed = find_scorer(config.gates.score), config.gates.tolerance
    gates: list[Gate] = []
    if config.held_out is not None:
        both = (before.with_tools, after.with_tools)
        gates.append(tool_harm(after.without, after.with_tools, score, tolerance=allowed))
        gates.append(regression("held out", *both, score, tolerance=allowed))
    if config.images is not None:
        both = (before.images, after.images)
        gates.append(regression("images", *both, score, tolerance=allowed))
    if config.controls is not None:
        many = find_scorer("over_calling")
        gates.append(over_calling(after.controls, many, most=config.gates.most_over_calling))
    return gates


@contextmanager
def _source(library: str | None, tasks: Sequence[Task]) -> Generator[Source]:
    """Where the videos of tasks are: in a library, or rendered."""
    if library is None:
        with WorldSource() as worlds:
            worlds.learn(tasks)
            yield worlds
    else:
        with Library(library, background=False) as opened, LibrarySource(opened) as source:
            yield source


def _tools(config: TrainConfig) -> Sequence[Tool]:
    return find_tools(config.tools) if config.tools else default_tools()


def _model_of(config: TrainConfig) -> Path:
    return Path(config.output) / "model"


def _means(records: Sequence[Trajectory]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in _COLUMNS:
        scores = [value for value in map(find_scorer(name), records) if value is not None]
        found[name] = sum(scores) / len(scores) if scores else None
    return found


def _mean(records: Sequence[Trajectory], name: str) -> str:
    value = _means(records)[name]
    return "-" if value is None else f"{value:.3f}"
