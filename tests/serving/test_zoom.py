"""The timeline's zoom in a real browser: a few seconds of an hour are found and hit."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from fractions import Fraction
from typing import Any

import httpx
import pytest

from playhead.video.synthetic import ClockVideo, read_clock, write_clock
from tests.serving.browser import Browser, Command
from tests.serving.hands import picture_of, wait_until

pytestmark = pytest.mark.slow

HOUR_S = 3600
TO = "\N{EN DASH}"
WORDS = "1\n00:50:06,000 --> 00:50:11,000\nThe ferry leaves from the northern quay.\n"


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> ClockVideo:
    """An hour in which every second has its number, and one sentence is said at 50:06."""
    folder = tmp_path_factory.mktemp("hour")
    film = write_clock(
        folder / "hour.mp4", fps=Fraction(1), num_frames=HOUR_S, height=90, width=160
    )
    (folder / "hour.srt").write_text(WORDS)
    return film


@pytest.fixture(scope="module")
def address(hour: ClockVideo, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The page of the hour, once it is known what is said; the rest of the index goes on."""
    pytest.importorskip("fastapi", reason="the serve extra is not installed")
    library = tmp_path_factory.mktemp("served") / "library"
    with (
        Command(library, "--root", str(hour.path.parent)) as command,
        httpx.Client(base_url=command.url, timeout=60) as client,
    ):
        video = client.post("/api/videos", json={"path": str(hour.path)}).json()
        while "ferry" not in client.get(f"/api/videos/{video['id']}/timeline").text:
            time.sleep(0.5)
        yield f"{command.url}/#v={video['id']}"


@pytest.fixture
def page(browser: Browser, address: str) -> Generator[Any]:
    with browser.page(address) as opened:
        _wait(opened)
        yield opened


def _wait(page: Any) -> None:
    """Until the timeline has its pictures."""
    page.locator("#timeline .film i").first.wait_for()


def _box(page: Any, what: str) -> dict[str, float]:
    return page.locator(f"#timeline {what}").bounding_box()


def _at(page: Any, share: float, what: str = ".film") -> tuple[float, float]:
    """The place at a share of the width of a part of the timeline."""
    box = _box(page, what)
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def _shown(page: Any) -> tuple[float, float]:
    """Start and end of what the timeline shows, in seconds, as the overview draws it."""
    whole, part = _box(page, ".overview"), _box(page, ".shown")
    start_s = HOUR_S * (part["x"] - whole["x"]) / whole["width"]
    return start_s, start_s + HOUR_S * part["width"] / whole["width"]


def _length(page: Any) -> float:
    """How many seconds the timeline shows, as it tells who cannot see it."""
    start, _, end = page.locator(".overview").get_attribute("aria-valuetext").partition(TO)
    return _seconds(end) - _seconds(start)


def _seconds(clock: str) -> float:
    total = 0.0
    for part in clock.split(":"):
        total = 60 * total + float(part)
    return total


def _under(page: Any, share: float) -> float:
    """The time that the pointer is told at a share of the width."""
    page.mouse.move(*_at(page, share))
    return _seconds(page.locator(".preview b").inner_text())


def test_five_seconds_of_an_hour_are_selected_by_hand(page: Any):
    page.mouse.move(*_at(page, 3008 / HOUR_S))
    page.keyboard.down("Control")
    for _ in range(6):
        page.mouse.wheel(0, -240)
    page.keyboard.up("Control")
    assert _length(page) == pytest.approx(HOUR_S / 64, rel=0.01)
    bar = _box(page, '.words .bar[data-words*="ferry"]')
    assert bar["width"] > 40  # of 5 s; without the zoom it is a pixel or two
    y = _at(page, 0)[1]
    page.mouse.move(bar["x"], y)
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(bar["x"] + bar["width"], y, steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")
    about = page.locator("#attached").inner_text()
    start, end = re.findall(r"[\d:]+\.\d", about)
    assert _seconds(start) == pytest.approx(3006, abs=0.3)
    assert _seconds(end) == pytest.approx(3011, abs=0.3)


def test_the_wheel_with_control_keeps_the_time_under_the_pointer(page: Any):
    before = _under(page, 0.25)
    page.mouse.wheel(0, 300)
    assert _length(page) == HOUR_S  # the page scrolls
    page.keyboard.down("Control")
    page.mouse.wheel(0, -480)
    page.keyboard.up("Control")
    assert _length(page) == pytest.approx(HOUR_S / 4, rel=0.01)
    assert _under(page, 0.25) == pytest.approx(before, abs=2)
    start_s, end_s = _shown(page)
    assert start_s < before < end_s
    page.mouse.wheel(-100, 0)
    assert _shown(page)[0] < start_s


def test_keys_and_buttons_zoom_about_the_playhead_and_show_all_again(page: Any):
    page.mouse.click(*_at(page, 0.75))
    page.keyboard.press("+")
    page.get_by_role("button", name="Zoom in").click()
    assert _length(page) == HOUR_S / 4
    start_s, end_s = _shown(page)
    assert start_s < 2700 < end_s
    page.keyboard.press("-")
    assert _length(page) == HOUR_S / 2
    for _ in range(12):
        page.keyboard.press("+")
    assert _length(page) == pytest.approx(4, abs=0.11)
    assert page.get_by_role("button", name="Zoom in").is_disabled()
    page.mouse.click(*_at(page, 0.5))
    page.keyboard.press("0")
    assert _length(page) == HOUR_S
    assert page.get_by_role("button", name="Zoom out").is_disabled()


def test_a_press_goes_to_the_second_that_is_under_it(page: Any):
    page.mouse.click(*_at(page, 0.5))
    for _ in range(8):
        page.keyboard.press("+")
    time_s = _under(page, 0.9)
    page.mouse.click(*_at(page, 0.9))
    wait_until(page, "!document.querySelector('video').seeking")
    assert page.evaluate("document.querySelector('video').currentTime") == pytest.approx(
        time_s, abs=0.1
    )
    assert read_clock(picture_of(page)) == int(time_s + 0.05)


def test_the_overview_is_dragged_and_moved_with_keys(page: Any):
    for _ in range(3):
        page.keyboard.press("+")
    length = _length(page)
    assert _shown(page)[0] == pytest.approx(0, abs=5)
    page.mouse.move(*_at(page, 0.05, ".overview"))
    page.mouse.down()
    page.mouse.move(*_at(page, 0.55, ".overview"), steps=4)
    page.mouse.up()
    assert _shown(page)[0] == pytest.approx(HOUR_S / 2, abs=10)
    page.mouse.click(*_at(page, 0.2, ".overview"))  # outside of what is shown: there
    assert sum(_shown(page)) / 2 == pytest.approx(0.2 * HOUR_S, abs=10)
    page.locator(".overview").focus()
    page.keyboard.press("ArrowRight")
    assert sum(_shown(page)) / 2 == pytest.approx(0.2 * HOUR_S + length / 4, abs=10)
    page.keyboard.press("End")
    assert _shown(page)[1] == pytest.approx(HOUR_S, abs=10)
    page.locator(".overview").dblclick(position={"x": 10, "y": 6})
    assert _length(page) == HOUR_S


def test_the_pictures_become_those_of_the_part_that_is_shown(page: Any):
    page.mouse.click(*_at(page, 0.5))
    for _ in range(8):
        page.keyboard.press("+")
    page.locator(".film i[style*='/thumb/']").first.wait_for()
    cells = "[...document.querySelectorAll('.film i')]"
    urls = page.evaluate(f"{cells}.map((cell) => cell.style.backgroundImage)")
    times_s = [float(re.findall(r"thumb/([\d.]+)\.jpg", url)[0]) for url in urls]
    start_s, end_s = _shown(page)
    assert times_s == sorted(times_s)
    assert start_s - 6 < times_s[0] < times_s[-1] < end_s + 6  # a pixel of the overview is 5 s
    page.keyboard.press("0")
    assert page.locator(".film i[style*='/thumb/']").count() == 0


def test_evidence_that_is_not_shown_is_gone_to(page: Any):
    page.fill("#words", "Where does the ferry leave?")
    page.press("#words", "Enter")
    page.locator("#evidence .card").first.wait_for()
    marks = page.locator(".overview span i")
    assert marks.count() == page.locator("#evidence .card").count()
    page.locator("#words").blur()
    for _ in range(6):
        page.keyboard.press("+")
    assert page.locator(".evidence .bar").count() == 0
    assert page.locator(".lane.words").is_visible()  # lanes stay where they are
    page.locator("#evidence .card").first.click()
    page.locator(".evidence .bar").wait_for()
    start_s, end_s = _shown(page)
    assert start_s < 3006 < end_s
    assert _length(page) == pytest.approx(HOUR_S / 64, rel=0.01)
    head, film = _box(page, ".head"), _box(page, ".film")
    assert film["x"] <= head["x"] <= film["x"] + film["width"]
    page.keyboard.press(" ")
    page.locator(".overview").focus()
    page.keyboard.press("Home")
    assert page.locator("#timeline .head").is_hidden()  # and makes the page no wider
    width = "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)"
    assert page.evaluate(f"{width}(document.querySelector('#watch'))") == 0


def test_two_fingers_hold_the_times_that_they_are_on(browser: Browser, address: str):
    with browser.page(address, width=390, height=844, has_touch=True) as page:
        _wait(page)
        box, y = _box(page, ".film"), _at(page, 0)[1]
        touch = page.context.new_cdp_session(page)

        def fingers(kind: str, *shares: float) -> None:
            points = [
                {"x": box["x"] + share * box["width"], "y": y, "id": i}
                for i, share in enumerate(shares)
            ]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        fingers("touchStart", 0.4)
        fingers("touchStart", 0.4, 0.6)
        for step in range(1, 11):
            fingers("touchMove", 0.4 - 0.03 * step, 0.6 + 0.03 * step)
        fingers("touchEnd")
        assert _length(page) == pytest.approx(HOUR_S / 4, rel=0.05)
        assert sum(_shown(page)) / 2 == pytest.approx(HOUR_S / 2, abs=60)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
