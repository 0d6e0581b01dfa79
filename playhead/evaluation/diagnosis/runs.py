"""Diagnosis of a run that is kept in a folder: its questions again, by whom it was made.

    with again(read_run(folder)) as run:
        for gap in await run.gaps([blind, single_frame]):
            print(gap.told)

Probes are kept beside the run, `probes/VIEW.jsonl`, and none is put twice.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from playhead.agent.source import Source
from playhead.core.policy import Policy
from playhead.core.store import TrajectoryStore
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.benchmarks import find_benchmark
from playhead.evaluation.diagnosis.failures import Case, diagnose
from playhead.evaluation.diagnosis.gaps import Gap, gaps
from playhead.evaluation.diagnosis.probes import probe
from playhead.evaluation.diagnosis.views import Tell, View
from playhead.evaluation.files import file_questions
from playhead.evaluation.questions import Questions
from playhead.evaluation.run import Run
from playhead.evaluation.scorers import find_scorer
from playhead.evaluation.subjects import UNIFORM, find_subject
from playhead.evaluation.worlds import NAME, WorldExam, world_questions
from playhead.memory.recipe import MemoryRecipe

_AT_A_TIME = 32
PROBES = "probes"


@dataclass(frozen=True)
class Again:
    """A run, its questions and who answered them, ready to be asked."""

    run: Run
    tasks: tuple[Task, ...]
    source: Source
    policy: Policy

    async def probes(self, view: View, *, at_once: int = 4) -> list[Trajectory]:
        """Every question of the run with what a view shows, in order; what is kept is not asked
        again."""
        store = TrajectoryStore(self.run.folder / PROBES / f"{view.name.replace(':', '-')}.jsonl")
        store.path.parent.mkdir(exist_ok=True)
        done = {record.task.id: record for record in store if record.failure is None}
        left = [task for task in self.tasks if task.id not in done]
        for start in range(0, len(left), _AT_A_TIME):
            some = left[start : start + _AT_A_TIME]
            for record in await probe(self.policy, some, self.source, view, at_once=at_once):
                store.append(record)
                done[record.task.id] = record
        return [done[task.id] for task in self.tasks if task.id in done]

    async def gaps(self, views: Sequence[View], *, at_once: int = 4) -> list[Gap]:
        """What the run scores above each view, by its benchmark's own scorer."""
        found = {view.name: await self.probes(view, at_once=at_once) for view in views}
        return gaps(self.run.records, found, find_scorer(self.run.settings.scorers[0]))

    async def failures(self, *, num_frames: int = 16, tell: Tell | None = None) -> list[Case]:
        """Why its wrong answers are wrong."""
        return await diagnose(
            self.run.records, self.policy, self.source, num_frames=num_frames, tell=tell
        )


@contextmanager
def again(run: Run, *, data: Path | None = None, videos: Path | None = None) -> Generator[Again]:
    """Open a run's questions and whoever answered them.

    Args:
        run: As `read_run` gives it.
        data: The folder with the benchmark's annotation files. Worlds need none.
        videos: The folder with its videos. Worlds need none.

    Raises:
        ValueError: The files do not hold the run's questions, or what was measured has no policy
            that could be asked without tools.
    """
    settings = run.settings
    if settings.model.partition(":")[0] == UNIFORM:
        raise ValueError(f"{settings.model} is a baseline of pictures: there is nobody to ask")
    questions = _questions(run, data, videos)
    if questions.digest != settings.questions:
        raise ValueError(f"these are not the questions of {run.folder}: other files, or a new set")
    subject = find_subject(settings.model, environment=os.environ)
    recipe = MemoryRecipe(embedders=(), eyes=(), late_eyes=())
    with (
        TemporaryDirectory(prefix="playhead-") as memories,
        questions.open(recipe, False, Path(memories)) as source,
    ):
        yield Again(run, questions.tasks, source, subject.make(source, questions.tasks))


def _questions(run: Run, data: Path | None, videos: Path | None) -> Questions:
    how = cast("dict[str, Any]", dict(run.settings.how))
    first = how.pop("first", None)
    if run.settings.benchmark == NAME:
        families = tuple(how.pop("families"))
        found = world_questions(WorldExam(families=families, **how))
    elif data is None or videos is None:
        raise ValueError("give the folders with the benchmark's files: --data and --videos")
    else:
        found = file_questions(
            find_benchmark(run.settings.benchmark), data, videos, run.folder.parent / "indexes",
            split=how["split"], subtitles=bool(how["subtitles"]), allow_missing=True,
        )  # fmt: skip
    return found if first is None else found.first(first)
