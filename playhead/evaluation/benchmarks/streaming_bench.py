"""StreamingBench (2411.03628): 4,500 questions about 900 videos, each asked at a moment.

Nothing after the moment may be seen (`Task.within`); everything before it may, which is the owner's
"all context". There are four files. `real` and `omni` have options. `sqa` asks a chain of
questions about a video: each is told the earlier ones with their true answers. `proactive` asks to
say something as soon as something happens, and the owner's script asks again every second, from the
question to 4 s after the truth, whether the time has come, and at the first yes what is to be said.
Here each of these is a question of its own, with nothing after its second to be seen; what is to be
said is asked only where saying it can count.

`summary` is the owner's: accuracy of each type of question and of all; for `proactive` the share
said within 2 s of the truth (time_accuracy), and of these with the right words in them
(answer_accuracy, of all).

In 13 questions of `omni` an option is torn in pieces or has a wrong letter. A piece without a
letter continues the option before it, and then the place counts, not the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

from playhead.core.trajectory import Task, Trajectory
from playhead.core.value import JsonObject
from playhead.evaluation.benchmarks import choices
from playhead.evaluation.benchmarks.base import Benchmark, Item
from playhead.evaluation.benchmarks.choices import Records, share
from playhead.evaluation.benchmarks.records import (
    Record,
    load_json,
    of_split,
    published,
    read_json,
    record,
)
from playhead.evaluation.scorers.answers import OPEN
from playhead.evaluation.scorers.blame import is_judgeable

_HOME = "https://huggingface.co/datasets/mjuicem/StreamingBench"
_SPLITS = ("real", "omni", "sqa", "proactive")
_LATEST_S = 4
"""The owner's script asks for so many seconds after the truth."""
_NEAR_S = 2
"""Said so near to the truth counts as in time."""
_NUM_OPTIONS = 4
_LETTERED = re.compile(r"[A-Z]\.")


def _read(folder: Path, split: str) -> Iterator[Item]:
    name = f"questions_{of_split(split, {each: each for each in _SPLITS})}.json"
    path = published(folder, name, f"src/data/{name}", home=_HOME)
    if split == "sqa":
        return _chains(path)
    read = _polls if split == "proactive" else _chosen
    return (
        item
        for i, video in enumerate(read_json(path))
        for j, question in enumerate(video.records("questions"))
        for item in read(f"{split}-{i}-{j}", video, question)
    )


def _chosen(id_: str, video: Record, question: Record, earlier: str = "") -> Iterator[Item]:
    options = choices.bare(_mended(question.texts("options")))
    task = Task(
        id=id_,
        question=f"{earlier}{question.text('question')}",
        options=tuple(options),
        within=question.span(0.0, question.seconds("time_stamp")),
        answer=question.lettered(options, "answer"),
        metadata=_about(id_, question),
    )
    yield Item(task, (_video(video),))


def _mended(pieces: list[str]) -> list[str]:
    """Options, from a list in which some are torn in pieces."""
    if len(pieces) == _NUM_OPTIONS:
        return pieces
    options: list[str] = []
    for piece in pieces:
        if _LETTERED.match(piece) or not options:
            options.append(piece)
        elif piece.strip():
            options[-1] = f"{options[-1]} {piece.strip()}"
    return options


def _chains(path: Path) -> Iterator[Item]:
    data = load_json(path)
    if not isinstance(data, list):
        raise ValueError(f"{path.name}: should be a list of chains: got {data!r:.80}")
    for i, chain in enumerate(cast("list[object]", data)):
        if not isinstance(chain, list):
            raise ValueError(f"{path.name}, chain {i}: should be a list: got {chain!r:.80}")
        earlier: list[str] = []
        for j, each in enumerate(cast("list[object]", chain)):
            video = record(each, f"{path.name}, chain {i}, record {j}")
            for k, question in enumerate(video.records("questions")):
                (item,) = _chosen(f"sqa-{i}-{j}-{k}", video, question, "".join(earlier))
                yield item
                at, asked = question.text("time_stamp"), question.text("question")
                earlier.append(f"Asked before, at {at}: {asked} Answer: {item.task.answer}\n")


def _polls(id_: str, video: Record, question: Record) -> Iterator[Item]:
    asked_s = question.seconds("time_stamp")
    true_s = question.seconds("ground_truth_time_stamp")
    output = question.text("ground_truth_output")
    words = question.text("question")
    num = int(true_s + _LATEST_S - asked_s)
    for at_s in (asked_s + 1 + i for i in range(num)):
        about: JsonObject = {**_about(id_, question), "at_s": at_s, "true_s": true_s}
        within = question.span(asked_s, at_s)
        is_time = Task(
            id=f"{id_}-{at_s:g}",
            question=f'{words} Is it now, at the end, the time to say "{output}"?',
            options=("Yes", "No"),
            within=within,
            answer="Yes" if at_s >= true_s else "No",
            metadata={**about, "asks": "when"},
        )
        yield Item(is_time, (_video(video),))
        if abs(at_s - true_s) <= _NEAR_S:
            say = Task(
                id=f"{id_}-{at_s:g}-say",
                question=words,
                within=within,
                answer=output,
                metadata={**about, "asks": "what", "kind": OPEN},
            )
            yield Item(say, (_video(video),))


def _about(id_: str, question: Record) -> JsonObject:
    ability = str(question.data.get("required_ability", "not stated"))
    return {"asked": id_, "task_type": question.text("task_type"), "required_ability": ability}


def _video(video: Record) -> str:
    return video.text("video_path").removeprefix("./").removeprefix("videos/")


def _summary(records: Records) -> Mapping[str, float | None]:
    polls = [each for each in records if "asks" in each.task.metadata]
    chosen = [each for each in records if "asks" not in each.task.metadata]
    numbers: dict[str, float | None] = {}
    if chosen:
        numbers |= choices.shares(chosen, "task_type")
        numbers["total"] = share(map(choices.right, chosen))
    if polls:
        said = [_said(group) for group in choices.groups(polls, "asked").values()]
        numbers["time_accuracy"] = share(in_time for in_time, _ in said)
        numbers["answer_accuracy"] = share(is_right for _, is_right in said)
    return numbers


def _said(records: Iterable[Trajectory]) -> tuple[float | None, float | None]:
    """Whether one thing was said in time, and in the right words. None: an attempt that would tell
    cannot be judged."""
    when = {_at_s(each): each for each in records if each.task.metadata["asks"] == "when"}
    what = {_at_s(each): each for each in records if each.task.metadata["asks"] == "what"}
    for at_s, poll in sorted(when.items()):
        if not is_judgeable(poll):
            return None, None
        if "yes" not in _words(poll).casefold():
            continue
        if abs(at_s - cast("float", poll.task.metadata["true_s"])) > _NEAR_S:
            return 0.0, 0.0
        answer = what.get(at_s)
        if answer is None or not is_judgeable(answer):
            return 1.0, None
        return 1.0, float(str(answer.task.answer) in _words(answer))
    return 0.0, 0.0


def _at_s(trajectory: Trajectory) -> float:
    return cast("float", trajectory.task.metadata["at_s"])


def _words(trajectory: Trajectory) -> str:
    answer = trajectory.answer
    return "" if answer is None else answer.choice or answer.text


STREAMING_BENCH = Benchmark(
    name="streaming_bench",
    home=_HOME,
    licence="MIT",
    read=_read,
    splits=_SPLITS,
    scorers=("choice", "judged"),
    groups=("task_type", "required_ability"),
    summary=_summary,
    source="2411.03628; github.com/THUNLP-MT/StreamingBench, src/data/count.py and src/benchmark/",
)
