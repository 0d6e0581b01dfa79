"""The page in a real WebKit, the engine of Safari."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving.main_way import MainWay
from tests.serving.webkit import WebKit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def driven() -> Iterator[WebKit]:
    with WebKit() as webkit:
        yield webkit


class TestWebKit(MainWay):
    """The main way in WebKit."""
