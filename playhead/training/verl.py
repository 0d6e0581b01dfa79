"""The loop inside verl, for runs that outgrow one machine.

verl brings Ray, FSDP2 or Megatron, and servers of vLLM or SGLang; this brings the rollout: our
`attempt`, with verl's servers as its policy. In verl's configuration:

    actor_rollout_ref.rollout.agent.agent_loop_config_path: loops.yaml

    # loops.yaml
    - name: playhead
      _target_: playhead.training.verl.PlayheadAgentLoop
      setup: my_run:setup                 # a function without arguments that gives a `Setup`

    write_tasks("tasks.parquet", tasks)   # data.train_files, with data.return_raw_chat=True

What is sampled is trained on as it came: token ids and log-probabilities of verl's servers, and a
mask that is 1 there alone. Pictures of tool results go the way of pictures of prompts. This module
imports verl, so only verl imports it. Seen with verl 0.9.1.
"""

# verl has an environment of its own, for its pins are too: type checkers do not find it
# pyright: reportMissingImports=false
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from verl.experimental.agent_loop.agent_loop import (
    AgentLoopBase,
    AgentLoopMetrics,
    AgentLoopOutput,
    register,
)

from playhead.agent.attempt import attempt
from playhead.agent.source import Source
from playhead.core.budget import Budget
from playhead.core.policy import Sampling
from playhead.core.tools import Tool
from playhead.core.trajectory import Scorer, Task, Trajectory
from playhead.models.policies.local import media_marks
from playhead.models.policies.tokens import Sampled, TokenPolicy
from playhead.training.rows import PICTURES, Renderer, Row, rows

NAME = "playhead"
"""What verl calls this loop."""


@dataclass(frozen=True)
class Setup:
    """What rollouts are made with, the same for all in a process."""

    source: Source
    tools: Sequence[Tool]
    reward: Scorer
    budget: Budget = field(default_factory=Budget)
    strategy: str = "seek"
    max_tokens: int = 1024
    """Of one turn."""


def write_tasks(path: str | os.PathLike[str], tasks: Iterable[Task]) -> int:
    """Tasks as a data set that verl reads.

    Args:
        path: A `.parquet` file.
        tasks: What is asked. A task travels as JSON, so that no column is guessed at.

    Returns:
        How many.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    lines = [
        {
            "data_source": NAME,
            "agent_name": NAME,
            "prompt": [{"role": "user", "content": task.question}],
            "reward_model": {"style": "rule", "ground_truth": task.id},
            "extra_info": {"index": i, "task": task.to_json()},
        }
        for i, task in enumerate(tasks)
    ]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(lines), path)
    return len(lines)


@register(NAME)
class PlayheadAgentLoop(AgentLoopBase):
    """One rollout: an attempt at the task of a row of the data set."""

    def __init__(self, *args: Any, setup: str, **kwargs: Any) -> None:
        """As verl makes it.

        Args:
            args: Of verl.
            setup: `module:function`, which gives a `Setup`; called once in a process.
            kwargs: Of verl.
        """
        super().__init__(*args, **kwargs)
        self._setup = _made(setup)
        self._renderer = _renderer(self.processor)
        _, banned = media_marks(self.processor)
        is_vllm = self.rollout_config.name == "vllm"
        self._banned = dict.fromkeys(banned, -100.0) if is_vllm else {}

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        """Attempt the task, and give verl its tokens and what it is worth.

        An attempt that nobody can be judged by (the world broke, not the model) has an empty mask:
        it teaches nothing, though verl still counts its 0 into its group's mean.
        """
        task, made = Task.from_json(kwargs["extra_info"]["task"]), self._setup
        with made.source.open(task, made.budget) as ctx:
            policy = TokenPolicy(
                self.processor, self._generate(sampling_params), resolve=ctx.resolve
            )
            sampling = Sampling(
                temperature=sampling_params.get("temperature", 1.0),
                top_p=sampling_params.get("top_p", 1.0),
                max_tokens=made.max_tokens,
                logprobs=True,
            )
            record = await attempt(
                task, policy, made.tools, ctx, strategy=made.strategy, sampling=sampling
            )
            return self._output(record)

    def _generate(self, sampling_params: dict[str, Any]) -> Any:
        id_ = uuid4().hex  # turns of one attempt go to one server, which has them in its cache
        drawn = {key: value for key, value in sampling_params.items() if key != "max_tokens"}
        if self._banned:
            drawn["logit_bias"] = self._banned

        async def generate(ids: list[int], images: list[Any], sampling: Sampling) -> Sampled:
            params = {**drawn, "max_tokens": sampling.max_tokens}
            if sampling.stop:
                params["stop"] = list(sampling.stop)
            out = await self.server_manager.generate(
                request_id=id_, prompt_ids=ids, sampling_params=params, image_data=images or None
            )
            logprobs = tuple(out.log_probs) if out.log_probs else None
            said = tuple(out.token_ids)
            return Sampled(said, logprobs, is_cut=len(said) >= sampling.max_tokens)

        return generate

    def _output(self, record: Trajectory) -> AgentLoopOutput:
        reward = self._setup.reward(record)
        made = rows(record, self._renderer)
        if not made:
            what = record.failure.message if record.failure else record.stop
            raise RuntimeError(f"task {record.task.id}: nothing was sampled ({what})")
        row = _fitting(made[-1], self.rollout_config.response_length, self._renderer)
        response = slice(row.prompt, len(row))
        mask = [0 if reward is None else bit for bit in row.mask[response]]
        images = _images(row, self._setup.source)
        return AgentLoopOutput(
            prompt_ids=list(row.ids[: row.prompt]),
            response_ids=list(row.ids[response]),
            response_mask=mask,
            response_logprobs=[value or 0.0 for value in row.logprobs[response]],
            multi_modal_data={"images": images} if images else {},
            reward_score=reward or 0.0,
            num_turns=2 * len(record.steps),
            metrics=AgentLoopMetrics(tool_calls=record.cost.seconds),
            extra_fields={
                "turn_scores": [],
                "tool_rewards": [],
                "left_out_tokens": sum(one.num_written for one in made[:-1]),
                "is_judged": reward is not None,
            },
        )


def _fitting(row: Row, response_length: int, renderer: Renderer) -> Row:
    """The row without the steps that verl has no room for: never cut inside a picture."""
    end = len(row)
    while end - row.prompt > response_length and row.steps[end - 1] > row.steps[row.prompt]:
        end = row.steps.index(row.steps[end - 1])
    if end == len(row):
        return row
    num = sum(
        part in PICTURES and (i == 0 or row.ids[i - 1] != renderer.image_id)
        for i, part in enumerate(row.parts[:end])
    )
    columns = ("ids", "parts", "steps", "mask", "weights", "logprobs")
    cut = {name: getattr(row, name)[:end] for name in columns}
    return Row(**cut, frames=row.frames[:num], trajectory=row.trajectory, prompt=row.prompt)


def _images(row: Row, source: Source) -> list[Any]:
    from PIL import Image

    return [Image.fromarray(picture) for picture in source.resolve(row.frames)]


@cache
def _made(setup: str) -> Setup:
    module, _, name = setup.partition(":")
    made = getattr(import_module(module), name or "setup")()
    if not isinstance(made, Setup):
        raise TypeError(f"{setup} gives a Setup: got {type(made).__name__}")
    return made


@cache
def _renderer(processor: Any) -> Renderer:
    return Renderer(processor)
