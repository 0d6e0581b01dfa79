"""Video-Holmes (2505.21374): 1,837 questions with six options about 270 suspense short films.

The summary is the owner's: accuracy of each of the seven types of question and of all. The owner's
second measure, a judge's view of the reasoning, is not given here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.trajectory import Task
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records
from playhead.evaluation.benchmarks.records import Record, of_split, published, read_json, record

_HOME = "https://huggingface.co/datasets/TencentARC/Video-Holmes"
_SPLITS = {"test": "test_Video-Holmes.json", "train": "train_Video-Holmes.json"}


def _read(folder: Path, split: str) -> Iterator[Item]:
    name = of_split(split, _SPLITS)
    for each in read_json(published(folder, name, f"Benchmark/{name}", home=_HOME)):
        yield _item(each)


def _item(each: Record) -> Item:
    video = each.text("video ID")
    named = record(each.data.get("Options"), f"{each.where}, Options")
    letters = sorted(named.data)
    if letters != [chr(65 + i) for i in range(len(letters))]:
        raise each.bad(f"the options should be lettered from A on: got {', '.join(letters)}")
    options = [named.text(letter) for letter in letters]
    task = Task(
        id=f"{video}-{each.text('Question ID')}",
        question=each.text("Question"),
        options=tuple(options),
        answer=each.lettered(options, "Answer"),
        metadata={"question_type": each.text("Question Type")},
    )
    return Item(task, (f"{video}.mp4",))


def _summary(records: Records) -> Mapping[str, float | None]:
    return {
        **choices.shares(records, "question_type"),
        "Overall": choices.share(map(choices.right, records)),
    }


VIDEO_HOLMES = Benchmark(
    name="video_holmes",
    home=_HOME,
    licence="Apache-2.0, for academic purposes only",
    read=_read,
    splits=tuple(_SPLITS),
    scorers=("choice",),
    groups=("question_type",),
    summary=_summary,
    source="2505.21374; github.com/TencentARC/Video-Holmes, evaluate.py",
)
