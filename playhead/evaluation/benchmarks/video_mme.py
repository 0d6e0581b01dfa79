"""Video-MME (2405.21075): 2,700 questions with four options about 900 videos, 11 s to an hour.

Published as one parquet file, with subtitles of 744 videos. The owner's script
(github.com/thanku-all/parse_answer) reads the first letter out of each response and leaves out the
responses in which it finds none; so does `summary`, while the scorer `choice` counts those as
wrong. The fields were read in the loaders of lmms-eval and VideoMind and in the owner's template.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records
from playhead.evaluation.benchmarks.records import Record, of_split, published, read_parquet

_HOME = "https://huggingface.co/datasets/lmms-lab/Video-MME"
_FILE = "test-00000-of-00001.parquet"
_OF_VIDEO = ("video_id", "duration", "domain", "sub_category")


def _read(folder: Path, split: str) -> Iterator[Item]:
    name = of_split(split, {"test": _FILE})
    for record in read_parquet(published(folder, name, f"videomme/{name}", home=_HOME)):
        yield _item(record, folder)


def _item(record: Record, folder: Path) -> Item:
    options = choices.bare(record.texts("options"))
    video = record.text("videoID")
    about = (*_OF_VIDEO, "task_type")
    subtitles = f"subtitle/{video}.srt"
    task = Task(
        id=record.text("question_id"),
        question=record.text("question"),
        options=tuple(options),
        answer=record.lettered(options, "answer"),
        metadata={name: record.text(name) for name in about},
    )
    has_subtitles = (folder / subtitles).is_file()
    return Item(task, (f"{video}.mp4",), subtitles if has_subtitles else None)


def _summary(records: Records) -> Mapping[str, float | None]:
    answered = [record for record in records if choices.chosen(record) is not None]
    return {
        "Overall": choices.share(map(choices.right, answered)),
        **choices.shares(answered, "duration"),
    }


def _submission(records: Records) -> tuple[str, str]:
    """The owner's `output_test_template.json`: each video with its questions and responses."""
    videos = [
        {**{name: first.task.metadata[name] for name in _OF_VIDEO}, "questions": questions}
        for first, questions in (
            (group[0], [_answered(record) for record in group])
            for group in choices.groups(records, "video_id").values()
        )
    ]
    return "output_test.json", json.dumps(videos, ensure_ascii=False, indent=2)


def _answered(record: Trajectory) -> dict[str, object]:
    task = record.task
    options = [f"{chr(65 + i)}. {option}" for i, option in enumerate(task.options)]
    return {
        "question_id": task.id,
        "task_type": task.metadata["task_type"],
        "question": task.question,
        "options": options,
        "answer": chr(65 + task.options.index(str(task.answer))),
        "response": choices.letter(record),
    }


VIDEO_MME = Benchmark(
    name="video_mme",
    home=_HOME,
    licence="academic research only; no commercial use, no redistribution without approval",
    read=_read,
    splits=("test",),
    scorers=("choice",),
    groups=("duration", "domain", "sub_category", "task_type"),
    summary=_summary,
    source="2405.21075; github.com/thanku-all/parse_answer, eval_your_results.py",
    submission=_submission,
)
