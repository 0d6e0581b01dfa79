"""How long the first answer about a new file takes: for `questions.py`.

    python benchmarks/questions_fresh.py film.mp4 "When is the boat mentioned?" normal

Every question is asked by a new process of a library that is made for it and has never seen the
file. The clock starts before Python does, and is read at the first event of the stream, at the
first observation with evidence in it, and at the answer; and again when the index is complete.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Asked:
    """A question about a new file, and when what happened, in seconds from nothing on."""

    question: str
    effort: str
    event_s: float = 0.0
    event_cpu_s: float = 0.0
    """Of processor, of this process, which indexes meanwhile, until then."""
    evidence_s: float | None = None
    """None: there was none."""
    answer_s: float = 0.0
    answer_cpu_s: float = 0.0
    answer: str = ""
    coverage: float | None = None
    """The share of the film that had been looked at, as the answer says."""
    indexed_s: float = 0.0


def ask_fresh(path: Path, question: str, effort: str) -> Asked:
    """Ask, in a new process, about a file that no library knows yet."""
    command = [sys.executable, __file__, str(path), question, effort, str(time.time())]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Asked(**json.loads(done.stdout.splitlines()[-1]))


def fresh_table(asked: Sequence[Asked]) -> list[str]:
    """A row for each question; times in seconds, in brackets those of processor."""
    lines = [
        "| question | effort | first event | first evidence | answer | it says it saw | "
        "index complete | answer |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in asked:
        evidence = "-" if one.evidence_s is None else f"{one.evidence_s:.1f}"
        saw = "-" if one.coverage is None else f"{100 * one.coverage:.0f} %"
        text = " ".join(one.answer.split()).replace("|", "\\|")
        first = f"{one.event_s:.1f} ({one.event_cpu_s:.1f})"
        last = f"{one.answer_s:.1f} ({one.answer_cpu_s:.1f})"
        lines.append(
            f"| {one.question} | {one.effort} | {first} | {evidence} | {last} | {saw} | "
            f"{one.indexed_s:.0f} | {text} |"
        )
    return lines


def _ask(path: Path, question: str, effort: str, start: float) -> Asked:
    from playhead.agent.session import Session
    from playhead.memory.library import Library
    from playhead.memory.recipe import MemoryRecipe
    from playhead.models.policies.rules import RulesPolicy

    asked = Asked(question, effort)
    recipe = MemoryRecipe(late_eyes=())
    with tempfile.TemporaryDirectory() as folder, Library(folder, recipe=recipe) as library:
        library.add(path)
        with Session(library, model=RulesPolicy(), effort=effort) as session:
            for event in session.stream(question):
                now_s = time.time() - start
                asked.event_s = asked.event_s or now_s
                asked.event_cpu_s = asked.event_cpu_s or time.process_time()
                if event.observation is not None and event.observation.evidence:
                    asked.evidence_s = asked.evidence_s or now_s
                if event.answer is not None:
                    asked.answer, asked.coverage = event.answer.text, event.answer.coverage
                    asked.answer_s, asked.answer_cpu_s = now_s, time.process_time()
        library.wait()
        asked.indexed_s = time.time() - start
    return asked


if __name__ == "__main__":
    film, words, how, *begun = sys.argv[1:]
    print(
        json.dumps(asdict(_ask(Path(film), words, how, float(begun[0]) if begun else time.time())))
    )
