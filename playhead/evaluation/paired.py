"""Two runs over the same questions, compared question by question.

    difference = compare(pairs(before, after, score))

The one idea: a question that both got right or both got wrong says nothing about which is better,
so everything here works on differences within a question. Questions about one video stand or fall
together: the bootstrap draws videos, not questions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb

from playhead.core.trajectory import Scorer, Trajectory
from playhead.evaluation.bootstrap import bounds, means


@dataclass(frozen=True)
class Pair:
    """One question in two runs. Each score is the mean over its judged attempts."""

    task: str
    cluster: str
    """What it shares with questions that stand or fall with it: its videos."""
    before: float
    after: float


@dataclass(frozen=True)
class Difference:
    """After minus before."""

    num: int
    """Questions that both runs have a score for."""
    before: float
    after: float
    interval: tuple[float, float]
    """95 % of what the mean difference may be, by bootstrap over clusters."""
    p_value: float
    """Exact McNemar test of right and wrong (a score of 0.5 or more is right), two-sided."""

    @property
    def mean(self) -> float:
        """After minus before, on mean."""
        return self.after - self.before


def pairs(before: Iterable[Trajectory], after: Iterable[Trajectory], score: Scorer) -> list[Pair]:
    """The questions that both runs have a score for, by the task's id.

    Attempts that `score` cannot judge (None) are left out: an error is not a wrong answer.
    """
    first, _ = _means(before, score)
    second, clusters = _means(after, score)
    both = sorted(first.keys() & second.keys())
    return [Pair(task, clusters[task], first[task], second[task]) for task in both]


def compare(both: Sequence[Pair], *, seed: int = 0) -> Difference:
    """How much better the second run is.

    The interval is a percentile bootstrap over clusters (Efron and Tibshirani, "An Introduction to
    the Bootstrap", 1993, chapter 13), the test McNemar's (1947) in its exact binomial form.

    Args:
        both: At least one.
        seed: Of the bootstrap.

    Raises:
        ValueError: There is nothing to compare.
    """
    if not both:
        raise ValueError("the runs have no judged question in common: compare runs of one set")
    better = sum(pair.before < 0.5 <= pair.after for pair in both)
    worse = sum(pair.after < 0.5 <= pair.before for pair in both)
    return Difference(
        num=len(both),
        before=sum(pair.before for pair in both) / len(both),
        after=sum(pair.after for pair in both) / len(both),
        interval=bounds(means([(p.cluster, p.after - p.before) for p in both], seed=seed)),
        p_value=mcnemar(better, worse),
    )


def mcnemar(better: int, worse: int) -> float:
    """The exact two-sided probability of a split at least as uneven, if neither run is better.

    Args:
        better: Questions that only the second run got right.
        worse: Questions that only the first run got right.
    """
    num = better + worse
    tail = sum(comb(num, k) for k in range(min(better, worse) + 1)) / 2**num
    return min(1.0, 2 * tail)


def _means(
    trajectories: Iterable[Trajectory], score: Scorer
) -> tuple[dict[str, float], dict[str, str]]:
    scores: Mapping[str, list[float]] = defaultdict(list)
    clusters: dict[str, str] = {}
    for trajectory in trajectories:
        clusters[trajectory.task.id] = " ".join(trajectory.task.video_ids) or trajectory.task.id
        value = score(trajectory)
        if value is not None:
            scores[trajectory.task.id].append(value)
    return {task: sum(values) / len(values) for task, values in scores.items()}, clusters
