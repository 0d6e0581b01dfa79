"""A real Firefox, driven by WebDriver BiDi, which it speaks itself: no driver between.

https://www.w3.org/TR/webdriver-bidi
"""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from tests.serving.webdriver import DrivenPage

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox") or ""
_SETTINGS = {"media.autoplay.default": 0, "app.update.enabled": False}


class Firefox(DrivenPage):
    """One page of a Firefox that has never been here; skips the test where there is none."""

    def __init__(self, profile: Path) -> None:
        self._connect = pytest.importorskip("websockets.sync.client").connect
        if not FIREFOX:
            pytest.skip("firefox is not installed")
        told = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _SETTINGS.items()]
        (profile / "user.js").write_text("\n".join(told))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [
                *(FIREFOX, "--headless", "--no-remote", "--profile", str(profile)),
                *("--remote-debugging-port", str(self._port), "about:blank"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._numbers = itertools.count(1)
        self.problems: list[str] = []
        self.hosts: set[str | None] = set()

    def __enter__(self) -> Self:
        while True:
            try:
                self._socket = self._connect(
                    f"ws://127.0.0.1:{self._port}/session", max_size=2**26, legacy=True
                )
                break
            except OSError:
                assert self._process.poll() is None, "firefox has ended"
                time.sleep(0.1)
        self.say("session.new", capabilities={})
        self.say("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self._page = self.say("browsingContext.getTree")["contexts"][0]["context"]
        self.say(
            "browsingContext.setViewport",
            context=self._page,
            viewport={"width": 1440, "height": 900},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(30)

    def say(self, method: str, **params: Any) -> Any:
        """A command, and what it gives."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (told := json.loads(self._socket.recv())).get("id") != number:
            self._hear(told)
        assert told["type"] == "success", told
        return told["result"]

    def goto(self, url: str) -> None:
        """Load a page."""
        self.say("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def js(self, expression: str) -> Any:
        """The value of an expression, which is plain or JSON."""
        told = self.say(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._page},
            awaitPromise=True,
        )
        assert told["type"] == "success", told
        return json.loads(told["result"].get("value", "null"))

    def act(self, source: dict[str, Any]) -> None:
        """What one hand does, on the keys or with the mouse."""
        self.say("input.performActions", context=self._page, actions=[source])

    def check(self) -> None:
        """See that nothing went wrong, and that every request stayed on this machine."""
        problems, hosts = self.problems, self.hosts
        self.problems, self.hosts = [], set()
        assert not problems, problems
        assert hosts <= {"127.0.0.1", None}, hosts  # None: data: and blob: are no requests

    def _hear(self, told: dict[str, Any]) -> None:
        params = told.get("params", {})
        if told.get("method") == "log.entryAdded" and params["level"] in ("warn", "error"):
            self.problems.append(str(params.get("text")))
        elif told.get("method") == "network.beforeRequestSent":
            self.hosts.add(urlsplit(params["request"]["url"]).hostname)
