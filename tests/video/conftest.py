"""What the tests of this floor share."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from playhead.video.synthetic import ClockVideo
from tests.video.clock_files import FILMS


@pytest.fixture(scope="session")
def clock_film(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ClockVideo]:
    """A film of `FILMS` by its name, written when it is first asked for."""
    folder = tmp_path_factory.mktemp("clock films")
    return functools.cache(lambda name: FILMS[name].write(folder / name))
