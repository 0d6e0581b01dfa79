"""What the calls of MCP clients work with, and how things are told to them. Knows no protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playhead.core.evidence import Evidence
from playhead.core.media import FrameRef
from playhead.core.message import Part, TextPart
from playhead.core.policy import Policy
from playhead.core.value import Value
from playhead.memory.library import Library
from playhead.memory.videos import LibraryVideo
from playhead.models.frame_urls import frame_url
from playhead.serving.mcp_values import Piece, Video
from playhead.tools.given import is_given

ID_SHOWN = 12
"""Characters of a video's id in words."""

_SHORTEST_PREFIX = 4


class Refused(Exception):
    """A call that cannot be carried out, in words for the client."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.code, self.message, self.hint = code, message, hint


@dataclass(frozen=True)
class Desk:
    """What the calls work with."""

    library: Library
    model: str | Policy = "auto"
    """Who answers questions."""
    effort: str = "normal"
    """What a question may cost where the client does not say."""
    bounds: Mapping[str, float] = field(default_factory=dict[str, float])
    """Bounds of `Budget` that hold for every question, whatever the client says."""
    roots: tuple[Path, ...] = ()
    """Folders that a client may have files indexed from. Empty: none."""
    picture: Callable[[FrameRef], bytes] | None = None
    """The JPEG of a picture of the library. None: its video is opened for each."""

    def video(self, name: str) -> LibraryVideo:
        """The video of that id, beginning of an id, or title.

        Raises:
            Refused: There is none, or more than one.
        """
        videos = self.library.videos()
        found = [v for v in videos if v.id == name] or [v for v in videos if v.title == name]
        if not found and len(name) >= _SHORTEST_PREFIX:
            found = [v for v in videos if v.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        what = "more than one video" if found else "no video"
        raise Refused("no_such_video", f"{what} {name[:80]!r}.", "list_videos says what there is.")

    def videos(self, names: Sequence[str]) -> list[LibraryVideo]:
        """Those videos, each once; all that there are, if none is named."""
        found = [self.video(name) for name in names] if names else self.library.videos()
        if not found:
            raise Refused("empty_library", "There is no video yet.", "index_video adds one.")
        return list({video.id: video for video in found}.values())

    def inside(self, name: str) -> Path:
        """The file of that path, if it is in one of the folders that are open to clients.

        Raises:
            Refused: It is elsewhere, or nowhere: a client learns only what is inside.
        """
        for root in self.roots:
            try:
                folder = root.resolve(strict=True)
                path = (folder / name).resolve(strict=True)
            except (OSError, ValueError, RuntimeError):
                continue
            if path.is_relative_to(folder) and path.is_file():
                return path
        hint = "Give a path inside a folder that the server was started with, or relative to it."
        raise Refused("no_such_file", "No such file is open to this server.", hint)


@dataclass
class Talk:
    """How a call tells how far it is, and hears that nobody waits for it any more."""

    tell: Callable[[float, float | None, str], None] = lambda done, total, words: None
    """Is told how far it is: done, of how much (None: not known), in words."""
    _stops: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits any more."""
        return self._cancelled.is_set()

    def on_cancel(self, stop: Callable[[], object]) -> None:
        """Have `stop` called when nobody waits any more; at once, if that is so already."""
        self._stops.append(stop)
        if self.is_cancelled:
            stop()

    def cancel(self) -> None:
        """Nobody waits any more."""
        self._cancelled.set()
        for stop in self._stops:
            stop()


@dataclass(frozen=True)
class Shown:
    """What a call gives: for programs, and for the model."""

    result: Value
    parts: tuple[Part, ...]
    pixels: Mapping[FrameRef, bytes] = field(default_factory=dict[FrameRef, bytes])
    """Pictures that are sent as JPEG; of all others the address is."""


Function = Callable[[Desk, Any, Talk], Shown]


@dataclass(frozen=True)
class Served:
    """A tool as clients are told of it."""

    name: str
    function: Function
    arguments: type[Value]
    result: type[Value]
    reads_only: bool = True
    has_view: bool = False
    """Whether hosts may show its result on a timeline."""

    @property
    def description(self) -> str:
        """What it does, in words for a model."""
        return " ".join((self.arguments.__doc__ or "").split())


def video_told(desk: Desk, video: LibraryVideo) -> Video:
    """A video as clients are told of it."""
    return Video(
        id=video.id,
        title=video.title,
        duration_s=video.info.duration_s,
        height=video.info.height,
        width=video.info.width,
        has_audio=video.info.has_audio,
        seen=round(min(1.0, desk.library.coverage(video.id)), 4),
        heard=round(min(1.0, desk.library.coverage(video.id, "speech")), 4),
    )


def piece_told(evidence: Evidence) -> Piece:
    """Evidence as clients are told of it."""
    return Piece(
        id=evidence.id,
        video=evidence.video_id,
        start_s=evidence.span.start,
        end_s=evidence.span.end,
        kind=evidence.kind,
        text=evidence.text,
        score=evidence.score,
        frames=tuple(frame_url(frame) for frame in evidence.frames if not is_given(frame)),
    )


def in_words(*lines: str) -> tuple[Part, ...]:
    """Lines for a model."""
    return (TextPart(text="\n".join(lines)),)
