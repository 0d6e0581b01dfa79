"""A model that is being trained, as it stands, plays attempts: by itself, or by an engine.

    player = Player(model, processor, accelerator, source, settings, tools=tools)
    trajectories = player.play(jobs, wrapped, step=0)
    player.close()

An engine is given the new weights once after each update, before it plays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from playhead.agent.loop_thread import LoopThread
from playhead.agent.rollouts import Job, play
from playhead.agent.source import Source
from playhead.core.policy import Sampling
from playhead.core.tools import Tool
from playhead.core.trajectory import Trajectory
from playhead.models.policies.transformers import TransformersPolicy
from playhead.training.processes import joined
from playhead.training.rl_settings import RLSettings


class Player:
    """Plays, in a thread of its own; `close` it afterwards."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        accelerator: Any,
        source: Source,
        settings: RLSettings,
        *,
        tools: Sequence[Tool],
        engine: Any = None,
        serve: Mapping[str, Any] | None = None,
        is_sharded: bool = False,
    ) -> None:
        """Begin a thread.

        Args:
            model: Of transformers, that is trained.
            processor: Of the same model.
            accelerator: Of the trainer.
            source: Where the videos are.
            settings: How attempts go.
            tools: What it may call.
            engine: Who samples, such as `VLLMEngine`. None: the model itself.
            serve: What the model's policy takes, such as `think_back`.
            is_sharded: The model is in shards (FSDP2, ZeRO 3): the engine is given all weights,
                joined.

        Raises:
            ValueError: A model in shards without an engine, or by FSDP1.
        """
        if is_sharded and engine is None:
            raise ValueError("a model in shards is sampled by an engine: give one")
        has_fsdp = getattr(accelerator.state, "fsdp_plugin", None) is not None
        if has_fsdp and not accelerator.is_fsdp2:
            raise ValueError("a model in shards is sampled with FSDP2: set version 2")
        own = {"max_batch": settings.at_once, **(serve or {}), "resolve": source.resolve}
        self._own = None if engine else TransformersPolicy((model, processor), **own)
        self._engine, self._accelerator, self._is_sharded = engine, accelerator, is_sharded
        self._source, self._settings, self._tools = source, settings, tuple(tools)
        self._loop = LoopThread()
        self._updated_at = -1

    @property
    def is_exact(self) -> bool:
        """Whether who samples calculates as the trainer does, so that nothing is corrected for."""
        return self._engine is None or self._engine.is_copy

    def play(self, jobs: Sequence[Job], model: Any, *, step: int) -> list[Trajectory]:
        """Attempts of the model as it stands now, in the order of the jobs.

        Args:
            jobs: Which.
            model: As the trainer has wrapped it.
            step: Updates so far.
        """
        from trl.models.utils import unwrap_model_for_generation

        settings = self._settings
        sampling = Sampling(
            temperature=settings.temperature,
            top_p=settings.top_p,
            max_tokens=settings.max_reply_tokens,
            logprobs=True,
        )
        with ExitStack() as stack:
            unwrapped = unwrap_model_for_generation(
                model, self._accelerator, gather_deepspeed3_params=False
            )
            live: Any = stack.enter_context(unwrapped)
            if self._engine is not None and self._updated_at != step:
                self._updated_at = step
                self._update(live)
            stack.callback(live.train, live.training)
            live.eval()
            policy: Any = self._engine.policy if self._engine is not None else self._own
            work = play(
                jobs,
                policy,
                self._source,
                tools=self._tools,
                strategy=settings.strategy,
                sampling=sampling,
                budget=settings.budget,
                at_once=settings.at_once,
            )
            return self._loop.run(work)

    def _update(self, model: Any) -> None:
        """Give the engine the weights. Every process takes part."""
        takes = self._accelerator.is_main_process or not self._engine.is_shared
        whole = joined(model, keep=takes) if self._is_sharded else None
        if takes:
            self._engine.update(model, whole)
        self._accelerator.wait_for_everyone()

    def close(self) -> None:
        """End the threads that play."""
        if self._own is not None:
            self._own.close()
        self._loop.close()
