"""What a client of the Model Context Protocol may call, as plain functions. Knows no protocol.

The one idea: a call is a function from typed arguments to a typed result (`mcp_values`); the work
itself is that of the library, of the agent's own tools and of a session. A client names videos by
id (or its beginning) or title, never by a path, and the tools speak of them by id.
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import VideoError
from playhead.core.media import FrameRef
from playhead.core.message import PicturePart, ToolCall
from playhead.memory.library import Library
from playhead.memory.units import Tier
from playhead.models.frame_urls import read_frame_url
from playhead.serving.mcp_asking import ask_video
from playhead.serving.mcp_desk import (
    ID_SHOWN,
    Desk,
    Refused,
    Served,
    Shown,
    Talk,
    in_words,
    piece_told,
    video_told,
)
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
    SearchVideo,
    Videos,
)
from playhead.serving.refs import check_ref
from playhead.tools.context import ToolContext
from playhead.tools.made import is_made, make_again, source_id
from playhead.tools.toolset import find_tools

MOST_INLINE = 16
"""Pictures that one result may hold as pixels."""
MOST_SIDE = 1280
"""Of a picture that is read by its address, in pixels."""

_QUALITY = 85
_LOOK_EVERY_S = 0.25


def list_videos(desk: Desk, asked: ListVideos, talk: Talk) -> Shown:
    """The videos there are."""
    found = tuple(video_told(desk, video) for video in desk.library.videos())
    lines = [
        f"{v.id[:ID_SHOWN]}  {v.title}  {v.duration_s:.1f} s, seen {100 * v.seen:.0f} %"
        for v in found
    ]
    return Shown(Videos(videos=found), in_words(*lines or ["There is no video yet."]))


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
    video = video_told(desk, desk.library.video(id_))
    how = "indexed" if is_done else "added; indexing goes on"
    words = f"{video.title} is {how}: id {video.id[:ID_SHOWN]}, {video.duration_s:.1f} s."
    return Shown(Indexed(video=video, is_done=is_done), in_words(words))


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
    is_small = is_made(ref) or max(ref.height, ref.width) <= MOST_SIDE
    try:
        known = {video.id for video in desk.library.videos()}
        if not is_small or source_id(check_ref(ref)) not in known:
            raise ValueError("none of the library")
        return _jpeg(_picture(desk.library, ref)) if desk.picture is None else desk.picture(ref)
    except ValueError:
        raise Refused("no_such_picture", "There is no such picture.") from None
    except VideoError as error:
        what = f"The picture cannot be read ({type(error).__name__})."
        raise Refused("unreadable_video", what) from error


# Inside


class _ById(ToolContext):
    """A context in which videos are called by the beginning of their ids, as clients know them."""

    def handle(self, video_id: str) -> str:
        return video_id[:ID_SHOWN]


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
        videos=tuple(video_told(desk, video) for video in known if video.id in concerned),
        evidence=tuple(piece_told(piece) for piece in seen.evidence),
        cost=seen.cost,
    )
    return Shown(result, seen.parts, pixels)


def _picture(library: Library, ref: FrameRef) -> NDArray[np.uint8]:
    if not is_made(ref):
        return library.picture(ref)
    with library.open(source_id(ref)) as video:
        return make_again(ref, lambda _, times_s, side: video.frames_at(times_s, max_side=side))


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
