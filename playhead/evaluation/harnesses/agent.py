"""The agent as a harness calls it: words and the paths of videos go in, a record comes back.

    with HarnessAgent(model="openai:qwen3-vl@http://localhost:8000/v1", effort="quick") as agent:
        print(in_words(agent.ask(Asked("What happens?\nA. rain\nB. snow", ("film.mp4",)))))

The one idea: a harness brings the question as it would give it to any model, and the agent looks
for itself. Every question is attempted alone, so the order of the questions, and how many are asked
at once, changes no answer. The records are kept, because a harness keeps only the words.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Self

from playhead import config
from playhead.agent.api import recipe_of
from playhead.agent.loop_thread import LoopThread
from playhead.agent.rollouts import Job, fault, play
from playhead.agent.source import FileSource
from playhead.core.errors import Blamed, Origin
from playhead.core.policy import Policy
from playhead.core.span import Span
from playhead.core.store import TrajectoryStore
from playhead.core.trajectory import Task, Trajectory
from playhead.models.strings import find_policy, manner_of
from playhead.tools.toolset import default_tools


class Asked(NamedTuple):
    """One question of a harness."""

    text: str
    """The prompt, with the options and how to answer if there are any."""
    videos: tuple[str, ...]
    """Paths of files, one or more."""
    within: Span | None = None
    """The part that it is about. None: all of it."""


class HarnessAgent:
    """Answers questions about files. A context manager."""

    def __init__(
        self,
        *,
        model: str | Policy | None = None,
        effort: str | None = None,
        frames: int | None = None,
        strategy: str = "auto",
        folder: str | os.PathLike[str] = "playhead-harness",
    ) -> None:
        """Find the model. What is not said here comes from the settings (`playhead.config`).

        Args:
            model: A model string (see `playhead.models.strings`) or a policy.
            effort: `quick`, `normal` or `deep`: what a question may cost, but for its bound in
                seconds, which a busy machine would break.
            frames: The most pictures that it may look at. None: the effort's.
            strategy: As in `attempt`.
            folder: For the indexes of videos, made once, and the records: `attempts.jsonl`.

        Raises:
            ValueError: A setting cannot be.
            NoSuchPlugin: No such model.
        """
        settings = config.load(effort=effort)
        taught = manner_of(model or settings.model, environment=os.environ).budget
        budget = settings.budget_of(taught).replace(seconds=None)
        self.budget = budget if frames is None else budget.replace(frames=frames)
        self.store = TrajectoryStore(Path(folder) / "attempts.jsonl")
        self._source = FileSource(Path(folder) / "indexes", recipe=recipe_of(settings))
        self.policy = _policy(model or settings.model, self._source)
        self._strategy = strategy
        self._loop = LoopThread()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back but the folder. Closing twice is fine."""
        self._loop.close()
        self._source.close()

    def ask(self, asked: Asked) -> Trajectory:
        """Attempt a question, and wait for its record. May be called from many threads at once.

        Raises:
            VideoError: A file cannot be opened.
        """
        ids = tuple(self._source.add(path) for path in asked.videos)
        named = repr((asked.text, ids, asked.within)).encode()
        name = blake2b(named, digest_size=8).hexdigest()
        task = Task(id=name, question=asked.text, video_ids=ids, within=asked.within)
        playing = play(
            [Job(task, name, 0)],
            self.policy,
            self._source,
            tools=default_tools(),
            strategy=self._strategy,
            budget=self.budget,
            bounds=True,
        )
        (record,) = self._loop.run(playing)
        self.store.append(record)
        return record


def in_words(record: Trajectory) -> str:
    """The answer for a harness to score; empty if the model gave none.

    Raises:
        Blamed: Something failed that was not the model's fault: the record says nothing about it.
    """
    origin = fault(record)
    if origin not in (None, Origin.MODEL):
        raise Blamed(origin, f"the attempt {record.id} failed: {_why(record)}")
    return "" if record.answer is None else record.answer.text


def _why(record: Trajectory) -> str:
    calls = (seen.failure for step in record.steps for seen in step.observations)
    failures = [failure for failure in (record.failure, *calls) if failure is not None]
    return "; ".join(f.message for f in failures if f.origin is not Origin.MODEL)


def _policy(model: str | Policy, source: FileSource) -> Policy:
    if not isinstance(model, str):
        return model
    return find_policy(model, resolve=source.resolve, environment=os.environ)
