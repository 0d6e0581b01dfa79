"""What a pocket model can do on films it has never seen, by the loop that serves.

    exam = sit(pocket, PAPERS[0].draw(60), strategy="seek")
    print(exam.mean, exam.interval)

`seek` has the tools; `direct` gives the same model the same number of pictures, evenly spread.
Papers are about new films, with few cards or many that could be mistaken for the one asked about,
about colour-shape pairs in phrasings that training never had (`held_out="only"`), about cards half
of which were never raised, and about when a card was up (scored by intersection over union).
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from playhead.agent.rollouts import Job, play
from playhead.agent.source import WorldSource
from playhead.core.budget import Budget
from playhead.core.media import FrameRef
from playhead.core.policy import Sampling
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.bootstrap import interval
from playhead.evaluation.scorers.answers import accuracy
from playhead.models.policies.transformers import TransformersPolicy
from playhead.training.pocket.curriculum import BUDGET, LONGEST_REPLY, tasks, tools
from playhead.worlds.families.build import HeldOut


@dataclass(frozen=True)
class Exam:
    """Attempts at the questions of a paper."""

    records: tuple[Trajectory, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy."""
        return sum(map(score, self.records)) / len(self.records)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of what that mean may be."""
        return interval([(record.task.id, score(record)) for record in self.records])

    @property
    def pictures(self) -> float:
        """Mean number of pictures looked at."""
        return sum(record.cost.frames for record in self.records) / len(self.records)

    @property
    def seen(self) -> float:
        """Share of the attempts in which some picture shows the card."""
        return sum(map(saw, self.records)) / len(self.records)

    @property
    def proved(self) -> float:
        """Share of the answers about a card with anything right that cite a picture of it."""
        right = [record for record in self.records if record.task.spans and score(record) > 0]
        return sum(map(cites, right)) / max(1, len(right))

    @property
    def ends(self) -> Counter[str]:
        """How the attempts ended."""
        return Counter(str(record.stop) for record in self.records)


def score(record: Trajectory) -> float:
    """Accuracy, 0 where there is nothing to judge."""
    return accuracy(record) or 0.0


def saw(record: Trajectory) -> bool:
    """Whether some picture that was looked at shows what is asked about."""
    return _show(record, (frame for message in record.messages() for frame in message.frames))


def cites(record: Trajectory) -> bool:
    """Whether the answer cites a picture that shows what is asked about."""
    evidence = record.answer.evidence if record.answer else ()
    return _show(record, (frame for piece in evidence for frame in piece.frames))


def _show(record: Trajectory, frames: Iterable[FrameRef]) -> bool:
    return any(frame.time_s in span for frame in frames for span in record.task.spans or ())


@dataclass(frozen=True)
class Paper:
    """Questions about films of the development split; fields as for `tasks`."""

    title: str
    families: tuple[str, ...] = ("needle",)
    held_out: HeldOut = "avoid"
    num_rivals: int = 1

    def draw(self, num: int, *, seed: int = 902) -> list[Task]:
        """So many questions."""
        asked = tasks(
            seed,
            families=self.families,
            split="dev",
            held_out=self.held_out,
            num_rivals=self.num_rivals,
        )
        return [each.task for each in itertools.islice(asked, num)]


PAPERS = (
    Paper("needle, one rival"),
    Paper("needle, six rivals", num_rivals=6),
    Paper("needle, unseen looks and phrasings", held_out="only"),
    Paper("negative", families=("negative",)),
    Paper("grounding", families=("grounding",)),
)


def sit(
    pocket: tuple[Any, Any],
    questions: Sequence[Task],
    *,
    strategy: str = "seek",
    budget: Budget = BUDGET,
    at_once: int = 16,
) -> Exam:
    """Let a model answer, greedily, with the budget it was taught with or another."""
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
                    sampling=Sampling(max_tokens=LONGEST_REPLY),
                    budget=budget,
                    at_once=at_once,
                )
            )
        finally:
            policy.close()
    return Exam(tuple(records))
