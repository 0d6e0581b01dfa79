"""Who may ask at all: the checks that every request passes before anything else sees it.

    Host      an address in digits, `localhost`, or a name that was configured: a page of a stranger
              whose name suddenly leads here (DNS rebinding) sends its own name
    Origin    if there is one, it is this server's own: no other page may ask through a browser
    token     in the header, or as the cookie that `POST /api/login` gave for it
    room      for a question, before anything is done for it: a refusal must cost next to nothing
    size      of the body, counted as it comes

A server that is reached from this machine only needs no token; every other does.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playhead.serving.errors import Refused, reply
from playhead.serving.settings import ServeSettings

COOKIE = "playhead"
UPLOAD = "/api/videos/upload"

_GUARDED = ("/api", "/media", "/v1", "/mcp", "/openapi.json")
_OPEN = ("/api/login",)
_ASKING = re.compile(r"/api/sessions/([^/]+)/(?:ask|fork)|/api/ask|/v1/chat/completions")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Lets requests through to an app that may be asked."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        try:
            check_host(headers, self._settings)
            check_origin(headers, scope["scheme"])
            check_token(scope["path"], headers, self._settings)
            check_room(scope)
            counted = receive if scope["path"] == UPLOAD else self._counted(headers, receive)
        except Refused as refused:
            return await _say(refused, scope, receive, dressed)
        await self._app(scope, counted, dressed)

    def _counted(self, headers: Headers, receive: Receive) -> Receive:
        most, num = self._settings.body_bytes, 0
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > most:
            raise Refused(413, "too_large", f"a request has at most {most} bytes")

        async def counted() -> Message:
            nonlocal num
            message = await receive()
            num += len(message.get("body", b""))
            if num > most:
                raise HTTPException(413, f"a request has at most {most} bytes")
            return message

        return counted


def check_host(headers: Headers, settings: ServeSettings) -> None:
    """See that a request is meant for this server.

    Raises:
        Refused: It is not.
    """
    name = _name(headers.get("host", ""))
    if not (name == "localhost" or name in settings.hosts or _is_address(name)):
        hint = "playhead serve --allow-host NAME lets a name in"
        raise Refused(403, "wrong_host", "the server is not known by that name", hint)


def check_origin(headers: Headers, scheme: str) -> None:
    """See that no other page asks.

    Raises:
        Refused: One does.
    """
    origin = headers.get("origin")
    if origin is None:
        if headers.get("sec-fetch-site") == "cross-site":
            raise Refused(403, "wrong_origin", "another page may not ask")
        return
    if _host_of(origin) != headers.get("host", "").lower():
        raise Refused(403, "wrong_origin", "another page may not ask")


def check_token(path: str, headers: Headers, settings: ServeSettings) -> None:
    """See that whoever asks knows the token.

    Raises:
        Refused: They do not.
    """
    is_guarded = any(path == root or path.startswith(root + "/") for root in _GUARDED)
    if settings.token is None or not is_guarded or path in _OPEN:
        return
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and is_token(given.strip(), settings):
        return
    if _is_same(_cookie(headers), cookie_of(settings.token)):
        return
    hint = "send it as Authorization: Bearer TOKEN, or post it to /api/login"
    raise Refused(401, "unauthorized", "a token is needed", hint)


def check_room(scope: Scope) -> None:
    """See that a question has a place to wait, before anything is done for it.

    Raises:
        Refused: It has none, or its session is answering another.
    """
    asking = _ASKING.fullmatch(scope["path"]) if scope["method"] == "POST" else None
    if asking:
        scope["app"].state.house.questions.check_place(asking[1])


def is_token(given: str, settings: ServeSettings) -> bool:
    """Whether somebody knows the token."""
    return settings.token is not None and _is_same(given, settings.token)


def cookie_of(token: str) -> str:
    """What the cookie of somebody who knows the token holds: not the token."""
    return hmac.new(token.encode(), b"playhead cookie", hashlib.sha256).hexdigest()


def _host_of(origin: str) -> str:
    """Host and port of an origin, in small letters; empty if it has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _say(refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    said = reply(refused.status, refused.body, retry_after=refused.retry_after)
    await said(scope, receive, send)
