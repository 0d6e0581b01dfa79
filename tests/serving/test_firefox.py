"""The page in a real Firefox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving.firefox import Firefox
from tests.serving.main_way import MainWay

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with Firefox(tmp_path_factory.mktemp("profile")) as firefox:
        yield firefox


class TestFirefox(MainWay):
    """The main way in Firefox."""
