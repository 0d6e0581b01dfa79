"""Two runs of the same questions: how much better one is, where, and which questions flipped.

    found = compare_runs(read_run(before), read_run(after))
    print(comparison_table(found))

Only questions that both runs have a score for count; everything is a difference within a question
(`paired`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playhead.core.trajectory import Trajectory
from playhead.evaluation.numbers import ALL, COSTS, group_of
from playhead.evaluation.paired import Difference, compare, pairs
from playhead.evaluation.run import Run
from playhead.evaluation.scorers import find_scorer
from playhead.evaluation.scorers.many import mean

_RIGHT = 0.5  # as McNemar's test in `paired` counts


@dataclass(frozen=True)
class Flip:
    """A question that only one of two runs got right."""

    id: str
    part: str
    question: str
    gold: str
    before: str
    """What the first run answered; empty: nothing."""
    after: str
    score_before: float
    score_after: float


@dataclass(frozen=True)
class Comparison:
    """The second run less the first."""

    before: str
    after: str
    scorer: str
    differences: Mapping[str, Difference]
    """All questions first, then each value of the first group."""
    won: tuple[Flip, ...]
    """What only the second run got right."""
    lost: tuple[Flip, ...]
    """What only the first run got right."""
    costs: Mapping[str, tuple[float | None, float | None]]
    """Mean per question in both, by unit."""
    num_left_out: int
    """Questions that only one of them has a score for."""


def compare_runs(before: Run, after: Run, *, scorer: str | None = None) -> Comparison:
    """What the second run does better.

    Args:
        before: One run.
        after: Another.
        scorer: By name. None: the first of the benchmark.

    Raises:
        ValueError: They were asked different things, or have no judged question in common.
    """
    mine, theirs = before.settings, after.settings
    if mine.benchmark != theirs.benchmark:
        raise ValueError(f"runs of {mine.benchmark} and of {theirs.benchmark} cannot be compared")
    asked = {record.task.id: record for record in before.records}
    others = [r for r in after.records if r.task.id in asked]
    if changed := [r.task.id for r in others if r.task != asked[r.task.id].task]:
        raise ValueError(f"questions of one name differ, so nothing can be compared: {changed[:5]}")
    name = scorer or mine.scorers[0]
    score = find_scorer(name)
    both = pairs(before.records, after.records, score)
    common = {pair.task: pair for pair in both}
    answered = {record.task.id: record for record in after.records}
    group = mine.groups[0] if mine.groups else None
    parts: dict[str, list[str]] = {ALL: []}
    for id_, record in asked.items():
        if id_ in common:
            parts[ALL].append(id_)
            if part := group_of(record, group):
                parts.setdefault(part, []).append(id_)
    flips = [
        _flip(asked[pair.task], answered[pair.task], group, pair.before, pair.after)
        for pair in both
        if (pair.before >= _RIGHT) != (pair.after >= _RIGHT)
    ]
    num_asked = len(asked.keys() | answered.keys())
    return Comparison(
        before=before.name,
        after=after.name,
        scorer=name,
        differences={part: compare([common[i] for i in ids]) for part, ids in parts.items()},
        won=tuple(flip for flip in flips if flip.score_after >= _RIGHT),
        lost=tuple(flip for flip in flips if flip.score_before >= _RIGHT),
        costs={unit: (_cost(before.records, unit), _cost(after.records, unit)) for unit in COSTS},
        num_left_out=num_asked - len(common),
    )


def comparison_table(found: Comparison) -> str:
    """A comparison as Markdown."""
    lines = [
        f"# {found.after} less {found.before}: {found.scorer.replace('_', ' ')}",
        "",
        f"| part | {found.before} | {found.after} | difference | 95 % | p (McNemar) | n |",
        "|---|---|---|---|---|---|---|",
    ]
    for part, difference in found.differences.items():
        low, high = difference.interval
        lines.append(
            f"| {part} | {difference.before:.3f} | {difference.after:.3f} | "
            f"{difference.mean:+.3f} | {low:+.3f} to {high:+.3f} | {difference.p_value:.3g} | "
            f"{difference.num} |"
        )
    lines += ["", f"| cost per question | {found.before} | {found.after} |", "|---|---|---|"]
    for unit, (one, other) in found.costs.items():
        if one or other:
            lines.append(f"| {unit.replace('_', ' ')} | {_number(one)} | {_number(other)} |")
    if found.num_left_out:
        lines += ["", f"{found.num_left_out} questions have no score in one of them: left out."]
    for who, flips in ((found.after, found.won), (found.before, found.lost)):
        lines += ["", f"Only {who} got {len(flips)} right:" if flips else f"Only {who} got none."]
        lines += [_told(flip) for flip in flips]
    return "\n".join(lines) + "\n"


def _flip(
    before: Trajectory, after: Trajectory, group: str | None, first: float, second: float
) -> Flip:
    task = before.task
    return Flip(
        id=task.id,
        part=group_of(before, group),
        question=" ".join(task.question.split()),
        gold=str(task.answer),
        before=before.answer.text if before.answer else "",
        after=after.answer.text if after.answer else "",
        score_before=first,
        score_after=second,
    )


def _told(flip: Flip) -> str:
    question = flip.question if len(flip.question) <= 160 else flip.question[:159] + "…"
    part = f"{flip.part}, " if flip.part else ""
    return f"- {part}`{flip.id}`: {question} ({flip.before!r}, then {flip.after!r}; {flip.gold!r})"


def _cost(records: Sequence[Trajectory], unit: str) -> float | None:
    return mean(records, find_scorer(f"cost.{unit}")).value


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
