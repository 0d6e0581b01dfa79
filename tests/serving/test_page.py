"""The page in a real browser: asking a video, and seeing the seconds that prove the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from playhead.video.synthetic import ClockVideo, read_clock
from tests.serving.browser import Browser, Command
from tests.serving.hands import (
    FERRY,
    ORDER,
    ask,
    be_looking,
    decoded,
    drop,
    paste,
    picture_of,
    questions_of,
    wait_until,
)

pytestmark = pytest.mark.slow

_FIRST_PICTURE = """() => {
  const video = document.querySelector("video"), canvas = document.createElement("canvas");
  window.shown = [];
  video.addEventListener("seeked", () => {
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    window.shown.push(canvas.toDataURL("image/png"));
  }, { once: true });
}"""
_PROGRESS = """() => new MutationObserver(() => {
  if (document.querySelector(".upload progress")) window.hadProgress = true;
}).observe(document.body, { childList: true, subtree: true })"""


def test_a_real_video_is_dropped_in_and_asked(
    browser: Browser, command: Command, real_videos: Path
):
    with browser.page(command.url) as page:
        page.locator("#about", has_text="Playhead").wait_for()
        page.evaluate(_PROGRESS)
        drop(page, real_videos / "webb.mp4", "video/mp4")
        page.get_by_role("heading", name="webb.mp4").wait_for()
        assert page.evaluate("window.hadProgress")
        page.locator(".example").first.wait_for()
        turn = ask(page, "Where is the cleanroom?")
        assert "Greenbelt" in turn.locator(".answer").inner_text()
        assert page.locator("#evidence .card").count() >= 1
        assert page.locator("#timeline .evidence .bar").count() >= 1
        wait_until(page, "document.querySelector('video').readyState >= 2")


def test_steps_are_seen_before_the_answer(browser: Browser, address: str):
    with browser.page(address) as page:
        page.locator(".example").first.wait_for()
        page.evaluate(ORDER)
        turn = ask(page, FERRY)
        assert page.evaluate("window.order")[-2:] == ["gave", "done"]
        assert turn.locator(".call code").first.inner_text(timeout=0) is not None
        turn.locator(".work > summary").click()
        turn.locator(".call > summary").first.click()
        assert turn.locator(".call-body").first.is_visible()
        assert turn.locator(".found").first.is_visible()
        assert page.locator("#timeline .looked .bar").count() >= 1
        assert "s" in page.locator("#cost").inner_text()


def test_pictures_that_are_looked_at_are_seen_live_and_a_question_is_stopped(
    browser: Browser, serve: Any
):
    slow = serve(slow=[60, 0.2])
    with browser.page(f"{slow.url}/#v={slow.videos()['clock.mp4']}") as page:
        be_looking(page)
        assert page.locator(".acts:not([hidden])").count() == 0
        page.get_by_role("button", name="Stop, and take the best answer so far").click()
        page.locator(".acts:not([hidden])").wait_for()
        assert "Stopped" in page.locator(".work > summary").inner_text()
        assert page.locator("#timeline .seen").count() < 60
        page.locator(".work > summary").click()
        page.locator(".call > summary").first.click()
        assert page.locator(".strip img").first.is_visible()


def test_evidence_is_played_from_its_first_picture_to_its_last(
    browser: Browser, address: str, film: ClockVideo
):
    with browser.page(address) as page:
        page.locator(".film i").first.wait_for()
        ask(page, FERRY)
        page.evaluate(_FIRST_PICTURE)
        page.locator("#evidence .card").first.click()
        wait_until(page, "window.shown.length > 0")
        assert read_clock(decoded(page.evaluate("window.shown[0]"))) == film.index_at(6.0)
        wait_until(page, "document.querySelector('video').paused")
        wait_until(page, "!document.querySelector('video').seeking")
        assert read_clock(picture_of(page)) == film.index_at(8.4 - 0.01)


@pytest.mark.parametrize("time_s", [0.0, 3.44, 6.0, 11.9])
def test_a_link_shows_the_very_picture(
    browser: Browser, command: Command, ferry: str, film: ClockVideo, time_s: float
):
    with browser.page(f"{command.url}/#v={ferry}&t={time_s}") as page:
        wait_until(page, "document.querySelector('video').readyState >= 2")
        wait_until(page, f"Math.abs(document.querySelector('video').currentTime - {time_s}) < .01")
        wait_until(page, "!document.querySelector('video').seeking")
        assert read_clock(picture_of(page)) == film.index_at(time_s)


def test_keys_move_the_playhead_and_a_span_can_be_asked_about(
    browser: Browser, address: str, command: Command
):
    with browser.page(address) as page:
        page.locator(".film i").first.wait_for()
        wait_until(page, "document.querySelector('video').readyState >= 2")
        page.locator(".film").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("i")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("o")
        assert page.locator("#attached .chip").inner_text() == "About 0:05.0\u20130:10.0"
        ask(page, "What is said here?")
        within = questions_of(page, command)[0]["within"]
        assert within["start"] == pytest.approx(5, abs=0.02)
        assert within["end"] == pytest.approx(10, abs=0.02)
        assert page.locator("#attached .chip").count() == 0
        page.locator(".film").focus()
        page.keyboard.press(" ")
        wait_until(page, "!document.querySelector('video').paused")
        page.keyboard.press(" ")
        wait_until(page, "document.querySelector('video').paused")


def test_a_pasted_picture_is_looked_for(
    browser: Browser, address: str, command: Command, ferry: str, tmp_path: Path
):
    thumb = httpx.get(f"{command.url}/media/{ferry}/thumb/9.0.jpg?h=180")
    (tmp_path / "seen.jpg").write_bytes(thumb.content)
    with browser.page(address) as page:
        page.locator(".film i").first.wait_for()
        paste(page, tmp_path / "seen.jpg", "image/jpeg")
        page.get_by_role("button", name="Find this picture").click()
        page.locator("#hits .card").first.wait_for()


TIMES = {
    "moves at 0:06.0-0:21.0.": [[6, 21]],
    "from 0:05 to 0:07, then 1:02:03": [[5, 7], [3723, None]],
    "0:09-0:02": [[9, None]],
    "a 16:9 picture, 4:3 before": [],
}


def test_times_in_an_answer_can_be_pressed(browser: Browser, command: Command):
    with browser.page(command.url) as page:
        for text, spans in TIMES.items():
            parts = page.evaluate(
                "text => import('/clock.js').then(clock => clock.withTimes(text))", text
            )
            assert "".join(part["text"] for part in parts) == text
            found = [[part["span"]["start"], part["span"]["end"]] for part in parts if part["span"]]
            assert found == spans


def test_words_are_looked_for(browser: Browser, address: str):
    with browser.page(address) as page:
        page.locator(".film i").first.wait_for()
        page.fill("#query", "northern quay")
        page.press("#query", "Enter")
        page.locator("#timeline .hit").first.wait_for()
        assert "northern quay" in page.locator("#hits .card").first.inner_text()


def test_what_people_and_videos_say_never_becomes_markup(
    browser: Browser, address: str, command: Command, ferry: str
):
    bad = "<img src=x onerror=\"document.title='owned'\"><script>1</script>"
    command.json("PATCH", f"/api/videos/{ferry}", {"title": bad})
    with browser.page(address) as page:
        page.locator(".film i").first.wait_for()
        ask(page, bad)
        assert page.locator("#title").inner_text() == bad
        assert bad in page.locator(".asked").inner_text()
        assert page.locator("img[src='x']").count() == 0
        assert "owned" not in page.evaluate("document.title").partition("onerror")[0]
    command.json("PATCH", f"/api/videos/{ferry}", {"title": "ferry.mp4"})
