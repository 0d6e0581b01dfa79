"""LVBench (2406.08035): 1,549 questions with four options about 103 videos of half an hour to two.

Published as JSON lines, a video each, named by its key on YouTube. The options stand inside the
question, a line each. A question can have several types; it counts in each of them.

The fields were read in the owner's scoring script and in VideoMind's loader; the file itself could
not be seen. `time_reference` is read where it is a stretch such as `01:02-01:09`, else left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.span import Span
from playhead.core.trajectory import Task
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records
from playhead.evaluation.benchmarks.records import Record, of_split, published, read_json_lines

_HOME = "https://huggingface.co/datasets/THUDM/LVBench"
_FILE = "video_info.meta.jsonl"
_SHORT = {
    "key information retrieval": "KIR",
    "event understanding": "EU",
    "summarization": "Sum",
    "entity recognition": "ER",
    "reasoning": "Rea",
    "temporal grounding": "TG",
}
_OPTION = re.compile(r"\([A-Z]\) ?")


def _read(folder: Path, split: str) -> Iterator[Item]:
    name = of_split(split, {"test": _FILE})
    for video in read_json_lines(published(folder, name, f"data/{name}", home=_HOME)):
        for record in video.records("qa"):
            yield _item(record, video.text("key"), str(video.data.get("type", "")))


def _item(record: Record, key: str, kind: str) -> Item:
    question, *options = record.text("question").split("\n")
    if not options or not all(map(_OPTION.match, options)):
        raise record.bad("the options should follow the question, a line each, as (A) ...")
    options = choices.bare(options)
    types = record.texts("question_type")
    task = Task(
        id=record.text("uid"),
        question=question,
        options=tuple(options),
        answer=record.lettered(options, "answer"),
        spans=_seen(record),
        metadata={"type": kind, "question_type": " + ".join(types), "types": [*types]},
    )
    return Item(task, (f"{key}.mp4",))


def _seen(record: Record) -> tuple[Span, ...] | None:
    try:
        return (Span.parse(str(record.data.get("time_reference", ""))),)
    except ValueError:
        return None


def _summary(records: Records) -> Mapping[str, float | None]:
    by_type: dict[str, list[float | None]] = {}
    for record in records:
        types = record.task.metadata["types"]
        for name in types if isinstance(types, list) else []:
            by_type.setdefault(str(name), []).append(choices.right(record))
    shares = {_SHORT.get(name, name): choices.share(found) for name, found in by_type.items()}
    return {**shares, "Overall": choices.share(map(choices.right, records))}


def _submission(records: Records) -> tuple[str, str]:
    """What the owner's script scores: from the id of a question to the letter chosen."""
    letters = {record.task.id: choices.letter(record) for record in records}
    return "answers.json", json.dumps(letters, indent=2)


LVBENCH = Benchmark(
    name="lvbench",
    home=_HOME,
    licence="CC-BY-NC-SA-4.0; academic research only",
    read=_read,
    splits=("test",),
    scorers=("choice",),
    groups=("type", "question_type"),
    summary=_summary,
    source="2406.08035; github.com/THUDM/LVBench, lvbench/metrics/compute_accuracy.py",
    submission=_submission,
)
