"""The files of the page, without a browser: small, whole, and with nothing of anybody else's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import playhead

WEB = Path(playhead.__file__).parent / "serving" / "web"
SCRIPTS = sorted(WEB.glob("*.js"))
MOST_BYTES = 60_000


def _all(*suffixes: str) -> str:
    return "\n".join(p.read_text() for p in sorted(WEB.iterdir()) if p.suffix in suffixes)


def test_nothing_is_asked_of_another_machine():
    found = re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s\"')]*", _all(".html", ".js", ".css"))
    assert set(found) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_markup_or_code_of_a_string(path: Path):
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|srcdoc|document\.write|DOMParser"
    assert re.findall(markup + r"|\beval\b|Function\(", path.read_text()) == []


def test_no_markup_has_a_script_or_a_style_in_it():
    markup = (WEB / "index.html").read_text()
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script>", markup) == []


def test_every_element_and_drawing_that_a_script_names_is_there():
    markup, scripts = (WEB / "index.html").read_text(), _all(".js")
    ids = set(re.findall(r'\bid="([\w-]+)"', markup))
    assert set(re.findall(r'\$\("([\w-]+)"\)', scripts)) <= ids
    drawn = set(re.findall(r'\bicon\("(\w+)"\)', scripts)) | set(
        re.findall(r'iconButton\("(\w+)"', scripts)
    )
    assert {f"i-{name}" for name in drawn} <= ids
    assert set(re.findall(r'href="#(i-\w+)"', markup)) <= ids


def test_every_file_that_is_named_is_there():
    named = set(re.findall(r'(?:src|href)="([\w.]+)"', (WEB / "index.html").read_text()))
    named |= set(re.findall(r'from "\./([\w.]+)"', _all(".js")))
    assert {path.name for path in WEB.iterdir()} == named | {"index.html"}


def test_it_is_small_as_it_goes_over_the_wire():
    pytest.importorskip("fastapi", reason="the serve extra is not installed")
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from playhead.serving.page import page

    app = FastAPI()
    app.include_router(page())
    client = TestClient(app)
    num_bytes = 0
    for path in WEB.iterdir():
        address = "/" if path.name == "index.html" else f"/{path.name}"
        reply = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert reply.content == path.read_bytes()
        assert reply.headers["cache-control"] == "no-cache"
        num_bytes += int(reply.headers["content-length"])
        again = client.get(address, headers={"If-None-Match": reply.headers["etag"]})
        assert again.status_code == 304
        plain = client.get(address, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == path.read_bytes()
    assert num_bytes <= MOST_BYTES
