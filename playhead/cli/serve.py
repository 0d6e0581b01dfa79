"""`playhead serve`: the page, the HTTP API and the OpenAI-compatible endpoint of a library."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from playhead.core.errors import MissingExtra


def serve(
    library: Annotated[
        Path | None, typer.Option("--library", help="The folder of the library.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8321,
    token: Annotated[
        str | None,
        typer.Option(envvar="PLAYHEAD_TOKEN", help="What whoever asks must know."),
    ] = None,
    root: Annotated[
        list[Path] | None,
        typer.Option(help="A folder under which files may be added by path; may be repeated."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name the server is reached by; may be repeated.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Which model answers; playhead models lists them.")
    ] = None,
    effort: Annotated[
        str | None, typer.Option(help="What a question may cost: quick, normal or deep.")
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(help="A bound such as frames=64, turns, visual_tokens, seconds, dollars."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="How many questions at once. As fits, if left out."),
    ] = None,
    queue: Annotated[int, typer.Option(min=0, help="How many more may wait.")] = 64,
    quota: Annotated[float, typer.Option(min=0, help="GiB of all uploads together.")] = 64.0,
) -> None:
    """Serve the library: a page for people, an API for programs. Ctrl-C ends it."""
    from playhead.agent.api import open_library
    from playhead.cli.ask import _settings

    try:
        from playhead.serving.server import listen, run
        from playhead.serving.settings import GIB, ServeSettings
    except ImportError as error:
        raise MissingExtra(f"{error.name} is missing: pip install 'playhead[serve]'") from None
    settings = _settings(library, model, effort, budget)
    told = ServeSettings(
        model=settings.model,
        effort=settings.effort.value,
        bounds=settings.budget.model_dump(exclude_none=True),
        token=token,
        roots=tuple(root or ()),
        hosts=tuple(name.lower() for name in allow_host or ()),
        workers=workers or _usual_workers(settings.model),
        max_waiting=queue,
        quota_bytes=int(quota * GIB),
    )
    listener = listen(host, port, told)  # before the library is opened and goes on indexing
    run(open_library(settings), told, listener)


def _usual_workers(model: str) -> int:
    """4 questions at once, or no more than there are processors if the model computes here: more
    would only make those wait who are refused, search or play."""
    from playhead.models.strings import is_remote

    if is_remote(model, environment=os.environ):
        return 4
    return min(4, os.cpu_count() or 1)
