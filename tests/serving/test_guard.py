"""Who may ask: H3 (no address is ever fetched), H8 (Host, Origin, token) of the threat model."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import suppress

import httpx
import pytest

from tests.serving.conftest import ROOT_COMMAND, Serve
from tests.serving.served import Served

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def locked(serve: Serve) -> Served:
    return serve(token=TOKEN, hosts=["films.example"])


def status(server: Served, path: str = "/api/about", **headers: str) -> int:
    with httpx.Client(base_url=server.url) as client:
        return client.get(path, headers=headers).status_code


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", ""])
def test_a_name_that_suddenly_leads_here_is_refused(host: str, server: Served, locked: Served):
    for one in (server, locked):
        for path in ("/api/about", "/media/x", "/v1/models", "/"):
            assert status(one, path, Host=host, Authorization=f"Bearer {TOKEN}") == 403, path


def test_addresses_localhost_and_named_hosts_are_let_in(server: Served, locked: Served):
    port = server.url.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "[::1]:8000", "192.168.1.7"):
        assert status(server, Host=host) == 200, host
    assert status(locked, Host="films.example", Authorization=f"Bearer {TOKEN}") == 200
    assert status(server, Host="films.example") == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://"]
)
def test_another_page_may_not_ask(origin: str, server: Served, locked: Served):
    for one in (server, locked):
        headers = {"Origin": origin, "Authorization": f"Bearer {TOKEN}"}
        assert status(one, **headers) == 403
        body = {"question": "x"}
        with httpx.Client(base_url=one.url) as client:
            assert client.post("/api/ask", headers=headers, json=body).status_code == 403
    assert status(server, Origin=server.url) == 200
    assert status(server, **{"Sec-Fetch-Site": "cross-site"}) == 403


def test_nothing_is_told_without_the_token(locked: Served):
    paths = ["/api/about", "/api/videos", "/api/sessions", "/api/search?q=x", "/openapi.json"]
    paths += ["/media/x", "/v1/models", "/mcp/", "/media/picture?ref=x", "/api/none"]
    for path in paths:
        assert status(locked, path) == 401, path
        assert status(locked, path, Authorization="Bearer wrong") == 401, path
        assert status(locked, path, Authorization=TOKEN) == 401, path
        assert status(locked, path, Cookie=f"playhead={TOKEN}") == 401, path
    assert status(locked, Authorization=f"Bearer {TOKEN}") == 200


def test_a_browser_gets_a_cookie_for_the_token(locked: Served):
    with httpx.Client(base_url=locked.url) as client:
        assert client.post("/api/login", json={"token": "wrong"}).status_code == 401
        assert not client.cookies
        reply = client.post("/api/login", json={"token": TOKEN})
        assert reply.status_code == 204
        kept = reply.headers["set-cookie"].lower()
        assert "httponly" in kept
        assert "samesite=strict" in kept
        assert TOKEN not in kept
        assert client.get("/api/about").status_code == 200
        client.delete("/api/login")
        assert client.get("/api/about").status_code == 401


def test_the_body_of_a_request_has_an_end(server: Served):
    def endless() -> Generator[bytes]:
        for _ in range(64):
            yield b" " * 2**20

    for body in (b" " * (17 * 2**20), endless()):
        with suppress(httpx.WriteError, httpx.ReadError):  # the server need not hear it out
            assert server.client.post("/api/search", content=body).status_code == 413
    assert server.json("GET", "/api/about")["name"] == "playhead"


def test_no_error_says_what_only_the_log_may(server: Served):
    for method, path, how in (
        ("POST", "/api/search", {"content": b"{"}),
        ("POST", "/api/search", {"json": {"image": "data:image/png;base64,AAAA"}}),
        ("POST", "/api/search", {"json": {"image": "/etc/passwd"}}),
        ("POST", "/api/search", {"json": {"text": "x", "k": 10**9}}),
        ("GET", "/media/picture?ref={}", {}),
        ("GET", "/api/none", {}),
        ("DELETE", "/api/about", {}),
    ):
        reply = server.client.request(method, path, **how)
        assert 400 <= reply.status_code < 500, (path, reply.text)
        assert set(reply.json()["error"]) == {"code", "message", "hint"}
        for secret in ("Traceback", ".py", str(server.library), "site-packages"):
            assert secret not in reply.text, path


ADDRESSES = [
    "http://{host}/film.mp4",
    "https://{host}/film.mp4",
    "HTTP://{host}/film.mp4",
    "http:\\\\{host}\\film.mp4",
    "http://user:pw@{host}/film.mp4",
    "http://{host}#@example.org/",
    "http://[::ffff:127.0.0.1]:{port}/film.mp4",
    "http://2130706433:{port}/film.mp4",
    "http://0x7f.1:{port}/film.mp4",
    "http://017700000001:{port}/film.mp4",
    "http://localhost:{port}/film.mp4",
    "http://localhost.:{port}/film.mp4",
    "//{host}/film.mp4",
    "ftp://{host}/film.mp4",
    "rtsp://{host}/film",
    "tcp://{host}",
    "udp://{host}",
    "gopher://{host}/",
    "concat:http://{host}/a|http://{host}/b",
    "subfile,,start,0,end,9,,:http://{host}/a",
    "cache:http://{host}/a",
    "crypto:http://{host}/a",
    "hls+http://{host}/a.m3u8",
    "playhead://http://{host}/film.mp4",
    "playhead://{host}",
    "data:image/png;base64,http://{host}/a.png",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
]


def test_no_address_is_ever_fetched(server: Served):
    """H3 of the threat model: nobody comes to a listener, whatever is named and wherever."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        is_over = threading.Event()

        def listen() -> None:
            while not is_over.is_set():
                with suppress(TimeoutError):
                    heard.append(listener.accept()[0].recv(100))

        thread = threading.Thread(target=listen)
        thread.start()
        port = listener.getsockname()[1]
        playlist = f"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n"
        refused = [server.client.post("/api/videos/upload?name=a.m3u8", content=playlist)]
        for spelling in ADDRESSES:
            url = spelling.format(host=f"127.0.0.1:{port}", port=port)
            refused += [
                server.client.post("/api/videos", json={"path": url}),
                server.client.post("/api/search", json={"image": url}),
                server.client.post("/api/ask", json={"question": "x", "image": url}),
                server.client.post("/api/ask", json={"question": "x", "videos": [url[:80]]}),
                *(
                    server.client.post("/v1/chat/completions", json=_chat(*part))
                    for part in (
                        ("video_url", url),
                        ("image_url", url),
                    )
                ),
            ]
        is_over.set()
        thread.join()
    assert not heard
    for reply in refused:
        assert 400 <= reply.status_code < 500, (reply.status_code, reply.text)


def _chat(kind: str, url: str) -> dict[str, object]:
    parts = [{"type": kind, kind: {"url": url}}, {"type": "text", "text": "What is seen?"}]
    return {"model": "playhead", "messages": [{"role": "user", "content": parts}]}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "token"),
        (["--host", "::"], "token"),
        (["--host", "192.168.77.1"], "token"),
        (["--host", "example.org"], "token"),
        (["--token", "short"], "16 letters"),
    ],
)
def test_a_server_that_others_can_reach_has_a_token(options: list[str], says: str, tmp_path):
    pytest.importorskip("fastapi", reason="the serve extra is not installed")
    done = subprocess.run(
        [sys.executable, "-c", ROOT_COMMAND, "serve", "--library", str(tmp_path / "l"), *options],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert not (tmp_path / "l").exists()


def test_a_small_reply_is_sent_at_once():
    """Without this the second packet of a reply waits for the acknowledgement of the first."""
    pytest.importorskip("uvicorn", reason="the serve extra is not installed")
    from playhead.serving.server import listen
    from playhead.serving.settings import ServeSettings

    seen = list[int]()

    async def accept() -> None:
        met = asyncio.Event()

        def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            seen.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()
            met.set()

        listener = listen("127.0.0.1", 0, ServeSettings())
        async with await asyncio.start_server(meet, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            await met.wait()
            writer.close()

    asyncio.run(accept())
    assert seen
    assert all(seen)
