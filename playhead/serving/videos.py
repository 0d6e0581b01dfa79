"""The videos of the library: what they are, how far they are indexed, adding, forgetting."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from playhead.core.evidence import Kind
from playhead.core.span import Span
from playhead.memory.library import Library
from playhead.memory.units import GLIMPSE, Tier, units
from playhead.memory.videos import LibraryVideo
from playhead.serving.errors import RESPONSES, Refused
from playhead.serving.house import House, HouseOf

router = APIRouter(prefix="/api/videos", tags=["videos"], responses=RESPONSES)

_PLAYED = {"h264", "vp8", "vp9", "av1"}
_PERHAPS_PLAYED = {"hevc", "theora"}
_WEBM = {"vp8", "vp9", "av1"}
_HEARD = {None, "aac", "mp3", "opus", "vorbis", "flac"}
_SAME_S = 0.02
_MOST_LINES = 5000
Title = Annotated[str, Field(min_length=1, max_length=200)]


class IndexView(BaseModel):
    """How far a video is indexed."""

    state: Literal["indexing", "ready", "problems"]
    share: float
    tiers: dict[str, float]
    """By tier, 0 to 1."""
    problems: list[str]


class ProxyView(BaseModel):
    """How far a copy for browsers has come."""

    state: Literal["none", "making", "ready", "failed"]
    share: float
    url: str


class MediaView(BaseModel):
    """Where a player finds a video."""

    url: str
    type: str
    plays: Literal["probably", "maybe", "no"]
    """Whether a browser can play it as it is."""
    proxy: ProxyView


class VideoView(BaseModel):
    """A video of the library."""

    id: str
    title: str
    duration_s: float
    fps: float | None
    width: int
    height: int
    has_audio: bool
    codec: str
    audio_codec: str | None
    num_bytes: int
    started_at: datetime | None
    camera: str | None
    file: Literal["there", "gone"]
    index: IndexView
    coverage: dict[str, float]
    media: MediaView
    sprite_url: str


class VideosView(BaseModel):
    """All videos, in the order they came."""

    videos: list[VideoView]


class Rename(BaseModel):
    """Another title."""

    title: Title


class Line(BaseModel):
    """Words at a time."""

    start: float
    end: float
    text: str
    kind: str


class Timeline(BaseModel):
    """What is known of a video, along its time."""

    duration_s: float
    shots: list[Span]
    chapters: list[Line]
    lines: list[Line]
    looked_at: list[Span]


class Transcript(BaseModel):
    """What is said."""

    lines: list[Line]


@router.get("")
def videos(house: HouseOf) -> VideosView:
    """All videos of the library."""
    return VideosView(videos=[view(house, video) for video in house.library.videos()])


@router.get("/{video_id}")
def video(house: HouseOf, video_id: str) -> VideoView:
    """One video."""
    return view(house, house.video(video_id))


@router.patch("/{video_id}")
def rename(house: HouseOf, video_id: str, wanted: Rename) -> VideoView:
    """Give a video another title."""
    house.video(video_id)
    facts = house.library.memory.videos()[video_id]
    house.library.memory.describe_video(video_id, facts | {"title": wanted.title})
    return view(house, house.video(video_id))


@router.delete("/{video_id}", status_code=204)
def remove(house: HouseOf, video_id: str) -> None:
    """Forget a video and all that was seen in it. Only a file that was uploaded goes, too."""
    found = house.video(video_id)
    house.proxies.forget(video_id)
    house.pictures.videos.forget(video_id)
    house.library.remove(video_id)
    folder = cache_of(house, video_id)
    for path in [*folder.glob("*"), *map(Path, found.paths)]:
        if path.parent in (house.uploads, folder):
            path.unlink(missing_ok=True)


@router.post(
    "/{video_id}/proxy",
    status_code=202,
    responses={200: {"model": ProxyView, "description": "It is there"}},
)
def make_proxy(house: HouseOf, video_id: str, response: Response) -> ProxyView:
    """Have a copy made that every browser plays, if there is none."""
    found = house.video(video_id)
    house.file(found)
    house.proxies.make(video_id)
    proxy = _proxy(house, video_id)
    response.status_code = 200 if proxy.state == "ready" else 202
    return proxy


@router.get("/{video_id}/timeline")
def timeline(house: HouseOf, video_id: str) -> Timeline:
    """What is known of a video, along its time."""
    found = house.video(video_id)
    library = house.library
    chapters = library.memory.entries(video_id, kind=Kind.CAPTION, level="chapter")
    return Timeline(
        duration_s=found.info.duration_s,
        shots=[shot.span for shot in library.shots(video_id)],
        chapters=[_line(e.evidence.span, e.evidence.text, Kind.CAPTION) for e in chapters],
        lines=[
            *_lines(library, video_id, Kind.SPEECH),
            *_lines(library, video_id, Kind.SCREEN_TEXT),
        ],
        looked_at=library.memory.coverage(video_id, Kind.PICTURE),
    )


@router.get("/{video_id}/transcript")
def transcript(
    house: HouseOf, video_id: str, q: Annotated[str, Query(max_length=200)] = ""
) -> Transcript:
    """What is said in a video; with `q` only the lines that hold all of its words."""
    house.video(video_id)
    words = q.casefold().split()
    lines = _lines(house.library, video_id, Kind.SPEECH)
    found = [line for line in lines if all(word in line.text.casefold() for word in words)]
    return Transcript(lines=found)


def view(house: House, found: LibraryVideo) -> VideoView:
    """A video as clients see it."""
    info, kinds = found.info, (GLIMPSE, "picture", "caption", "speech", "screen_text")
    try:
        house.file(found)
        is_there = True
    except Refused:
        is_there = False
    return VideoView(
        id=found.id,
        title=found.title,
        duration_s=info.duration_s,
        fps=float(info.fps) if info.fps else None,
        width=info.width,
        height=info.height,
        has_audio=info.has_audio,
        codec=info.codec,
        audio_codec=info.audio_codec,
        num_bytes=info.num_bytes,
        started_at=found.started_at,
        camera=found.camera,
        file="there" if is_there else "gone",
        index=_index(house.library, found),
        coverage={kind: _share(house.library, found, kind) for kind in kinds},
        media=MediaView(
            url=f"/media/{found.id}",
            type=media_type(found),
            plays=_plays(found),
            proxy=_proxy(house, found.id),
        ),
        sprite_url=f"/media/{found.id}/sprite",
    )


def media_type(found: LibraryVideo) -> str:
    """The MIME type of a video's file, as a player takes it."""
    info = found.info
    if info.container == "mov":
        return "video/mp4"
    if info.container == "matroska":
        is_webm = info.codec in _WEBM and info.audio_codec in {None, "opus", "vorbis"}
        return "video/webm" if is_webm else "video/x-matroska"
    return "application/octet-stream"


def cache_of(house: House, video_id: str) -> Path:
    """The folder of what is made from a video and may be thrown away."""
    return house.library.folder / "serving" / "videos" / video_id


def _plays(found: LibraryVideo) -> Literal["probably", "maybe", "no"]:
    info, kind = found.info, media_type(found)
    if kind == "application/octet-stream" or info.codec not in _PLAYED | _PERHAPS_PLAYED:
        return "no"
    if abs(info.start_s) > _SAME_S:  # a player counts from the container's own zero
        return "no"
    is_usual = info.codec in _PLAYED and info.audio_codec in _HEARD and kind != "video/x-matroska"
    return "probably" if is_usual else "maybe"


def _proxy(house: House, video_id: str) -> ProxyView:
    state = house.proxies.state(video_id)
    url = f"/media/{video_id}/proxy.mp4"
    return ProxyView(state=state.state, share=round(state.share, 4), url=url)


def _index(library: Library, found: LibraryVideo) -> IndexView:
    done = library.memory.done(found.id)
    seconds = {tier: [0.0, 0.0] for tier in Tier}
    for unit in units(found.info.duration_s, library.recipe):
        seconds[unit.tier][0] += unit.span.duration * (unit.name in done)
        seconds[unit.tier][1] += unit.span.duration
    total = sum(all_s for _, all_s in seconds.values())
    share = sum(done_s for done_s, _ in seconds.values()) / total
    problems = sorted({why for why in done.values() if why})
    return IndexView(
        state="indexing" if share < 1.0 else "problems" if problems else "ready",
        share=round(share, 4),
        tiers={
            tier.name.lower(): round(done_s / all_s, 4) if all_s else 1.0
            for tier, (done_s, all_s) in seconds.items()
        },
        problems=["some parts could not be read"] if problems else [],
    )


def _share(library: Library, found: LibraryVideo, kind: str) -> float:
    seen_s = sum(span.duration for span in library.memory.coverage(found.id, kind))
    return round(min(1.0, seen_s / found.info.duration_s), 4)


def _lines(library: Library, video_id: str, kind: Kind) -> list[Line]:
    entries = library.memory.entries(video_id, kind=kind)[:_MOST_LINES]
    return [_line(entry.evidence.span, entry.evidence.text, kind) for entry in entries]


def _line(span: Span, text: str, kind: Kind) -> Line:
    return Line(start=span.start, end=span.end, text=text, kind=kind)
