"""A report as one HTML file: tables and plots that open anywhere, without a network.

    path.write_text(page(sections))

Nothing is fetched and no script runs: styles and drawings are in the file. It follows the reader's
choice of light or dark. What models and videos said is escaped: it is data.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from playhead.core.trajectory import Scorer, Trajectory
from playhead.evaluation import plots, report
from playhead.evaluation.numbers import Numbers, Row, group_of
from playhead.evaluation.report import Section
from playhead.evaluation.scorers import find_scorer

_MOST_QUESTIONS = 500  # in the list below the tables
_LONGEST = 240  # characters of a question or an answer in it

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --faint: #667080; --rule: #dfe3e8;
  --stripe: #f5f7f9; --good: #137a3f; --bad: #b3261e;
  --series-1: #2563c9; --series-2: #c2570c; --series-3: #14804a; --series-4: #8a3ffc;
  --series-5: #b8136f; --series-6: #0a7c8c; --series-7: #806000; --series-8: #5b6470; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e6e9ed; --faint: #98a2b0;
  --rule: #2d333b; --stripe: #1b2026; --good: #5fd08f; --bad: #ff8a80;
  --series-1: #6ea8ff; --series-2: #ffa057; --series-3: #4fd08b; --series-4: #c29bff;
  --series-5: #ff85c4; --series-6: #54d0e0; --series-7: #e0c050; --series-8: #aab4c0; } }
body { background: var(--paper); color: var(--ink); margin: 0 auto; max-width: 68rem;
  padding: 1.5rem 1.25rem 4rem; font: 15px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 1.5rem 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
p, li { color: var(--faint); margin: .25rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .32rem .6rem; text-align: left; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
th { color: var(--faint); font-weight: 600; font-size: .85em; }
td.number, th.number { text-align: right; }
tr.whole td { font-weight: 600; background: var(--stripe); }
.questions td { white-space: normal; vertical-align: top; min-width: 5rem; }
.right { color: var(--good); } .wrong { color: var(--bad); }
svg { width: 100%; height: auto; max-width: 60rem; display: block; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .name { text-anchor: end; } svg .tick { text-anchor: middle; fill: var(--faint); }
svg .grid { stroke: var(--rule); } svg .stripe { fill: var(--stripe); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: .25rem 0 .5rem; }
.legend i { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%;
  margin-right: .4rem; }
summary { cursor: pointer; margin: 2rem 0 .5rem; font-weight: 600; }
"""


def page(sections: Sequence[Section]) -> str:
    """A report as HTML, whole in itself."""
    names = ", ".join(dict.fromkeys(section.benchmark for section in sections))
    body = "".join(_section(section) for section in sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(names)}</title><style>{_STYLE}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def _section(section: Section) -> str:
    parts = [
        f"<h1>{escape(section.benchmark)}</h1><p>{escape(report.asked(section))}</p>",
        "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in report.notes(section)) + "</ul>",
        f"<h2>{escape(_title(section))}</h2>{_legend([n.name for n in section.numbers])}",
        _by_part(section),
        _table(report.table(section)),
        "<h2>Of the whole run</h2>" + _table(report.whole_table(section)),
    ]
    if section.curves:
        parts.append(_curves(section) + _table(report.curve_table(section)))
    for each in section.numbers:
        for group, rows in each.more_rows.items():
            parts.append(f"<h2>{escape(each.name)} by {escape(report.words(group))}</h2>")
            parts.append(_legend([each.name]) + _drawn([each], [rows]))
    parts.append("<h2>On this machine</h2>" + _table(report.seconds_table(section)))
    return "".join([*parts, _questions(section)])


def _title(section: Section) -> str:
    return f"{report.words(section.scorers[0]).capitalize()}, with 95 % intervals over videos"


def _by_part(section: Section) -> str:
    return _drawn(section.numbers, [each.rows for each in section.numbers])


def _drawn(numbers: Sequence[Numbers], rows: Sequence[Sequence[Row]]) -> str:
    names = list(dict.fromkeys(row.name for each in rows for row in each))
    series: list[list[plots.Mark | None]] = []
    for each, theirs in zip(numbers, rows, strict=True):
        found = {row.name: row for row in theirs}
        series.append([_mark(each.name, found.get(name)) for name in names])
    return plots.dots(names, series, "Scores by part, with intervals")


def _mark(model: str, row: Row | None) -> plots.Mark | None:
    if row is None or row.score is None or row.interval is None:
        return None
    title = f"{model}, {row.name}: {row.score:.3f} ({report.between(row.interval)}), n {row.num}"
    return plots.Mark(row.score, row.interval, title)


def _curves(section: Section) -> str:
    series = [
        [
            (
                float(point.frames),
                plots.Mark(
                    point.score,
                    point.interval,
                    f"{curve.model}, {point.frames} pictures: {point.score:.3f} "
                    f"({report.between(point.interval)})",
                ),
            )
            for point in curve.points
        ]
        for curve in section.curves
    ]
    drawing = plots.lines(series, "pictures that may be spent", "Scores by budget")
    return f"<h2>By budget</h2>{_legend([curve.model for curve in section.curves])}{drawing}"


def _legend(names: Sequence[str]) -> str:
    each = (
        f'<span><i style="background:{plots.colour(i)}"></i>{escape(name)}</span>'
        for i, name in enumerate(names)
    )
    return f'<div class="legend">{"".join(each)}</div>'


def _table(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = lines
    numeric = [all(_is_number(line[i]) for line in rest) for i in range(len(head))]
    top = "".join(_cell("th", text, numeric[i]) for i, text in enumerate(head))
    rows: list[str] = []
    for line in rest:
        cells = "".join(_cell("td", text, numeric[i]) for i, text in enumerate(line))
        is_whole = len(line) > 1 and line[1] == "all"
        rows.append(f'<tr class="whole">{cells}</tr>' if is_whole else f"<tr>{cells}</tr>")
    return f'<div class="scroll"><table><tr>{top}</tr>{"".join(rows)}</table></div>'


def _cell(tag: str, text: str, is_number: bool) -> str:
    kind = ' class="number"' if is_number else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _is_number(text: str) -> bool:
    return text == "-" or text.replace(".", "").replace("-", "").isdecimal()


def _questions(section: Section) -> str:
    """What every model answered to every question."""
    score = find_scorer(section.scorers[0])
    group = next(iter(section.runs[0].settings.groups), None)
    answers = [{r.task.id: r for r in run.records} for run in section.runs]
    records = list({id_: r for each in answers for id_, r in each.items()}.values())
    head = "".join(f"<th>{escape(each.name)}</th>" for each in section.numbers)
    lines: list[str] = []
    for record in records[:_MOST_QUESTIONS]:
        cells = [
            escape(group_of(record, group)),
            f"{escape(_short(record.task.question))}<br><code>{escape(record.task.id)}</code>",
            escape(_short(str(record.task.answer))),
            *(_answer(each.get(record.task.id), score) for each in answers),
        ]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    shown = f"the first {_MOST_QUESTIONS} of " if len(records) > _MOST_QUESTIONS else ""
    return (
        f"<details><summary>Questions and answers ({shown}{len(records)})</summary>"
        f'<div class="scroll"><table class="questions"><tr><th>part</th><th>question</th>'
        f"<th>true answer</th>{head}</tr>{''.join(lines)}</table></div></details>"
    )


def _answer(record: Trajectory | None, score: Scorer) -> str:
    if record is None:
        return "not attempted"
    value = score(record)
    said = escape(_short(record.answer.text if record.answer else record.stop.value))
    if value is None:
        return f"{said} (not judged)"
    kind = "right" if value >= 0.5 else "wrong"
    return f'<span class="{kind}">{value:.2f}</span> {said}'


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
