"""The page in a real Firefox: the way that everybody goes, once."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from playhead.video.synthetic import read_clock, write_clock
from tests.serving.browser import PICTURE, Command, decoded
from tests.serving.firefox import ENTER, Firefox

pytestmark = pytest.mark.slow

WORDS = "1\n00:00:06,000 --> 00:00:08,400\nThe ferry leaves from the northern quay.\n"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """12 s in which every picture has its number, and one sentence is said at 6 s."""
    path = tmp_path / "film" / "ferry.mp4"
    path.parent.mkdir()
    write_clock(path, num_frames=300, height=180, width=320)
    path.with_suffix(".srt").write_text(WORDS)
    return path


def test_a_video_is_opened_asked_and_its_evidence_pressed(film: Path, tmp_path: Path):
    pytest.importorskip("fastapi", reason="the serve extra is not installed")
    profile = tmp_path / "profile"
    profile.mkdir()
    with (
        Firefox(profile) as page,
        Command(tmp_path / "library", "--root", str(film.parent)) as command,
    ):
        added = httpx.post(f"{command.url}/api/videos", json={"path": str(film)}, timeout=60)
        page.goto(f"{command.url}/#v={added.json()['id']}")
        page.until("document.querySelectorAll('#timeline .film i').length > 0")
        page.click("#words")
        page.type(f"Where does the ferry leave?{ENTER}")
        page.until(
            "document.querySelector('.acts:not([hidden])') !== null"
        )  # nothing moves any more
        assert "northern quay" in page.js("document.querySelector('.answer').innerText")
        page.click("#evidence .card")
        video = "document.querySelector('video')"
        page.until(f"{video}.paused && {video}.currentTime > 8")  # it stops at the end by itself
        page.until(f"!{video}.seeking && {video}.readyState >= 2")
        assert read_clock(decoded(page.js(f"({PICTURE})()"))) == 209
        page.js("document.activeElement.blur()")
        page.type("+")
        assert page.js("document.querySelector('.shown').style.width") == "50%"
        width = "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)"
        assert page.js(f"{width}(document.querySelector('#watch'))") == 0
        assert not page.problems
        assert page.hosts <= {"127.0.0.1", None}
