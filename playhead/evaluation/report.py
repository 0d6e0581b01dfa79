"""Reports of runs: the same numbers as Markdown, as JSON and, by `page`, as one HTML file.

    sections = sections_of([read_run(folder) for folder in folders])
    print(markdown(sections))

Runs that were asked the same questions stand in one section, each a few rows of its table. What
depends on the machine, the seconds, stands apart: all else follows from the attempts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from playhead.evaluation.curves import Curve, Gap, curves_of, gaps_of
from playhead.evaluation.numbers import Numbers, Row, headroom, numbers_of
from playhead.evaluation.run import Run
from playhead.evaluation.subjects import UNIFORM

_OF_THE_WHOLE = ("over_calling", "false_positive", "brier")
"""Scorers of a few questions only: told once for a run, and not for each of its parts."""
_WORDS = {
    "over_calling": "calls where none is needed",
    "false_positive": "false positives",
    "brier": "Brier",
    "evidence_iou": "evidence IoU",
    "frames": "pictures",
}


@dataclass(frozen=True)
class Section:
    """Runs of the same questions."""

    benchmark: str
    how: Mapping[str, Any]
    questions: str
    """The digest of the questions."""
    runs: tuple[Run, ...]
    numbers: tuple[Numbers, ...]
    """One for each run."""
    headrooms: Mapping[str, tuple[str, float | None]]
    """By run: over which baseline, and the share that was gained (`numbers.headroom`)."""
    curves: tuple[Curve, ...]
    gaps: tuple[Gap, ...]

    @property
    def scorers(self) -> tuple[str, ...]:
        """What a question scores first, then what else can be said of it."""
        return self.runs[0].settings.scorers


def sections_of(runs: Sequence[Run]) -> list[Section]:
    """The runs, apart by what they were asked, each in the order given.

    Raises:
        ValueError: A run has no attempt yet.
    """
    apart: dict[str, list[Run]] = {}
    for run in runs:
        apart.setdefault(run.settings.questions, []).append(run)
    return [_section(each) for each in apart.values()]


def markdown(sections: Sequence[Section]) -> str:
    """A report as Markdown."""
    return "\n".join(line for section in sections for line in _told(section))


def to_json(sections: Sequence[Section]) -> str:
    """A report as JSON: every number of the Markdown, and the settings of every run."""
    told = [
        {
            "benchmark": section.benchmark,
            "how": dict(section.how),
            "questions": section.questions,
            "runs": [
                {
                    "settings": json.loads(run.settings.to_json()),
                    **asdict(numbers),
                    "headroom": section.headrooms.get(numbers.name),
                }
                for run, numbers in zip(section.runs, section.numbers, strict=True)
            ],
            "curves": [asdict(curve) for curve in section.curves],
            "gaps": [asdict(gap) for gap in section.gaps],
        }
        for section in sections
    ]
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def words(name: str) -> str:
    """What a scorer or a unit is called in a table."""
    return _WORDS.get(name, name.replace("_", " "))


def number(value: float | None, digits: int = 2) -> str:
    """A number in a table."""
    return "-" if value is None else f"{value:.{digits}f}"


def between(interval: tuple[float, float] | None) -> str:
    """An interval in a table."""
    return "-" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"


def table(section: Section) -> list[list[str]]:
    """A line for each run and part, the head first."""
    first, *rest = section.scorers
    shown = [
        name
        for name in rest
        if name not in _OF_THE_WHOLE
        and any(row.scores[name] is not None for each in section.numbers for row in each.rows)
    ]
    units = [
        unit
        for unit in section.numbers[0].whole.costs
        if any(each.whole.costs[unit] for each in section.numbers)
    ]
    head = ["model", "part", words(first), "95 %", *map(words, shown), *map(words, units), "n"]
    return [head] + [
        [
            each.name, row.name, number(row.score), between(row.interval),
            *(number(row.scores[name]) for name in shown),
            *(number(row.costs[unit], 1 if unit == "calls" else 0) for unit in units),
            _num(row),
        ]
        for each in section.numbers
        for row in each.rows
    ]  # fmt: skip


def whole_table(section: Section) -> list[list[str]]:
    """A line for each run: what is said of all of it at once, the head first."""
    shown = [name for name in section.scorers if name in _OF_THE_WHOLE]
    owners = list(dict.fromkeys(name for each in section.numbers for name in each.owners))
    head = [
        "model", *map(words, shown), "calibration error", "headroom gained", *owners, "unjudged",
        "ended",
    ]  # fmt: skip
    return [head] + [
        [
            each.name,
            *(number(each.whole.scores[name]) for name in shown),
            number(each.calibration_error),
            _headroom(section, each),
            *(number(each.owners.get(name), 3) for name in owners),
            _unjudged(each),
            ", ".join(f"{num} {why}" for why, num in each.stops.items()),
        ]
        for each in section.numbers
    ]


def seconds_table(section: Section) -> list[list[str]]:
    """A line for each run: how long a question took, the head first."""
    lines = [[each.name, number(each.whole.seconds)] for each in section.numbers]
    return [["model", "seconds a question"], *lines]


def curve_table(section: Section) -> list[list[str]]:
    """A line for each curve, the head first."""
    lines = [
        [
            curve.model,
            ", ".join(f"{point.frames}: {point.score:.2f}" for point in curve.points),
            number(curve.area),
            between(curve.area_interval),
        ]
        for curve in section.curves
    ]
    return [["model", "pictures: score", "area under log pictures", "95 %"], *lines]


def asked(section: Section) -> str:
    """What was asked, in a line."""
    how = ", ".join(f"{name} {_plain(value)}" for name, value in section.how.items())
    num = section.runs[0].settings.num
    return f"{num} questions ({section.questions}){': ' + how if how else ''}."


def notes(section: Section) -> list[str]:
    """What must be known to read the tables."""
    found: list[str] = []
    for run, each in zip(section.runs, section.numbers, strict=True):
        settings = run.settings
        if not run.is_whole:
            found.append(f"{each.name} is not finished: {each.whole.num} of {each.num_asked}.")
        if settings.contaminated:
            found.append(f"{each.name} was trained on {len(settings.contaminated)} questions.")
    missing = section.runs[0].settings.missing
    if missing:
        num = sum(missing.values())
        found.append(f"{num} questions are left out: {len(missing)} videos are not there.")
    found += [
        f"{gap.after} less {gap.before}, over the budgets of both: area {gap.area:+.3f} "
        f"(95 %: {gap.interval[0]:+.3f} to {gap.interval[1]:+.3f})."
        for gap in section.gaps
    ]
    return found


def _section(runs: Sequence[Run]) -> Section:
    numbers = tuple(map(_named, runs, _names(runs)))
    baselines = [each for each in numbers if _is_uniform(each)]
    found = {
        each.name: gained
        for each in numbers
        if not _is_uniform(each) and (gained := headroom(each, baselines)) is not None
    }
    settings = runs[0].settings
    return Section(
        benchmark=settings.benchmark,
        how=settings.how,
        questions=settings.questions,
        runs=tuple(runs),
        numbers=numbers,
        headrooms=found,
        curves=tuple(curves_of(runs)),
        gaps=tuple(gaps_of(runs)),
    )


def _names(runs: Sequence[Run]) -> list[str]:
    """What runs are called; those of one name by their folders, too."""
    names = [run.name for run in runs]
    return [
        f"{run.name} ({run.folder.name})" if names.count(run.name) > 1 else run.name for run in runs
    ]


def _named(run: Run, name: str) -> Numbers:
    return replace(numbers_of(run), name=name)


def _told(section: Section) -> list[str]:
    lines = [f"# {section.benchmark}", "", asked(section), "", *_markdown(table(section)), ""]
    lines += [*_markdown(whole_table(section)), ""]
    if section.curves:
        lines += [*_markdown(curve_table(section)), ""]
    lines += [f"- {note}" for note in notes(section)]
    more = [(each, rows) for each in section.numbers for rows in each.more_rows.items()]
    for each, (group, rows) in more:
        lines += ["", f"## {each.name} by {words(group)}", ""]
        lines += _markdown([["", words(section.scorers[0]), "95 %", "n"], *map(_short, rows)])
    return [*lines, "", "On this machine:", "", *_markdown(seconds_table(section)), ""]


def _short(row: Row) -> list[str]:
    return [row.name, number(row.score), between(row.interval), _num(row)]


def _markdown(lines: Sequence[Sequence[str]]) -> list[str]:
    head, *rest = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines]
    return [f"| {head} |", "|" + "---|" * len(lines[0]), *(f"| {line} |" for line in rest)]


def _is_uniform(numbers: Numbers) -> bool:
    return numbers.model.partition(":")[0] == UNIFORM


def _headroom(section: Section, numbers: Numbers) -> str:
    gained = section.headrooms.get(numbers.name)
    return "-" if gained is None else f"{number(gained[1])} over {gained[0]}"


def _unjudged(numbers: Numbers) -> str:
    if not numbers.num_unjudged:
        return "0"
    blamed = ", ".join(f"{num} by the {whose}" for whose, num in numbers.blamed.items())
    return f"{numbers.num_unjudged}{f' ({blamed})' if blamed else ''}"


def _num(row: Row) -> str:
    return str(row.num) if row.num == row.num_judged else f"{row.num_judged} of {row.num}"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
