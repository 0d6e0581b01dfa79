"""`playhead probe` and `playhead frames`: what a file is, and the pictures at given seconds."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playhead.cli.files import refuse_overwriting, write_png
from playhead.core.errors import PlayheadError
from playhead.core.span import Span, format_time, parse_time

if TYPE_CHECKING:
    from playhead.video import Frames, VideoFile

Decoder = Annotated[
    str, typer.Option(help="Which decoder reads the pictures: pyav, torchcodec, decord, opencv.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of words.")]


def probe(
    files: Annotated[list[Path], typer.Argument(help="Video files.", metavar="FILE...")],
    as_json: AsJson = False,
    decoder: Decoder = "pyav",
) -> None:
    """Say what a video is: length, size, rate, codecs, tracks, and its content id."""
    from playhead.video import open_video

    failed = 0
    for file in files:
        try:
            with open_video(file, decoder=decoder) as video:
                print(_as_json(file, video) if as_json else _in_words(file, video))
        except PlayheadError as error:
            failed += 1
            typer.echo(f"playhead: {file}: {error}", err=True)
    if failed:
        raise typer.Exit(1)


def frames(
    file: Annotated[Path, typer.Argument(help="A video file.")],
    at: Annotated[
        list[str] | None, typer.Option(help="A time such as 42, 1:02.5; may be repeated.")
    ] = None,
    span: Annotated[str | None, typer.Option(help="A part, such as 40-54.5 or 1:02-1:10.")] = None,
    num: Annotated[int | None, typer.Option(help="How many pictures, spread evenly.")] = None,
    fps: Annotated[float | None, typer.Option(help="How many pictures a second.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write one contact sheet here (.png).")] = None,
    out: Annotated[Path | None, typer.Option(help="Write every picture into this folder.")] = None,
    max_side: Annotated[int | None, typer.Option(help="Longest side in pixels.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
    as_json: AsJson = False,
    decoder: Decoder = "pyav",
) -> None:
    """Show the pictures on screen at given times, as a contact sheet or as files."""
    from playhead.video import open_video

    if at and not (span is None and num is None and fps is None):
        raise typer.BadParameter("give --at, or --span with --num or --fps, not both")
    if num is not None and fps is not None:
        raise typer.BadParameter("give --num or --fps, not both")
    try:
        times_s = [parse_time(text) for text in at or []]
        part = Span.parse(span) if span else None
    except ValueError as error:
        raise typer.BadParameter(_first_line(error)) from error
    with ExitStack() as stack:
        video = stack.enter_context(open_video(file, decoder=decoder))
        if times_s:
            found = video.frames_at(times_s, max_side=max_side)
        else:
            count = 9 if num is None and fps is None else num
            found = video.frames(part, fps=fps, num=count, max_side=max_side)
        written = _write(found, sheet, out, force=force)
    _report(found, written, as_json=as_json)


def _as_json(file: Path, video: VideoFile) -> str:
    about = json.loads(video.info.to_json())
    return json.dumps({"file": str(file), "id": video.id} | about, ensure_ascii=False)


def _in_words(file: Path, video: VideoFile) -> str:
    info = video.info
    rate = f"{float(info.fps):.3f} fps" if info.fps else "one frame"
    tracks = ", ".join(t.language or t.codec for t in info.text_tracks) or "none"
    rows = {
        "id": video.id,
        "length": f"{format_time(info.duration_s, decimals=3)} ({info.num_frames} frames)",
        "picture": f"{info.width}x{info.height} {info.codec}, {rate}"
        + (", variable" if info.is_vfr else "")
        + (f", turned {info.rotation} degrees" if info.rotation else ""),
        "keyframes": str(len(video.keyframe_times_s)),
        "sound": info.audio_codec or "none",
        "subtitles": tracks,
        "file": f"{info.container}, {info.num_bytes / 1e6:.1f} MB",
    }
    lines = [f"  {name:<10} {value}" for name, value in rows.items()]
    return "\n".join([str(file), *lines, *(f"  note       {w}" for w in info.warnings)])


def _write(found: Frames, sheet: Path | None, out: Path | None, *, force: bool) -> list[Path]:
    from playhead.video.sheets import contact_sheet

    pictures = {}
    if sheet:
        pictures[sheet] = contact_sheet(found).picture
    if out:
        names = [f"{time_s:010.3f}s.png" for time_s in found.times_s]
        pictures |= {out / name: pixels for name, pixels in zip(names, found.pixels, strict=True)}
    refuse_overwriting(list(pictures), force=force)
    for path, picture in pictures.items():
        write_png(path, picture)
    return list(pictures)


def _report(found: Frames, written: list[Path], *, as_json: bool) -> None:
    if as_json:
        for ref in found.refs:
            print(ref.to_json())
    elif written:
        for path in written:
            print(path)
    else:
        for time_s in found.times_s:
            print(format_time(float(time_s), decimals=3))


def _first_line(error: ValueError) -> str:
    """The part of a validation error that is about the value and not about the library."""
    lines = str(error).splitlines()
    return lines[1].strip().partition(" [type=")[0] if len(lines) > 1 else lines[0]
