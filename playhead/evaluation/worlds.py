"""The worlds as a benchmark: rendered videos, nothing to fetch, and the truth is exact.

    questions = world_questions(videos=8, minutes=10)

Each video has one session of questions of every family. Beside them stand controls: one-minute
videos that can be looked at as a whole, where a tool is not needed and calling one is counted
(`over_calling`). Seeds are those of the development split, which training never draws.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from playhead.agent.source import Source, WorldSource
from playhead.core.trajectory import Task
from playhead.evaluation.questions import Questions
from playhead.evaluation.scorers.conduct import control
from playhead.memory.recipe import MemoryRecipe
from playhead.worlds.dataset import create_dataset, to_task

NAME = "worlds"
FAMILIES = ("needle", "multihop", "grounding", "count", "order", "fast", "negative")
"""What is asked about long videos, if nothing else is said."""
CONTROLS = ("needle", "order", "cooccurrence")
"""What is asked about videos of one minute."""
PART = "part"
"""In `Task.metadata`: the row of the table, which is a family, or `control`."""
CONTROL = "control"
_CONTROL_MS = 60_000
_CONTROL_SEED = 1_000_003  # apart: other worlds than the long ones
_SCORERS = (
    "accuracy", "evidence_iou", "evidence_recall", "evidence_complete",
    "over_calling", "false_positive", "brier",
)  # fmt: skip


@dataclass(frozen=True)
class WorldExam:
    """Which worlds are asked about."""

    families: tuple[str, ...] = FAMILIES
    videos: int = 6
    """How many, each with one question of each family."""
    minutes: float = 10.0
    """How long each runs."""
    controls: int = 3
    """Videos of one minute, each with one question of each of `CONTROLS`. 0: none."""
    seed: int = 0
    noise: int = 0
    """Levels of 255 by which every pixel is off."""

    def tasks(self) -> Iterator[Task]:
        """The questions, video after video."""
        duration_ms = round(self.minutes * 60_000)
        yield from self._asked(self.families, self.videos, self.seed, duration_ms)
        for task in self._asked(CONTROLS, self.controls, self.seed + _CONTROL_SEED, _CONTROL_MS):
            yield control(_part(task, CONTROL))

    def _asked(self, families: Sequence[str], videos: int, seed: int, ms: int) -> Iterator[Task]:
        if not videos:
            return
        each = len(families)
        data = create_dataset(
            families, videos * each, seed, split="dev", questions_per_video=each,
            duration_ms=ms, noise=self.noise,
        )  # fmt: skip
        for entry in data:
            task = to_task(entry)
            yield _part(task, str(task.metadata["family"]))


def world_questions(exam: WorldExam | None = None) -> Questions:
    """Questions about rendered worlds.

    Args:
        exam: Which. None: what `playhead eval worlds` asks.

    Raises:
        ValueError: A family or a size that cannot be, or a video too short for its questions.
    """
    exam = exam or WorldExam()

    @contextmanager
    def opened(recipe: MemoryRecipe, index: bool, memories: Path) -> Generator[Source]:
        with WorldSource(memories, recipe=recipe, index=index) as source:
            source.learn(tasks)
            yield source

    tasks = tuple(exam.tasks())
    how: dict[str, JsonValue] = {
        "families": list(exam.families), "videos": exam.videos, "minutes": exam.minutes,
        "controls": exam.controls, "seed": exam.seed, "noise": exam.noise,
    }  # fmt: skip
    return Questions(NAME, how, tasks, _SCORERS, (PART,), opened)


def _part(task: Task, part: str) -> Task:
    return task.replace(metadata={**task.metadata, PART: part})
