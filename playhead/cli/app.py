"""The commands, and how their errors are told."""

from __future__ import annotations

import sys

import typer

from playhead.cli import (
    ask,
    demo,
    diagnose,
    evaluate,
    mcp,
    memory,
    serve,
    sessions,
    speedrun,
    train,
    video,
    world,
)
from playhead.core.errors import PlayheadError

app = typer.Typer(
    name="playhead",
    help="Answers questions about hours of video, with the seconds that prove it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(video.probe)
app.command()(video.frames)
app.command()(ask.ask)
app.command()(ask.chat)
app.command()(mcp.mcp)
app.command()(serve.serve)
app.command()(memory.index)
app.command()(memory.search)
app.command()(memory.status)
app.command()(memory.prune)
app.command()(memory.export)
app.command()(sessions.show)
app.command()(sessions.sessions)
app.command()(sessions.doctor)
app.command()(sessions.models)
app.command()(sessions.config)
app.command()(speedrun.speedrun)
app.add_typer(world.app, name="world")
app.add_typer(train.app, name="train")
for command in (diagnose.gaps, diagnose.failures, diagnose.judge):
    evaluate.app.command()(command)
app.add_typer(evaluate.app, name="eval")


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        from playhead import __version__

        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; what was asked wrongly ends it with one line and exit code 1."""
    try:
        app()
    except (PlayheadError, ValueError, OSError) as error:
        sys.exit(f"playhead: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
