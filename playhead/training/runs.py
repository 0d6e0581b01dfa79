"""A run from beginning to end: measure, train, measure again, judge.

    report = run_sft(read_config("run.toml"))
    print(report.table())

The one idea: nobody is told how a run went without being told where it began. The model before,
the model after and whatever else is named answer the same held-out questions, with tools and
without, and gates are judged on those pairs. A model that fails one is not promoted; its report
says at what.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playhead.agent.source import Source
from playhead.core.store import TrajectoryStore
from playhead.core.trajectory import Scorer
from playhead.models.manner import Manner, read_manner, save_manner
from playhead.training.config import Sampler, TrainConfig
from playhead.training.guard import promote
from playhead.training.processes import in_shards, load_whole, processes
from playhead.training.rl_settings import RLSettings
from playhead.training.standings import Report, judge, measure, offered, opened

_KEY = "PLAYHEAD_API_KEY"
"""What the servers that a configuration names want to be shown. No secret is in a file."""


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
        with opened(data.library, [record.task for record in records]) as source:
            report = train_sft(
                loaded, records, settings, resolve=source.resolve, output=_model_of(config),
                resume=resume,
            )  # fmt: skip
        return json.loads(report.to_json())

    return _run("sft", config, train, resume=resume)


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
        raise ValueError("distill learns from a teacher: give `teacher`, a folder or an address")
    return _run_rollouts("distill", config, resume)


RUNS: Mapping[str, Callable[..., Report]] = {"sft": run_sft, "rl": run_rl, "distill": run_distill}


def _run_rollouts(stage: str, config: TrainConfig, resume: bool) -> Report:
    from playhead.training.distill import ALL
    from playhead.training.grpo import train_rl
    from playhead.training.rewards import find_part

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
        with (
            opened(library, tasks) as source,
            _engine(config, settings, processor, source) as engine,
            _teacher(config, processor, source) as teacher,
        ):
            report = train_rl(
                model, processor, tasks, source, scorers, settings, tools=offered(config),
                output=_model_of(config), resume=resume, teacher=teacher,
                engine=engine,
            )  # fmt: skip
        if processes().is_main_process:
            processor.save_pretrained(_model_of(config))
        return asdict(report)

    return _run(stage, config, train, resume=resume)


def _run(
    stage: str,
    config: TrainConfig,
    train: Callable[[tuple[Any, Any]], dict[str, Any]],
    *,
    resume: bool,
) -> Report:
    """Measure what is to be compared, train, measure again, judge, and write the report."""
    from playhead.models.policies.transformers import load_model

    machine = processes()
    folder = Path(config.output)
    folder.mkdir(parents=True, exist_ok=True)
    standings = [
        measure(name, load_model(path, None, "auto"), config, machine, anew=not resume)
        for name, path in config.beside.items()
    ]
    loaded = load_model(config.model, None, "auto")
    before = "before" if "before" not in config.beside else "model"
    standings.append(measure(before, loaded, config, machine, anew=not resume))
    training = train(loaded)
    del loaded
    load_whole()
    if machine.is_main_process:
        save_manner(_model_of(config), _manner(config))
    machine.wait_for_everyone()
    trained = load_model(_model_of(config), None, "auto")
    standings.append(measure(stage, trained, config, machine))
    gates = tuple(judge(standings, config))
    is_better = bool(gates) and all(gate.passed for gate in gates)
    promoted = config.promote_to if is_better else None
    report = Report(stage, tuple(standings), gates, training, promoted, machine.num_processes)
    if machine.is_main_process:
        if promoted:
            promote(_model_of(config), promoted, gates)
        (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
        (folder / "report.md").write_text(report.table(), encoding="utf-8")
    machine.wait_for_everyone()
    return report


@contextmanager
def _teacher(config: TrainConfig, processor: Any, source: Source) -> Generator[Any]:
    """Whom the student learns from: a model in this process, or a server. None: nobody."""
    from playhead.models.policies.transformers import load_model
    from playhead.training.distill import LocalTeacher
    from playhead.training.rows import Renderer
    from playhead.training.teacher import ServedTeacher

    student = Renderer(processor)
    if config.teacher is None:
        yield None
    elif config.teacher.startswith(("http://", "https://")):
        key = os.environ.get(_KEY)
        served = ServedTeacher(config.teacher, student, source.resolve, api_key=key)
        with closing(served) as teacher:
            yield teacher
    else:
        yield LocalTeacher(*load_model(config.teacher, None, "auto"), student, source.resolve)


@contextmanager
def _engine(
    config: TrainConfig, settings: RLSettings, processor: Any, source: Source
) -> Generator[Any]:
    """Who samples instead of the model that is trained. None: it does so itself."""
    from playhead.training.engine import CopyEngine, ServedEngine, VLLMEngine

    is_sharded = in_shards(settings.config(_model_of(config)))
    asked = config.engine or (Sampler(kind="copy") if is_sharded else None)
    resolve = source.resolve
    match asked:
        case None:
            yield None
        case Sampler(kind="server", base_url=str(url), weights=str(folder)):
            yield ServedEngine(
                "", url, processor, resolve=resolve, weights=Path(folder), unties=asked.unties,
                api_key=os.environ.get(_KEY), **asked.more,
            )  # fmt: skip
        case _:
            kind: Any = VLLMEngine if asked.kind == "vllm" else CopyEngine
            with closing(kind(config.model, resolve=resolve, **asked.more)) as engine:
                yield engine


def _manner(config: TrainConfig) -> Manner:
    """How the model of a run is taught, for the file that lies beside its weights."""
    before = read_manner(config.model) or Manner()
    return before.replace(
        tools=config.tools or None,
        budget=config.budget,
        strategy=config.strategy,
        max_reply_tokens=config.max_reply_tokens,
    )


def _model_of(config: TrainConfig) -> Path:
    return Path(config.output) / "model"
