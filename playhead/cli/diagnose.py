"""`playhead eval gaps`, `failures`, `judge`: what a score rests on."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

RunFolder = Annotated[Path, typer.Argument(help="The folder of a run.")]
Data = Annotated[
    Path | None, typer.Option(help="The benchmark's annotation files; not for worlds.")
]
Videos = Annotated[Path | None, typer.Option(help="Its videos; not for worlds.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def gaps(
    run: RunFolder,
    data: Data = None,
    videos: Videos = None,
    at_once: Annotated[int, typer.Option(help="How many questions at the same time.")] = 4,
    as_json: AsJson = False,
) -> None:
    """Ask a run's questions blind, with one picture and with captions: what is left of it?"""
    from playhead.evaluation.diagnosis.gaps import usual_views
    from playhead.evaluation.diagnosis.runs import again
    from playhead.evaluation.run import read_run

    with again(read_run(run), data=data, videos=videos) as asked:
        found = asyncio.run(asked.gaps(usual_views(), at_once=at_once))
    if as_json:
        told = {
            gap.view: {
                "with_view": gap.difference.before,
                "in_run": gap.difference.after,
                "interval": gap.difference.interval,
                "num": gap.difference.num,
                "is_open": gap.is_open,
            }
            for gap in found
        }
        print(json.dumps(told))
        return
    for gap in found:
        print(gap.told)
    if not found:
        typer.echo("too few questions in common to say anything: ten are needed", err=True)


def failures(
    run: RunFolder,
    data: Data = None,
    videos: Videos = None,
    frames: Annotated[int, typer.Option(help="Pictures of the evidence that are shown.")] = 16,
    as_json: AsJson = False,
) -> None:
    """Name why each wrong answer of a run is wrong: prior, retrieval, fusion, perception, logic."""
    from playhead.evaluation.diagnosis.runs import again
    from playhead.evaluation.run import read_run

    with again(read_run(run), data=data, videos=videos) as asked:
        cases = asyncio.run(asked.failures(num_frames=frames))
    labels = Counter(case.label or "not told" for case in cases)
    if as_json:
        told = [
            {"task": case.record.task.id, "label": case.label, "reason": case.reason}
            for case in cases
        ]
        print(json.dumps({"labels": labels, "cases": told}))
        return
    if not cases:
        typer.echo("no wrong answers, or none that can be judged", err=True)
    for label, num in labels.most_common():
        print(f"{label}: {num} of {len(cases)} wrong answers")
    for case in cases:
        print(f"  {case.record.task.id}  {case.label or 'not told'}: {case.reason}")


def judge(
    model: Annotated[str, typer.Argument(help="Who judges; see playhead models.")],
    num: Annotated[int, typer.Option(help="Pairs of answers; a card needs 100.")] = 120,
    graded: Annotated[
        bool, typer.Option(help="It grades answers one by one; else it sees both.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Where the card goes, for --judge-card.")] = None,
) -> None:
    """Examine a judge on pairs of answers in both orders: may its word be a score?"""
    from playhead.evaluation.diagnosis.judges import by_grades, examine, pairs_from_worlds
    from playhead.evaluation.diagnosis.judges import side_by_side as both
    from playhead.evaluation.scorers.judge import Judge
    from playhead.models.strings import find_policy

    judge = Judge(find_policy(model, resolve=lambda refs: [], environment=os.environ))
    prefers = by_grades(judge) if graded else both(judge.policy)
    card = asyncio.run(examine(prefers, pairs_from_worlds(num), name=judge.name))
    if out is not None:
        out.write_text(card.to_json() + "\n", encoding="utf-8")
    print(card.to_json())
    for problem in card.problems:
        typer.echo(f"not fit to be a score: {problem}", err=True)
    if not card.passes:
        raise typer.Exit(1)
