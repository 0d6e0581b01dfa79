"""What a client of the Model Context Protocol may call, as plain functions. Knows no protocol.

The one idea: a call is a function from typed arguments to a typed result (`mcp_values`); the work
itself is that of the library, of the agent's own tools and of a session. A client names videos by
id (or its beginning) or title, never by a path, and the tools speak of them by id.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.agent.run import Event
from playhead.agent.session import Session
from playhead.core.budget import Budget
from playhead.core.errors import Blamed, StoreError, VideoError, VideoNotFound
from playhead.core.evidence import Evidence
from playhead.core.media import FrameRef
from playhead.core.message import Part, PicturePart, TextPart, ToolCall
from playhead.core.policy import Policy
from playhead.core.span import Span
from playhead.core.value import Value
from playhead.memory.library import Library
from playhead.memory.units import Tier
from playhead.memory.videos import LibraryVideo
from playhead.models.frame_urls import frame_url, read_frame_url
from playhead.serving.mcp_values import (
    Answered,
    AskVideo,
    Caption,
    Found,
    GetFrames,
    GetTranscript,
    Ground,
    Indexed,
    IndexVideo,
    ListVideos,
    Piece,
    SearchVideo,
    Video,
    Videos,
)
from playhead.tools.context import ToolContext
from playhead.tools.made import is_made
from playhead.tools.toolset import find_tools

MOST_INLINE = 16
"""Pictures that one result may hold as pixels."""
MOST_SIDE = 1280
"""Of a picture that is read by its address, in pixels."""

_QUALITY = 85
_LOOK_EVERY_S = 0.25
_SHORTEST_PREFIX = 4
_ID_SHOWN = 12  # characters of a video's id in words
_LONGEST_NOTE = 160  # characters of a line of progress


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


# What is done


def list_videos(desk: Desk, asked: ListVideos, talk: Talk) -> Shown:
    """The videos there are."""
    found = tuple(_video(desk, video) for video in desk.library.videos())
    lines = [
        f"{v.id[:_ID_SHOWN]}  {v.title}  {v.duration_s:.1f} s, seen {100 * v.seen:.0f} %"
        for v in found
    ]
    return Shown(Videos(videos=found), _words(*lines or ["There is no video yet."]))


def index_video(desk: Desk, asked: IndexVideo, talk: Talk) -> Shown:
    """Add a file and wait for its index."""
    path = desk.inside(asked.path)
    try:
        id_ = desk.library.add(path)
    except VideoError as error:
        what = f"{path.name} cannot be indexed ({type(error).__name__})."
        raise Refused("unreadable_video", what) from error
    tier = {"coarse": Tier.COARSE, "fine": Tier.FINE, "late": Tier.LATE}[asked.until]
    deadline = time.monotonic() + asked.wait_s
    while not (is_done := desk.library.wait(_LOOK_EVERY_S, tier=tier)):
        steps = [p for p in desk.library.progress() if p.tier <= tier]
        talk.tell(sum(p.done_s for p in steps), sum(p.total_s for p in steps), "indexing")
        if time.monotonic() >= deadline or talk.is_cancelled:
            break
    video = _video(desk, desk.library.video(id_))
    how = "indexed" if is_done else "added; indexing goes on"
    words = f"{video.title} is {how}: id {video.id[:_ID_SHOWN]}, {video.duration_s:.1f} s."
    return Shown(Indexed(video=video, is_done=is_done), _words(words))


def search_video(desk: Desk, asked: SearchVideo, talk: Talk) -> Shown:
    """Moments by words."""
    given = asked.model_dump(include={"start_s", "end_s", "k"})
    kinds = list(asked.kinds) or None
    return _by_tool(desk, "search", asked.videos, text=asked.query, kinds=kinds, **given)


def get_frames(desk: Desk, asked: GetFrames, talk: Talk) -> Shown:
    """Pictures of a part."""
    if asked.inline and asked.num > MOST_INLINE:
        hint = "Ask for fewer, or without inline, and read the links."
        raise Refused("too_many", f"At most {MOST_INLINE} pictures are sent inline.", hint)
    given = asked.model_dump(include={"start_s", "end_s", "num"})
    how = {"quota": asked.detail, **given}
    return _by_tool(desk, "look", [asked.video], inline=asked.inline, **how)


def get_transcript(desk: Desk, asked: GetTranscript, talk: Talk) -> Shown:
    """What is said."""
    given = asked.model_dump(include={"start_s", "end_s", "query"})
    return _by_tool(desk, "transcript", [asked.video], **given)


def ground(desk: Desk, asked: Ground, talk: Talk) -> Shown:
    """When something holds."""
    given = asked.model_dump(include={"query", "start_s", "end_s", "k"})
    return _by_tool(desk, "ground", [asked.video], **given)


def caption(desk: Desk, asked: Caption, talk: Talk) -> Shown:
    """What a part shows, in words."""
    given = asked.model_dump(include={"start_s", "end_s", "level", "focus"})
    return _by_tool(desk, "caption", [asked.video], **given)


def ask_video(desk: Desk, asked: AskVideo, talk: Talk) -> Shown:
    """A question, answered by the agent."""
    names = asked.videos
    ids = [video.id for video in desk.videos(names)] if names or asked.session is None else None
    effort = asked.effort or desk.effort
    try:
        session = Session(
            desk.library,
            videos=ids,
            model=desk.model,
            effort=effort,
            budget=Budget.of(effort).replace(**desk.bounds),
            id=asked.session,
        )
    except StoreError:
        hint = "Leave it out to begin a new one."
        raise Refused("no_such_session", "There is no such session.", hint) from None
    except VideoNotFound:
        hint = "list_videos says what there is."
        raise Refused("no_such_video", "A video of that session is gone.", hint) from None
    with session:
        talk.on_cancel(session.stop)
        return _asked(desk, asked, talk, session)


TOOLS: tuple[Served, ...] = (
    Served("list_videos", list_videos, ListVideos, Videos),
    Served("index_video", index_video, IndexVideo, Indexed, reads_only=False),
    Served("search_video", search_video, SearchVideo, Found, has_view=True),
    Served("get_frames", get_frames, GetFrames, Found),
    Served("get_transcript", get_transcript, GetTranscript, Found),
    Served("ground", ground, Ground, Found, has_view=True),
    Served("caption", caption, Caption, Found),
    Served("ask_video", ask_video, AskVideo, Answered, reads_only=False, has_view=True),
)


def read_picture(desk: Desk, url: str) -> bytes:
    """The picture of an address that a result named, as JPEG.

    Raises:
        Refused: It is no address of a picture of the library.
    """
    try:
        ref = read_frame_url(url)
    except ValueError:
        raise Refused("no_such_picture", "That is no address of a picture.") from None
    is_small = max(ref.height, ref.width) <= MOST_SIDE
    if not is_small or ref.video_id not in {video.id for video in desk.library.videos()}:
        raise Refused("no_such_picture", "There is no such picture.")
    try:
        return _jpeg(desk.library.picture(ref))
    except VideoError as error:
        what = f"The picture cannot be read ({type(error).__name__})."
        raise Refused("unreadable_video", what) from error


# Inside


class _ById(ToolContext):
    """A context in which videos are called by the beginning of their ids, as clients know them."""

    def handle(self, video_id: str) -> str:
        return video_id[:_ID_SHOWN]


def _by_tool(
    desk: Desk, name: str, videos: Sequence[str], *, inline: bool = False, **arguments: Any
) -> Shown:
    """What one of the agent's own tools gives."""
    (tool,) = find_tools([name])
    known = desk.videos(videos)
    pixels: dict[FrameRef, bytes] = {}
    with _ById(desk.library, [video.id for video in known]) as ctx:
        seen = tool.run(ctx, ToolCall(id="mcp", name=name, arguments=arguments))
        if inline and seen.failure is None:
            frames = [part.frame for part in seen.parts if isinstance(part, PicturePart)]
            pixels = dict(zip(frames, map(_jpeg, ctx.resolve(frames)), strict=True))
    if seen.failure is not None:
        raise Refused(seen.failure.code, seen.failure.message, seen.failure.hint)
    concerned = {piece.video_id for piece in seen.evidence}
    result = Found(
        videos=tuple(_video(desk, video) for video in known if video.id in concerned),
        evidence=tuple(_piece(piece) for piece in seen.evidence),
        cost=seen.cost,
    )
    return Shown(result, seen.parts, pixels)


def _asked(desk: Desk, asked: AskVideo, talk: Talk, session: Session) -> Shown:
    """Ask in a session, telling every step."""
    number = 0
    try:
        for event in session.stream(asked.question, options=asked.options, within=_within(asked)):
            number += 1
            talk.tell(float(number), None, _note(event))
    except Blamed as error:
        what = f"No answer: what answers questions broke ({error.origin.value})."
        raise Refused("broke", what, "Ask again, or try another effort.") from error
    (*_, question) = session.questions()
    record = question.trajectory
    assert record is not None
    assert record.answer is not None
    answer = record.answer
    result = Answered(
        text=answer.text,
        choice=answer.choice,
        confidence=answer.confidence,
        abstained=answer.abstained,
        verified=answer.verified,
        videos=tuple(_video(desk, desk.library.video(id_)) for id_ in session.video_ids),
        evidence=tuple(_piece(piece) for piece in answer.evidence),
        coverage=answer.coverage,
        warnings=answer.warnings,
        cost=record.cost,
        session=session.id,
    )
    lines = [
        f"[{piece.video_id[:_ID_SHOWN]} {piece.span.timecode}] {piece.kind}: {piece.text[:400]}"
        for piece in answer.evidence
    ]
    notes = [f"note: {warning}" for warning in answer.warnings]
    return Shown(result, _words(answer.text, *lines, *notes, f"session {session.id}"))


def _within(asked: AskVideo) -> Span | None:
    if asked.start_s is None and asked.end_s is None:
        return None
    start_s = asked.start_s or 0.0
    end_s = 1e9 if asked.end_s is None else asked.end_s
    if start_s >= end_s:
        raise Refused("bad_arguments", f"start_s < end_s: got {start_s:g} and {end_s:g}.")
    return Span(start=start_s, end=end_s)


def _note(event: Event) -> str:
    """A step in a few words."""
    words = event.text
    if event.call is not None and event.kind == "call":
        words = event.call.name
    elif event.observation is not None:
        words = event.observation.text
    line = " ".join(words.partition("\n")[0].split())
    return f"{event.kind}: {line[:_LONGEST_NOTE]}" if line else event.kind


def _video(desk: Desk, video: LibraryVideo) -> Video:
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


def _piece(evidence: Evidence) -> Piece:
    return Piece(
        id=evidence.id,
        video=evidence.video_id,
        start_s=evidence.span.start,
        end_s=evidence.span.end,
        kind=evidence.kind,
        text=evidence.text,
        score=evidence.score,
        frames=tuple(frame_url(frame) for frame in evidence.frames if not is_made(frame)),
    )


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _words(*lines: str) -> tuple[Part, ...]:
    return (TextPart(text="\n".join(lines)),)
