"""What a run was asked to do, as it is written down before its first attempt.

    settings = settings_of(questions, subject, label, sampling, judge, contaminated)
    begin(folder, settings, questions)          # written, or found to be what was written before

The one idea: a number belongs to its settings. A folder that was begun with others, or by another
version, is refused with what differs: half of a number is no number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from playhead.agent.record import versions
from playhead.core.budget import Budget
from playhead.core.errors import PlayheadError
from playhead.core.policy import Sampling
from playhead.core.value import JsonObject, Text, Value
from playhead.evaluation.questions import Questions, memory_name
from playhead.evaluation.scorers.judge import Judge
from playhead.evaluation.subjects import Subject

SETTINGS, QUESTIONS = "run.json", "questions.json"


class Settings(Value):
    """What a run was asked to do. Written before the first attempt."""

    label: Text
    """What reports call it."""
    benchmark: Text
    how: JsonObject
    """Of the benchmark: split, seed ..."""
    questions: Text
    """A digest of every question, its truth and its order."""
    num: int
    """How many questions."""
    scorers: tuple[Text, ...]
    groups: tuple[Text, ...]
    missing: dict[Text, int]
    """Videos that are not there, each with how many questions were left out for it."""
    model: Text
    strategy: Text
    tools: tuple[Text, ...]
    budget: Budget
    memory: Text
    """Names how videos are remembered and indexed."""
    sampling: Sampling
    judge: Text
    """Empty: none."""
    contaminated: tuple[Text, ...]
    """Ids of questions that were trained on, as far as is known."""
    versions: dict[Text, Text]

    def differs(self, other: Settings) -> list[str]:
        """What another run was asked differently, in words: `budget.frames: 16, not 64`."""
        mine, theirs = (_flat(json.loads(each.to_json())) for each in (self, other))
        return [
            f"{name}: {mine.get(name)!r}, not {theirs.get(name)!r}"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]


class OtherRun(PlayheadError, ValueError):
    """A folder holds a run that was asked something else."""


def settings_of(
    questions: Questions,
    subject: Subject,
    label: str,
    sampling: Sampling,
    judge: Judge | None,
    contaminated: Iterable[str],
) -> Settings:
    """What a run is asked.

    Args:
        questions: What is asked.
        subject: Who is measured.
        label: What reports call it.
        sampling: How replies are drawn.
        judge: Who scores prose. None: nobody.
        contaminated: Ids of questions that were trained on.
    """
    return Settings(
        label=label,
        benchmark=questions.benchmark,
        how=dict(questions.how),
        questions=questions.digest,
        num=len(questions.tasks),
        scorers=questions.scorers,
        groups=questions.groups,
        missing=dict(questions.missing),
        model=subject.name,
        strategy=subject.strategy,
        tools=tuple(tool.name for tool in subject.tools),
        budget=subject.budget,
        memory=memory_name(subject.recipe, subject.index),
        sampling=sampling,
        judge="" if judge is None else judge.name,
        contaminated=tuple(contaminated),
        versions=dict(versions()),
    )


def begin(folder: Path, settings: Settings, questions: Questions) -> None:
    """Write what is asked, or see that it is what was asked before.

    Raises:
        OtherRun: The folder holds a run that was asked something else.
    """
    path = folder / SETTINGS
    if path.exists():
        begun = Settings.from_json(path.read_bytes())
        if differing := begun.differs(settings):
            raise OtherRun(
                f"{folder} was begun with other settings ({'; '.join(differing)}): give another "
                "folder, or remove it"
            )
        return
    ids = [task.id for task in questions.tasks]
    (folder / QUESTIONS).write_text(json.dumps(ids, indent=0) + "\n", encoding="utf-8")
    part = path.with_suffix(".part")
    part.write_text(settings.model_dump_json(indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            flat[f"{prefix}{name}"] = value
    return flat
