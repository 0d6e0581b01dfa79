"""The speedrun: a model that looks twice, from nothing, on two cores.

    report = speedrun(Path("runs/pocket"))
    print(report.table())

Stages, each with its time and its checkpoint; a run that was killed goes on with the stage it was
in. Nothing is downloaded: the worlds are rendered, the words are our own, the weights begin as
chance.

| stage | what is learned | from what |
|---|---|---|
| eyes | to see: places, looks, cards | single pictures, dense heads |
| glances | words for what is seen | a question about one to three pictures |
| base | to answer from the pictures at hand | attempts without tools, by the real loop |
| sft | to survey, look closely, answer, cite | the surveyor's attempts, by the real loop |
| rl | when to look where | its own attempts, by the real loop |

Times are seconds of processor time of the process that trains; lessons are made by another beside
it. `base` can see and answer, and nobody has shown it a tool.
"""

from __future__ import annotations

import json
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import torch

from playhead.agent.source import WorldSource
from playhead.core.value import Value
from playhead.evaluation.scorers import find_scorer
from playhead.training.pocket.curriculum import BUDGET, tasks, tools
from playhead.training.pocket.exam import Exam, paper, sit
from playhead.training.pocket.glances import Glances, GlanceShelf
from playhead.training.pocket.lessons import Lesson
from playhead.training.pocket.making import Kind, Making, Shelf
from playhead.training.pocket.model import PocketSettings, load_pocket, new_pocket, save_pocket
from playhead.training.pocket.perception import Eyes, give_meaning
from playhead.training.pocket.study import Student
from playhead.worlds.families.build import HeldOut

Tell = Callable[[str], None]
_HEADS = "heads.pt"
RL_FAMILIES = ("needle", "negative")
PAPERS: tuple[HeldOut, ...] = ("avoid", "only")


class Speedrun(Value):
    """How long each stage takes, in seconds of processor time, and how large things are."""

    model: PocketSettings = PocketSettings()
    eyes_s: float = 400.0
    glances_s: float = 400.0
    reading_s: float = 300.0
    seeking_s: float = 600.0
    rl_steps: int = 0
    """Updates. 0: no such stage."""
    rl_tasks: int = 8
    rl_lr: float = 1e-4
    eyes_lr: float = 3e-3
    text_lr: float = 6e-3
    batch: int = 10
    """Lessons of a step."""
    glances_batch: int = 96
    num_reading: int = 1500
    num_seeking: int = 2000
    """Lessons that are made, at most."""
    num_questions: int = 60
    """Of each family, in each paper of the examination."""
    seed: int = 0


@dataclass
class Report:
    """What came out."""

    settings: Speedrun
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    """Wall time of each stage."""
    scores: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """A line for each model, way and paper."""

    def add(self, model: str, exam: Exam, held_out: str) -> None:
        """Take in an examination."""
        self.scores.append(
            {
                "model": model, "way": exam.strategy, "paper": held_out, **exam.by_family,
                "all": exam.mean, "pictures": exam.pictures, "cited": exam.cited,
                "num": len(exam.records),
            }
        )  # fmt: skip

    def table(self) -> str:
        """The scores as a table."""
        names = list(dict.fromkeys(name for line in self.scores for name in line))
        lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
        for line in self.scores:
            cells = [line.get(name, "") for name in names]
            said = [f"{c:.2f}" if isinstance(c, float) else str(c) for c in cells]
            lines.append(f"| {' | '.join(said)} |")
        took = ", ".join(f"{name} {seconds / 60:.1f} min" for name, seconds in self.seconds.items())
        return "\n".join([*lines, "", f"{took}; {platform.processor() or platform.machine()}"])


def speedrun(folder: Path, settings: Speedrun | None = None, *, tell: Tell = print) -> Report:
    """Train a pocket model from nothing and examine it.

    Args:
        folder: Where everything is kept: `eyes`, `glances`, `base`, `sft`, `rl`, `report.json`.
            Stages whose folder is there are not done again.
        settings: How. None: the defaults.
        tell: Is told how it goes.
    """
    how = settings or Speedrun()
    torch.set_num_threads(1)
    torch.manual_seed(how.seed)
    folder.mkdir(parents=True, exist_ok=True)
    report = Report(how)
    stages: list[tuple[str, Callable[[Path, Path, Speedrun, Tell], None]]] = [
        ("eyes", _eyes), ("glances", _glances), ("base", _reading), ("sft", _seeking),
    ]  # fmt: skip
    if how.rl_steps:
        stages.append(("rl", _rl))
    before = folder
    for name, stage in stages:
        started_s = time.monotonic()
        if not (folder / name / "config.json").exists():
            tell(f"== {name}")
            half = folder / f"{name}.half"
            shutil.rmtree(half, ignore_errors=True)
            stage(before, half, how, tell)
            half.rename(folder / name)
        report.seconds[name] = time.monotonic() - started_s
        before = folder / name
    _examine(folder, [name for name, _ in stages[2:]], report, tell)
    (folder / "report.json").write_text(json.dumps(_plain(report), indent=1), encoding="utf-8")
    return report


def _plain(report: Report) -> dict[str, Any]:
    return {**asdict(report), "settings": report.settings.model_dump(mode="json")}


def _eyes(before: Path, after: Path, how: Speedrun, tell: Tell) -> None:
    model, processor = new_pocket([tool.spec for tool in tools()], how.model, seed=how.seed)
    eyes = Eyes(model, processor, lr=how.eyes_lr, seed=how.seed + 1)
    _through(eyes.learn(cpu_s=how.eyes_s, tell=tell))
    tell(", ".join(f"{name} {share:.3f}" for name, share in eyes.measure().items()))
    give_meaning(model, processor, eyes.heads, eyes.draw(64)[0])
    save_pocket((model, processor), after)


def _glances(before: Path, after: Path, how: Speedrun, tell: Tell) -> None:
    student = _student(before, how)
    shelf = _glance_shelf(student, how)
    _through(student.study(shelf.draw, cpu_s=how.glances_s, tell=tell))
    _save(student, after)


def _reading(before: Path, after: Path, how: Speedrun, tell: Tell) -> None:
    making = Making(before, after.parent / "lessons", "reading", seed=10, num=how.num_reading)
    shares: dict[Kind, int] = {"glances": 1, "reading": 2}
    _study(before, after, how, tell, making, shares, how.reading_s)


def _seeking(before: Path, after: Path, how: Speedrun, tell: Tell) -> None:
    making = Making(before, after.parent / "lessons", "seeking", seed=20, num=how.num_seeking)
    shares: dict[Kind, int] = {"glances": 2, "reading": 1, "seeking": 3}
    _study(before, after, how, tell, making, shares, how.seeking_s)


def _study(
    before: Path, after: Path, how: Speedrun, tell: Tell, making: Making, shares: dict[Kind, int],
    cpu_s: float,
) -> None:  # fmt: skip
    """Study batches of several kinds, in these shares, while lessons are made."""
    student, rng = _student(before, how), Random(how.seed)
    glances = _glance_shelf(student, how)
    shelves = {
        kind: Shelf(making.folder, kind, batch=how.batch, seed=how.seed)
        for kind in shares
        if kind != "glances"
    }

    def draw() -> list[Lesson]:
        (kind,) = rng.choices(list(shares), list(shares.values()))
        return glances.draw() if kind == "glances" else shelves[kind].draw(making)

    try:
        _through(student.study(draw, cpu_s=cpu_s, tell=tell))
    finally:
        making.stop()
    _save(student, after)


def _glance_shelf(student: Student, how: Speedrun) -> GlanceShelf:
    glances = Glances(student.model, student.processor, seed=how.seed + 2)
    return GlanceShelf(glances, batch=how.glances_batch, seed=how.seed)


def _through(progress: Iterator[float]) -> None:
    for _ in progress:
        pass


def _student(before: Path, how: Speedrun) -> Student:
    model, processor = load_pocket(before)
    student = Student(model.train(), processor, lr=how.text_lr)
    if (before / _HEADS).exists():
        student.extras.load_state_dict(torch.load(before / _HEADS))
    return student


def _save(student: Student, folder: Path) -> None:
    save_pocket((student.model, student.processor), folder)
    torch.save(student.extras.state_dict(), folder / _HEADS)


def _rl(before: Path, after: Path, how: Speedrun, tell: Tell) -> None:
    from playhead.training.grpo import RLSettings, train_rl

    model, processor = load_pocket(before)
    asked = [
        asked.task
        for family in RL_FAMILIES
        for asked in islice(tasks(family, how.seed + 30), how.rl_steps * how.rl_tasks)
    ]
    Random(how.seed).shuffle(asked)
    settings = RLSettings(
        steps=how.rl_steps, tasks_per_step=how.rl_tasks, num_generations=8, batch_size=8,
        learning_rate=how.rl_lr, budget=BUDGET, max_reply_tokens=64, seed=how.seed,
        weights={"accuracy": 1.0, "evidence_iou": 0.3},
    )  # fmt: skip
    rewards = {name: find_scorer(name) for name in settings.weights}
    with WorldSource() as source:
        report = train_rl(
            model, processor, asked, source, rewards, settings, tools=tools(), output=after
        )
    for line in report.history:
        tell(json.dumps(line))
    save_pocket((model, processor), after)


def _examine(folder: Path, names: Sequence[str], report: Report, tell: Tell) -> None:
    started, num = time.monotonic(), report.settings.num_questions
    for name in names:
        model, processor = load_pocket(folder / name)
        pocket = (model.eval(), processor)
        for held_out in PAPERS:
            for way in ("seek", "direct"):
                questions = paper(num, held_out=held_out)
                report.add(name, sit(pocket, questions, strategy=way), held_out)
                tell(report.table().splitlines()[1 + len(report.scores)])
    report.seconds["examination"] = time.monotonic() - started
