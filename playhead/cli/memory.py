"""`playhead index`, `search`, `status`, `prune` and `export`: a library from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playhead.core.errors import PlayheadError
from playhead.core.span import Span, format_time, parse_time

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from playhead.core.memory import Hit
    from playhead.memory.library import Library
    from playhead.memory.videos import LibraryVideo

InLibrary = Annotated[Path | None, typer.Option("--library", help="The folder of the library.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of words.")]


def index(
    paths: Annotated[
        list[Path], typer.Argument(help="Video files and folders.", metavar="PATH...")
    ],
    library: InLibrary = None,
    until: Annotated[
        str, typer.Option(help="How far to index now: coarse, fine, or late (everything).")
    ] = "late",
    thumbnails: Annotated[
        bool | None, typer.Option(help="Keep small pictures, for when the files are gone.")
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Which camera filmed them.")] = None,
    workers: Annotated[int | None, typer.Option(help="How many threads index.")] = None,
) -> None:
    """Add videos to the library and index them. Stop it when you like: it goes on next time."""
    from playhead import config
    from playhead.agent.api import open_library
    from playhead.memory.units import Tier

    tiers = {"coarse": Tier.COARSE, "fine": Tier.FINE, "late": Tier.LATE}
    if until not in tiers:
        raise typer.BadParameter(f"--until is coarse, fine or late: got {until!r}")
    memory = {"thumbnails": thumbnails, "workers": workers}
    memory = {name: value for name, value in memory.items() if value is not None}
    settings = config.load(library=library, memory=memory or None)
    failed = 0
    with open_library(settings, background=False) as shelf:
        ids: list[str] = []
        for path in _files(paths):
            try:
                ids.append(shelf.add(path, camera=camera))
            except PlayheadError as error:
                failed += 1
                typer.echo(f"playhead: {path}: {error}", err=True)
        _show_progress(shelf, tiers[until])
        for video in map(shelf.video, dict.fromkeys(ids)):
            print(_line(shelf, video))
            for unit, why in shelf.problems(video.id).items():
                typer.echo(f"playhead: {video.title}: {unit}: {why}", err=True)
    if failed:
        raise typer.Exit(1)


def search(
    text: Annotated[str | None, typer.Argument(help="What is said, written or shown.")] = None,
    library: InLibrary = None,
    image: Annotated[Path | None, typer.Option(help="A picture to find.")] = None,
    video: Annotated[
        list[str] | None, typer.Option(help="Only this video: title, path or id; may be repeated.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Only picture, speech, screen_text, caption, track, note; repeatable."),
    ] = None,
    span: Annotated[str | None, typer.Option(help="Only this part, such as 1:00-2:30.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what had ended by this time.")] = None,
    num: Annotated[int, typer.Option("--num", "-k", help="How many moments.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Find moments by words, by a picture, or by both."""
    if text is None and image is None:
        raise typer.BadParameter("give words to look for, or a picture with --image, or both")
    with _open(library, background=False) as shelf:
        hits = shelf.search(
            text,
            image=None if image is None else _read_picture(image),
            videos=None if not video else [shelf.video(name).id for name in video],
            kinds=kind or None,
            span=None if span is None else _span(span),
            until_s=None if until is None else parse_time(until),
            k=num,
        )
        for hit in hits:
            found = shelf.video(hit.evidence.video_id)
            print(hit.to_json() if as_json else _hit_line(found, hit))
    if not hits:
        typer.echo("playhead: nothing found; playhead status shows what is indexed", err=True)
        raise typer.Exit(1)


def status(
    library: InLibrary = None,
    check: Annotated[
        bool, typer.Option(help="Read everything and compare it with its checksums.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What the library holds, and how far it is indexed. Exit code 1 if something is damaged."""
    from playhead.memory.care import check as check_memory

    with _open(library, background=False) as shelf:
        for video in shelf.videos():
            print(json.dumps(_facts(shelf, video)) if as_json else _line(shelf, video))
        if not as_json:
            memory = shelf.memory
            print(f"{len(shelf.videos())} videos, {memory.num_bytes / 1e6:.1f} MB on the disk")
            for report in memory.reports():
                print(
                    f"{report.space}: {report.num_vectors} vectors, {report.kind} on the "
                    f"{report.device}, recall {report.recall}"
                )
        if check:
            damage = check_memory(shelf.memory)
            typer.echo(str(damage) if damage else "nothing is damaged", err=True)
            if damage:
                typer.echo("playhead: playhead prune --mend puts it right", err=True)
                raise typer.Exit(1)


def prune(
    videos: Annotated[
        list[str] | None, typer.Argument(help="Videos to forget: title, path or id.")
    ] = None,
    library: InLibrary = None,
    gone: Annotated[bool, typer.Option(help="Forget videos whose file is gone, too.")] = False,
    mend: Annotated[bool, typer.Option(help="Put right what is damaged.")] = False,
) -> None:
    """Forget videos, and give back the disk space of what was forgotten. Files stay."""
    from playhead.memory.care import compact
    from playhead.memory.care import mend as mend_memory

    with _open(library, background=False) as shelf:
        if mend:
            damage = mend_memory(shelf.memory)
            print(f"mended: {damage}" if damage else "nothing is damaged")
        forget = [shelf.video(name) for name in videos or ()]
        if gone:
            forget += [v for v in shelf.videos() if not any(Path(p).exists() for p in v.paths)]
        for video in forget:
            shelf.remove(video.id)
            print(f"forgotten: {video.title}")
        print(f"freed {compact(shelf.memory) / 1e6:.1f} MB")


def export(
    videos: Annotated[
        list[str] | None, typer.Argument(help="Only these videos: title, path or id.")
    ] = None,
    library: InLibrary = None,
) -> None:
    """Print everything remembered as JSON lines: evidence, who found it."""
    from playhead.memory.care import export_lines

    with _open(library, background=False) as shelf:
        for id_ in [shelf.video(name).id for name in videos] if videos else [None]:
            for line in export_lines(shelf.memory, id_):
                print(line)


def _open(folder: Path | None, **how: Any) -> Library:
    from playhead import config
    from playhead.agent.api import open_library

    return open_library(config.load(library=folder), **how)


def _files(paths: list[Path]) -> list[Path]:
    from playhead.memory.videos import video_files

    files: list[Path] = []
    for path in paths:
        files += video_files(path) if path.is_dir() else [path]
    return files


def _show_progress(shelf: Library, until: int) -> None:
    """Bars on standard error until the work up to a tier is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]:>18}"),
        TextColumn("{task.fields[left]:>12}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[int, Any] = {}
        is_done = False
        while not is_done:
            is_done = shelf.wait(0.3, tier=until)  # type: ignore[arg-type]
            for tier in shelf.progress():
                if tier.tier > until:
                    continue
                if tier.tier not in tasks:
                    tasks[tier.tier] = bars.add_task(tier.tier.name.lower(), rate="", left="")
                left = "" if tier.left_s is None or is_done else f"{format_time(tier.left_s)} left"
                bars.update(
                    tasks[tier.tier],
                    total=tier.total_s,
                    completed=tier.done_s,
                    rate="" if tier.rate is None else f"{tier.rate:.0f}x real time",
                    left=left,
                )


def _line(shelf: Library, video: LibraryVideo) -> str:
    shares = _facts(shelf, video)["coverage"]
    looked = ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in shares.items() if share)
    return f"{video.id[:8]}  {format_time(video.info.duration_s)}  {video.title}  {looked}"


def _facts(shelf: Library, video: LibraryVideo) -> dict[str, Any]:
    kinds = ("glimpse", "picture", "caption", "speech", "screen_text")
    return {
        "id": video.id,
        "title": video.title,
        "paths": list(video.paths),
        "duration_s": video.info.duration_s,
        "coverage": {kind: round(shelf.coverage(video.id, kind), 4) for kind in kinds},
        "problems": shelf.problems(video.id),
    }


def _hit_line(video: LibraryVideo, hit: Hit) -> str:
    words = " ".join(hit.evidence.text.split())
    return f"{video.title}  {hit.span.timecode}  {hit.evidence.kind}  {words}".rstrip()


def _read_picture(path: Path) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=["PNG", "JPEG", "WEBP", "BMP"]) as picture:
            return np.array(picture.convert("RGB"))
    except UnidentifiedImageError:
        raise typer.BadParameter(f"not a PNG, JPEG, WebP or BMP picture: {str(path)!r}") from None


def _span(text: str) -> Span:
    start, _, end = text.partition("-")
    return Span(start=parse_time(start), end=parse_time(end))
