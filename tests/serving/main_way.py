"""The way that everybody goes through the page, for browsers that are driven by WebDriver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from playhead.video.synthetic import ClockVideo, read_clock
from tests.serving.hands import FERRY, ORDER, PICTURE, decoded
from tests.serving.webdriver import ENTER, DrivenPage

VIDEO = "document.querySelector('video')"


class MainWay:
    """What must work in every browser; who inherits it gives the `driven` one."""

    @pytest.fixture
    def page(self, driven: DrivenPage, address: str) -> Iterator[DrivenPage]:
        driven.goto("about:blank")  # the address may be the same as before
        driven.goto(address)
        driven.until("document.querySelectorAll('#timeline .film i').length > 0")
        yield driven
        driven.check()

    def test_a_video_is_asked_and_its_evidence_pressed(self, page: DrivenPage, film: ClockVideo):
        page.js(f"({ORDER})()")
        page.click("#words")
        page.type(f"{FERRY}{ENTER}")
        page.until(
            "document.querySelector('.acts:not([hidden])') !== null"
        )  # nothing moves any more
        assert page.js("window.order")[-2:] == ["gave", "done"]
        assert "northern quay" in page.js("document.querySelector('.answer').innerText")
        page.click("#evidence .card")
        page.until(f"{VIDEO}.paused && {VIDEO}.currentTime > 8")  # it stops at the end by itself
        page.until(f"!{VIDEO}.seeking && {VIDEO}.readyState >= 2")
        shown = decoded(page.js(f"({PICTURE})()"))
        assert read_clock(shown) == film.index_at(8.4 - 0.01)

    def test_the_timeline_is_zoomed(self, page: DrivenPage):
        page.type("+")
        assert page.js("document.querySelector('.shown').style.width") == "50%"
        width = "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)"
        assert page.js(f"{width}(document.querySelector('#watch'))") == 0
        page.drag(".shown", "#timeline .overview")
        assert page.js("document.querySelector('.overview').ariaValueNow") == "3.0"

    def test_a_drag_along_the_timeline_selects_no_text(self, page: DrivenPage):
        page.drag(".lane-name:not([hidden])", ".ruler")
        assert page.js("getSelection().toString()") == ""

    def test_a_message_is_as_tall_as_its_words(self, page: DrivenPage):
        page.click("#mark-in")
        page.until("document.querySelector('#toast.shown') !== null")
        assert page.js("document.querySelector('#toast').offsetHeight") < 60

    def test_a_name_is_typed_and_its_enter_does_nothing_else(self, page: DrivenPage):
        page.click("#videos li .icon")
        page.click("#menu button")  # keys press no button in a window that has no focus
        page.until("document.querySelector('dialog').open")
        page.type(f"The ferry{ENTER}")
        page.until("document.querySelector('#title').textContent === 'The ferry'")
        assert not page.js("document.querySelector('#menu').matches(':popover-open')")
