"""Small runs to look at: a few questions about rendered worlds, and runs written by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from playhead.core import Budget, Span, Stop, Task, Trajectory
from playhead.core.budget import Cost
from playhead.core.policy import Sampling
from playhead.core.trajectory import Answer
from playhead.evaluation.questions import Questions
from playhead.evaluation.run import Run, make_run
from playhead.evaluation.settings import Settings
from playhead.evaluation.subjects import find_subject
from playhead.evaluation.worlds import WorldExam, world_questions

SMALL = WorldExam(families=("needle", "negative"), videos=2, minutes=0.5, controls=0)


def small(**changes: Any) -> Questions:
    """Four questions about two videos of half a minute."""
    return world_questions(WorldExam(**{**vars(SMALL), **changes}))


def made(folder: Path, questions: Questions, model: str = "uniform:8", **how: Any) -> Run:
    """A run, made or gone on with."""
    return asyncio.run(make_run(folder, questions, find_subject(model), **how))


def attempted(
    id_: str, right: bool | None, *, video: str = "v", part: str = "needle", **more: Any
) -> Trajectory:
    """An attempt that is right, wrong, or (None) failed because a disk broke."""
    cost = more.pop("cost", Cost(frames=4, calls=2, visual_tokens=100, seconds=1.5))
    said = more.pop("said", "red" if right else "blue")
    confidence = more.pop("confidence", None)
    task = Task(
        id=id_, question=f"Which colour is {id_}?", video_ids=(video,), answer="red",
        spans=(Span(start=0.0, end=1.0),), metadata={"part": part, **more.pop("metadata", {})},
    )  # fmt: skip
    ended: dict[str, Any] = {"stop": Stop.ANSWERED, "answer": Answer(text=said)}
    if confidence is not None:
        ended["answer"] = Answer(text=said, confidence=confidence)
    if right is None:
        failure = {"origin": "world", "code": "broke", "message": "the disk is gone"}
        ended = {"stop": Stop.FAILED, "failure": failure}
    return Trajectory.model_validate(
        {"id": f"{id_}-0", "task": task, "cost": cost, **ended, **more}
    )


def written(
    records: Iterable[Trajectory],
    *,
    label: str = "mine",
    num: int | None = None,
    budget: Budget | None = None,
    scorers: tuple[str, ...] = ("accuracy", "false_positive"),
    **changes: Any,
) -> Run:
    """A run of these attempts, as if it had been read."""
    found = tuple(records)
    settings = Settings(
        label=label, benchmark="colours", how={}, questions="0", num=num or len(found),
        scorers=scorers, groups=("part",), missing={}, model=label, strategy="auto", tools=(),
        budget=budget or Budget(), memory="", sampling=Sampling(), judge="", contaminated=(),
        versions={},
    )  # fmt: skip
    return Run(Path("runs") / label, settings.replace(**changes), found)
