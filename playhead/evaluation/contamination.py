"""Contamination: what a model may have learned from and what it is asked, compared by their words.

    reasons = Contamination.of(trained_on)(tasks)       # for each task: what gives it away, or None

The one idea: the same question counts as the same in whatever case and punctuation, and so does one
that shares thirteen words in a row. Training drops what a benchmark holds; evaluation says what of
a benchmark was trained on, before it begins.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from playhead.core.trajectory import Task, Trajectory

_NGRAM = 13
_BOILERPLATE = 10


def plain(text: str) -> str:
    """Text as it is compared: lower case, letters and digits, single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"[^\W_]+", folded))


def ngrams(text: str, num: int = _NGRAM) -> set[tuple[str, ...]]:
    """Every `num` words in a row of a text; of a shorter one, all of it."""
    words = plain(text).split()
    if not words:
        return set()
    return {tuple(words[i : i + num]) for i in range(max(1, len(words) - num + 1))}


@dataclass(frozen=True)
class Contamination:
    """What a benchmark holds: the same ids of tasks or videos, the same question, or thirteen words
    of one in a row, as in appendix C of GPT-3 (2005.14165). Short questions must be wholly the
    same. Words that more than ten of its questions share are how it asks, not what."""

    questions: Iterable[str] = ()
    ids: Iterable[str] = ()
    """Of tasks and of videos."""
    name: ClassVar[str] = "contamination"
    _grams: frozenset[tuple[str, ...]] = field(init=False, repr=False)
    _known: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Take the benchmark apart once."""
        num = Counter(gram for question in self.questions for gram in ngrams(question))
        rare = frozenset(gram for gram, times in num.items() if times <= _BOILERPLATE)
        object.__setattr__(self, "_grams", rare)
        object.__setattr__(self, "_known", frozenset(self.ids))

    @classmethod
    def of(cls, tasks: Iterable[Task]) -> Contamination:
        """Against these tasks: a benchmark's, or those that were learned from."""
        tasks = list(tasks)
        ids = [name for task in tasks for name in (task.id, *task.video_ids)]
        return cls([task.question for task in tasks], ids)

    def __call__(self, items: Sequence[Task | Trajectory]) -> list[str | None]:
        """For each item: what it has in common. None: nothing."""
        return [self._reason(item if isinstance(item, Task) else item.task) for item in items]

    def _reason(self, task: Task) -> str | None:
        if task.id in self._known:
            return "benchmark_task"
        if self._known & set(task.video_ids):
            return "benchmark_video"
        return "benchmark_question" if ngrams(task.question) & self._grams else None
