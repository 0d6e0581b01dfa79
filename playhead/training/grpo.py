"""Reinforcement learning in the loop that serves: a run of GRPO on our own attempts.

    report = train_rl(model, processor, tasks, source, {"accuracy": accuracy}, settings,
                      tools=tools, output=output)

The one idea: what is trained on is what was really played. A rollout is an `attempt()` of the model
as it stands, its row is the recorded tokens, its pictures are decoded again from their references,
its rewards are scorers of the trajectory. How TRL is brought to it is in `grpo_trainer`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playhead.agent.source import Source
from playhead.core.tools import Tool
from playhead.core.trajectory import Scorer, Task
from playhead.training.grpo_trainer import AgentGRPOTrainer
from playhead.training.parity import Parity
from playhead.training.rl_settings import RLSettings


@dataclass(frozen=True)
class RLReport:
    """What a run did."""

    steps: int
    seconds: float
    history: tuple[dict[str, float], ...]
    """What was measured at each step."""
    parity: Parity
    num_rollouts: int
    num_masked: dict[str, int]
    """Rollouts that were masked out of the loss, by reason."""
    alarms: tuple[str, ...]


def train_rl(
    model: Any,
    processor: Any,
    tasks: Sequence[Task],
    source: Source,
    rewards: Mapping[str, Scorer],
    settings: RLSettings,
    *,
    tools: Sequence[Tool],
    output: Path,
    resume: bool = True,
    optimizer: Callable[[Any], Any] | None = None,
    **how: Any,
) -> RLReport:
    """Train a model by its own attempts. It is changed in place, and saved in `output`.

    Args:
        model: Of transformers.
        processor: Of the same model.
        tasks: What is asked.
        source: Where their videos are.
        rewards: Scorers by name.
        settings: How.
        tools: What it may call.
        output: Where everything is kept.
        resume: Go on from the last checkpoint in `output`, if there is one.
        optimizer: From the model to an optimiser, such as Muon. None: AdamW.
        how: What else `AgentGRPOTrainer` takes: `serve`, `engine`, `teacher`, `peft_config` ...

    Raises:
        NotTheSame: A parity gate is not passed; nothing was trained.
        ValueError: Settings that do not fit.
    """
    from accelerate.utils import gather_object

    started = time.monotonic()
    if optimizer is not None:
        how["optimizers"] = (optimizer(model), None)
    run = AgentGRPOTrainer(
        model, processor, tasks, source, rewards, settings, tools=tools, output=output, **how
    )
    try:
        has_one = any(output.glob("checkpoint-*"))
        run.train(resume_from_checkpoint=resume and has_one)
        run.save_model()
    finally:
        run.close()
    assert run.parity is not None
    counts = gather_object([(run.num_rollouts, run.num_masked)])
    return RLReport(
        steps=int(run.state.global_step),
        seconds=time.monotonic() - started,
        history=tuple(line for line in run.state.log_history if "train_runtime" not in line),
        parity=run.parity,
        num_rollouts=sum(num for num, _ in counts),
        num_masked=dict(sum((masked for _, masked in counts), Counter[str]())),
        alarms=tuple(run.alarms),
    )
