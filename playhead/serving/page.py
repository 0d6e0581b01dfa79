"""The page: the files of `web/`, as small as they go over the wire, and never out of date.

The one idea: the files are few and small, so they are compressed once and held in memory. A browser
asks each time whether its copy is still right, so a new version is never mixed with an old one.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

WEB = Path(__file__).with_name("web")
_FIRST = "index.html"


@dataclass(frozen=True)
class _File:
    kind: str
    plain: bytes
    packed: bytes
    etag: str


def page(folder: Path = WEB) -> APIRouter:
    """Routes of the page: `/` and one for each of its files."""
    router = APIRouter(include_in_schema=False)
    for path in sorted(folder.iterdir()):
        if path.suffix in {".html", ".js", ".css", ".svg"}:
            address = "/" if path.name == _FIRST else f"/{path.name}"
            router.add_api_route(address, _sends(_read(path)), methods=["GET", "HEAD"])
    return router


def _read(path: Path) -> _File:
    plain = path.read_bytes()
    kind = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
    etag = hashlib.blake2b(plain, digest_size=12).hexdigest()
    return _File(kind or "text/plain", plain, gzip.compress(plain, mtime=0), f'"{etag}"')


def _sends(file: _File) -> Callable[[Request], Response]:
    def send(request: Request) -> Response:
        headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(file.plain, media_type=file.kind, headers=headers)
        headers["Content-Encoding"] = "gzip"
        return Response(file.packed, media_type=file.kind, headers=headers)

    return send
