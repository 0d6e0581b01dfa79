"""Subtitles: what is said, with the seconds when it is said, from a file or from inside a video.

The one idea: subtitles are written by strangers and read by models, so what comes out is plain text
and nothing else. Markup, styling, terminal escapes, text direction overrides and invisible
characters are gone, every line has a time inside the video, lines are in order, and the size is
bounded. It is still data: whoever puts it into a prompt must say so.

`read_subtitles` reads .srt, .vtt, .ass and .ssa through pysubs2, which gets a bounded piece after
the other, so time grows with the number of lines and memory hardly at all. `embedded_subtitles`
reads a track inside a video, `find_subtitles` finds the files that lie beside one.

Position and style are not kept. Files in old encodings that are not Western European must be turned
into UTF-8 first. Bitmap subtitles would need OCR. Nothing here listens to the sound.
"""

from __future__ import annotations

import codecs
import html
import io
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from playhead.core.errors import NotAFile, NotReadable, TooLarge, VideoNotFound
from playhead.core.media import TextTrack, VideoInfo
from playhead.core.span import Span
from playhead.core.value import clean_text

if TYPE_CHECKING:
    from pysubs2 import SSAEvent

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
"""What `read_subtitles` reads."""

MAX_BYTES = 32 * 2**20
"""Size of a subtitle file."""
MAX_LINES = 100_000
"""Subtitles in one file: 27 hours with one every second."""
MAX_CHARACTERS = 1000
"""Of one subtitle; what is longer is cut off and ends in an ellipsis."""

_MAX_ROW = 2000  # characters of a row of the file that are read
_MAX_ROWS = 40  # rows of one subtitle that are read
_CUES_AT_ONCE = 500

_BLANK = re.compile(r"\s+")
_BELOW_ZERO = re.compile(r"(?<![\d-])-\s?(?:\d{1,4}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}")
_ROLLING = re.compile(r"<\d\d:\d\d(?::\d\d)?\.\d{3}>")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]*)>")
_TERMINAL = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.")
_TAG = re.compile(r"</?(?:[A-Za-z]|\d\d:)[^<>]*>")
_OVERRIDE = re.compile(r"\{\\[^{}]*\}")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9]")
_BREAK = re.compile(r"\\[Nn]|[\r\n\v\f\x85\u2028\u2029]")
_SPACES = re.compile(r"[^\S\n]+|\\h")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}")
_FLAGS = frozenset({"cc", "default", "forced", "full", "hi", "sdh"})


@dataclass(frozen=True, slots=True)
class Line:
    """One subtitle."""

    span: Span
    text: str
    """Plain text; rows are separated by newlines. Never empty."""
    speaker: str | None = None
    """Who says it, where the file has a field for that. None: it does not say."""


@dataclass(frozen=True)
class Sidecar:
    """A subtitle file beside a video."""

    path: Path
    language: str | None
    """As the file name has it, such as `en` or `pt-BR`. None: it has none."""


class HasTexts(Protocol):
    """A video with subtitle tracks inside, such as `VideoFile`."""

    @property
    def info(self) -> VideoInfo:
        """What is known about it."""
        ...

    def texts(self, index: int) -> Sequence[tuple[float, float, str]]:
        """Start and end in seconds and raw text of every subtitle of a track."""
        ...


def read_subtitles(path: str | os.PathLike[str], *, within: Span | None = None) -> list[Line]:
    """The lines of a subtitle file, in order.

    Args:
        path: A .srt, .vtt, .ass or .ssa file in UTF-8, UTF-16 or Windows Latin 1.
        within: What lies outside is cut off; the span of the video. None: only what lies before 0.

    Raises:
        VideoNotFound: No file there.
        NotReadable: This user may not read it.
        NotAFile: Not a regular file.
        TooLarge: Over `MAX_BYTES` or `MAX_LINES`.
        ValueError: Another kind of file.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if f".{kind}" not in SUFFIXES:
        raise ValueError(f"subtitles are {', '.join(SUFFIXES)} files: got {path.name!r}")
    content = _read_bytes(path)
    encoding = _encoding(content)
    with io.TextIOWrapper(io.BytesIO(content), encoding, errors="replace") as file:
        rows = _rows(file)
        cues = _dialogues(rows) if kind in ("ass", "ssa") else _cues(rows, kind)
        events = _events(cues, "ass" if kind == "ssa" else kind)
        lines = _in_order(
            _line(event.start / 1000, event.end / 1000, event.text, within, event.name)
            for event in events
        )
    is_rolling = kind == "vtt" and _ROLLING.search(content[:20_000].decode(encoding, "replace"))
    return _without_echoes(lines) if is_rolling else lines


def embedded_subtitles(video: HasTexts, track: TextTrack | None = None) -> list[Line]:
    """The lines of a subtitle track inside a video, in order.

    Args:
        video: An open video file.
        track: One of `video.info.text_tracks`. None: the first that holds text; no lines if there
            is none.

    Raises:
        ValueError: The video has no such track, or it holds pictures of text.
        VideoError: The track cannot be read.
    """
    if track is None:
        track = next((track for track in video.info.text_tracks if track.is_text), None)
    if track is None:
        return []
    whole = video.info.span
    return _in_order(_line(*event, within=whole) for event in video.texts(track.index))


def find_subtitles(path: str | os.PathLike[str]) -> list[Sidecar]:
    """The subtitle files beside a video: `film.srt`, `film.en.srt`, `film.pt-BR.forced.vtt`.

    Args:
        path: The video. It need not exist; its folder must.

    Returns:
        Those without a language first, then in alphabetical order.
    """
    video = Path(path)
    found: list[Sidecar] = []
    for file in video.parent.iterdir():
        name, suffix = os.path.splitext(file.name)  # noqa: PTH122 (Path.suffix differs on dots)
        if suffix.lower() not in SUFFIXES or not file.is_file():
            continue
        if name == video.stem:
            found.append(Sidecar(file, None))
        elif name.startswith(video.stem + "."):
            parts = name[len(video.stem) + 1 :].split(".")
            words = [part for part in parts if part.lower() not in _FLAGS]
            if len(words) <= 1 and all(_LANGUAGE.fullmatch(word) for word in words):
                found.append(Sidecar(file, words[0] if words else None))
    return sorted(found, key=lambda sidecar: (sidecar.language is not None, sidecar.path.name))


def plain_text(text: str) -> str:
    """`text` without markup, escapes, direction overrides and invisible characters.

    Rows are kept, blank ones are not. Longer text than `MAX_CHARACTERS` is cut off.
    """
    text = clean_text(text[: 4 * MAX_CHARACTERS])
    text = _INVISIBLE.sub("", _TERMINAL.sub("", text))
    text = _BREAK.sub("\n", _TAG.sub("", _OVERRIDE.sub("", text)))
    text = _SPACES.sub(" ", _INVISIBLE.sub("", html.unescape(text)))
    text = "\n".join(row for row in map(str.strip, text.split("\n")) if row)
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def _read_bytes(path: Path) -> bytes:
    """The content of a regular file. Opening a pipe must not wait for its other end."""
    no_wait = getattr(os, "O_NONBLOCK", 0)
    try:
        with open(path, "rb", opener=lambda p, flags: os.open(p, flags | no_wait)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise NotAFile(f"not a regular file: {str(path)!r}")
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise VideoNotFound(f"no subtitle file there: {str(path)!r}") from None
    except IsADirectoryError:
        raise NotAFile(f"a folder: {str(path)!r}") from None
    except PermissionError:
        raise NotReadable(f"this user may not read {str(path)!r}") from None
    if len(content) > MAX_BYTES:
        raise TooLarge(f"a subtitle file has at most {MAX_BYTES} bytes: {path.name!r} has more")
    return content


def _encoding(content: bytes) -> str:
    """UTF-8 or UTF-16 where the content says or shows it, else Windows Latin 1."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return encoding
    head = content[:4096]
    if head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    try:
        decoder = codecs.getincrementaldecoder("utf-8")()
        for i in range(0, len(content), 2**20):
            decoder.decode(content[i : i + 2**20], final=i + 2**20 >= len(content))
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _rows(file: io.TextIOWrapper) -> Iterator[str]:
    """The rows of a file, each cut off at `_MAX_ROW` characters, with single spaces."""
    is_rest = False
    while row := file.readline(_MAX_ROW):
        if not is_rest:
            yield _BLANK.sub(" ", row.rstrip("\n").replace("\0", ""))
        is_rest = not row.endswith("\n")


def _cues(rows: Iterator[str], kind: str) -> Iterator[str]:
    """The subtitles of an .srt or .vtt file, one by one, as pysubs2 is to read them.

    pysubs2 takes a last row that is a number for the counter of the next subtitle, so there has to
    be one. What has no readable times is left out.
    """
    from pysubs2.formats.subrip import SubripFormat
    from pysubs2.formats.webvtt import WebVTTFormat

    stamp = (WebVTTFormat if kind == "vtt" else SubripFormat).TIMESTAMP
    cue: list[str] = []
    is_open = False
    for row in rows:
        if "-->" in row:
            if cue:
                yield "\n".join([*cue, "", "0"] if kind == "vtt" else cue)
            row = _BELOW_ZERO.sub("00:00:00.000", row)
            cue, is_open = ([row], True) if len(stamp.findall(row)) == 2 else ([], False)
        elif not cue or len(cue) > _MAX_ROWS:
            continue
        elif kind == "vtt" and not row:
            is_open = False  # what follows is the next subtitle's name, or a comment
        elif is_open and (row.strip() or cue[-1].strip()):
            cue.append(row)
    if cue:
        yield "\n".join([*cue, "", "0"])


def _dialogues(rows: Iterator[str]) -> Iterator[str]:
    """The subtitles of an .ass or .ssa file, one by one, without what says how they look."""
    for row in map(str.strip, rows):
        fields = row.removeprefix("Dialogue:").split(",", 9)
        if row.startswith("Dialogue:") and len(fields) == 10:
            _, start, end, _, name, *_, text = fields
            yield f"Dialogue: 0,{start},{end},Default,{name},0,0,0,,{text}"


def _events(cues: Iterator[str], kind: str) -> Iterator[SSAEvent]:
    """What pysubs2 reads from `cues`, many at once; those with unreadable times are left out."""
    from pysubs2 import SSAFile

    while some := list(islice(cues, _CUES_AT_ONCE)):
        try:
            yield from SSAFile.from_string("\n".join(some), kind, keep_html_tags=True)
        except ValueError:
            for cue in some:
                with suppress(ValueError):
                    yield from SSAFile.from_string(cue, kind, keep_html_tags=True)


def _line(
    start_s: float, end_s: float, text: str, within: Span | None, speaker: str = ""
) -> Line | None:
    """A clean line inside `within`; None if nothing is left of it."""
    start_s, text = max(0.0, start_s), text[: 4 * MAX_CHARACTERS]
    if within is not None:
        start_s, end_s = max(start_s, within.start), min(end_s, within.end)
    if not start_s < end_s < float("inf") or _DRAWING.search(text):
        return None
    voices = _VOICE.findall(text)
    if len(set(voices)) == 1:
        speaker = voices[0]
    elif voices:
        text = _VOICE.sub(r"\n\1: ", text)
    text = plain_text(text)
    return Line(Span(start=start_s, end=end_s), text, plain_text(speaker) or None) if text else None


def _in_order(lines: Iterator[Line | None]) -> list[Line]:
    """Sorted by time, and each once: a layer for the shadow says the same again.

    Raises:
        TooLarge: More than `MAX_LINES`.
    """
    found = list(islice((line for line in lines if line is not None), MAX_LINES + 1))
    if len(found) > MAX_LINES:
        raise TooLarge(f"a subtitle file has at most {MAX_LINES} lines: this one has more")
    found.sort(key=lambda line: (line.span.start, line.span.end))
    before: list[Line | None] = [None, *found]
    return [line for line, last in zip(found, before, strict=False) if line != last]


def _without_echoes(lines: list[Line]) -> list[Line]:
    """Rolling captions without the rows that are only still on screen from the line before."""
    fresh: list[Line] = []
    shown: list[str] = []
    until_s = 0.0
    for line in lines:
        rows = line.text.split("\n")
        echoes = 0
        if line.span.start <= until_s + 0.1:
            lengths = range(min(len(rows), len(shown)), 0, -1)
            echoes = next((n for n in lengths if rows[:n] == shown[-n:]), 0)
        if rows[echoes:]:
            fresh.append(replace(line, text="\n".join(rows[echoes:])))
        shown, until_s = rows, line.span.end
    return fresh
