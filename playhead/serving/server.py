"""Running an app: who may be listened to, and how it ends.

A server that other machines can reach has a token; without one it is not started. When it ends,
questions that are being answered get a little time; what is not done then is gone on with by the
next server.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
from typing import NoReturn

import uvicorn

from playhead.memory.library import Library
from playhead.serving.app import create_app
from playhead.serving.settings import ServeSettings

_GRACE_S = 3
_BACKLOG = 512
_SWITCH_S = 0.001
"""How long a thread that answers may keep the one that listens waiting: refusing must be fast."""


def run(library: Library, serve: ServeSettings, listener: socket.socket) -> NoReturn:
    """Serve a library until the process is told to end, and end it.

    Args:
        library: Open.
        serve: What the server is told.
        listener: From `listen`.
    """
    config = uvicorn.Config(
        create_app(library, serve),
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=30,
    )
    _greet(listener, serve)
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them again when it has ended
        signal.signal(number, lambda *_: None)
    sys.setswitchinterval(_SWITCH_S)
    uvicorn.Server(config).run(sockets=[listener])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # not waiting for the indexing at hand: it goes on the next time


def listen(host: str, port: int, serve: ServeSettings) -> socket.socket:
    """A socket that listens, if nobody can ask through it who should not.

    Args:
        host: The address to listen on.
        port: The port. 0: a free one.
        serve: What the server is told.

    Raises:
        ValueError: Other machines could ask, and there is no token.
        OSError: The address cannot be listened on.
    """
    if serve.token is None and not _is_here(host):
        raise ValueError(
            f"other machines can reach {host!r}: give a token with --token or PLAYHEAD_TOKEN"
        )
    if serve.token is not None and len(serve.token) < 16:
        raise ValueError("a token has 16 letters or more: openssl rand -hex 16 makes one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; else small replies take 40 ms more
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _greet(listener: socket.socket, serve: ServeSettings) -> None:
    host, port = listener.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    secret = f"/#token={serve.token}" if serve.token else ""
    print(f"playhead serves at http://{name}:{port}{secret}", flush=True)  # noqa: T201
