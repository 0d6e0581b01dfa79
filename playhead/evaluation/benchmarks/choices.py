"""What multiple-choice benchmarks share: options without their letters, the letter chosen, shares.

Owners print options with letters, in several ways. A task has them bare, since the prompt puts its
own letters before them; a submission gives the letter of the option that was chosen.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence

from playhead.core.trajectory import Scorer, Trajectory
from playhead.evaluation.scorers.answers import choice
from playhead.evaluation.scorers.blame import is_judgeable

_LETTER = re.compile(r"\(?([A-Z])[.):]\s*")

Records = Sequence[Trajectory]


def bare(options: Sequence[str]) -> list[str]:
    """Options without the letters that they begin with (`A. red`, `(A) red`, `A: red`).

    Where some have none, only letters that are an option's own are taken off.
    """
    found = [_LETTER.match(option) for option in options]
    is_lettered = all(found)
    return [
        option[match.end() :]
        if match and (is_lettered or match[1] == string.ascii_uppercase[place])
        else option
        for place, (option, match) in enumerate(zip(options, found, strict=True))
    ]


def chosen(trajectory: Trajectory) -> int | None:
    """The place of the option that was chosen, from 0. None: none was."""
    answer, options = trajectory.answer, trajectory.task.options
    if answer is None or answer.choice is None or answer.choice not in options:
        return None
    return options.index(answer.choice)


def letter(trajectory: Trajectory) -> str:
    """The letter of the option that was chosen; empty if none was."""
    place = chosen(trajectory)
    return "" if place is None else string.ascii_uppercase[place]


def right(trajectory: Trajectory) -> float | None:
    """1 if the right option was chosen, else 0. None: the truth is not known, or the attempt cannot
    be judged. Where the truth as published is none of the options every choice is wrong, as it is
    to the owners' scripts."""
    if trajectory.task.answer is None or not is_judgeable(trajectory):
        return None
    return choice(trajectory) or 0.0


def share(values: Iterable[float | None]) -> float | None:
    """The mean of those that are known. None: none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def groups(records: Records, key: str) -> dict[str, list[Trajectory]]:
    """The records by what `Task.metadata` says under a name, in the order they come."""
    found: dict[str, list[Trajectory]] = {}
    for trajectory in records:
        found.setdefault(str(trajectory.task.metadata.get(key)), []).append(trajectory)
    return found


def shares(records: Records, key: str, scorer: Scorer = right) -> dict[str, float | None]:
    """The mean of a scorer in each group."""
    return {name: share(map(scorer, inside)) for name, inside in groups(records, key).items()}
