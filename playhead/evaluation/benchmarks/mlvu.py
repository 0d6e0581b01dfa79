"""MLVU (2406.04264): nine tasks about videos of 3 minutes to 2 hours.

Seven tasks have options; their accuracies are averaged, each task counting the same (M-Avg). The
two others, sub-scene captioning and summaries, are prose. Their G-Avg comes from the owner's
prompts to one GPT-4 version, so it is not given here; `judged` scores them by a judge of yours.

The development set is read as the owner's repository holds it. The test set is
`test_question.json`, as the owner's script for it reads; whether the truth, which was published
later in a file of its own, has the same fields could not be verified, so it is not read.
Two published answers (`needle_4.mp4`, `needle_5.mp4`) are none of their options and some options
are blank: they are kept as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.trajectory import Task
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records
from playhead.evaluation.benchmarks.records import Record, of_split, published, read_json
from playhead.evaluation.scorers.answers import OPEN

_HOME = "https://huggingface.co/datasets/MLVU/MVLU"
_HOME_TEST = "https://huggingface.co/datasets/MLVU/MLVU_Test"
_TASKS = (
    "1_plotQA", "2_needle", "3_ego", "4_count", "5_order", "6_anomaly_reco", "7_topic_reasoning",
    "8_sub_scene", "9_summary",
)  # fmt: skip


def _read(folder: Path, split: str) -> Iterator[Item]:
    return of_split(split, {"dev": _dev, "test": _test})(folder)


def _dev(folder: Path) -> Iterator[Item]:
    for name in _TASKS:
        places = (f"{name}.json", f"json/{name}.json", f"data/{name}.json")
        for i, record in enumerate(read_json(published(folder, *places, home=_HOME))):
            kind = record.text("question_type")
            answer = record.text("answer")
            yield _item(record, f"{kind}-{i}", f"{name}/{record.text('video')}", answer)


def _test(folder: Path) -> Iterator[Item]:
    for record in read_json(published(folder, "test_question.json", home=_HOME_TEST)):
        yield _item(record, record.text("question_id"), record.text("video"), None)


def _item(record: Record, id_: str, video: str, answer: str | None) -> Item:
    options = record.texts("candidates") if record.has("candidates") else []
    metadata: dict[str, str] = {"question_type": record.text("question_type")}
    if not options:
        metadata["kind"] = OPEN
    task = Task(
        id=id_,
        question=record.text("question"),
        options=tuple(options),
        answer=answer,
        metadata={**metadata},
    )
    return Item(task, (video,))


def _summary(records: Records) -> Mapping[str, float | None]:
    chosen_from = [record for record in records if record.task.options]
    tasks = choices.shares(chosen_from, "question_type")
    return {**tasks, "M-Avg": choices.share(tasks.values())}


def _submission(records: Records) -> tuple[str, str]:
    """The owner's `test_res.json`: the letter chosen for each question of the test set."""
    rows = [
        {
            "question_id": record.task.id,
            "question_type": record.task.metadata["question_type"],
            "option": choices.letter(record),
        }
        for record in records
        if record.task.options
    ]
    return "test_res.json", json.dumps(rows, indent=2)


MLVU = Benchmark(
    name="mlvu",
    home=_HOME,
    licence="CC-BY-NC-SA-4.0; research only",
    read=_read,
    splits=("dev", "test"),
    scorers=("choice", "judged"),
    groups=("question_type",),
    summary=_summary,
    source="2406.04264; github.com/JUNJIE99/MLVU, evaluation/, evaluation_test/",
    submission=_submission,
)
