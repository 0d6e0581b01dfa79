"""The page for hosts that show one, in a real browser, with a host that speaks MCP Apps."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
PAGE = files("playhead.serving").joinpath("mcp_app.html").read_text()
PIXEL = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

HOST = """
<!doctype html><meta charset="utf-8"><iframe srcdoc="PAGE"></iframe><pre></pre>
<script>
const heard = [];
const frame = document.querySelector("iframe");
const send = (message) => frame.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
const result = RESULT;
addEventListener("message", ({ source, data }) => {
  if (source !== frame.contentWindow) return;
  heard.push(data);
  const { id, method } = data;
  if (method === "ui/initialize") send({ id, result: { hostContext: { theme: "dark" } } });
  if (method === "ui/notifications/initialized") {
    send({ method: "ui/notifications/tool-input", params: { arguments: {} } });
    send({ method: "ui/notifications/tool-result", params: result });
    setTimeout(() => frame.contentDocument.querySelector("button")?.click(), 100);
  }
  const picture = { type: "image", mimeType: "image/gif", data: "PIXEL" };
  if (method === "tools/call") send({ id, result: { content: [picture] } });
  setTimeout(report, 500);
});
function report() {
  const inside = frame.contentDocument;
  document.querySelector("pre").textContent = JSON.stringify({
    heard,
    theme: inside.documentElement.style.colorScheme,
    said: inside.querySelector("#said").textContent,
    titles: [...inside.querySelectorAll("h2")].map((title) => title.textContent),
    bars: [...inside.querySelectorAll("button")].map((bar) => [bar.title, bar.style.cssText]),
    picture: inside.querySelector("img").src,
    scripts: inside.querySelectorAll("script").length,
  });
}
</script>
"""

VIDEO = {"id": "a" * 32, "title": "<script>alert(1)</script> Bridge", "duration_s": 20.0}
PIECE = {
    "id": "e1",
    "video": VIDEO["id"],
    "start_s": 5.0,
    "end_s": 10.0,
    "kind": "speech",
    "text": "<b>under</b> the bridge",
    "score": None,
    "frames": [],
}
RESULT = {
    "content": [],
    "isError": False,
    "structuredContent": {"text": "Under it.", "videos": [VIDEO], "evidence": [PIECE]},
}


def shown(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """What the page shows, and what it has said to its host."""
    if BROWSER is None:
        pytest.skip("no Chromium here")
    told = json.dumps(result).replace("<", "\\u003c")
    page = HOST.replace("RESULT", told).replace("PAGE", html.escape(PAGE)).replace("PIXEL", PIXEL)
    (folder / "host.html").write_text(page)
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000",
        f"--user-data-dir={folder / 'profile'}", "--dump-dom", (folder / "host.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    (found,) = re.findall(r"<pre>(.*?)</pre>", done.stdout, re.S)
    return json.loads(html.unescape(found))


def test_it_draws_a_lane_for_each_video_and_shows_the_picture_of_a_span(tmp_path: Path):
    page = shown(tmp_path, RESULT)
    assert page["theme"] == "dark"
    assert page["said"] == "Under it."
    assert page["titles"] == [VIDEO["title"]]
    assert page["scripts"] == 1, "words of a video are words"
    ((title, style),) = page["bars"]
    assert title == "0:05.0-0:10.0 speech <b>under</b> the bridge"
    assert "left: 25%" in style
    assert "width: 25%" in style
    assert page["picture"] == f"data:image/gif;base64,{PIXEL}"
    methods = [message.get("method") for message in page["heard"]]
    assert methods[:2] == ["ui/initialize", "ui/notifications/initialized"]
    (asked,) = [m["params"] for m in page["heard"] if m.get("method") == "tools/call"]
    assert asked["name"] == "get_frames"
    assert asked["arguments"] == {
        "video": VIDEO["id"],
        "start_s": 5.0,
        "end_s": 10.0,
        "num": 1,
        "inline": True,
    }
    assert set(methods) <= {
        "ui/initialize",
        "ui/notifications/initialized",
        "ui/notifications/size-changed",
        "tools/call",
    }


def test_an_error_is_said_and_nothing_is_drawn(tmp_path: Path):
    error = {"code": "no_such_video", "message": "no video 'x'.", "hint": ""}
    page = shown(tmp_path, {"content": [], "isError": True, "structuredContent": {"error": error}})
    assert page["said"] == "no video 'x'."
    assert page["bars"] == []
