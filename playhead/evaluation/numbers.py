"""From the records of a run to its numbers: a table whose every cell can be counted by hand.

    numbers = numbers_of(run)
    numbers.rows[0].score, numbers.rows[0].interval      # all questions; then a row for each group

The one idea: what could not be judged is left out of every mean and counted beside it. Everything
here follows from the records alone, so the same run gives the same numbers; only `seconds` depends
on the machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from playhead.core.trajectory import Stop, Trajectory
from playhead.evaluation.bootstrap import Scored, interval
from playhead.evaluation.run import Run
from playhead.evaluation.scorers import find_scorer
from playhead.evaluation.scorers.blame import is_judgeable
from playhead.evaluation.scorers.many import calibration_error, headroom_captured, mean

ALL = "all"
COSTS = ("frames", "visual_tokens", "input_tokens", "output_tokens", "calls", "dollars")
"""Units of cost that do not depend on how busy the machine is."""


@dataclass(frozen=True)
class Row:
    """One group of questions, or all."""

    name: str
    num: int
    """Questions attempted."""
    num_judged: int
    """Of these, those that the first scorer could judge."""
    score: float | None
    """The mean of the first scorer. None: nothing could be judged."""
    interval: tuple[float, float] | None
    """95 % of what it may be, by bootstrap over videos."""
    scores: Mapping[str, float | None]
    """The mean of every scorer, by name. None: it could judge nothing."""
    costs: Mapping[str, float | None]
    """The mean per question, by unit. None: unknown."""
    seconds: float
    """The mean per question, on the machine it was made on."""


@dataclass(frozen=True)
class Numbers:
    """What came out of a run."""

    name: str
    model: str
    num_asked: int
    rows: tuple[Row, ...]
    """All questions first, then each value of the first group, in the order of the questions."""
    more_rows: Mapping[str, tuple[Row, ...]]
    """By the name of every other group."""
    stops: Mapping[str, int]
    """How many attempts ended why."""
    blamed: Mapping[str, int]
    """How many attempts failed by whose fault."""
    num_unjudged: int
    """Attempts that say nothing about the model: something broke that was not its own."""
    calibration_error: float | None
    """Expected calibration error. None: no confidence was stated."""
    owners: Mapping[str, float | None]
    """What the owner of the benchmark reports, by their names."""

    @property
    def whole(self) -> Row:
        """All questions."""
        return self.rows[0]


def numbers_of(run: Run) -> Numbers:
    """The numbers of a run, also of one that is not finished.

    Raises:
        ValueError: Nothing has been attempted.
    """
    records, settings = run.records, run.settings
    if not records:
        raise ValueError(f"{run.folder}: nothing has been attempted yet")
    first, *others = settings.groups or (None,)
    names = settings.scorers
    stops = Counter(record.stop for record in records)
    blamed = Counter(record.blame for record in records if record.blame is not None)
    return Numbers(
        name=run.name,
        model=settings.model,
        num_asked=settings.num,
        rows=(row(ALL, records, names), *_rows(records, first, names)),
        more_rows={group: tuple(_rows(records, group, names)) for group in others if group},
        stops={stop.value: stops[stop] for stop in Stop if stops[stop]},
        blamed={origin.value: num for origin, num in sorted(blamed.items())},
        num_unjudged=sum(not is_judgeable(record) for record in records),
        calibration_error=calibration_error(records),
        owners=_owners(settings.benchmark, records),
    )


def row(name: str, records: Sequence[Trajectory], scorers: Sequence[str]) -> Row:
    """The numbers of some attempts; at least one."""
    found = scored(records, scorers[0])
    means = {name: mean(records, find_scorer(name)).value for name in scorers}
    return Row(
        name=name,
        num=len(records),
        num_judged=len(found),
        score=means[scorers[0]],
        interval=interval(found) if found else None,
        scores=means,
        costs={unit: mean(records, find_scorer(f"cost.{unit}")).value for unit in COSTS},
        seconds=sum(record.cost.seconds for record in records) / len(records),
    )


def scored(records: Iterable[Trajectory], scorer: str) -> list[Scored]:
    """The judged attempts: the cluster of each, which is its videos, and its score."""
    judge = find_scorer(scorer)
    pairs = ((cluster_of(record), judge(record)) for record in records)
    return [(cluster, score) for cluster, score in pairs if score is not None]


def cluster_of(record: Trajectory) -> str:
    """What a question shares with those that stand or fall with it: its videos."""
    return " ".join(record.task.video_ids) or record.task.id


def headroom(numbers: Numbers, baselines: Sequence[Numbers]) -> tuple[str, float | None] | None:
    """Of what a baseline of evenly spread pictures leaves to be gained, the share that was gained.

    The baseline is the one with the fewest pictures that had no fewer than the model took, so that
    the comparison favours the baseline.

    Args:
        numbers: Of a model.
        baselines: Runs of the same questions.

    Returns:
        The baseline's name and the share (`headroom_captured`). None: no baseline has as many
        pictures.
    """
    mine, score = numbers.whole.costs["frames"] or 0.0, numbers.whole.score
    enough = [
        (each.whole.costs["frames"] or 0.0, each.name, each.whole.score)
        for each in baselines
        if (each.whole.costs["frames"] or 0.0) >= mine and each.whole.score is not None
    ]
    if not enough or score is None:
        return None
    _, name, uniform = min(enough)
    return name, headroom_captured(score, uniform or 0.0)


def group_of(record: Trajectory, group: str | None) -> str:
    """The value of a group that an attempt belongs to; empty where the task names none."""
    value = record.task.metadata.get(group) if group else None
    return "" if value is None else str(value)


def _rows(records: Sequence[Trajectory], group: str | None, scorers: Sequence[str]) -> list[Row]:
    parts: dict[str, list[Trajectory]] = {}
    for record in records:
        parts.setdefault(group_of(record, group), []).append(record)
    return [row(name, part, scorers) for name, part in parts.items() if name]


def _owners(benchmark: str, records: Sequence[Trajectory]) -> Mapping[str, float | None]:
    from playhead.evaluation.benchmarks import benchmark_names, find_benchmark

    if benchmark not in benchmark_names():
        return {}
    return find_benchmark(benchmark).summary(records)
