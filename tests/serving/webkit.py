"""A real WebKit, driven by classic WebDriver: WebKitGTK's own browser, on a screen nobody sees.

https://www.w3.org/TR/webdriver2. It tells nothing of the console, so what goes wrong is collected
in the page, from when it is loaded on. Its wheel knows no keys: Ctrl and the wheel cannot be tried.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest

from tests.serving.webdriver import DrivenPage

DRIVER, XVFB = shutil.which("WebKitWebDriver") or "", shutil.which("Xvfb") or ""
BROWSERS = sorted(Path("/usr").glob("lib/*/webkit2gtk-4.*/MiniBrowser"))
_BAR = 38  # pixels of the window above the page
_HEAR = """void (() => {
  const hear = (...words) => problems.push(words.join(" "));
  Object.assign(window, { problems: [] });
  Object.assign(console, { error: hear, warn: hear });
  addEventListener("error", ({ message, target }) => hear(message ?? target.outerHTML), true);
  addEventListener("unhandledrejection", ({ reason }) => hear(reason));
})()"""
_ASKED = "performance.getEntriesByType('resource').map(({ name }) => name)"


class WebKit(DrivenPage):
    """Skips the test where there is none."""

    def __init__(self) -> None:
        if not (DRIVER and XVFB and BROWSERS):
            pytest.skip("WebKitWebDriver, the browser of WebKitGTK or Xvfb is not installed")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            screen = self._start(stack, XVFB, "-displayfd", "1", "-screen", "0", "1600x1200x24")
            assert screen.stdout is not None
            display = f":{screen.stdout.readline().decode().strip()}"
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            driver = self._start(stack, DRIVER, f"--port={port}", DISPLAY=display)
            self._client = stack.enter_context(
                httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120)
            )
            self._open(driver)
            stack.callback(self._say, "DELETE", "")
            self._end = stack.pop_all()
        self._say("POST", "/window/rect", width=1440, height=900 + _BAR)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def _start(self, stack: ExitStack, *command: str, **more: str) -> subprocess.Popen[bytes]:
        process = stack.enter_context(
            subprocess.Popen(
                command,
                env=os.environ | more,
                stdout=subprocess.PIPE if command[0] == XVFB else subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        stack.callback(process.terminate)
        return process

    def _open(self, driver: subprocess.Popen[bytes]) -> None:
        options = {"binary": str(BROWSERS[-1]), "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        self._session = "/session"
        while True:
            try:
                made = self._say("POST", "", capabilities=wanted)
                break
            except httpx.ConnectError:
                assert driver.poll() is None, "WebKitWebDriver has ended"
                time.sleep(0.1)
        self._session += f"/{made['sessionId']}"

    def _say(self, method: str, path: str, **body: Any) -> Any:
        content = body if method == "POST" else None
        reply = self._client.request(method, self._session + path, json=content)
        assert reply.is_success, reply.text
        return reply.json()["value"]

    def goto(self, url: str) -> None:
        """Load a page."""
        self._say("POST", "/url", url=url)
        self.js(_HEAR)

    def js(self, expression: str) -> Any:
        """The value of an expression, which is plain or JSON."""
        return self._say("POST", "/execute/sync", script=f"return {expression}", args=[])

    def act(self, source: dict[str, Any]) -> None:
        """What one hand does, on the keys or with the mouse."""
        self._say("POST", "/actions", actions=[source])

    def check(self) -> None:
        """See that nothing went wrong, and that every request stayed on this machine."""
        assert self.js("window.problems") == []
        assert {urlsplit(url).hostname for url in self.js(_ASKED)} == {"127.0.0.1"}
