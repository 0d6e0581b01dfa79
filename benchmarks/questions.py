"""What the rules answer about real videos: questions with known answers, through the real loop.

    python benchmarks/questions.py --write docs/benchmarks/questions.md
    python benchmarks/questions.py --minutes 0            # without the long film

The videos lie beside the checkout in `../shared/videos`; what is true of them was read off by eye
or is exact (their README). The demo film is drawn. The long film is the same clips in random order
with coined sentences as subtitles (`tests/memory/hour.py`): every true second of it is known.

An answer is right if it does not abstain, says the expected words, and names seconds that overlap
the true ones (intersection over union of 0.3 or more, where the question has seconds). About what
is not in a video, to abstain or to say no is right. `no answer` is an abstention where there is an
answer.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from questions_fresh import Asked, ask_fresh, fresh_table  # noqa: E402
from questions_known import CASES, Case, Spans, hour_cases  # noqa: E402

from playhead.agent.session import Session  # noqa: E402
from playhead.core.span import Span, merge  # noqa: E402
from playhead.core.trajectory import Answer, Trajectory  # noqa: E402
from playhead.memory.library import Library  # noqa: E402
from playhead.memory.recipe import MemoryRecipe  # noqa: E402
from playhead.models.policies.rules import RulesPolicy  # noqa: E402
from playhead.video.demo import write_demo  # noqa: E402
from playhead.video.file import open_video  # noqa: E402

_TOLD = re.compile(r"\d+:\d\d(?::\d\d)?\.\d-\d+:\d\d(?::\d\d)?\.\d")
_ENOUGH = 0.3

FILMS = tuple(dict.fromkeys(case.film for case in CASES))


MARKS = ("<!-- benchmarks/questions.py -->", "<!-- until here -->")


@dataclass
class Outcome:
    """What came of a question."""

    case: Case
    answer: Answer
    record: Trajectory
    verdict: str = field(init=False)
    """`right`, `wrong` or `no answer`."""

    def __post_init__(self) -> None:
        case, answer = self.case, self.answer
        is_no = answer.abstained or answer.text.startswith("No:")
        if case.is_absent:
            self.verdict = "right" if is_no else "wrong"
        elif answer.abstained:
            self.verdict = "no answer"
        else:
            text = answer.text.casefold()
            has_words = all(
                any(word.casefold() in text for word in either.split("|")) for either in case.words
            )
            is_count = case.kind == "counted"
            starts = not is_count or bool(re.match(rf"(at least )?({case.words[0]})", text))
            has_seconds = not case.spans or overlap(answer, case.spans) >= _ENOUGH
            self.verdict = "right" if has_words and starts and has_seconds else "wrong"


def overlap(answer: Answer, truth: Spans) -> float:
    """Intersection over union of the seconds that an answer names, or else cites, and the truth."""
    told = [Span.parse(text) for text in _TOLD.findall(answer.text)]
    spans = merge(told or [piece.span for piece in answer.evidence])
    true = merge([Span(start=start, end=end) for start, end in truth])
    common = sum(i.duration for a in spans for b in true if (i := a.intersection(b)))
    either = sum(s.duration for s in spans) + sum(s.duration for s in true) - common
    return common / either if either else 0.0


def ask(library: Library, cases: Sequence[Case], videos: Path) -> Iterator[Outcome]:
    """Every question in a session of its own."""
    for case in cases:
        picture = None
        if case.picture is not None:
            picture = _picture(videos / case.picture[0], case.picture[1])
        ids = [library.video(case.film).id]
        with Session(library, videos=ids, model=RulesPolicy(), effort="normal") as session:
            answer = session.ask(case.question, options=case.options, image=picture)
            record = session.questions()[-1].trajectory
        assert record is not None
        outcome = Outcome(case, answer, record)
        print(f"{outcome.verdict:9} {case.film}: {case.question}\n{'':10}{answer.text[:300]}")
        yield outcome


def _picture(path: Path, time_s: float) -> NDArray[np.uint8]:
    with open_video(path) as video:
        return video.frames_at([time_s], max_side=480).pixels[0]


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """By kind: how many are right, wrong, not answered, and what they cost."""
    lines = [
        "| questions | right | wrong | no answer | turns | calls | pictures | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    kinds = dict.fromkeys(outcome.case.kind for outcome in outcomes)
    for kind in (*kinds, "all"):
        some = [o for o in outcomes if kind in ("all", o.case.kind)]
        verdicts = Counter(outcome.verdict for outcome in some)
        costs = [outcome.record.cost for outcome in some]
        mean = [sum(getattr(c, unit) for c in costs) / len(costs) for unit in
                ("turns", "calls", "frames", "seconds")]  # fmt: skip
        lines.append(
            f"| {kind} ({len(some)}) | {verdicts['right']} | {verdicts['wrong']} | "
            f"{verdicts['no answer']} | {mean[0]:.1f} | {mean[1]:.1f} | {mean[2]:.1f} | "
            f"{mean[3]:.2f} |"
        )
    return lines


def details(outcomes: Sequence[Outcome]) -> list[str]:
    """Every question with its answer."""
    lines = [
        "| | video | question | answer | confidence | turns | calls | pictures | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        case, cost = outcome.case, outcome.record.cost
        told = f" {' / '.join(case.options)}" if case.options else ""
        told += " (with a picture)" if case.picture else ""
        text = " ".join(outcome.answer.text.split()).replace("|", "\\|")
        text = text if len(text) <= 240 else text[:239] + "…"
        sure = outcome.answer.confidence
        lines.append(
            f"| {outcome.verdict} | {case.film} | {case.question}{told} | {text} | "
            f"{'' if sure is None else f'{sure:.2f}'} | {cost.turns} | {cost.calls} | "
            f"{cost.frames} | {cost.seconds:.2f} |"
        )
    return lines


def brief(lines: Sequence[str]) -> list[str]:
    """Every second question of `details`, and all that went wrong, shorter: for the README."""
    rows = ["| | question | answer, with its seconds | s |", "|---|---|---|---|"]
    for number, line in enumerate(lines[2:]):
        if number % 2 and line.startswith("| right"):
            continue
        verdict, film, question, text, *_, seconds = (
            line.replace("\\|", "/").strip("| ").split(" | ")
        )
        text = text if len(text) <= 110 else text[:109] + "…"
        rows.append(f"| {verdict} | {film}: {question} | {text} | {seconds} |")
    return rows


def write_brief(readme: Path, lines: Sequence[str]) -> None:
    """Put the shorter table between its marks in the README."""
    before, _, rest = readme.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    text = "\n".join([before + MARKS[0], "", *brief(lines), "", MARKS[1] + after])
    readme.write_text(text, encoding="utf-8")


def page(outcomes: Sequence[Outcome], asked: Sequence[Asked], minutes: float) -> str:
    """The page for `docs/benchmarks`."""
    head = (__doc__ or "").split("\n\n", 2)
    rules = (__doc__ or "").rpartition("\n\n")[2].strip()
    sure = [o for o in outcomes if (o.answer.confidence or 0) >= 0.8]
    num_right = sum(o.verdict == "right" for o in sure)
    return "\n".join(
        [
            "# Questions to the rules",
            "",
            head[0],
            "",
            f"`python benchmarks/questions.py --minutes {minutes:g} --write "
            f"docs/benchmarks/questions.md --readme README.md`, "
            f"{date.today():%d %B %Y}, {os.cpu_count()} cores that others use, too; the long film "
            f"lasts {minutes:g} minutes. No model, no network; seconds are of the wall, the index "
            "was made before. The authors of the rules knew these videos: read it as what works, "
            "not as what to expect of any video.",
            "",
            rules,
            "",
            *table(outcomes),
            "",
            f"Of {len(sure)} answers with a confidence of 0.8 or more, {num_right} are right.",
            "",
            *(_fresh_section(asked) if asked else ()),
            "## Every question",
            "",
            *details(outcomes),
            "",
        ]
    )


def _fresh_section(asked: Sequence[Asked]) -> list[str]:
    return [
        "## Asked of a new file",
        "",
        "The long film, of which no library knows anything yet. Each question is asked by a new "
        "process; seconds are of the wall from its start on, with loading Python, adding the file "
        "and, as `effort` has it, waiting for the index (3 s at the most for `quick`, 15 s for "
        "`normal`); in brackets the seconds of processor that the process had had by then, with "
        "what it indexed meanwhile.",
        "",
        *fresh_table(asked),
        "",
        f"The load was {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores at the end.",
        "",
    ]


def main() -> None:
    """Ask everything, print it, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--videos", type=Path, default=ROOT.parent / "shared" / "videos")
    parser.add_argument("--folder", type=Path, help="keep the library here, to ask again sooner")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the long film")
    parser.add_argument("--write", type=Path, help="the page to write")
    parser.add_argument("--readme", type=Path, help="the README to put the shorter table into")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        outcomes, asked = _run(folder, options.videos, options.minutes)
    print("\n".join([*table(outcomes), *fresh_table(asked)]))
    if options.write:
        options.write.write_text(page(outcomes, asked, options.minutes), encoding="utf-8")
    if options.readme:
        write_brief(options.readme, details(outcomes))


def _run(folder: Path, videos: Path, minutes: float) -> tuple[list[Outcome], list[Asked]]:
    if not (folder / "demo.mp4").exists():
        write_demo(folder / "demo.mp4")
    with Library(folder / "clips") as library:
        for film in FILMS:
            library.add(folder / film if film == "demo.mp4" else videos / film)
        started = time.monotonic()
        library.wait()
        print(f"indexed in {time.monotonic() - started:.0f} s")
        outcomes = list(ask(library, CASES, videos))
    asked = list[Asked]()
    if minutes > 0:
        path, cases = hour_cases(folder / "hour", videos, minutes)
        last_said, is_absent = cases[2].question, cases[-2].question
        for question, effort in (
            (last_said, "quick"),
            (last_said, "normal"),
            (is_absent, "quick"),
            ("What happens at 30:00?", "normal"),
        ):
            asked.append(ask_fresh(path, question, effort))
            print("\n".join(fresh_table(asked[-1:])[2:]))
        # what is written in it is not read here: that takes as long as all the rest together
        with Library(folder / "long", recipe=MemoryRecipe(late_eyes=())) as library:
            library.add(path)
            library.wait()
            outcomes += ask(library, cases, videos)
    return outcomes, asked


if __name__ == "__main__":
    main()
