"""What a person does on the page in Chromium, and what they see of it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.serving.browser import Command

PICTURE = """() => {
  const video = document.querySelector("video"), canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/png");
}"""
ORDER = """() => {
  window.order = [];
  const seen = (name) => window.order.at(-1) === name || window.order.push(name);
  new MutationObserver(() => {
    if (document.querySelector(".acts:not([hidden])")) seen("done");
    else if (document.querySelector(".call svg")) seen("gave");
    else if (document.querySelector(".call")) seen("call");
  }).observe(document.body, { childList: true, subtree: true, attributes: true });
}"""
FERRY = "Where does the ferry leave?"
_FILE = """([name, type, content]) => {
  const data = new DataTransfer(), bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  data.items.add(new File([bytes], name, { type }));
  return data;
}"""
_PASTE = """(clipboardData) => document.body.dispatchEvent(
  new ClipboardEvent("paste", { clipboardData, bubbles: true }))"""


def ask(page: Any, question: str) -> Any:
    """Ask, and wait for the end; the question's element."""
    num = page.locator(".turn").count()
    begin(page, question)
    turn = page.locator(".turn").nth(num)
    turn.locator(".acts:not([hidden])").wait_for()
    return turn


def begin(page: Any, question: str) -> None:
    """Ask."""
    page.fill("#words", question)
    page.press("#words", "Enter")


def be_looking(page: Any) -> None:
    """Ask on a page that has just been opened, and wait until two pictures were looked at."""
    page.locator(".example").first.wait_for()
    begin(page, "What is seen?")
    page.locator("#timeline .seen").nth(1).wait_for(state="attached")


def session_of(page: Any) -> str:
    """The session that the page's address names."""
    return page.url.partition("s=")[2].partition("&")[0]


def questions_of(page: Any, command: Command) -> list[dict[str, Any]]:
    """The questions of the page's session, as the server has them."""
    return command.json("GET", f"/api/sessions/{session_of(page)}")["questions"]


def wait_until(page: Any, condition: str) -> None:
    """Wait for a condition; Playwright's own way needs `eval`, which the page forbids."""
    for _ in range(2400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}")


def drop(page: Any, path: Path, kind: str) -> None:
    """Drag a file of a MIME type onto the page."""
    page.dispatch_event("body", "drop", {"dataTransfer": _data(page, path, kind)})


def paste(page: Any, path: Path, kind: str) -> None:
    """Paste a file of a MIME type."""
    page.evaluate(_PASTE, _data(page, path, kind))


def _data(page: Any, path: Path, kind: str) -> Any:
    content = base64.b64encode(path.read_bytes()).decode()
    return page.evaluate_handle(_FILE, [path.name, kind, content])


def picture_of(page: Any) -> NDArray[np.uint8]:
    """`[H, W, 3]`: the picture that the page's player shows."""
    return decoded(page.evaluate(PICTURE))


def decoded(data_url: str) -> NDArray[np.uint8]:
    """`[H, W, 3]`: the picture of a data URL."""
    content = base64.b64decode(data_url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
