"""Sessions of the page in a real browser: shared, gone on with, judged, exported and deleted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.serving.browser import Browser, Command
from tests.serving.hands import (
    FERRY,
    ask,
    be_looking,
    questions_of,
    session_of,
    wait_until,
)

pytestmark = pytest.mark.slow


def test_a_shared_link_brings_questions_answers_and_the_second(browser: Browser, address: str):
    grants = ["clipboard-read", "clipboard-write"]
    with browser.page(address, permissions=grants) as page:
        page.locator(".film i").first.wait_for()
        answer = ask(page, FERRY).locator(".answer").inner_text()
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
        wait_until(page, "Math.abs(document.querySelector('video').currentTime - 5) < .05")


def test_a_link_that_is_put_in_by_hand_leads_there(browser: Browser, address: str, ferry: str):
    with browser.page(address) as page:
        page.locator("#timeline .film i").first.wait_for()
        page.evaluate(f"location.hash = 'v={ferry}&t=8.2'")
        page.locator("#clock", has_text="0:08.2").wait_for()


def test_a_session_goes_on_after_the_server_was_restarted(
    browser: Browser, address: str, command: Command
):
    with browser.page(address) as page:
        page.locator(".film i").first.wait_for()
        answer = ask(page, FERRY).locator(".answer").inner_text()
        command.stop()
        command.start()
        page.reload()
        page.locator(".acts:not([hidden])").wait_for()
        assert page.locator(".answer").inner_text() == answer
        ask(page, "When was that?")
        assert [asked["number"] for asked in questions_of(page, command)] == [1, 2]


def test_a_question_that_the_server_died_under_goes_on(browser: Browser, serve: Any):
    slow = serve(slow=[8, 0.4])
    with browser.page(f"{slow.url}/#v={slow.videos()['clock.mp4']}") as page:
        be_looking(page)
        session = page.url.partition("#")[2]
        browser.check()
        slow.kill()
    browser.problems.clear()  # the browser says that the connection was cut
    slow.start()
    with browser.page(f"{slow.url}/#{session}") as page:
        page.locator(".acts:not([hidden])").wait_for()
        assert "the mill" in page.locator(".answer").inner_text()
        assert page.locator(".call:not([hidden])").count() == 8


def test_thumbs_and_forks_reach_the_store(browser: Browser, address: str, command: Command):
    with browser.page(address) as page:
        page.locator(".film i").first.wait_for()
        turn = ask(page, FERRY)
        turn.get_by_role("button", name="Good answer").click()
        page.locator("#toast.shown").wait_for()
        turn.locator(".work > summary").click()
        turn.get_by_role("button", name="Ask again from step 1 on").click()
        assert page.input_value("#words") == FERRY
        again = ask(page, "When does the ferry leave?")
        steps = again.locator(".step-head").all_text_contents()
        assert [words[:6] for words in steps] == [f"Step {i}" for i in range(1, len(steps) + 1)]
        assert len(steps) >= 2
        first, second = questions_of(page, command)
        assert first["feedback"] == 1
        assert second["parent"] == {"number": 1, "num_kept": 1}
        assert second["question"] == "When does the ferry leave?"


def test_sessions_are_renamed_exported_and_deleted(browser: Browser, address: str):
    with browser.page(address) as page:
        page.locator(".film i").first.wait_for()
        ask(page, FERRY)
        session = session_of(page)
        item = page.locator(f"#sessions [data-id='{session}']")
        item.hover()
        item.locator(".icon").click()
        page.get_by_role("menuitem", name="Rename").click()
        page.keyboard.type("The ferry")  # over the old name, which is selected
        page.keyboard.press("Enter")
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
