"""The questions of a run, with where their videos are.

    questions = world_questions()                                    # rendered, nothing to fetch
    questions = file_questions(find_benchmark("nextgqa"), data, videos, library)

The one idea: what is asked, and how it is scored, is fixed before anybody answers. A digest of
every question is written into a run, so that two runs with one digest were asked the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from pydantic import JsonValue

from playhead.agent.source import Source
from playhead.core.trajectory import Task
from playhead.memory.recipe import MemoryRecipe

OpenSource = Callable[[MemoryRecipe, bool, Path], AbstractContextManager[Source]]
"""From how videos are remembered, whether they are indexed, and a folder for memories that are only
needed meanwhile, to where attempts get them."""


@dataclass(frozen=True)
class Questions:
    """What is asked, and how it is scored."""

    benchmark: str
    """By name."""
    how: Mapping[str, JsonValue]
    """What was asked for: a split, a seed ..."""
    tasks: tuple[Task, ...]
    scorers: tuple[str, ...]
    """By name (`find_scorer`); the first one is what a question scores."""
    groups: tuple[str, ...]
    """Names in `Task.metadata` that results are broken down by; the first one in the table."""
    open: OpenSource
    missing: Mapping[str, int] = field(default_factory=dict[str, int])
    """Videos that are not there, each with how many questions were left out for it."""

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ValueError(f"{self.benchmark}: there is no question to ask")
        if not self.scorers:
            raise ValueError(f"{self.benchmark}: name a scorer, such as accuracy")
        ids = [task.id for task in self.tasks]
        if len(set(ids)) != len(ids):
            twice = sorted({id_ for id_ in ids if ids.count(id_) > 1})
            raise ValueError(f"{self.benchmark}: ids of questions are unique: got {twice[:5]}")

    @property
    def digest(self) -> str:
        """Names every question, its truth and its order."""
        digest = blake2b(digest_size=8)
        for task in self.tasks:
            digest.update(task.to_json().encode())
        return digest.hexdigest()

    def first(self, num: int) -> Questions:
        """Only the first questions.

        Raises:
            ValueError: Fewer than one.
        """
        if num < 1:
            raise ValueError(f"one question or more: got {num}")
        how = {**self.how, "first": num}
        tasks = self.tasks[:num]
        return Questions(
            self.benchmark, how, tasks, self.scorers, self.groups, self.open, self.missing
        )


def memory_name(recipe: MemoryRecipe, index: bool) -> str:
    """Names how videos are remembered: two that are named alike remember the same."""
    late = [recipe.late(eye) for eye in recipe.made_late_eyes]
    return " ".join([recipe.fine, recipe.words, *late]) if index else "not indexed"
