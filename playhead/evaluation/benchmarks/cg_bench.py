"""CG-Bench (2412.12075): questions with clues, long videos; an answer counts with its clue.

The owner asks for the option (long_acc) and for the intervals that hold the clues (mIoU) in two
runs. Here one attempt gives both: the option, and the seconds of the evidence that it cites. From
an IoU of t on a clue is found (rec@IoU) and a right answer counts (acc@IoU); both are means over
t = .1, .2, .3, .4, .5. Answering from the clues alone (clue_acc) is another run and is not here.

The mini set of 3,000 questions was read whole. That the whole set has the same fields could not be
verified.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.trajectory import Task
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records
from playhead.evaluation.benchmarks.records import Record, of_split, published, read_json
from playhead.evaluation.scorers.evidence import acc_iou, evidence_iou, recall_iou

_HOME = "https://huggingface.co/datasets/CG-Bench/CG-Bench"
_SPLITS = {"mini": "cgbench_mini.json", "full": "cgbench.json"}


def _read(folder: Path, split: str) -> Iterator[Item]:
    for record in read_json(published(folder, of_split(split, _SPLITS), home=_HOME)):
        yield _item(record, folder)


def _item(record: Record, folder: Path) -> Item:
    options, video = record.texts("choices"), record.text("video_uid")
    subtitles = f"subtitles/{video}.srt"
    task = Task(
        id=record.text("qid"),
        question=record.text("question"),
        options=tuple(options),
        answer=record.lettered(options, "right_answer"),
        spans=record.spans("clue_intervals"),
        metadata={name: record.text(name) for name in ("domain", "sub_category")},
    )
    return Item(task, (f"{video}.mp4",), subtitles if (folder / subtitles).is_file() else None)


def _summary(records: Records) -> Mapping[str, float | None]:
    return {
        "long_acc": choices.share(map(choices.right, records)),
        "mIoU": choices.share(map(evidence_iou, records)),
        "rec@IoU": choices.share(map(recall_iou, records)),
        "acc@IoU": choices.share(map(acc_iou, records)),
    }


CG_BENCH = Benchmark(
    name="cg_bench",
    home=_HOME,
    licence="none stated in the owner's repository",
    read=_read,
    splits=tuple(_SPLITS),
    scorers=("choice", "evidence_iou", "recall_iou", "acc_iou"),
    groups=("sub_category", "domain"),
    summary=_summary,
    source="2412.12075; github.com/CG-Bench/CG-Bench, run/stat_with_key.py and run/utils.py",
)
