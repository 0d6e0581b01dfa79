"""The speedrun: a model that looks twice, from nothing, on one core.

    report = speedrun(Path("runs/pocket"))
    print(report.table())

Stages, each with its time and its checkpoint; a run that was killed goes on with the stage it was
in. Nothing is downloaded: the worlds are rendered, the words are our own, the weights begin as
chance.

| stage | what is learned | from what |
|---|---|---|
| eyes | to see: places, looks, cards | single pictures, a head for each part of a picture |
| glances | words for what is seen, and when | a question about one to eight pictures |
| base | to answer from the pictures at hand | even looks at whole films, single pictures |
| sft | to survey, look closely, answer | what the surveyor does, half of it cut after the survey |
| rl | when to look again | its own attempts, by the real loop |

Times are seconds of processor time, the making of lessons included. `base` can see and answer, and
nobody has shown it a tool. What SFT leaves open is what rewards can decide in minutes: whether to
look again. They cannot teach a small model to read better, or to look elsewhere, for at temperature
1 it always looks at the same place (docs/benchmarks/pocket.md has the figures).
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import torch

from playhead.agent.source import WorldSource
from playhead.core.trajectory import Trajectory
from playhead.core.value import Value
from playhead.evaluation.scorers.answers import accuracy
from playhead.models.manner import save_manner
from playhead.training.config import still
from playhead.training.guard import Gate, GateFailed, promote, regression, tool_harm
from playhead.training.pocket.curriculum import BUDGET, LONGEST_REPLY, tasks, tools
from playhead.training.pocket.exam import PAPERS, Exam, saw, sit
from playhead.training.pocket.films import film_lessons
from playhead.training.pocket.glances import Album, Eyesight, Glances
from playhead.training.pocket.lessons import Lesson, Scribe
from playhead.training.pocket.manner import pocket_manner
from playhead.training.pocket.model import PocketSettings, load_pocket, new_pocket, save_pocket
from playhead.training.pocket.perception import Eyes, give_meaning
from playhead.training.pocket.study import Student

Tell = Callable[[str], None]
SERVED = "served"
"""Where the last model is put if it passed the gates."""
RL_RUN = "rl.run"
"""Where the attempts are kept from which `rl` learned."""
_HEAD = "head.pt"
_FORGETS = 0.02
"""Of the questions about one picture, what a model may answer worse than the one before."""
_FIRST_PICTURES, _GROWS_EVERY = 15, 6  # batches of an album at the start; steps between them


class Speedrun(Value):
    """How long each stage takes, in seconds of processor time, and how large things are."""

    model: PocketSettings = PocketSettings()
    eyes_s: float = 220.0
    glances_s: float = 240.0
    base_s: float = 110.0
    sft_s: float = 1560.0
    rl_steps: int = 24
    """Updates. 0: no such stage."""
    rl_tasks: int = 4
    rl_lr: float = 2e-4
    eyes_lr: float = 3e-3
    text_lr: float = 4e-3
    batch: int = 8
    """Lessons of a step."""
    glances_batch: int = 40
    num_lessons: int = 3000
    """Of whole films that are kept; each is studied more than once."""
    num_questions: int = 60
    """In each paper of the examination."""
    seed: int = 0


@dataclass
class Report:
    """What came out."""

    settings: Speedrun
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    """Processor time of each stage."""
    scores: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """A line for each model, way and paper."""
    gates: list[Gate] = field(default_factory=list[Gate])
    """What the last model was asked before it may be served."""

    def add(self, model: str, way: str, exam: Exam, title: str) -> None:
        """Take in an examination."""
        low, high = exam.interval
        self.scores.append(
            {
                "model": model, "way": way, "paper": title, "right": exam.mean,
                "from": low, "to": high, "saw the card": exam.seen,
                "cited it": exam.proved, "pictures": exam.pictures,
            }
        )  # fmt: skip

    def lines(self) -> list[str]:
        """The scores as the lines of a table."""
        names = list(dict.fromkeys(name for line in self.scores for name in line))
        lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
        for line in self.scores:
            cells = [line.get(name, "") for name in names]
            said = [f"{c:.2f}" if isinstance(c, float) else str(c) for c in cells]
            lines.append(f"| {' | '.join(said)} |")
        return lines

    def table(self) -> str:
        """The scores, what the gates say, and the time of each stage."""
        took = ", ".join(f"{name} {seconds / 60:.1f} min" for name, seconds in self.seconds.items())
        told = [f"{gate.told}: {'passed' if gate.passed else 'FAILED'}" for gate in self.gates]
        machine = platform.processor() or platform.machine()
        return "\n".join([*self.lines(), "", *told, "", f"{took}; {machine}"])


def speedrun(folder: Path, settings: Speedrun | None = None, *, tell: Tell = print) -> Report:
    """Train a pocket model from nothing and examine it.

    Args:
        folder: Where everything is kept: `eyes`, `glances`, `base`, `sft`, `rl`, its attempts,
            `report.json`, and `served`, the last model, if it passed the gates. Stages whose folder
            is there are not done again.
        settings: How. None: the defaults.
        tell: Is told how it goes.
    """
    how = settings or Speedrun()
    torch.set_num_threads(1)
    torch.manual_seed(how.seed)
    folder.mkdir(parents=True, exist_ok=True)
    report = Report(how)
    stages: list[tuple[str, Callable[[Path, Path, Speedrun, Tell], None]]] = [
        ("eyes", _eyes), ("glances", _glances), ("base", _base), ("sft", _sft),
    ]  # fmt: skip
    if how.rl_steps:
        stages.append(("rl", _rl))
    before = folder
    for name, stage in stages:
        if not (folder / name / "config.json").exists():
            tell(f"== {name}")
            half = folder / f"{name}.half"
            shutil.rmtree(half, ignore_errors=True)
            started_s = time.process_time()
            stage(before, half, how, tell)
            save_manner(half, pocket_manner())
            (half / "seconds.json").write_text(json.dumps(time.process_time() - started_s))
            half.rename(folder / name)
        report.seconds[name] = json.loads((folder / name / "seconds.json").read_text())
        before = folder / name
    examine(folder, [name for name, _ in stages[2:]], report, tell)
    (folder / "report.json").write_text(json.dumps(_plain(report), indent=1), encoding="utf-8")
    try:
        tell(f"promoted to {promote(before, folder / SERVED, report.gates)}")
    except GateFailed as failed:
        tell(str(failed))
    return report


def _plain(report: Report) -> dict[str, Any]:
    return {**asdict(report), "settings": report.settings.model_dump(mode="json")}


def _eyes(before: Path, after: Path, how: Speedrun, tell: Tell) -> None:
    model, processor = new_pocket([tool.spec for tool in tools()], how.model, seed=how.seed)
    eyes = Eyes(model, processor, lr=how.eyes_lr, seed=how.seed + 1)
    for _ in eyes.learn(cpu_s=how.eyes_s, tell=tell):
        pass
    tell(", ".join(f"{name} {share:.3f}" for name, share in eyes.measure().items()))
    give_meaning(model, processor, eyes.heads, eyes.draw(64)[0])
    save_pocket((model, processor), after)


def _glances(before: Path, after: Path, how: Speedrun, tell: Tell) -> None:
    _study(before, after, how, tell, {}, how.glances_s)


def _base(before: Path, after: Path, how: Speedrun, tell: Tell) -> None:
    _study(before, after, how, tell, {"direct": 3, "still": 0.5}, how.base_s)


def _sft(before: Path, after: Path, how: Speedrun, tell: Tell) -> None:
    _study(before, after, how, tell, {"seek": 3, "direct": 1, "still": 0.25}, how.sft_s)


def _study(
    before: Path, after: Path, how: Speedrun, tell: Tell, ways: dict[str, float], cpu_s: float
) -> None:
    """Study glances, and lessons of whole films in these shares to two of glances."""
    model, processor = load_pocket(before)
    student = Student(model.train(), processor, lr=how.text_lr)
    if (before / _HEAD).exists():
        student.head.load_state_dict(torch.load(before / _HEAD))
    desk = Desk(model, processor, how)
    shares = {"glances": 2, **ways}
    rng = Random(how.seed)

    def draw() -> list[Lesson]:
        (kind,) = rng.choices(list(shares), list(shares.values()))
        return desk.glances() if kind == "glances" else desk.films(kind)

    for _ in student.study(draw, cpu_s=cpu_s, tell=tell):
        pass
    save_pocket((student.model, student.processor), after)
    torch.save(student.head.state_dict(), after / _HEAD)


class Desk:
    """Where lessons are made and drawn from: those of films are kept and drawn again."""

    def __init__(self, model: Any, processor: Any, how: Speedrun) -> None:
        self._how, self._rng, self._num = how, Random(how.seed), 0
        image_id = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
        scribe = Scribe(processor.tokenizer, [tool.spec for tool in tools()])
        see = Eyesight(model, processor)
        self._album = Album(see, how.seed + 3)
        for _ in range(_FIRST_PICTURES):
            self._album.grow()
        self._glances = iter(Glances(self._album, scribe, image_id, seed=how.seed + 4))
        self._new: dict[str, Iterator[Lesson]] = {
            way: film_lessons(see, scribe, image_id, seed=how.seed + 5, ways=[way])
            for way in ("seek", "direct", "still")
        }
        self._kept: dict[str, list[Lesson]] = {way: [] for way in self._new}

    def glances(self) -> list[Lesson]:
        """A batch, from an album that grows."""
        self._num += 1
        if self._num % _GROWS_EVERY == 0:
            self._album.grow()
        return list(islice(self._glances, self._how.glances_batch))

    def films(self, way: str) -> list[Lesson]:
        """A batch, half of it new until there are enough; of about one length."""
        kept, num = self._kept[way], self._how.batch
        if len(kept) < self._how.num_lessons:
            kept += islice(self._new[way], num // 2 if len(kept) >= 4 * num else 4 * num)
        some = sorted(self._rng.sample(kept, 2 * num), key=lambda lesson: len(lesson.ids))
        at = self._rng.randrange(num + 1)
        return some[at : at + num]


def _rl(before: Path, after: Path, how: Speedrun, tell: Tell) -> None:
    from transformers import TrainerCallback

    from playhead.training.grpo import RLSettings, train_rl

    class Told(TrainerCallback):
        """Tells of each update."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            means = {k: v for k, v in (logs or {}).items() if re.fullmatch("rewards/.*/mean", k)}
            if means:
                words = ", ".join(f"{name.split('/')[1]} {v:.3f}" for name, v in means.items())
                tell(f"{state.global_step:4} of {how.rl_steps} updates: {words}")

    model, processor = load_pocket(before)
    model.model.visual.requires_grad_(False)
    asked = [
        each.task
        for each in islice(tasks(how.seed + 30, num_rivals=3), how.rl_steps * how.rl_tasks)
    ]
    settings = RLSettings(
        steps=how.rl_steps, tasks_per_step=how.rl_tasks, num_generations=8, batch_size=8,
        learning_rate=how.rl_lr, budget=BUDGET, max_reply_tokens=LONGEST_REPLY,
        seed=how.seed, at_once=32, roles={"look": {"saw": 1.0}, "answer": {"accuracy": 1.0}},
        more={"bf16": True},
    )  # fmt: skip
    with WorldSource() as source:
        train_rl(
            model, processor, asked, source, {"accuracy": accuracy, "saw": saw}, settings,
            tools=tools(), output=after.parent / RL_RUN, callbacks=[Told()],
        )  # fmt: skip
    save_pocket((model, processor), after)


def examine(folder: Path, names: list[str], report: Report, tell: Tell) -> None:
    """Let the models of some stages sit all papers, with tools, without, and about single pictures
    where one shows the answer, and judge the last."""
    num = report.settings.num_questions
    papers = [(each.title, each.draw(num)) for each in PAPERS]
    played: dict[tuple[str, str], list[Trajectory]] = {}

    def mark(name: str, title: str, way: str, exam: Exam) -> None:
        played.setdefault((name, way), []).extend(exam.records)
        report.add(name, way, exam, title)
        tell(report.lines()[-1])

    for name in names:
        model, processor = load_pocket(folder / name)
        pocket = (model.eval(), processor)
        for title, questions in papers:
            for way in ("seek", "direct"):
                mark(name, title, way, sit(pocket, questions, strategy=way))
            if stills := [one for one in map(still, questions) if one is not None]:
                one = BUDGET.replace(frames=1)
                mark(name, title, "still", sit(pocket, stills, strategy="direct", budget=one))
    last, before = names[-1], names[-2]
    seeking = played[last, "seek"]
    report.gates = [
        tool_harm(played[last, "direct"], seeking, accuracy),
        regression(f"{last} after {before}", played[before, "seek"], seeking, accuracy),
        regression(
            "images", played[before, "still"], played[last, "still"], accuracy, tolerance=_FORGETS
        ),
    ]
