"""OVO-Bench (2501.05510): 3,035 questions about streams, each asked at a moment.

Nothing after the moment may be seen (`Task.within`). Three groups of tasks: backward tracing and
real-time perception have options; forward responding asks one thing again and again as the video
goes on: how often (REC), is this step going on (SSR), can it be answered by now (CRR).

`summary` is the owner's: the accuracy of each task, their means in each group, and the mean of the
three groups, by the owner's lenient match, which only looks whether the right letter, or Yes or No,
stands anywhere in what was said, and puts all digits of a count together. The scorer `accuracy` is
strict. The owner's clips end at the next whole second after the moment; here it is the moment.
Three questions have an option twice; either counts where it is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from playhead.core.trajectory import Task, Trajectory
from playhead.core.value import Json
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records, share, shares
from playhead.evaluation.benchmarks.records import Record, of_split, published, read_json
from playhead.evaluation.scorers.blame import is_judgeable

_HOME = "https://huggingface.co/datasets/JoeLeelyf/OVO-Bench"
_FILE = "ovo_bench_new.json"
_FORWARD = ("REC", "SSR", "CRR")
_COUNT, _STEP, _ = _FORWARD
_GROUPS: dict[str, tuple[str, ...]] = {
    "Backward": ("EPM", "ASI", "HLD"),
    "Realtime": ("OCR", "ACR", "ATR", "STU", "FPD", "OJR"),
    "Forward": _FORWARD,
}
_GROUP_OF = {task: group for group, tasks in _GROUPS.items() for task in tasks}
_NO_YES = ("No", "Yes")


def _read(folder: Path, split: str) -> Iterator[Item]:
    name = of_split(split, {"test": _FILE})
    for record in read_json(published(folder, name, f"data/{name}", home=_HOME)):
        task = record.text("task")
        if task not in _GROUP_OF:
            raise record.bad(f"unknown task {task!r}")
        if task in _FORWARD:
            yield from (
                _forward(record, task, i, at) for i, at in enumerate(record.records("test_info"))
            )
        else:
            yield _chosen(record, task)


def _chosen(record: Record, task: str) -> Item:
    options = record.texts("options")
    right = record.option(options, record.whole("gt"))
    return _item(record, record, task, record.text("id"), record.text("question"), options, right)


def _forward(record: Record, task: str, place: int, at: Record) -> Item:
    id_ = f"{record.text('id')}_{place}"
    if task == _COUNT:
        question = (
            f"How many times did they {record.text('activity')}? Count every complete motion, "
            "whoever makes it. Answer with the number alone."
        )
        return _item(record, at, task, id_, question, [], at.whole("count"))
    if task == _STEP:
        question = f"Is this step of the tutorial being carried out right now: {at.text('step')}"
    else:
        question = (
            f"{record.text('question')}\nIs there enough in the video so far, above all in its "
            "last pictures, to answer this question?"
        )
    right = at.option([*_NO_YES], at.whole("type"))
    return _item(record, at, task, id_, question, [*_NO_YES], right)


def _item(
    record: Record, at: Record, task: str, id_: str, question: str, options: list[str], right: Json
) -> Item:
    asked = Task(
        id=id_,
        question=question,
        options=tuple(options),
        within=at.span(0.0, at.number("realtime")),
        answer=right,
        metadata={"task": task, "mode": _GROUP_OF[task]},
    )
    return Item(asked, (record.text("video"),))


def lenient(trajectory: Trajectory) -> float | None:
    """1 where the owner's script finds the truth in what was said, else 0. None: the attempt cannot
    be judged."""
    if not is_judgeable(trajectory):
        return None
    task, said = trajectory.task, _said(trajectory)
    match task.metadata["task"]:
        case "REC":
            return float("".join(re.findall(r"\d+", said)) == str(task.answer))
        case "SSR" | "CRR":
            return float(said == str(task.answer)[0] or str(task.answer) in said)
        case _:
            right = [chr(65 + i) for i, text in enumerate(task.options) if text == task.answer]
            return float(any(letter in said for letter in right))


def _said(trajectory: Trajectory) -> str:
    """What the owner's script would be given: the letter of an option, or the words."""
    answer = trajectory.answer
    if answer is None:
        return ""
    if answer.choice in _NO_YES and trajectory.task.options == _NO_YES:
        return answer.choice or ""
    return choices.letter(trajectory) or answer.text


def _summary(records: Records) -> Mapping[str, float | None]:
    tasks = shares(records, "task", lenient)
    groups = {
        f"{group} Avg.": share(tasks.get(task) for task in inside)
        for group, inside in _GROUPS.items()
    }
    is_whole = all(value is not None for value in groups.values())
    return {**tasks, **groups, "Total Avg.": share(groups.values()) if is_whole else None}


OVO_BENCH = Benchmark(
    name="ovo_bench",
    home=_HOME,
    licence="CC BY-NC-SA 4.0",
    read=_read,
    splits=("test",),
    scorers=("accuracy",),
    groups=("task", "mode"),
    summary=_summary,
    source="2501.05510; github.com/JoeLeelyf/OVO-Bench, utils/OVOBenchScore.py",
)
