"""LongVidSearch (2603.14468): 3,000 open questions that take two to four pieces of evidence each.

The owner's agents share one set of tools, and both the accuracy, by three judges of whom two must
agree, and the number of tool calls are reported. Here it is `judged`, by one judge of yours, and
`cost.calls`.

`videos` reads the files of the repository, one for each of 447 videos; they hold 3,159 questions.
`full` reads the merged file of 3,000, which is not in the stored repository: that its records have
the same fields and `vid` is what the owner's runner reads. Evidence is given as numbers of slices,
which are scenes that the owner cut; where they lie in seconds is not published, so `Task.spans` is
unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.trajectory import Task, Trajectory
from playhead.core.value import JsonObject
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records, share, shares
from playhead.evaluation.benchmarks.records import (
    Record,
    of_split,
    published,
    read_folder,
    read_json,
)
from playhead.evaluation.scorers.answers import OPEN
from playhead.evaluation.scorers.judge import judged

_HOME = "https://github.com/yrywill/LongVidSearch"
_ENDING = "_qa"


def _read(folder: Path, split: str) -> Iterator[Item]:
    return of_split(split, {"full": _full, "videos": _videos})(folder)


def _full(folder: Path) -> Iterator[Item]:
    path = published(folder, "full-QA(3000).json", "full-QA.json", home=_HOME)
    for i, record in enumerate(read_json(path)):
        yield _item(record, record.text("vid"), i)


def _videos(folder: Path) -> Iterator[Item]:
    inside = published(folder, "dataset", home=_HOME)
    for i, (file, record) in enumerate(read_folder(inside, f"*{_ENDING}.json", home=_HOME)):
        yield _item(record, file.stem.removesuffix(_ENDING), i)


def _item(record: Record, video: str, place: int) -> Item:
    slices = record.data.get("evidence_slices")
    if not isinstance(slices, list):
        raise record.bad(f"'evidence_slices' should be a list: got {slices!r:.80}")
    metadata: JsonObject = {
        "kind": OPEN,
        "category": record.text("category"),
        "hop_level": record.text("hop_level"),
        "evidence_slices": slices,
    }
    task = Task(
        id=f"{video}-{place}",
        question=record.text("question"),
        answer=record.text("answer"),
        metadata=metadata,
    )
    return Item(task, (f"{video}.mp4",))


def _summary(records: Records) -> Mapping[str, float | None]:
    return {
        **shares(records, "hop_level", judged),
        **shares(records, "category", judged),
        "Accuracy": share(map(judged, records)),
        "Tool-call cost": share(map(_calls, records)),
    }


def _calls(trajectory: Trajectory) -> float:
    return float(trajectory.cost.calls)


LONGVIDSEARCH = Benchmark(
    name="longvidsearch",
    home=_HOME,
    licence="MIT",
    read=_read,
    splits=("full", "videos"),
    scorers=("judged", "cost.calls"),
    groups=("hop_level", "category"),
    summary=_summary,
    source="2603.14468; github.com/yrywill/LongVidSearch, main.py",
)
