"""A run: questions x model x strategy x budget, in a folder that it can be gone on with.

    run = await make_run(Path("runs/rules"), questions, find_subject("rules"))
    run.records                        # one attempt for each question

    FOLDER/
      run.json          what was asked, its digest, versions
      questions.json    the ids of the questions, in their order
      attempts.jsonl    every attempt: prompts as shown, calls, answers, pictures by reference
      receipts/         for each attempt, every picture it was shown with a hash of its pixels

The one idea: a question is done when its attempt is on the disk, and not before. Whoever is killed
goes on with the questions that are left, asks none twice, and ends with the same table. A folder
that was begun with anything else, or by another version, is refused with what differs: half of a
number is no number.

An attempt that broke by somebody else's fault is no wrong answer. It has no score, and may be tried
again: as a new attempt beside the old one, which stays.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from playhead.agent.receipt import write_receipt
from playhead.agent.rollouts import Job, play
from playhead.agent.source import new_folder
from playhead.core.errors import PlayheadError, VideoError
from playhead.core.policy import Sampling
from playhead.core.store import TrajectoryStore
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.contamination import Contamination
from playhead.evaluation.judging import check_judge, judge_it
from playhead.evaluation.questions import Questions
from playhead.evaluation.scorers import find_scorer
from playhead.evaluation.scorers.answers import OPEN
from playhead.evaluation.scorers.blame import is_judgeable
from playhead.evaluation.scorers.judge import Judge, JudgeCard, judged
from playhead.evaluation.settings import (
    QUESTIONS,
    SETTINGS,
    OtherRun,
    Settings,
    begin,
    settings_of,
)
from playhead.evaluation.subjects import Subject
from playhead.memory.place import lock
from playhead.tools.context import ToolContext

ATTEMPTS, RECEIPTS = "attempts.jsonl", "receipts"
_LOCK = "lock"


class Contaminated(PlayheadError, ValueError):
    """Questions of a benchmark were trained on."""


@dataclass(frozen=True)
class Run:
    """A run as it is on the disk."""

    folder: Path
    settings: Settings
    records: tuple[Trajectory, ...] = field(repr=False)
    """The last attempt at each question, in the order of the questions."""

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.settings.label

    @property
    def is_whole(self) -> bool:
        """Whether every question has been attempted."""
        return len(self.records) == self.settings.num


def read_run(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        FileNotFoundError: There is none.
        ValueError: Its settings or a record cannot be read.
    """
    path = folder / SETTINGS
    if not path.exists():
        raise FileNotFoundError(f"no run in {folder}: it has no {SETTINGS}")
    settings = Settings.from_json(path.read_bytes())
    done = _last_of_each(TrajectoryStore(folder / ATTEMPTS))
    order: list[str] = json.loads((folder / QUESTIONS).read_bytes())
    return Run(folder, settings, tuple(done[id_] for id_ in order if id_ in done))


async def make_run(
    folder: Path,
    questions: Questions,
    subject: Subject,
    *,
    label: str = "",
    sampling: Sampling | None = None,
    at_once: int = 4,
    retry_failed: bool = False,
    judge: Judge | None = None,
    card: JudgeCard | None = None,
    trained_on: Sequence[Task] = (),
    allow_contaminated: bool = False,
    receipts: bool = True,
    tell: Callable[[int], None] = lambda num: None,
) -> Run:
    """Make a run, or go on with it.

    Args:
        folder: Where; made if it is not there.
        questions: What is asked.
        subject: Who is measured.
        label: What reports call it. Empty: the model string.
        sampling: How replies are drawn. None: greedily.
        at_once: How many questions are attempted at the same time, at the most.
        retry_failed: Attempt again what broke by somebody else's fault.
        judge: Who scores answers in prose. Needed where a scorer reads judgements.
        card: What was measured about the judge.
        trained_on: What the model is known to have learned from.
        allow_contaminated: Go on although questions were trained on; they are named in `run.json`.
        receipts: Keep, for each attempt, every picture it was shown with a hash of its pixels.
        tell: Is told how many questions are done, as that grows.

    Raises:
        OtherRun: The folder holds a run that was asked something else, or is being made.
        Contaminated: Questions were trained on.
        UnfitJudge: The judge may not judge, or cannot.
        NoSuchPlugin: No scorer or strategy of a name.
        OSError: The disk is full or broken. What was attempted before is kept.
    """
    for name in questions.scorers:
        find_scorer(name)
    known = _allowed(questions, trained_on, allow_contaminated)
    if judge is not None:
        await check_judge(judge, card)
    elif questions.scorers[0] == judged.__name__:
        raise ValueError(f"answers to {questions.benchmark} are prose: name a judge")
    settings = settings_of(
        questions, subject, label or subject.name, sampling or Sampling(), judge, known
    )
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        begin(folder, settings, questions)
        store = TrajectoryStore(folder / ATTEMPTS)
        done = _last_of_each(store)
        left = [_job(task, done.get(task.id), retry_failed) for task in questions.tasks]
        jobs = [job for job in left if job is not None]
        keep = _Keep(folder, questions, judge, receipts, tell, {job.task.id for job in jobs})
        keep.say()
        if jobs:
            await _attempt(jobs, keep, subject, store, sampling=settings.sampling, at_once=at_once)
        await keep.judge_the_rest(store)
    return read_run(folder)


@dataclass(frozen=True)
class _Keep:
    """What is done with each attempt, from its end until it is on the disk."""

    folder: Path
    questions: Questions
    judge: Judge | None
    receipts: bool
    tell: Callable[[int], None]
    left: set[str]
    """Ids of the questions that are not attempted yet."""

    async def __call__(self, record: Trajectory, ctx: ToolContext) -> Trajectory:
        """Write the receipt, and judge. The record as it is to be kept."""
        if self.receipts:
            with suppress(VideoError):  # without it the answer stands
                await asyncio.to_thread(write_receipt, self.folder / RECEIPTS, record, ctx)
        self.left.discard(record.task.id)
        self.say()
        return await self._judged(record)

    def say(self) -> None:
        """Tell how many questions are done."""
        self.tell(len(self.questions.tasks) - len(self.left))

    async def judge_the_rest(self, store: TrajectoryStore) -> None:
        """Ask once more for what could not be judged; what is judged now is written anew."""
        for record in _last_of_each(store).values():
            again = await self._judged(record)
            if again != record:
                await asyncio.to_thread(store.append, again)

    async def _judged(self, record: Trajectory) -> Trajectory:
        is_prose = record.task.metadata.get("kind") == OPEN
        if self.judge is None or not (is_prose or self.questions.scorers[0] == judged.__name__):
            return record
        return await judge_it(self.judge, record)


async def _attempt(
    jobs: Sequence[Job],
    keep: _Keep,
    subject: Subject,
    store: TrajectoryStore,
    *,
    sampling: Sampling,
    at_once: int,
) -> None:
    questions = keep.questions
    with ExitStack() as stack:
        memories = stack.enter_context(_memories(keep.folder))
        source = stack.enter_context(questions.open(subject.recipe, subject.index, memories))
        policy = subject.make(source, questions.tasks)
        stack.callback(getattr(policy, "close", lambda: None))
        try:
            await play(
                jobs, policy, source, tools=subject.tools, strategy=subject.strategy,
                sampling=sampling, budget=subject.budget, at_once=at_once, bounds=True,
                store=store, after=keep,
            )  # fmt: skip
        except ExceptionGroup as broken:  # what ends a run ends it once: a full disk
            raise broken.exceptions[0] from broken


def _allowed(
    questions: Questions, trained_on: Sequence[Task], allow_contaminated: bool
) -> dict[str, str]:
    """The questions that were trained on, if they may be asked all the same."""
    known = contaminated(questions, trained_on)
    if known and not allow_contaminated:
        names = ", ".join(f"{id_} ({why})" for id_, why in list(known.items())[:5])
        raise Contaminated(
            f"{len(known)} of {len(questions.tasks)} questions were trained on: {names}"
        )
    return known


def contaminated(questions: Questions, trained_on: Sequence[Task]) -> dict[str, str]:
    """The questions that are known to have been trained on, by id, with what gives them away."""
    if not trained_on:
        return {}
    reasons = Contamination.of(trained_on)(questions.tasks)
    return {
        task.id: reason.removeprefix("benchmark_")
        for task, reason in zip(questions.tasks, reasons, strict=True)
        if reason is not None
    }


def _job(task: Task, before: Trajectory | None, retry_failed: bool) -> Job | None:
    """The attempt that is to be made at a task. None: it is done."""
    if before is None:
        return Job(task, task.id, 0)
    if retry_failed and not is_judgeable(before):
        return Job(task, task.id, _number(before) + 1)
    return None


def _number(record: Trajectory) -> int:
    return int(record.id.rpartition("-")[2])


def _last_of_each(store: TrajectoryStore) -> dict[str, Trajectory]:
    """Of each question the last attempt, as it was written last, by the question's id."""
    last: dict[str, Trajectory] = {}
    for record in store:
        before = last.get(record.task.id)
        if before is None or _number(record) >= _number(before):
            last[record.task.id] = record
    return last


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Nobody else makes the same run meanwhile."""
    with lock(folder / _LOCK, wait=False) as is_ours:
        if not is_ours:
            raise OtherRun(f"{folder}: another process is making this run")
        yield


@contextmanager
def _memories(folder: Path) -> Generator[Path]:
    """Where the memories of attempts are meanwhile. What a killed run has left there is removed."""
    name = f"playhead-eval-{blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()}"
    place = new_folder(None, name)
    for other in place.parent.glob(f"{name}-*"):
        if other != place:
            shutil.rmtree(other, ignore_errors=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
