"""`playhead sessions`, `show`, `doctor`, `models`, `config`: what there is, what was done."""

from __future__ import annotations

import json
import os
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playhead.core.span import Span

if TYPE_CHECKING:
    from playhead.agent.store import SessionStore

InLibrary = Annotated[Path | None, typer.Option("--library", help="The folder of the library.")]

_PARTS = {
    "rapidocr": ("ocr", "reads what is written on screen"),
    "faster_whisper": ("speech", "writes down what is said, with a Whisper folder that you have"),
    "open_clip": ("clip", "finds pictures by words"),
    "transformers": ("lmm", "video models in this process"),
    "vllm": ("vllm", "video models in this process, fast"),
    "trl": ("train", "teaches a model the tools"),
    "fastapi": ("serve", "the page and the HTTP API"),
    "mcp": ("mcp", "serves hosts that speak MCP, and calls tools of MCP servers"),
    "opentelemetry": ("otel", "traces of every question"),
    "decord": ("decord", "another decoder"),
    "torchcodec": ("torchcodec", "another decoder"),
}


def sessions(
    library: InLibrary = None,
    delete: Annotated[str | None, typer.Option(help="Forget this session.")] = None,
    prune: Annotated[bool, typer.Option(help="Give back the disk space of what is gone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a session.")] = False,
) -> None:
    """List sessions, the newest first, with their questions and answers."""
    store = _store(library)
    if delete is not None:
        store.delete(store.full_id(delete))
    if prune:
        store.vacuum()
    for id_, created, questions in store.sessions():
        asked = [
            {
                "question": q.task.question,
                "answer": q.trajectory.answer.text
                if q.trajectory and q.trajectory.answer
                else None,
                "stop": q.trajectory.stop.value if q.trajectory else None,
                "feedback": q.feedback,
            }
            for q in questions
        ]
        if as_json:
            print(json.dumps({"session": id_, "created": created, "questions": asked}))
            continue
        print(f"{id_}  {created[:16].replace('T', ' ')}")
        for one in asked:
            print(f"  {one['question']}")
            print(f"    {one['answer'] or 'not answered yet: --continue goes on'}")


def show(
    video: Annotated[str, typer.Argument(help="A video of the library: title, path or id.")],
    library: InLibrary = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only speech, screen_text, caption, track, shot ...")
    ] = None,
    span: Annotated[str | None, typer.Option(help="Only this part, such as 1:00-2:30.")] = None,
) -> None:
    """Show what is remembered of a video, in order of time."""
    from playhead.cli.memory import _open, _span

    part: Span | None = None if span is None else _span(span)
    with _open(library, background=False) as shelf:
        found = shelf.video(video)
        wanted = set(kind or ("speech", "screen_text", "caption", "track", "shot", "note"))
        for entry in shelf.memory.entries(found.id, span=part):
            piece = entry.evidence
            if piece.kind in wanted:
                words = " ".join(piece.text.split())
                print(f"{piece.span.timecode}  {piece.kind}  {words}".rstrip())


def doctor(library: InLibrary = None) -> None:
    """Say what is there, what is missing and what it would bring."""
    from playhead import __version__, config
    from playhead.models.strings import resolve_auto

    settings = config.load(library=library)
    print(f"playhead {__version__}")
    print(f"library  {settings.library_folder()}")
    print(f"model    {settings.model}: {resolve_auto(settings.model, environment=os.environ)}")
    for module, (extra, what) in _PARTS.items():
        there = find_spec(module) is not None
        state = "yes" if there else f'no: pip install "playhead[{extra}]"'
        print(f"{module:<16} {state:<40} {what}")
    print(f"{'faiss':<16} {_faiss()}")
    print(f"{'pocket':<16} {resolve_auto('pocket')}")


def models() -> None:
    """List what may answer, and how to name it."""
    from playhead.models.strings import describe_models

    for name, what in describe_models().items():
        print(f"{name:<28} {what}")


def config(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print every setting, its value and where it comes from."""
    from playhead import config as settings

    found = settings.sources(settings.load(), {})
    if as_json:
        print(json.dumps({name: {"value": v, "from": w} for name, (v, w) in found.items()}))
        return
    for name, (value, where) in found.items():
        print(f"{name:<24} {value!s:<32} {where}")


def _store(library: Path | None) -> SessionStore:
    from playhead import config
    from playhead.agent.store import SessionStore

    folder = config.load(library=library).library_folder()
    return SessionStore(folder / "sessions.sqlite")


def _faiss() -> str:
    import faiss  # pyright: ignore[reportMissingTypeStubs]

    num = getattr(faiss, "get_num_gpus", lambda: 0)()
    try:
        name = f"faiss-gpu {version('faiss-gpu')}"
    except PackageNotFoundError:
        name = f"faiss-cpu {version('faiss-cpu')}"
    return f"{name}, {num} GPUs"
