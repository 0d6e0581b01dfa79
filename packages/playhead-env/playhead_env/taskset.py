"""Questions about rendered worlds as tasks of verifiers, with rewards that are exact.

A world and its questions are a function of the config and a number, so the task set has no files
and no end but `size`. What is asked is worded as Playhead words it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import verifiers.v1 as vf

from playhead.agent.prompts import SYSTEM, opening
from playhead.agent.source import WorldSource
from playhead.core.span import Span
from playhead.evaluation.scorers.intervals import iou
from playhead.worlds.dataset import create_dataset, to_task
from playhead.worlds.verify import score
from playhead_env.watching import Watched, Watching, WatchingConfig, WorldData


class WorldTaskConfig(vf.TaskConfig):
    """What rollouts may do: `--env.taskset.task.watching.*`."""

    watching: WatchingConfig = WatchingConfig()


class WorldTasksetConfig(vf.TasksetConfig):
    """Which questions: `--env.taskset.*`."""

    family: str = "needle"
    """A family of questions, or `all`."""
    size: int = 1000
    """How many."""
    seed: int = 42
    """Another seed, other worlds."""
    split: Literal["train", "dev"] = "train"
    """Training never sees the held-out pairs, places and phrasings of `dev`."""
    seconds: int = 60
    """How long each film runs."""
    task: WorldTaskConfig = WorldTaskConfig()


class WorldTask(vf.Task[WorldData, Watched, WorldTaskConfig]):
    """One question about one world."""

    @property
    def key(self) -> str:
        """The question's id: another run's index changes nothing."""
        return self.data.watched.id

    @classmethod
    def toolsets(cls, config: WorldTaskConfig) -> list[vf.Toolset]:
        """A film of its own for each rollout."""
        return [Watching(config.watching)]

    @vf.stop
    async def answered(self, trace: vf.Trace) -> bool:
        """The answer tool ends a rollout."""
        return trace.state.answer is not None

    @vf.stop
    async def out_of_turns(self, trace: vf.Trace) -> bool:
        """As many replies as it may have."""
        return trace.num_turns >= self.config.watching.turns

    @vf.reward
    async def accuracy(self, trace: vf.Trace) -> float:
        """How right the answer is, 0 to 1; of a rollout that never called the answer tool, its last
        words are the answer."""
        _refuse_broken(trace.state)
        task = self.data.watched
        said = trace.last_reply if trace.state.answer is None else trace.state.answer
        return score(str(task.metadata["kind"]), said, task.answer, task.options)

    @vf.reward(weight=0.5)
    async def grounding(self, trace: vf.Trace) -> float:
        """Intersection over union of the cited seconds and those that hold the truth."""
        _refuse_broken(trace.state)
        cited = [Span(start=start, end=end) for start, end in trace.state.cited]
        return iou(cited, self.data.watched.spans or ())

    @vf.metric
    async def frames(self, trace: vf.Trace) -> float:
        """Pictures looked at."""
        return float(trace.state.frames)


class WorldTaskset(vf.Taskset[WorldTask, WorldTasksetConfig]):
    """Questions about rendered worlds."""

    def load(self) -> Iterator[WorldTask]:
        """Make each question when it is asked for."""
        wanted = self.config
        budget = wanted.task.watching.budget
        data = create_dataset(
            wanted.family,
            size=wanted.size,
            seed=wanted.seed,
            split=wanted.split,
            duration_ms=1000 * wanted.seconds,
        )
        with WorldSource() as source:
            for entry in data:
                task = to_task(entry)
                with source.open(task, budget) as ctx:
                    prompt = opening(task, ctx, budget)
                yield WorldTask(
                    WorldData(id=task.id, prompt=prompt, system_prompt=SYSTEM, watched=task),
                    wanted.task,
                )


def _refuse_broken(state: Watched) -> None:
    """An error and not a reward: what broke says nothing about the model."""
    if state.broken is not None:
        raise RuntimeError(f"not the model's fault: {state.broken}")
