"""Fetching: only what was allowed, only to where the name led, whole or not at all."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from playhead.core.errors import FetchFailed, NotAFile, TooLarge
from playhead.video.fetch import fetch_video

BODY = bytes(range(256)) * 400


class Server(ThreadingHTTPServer):
    """An https server on this machine that counts who comes."""

    daemon_threads = True
    seen: list[str]
    trust: ssl.SSLContext

    def url(self, path: str, host: str = "localhost") -> str:
        return f"https://{host}:{self.server_address[1]}{path}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "https://169.254.169.254/")
            self.end_headers()
            return
        self.send_response(200)
        if self.path != "/endless":
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[:1000] if self.path == "/short" else BODY)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    authority = trustme.CA()
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(own)
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = own.wrap_socket(server.socket, server_side=True)
    server.seen = []
    server.trust = ssl.create_default_context()
    authority.configure_trust(server.trust)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_an_allowed_host_gives_the_file_whole(server: Server, tmp_path: Path):
    path = fetch_video(
        server.url("/film.mp4"),
        tmp_path / "film.mp4",
        hosts=["localhost"],
        allow_private=True,
        context=server.trust,
    )
    assert path.read_bytes() == BODY
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("path", "limits", "error", "words"),
    [
        ("/moved", {}, FetchFailed, "302 .redirects are not followed"),
        ("/short", {}, FetchFailed, "IncompleteRead|stopped after"),
        ("/film.mp4", {"max_bytes": 1000}, TooLarge, "max_bytes"),
        ("/endless", {"max_bytes": 1000}, TooLarge, "max_bytes"),
        ("/film.mp4", {"max_s": 0.0}, FetchFailed, "slow|did not give"),
    ],
)
def test_what_is_not_a_whole_file_leaves_nothing(server, tmp_path, path, limits, error, words):
    with pytest.raises(error, match=words):
        fetch_video(
            server.url(path),
            tmp_path / "film.mp4",
            hosts=["localhost"],
            allow_private=True,
            context=server.trust,
            **limits,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://0177.0.0.1/x",
        "https://2130706433/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest",
        "https://0.0.0.0/x",
    ],
)
def test_no_spelling_of_a_private_address_is_connected_to(url, tmp_path, monkeypatch):
    calls: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: calls.append(a))
    hosts = [url.split("/")[2].strip("[]")]
    with pytest.raises(FetchFailed, match=r"private network|no address"):
        fetch_video(url, tmp_path / "x", hosts=hosts)
    assert calls == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "https:///x",
        "https://user@example.org/x",
        "https://example.org:99999/x",
        "https://example.org\\@evil.example/x",
        "https://example.org/x y",
        "https://example.org/\r\nHost: evil",
        "example.org/x",
    ],
)
def test_an_address_that_can_be_read_two_ways_is_refused(url: str, tmp_path: Path):
    with pytest.raises(NotAFile):
        fetch_video(url, tmp_path / "x", hosts=["example.org"])


def test_a_host_that_was_not_named_is_not_asked(server: Server, tmp_path: Path):
    before = list(server.seen)
    with pytest.raises(FetchFailed, match="not among the hosts"):
        fetch_video(server.url("/film.mp4"), tmp_path / "x", hosts=["example.org"])
    assert server.seen == before


def test_a_certificate_of_nobody_is_refused(server: Server, tmp_path: Path):
    with pytest.raises(FetchFailed, match="SSLCertVerificationError"):
        fetch_video(
            server.url("/film.mp4"), tmp_path / "x", hosts=["localhost"], allow_private=True
        )
