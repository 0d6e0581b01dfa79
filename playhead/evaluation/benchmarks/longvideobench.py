"""LongVideoBench (2407.15754): questions that refer to one moment of a video with subtitles.

The validation set has its answers; those of the test set stay with the owner's server. Videos are
grouped by duration: 8 to 15 s, 15 to 60 s, 3 to 10 minutes, 15 to 60 minutes, named by their
longest second. Subtitles are JSON files that count from another second than the video, which is
taken off.

The fields were read in the owner's loader, lmms-eval and VideoMind. The owner's scorer takes a
random option where it finds no letter in a response; here none chosen is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.trajectory import Task
from playhead.core.value import JsonObject
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records
from playhead.evaluation.benchmarks.records import Record, of_split, published, read_json, record
from playhead.video.subtitles import Line

_HOME = "https://huggingface.co/datasets/longvideobench/LongVideoBench"
_SPLITS = {"val": "lvb_val.json", "test": "lvb_test_wo_gt.json"}


def _read(folder: Path, split: str) -> Iterator[Item]:
    for each in read_json(published(folder, of_split(split, _SPLITS), home=_HOME)):
        yield _item(each)


def _item(each: Record) -> Item:
    options = each.texts("candidates")
    has_truth = each.has("correct_choice")
    metadata: JsonObject = {
        "duration_group": each.whole("duration_group"),
        "question_category": each.text("question_category"),
        "subtitles_start_s": each.number("starting_timestamp_for_subtitles"),
        "duration_s": each.number("duration"),
    }
    task = Task(
        id=each.text("id"),
        question=each.text("question"),
        options=tuple(options),
        answer=each.option(options, each.whole("correct_choice")) if has_truth else None,
        metadata=metadata,
    )
    return Item(task, (each.text("video_path"),), f"subtitles/{each.text('subtitle_path')}")


def _said(folder: Path, item: Item) -> list[Line]:
    """The lines of an item's subtitle file, which counts from another second than its video and
    goes on after its end."""
    if item.subtitles is None:
        return []
    about = record(item.task.metadata, item.task.id)
    start_s = about.number("subtitles_start_s")
    last_s = start_s + about.number("duration_s")
    lines: list[Line] = []
    for entry in read_json(published(folder, item.subtitles, home=_HOME)):
        start, end = _times(entry, last_s)
        if min(end, last_s) > max(start, start_s):
            span = entry.span(start - start_s, min(end, last_s) - start_s)
            lines.append(Line(span, entry.text("text" if entry.has("text") else "line")))
    return lines


def _times(entry: Record, last_s: float) -> tuple[float, float]:
    """`timestamp: [1.2, 3.4]`, of which the end can be unknown, or `start` and `end` as text."""
    match entry.data.get("timestamp"):
        case [int() | float() as start, int() | float() as end]:
            return float(start), float(end)
        case [int() | float() as start, None]:
            return float(start), last_s
        case _:
            return entry.seconds("start"), entry.seconds("end")


def _summary(records: Records) -> Mapping[str, float | None]:
    return {
        **choices.shares(records, "duration_group"),
        **choices.shares(records, "question_category"),
        "Overall": choices.share(map(choices.right, records)),
    }


def _submission(records: Records) -> tuple[str, str]:
    """From the id of a question to the letter chosen, as lmms-eval writes it for the owner."""
    letters = {record.task.id: choices.letter(record) for record in records}
    return "longvideobench_test_for_submission.json", json.dumps(letters)


LONGVIDEOBENCH = Benchmark(
    name="longvideobench",
    home=_HOME,
    licence="CC-BY-NC-SA-4.0",
    read=_read,
    splits=tuple(_SPLITS),
    scorers=("choice",),
    groups=("duration_group", "question_category"),
    summary=_summary,
    source="2407.15754; github.com/longvideobench/LongVideoBench; lmms-eval, longvideobench",
    submission=_submission,
    said=_said,
)
