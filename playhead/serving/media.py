"""What a player and a page show: the file itself in ranges of bytes, copies, single pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ValidationError

from playhead.core.media import FrameRef
from playhead.serving.errors import RESPONSES, Refused
from playhead.serving.house import House, HouseOf
from playhead.serving.videos import cache_of, media_type
from playhead.tools import made

_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "A picture"}
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"video/*": {}}, "description": "All of it"},
    206: {"content": {"video/*": {}}, "description": "The ranges that were asked for"},
    416: {"content": {"text/plain": {}}, "description": "No such range"},
}

router = APIRouter(prefix="/media", tags=["media"], responses=RESPONSES)


class SpriteView(BaseModel):
    """Pictures all over a video in one file. Cell i is at `i % columns * step_x` and
    `i // columns * step_y` pixels."""

    url: str
    times_s: list[float]
    columns: int
    cell_width: int
    cell_height: int
    step_x: int
    step_y: int


@router.get("/picture", response_class=Response, responses=_PICTURE)
def picture(
    house: HouseOf, request: Request, ref: Annotated[str, Query(max_length=4000)]
) -> Response:
    """A picture that a record refers to."""
    try:
        named = FrameRef.from_json(ref)
    except ValidationError:
        raise Refused(422, "bad_request", "ref is a reference to a picture, as JSON") from None
    _check_known(house, named)
    return _jpeg(request, ref, lambda: house.pictures.picture(named))


@router.get("/{video_id}", response_class=FileResponse, responses=_FILE)
def media(house: HouseOf, video_id: str) -> FileResponse:
    """The file of a video, all of it or ranges of bytes."""
    found = house.video(video_id)
    return _file(house.file(found), media_type(found), found.id)


@router.get("/{video_id}/proxy.mp4", response_class=FileResponse, responses=_FILE)
def proxy(house: HouseOf, video_id: str) -> FileResponse:
    """The copy of a video that every browser plays, all of it or ranges of bytes."""
    found = house.video(video_id)
    path = house.proxies.path(found.id)
    if not path.exists():
        hint = f"POST /api/videos/{found.id}/proxy has one made"
        raise Refused(404, "no_proxy", "there is no copy of this video yet", hint)
    return _file(path, "video/mp4", f"{found.id}-{path.stat().st_mtime_ns}")


@router.get("/{video_id}/thumb/{time_s}.jpg", response_class=Response, responses=_PICTURE)
def thumb(
    house: HouseOf,
    request: Request,
    video_id: str,
    time_s: float,
    h: Annotated[int, Query(ge=32, le=720)] = 180,
) -> Response:
    """The picture on screen at a time, about so many pixels high."""
    found = house.video(video_id)
    if not 0 <= time_s < float("inf"):
        raise Refused(422, "no_such_time", "a time is a number of seconds, 0 or more")
    name = f"{found.id} {time_s} {h}"
    return _jpeg(request, name, lambda: house.pictures.thumb(found.id, time_s, h))


@router.get("/{video_id}/sprite")
def sprite(house: HouseOf, video_id: str) -> SpriteView:
    """Where the cells of the sprite are; it is made at the first time."""
    found = house.video(video_id)
    facts = house.pictures.sprite(found.id, cache_of(house, found.id))
    return SpriteView(url=f"/media/{found.id}/sprite.jpg", **facts)


@router.get("/{video_id}/sprite.jpg", response_class=FileResponse, responses=_PICTURE)
def sprite_picture(house: HouseOf, video_id: str) -> FileResponse:
    """The sprite."""
    found = house.video(video_id)
    folder = cache_of(house, found.id)
    house.pictures.sprite(found.id, folder)
    return _file(folder / "sprite.jpg", "image/jpeg", found.id)


router.add_api_route("/{video_id}", media, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/{video_id}/proxy.mp4", proxy, methods=["HEAD"], include_in_schema=False)

_FOR_EVER = "private, max-age=31536000, immutable"  # an id names the content


def _file(path: Path, kind: str, name: str) -> FileResponse:
    headers = {"ETag": _etag(name), "Cache-Control": _FOR_EVER}
    return FileResponse(path, media_type=kind, headers=headers)


def _jpeg(request: Request, name: str, make: Callable[[], bytes]) -> Response:
    headers = {"ETag": _etag(name), "Cache-Control": _FOR_EVER}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(make(), media_type="image/jpeg", headers=headers)


def _etag(name: str) -> str:
    return f'"{hashlib.blake2b(name.encode(), digest_size=12).hexdigest()}"'


def _check_known(house: House, ref: FrameRef) -> None:
    """See that a reference is to a video of the library, or to a picture of a question.

    Raises:
        Refused: It is not.
    """
    if not ref.video_id.startswith("image:"):
        house.video(made.source_id(ref))
    elif house.store.picture(ref.video_id) is None:
        raise Refused(404, "not_found", "no such picture")
