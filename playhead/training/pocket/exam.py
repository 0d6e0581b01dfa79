"""What a pocket model can do on films it has never seen, by the loop that serves.

    exam = sit(pocket, papers(), strategy="seek")
    print(exam.by_family)

`seek` has the tools; `direct` gives the same model the same number of pictures, evenly spread. Two
papers: new films of what training had (`avoid`), and films about colour-shape pairs that it never
had, asked about in phrasings that it never had (`only`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playhead.agent.rollouts import Job, play
from playhead.agent.source import WorldSource
from playhead.core.policy import Sampling
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.scorers.answers import accuracy
from playhead.models.policies.transformers import TransformersPolicy
from playhead.training.pocket.curriculum import BUDGET, FAMILIES, tasks, tools
from playhead.worlds.families.build import HeldOut

_LONGEST = 64  # tokens of a reply


@dataclass(frozen=True)
class Exam:
    """Attempts at the questions of a paper."""

    strategy: str
    records: tuple[Trajectory, ...]

    @property
    def by_family(self) -> dict[str, float]:
        """Mean accuracy of each family."""
        shares: dict[str, list[float]] = {}
        for record in self.records:
            shares.setdefault(str(record.task.metadata["family"]), []).append(score(record))
        return {name: sum(values) / len(values) for name, values in shares.items()}

    @property
    def mean(self) -> float:
        """Mean accuracy of all questions."""
        return sum(map(score, self.records)) / len(self.records)

    @property
    def pictures(self) -> float:
        """Mean number of pictures looked at."""
        return sum(record.cost.frames for record in self.records) / len(self.records)

    @property
    def cited(self) -> float:
        """Share of the answers that cite something that was seen."""
        cited = [bool(r.answer and r.answer.evidence) for r in self.records]
        return sum(cited) / len(cited)

    @property
    def ends(self) -> Counter[str]:
        """How the attempts ended."""
        return Counter(str(record.stop) for record in self.records)


def score(record: Trajectory) -> float:
    """Accuracy, 0 where there is nothing to judge."""
    return accuracy(record) or 0.0


def paper(
    num: int, *, seed: int = 901, held_out: HeldOut = "avoid", families: Sequence[str] = FAMILIES
) -> list[Task]:
    """So many questions of each family, about films of the development split."""
    return [
        asked.task
        for family in families
        for asked in itertools.islice(tasks(family, seed, split="dev", held_out=held_out), num)
    ]


def sit(
    pocket: tuple[Any, Any], questions: Sequence[Task], *, strategy: str = "seek", at_once: int = 16
) -> Exam:
    """Let a model answer, greedily, with the budget it was taught with."""
    with WorldSource(num_open=len(questions)) as source:
        policy = TransformersPolicy(pocket, resolve=source.resolve, max_batch=at_once)
        try:
            records = asyncio.run(
                play(
                    [Job(task, f"{task.id}-{strategy}", 0) for task in questions],
                    policy,
                    source,
                    tools=tools(),
                    strategy=strategy,
                    sampling=Sampling(max_tokens=_LONGEST),
                    budget=BUDGET,
                    at_once=at_once,
                )
            )
        finally:
            policy.close()
    return Exam(strategy, tuple(records))
