# ruff: noqa: E402
"""Servers that a configuration names are shown the key of the environment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

for library in ("torch", "torchvision", "trl", "datasets"):
    pytest.importorskip(library)

from playhead.core.errors import Blamed
from playhead.training.config import TrainConfig
from playhead.training.runs import run_distill
from tests.models.policies.tiny import write_tiny


@contextmanager
def closed_server() -> Iterator[tuple[str, list[str | None]]]:
    """A server that lets nobody in, and the keys that it was shown."""
    shown: list[str | None] = []

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers["Authorization"])
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(401)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1", shown
        server.shutdown()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("who", ["teacher", "engine"])
def test_a_server_is_shown_the_key(
    who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(write_tiny(tmp_path / "tiny"))
    with closed_server() as (url, shown):
        server = {"kind": "server", "base_url": url, "weights": str(tmp_path / "weights")}
        told = {"rl": {"steps": 1, "tasks_per_step": 1}}
        told |= {"teacher": url} if who == "teacher" else {"teacher": model, "engine": server}
        knobs = {"duration_ms": 60_000, "height": 180, "width": 224}
        worlds = {"families": ["needle"], "size": 1, "seed": 3, "knobs": knobs}
        config = TrainConfig.model_validate(
            {"model": model, "output": str(tmp_path / "out"), "tasks": {"worlds": worlds}, **told}
        )
        for key in (None, "sesame"):
            monkeypatch.delenv("PLAYHEAD_API_KEY", raising=False)
            if key:
                monkeypatch.setenv("PLAYHEAD_API_KEY", key)
            shown.clear()
            with pytest.raises(Blamed, match=r"API key|new weights"):
                run_distill(config)
            assert set(shown) == {f"Bearer {key}" if key else None}
