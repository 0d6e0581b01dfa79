"""`playhead world`: make rendered videos with known truth, play with them, and audit them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playhead.cli.files import refuse_overwriting

if TYPE_CHECKING:
    from playhead.worlds.cli import Verdict

app = typer.Typer(help="Rendered videos whose every event is known, with questions about them.")

FamilyName = Annotated[str, typer.Option(help="A family of questions.")]
Seed = Annotated[int, typer.Option(help="Another seed, another world.")]
Minutes = Annotated[float, typer.Option(help="How long each video runs.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files.")]


@app.command()
def make(
    folder: Annotated[Path, typer.Argument(help="Where to write.")],
    family: Annotated[str, typer.Option(help="A family of questions, or all.")] = "all",
    videos: Annotated[int, typer.Option(help="How many videos.")] = 1,
    questions: Annotated[int, typer.Option(help="How many questions about each.")] = 8,
    seed: Seed = 0,
    minutes: Minutes = 10,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "dev",
    salt: Annotated[str | None, typer.Option(help="The secret of the test split.")] = None,
    injections_per_hour: Annotated[int, typer.Option(help="Banners that try to mislead.")] = 0,
    force: Force = False,
) -> None:
    """Write video files and questions about them, and the answers apart."""
    from playhead.worlds import cli

    refuse_overwriting([folder / "questions.jsonl", folder / "answers.jsonl"], force=force)
    if split not in ("train", "dev", "test"):
        raise typer.BadParameter(f"a split is train, dev or test: got {split!r}")
    print(
        cli.make(
            folder,
            family,
            videos=videos,
            questions=questions,
            seed=seed,
            split=split,
            salt=salt,
            duration_s=round(minutes * 60),
            injections_per_hour=injections_per_hour,
        )
    )


@app.command()
def play(
    family: FamilyName = "needle",
    seed: Seed = 0,
    minutes: Minutes = 1,
    folder: Annotated[Path | None, typer.Option(help="Where to write the video.")] = None,
) -> None:
    """Watch a video, answer a question about it, and see how right you are."""
    from playhead.worlds import cli

    print(cli.play(family, seed=seed, duration_s=round(minutes * 60), folder=folder))


@app.command()
def ask(
    family: FamilyName = "needle",
    seed: Seed = 0,
    minutes: Minutes = 10,
    frames: Annotated[int | None, typer.Option(help="How many frames it may look at.")] = None,
) -> None:
    """Show what a perfect watcher answers that sees pixels only, beside the truth."""
    from playhead.worlds import cli

    print(cli.ask(family, seed=seed, duration_s=round(minutes * 60), frames=frames).text)


@app.command()
def audit(
    family: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    worlds: Annotated[int, typer.Option(help="How many worlds for each family.")] = 60,
    seed: Seed = 0,
    minutes: Minutes = 10,
) -> None:
    """Check that only watching answers: solvers that cheat must fail, else exit code 1."""
    from playhead.worlds import cli

    _report(cli.audit(family, seed=seed, worlds=worlds, duration_s=round(minutes * 60)))


@app.command()
def gallery(
    path: Annotated[Path, typer.Argument(help="The HTML file to write.")],
    seed: Seed = 7,
    force: Force = False,
) -> None:
    """Write one HTML page with a world, its events and sample questions of every family."""
    from playhead.worlds import cli

    refuse_overwriting([path], force=force)
    print(cli.gallery(path, seed=seed))


@app.command()
def commit() -> None:
    """Draw a secret salt for test videos, and the digest of it to publish."""
    from playhead.worlds import cli

    print(cli.commit())


@app.command()
def reveal(
    salt: Annotated[str, typer.Argument(help="The salt, once it may be known.")],
    digest: Annotated[str, typer.Argument(help="What was published.")],
) -> None:
    """Check that a salt is the one that was promised; exit code 1 if it is not."""
    from playhead.worlds import cli

    _report(cli.reveal(salt, digest))


def _report(verdict: Verdict) -> None:
    print(verdict.text)
    if not verdict.passed:
        raise typer.Exit(1)
