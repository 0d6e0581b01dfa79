"""Adding videos: a file under a root of the server, or one that is sent along.

The one idea: what comes from outside is written to a name that we made up, counted while it is
written, and kept only if it is a video. A path is followed through all links before it is compared
with the roots, and what it leads to is what is added.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path, PurePath
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from playhead.memory.videos import VIDEO_SUFFIXES
from playhead.serving.errors import RESPONSES, Refused
from playhead.serving.house import House, HouseOf
from playhead.serving.videos import Title, VideoView, view

router = APIRouter(prefix="/api/videos", tags=["videos"], responses=RESPONSES)


class AddPath(BaseModel):
    """A file on the server."""

    path: Annotated[str, Field(min_length=1, max_length=4096)]
    title: Title | None = None


@router.post("", status_code=201)
def add_path(house: HouseOf, wanted: AddPath) -> VideoView:
    """Add a file that lies under one of the server's roots, and begin to index it."""
    path = _under_roots(wanted.path, house.settings.roots)
    id_ = house.library.add(path, title=wanted.title)
    return view(house, house.video(id_))


@router.post(
    "/upload",
    status_code=201,
    responses={200: {"model": VideoView, "description": "The library had it already"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def upload(
    house: HouseOf,
    request: Request,
    response: Response,
    name: Annotated[str, Query(min_length=1, max_length=200)],
    title: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
) -> VideoView:
    """Add a file that is sent along: the body is its bytes. They are written as they come."""
    place = await run_in_threadpool(_place, house, name, request.headers.get("content-length"))
    try:
        digest = await _receive(request.stream(), place, house.settings.upload_bytes)
        added, is_new = await run_in_threadpool(
            _add_upload, house, place, digest, title or PurePath(name).name or name
        )
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    response.status_code = 201 if is_new else 200
    return added


def _under_roots(name: str, roots: tuple[Path, ...]) -> Path:
    """The real path of a file that lies under a root; links are followed before it is looked at.

    Raises:
        Refused: It does not, or there is no file.
    """
    outside = Refused(
        403, "outside_roots", "not under a root of this server", "playhead serve --root FOLDER"
    )
    try:
        path = Path(os.path.realpath(name))
        is_under = any(path.is_relative_to(os.path.realpath(root)) for root in roots)
        if "\0" in name or not Path(name).is_absolute() or not is_under:
            raise outside
        if not path.is_file():
            raise Refused(404, "not_found", "no such file")
    except (ValueError, OSError):
        raise outside from None
    return path


def _place(house: House, name: str, declared: str | None) -> Path:
    """A new file for an upload, if there is place for it."""
    folder, settings = house.uploads, house.settings
    folder.mkdir(exist_ok=True)
    num_bytes = int(declared) if declared and declared.isdecimal() else 0
    held = sum(file.stat().st_size for file in folder.iterdir())
    if num_bytes > settings.upload_bytes or held + num_bytes > settings.quota_bytes:
        raise Refused(413, "too_large", "the upload is over the quota", "forget a video first")
    suffix = PurePath(name).suffix.lower()
    return folder / (secrets.token_hex(16) + (suffix if suffix in VIDEO_SUFFIXES else ".video"))


async def _receive(blocks: AsyncIterator[bytes], place: Path, most_bytes: int) -> str:
    """Write what comes, and name its content as the library will."""
    digest, num_bytes = hashlib.sha256(), 0
    with place.open("xb") as file:

        def keep(block: bytes) -> None:
            file.write(block)
            digest.update(block)

        async for block in blocks:
            num_bytes += len(block)
            if num_bytes > most_bytes:
                raise Refused(413, "too_large", f"an upload has at most {most_bytes} bytes")
            await run_in_threadpool(keep, block)
    return digest.hexdigest()[:32]


def _add_upload(house: House, place: Path, digest: str, title: str) -> tuple[VideoView, bool]:
    """Add an uploaded file, unless the library has a file of that content; whether it is new."""
    known = house.library.memory.videos().get(digest)
    if known:
        found = house.video(digest)
        try:
            house.file(found)
            place.unlink()
            return view(house, found), False
        except Refused:
            pass  # its file is gone: this one takes its place
    id_ = house.library.add(place, title=title)
    return view(house, house.video(id_)), not known
