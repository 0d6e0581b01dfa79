"""`playhead mcp`: the library and the agent for hosts of the Model Context Protocol."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from playhead.cli.ask import Bounds, EffortName, InLibrary, Model

Roots = Annotated[
    list[Path] | None,
    typer.Option("--root", help="A folder that clients may have files indexed from; repeatable."),
]


def mcp(
    library: InLibrary = None,
    model: Model = None,
    effort: EffortName = None,
    budget: Bounds = None,
    root: Roots = None,
) -> None:
    """Serve one MCP client over standard input and output: hosts start it themselves."""
    from playhead.cli.ask import _leave_now, _library, _settings
    from playhead.serving.mcp import Desk, serve_stdio

    settings = _settings(library, model, effort, budget)
    bounds = {name: bound for name, bound in settings.budget if bound is not None}
    folders = tuple(folder.expanduser() for folder in root or ())
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise typer.BadParameter(f"no folder there: {str(missing[0])!r}")
    with _library(settings) as shelf:
        desk = Desk(shelf, settings.model, settings.effort.value, bounds, folders)
        asyncio.run(serve_stdio(desk))
        _leave_now()
