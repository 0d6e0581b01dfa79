from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

from playhead.core import Budget
from playhead.core.budget import Cost
from playhead.evaluation.page import page
from playhead.evaluation.report import markdown, sections_of, to_json
from tests.evaluation.runs import attempted, written

HOSTILE = '</td><script>alert(1)</script> | "quoted" <img src=x>'


def runs():
    def run(label: str, right: str, frames: int, **changes):
        records = [
            attempted(x, x in right, video=x, part=part, cost=Cost(frames=frames))
            for x, part in zip("abcd", ("needle", "count") * 2, strict=True)
        ]
        records.append(attempted("e", False, video="e", said=HOSTILE))
        return written(records, label=label, budget=Budget(frames=frames), **changes)

    return [
        run("rules", "abc", 6), run("uniform:8", "a", 8), run("uniform:64", "abcd", 64),
    ]  # fmt: skip


def rows(told: str) -> list[list[str]]:
    lines = [line for line in told.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_table_holds_every_run_and_part():
    told = rows(markdown(sections_of(runs())))
    cells = {(row[0], row[1]): row[2] for row in told if len(row) > 3}
    assert cells[("rules", "all")] == "0.60"
    assert cells[("rules", "count")] == "0.50"
    assert cells[("uniform:64", "needle")] == "0.67"
    assert any("0.50 over uniform:8" in row for row in told)  # (.6 - .2) / (1 - .2)
    assert any(row[0] == "uniform" and row[1] == "8: 0.20, 64: 0.80" for row in told)


def test_runs_of_other_questions_stand_apart():
    told = markdown(sections_of([*runs(), written([attempted("z", True)])]))
    assert told.count("# colours") == 1
    other = written([attempted("z", True)], questions="1", benchmark="shapes")
    assert "# shapes" in markdown(sections_of([*runs(), other]))


def test_runs_of_one_name_are_told_apart_by_their_folders():
    one = written([attempted("a", True)])
    other = replace(one, folder=one.folder.with_name("again"))
    told = markdown(sections_of([one, other]))
    assert "| mine (mine) | all |" in told
    assert "| mine (again) | all |" in told


def test_what_is_not_whole_is_said():
    unfinished = written([attempted("a", True)], num=3, contaminated=("a",), missing={"x.mp4": 2})
    told = markdown(sections_of([unfinished]))
    assert "mine is not finished: 1 of 3." in told
    assert "mine was trained on 1 questions." in told
    assert "2 questions are left out: 1 videos are not there." in told


def test_json_holds_every_number():
    (section,) = json.loads(to_json(sections_of(runs())))
    first = section["runs"][0]
    assert first["rows"][0]["score"] == 0.6
    assert first["settings"]["model"] == "rules"
    assert first["headroom"][0] == "uniform:8"
    assert section["curves"][0]["model"] == "uniform"


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_nothing_but_itself():
    text = page(sections_of(runs()))
    parsed = Parsed(text)
    assert not parsed.open
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(parsed.tags)
    names = {name for name, _ in parsed.attributes}
    assert not {"src", "href", "action", "srcset", "xlink:href"} & names
    assert not any(name.startswith("on") for name in names)
    assert not re.search(r"https?:|//\w|@import|url\(", text)
    assert parsed.tags.count("svg") == 2
    assert "prefers-color-scheme: dark" in text


def test_what_a_model_said_is_data():
    text = page(sections_of(runs()))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_same_runs_give_the_same_page():
    assert page(sections_of(runs())) == page(sections_of(runs()))
