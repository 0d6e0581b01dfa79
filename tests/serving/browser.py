"""A real browser that looks at the page, and the real command that serves it.

`Browser` is headless Chromium. It keeps what went wrong in the console and where requests went, so
that every test can say that nothing did and that nothing left this machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
)


class Browser:
    """A browser; skips the test where there is none."""

    def __init__(self) -> None:
        api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
        if not CHROMIUM:
            pytest.skip("chromium is not installed")
        self._playwright = api.sync_playwright().start()
        self._chromium = self._playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(_ARGS)
        )
        self.problems: list[str] = []
        self.requests: list[str] = []

    def close(self) -> None:
        """End it."""
        self._chromium.close()
        self._playwright.stop()

    @contextmanager
    def page(self, url: str, *, width: int = 1440, height: int = 900, **how: Any) -> Generator[Any]:
        """A page of a browser that has never been here."""
        context = self._chromium.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce", **how
        )
        context.set_default_timeout(120_000)
        context.on("request", lambda request: self.requests.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._hear)
        try:
            page.goto(url)
            yield page
        finally:
            context.close()

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")

    def check(self) -> None:
        """See that nothing went wrong, and that every request stayed on this machine."""
        problems, hosts = self.problems, {urlsplit(url).hostname for url in self.requests}
        self.problems, self.requests = [], []
        assert not problems, problems
        assert hosts <= {"127.0.0.1", None}, hosts  # None: data: and blob: are no requests


class Command:
    """`playhead serve`, as a person starts it; on the same port each time."""

    def __init__(self, library: Path, *more: str) -> None:
        self.library, self._more, self._port = library, more, 0
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it says where it is."""
        options: Sequence[str] = ("--library", str(self.library), "--port", str(self._port))
        environment = {k: v for k, v in os.environ.items() if k != "OPENAI_BASE_URL"}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "playhead", "serve", *options, *self._more],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "http://" in line, line
        self.url = line.split()[-1]
        self._port = urlsplit(self.url).port or 0

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        self._process.send_signal(how)
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """What a request gives; None: nothing."""
        reply = httpx.request(method, self.url + path, json=body, timeout=60)
        assert reply.is_success, (reply.status_code, reply.text)
        return reply.json() if reply.content else None
