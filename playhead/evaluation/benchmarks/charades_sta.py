"""Charades-STA (TALL, 1705.02101): when does what a sentence says happen, in videos of 30 s.

Published as lines `AO8RW 0.0 6.9##a person is putting a book on a shelf.`: the video, the first and
the last second, the sentence. R@1 at an IoU of 0.3, 0.5 and 0.7, and mIoU.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.trajectory import Task
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records, share
from playhead.evaluation.benchmarks.records import Record, of_split, published, read_lines
from playhead.evaluation.scorers.grounding import iou, recall_at
from playhead.worlds.verify import AnswerKind

_HOME = "https://github.com/jiyanggao/TALL"
_SPLITS = {"test": "charades_sta_test.txt", "train": "charades_sta_train.txt"}
_LEAST = (0.3, 0.5, 0.7)


def _read(folder: Path, split: str) -> Iterator[Item]:
    lines = read_lines(published(folder, of_split(split, _SPLITS), home=_HOME))
    for i, (where, line) in enumerate(lines):
        yield _item(Record({"line": line}, where), i)


def _item(record: Record, place: int) -> Item:
    head, marks, sentence = record.text("line").partition("##")
    fields = head.split()
    if not marks or len(fields) != 3:
        raise record.bad("should be a video, two times, ## and a sentence")
    video, start, end = fields
    try:
        span = record.span(float(start), float(end))
    except ValueError as error:
        raise record.bad(f"its times are no stretch: {start} to {end}") from error
    task = Task(
        id=f"{video}-{place}",
        question=f"When does this happen? {sentence.strip()}",
        answer=[[span.start, span.end]],
        spans=(span,),
        metadata={"kind": AnswerKind.SPANS.value, "sentence": sentence.strip()},
    )
    return Item(task, (f"{video}.mp4",))


def _summary(records: Records) -> Mapping[str, float | None]:
    recalls = {f"R@1, IoU={least}": share(map(recall_at(least), records)) for least in _LEAST}
    return {**recalls, "mIoU": share(map(iou, records))}


CHARADES_STA = Benchmark(
    name="charades_sta",
    home=_HOME,
    licence="none stated for the sentences; the videos are Charades, for non-commercial use",
    read=_read,
    splits=tuple(_SPLITS),
    scorers=("recall@0.5", "recall@0.3", "recall@0.7", "iou"),
    summary=_summary,
    source="1705.02101; lmms-eval, charades_sta/utils.py",
)
