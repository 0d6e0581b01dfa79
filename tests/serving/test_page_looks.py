"""How the page meets people: empty, locked, on a phone, in the dark, read aloud, with any codec."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving.browser import Browser, Command
from tests.serving.hands import FERRY, ask, wait_until

pytestmark = pytest.mark.slow


def test_the_library_is_empty_at_first(browser: Browser, tmp_path: Path):
    with Command(tmp_path / "library") as empty, browser.page(empty.url) as page:
        page.get_by_role("heading", name="Ask a video").wait_for()
        assert page.get_by_role("button", name="Choose a video").is_visible()
        assert not page.locator("#watch").is_visible()


def test_the_token_lets_in_and_leaves_the_address(browser: Browser, tmp_path: Path):
    token = "0123456789abcdef"
    with Command(tmp_path / "library", "--token", token) as closed:
        with browser.page(closed.url) as page:
            page.get_by_role("heading", name="Ask a video").wait_for()
            assert token not in page.url
        browser.check()
        with browser.page(closed.url.partition("/#")[0]) as page:
            page.locator("dialog input").press_sequentially(token)
            page.get_by_role("button", name="Enter").click()
            page.get_by_role("heading", name="Ask a video").wait_for()
        browser.problems.clear()  # the browser itself says that the first try was refused


@pytest.mark.parametrize("width", [390, 320])
def test_it_fits_a_phone(browser: Browser, address: str, width: int):
    with browser.page(address, width=width, height=800, has_touch=True, is_mobile=True) as page:
        page.locator(".film i").first.wait_for()
        ask(page, FERRY)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.querySelector('main').scrollWidth") <= width
        assert page.locator("#words").is_visible()
        page.click("#open-shelf")
        page.locator("#videos .pick").first.click()
        wait_until(page, "!document.body.classList.contains('shelf-open')")


def test_dark_follows_the_system_and_can_be_chosen(browser: Browser, address: str):
    paper = "getComputedStyle(document.body).backgroundColor"
    with browser.page(address, color_scheme="dark") as page:
        page.locator(".film i").first.wait_for()
        dark = page.evaluate(paper)
        page.click("#theme")
        light = page.evaluate(paper)
        assert dark != light
        page.reload()
        page.locator(".film i").first.wait_for()
        assert page.evaluate(paper) == light


def test_everything_that_can_be_pressed_has_a_name(browser: Browser, address: str):
    with browser.page(address) as page:
        page.locator(".film i").first.wait_for()
        ask(page, FERRY)
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
        wait_until(page, "document.querySelector('video').readyState >= 2")
        assert page.evaluate("document.querySelector('video').currentSrc").endswith("/proxy.mp4")
