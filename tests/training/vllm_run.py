"""What the tests of the engine run in an environment with vLLM: a learner, and what it measured.

python -m tests.training.vllm_run own OUT          # the engine in this process
python -m tests.training.vllm_run learner FOLDER   # writes the model that a server starts with
python -m tests.training.vllm_run served OUT URL FOLDER
python -m tests.training.vllm_run scored OUT URL FOLDER   # what a server thinks of given tokens
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from playhead.agent.rollouts import collect
from playhead.agent.source import WorldSource
from playhead.core.errors import Blamed
from playhead.core.policy import Sampling
from playhead.core.trajectory import Trajectory
from playhead.training.engine import ServedEngine, VLLMEngine, untie
from playhead.training.parity import NotTheSame, logprobs_of
from playhead.training.rows import Part, Renderer, Row, rows
from playhead.training.teacher import ServedTeacher
from tests.training.rollout_cases import (
    BUDGET,
    halves_played,
    learner,
    loaded,
    second_half,
    two_tools,
    world_tasks,
)

ENGINE: dict[str, Any] = {"max_model_len": 2048, "dtype": "float32", "enforce_eager": True}
SAMPLING = Sampling(temperature=1.0, max_tokens=40, logprobs=True)


def move(weights: Iterable[Any], size: float) -> None:
    """Other weights."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        for weight in weights:
            weight.add_(size * torch.randn_like(weight))


def gap(rows_: Sequence[Row], model: Any, renderer: Renderer, resolve: Any) -> float:
    """Mean |recorded - transformers' own| over sampled tokens."""
    again = logprobs_of(model, renderer, rows_, resolve)
    found = [
        abs(float(own[i]) - p)
        for row, own in zip(rows_, again, strict=True)
        for i, p in enumerate(row.logprobs)
        if p is not None
    ]
    return float(np.mean(found))


def played(engine: Any, source: WorldSource, renderer: Renderer) -> list[Row]:
    work = collect(
        world_tasks(1), engine.policy, source, tools=two_tools(), budget=BUDGET,
        num_generations=6, sampling=SAMPLING,
    )  # fmt: skip
    (group,) = asyncio.run(work)
    assert all(isinstance(t, Trajectory) and t.blame is None for t in group), group
    return [row for t in group for row in rows(t, renderer) if row.frames]


def updates(engine: Any, model: Any, renderer: Renderer, source: WorldSource) -> dict[str, Any]:
    """How far engine and model are apart as the vision tower moves, then the embedding, which is
    the output layer, too."""
    engine.update(model)
    rows_ = played(engine, source, renderer)
    told: dict[str, Any] = {"gap": gap(rows_, model, renderer, source.resolve)}
    parts = {
        "vision": (list(model.model.visual.parameters()), 0.5),
        "output": ([model.lm_head.weight], 0.02),
    }
    for name, (weights, size) in parts.items():
        move(weights, size)
        told[f"{name}_before"] = gap(rows_, model, renderer, source.resolve)
        engine.update(model)
        rows_ = played(engine, source, renderer)
        told[f"{name}_after"] = gap(rows_, model, renderer, source.resolve)
    return told


def own(out: Path) -> None:
    """RL with the engine in this process, then its updates, then the engine as a teacher."""
    from playhead.training.grpo import train_rl
    from playhead.training.rl_settings import RLSettings

    model, processor = loaded(learner())
    renderer = Renderer(processor)
    settings = RLSettings(
        steps=3, tasks_per_step=1, num_generations=8, batch_size=8, learning_rate=3e-4,
        max_reply_tokens=40, budget=BUDGET, most_left_out=0.5,
    )  # fmt: skip
    with WorldSource() as source:
        source.learn(world_tasks(1))
        with VLLMEngine(learner(), resolve=source.resolve, **ENGINE) as engine:
            report = train_rl(
                model, processor, world_tasks(1), source, {"half": second_half}, settings,
                tools=two_tools(), output=out.parent / "run", engine=engine,
            )  # fmt: skip
            told = updates(engine, model, renderer, source)
            some = played(engine, source, renderer)
            theirs = engine.logprobs(some, [], temperature=1.0)
            ours = logprobs_of(model, renderer, some, source.resolve)
    told["teacher"] = max(
        float(np.abs(a[1:] - b[1:])[np.array(row.mask[1:]) == 1].max())
        for a, b, row in zip(theirs, ours, some, strict=True)
    )
    told["gate"] = report.parity.gap_mean
    told["steps"] = [
        {"gap": line["sampling/sampling_logp_difference/mean"], "reward": line["reward"],
         "calls": line["rollouts/calls"]}
        for line in report.history
    ]  # fmt: skip
    out.write_text(json.dumps(told))


def served(out: Path, url: str, folder: Path) -> None:
    """The updates of an engine behind a server."""
    model, processor = loaded(learner())
    with WorldSource() as source:
        engine = ServedEngine(
            "", url, processor, resolve=source.resolve, weights=folder, unties=True
        )
        out.write_text(json.dumps(updates(engine, model, Renderer(processor), source)))


def scored(out: Path, url: str, folder: Path) -> None:
    """A server as a teacher, beside the same model in transformers, and what it does not take."""
    from tests.models.policies.tiny import write_tiny

    model, processor = loaded(folder)
    student = Renderer(processor)
    with WorldSource() as source:
        some = [rows(student.sampled(t), student)[0] for t in halves_played(world_tasks(2), source)]
        with closing(ServedTeacher(url, student, source.resolve)) as teacher:
            theirs = teacher.logprobs(some, [], temperature=1.0)
            ours = logprobs_of(model, student, some, source.resolve)
            told: dict[str, Any] = {
                "pictures": sum(len(row.frames) for row in some),
                "gap": max(
                    float(np.abs(a[1:] - b[1:]).max()) for a, b in zip(theirs, ours, strict=True)
                ),
                "other_tokens": refused(
                    NotTheSame, lambda: teacher.logprobs([shorter(some[0])], [], temperature=1.0)
                ),
                "hot": refused(ValueError, lambda: teacher.logprobs(some, [], temperature=0.7)),
            }
        _, other = loaded(write_tiny(out.parent / "other", words=["zebra"]))
        told["other_words"] = refused(
            ValueError, lambda: ServedTeacher(url, Renderer(other), source.resolve)
        )
        told["no_vllm"] = refused(
            Blamed, lambda: ServedTeacher(f"{url}/nowhere", student, source.resolve)
        )
    out.write_text(json.dumps(told))


def shorter(row: Row) -> Row:
    """The row with one token of its picture less than its picture has features."""
    at = row.parts.index(Part.PICTURE)
    each = ("ids", "parts", "steps", "mask", "weights", "logprobs")
    cut = {name: getattr(row, name)[:at] + getattr(row, name)[at + 1 :] for name in each}
    return replace(row, **cut)


def refused(kind: type[Exception], asked: Callable[[], object]) -> str:
    """What the error says; empty if there is none."""
    try:
        asked()
    except kind as error:
        return str(error)
    return ""


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["own", out]:
            own(Path(out))
        case ["learner", folder]:
            shutil.copytree(learner(), folder)
            untie(Path(folder))
        case ["scored", out, url, folder]:
            scored(Path(out), url, Path(folder))
        case ["served", out, url, folder]:
            served(Path(out), url, Path(folder))
