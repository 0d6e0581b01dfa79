"""The page in a real browser: asking a video, and seeing the seconds that prove the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest

from playhead.video.synthetic import ClockVideo, read_clock, write_clock
from tests.serving.browser import Browser, Command, decoded, drop, paste, picture_of

pytestmark = pytest.mark.slow

WORDS = "1\n00:00:06,000 --> 00:00:08,400\nThe ferry leaves from the northern quay.\n"
FERRY = "Where does the ferry leave?"
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
_ORDER = """() => {
  window.order = [];
  const seen = (name) => window.order.at(-1) === name || window.order.push(name);
  new MutationObserver(() => {
    if (document.querySelector(".acts:not([hidden])")) seen("done");
    else if (document.querySelector(".call svg")) seen("gave");
    else if (document.querySelector(".call")) seen("call");
  }).observe(document.body, { childList: true, subtree: true, attributes: true });
}"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> ClockVideo:
    """A film of 12 s in which every picture has its number, and one sentence is said at 6 s."""
    folder = tmp_path_factory.mktemp("film")
    clock = write_clock(
        folder / "ferry.mp4", fps=Fraction(25), num_frames=300, height=180, width=320
    )
    (folder / "ferry.srt").write_text(WORDS)
    return clock


@pytest.fixture(scope="module")
def command(film: ClockVideo, tmp_path_factory: pytest.TempPathFactory) -> Generator[Command]:
    pytest.importorskip("fastapi", reason="the serve extra is not installed")
    library = tmp_path_factory.mktemp("served") / "library"
    with Command(library, "--root", str(film.path.parent)) as running:
        yield running


@pytest.fixture(scope="module")
def ferry(command: Command, film: ClockVideo) -> str:
    """The film in the library, indexed."""
    id_ = str(_json(command, "POST", "/api/videos", {"path": str(film.path)})["id"])
    _wait_for_index(command, id_)
    return id_


def _json(command: Command, method: str, path: str, body: Any = None) -> Any:
    reply = httpx.request(method, command.url + path, json=body, timeout=60)
    assert reply.is_success, (reply.status_code, reply.text)
    return reply.json() if reply.content else None


def _wait_for_index(command: Command, id_: str) -> None:
    session = _json(command, "POST", "/api/sessions", {"videos": [id_]})["id"]
    url = _json(command, "POST", f"/api/sessions/{session}/ask", {"question": "?"})["events_url"]
    httpx.get(command.url + url, timeout=120)  # its end comes after the index is there
    _json(command, "DELETE", f"/api/sessions/{session}")


def _ask(page: Any, question: str) -> Any:
    """Ask, and wait for the end; the question's element."""
    num = page.locator(".turn").count()
    page.fill("#words", question)
    page.press("#words", "Enter")
    turn = page.locator(".turn").nth(num)
    turn.locator(".acts:not([hidden])").wait_for()
    return turn


def _wait_until(page: Any, condition: str) -> None:
    """Wait for a condition; Playwright's own way needs `eval`, which the page forbids."""
    for _ in range(2400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}")


def _asked(command: Command, page: Any) -> list[dict[str, Any]]:
    """The questions of the page's session, as the server has them."""
    session = page.url.partition("s=")[2].partition("&")[0]
    return _json(command, "GET", f"/api/sessions/{session}")["questions"]


def _ferry_page(browser: Browser, command: Command, ferry: str, **how: Any) -> Any:
    return browser.page(f"{command.url}/#v={ferry}", **how)


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
        turn = _ask(page, "Where is the cleanroom?")
        assert "Greenbelt" in turn.locator(".answer").inner_text()
        assert page.locator("#evidence .card").count() >= 1
        assert page.locator("#timeline .evidence .bar").count() >= 1
        _wait_until(page, "document.querySelector('video').readyState >= 2")


def test_the_library_is_empty_at_first(browser: Browser, tmp_path: Path):
    with Command(tmp_path / "library") as empty, browser.page(empty.url) as page:
        page.get_by_role("heading", name="Ask a video").wait_for()
        assert page.get_by_role("button", name="Choose a video").is_visible()
        assert not page.locator("#watch").is_visible()


def test_steps_are_seen_before_the_answer(browser: Browser, command: Command, ferry: str):
    with _ferry_page(browser, command, ferry) as page:
        page.locator(".example").first.wait_for()
        page.evaluate(_ORDER)
        turn = _ask(page, FERRY)
        assert page.evaluate("window.order")[-2:] == ["gave", "done"]
        assert turn.locator(".call code").first.inner_text(timeout=0) is not None
        turn.locator(".work > summary").click()
        turn.locator(".call > summary").first.click()
        assert turn.locator(".call-body").first.is_visible()
        assert turn.locator(".found").first.is_visible()
        assert page.locator("#timeline .looked .bar").count() >= 1
        assert "s" in page.locator("#cost").inner_text()


def test_evidence_is_played_from_its_first_picture_to_its_last(
    browser: Browser, command: Command, ferry: str, film: ClockVideo
):
    with _ferry_page(browser, command, ferry) as page:
        page.locator(".film i").first.wait_for()
        _ask(page, FERRY)
        page.evaluate(_FIRST_PICTURE)
        page.locator("#evidence .card").first.click()
        _wait_until(page, "window.shown.length > 0")
        assert read_clock(decoded(page.evaluate("window.shown[0]"))) == film.index_at(6.0)
        _wait_until(page, "document.querySelector('video').paused")
        _wait_until(page, "!document.querySelector('video').seeking")
        assert read_clock(picture_of(page)) == film.index_at(8.4 - 0.01)


@pytest.mark.parametrize("time_s", [0.0, 3.44, 6.0, 11.9])
def test_a_link_shows_the_very_picture(
    browser: Browser, command: Command, ferry: str, film: ClockVideo, time_s: float
):
    with browser.page(f"{command.url}/#v={ferry}&t={time_s}") as page:
        _wait_until(page, "document.querySelector('video').readyState >= 2")
        _wait_until(page, f"Math.abs(document.querySelector('video').currentTime - {time_s}) < .01")
        _wait_until(page, "!document.querySelector('video').seeking")
        assert read_clock(picture_of(page)) == film.index_at(time_s)


def test_a_shared_link_brings_questions_answers_and_the_second(
    browser: Browser, command: Command, ferry: str
):
    grants = ["clipboard-read", "clipboard-write"]
    with _ferry_page(browser, command, ferry, permissions=grants) as page:
        page.locator(".film i").first.wait_for()
        answer = _ask(page, FERRY).locator(".answer").inner_text()
        page.locator(".film").focus()
        page.keyboard.press("ArrowRight")
        page.click("#share")
        page.locator("#toast.shown").wait_for()
        link = page.evaluate("navigator.clipboard.readText()")
        assert re.search(r"#s=\w+&v=\w+&t=5\.0$", link)
    with browser.page(link) as page:
        page.locator(".acts:not([hidden])").wait_for()
        assert page.locator(".answer").inner_text() == answer
        assert page.locator("#evidence .card").count() >= 1
        _wait_until(page, "Math.abs(document.querySelector('video').currentTime - 5) < .05")


def test_a_session_goes_on_after_the_server_was_restarted(
    browser: Browser, command: Command, ferry: str
):
    with _ferry_page(browser, command, ferry) as page:
        page.locator(".film i").first.wait_for()
        answer = _ask(page, FERRY).locator(".answer").inner_text()
        command.stop()
        command.start()
        page.reload()
        page.locator(".acts:not([hidden])").wait_for()
        assert page.locator(".answer").inner_text() == answer
        _ask(page, "When was that?")
        assert [asked["number"] for asked in _asked(command, page)] == [1, 2]


def test_pictures_that_are_looked_at_are_seen_live_and_a_question_is_stopped(
    browser: Browser, serve: Any
):
    slow = serve(slow=[60, 0.2])
    with browser.page(f"{slow.url}/#v={slow.videos()['clock.mp4']}") as page:
        page.locator(".example").first.wait_for()
        page.fill("#words", "What is seen?")
        page.press("#words", "Enter")
        page.locator("#timeline .seen").nth(1).wait_for(state="attached")
        assert page.locator(".acts:not([hidden])").count() == 0
        page.get_by_role("button", name="Stop, and take the best answer so far").click()
        page.locator(".acts:not([hidden])").wait_for()
        assert "Stopped" in page.locator(".work > summary").inner_text()
        assert page.locator("#timeline .seen").count() < 60
        page.locator(".work > summary").click()
        page.locator(".call > summary").first.click()
        assert page.locator(".strip img").first.is_visible()


def test_a_question_that_the_server_died_under_goes_on(browser: Browser, serve: Any):
    slow = serve(slow=[8, 0.4])
    with browser.page(f"{slow.url}/#v={slow.videos()['clock.mp4']}") as page:
        page.locator(".example").first.wait_for()
        page.fill("#words", "What is seen?")
        page.press("#words", "Enter")
        page.locator("#timeline .seen").nth(1).wait_for(state="attached")
        session = page.url.partition("#")[2]
        browser.check()
        slow.kill()
    browser.problems.clear()  # the browser says that the connection was cut
    slow.start()
    with browser.page(f"{slow.url}/#{session}") as page:
        page.locator(".acts:not([hidden])").wait_for()
        assert "the mill" in page.locator(".answer").inner_text()
        assert page.locator(".call:not([hidden])").count() == 8


def test_keys_move_the_playhead_and_a_span_can_be_asked_about(
    browser: Browser, command: Command, ferry: str
):
    with _ferry_page(browser, command, ferry) as page:
        page.locator(".film i").first.wait_for()
        _wait_until(page, "document.querySelector('video').readyState >= 2")
        page.locator(".film").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("i")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("o")
        assert page.locator("#attached .chip").inner_text() == "About 0:05.0\u20130:10.0"
        _ask(page, "What is said here?")
        within = _asked(command, page)[0]["within"]
        assert within["start"] == pytest.approx(5, abs=0.02)
        assert within["end"] == pytest.approx(10, abs=0.02)
        assert page.locator("#attached .chip").count() == 0
        page.locator(".film").focus()
        page.keyboard.press(" ")
        _wait_until(page, "!document.querySelector('video').paused")
        page.keyboard.press(" ")
        _wait_until(page, "document.querySelector('video').paused")


def test_a_pasted_picture_is_looked_for(
    browser: Browser, command: Command, ferry: str, tmp_path: Path
):
    thumb = httpx.get(f"{command.url}/media/{ferry}/thumb/9.0.jpg?h=180")
    (tmp_path / "seen.jpg").write_bytes(thumb.content)
    with _ferry_page(browser, command, ferry) as page:
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


def test_words_are_looked_for(browser: Browser, command: Command, ferry: str):
    with _ferry_page(browser, command, ferry) as page:
        page.locator(".film i").first.wait_for()
        page.fill("#query", "northern quay")
        page.press("#query", "Enter")
        page.locator("#timeline .hit").first.wait_for()
        assert "northern quay" in page.locator("#hits .card").first.inner_text()


def test_thumbs_and_forks_reach_the_store(browser: Browser, command: Command, ferry: str):
    with _ferry_page(browser, command, ferry) as page:
        page.locator(".film i").first.wait_for()
        turn = _ask(page, FERRY)
        turn.get_by_role("button", name="Good answer").click()
        page.locator("#toast.shown").wait_for()
        turn.locator(".work > summary").click()
        turn.get_by_role("button", name="Ask again from step 1 on").click()
        assert page.input_value("#words") == FERRY
        again = _ask(page, "When does the ferry leave?")
        steps = again.locator(".step-head").all_text_contents()
        assert [words[:6] for words in steps] == [f"Step {i}" for i in range(1, len(steps) + 1)]
        assert len(steps) >= 2
        first, second = _asked(command, page)
        assert first["feedback"] == 1
        assert second["parent"] == {"number": 1, "num_kept": 1}
        assert second["question"] == "When does the ferry leave?"


def test_what_people_and_videos_say_never_becomes_markup(
    browser: Browser, command: Command, ferry: str
):
    bad = "<img src=x onerror=\"document.title='owned'\"><script>1</script>"
    _json(command, "PATCH", f"/api/videos/{ferry}", {"title": bad})
    with _ferry_page(browser, command, ferry) as page:
        page.locator(".film i").first.wait_for()
        _ask(page, bad)
        assert page.locator("#title").inner_text() == bad
        assert bad in page.locator(".asked").inner_text()
        assert page.locator("img[src='x']").count() == 0
        assert "owned" not in page.evaluate("document.title").partition("onerror")[0]
    _json(command, "PATCH", f"/api/videos/{ferry}", {"title": "ferry.mp4"})


def test_sessions_are_renamed_exported_and_deleted(browser: Browser, command: Command, ferry: str):
    with _ferry_page(browser, command, ferry) as page:
        page.locator(".film i").first.wait_for()
        _ask(page, FERRY)
        session = page.url.partition("s=")[2].partition("&")[0]
        item = page.locator(f"#sessions [data-id='{session}']")
        item.hover()
        item.locator(".icon").click()
        page.get_by_role("menuitem", name="Rename").click()
        page.fill("dialog input", "The ferry")
        page.get_by_role("button", name="Rename").click()
        item.get_by_text("The ferry").wait_for()
        item.locator(".icon").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name="Export to read").click()
        assert FERRY in Path(download.value.path()).read_text()
        item.locator(".icon").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name="Export the records").click()
        assert json.loads(Path(download.value.path()).read_text())["task"]["question"] == FERRY
        item.locator(".icon").click()
        page.get_by_role("menuitem", name="Delete").click()
        page.get_by_role("button", name="Delete").click()
        item.wait_for(state="detached")


@pytest.mark.parametrize("width", [390, 320])
def test_it_fits_a_phone(browser: Browser, command: Command, ferry: str, width: int):
    with _ferry_page(
        browser, command, ferry, width=width, height=800, has_touch=True, is_mobile=True
    ) as page:
        page.locator(".film i").first.wait_for()
        _ask(page, FERRY)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.querySelector('main').scrollWidth") <= width
        assert page.locator("#words").is_visible()
        page.click("#open-shelf")
        page.locator("#videos .pick").first.click()
        _wait_until(page, "!document.body.classList.contains('shelf-open')")


def test_dark_follows_the_system_and_can_be_chosen(browser: Browser, command: Command, ferry: str):
    paper = "getComputedStyle(document.body).backgroundColor"
    with _ferry_page(browser, command, ferry, color_scheme="dark") as page:
        page.locator(".film i").first.wait_for()
        dark = page.evaluate(paper)
        page.click("#theme")
        light = page.evaluate(paper)
        assert dark != light
        page.reload()
        page.locator(".film i").first.wait_for()
        assert page.evaluate(paper) == light


def test_everything_that_can_be_pressed_has_a_name(browser: Browser, command: Command, ferry: str):
    with _ferry_page(browser, command, ferry) as page:
        page.locator(".film i").first.wait_for()
        _ask(page, FERRY)
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("button, a, input, textarea, select, summary")]
              .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length))
              .filter((one) => one.checkVisibility()).map((one) => one.outerHTML)"""
        )
        assert unnamed == []
        assert page.evaluate("document.querySelectorAll('img:not([alt])').length") == 0


def test_a_codec_that_the_browser_lacks_is_played_from_a_copy(
    browser: Browser, command: Command, real_videos: Path
):
    with browser.page(command.url) as page:
        page.set_input_files("#files", str(real_videos / "hevc_10bit.mp4"))
        page.get_by_role("heading", name="hevc_10bit.mp4").wait_for()
        _wait_until(page, "document.querySelector('video').readyState >= 2")
        assert page.evaluate("document.querySelector('video').currentSrc").endswith("/proxy.mp4")


def test_the_token_lets_in_and_leaves_the_address(browser: Browser, tmp_path: Path):
    token = "0123456789abcdef"
    with Command(tmp_path / "library", "--token", token) as closed:
        with browser.page(closed.url) as page:
            page.get_by_role("heading", name="Ask a video").wait_for()
            assert token not in page.url
        browser.check()
        with browser.page(closed.url.partition("/#")[0]) as page:
            page.fill("dialog input", token)
            page.get_by_role("button", name="Enter").click()
            page.get_by_role("heading", name="Ask a video").wait_for()
        browser.problems.clear()  # the browser itself says that the first try was refused


def test_a_link_that_is_put_in_by_hand_leads_there(browser: Browser, command: Command, ferry: str):
    with _ferry_page(browser, command, ferry) as page:
        page.locator("#timeline .film i").first.wait_for()
        page.evaluate(f"location.hash = 'v={ferry}&t=8.2'")
        page.locator("#clock", has_text="0:08.2").wait_for()
