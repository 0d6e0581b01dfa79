"""`playhead ask` and `playhead chat`: a question, live steps, an answer with its seconds."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playhead.core.errors import PlayheadError

if TYPE_CHECKING:
    from playhead.agent.run import Event
    from playhead.agent.session import Session
    from playhead.core.evidence import Evidence
    from playhead.core.tools import Tool
    from playhead.core.trajectory import Answer
    from playhead.memory.library import Library

InLibrary = Annotated[Path | None, typer.Option("--library", help="The folder of the library.")]
Model = Annotated[str | None, typer.Option(help="Which model answers; playhead models lists them.")]
EffortName = Annotated[
    str | None, typer.Option(help="What a question may cost: quick, normal or deep.")
]
Bounds = Annotated[
    list[str] | None,
    typer.Option(
        "--budget", help="A bound such as frames=64, turns, visual_tokens, seconds, dollars."
    ),
]
Strategy = Annotated[
    str, typer.Option(help="seek, direct, sparse_to_dense, or auto: short clips get no tools.")
]
Servers = Annotated[
    list[str] | None,
    typer.Option(
        "--mcp",
        help="An MCP server whose tools may be called, too: a command or an address; repeatable.",
    ),
]
MayWrite = Annotated[
    bool,
    typer.Option("--mcp-writes", help="Also those of its tools that may change something."),
]
GoOn = Annotated[
    str | None,
    typer.Option("--continue", "-c", help="Go on with this session: its id, or last."),
]


def ask(
    arguments: Annotated[
        list[str],
        typer.Argument(
            help="Video files or titles, then the question.", metavar="[VIDEO...] QUESTION"
        ),
    ],
    library: InLibrary = None,
    model: Model = None,
    effort: EffortName = None,
    budget: Bounds = None,
    options: Annotated[
        list[str] | None, typer.Option(help="An answer to choose from; may be repeated.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="A picture that belongs to it.")] = None,
    span: Annotated[str | None, typer.Option(help="Only this part, such as 1:00-2:30.")] = None,
    strategy: Strategy = "auto",
    verify: Annotated[
        bool | None, typer.Option(help="Let the cited evidence alone give the answer again.")
    ] = None,
    go_on: GoOn = None,
    mcp: Servers = None,
    mcp_writes: MayWrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No steps while it works.")] = False,
) -> None:
    """Ask about videos. The answer goes to standard output, the steps to standard error."""
    from playhead.cli.memory import _read_picture, _span

    *videos, question = arguments
    how: dict[str, Any] = {"options": options or ()}
    if image is not None:
        how["image"] = _read_picture(image)
    if span is not None:
        how["within"] = _span(span)
    settings = _settings(library, model, effort, budget)
    with _library(settings) as shelf:
        with (
            _tools(mcp, may_write=mcp_writes) as tools,
            _session(shelf, settings, videos, strategy, verify, go_on, tools) as session,
        ):
            answer = _listen(session, session.stream(question, **how), quiet=quiet)
            print(_json(session, answer) if as_json else _words(shelf, answer))
        _leave_now()


def chat(
    videos: Annotated[
        list[str] | None, typer.Argument(help="Video files or titles.", metavar="[VIDEO...]")
    ] = None,
    library: InLibrary = None,
    model: Model = None,
    effort: EffortName = None,
    budget: Bounds = None,
    strategy: Strategy = "auto",
    go_on: GoOn = None,
    mcp: Servers = None,
    mcp_writes: MayWrite = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No steps while it works.")] = False,
) -> None:
    """Ask question after question. An empty line or Ctrl-D ends it; Ctrl-C stops one."""
    settings = _settings(library, model, effort, budget)
    with _library(settings) as shelf:
        with (
            _tools(mcp, may_write=mcp_writes) as tools,
            _session(shelf, settings, videos or [], strategy, None, go_on, tools) as session,
        ):
            typer.echo(f"session {session.id}; go on later with --continue {session.id}", err=True)
            for line in _lines():
                try:
                    answer = _listen(session, session.stream(line), quiet=quiet)
                    print(_words(shelf, answer), flush=True)
                except (PlayheadError, ValueError) as error:
                    typer.echo(f"playhead: {error}", err=True)
        _leave_now()


def _lines() -> Iterable[str]:
    is_person = sys.stdin.isatty()
    while True:
        if is_person:
            sys.stderr.write("> ")
            sys.stderr.flush()
        line = sys.stdin.readline().strip()
        if not line:
            return
        yield line


def _settings(
    library: Path | None, model: str | None, effort: str | None, budget: list[str] | None
) -> Any:
    from playhead import config

    bounds: dict[str, str] = {}
    for bound in budget or ():
        name, _, value = bound.partition("=")
        bounds[name.strip()] = value.strip()
    return config.load(library=library, model=model, effort=effort, budget=bounds or None)


def _library(settings: Any) -> Library:
    from playhead.agent.api import open_library

    return open_library(settings)


def _session(
    shelf: Library,
    settings: Any,
    names: list[str],
    strategy: str,
    verify: bool | None,
    go_on: str | None,
    tools: Sequence[Tool] | None,
) -> Session:
    from playhead.agent.session import Session
    from playhead.models.strings import manner_of

    ids = [_video(shelf, name) for name in names]
    return Session(
        shelf,
        videos=ids or None,
        model=settings.model,
        effort=settings.effort.value,
        budget=settings.budget_of(manner_of(settings.model, environment=os.environ).budget),
        strategy=strategy,
        verify=verify,
        tools=tools,
        id=go_on,
    )


@contextmanager
def _tools(servers: list[str] | None, *, may_write: bool) -> Generator[list[Tool] | None]:
    """Ours and those of MCP servers, as long as the block runs. None: no server, ours alone."""
    if not servers:
        yield None
        return
    from playhead.tools.doors.mcp_client import connect
    from playhead.tools.toolset import default_tools

    tools = [*default_tools()]
    with ExitStack() as stack:
        for server in servers:
            theirs = stack.enter_context(connect(server, may_write=may_write))
            tools += theirs
            if theirs.left_out:
                left_out = ", ".join(theirs.left_out)
                typer.echo(f"{theirs.name}: without {left_out}; see --mcp-writes", err=True)
        yield tools


def _video(shelf: Library, name: str) -> str:
    """The id of a file, which is added, or of a video that the library has."""
    if Path(name).exists():
        return shelf.add(name)
    return shelf.video(name).id


def _listen(session: Session, events: Iterable[Event], *, quiet: bool) -> Answer:
    """Show the steps as they happen; Ctrl-C asks for the best answer so far."""
    answer: Answer | None = None
    shown = _Steps(quiet=quiet)
    stream = iter(events)
    while True:
        try:
            for event in stream:
                shown.show(event)
                answer = event.answer or answer
            break
        except KeyboardInterrupt:
            session.stop()
    assert answer is not None
    shown.end(session)
    return answer


class _Steps:
    """The steps of an attempt, on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._cost: Any = None

    def show(self, event: Event) -> None:
        from rich.text import Text

        self._cost = event.cost or self._cost
        words = ""
        if event.kind == "indexing":
            words = f"  indexing: {event.text}"
        elif event.kind == "thought" and event.text:
            words = f"  {event.text}"
        elif event.kind == "call" and event.call:
            arguments = ", ".join(f"{k}={json.dumps(v)}" for k, v in event.call.arguments.items())
            words = f"  {event.call.name}({arguments})"
        elif event.kind == "observation" and event.observation:
            seen = event.observation
            first = seen.text.partition("\n")[0]
            words = f"    {first}" if len(first) <= 110 else f"    {first[:109]}…"
        if words:
            self._console.print(Text(words, style="dim"))

    def end(self, session: Session) -> None:
        cost = self._cost
        if cost is not None:
            self._console.print(
                f"{cost.turns} turns, {cost.calls} calls, {cost.frames} pictures, "
                f"{cost.visual_tokens} visual tokens, {cost.seconds:.1f} s; session {session.id}",
                style="dim",
            )


def _words(shelf: Library, answer: Answer) -> str:
    lines = [answer.text]
    lines += [f"  {_place(shelf, piece)}" for piece in answer.evidence]
    lines += [f"  note: {warning}" for warning in answer.warnings]
    if answer.coverage is not None and answer.coverage < 0.995:
        lines.append(f"  note: {100 * answer.coverage:.0f} % of the video had been looked at")
    return "\n".join(lines)


def _place(shelf: Library, piece: Evidence) -> str:
    """Where a piece of evidence is: on a terminal a link that opens the video there."""
    video = shelf.video(piece.video_id)
    words = " ".join(piece.text.split())
    place = f"{video.title} {piece.span.timecode}"
    if sys.stdout.isatty() and video.paths:
        url = f"{Path(video.paths[0]).as_uri()}#t={piece.span.start:.2f},{piece.span.end:.2f}"
        place = f"\x1b]8;;{url}\x1b\\{place}\x1b]8;;\x1b\\"
    return f"{place}  {piece.kind}{': ' + words if words else ''}"


def _json(session: Session, answer: Answer) -> str:
    (*_, question) = session.questions()
    cost = question.trajectory.cost if question.trajectory else None
    evidence = [
        {
            "id": piece.id,
            "video": piece.video_id,
            "span": {"start": piece.span.start, "end": piece.span.end},
            "kind": piece.kind,
            "text": piece.text,
            "score": piece.score,
        }
        for piece in answer.evidence
    ]
    result = {
        "text": answer.text,
        "choice": answer.choice,
        "confidence": answer.confidence,
        "abstained": answer.abstained,
        "verified": answer.verified,
        "evidence": evidence,
        "coverage": answer.coverage,
        "cost": cost.model_dump(mode="json") if cost else None,
        "warnings": list(answer.warnings),
        "session": session.id,
    }
    return json.dumps(result, ensure_ascii=False)


def _leave_now() -> None:
    """End the program without waiting for the indexing at hand: it goes on the next time."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
