"""`playhead train`: make trajectories, and teach models with them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playhead.cli.files import refuse_overwriting

if TYPE_CHECKING:
    from playhead.agent.source import Source
    from playhead.core.trajectory import Task, Trajectory
    from playhead.training.synthesize.making import Maker, Making

app = typer.Typer(help="Teach a model to use the tools.")

WAYS = ("oracle", "density", "hindsight", "clues", "text", "teacher:MODEL")
"""What `--from` takes."""


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(help="The file of trajectories to write, JSON lines.")],
    families: Annotated[
        list[str] | None, typer.Option("--family", help="Only these; may be repeated.")
    ] = None,
    size: Annotated[int, typer.Option(help="How many questions.")] = 100,
    seed: Annotated[int, typer.Option(help="Another seed, other questions and mistakes.")] = 0,
    split: Annotated[str, typer.Option(help="train or dev.")] = "train",
    minutes: Annotated[float, typer.Option(help="How long each video runs.")] = 1.0,
    way: Annotated[
        str, typer.Option("--from", help=f"Who makes them: {', '.join(WAYS)}.")
    ] = "oracle",
    attempts: Annotated[int, typer.Option(help="How often a teacher tries each question.")] = 4,
    mistakes: Annotated[
        float, typer.Option(help="The chance of each kind of mistake in an oracle's trace.")
    ] = 0.15,
    think: Annotated[bool, typer.Option(help="Let the oracle say why, before each turn.")] = True,
    marked: Annotated[
        bool, typer.Option(help="Point with marked pictures; only questions that point are left.")
    ] = False,
    at_once: Annotated[int, typer.Option(help="How many questions are worked on at once.")] = 4,
    go_on: Annotated[bool, typer.Option("--continue", help="Go on with the same file.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Make trajectories of questions about worlds; those that are not good go to a file beside."""
    from playhead.agent.source import PLAIN, WorldSource
    from playhead.core.store import TrajectoryStore
    from playhead.training.synthesize.making import Making
    from playhead.training.synthesize.planner import FAMILIES
    from playhead.worlds.dataset import create_dataset, to_task

    rejected = out.with_name(f"{out.stem}.rejected{out.suffix}")
    if split not in ("train", "dev"):
        raise typer.BadParameter(f"a split is train or dev: got {split!r}")
    if not go_on:
        refuse_overwriting([out, rejected], force=force)
        for path in (out, rejected):
            path.unlink(missing_ok=True)
    data = create_dataset(
        families or FAMILIES, size, seed, split=split, duration_ms=round(minutes * 60_000)
    )
    making = Making(TrajectoryStore(out), TrajectoryStore(rejected))
    takes_words = bool({"audio", "dialogue"} & set(data.families))
    with WorldSource(recipe=PLAIN, index=takes_words) as source:
        tasks = (to_task(entry) for entry in data)
        maker = _maker(way, source, attempts=attempts, mistakes=mistakes, think=think)
        kept = asyncio.run(_made(maker, tasks, source, making, seed, at_once, marked=marked))
    for line in making.report.splitlines():
        typer.echo(line, err=True)
    typer.echo(_sorted_out(kept), err=True)
    print(f"{making.num_kept} trajectories in {out}")


async def _made(
    maker: Maker, tasks: Any, source: Source, making: Making, seed: int, at_once: int, *,
    marked: bool,
) -> list[Trajectory]:  # fmt: skip
    from playhead.training.filters import Kept, duplicates, leakage, sift
    from playhead.training.synthesize.making import synthesize
    from playhead.training.synthesize.visual_prompt import marked_tasks

    asked: Kept[Task] = await sift([leakage, duplicates], list(tasks))
    for line in asked.report.splitlines():
        typer.echo(line, err=True)
    left = marked_tasks(asked.items, source, seed=seed) if marked else asked.items
    made = synthesize(maker, left, source, seed=seed, num_at_once=at_once, making=making)
    return [trajectory async for trajectory in made]


def _maker(way: str, source: Source, *, attempts: int, mistakes: float, think: bool) -> Maker:
    """The way of that name."""
    from playhead.training import synthesize as ways
    from playhead.training.synthesize.hindsight import WorldChecker, WorldWriter

    name, _, model = way.partition(":")
    match name:
        case "oracle":
            return ways.Oracle(mistakes=mistakes, think=think)
        case "density":
            return ways.Density()
        case "hindsight":
            return ways.Hindsight(WorldWriter, WorldChecker)
        case "clues":
            return ways.Clues(ways.Planner, ways.Planner, ways.Planner, ways.Planner)
        case "text":
            return ways.TemporalText()
        case "teacher" if model:
            from playhead.models.strings import find_policy

            policy = find_policy(model, resolve=source.resolve, environment=os.environ)
            return ways.Teacher(policy, num=attempts)
        case _:
            raise typer.BadParameter(f"trajectories come from {', '.join(WAYS)}: got {way!r}")


def _sorted_out(kept: list[Trajectory]) -> str:
    """How many there are of each family, and what they are like."""
    from collections import Counter

    if not kept:
        return "nothing new was kept"
    families = Counter(str(record.task.metadata.get("family")) for record in kept)
    each = ", ".join(f"{num} {family}" for family, num in sorted(families.items()))
    turns = sum(len(record.steps) for record in kept) / len(kept)
    frames = sum(record.cost.frames for record in kept) / len(kept)
    return f"{each}; {turns:.1f} turns and {frames:.0f} pictures each"


@app.command()
def sft(
    config: Annotated[Path, typer.Option(help="The run, as TOML.")],
    go_on: Annotated[
        bool, typer.Option("--continue", help="Go on from the last checkpoint.")
    ] = False,
) -> None:
    """Fine-tune a model on trajectories."""
    _run("sft", config, go_on)


@app.command()
def rl(
    config: Annotated[Path, typer.Option(help="The run, as TOML.")],
    go_on: Annotated[
        bool, typer.Option("--continue", help="Go on from the last checkpoint.")
    ] = False,
) -> None:
    """Let a model learn from the rewards of its own attempts."""
    _run("rl", config, go_on)


@app.command()
def distill(
    config: Annotated[Path, typer.Option(help="The run, as TOML.")],
    go_on: Annotated[
        bool, typer.Option("--continue", help="Go on from the last checkpoint.")
    ] = False,
) -> None:
    """Let a model learn from a teacher, on its own attempts."""
    _run("distill", config, go_on)


def _run(stage: str, config: Path, go_on: bool) -> None:
    from playhead.training.config import read_config

    read = read_config(config)
    from playhead.models.eyes._local import require

    require("torch", "trl", "datasets", extra="train", what="training")
    from playhead.training.processes import processes
    from playhead.training.runs import RUNS

    report = RUNS[stage](read, resume=go_on)
    if not processes().is_main_process:
        return
    print(report.table(), end="")
    if report.promoted:
        typer.echo(f"promoted to {report.promoted}", err=True)
    elif read.promote_to:
        typer.echo("not promoted: a gate was not passed, or none was asked", err=True)
        raise typer.Exit(1)
