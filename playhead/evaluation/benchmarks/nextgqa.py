"""NExT-GQA (2309.01327): an answer counts only where it looked at what proves it.

Published as CSV files of questions with five options, and JSON files of the seconds that hold each
answer. The seconds that an answer cites are its grounding. As in the owner's script the best of the
true stretches counts, for IoP and for IoU separately, and Acc@GQA is a right answer with an IoP of
at least one half. The script takes one stretch from a model; several pieces of evidence count as
the time that they cover.

Ten stretches begin up to 0.2 s before the first frame; they are read from 0 on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from playhead.core.span import Span
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records, share
from playhead.evaluation.benchmarks.records import (
    Record,
    load_json,
    of_split,
    published,
    read_csv,
    record,
)
from playhead.evaluation.scorers import intervals
from playhead.evaluation.scorers.blame import is_judgeable
from playhead.evaluation.scorers.evidence import acc_gqa, cited

_HOME = "https://github.com/doc-doc/NExT-GQA"
_INSIDE = "datasets/nextgqa"
_PATHS = "map_vid_vidorID.json"
_NUM_OPTIONS = 5


def _read(folder: Path, split: str) -> Iterator[Item]:
    name = of_split(split, {"test": "test", "val": "val"})
    path = published(folder, f"{name}.csv", f"{_INSIDE}/{name}.csv", home=_HOME)
    truth = _of_file(path.parent, f"gsub_{name}.json")
    paths = _of_file(path.parent, _PATHS)
    for each in read_csv(path):
        yield _item(each, truth, paths)


def _of_file(folder: Path, name: str) -> Record:
    return record(load_json(published(folder, name, home=_HOME)), name)


def _item(each: Record, truth: Record, paths: Record) -> Item:
    video, qid = each.text("video_id"), each.text("qid")
    options = [each.text(f"a{i}") for i in range(_NUM_OPTIONS)]
    if each.text("answer") not in options:
        raise each.bad(f"the answer is none of the options: {each.text('answer')!r}")
    task = Task(
        id=f"{video}_{qid}",
        question=each.text("question"),
        options=tuple(options),
        answer=each.text("answer"),
        spans=_spans(truth, video, qid),
        metadata={"type": each.text("type")},
    )
    return Item(task, (f"{paths.text(video)}.mp4",))


def _spans(truth: Record, video: str, qid: str) -> tuple[Span, ...]:
    of_video = record(truth.data.get(video), f"{truth.where}, {video}")
    places = record(of_video.data.get("location"), f"{truth.where}, {video}, location")
    return places.spans(qid)


def _best(how: Callable[[list[Span], list[Span]], float]) -> Callable[[Trajectory], float | None]:
    """The best of the true stretches, compared with what the answer cites."""

    def best(trajectory: Trajectory) -> float | None:
        spans = trajectory.task.spans
        if not spans or not is_judgeable(trajectory):
            return None
        said = [piece.span for piece in cited(trajectory)]
        return max(how(said, [span]) for span in spans)

    return best


def _summary(records: Records) -> Mapping[str, float | None]:
    numbers = {
        "Acc@QA": share(map(choices.right, records)),
        "Acc@GQA": share(map(acc_gqa, records)),
    }
    for name, how in (("IoP", intervals.iop), ("IoU", intervals.iou)):
        found = [value for value in map(_best(how), records) if value is not None]
        numbers[f"m{name}"] = share(found)
        for least in (0.3, 0.5):
            numbers[f"{name}@{least}"] = share(
                float(intervals.reaches(value, least)) for value in found
            )
    return numbers


NEXTGQA = Benchmark(
    name="nextgqa",
    home=_HOME,
    licence="MIT",
    read=_read,
    splits=("test", "val"),
    scorers=("acc_gqa", "choice", "evidence_iop", "evidence_iou"),
    groups=("type",),
    summary=_summary,
    source="2309.01327; github.com/doc-doc/NExT-GQA, code/TempGQA/eval_ground.py",
)
