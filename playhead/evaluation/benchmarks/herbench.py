"""HERBench (2512.14870): 26,806 questions with five options that each need three separate cues.

Published as a JSON file for each of twelve tasks. `metadata.timestamps` says for some tasks where
the cues are; stretches such as `00:08.0-00:09.0` are read as the seconds that hold the truth, and
where anything else stands there they are not known. The format was read in the owner's description
and loader, which show one record; the published files could not be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from playhead.core.span import Span
from playhead.core.trajectory import Task
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records
from playhead.evaluation.benchmarks.records import Record, of_split, published, read_folder

_HOME = "https://github.com/anonsubmission1/HERBench"


def _read(folder: Path, split: str) -> Iterator[Item]:
    pattern = of_split(split, {"test": "*.json"})
    tasks = published(folder, "tasks", "data/tasks", home=_HOME)
    for _, record in read_folder(tasks, pattern, home=_HOME):
        yield _item(record)


def _item(record: Record) -> Item:
    options = choices.bare(record.texts("candidates"))
    task = Task(
        id=record.text("question_id"),
        question=record.text("question"),
        options=tuple(options),
        answer=record.option(options, record.whole("answer_index")),
        spans=_cues(record),
        metadata={"task_type": record.text("task_type")},
    )
    return Item(task, (record.text("video_path").removeprefix("videos/"),))


def _cues(record: Record) -> tuple[Span, ...] | None:
    metadata = record.data.get("metadata")
    listed = cast("dict[str, object]", metadata).get("timestamps") if metadata else None
    try:
        return tuple(Span.parse(str(text)) for text in cast("list[object]", listed or [])) or None
    except ValueError:
        return None


def _summary(records: Records) -> Mapping[str, float | None]:
    return {
        **choices.shares(records, "task_type"),
        "Overall": choices.share(map(choices.right, records)),
    }


HERBENCH = Benchmark(
    name="herbench",
    home=_HOME,
    licence="MIT",
    read=_read,
    splits=("test",),
    scorers=("choice", "evidence_recall"),
    groups=("task_type",),
    summary=_summary,
    source="HERBench; github.com/anonsubmission1/HERBench, evaluation/calculate_accuracy.py",
)
