"""Filters: what is not learned from, each with a reason that has a name, all of them counted.

    kept = await sift([leakage, duplicates, PassRate(0.2, 0.8)], trajectories)
    print(kept.report)                      # per filter: how many came, how many stayed, why not

A filter looks at all items at once and says for each why it goes; None keeps it. Items are tasks or
trajectories. The order of the filters is the order in which they are given, and is recorded, for it
changes the counts. Filters that must ask a policy (`Necessity`, `Blind`) are asynchronous.
"""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from playhead.agent.source import Source
from playhead.core.budget import Budget
from playhead.core.span import outside
from playhead.core.trajectory import Scorer, Task, Trajectory
from playhead.evaluation.asking import Mind, ask_once, frames_of, is_right, mind, pictures
from playhead.evaluation.contamination import Contamination as Contamination
from playhead.evaluation.contamination import ngrams as ngrams
from playhead.evaluation.contamination import plain as plain
from playhead.evaluation.scorers.answers import accuracy, gold_option, kind_of
from playhead.worlds.oracle import say
from playhead.worlds.verify import AnswerKind

Item = TypeVar("Item", Task, Trajectory)
Reasons = Sequence[str | None]
"""For each item: why it goes. None: it stays."""


class Filter(Protocol):
    """Says of each item why it goes."""

    def __call__(self, items: Sequence[Any], /) -> Reasons | Awaitable[Reasons]:
        """One reason for each item, in order. It depends on the items alone."""
        ...


@dataclass(frozen=True)
class Stage:
    """What one filter did."""

    name: str
    num_in: int
    num_out: int
    reasons: dict[str, int]
    """How many items went, by reason."""


@dataclass(frozen=True)
class Kept(Generic[Item]):
    """What stayed, and what became of the rest."""

    items: tuple[Item, ...]
    stages: tuple[Stage, ...]
    """In the order in which the filters were used."""

    @property
    def report(self) -> str:
        """All of it in words, a line each."""
        lines: list[str] = []
        for stage in self.stages:
            share = f" ({stage.num_out / stage.num_in:.0%})" if stage.num_in else ""
            lines.append(f"{stage.name}: {stage.num_out} of {stage.num_in} stay{share}")
            lines += [f"  {num} go: {reason}" for reason, num in sorted(stage.reasons.items())]
        return "\n".join(lines)


async def sift(filters: Iterable[Filter], items: Iterable[Item]) -> Kept[Item]:
    """The items that every filter keeps, in their order.

    Raises:
        ValueError: A filter does not give one reason for each item.
    """
    left, stages = list(items), list[Stage]()
    for each in filters:
        found = each(left)
        reasons = await found if inspect.isawaitable(found) else found
        if len(reasons) != len(left):
            raise ValueError(f"{_name(each)}: one reason per item: got {len(reasons)}, {len(left)}")
        stayed = [item for item, reason in zip(left, reasons, strict=True) if reason is None]
        gone = Counter(reason for reason in reasons if reason is not None)
        stages.append(Stage(_name(each), len(left), len(stayed), dict(gone)))
        left = stayed
    return Kept(tuple(left), tuple(stages))


def task_of(item: Task | Trajectory) -> Task:
    """The task of an item."""
    return item if isinstance(item, Task) else item.task


def _name(each: Filter) -> str:
    return str(getattr(each, "name", None) or getattr(each, "__name__", type(each).__name__))


# What gives the answer away


def gold_words(task: Task) -> str:
    """The true answer in words. Empty: it is not known, or words do not give it away, as a number,
    a yes and a time do not."""
    kind = kind_of(task)
    if task.options:
        return gold_option(task) or ""
    if kind is None or kind in (
        AnswerKind.NUMBER,
        AnswerKind.YES_NO,
        AnswerKind.SPANS,
        AnswerKind.PATH,
        AnswerKind.ALERT,
    ):
        return ""
    return say(task.answer, kind)


def _holds(text: str, words: str) -> bool:
    """Whether some words are in a text, as whole words in this order."""
    wanted = plain(words)
    return bool(wanted) and f" {wanted} " in f" {plain(text)} "


def leakage(items: Sequence[Task | Trajectory]) -> Reasons:
    """What names the answer before anything was seen: the question itself (its own list of options
    aside), the ids and titles that a policy is told, the rest of the opening, or a thought."""
    return [_leak(item) for item in items]


def _leak(item: Task | Trajectory) -> str | None:
    task = task_of(item)
    gold = gold_words(task)
    if len(set(map(plain, task.options))) != len(task.options):
        return "options_alike"
    if task.options and task.answer is not None and not gold:
        return "gold_is_no_option"
    asked = _without_options(task)
    if _holds(asked, gold) and not all(_holds(asked, option) for option in task.options or ("",)):
        return "gold_in_question"
    if any(_holds(name, gold) for name in (task.id, *task.video_ids)):
        return "gold_in_id"
    if isinstance(item, Trajectory):
        if _opening_leaks(item, gold):
            return "gold_in_opening"
        if said_before_seen(item):
            return "said_before_seen"
    return None


def _without_options(task: Task) -> str:
    """The question, without the lines that list its options."""
    lines = task.question.splitlines()
    listed = {f"({chr(65 + i)}) {option}" for i, option in enumerate(task.options)}
    return "\n".join(line for line in lines if line.strip() not in listed)


def _opening_leaks(record: Trajectory, gold: str) -> bool:
    listed = {plain(option) for option in record.task.options}
    told = [part.text for part in record.opening if part.type == "text"]
    text = "\n".join(told).replace(record.task.question, "")
    lines = (line for line in text.splitlines() if plain(line)[2:] not in listed)
    return _holds("\n".join(lines), gold)


def said_before_seen(record: Trajectory) -> bool:
    """Whether a trained turn names the answer before anything had been seen that could tell it: a
    guess, or a thought that knows the truth."""
    gold = gold_words(record.task)
    if not gold or record.task.options:
        return False
    for step in record.steps:
        arguments = " ".join(str(value) for c in step.reply.calls for value in c.arguments.values())
        if step.weight and _holds(f"{step.reply.thinking} {step.reply.text} {arguments}", gold):
            return True
        if any(seen.evidence for seen in step.observations):
            return False
    return False


@dataclass(frozen=True)
class Blind:
    """Questions that are answered without the video."""

    policy: Mind
    source: Source
    num: int = 3
    """How often it is asked; it is known blindly if most answers are right."""
    name: ClassVar[str] = "blind"

    async def __call__(self, items: Sequence[Task | Trajectory]) -> Reasons:
        """See `Filter`."""
        return [await self._reason(task_of(item)) for item in items]

    async def _reason(self, task: Task) -> str | None:
        with self.source.open(task, Budget()) as ctx:
            policy = mind(self.policy, task, ctx)
            right = [is_right(task, await ask_once(policy, task, ())) for _ in range(self.num)]
        return "answered_blind" if 2 * sum(right) > self.num else None


@dataclass(frozen=True)
class Necessity:
    """Questions that are still answered when the evidence is taken away: pictures spread over the
    rest of the video are enough, so what is called the evidence is none."""

    policy: Mind
    source: Source
    num_frames: int = 32
    margin_s: float = 1.0
    """Taken away around the evidence, too."""
    name: ClassVar[str] = "necessity"

    async def __call__(self, items: Sequence[Task | Trajectory]) -> Reasons:
        """See `Filter`."""
        return [await self._reason(task_of(item)) for item in items]

    async def _reason(self, task: Task) -> str | None:
        if not task.spans:
            return "evidence_unknown" if task.spans is None else None
        with self.source.open(task, Budget()) as ctx:
            rest = outside(ctx.whole(ctx.video_ids[0]), task.spans, self.margin_s)
            shown = pictures(frames_of(ctx, rest, num=self.num_frames)) if rest else []
            answer = await ask_once(mind(self.policy, task, ctx), task, shown)
        return "answered_without_evidence" if is_right(task, answer) else None


# What is in the set already


def duplicates(items: Sequence[Task | Trajectory]) -> Reasons:
    """What is there already: the same question about the same videos with the same pictures, and of
    trajectories also the same calls and answer. The first stays."""
    seen: set[Hashable] = set()
    reasons: list[str | None] = []
    for item in items:
        task = task_of(item)
        same: Hashable = (plain(task.question), task.video_ids, task.images)
        if isinstance(item, Trajectory):
            calls = [
                (c.name, str(sorted(c.arguments.items())), c.raw)
                for step in item.steps
                for c in step.reply.calls
            ]
            said = item.answer.text if item.answer else None
            same = (same, tuple(calls), plain(said) if said else said)
        reasons.append("duplicate" if same in seen else None)
        seen.add(same)
    return reasons


# How hard, how long, how many of each


@dataclass(frozen=True)
class PassRate:
    """Attempts at tasks that are always or never done: a group in which all do equally well teaches
    nothing. The band is closed on both sides; attempts that cannot be judged do not count."""

    low: float = 0.1
    high: float = 0.9
    scorer: Scorer = accuracy
    name: ClassVar[str] = "pass_rate"

    def __post_init__(self) -> None:
        """Check the band."""
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"a band is 0 <= low <= high <= 1: got {self.low}, {self.high}")

    def __call__(self, items: Sequence[Trajectory]) -> Reasons:
        """See `Filter`."""
        rates = pass_rates(items, self.scorer)
        return [self._reason(rates.get(item.task.id)) for item in items]

    def _reason(self, rate: float | None) -> str | None:
        if rate is None:
            return "cannot_be_judged"
        return "too_hard" if rate < self.low else "too_easy" if rate > self.high else None


def pass_rates(items: Iterable[Trajectory], scorer: Scorer = accuracy) -> dict[str, float]:
    """The mean score of the attempts at each task, by its id."""
    scores: dict[str, list[float]] = defaultdict(list)
    for item in items:
        score = scorer(item)
        if score is not None:
            scores[item.task.id].append(score)
    return {id_: sum(values) / len(values) for id_, values in scores.items()}


@dataclass(frozen=True)
class MinFrames:
    """Questions that fewer frames answer than are worth a tool: the minimum required frame set
    (HERBench) of `task.metadata["min_frames"]`, exact for worlds."""

    least: int = 2
    name: ClassVar[str] = "min_frames"

    def __call__(self, items: Sequence[Task | Trajectory]) -> Reasons:
        """See `Filter`."""
        needed = [task_of(item).metadata.get("min_frames") for item in items]
        return [
            "frames_unknown" if not isinstance(num, int) else _few(num, self.least)
            for num in needed
        ]


def _few(num: int, least: int) -> str | None:
    return "too_few_frames_needed" if num < least else None


@dataclass(frozen=True)
class Length:
    """Trajectories of too few or too many turns, or with too many pictures."""

    least_turns: int = 1
    most_turns: int | None = None
    most_frames: int | None = None
    name: ClassVar[str] = "length"

    def __call__(self, items: Sequence[Trajectory]) -> Reasons:
        """See `Filter`."""
        return [self._reason(item) for item in items]

    def _reason(self, item: Trajectory) -> str | None:
        turns, frames = len(item.steps), item.cost.frames
        if turns < self.least_turns:
            return "too_few_turns"
        if self.most_turns is not None and turns > self.most_turns:
            return "too_many_turns"
        too_many = self.most_frames is not None and frames > self.most_frames
        return "too_many_frames" if too_many else None


By = Callable[[Task], Hashable]


def family_of(task: Task) -> Hashable:
    """Which kind of question it is, as its metadata says."""
    return str(task.metadata.get("family"))


def letter_of(task: Task) -> Hashable:
    """The letter of the right option: a set in which it is mostly C teaches to say C. None: there
    are no options, and then nothing is balanced."""
    gold = gold_option(task)
    return None if gold is None else chr(65 + task.options.index(gold))


def third_of(task: Task) -> Hashable:
    """In which third of the videos' known length the first evidence is: a set in which it is mostly
    at the beginning teaches to look there. None: unknown, and then nothing is balanced."""
    recipe = task.metadata.get("recipe")
    knobs: Any = recipe.get("knobs") if isinstance(recipe, dict) else None
    length_ms = knobs.get("duration_ms") if isinstance(knobs, dict) else None
    if not task.spans or not isinstance(length_ms, int):
        return None
    return min(2, int(3000 * min(span.start for span in task.spans) / length_ms))


@dataclass(frozen=True)
class Balance:
    """Items of a class that is `most` times as frequent as the rarest, or more. The first of each
    class stay."""

    by: By = family_of
    most: float = 1.5

    def __post_init__(self) -> None:
        """Check the ratio."""
        if not self.most >= 1:
            raise ValueError(f"no class is rarer than the rarest: got most={self.most}")

    @property
    def name(self) -> str:
        """Which balance it is."""
        return f"balance by {self.by.__name__}"

    def __call__(self, items: Sequence[Task | Trajectory]) -> Reasons:
        """See `Filter`."""
        classes = [self.by(task_of(item)) for item in items]
        sizes = Counter(each for each in classes if each is not None)
        allowed = int(min(sizes.values()) * self.most) if sizes else 0
        taken: Counter[Hashable] = Counter()
        reasons: list[str | None] = []
        for each in classes:
            taken[each] += each is not None
            is_over = each is not None and taken[each] > allowed
            reasons.append(f"over_represented_{each}" if is_over else None)
        return reasons
