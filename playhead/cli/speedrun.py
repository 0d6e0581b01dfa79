"""`playhead speedrun`: a small model that looks twice, from nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def speedrun(
    folder: Annotated[
        Path, typer.Argument(help="Where everything is kept; a run that was killed goes on.")
    ],
    questions: Annotated[int, typer.Option(help="In each paper of the examination.")] = 60,
    rl_steps: Annotated[
        int | None, typer.Option(help="Updates by rewards; 0 for none. As measured if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other films and other weights.")] = 0,
) -> None:
    """Train a pocket model on rendered worlds, from nothing, and print what it can do."""
    from playhead.training.pocket.speedrun import Speedrun
    from playhead.training.pocket.speedrun import speedrun as run

    how = Speedrun(num_questions=questions, seed=seed)
    if rl_steps is not None:
        how = how.replace(rl_steps=rl_steps)
    report = run(folder, how, tell=lambda words: print(words, file=sys.stderr))
    print(report.table())
