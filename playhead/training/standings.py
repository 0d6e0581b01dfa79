"""What a run reports: models side by side, on the same questions, and what the gates say of them.

    before = measure("before", loaded, config, processes())
    after = measure("sft", trained, config, processes())
    gates = judge([before, after], config)

The questions that are held out are asked with tools and without; controls, which need none, with
them; and questions about single pictures with one picture and no tools. Every model is asked all
of them, so that what is compared are pairs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playhead.agent.rollouts import collect
from playhead.agent.source import LibrarySource, Source, WorldSource
from playhead.core.budget import Budget
from playhead.core.policy import Sampling
from playhead.core.store import TrajectoryStore
from playhead.core.tools import Tool
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.scorers import find_scorer
from playhead.memory.library import Library
from playhead.tools.toolset import default_tools, find_tools
from playhead.training.config import Asked, TrainConfig
from playhead.training.guard import Gate, over_calling, regression, tool_harm
from playhead.training.processes import share

WITHOUT_TOOLS = "direct"
"""The strategy that shows pictures spread evenly and offers no tools."""
BASE = "base"
"""What the model that all began with is called in `TrainConfig.beside`."""
OVER_CALLING = "over_calling"
"""The scorer of controls."""
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
    num_processes: int = 1
    """That trained it together."""

    def table(self) -> str:
        """Models by line, as Markdown, and what the gates say below it."""
        columns = (name.replace("_", " ") for name in _COLUMNS)
        names = ["model", "without tools", *columns, "one picture", "over-calls", "n"]
        lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
        for standing in self.standings:
            cells = [standing.name, _mean(standing.without, "accuracy")]
            cells += [_mean(standing.with_tools, name) for name in _COLUMNS]
            cells += [_mean(standing.images, "accuracy"), _mean(standing.controls, OVER_CALLING)]
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
                    "one_picture": _means(standing.images),
                    "controls": _means(standing.controls, (*_COLUMNS, OVER_CALLING)),
                }
                for standing in self.standings
            },
            "gates": [asdict(gate) for gate in self.gates],
            "training": self.training,
            "promoted": self.promoted,
            "num_processes": self.num_processes,
        }
        return json.dumps(told, indent=2, default=str) + "\n"


def measure(
    name: str, loaded: tuple[Any, Any], config: TrainConfig, machine: Any, *, anew: bool = True
) -> Standing:
    """Let a model answer what the report is about; every attempt is kept in `output`.

    Args:
        name: What the report calls it.
        loaded: The model and its processor.
        config: The run.
        machine: The processes, each of which asks a share of the questions.
        anew: Ask all of them. False: only those that a run which broke off has not asked.
    """

    def attempts(
        asked: Asked | None, what: str, strategy: str, budget: Budget | None = config.budget
    ) -> list[Trajectory]:
        if asked is None:
            return []
        store = TrajectoryStore(Path(config.output) / "held_out" / f"{name}-{what}.jsonl")
        if anew and machine.is_main_process:
            store.path.unlink(missing_ok=True)
        machine.wait_for_everyone()
        tasks = asked.read()
        mine = share(tasks, machine)
        answered(
            loaded,
            mine,
            config,
            library=asked.library,
            strategy=strategy,
            budget=budget,
            store=store,
        )
        machine.wait_for_everyone()
        places = {task.id: place for place, task in enumerate(tasks)}
        return sorted(store, key=lambda record: places[record.task.id])

    one = (config.budget or Budget()).replace(frames=1)
    return Standing(
        name,
        with_tools=attempts(config.held_out, "with-tools", config.strategy),
        without=attempts(config.held_out, "without-tools", WITHOUT_TOOLS),
        controls=attempts(config.controls, "controls", config.strategy),
        images=attempts(config.images, "images", WITHOUT_TOOLS, one),
    )


def answered(
    loaded: tuple[Any, Any],
    tasks: Sequence[Task],
    config: TrainConfig,
    *,
    library: str | None = None,
    strategy: str,
    budget: Budget | None = None,
    store: TrajectoryStore | None = None,
) -> list[Trajectory]:
    """One attempt at each task, greedily and as it is served.

    Args:
        loaded: The model and its processor.
        tasks: What is asked.
        config: The run.
        library: The folder of the library that the tasks are about. None: worlds.
        strategy: How.
        budget: Of one attempt. None: the run's.
        store: Where attempts are kept. What is there already is not asked again.
    """
    from playhead.models.policies.transformers import TransformersPolicy

    with opened(library, tasks) as source:
        policy = TransformersPolicy(loaded, resolve=source.resolve, max_batch=16)
        try:
            groups = asyncio.run(
                collect(
                    tasks, policy, source, tools=offered(config), strategy=strategy,
                    sampling=Sampling(max_tokens=config.max_reply_tokens),
                    budget=budget or config.budget,
                    bounds=True, store=store,
                )
            )  # fmt: skip
        finally:
            policy.close()
    return [record for group in groups for record in group]


def judge(standings: Sequence[Standing], config: TrainConfig) -> list[Gate]:
    """The gates that the run's questions allow: none, if nothing is held out.

    Args:
        standings: The trained model last, the one before it just before; one called `base` may be
            among the others.
        config: The run.
    """
    before, after = standings[-2:]
    score, allowed = find_scorer(config.gates.score), config.gates.tolerance
    gates: list[Gate] = []
    if config.held_out is not None:
        both = (before.with_tools, after.with_tools)
        gates.append(tool_harm(after.without, after.with_tools, score, tolerance=allowed))
        gates.append(regression("held out", *both, score, tolerance=allowed))
    if config.images is not None:
        base = [("images since base", one) for one in standings[:-2] if one.name == BASE]
        gates += [
            regression(name, one.images, after.images, score, tolerance=allowed)
            for name, one in (("images", before), *base)
        ]
    if config.controls is not None:
        many = find_scorer(OVER_CALLING)
        gates.append(over_calling(after.controls, many, most=config.gates.most_over_calling))
    return gates


@contextmanager
def opened(library: str | None, tasks: Sequence[Task]) -> Generator[Source]:
    """Where the videos of tasks are: in a library, or rendered."""
    if library is None:
        with WorldSource() as worlds:
            worlds.learn(tasks)
            yield worlds
    else:
        with Library(library, background=False) as opened, LibrarySource(opened) as source:
            yield source


def offered(config: TrainConfig) -> Sequence[Tool]:
    """The tools of a run."""
    return find_tools(config.tools) if config.tools else default_tools()


def _means(
    records: Sequence[Trajectory], names: Sequence[str] = _COLUMNS
) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in names:
        scores = [value for value in map(find_scorer(name), records) if value is not None]
        found[name] = sum(scores) / len(scores) if scores else None
    return found


def _mean(records: Sequence[Trajectory], name: str) -> str:
    value = _means(records, (name,))[name]
    return "-" if value is None else f"{value:.3f}"
