"""V2P-Bench (2503.17736): 1,172 questions about what is marked on a picture of the video.

Published as JSON lines. The options stand inside the question, a line each, and one or more
pictures with the mark (a box, an arrow, a number ...) belong to it: without them it cannot be asked
(`Item.pictures`). The summary is the owner's: accuracy of each dimension, of videos under 240 s,
under 1,800 s and longer, and of all.

The fields were read in the owner's file of responses, which repeats 1,169 of the questions;
`dataset_info.jsonl` itself could not be seen. The owner's script names the dimensions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.trajectory import Task
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records
from playhead.evaluation.benchmarks.records import Record, of_split, published, read_json_lines

_HOME = "https://huggingface.co/datasets/gaotiexinqu/V2P-Bench"
_DIMENSIONS = {
    1: "OA", 2: "HA", 3: "OD", 4: "FM", 5: "CR", 6: "PU", 7: "CI", 9: "FT", 10: "RT", 12: "AS",
    13: "SR", 14: "GC",
}  # fmt: skip
_SHORT_S, _MEDIUM_S = 240, 1800
_OPTION = re.compile(r"[A-Z][:.]")
_ORDER = "Select the best option"
"""How the line begins that tells a model to answer with a letter; the prompt says that itself."""


def _read(folder: Path, split: str) -> Iterator[Item]:
    path = published(folder, of_split(split, {"test": "dataset_info.jsonl"}), home=_HOME)
    for i, record in enumerate(read_json_lines(path)):
        yield _item(record, i)


def _item(record: Record, place: int) -> Item:
    question, options = _parts(record)
    dimension = record.whole("dimension")
    task = Task(
        id=f"{record.text('video_id')}-{place}",
        question=question,
        options=tuple(options),
        answer=record.lettered(options, "answer"),
        metadata={
            "dimension": _DIMENSIONS.get(dimension, str(dimension)),
            "duration": _length(record.number("duration")),
            "category": record.text("category"),
        },
    )
    frames = record.data.get("frame_path")
    pictures = (
        record.texts("frame_path") if isinstance(frames, list) else [record.text("frame_path")]
    )
    names = tuple(f"frames/{_slashed(picture)}" for picture in pictures)
    return Item(task, (_slashed(record.text("video_path")),), pictures=names)


def _parts(record: Record) -> tuple[str, list[str]]:
    """The question and its options, which stand below it; a line without a letter goes on."""
    question: list[str] = []
    options: list[str] = []
    for line in record.text("question").split("\n"):
        if line.startswith(_ORDER):
            break
        if _OPTION.match(line) or not options:
            (options if _OPTION.match(line) else question).append(line)
        else:
            options[-1] = f"{options[-1]} {line.strip()}"
    if not question or len(options) < 2:
        raise record.bad("the options should follow the question, a line each, as A: ...")
    return "\n".join(question), choices.bare(options)


def _length(duration_s: float) -> str:
    return "Short" if duration_s < _SHORT_S else "Medium" if duration_s < _MEDIUM_S else "Long"


def _slashed(name: str) -> str:
    return name.replace("\\", "/")


def _summary(records: Records) -> Mapping[str, float | None]:
    return {
        **choices.shares(records, "dimension"),
        **choices.shares(records, "duration"),
        "Accuracy": choices.share(map(choices.right, records)),
    }


V2P_BENCH = Benchmark(
    name="v2p_bench",
    home=_HOME,
    licence="none stated in the owner's repository",
    read=_read,
    splits=("test",),
    scorers=("choice",),
    groups=("dimension", "duration"),
    summary=_summary,
    source="2503.17736; github.com/gaotiexinqu/V2P-Bench, eval/eval.py",
)
