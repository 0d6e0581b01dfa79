"""A question about a stream: no tool shows or tells anything of what comes after its moment."""

from __future__ import annotations

from typing import Any

import pytest

from playhead.core import Span
from tests.tools.calls import GOOD, call, shown
from tests.tools.conftest import OpenContext

SPOKEN = Span(start=7.5, end=11.5)  # where the demo film says where the key is
MOMENTS = (3.0, 6.2, 9.0, 12.5)
WIDE: dict[str, dict[str, Any]] = {
    "look": {"start_s": 0, "end_s": 60, "num": 8},
    "caption": {"start_s": 0, "end_s": 60},
    "transcript": {"start_s": 0, "end_s": 60},
    "relations": {"start_s": 0, "end_s": 60},
    "mark": {"time_s": 15, "region": [0.2, 0.2, 0.6, 0.6]},
    "search": {"text": "key", "k": 20},
}
"""Calls that ask for more than may be seen."""


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", [name for name in GOOD if name not in ("answer", "note")])
def test_nothing_after_the_moment_is_shown_or_told(
    open_context: OpenContext, name: str, moment: float
):
    ctx = open_context(within=Span(start=0, end=moment))
    for arguments in (GOOD[name], WIDE.get(name, {})):
        seen = call(ctx, name, **arguments)
        assert all(piece.span.end <= moment for piece in seen.evidence)
        assert all(frame.time_s < moment for piece in seen.evidence for frame in piece.frames)
        assert all(frame.time_s < moment for frame in shown(seen))


def test_a_line_that_is_still_being_spoken_is_not_told(open_context: OpenContext):
    """Half a line of subtitles would be all of its words, those of the future, too."""
    inside, cut = (
        open_context(within=Span(start=0, end=12.5)),
        open_context(within=Span(start=0, end=9.0)),
    )
    assert SPOKEN.start < 9.0 < SPOKEN.end
    for name, arguments in (("transcript", {}), ("search", {"text": "key"})):
        assert "key" in call(inside, name, **arguments).text
        assert "under" not in call(cut, name, **arguments).text


def test_a_video_seems_to_end_at_the_moment(open_context: OpenContext):
    ctx = open_context(within=Span(start=0, end=9.0))
    (video,) = ctx.video_ids
    assert ctx.whole(video).end == 9.0
