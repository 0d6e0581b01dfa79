"""EgoSchema (2308.09126): 5,031 questions with five options about three minutes of Ego4D each.

The owner publishes the answers of 500 questions only, in `subset_answers.json`. The whole set is
scored by the owner's server, from a JSON file or at Kaggle.

`questions.json` could not be seen; that its fields are `q_uid`, `question` and `option 0` to
`option 4` is what public loaders read. Kaggle's own form could not be verified, so only the JSON
file is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.trajectory import Task
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records
from playhead.evaluation.benchmarks.records import (
    Record,
    load_json,
    of_split,
    published,
    read_json,
    record,
)

_HOME = "https://github.com/egoschema/EgoSchema"
_NUM_OPTIONS = 5


def _read(folder: Path, split: str) -> Iterator[Item]:
    is_all = of_split(split, {"subset": False, "full": True})
    path = published(folder, "subset_answers.json", home=_HOME)
    truth = record(load_json(path), path.name)
    for question in read_json(published(folder, "questions.json", home=_HOME)):
        if is_all or question.text("q_uid") in truth.data:
            yield _item(question, truth)


def _item(question: Record, truth: Record) -> Item:
    uid = question.text("q_uid")
    options = [question.text(f"option {i}") for i in range(_NUM_OPTIONS)]
    known = truth.option(options, truth.whole(uid)) if uid in truth.data else None
    task = Task(id=uid, question=question.text("question"), options=tuple(options), answer=known)
    return Item(task, (f"{uid}.mp4",))


def _summary(records: Records) -> Mapping[str, float | None]:
    return {"Accuracy": choices.share(map(choices.right, records))}


def _submission(records: Records) -> tuple[str, str]:
    """What the owner's `validate.py` sends: from the id of a question to the option, 0 to 4; -1 for
    none."""
    places = {record.task.id: choices.chosen(record) for record in records}
    return "answers.json", json.dumps({id_: -1 if i is None else i for id_, i in places.items()})


EGOSCHEMA = Benchmark(
    name="egoschema",
    home=_HOME,
    licence="none stated in the owner's repository",
    read=_read,
    splits=("subset", "full"),
    scorers=("choice",),
    summary=_summary,
    source="2308.09126; github.com/egoschema/EgoSchema, README.md and validate.py",
    submission=_submission,
)
