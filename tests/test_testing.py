"""The kits have teeth: what is wrong does not pass them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from playhead.core import Budget, Cost, Evidence, Kind, Span, Stop, Task, Trajectory, tool
from playhead.core.errors import NoSuchTime
from playhead.testing import check_decoder, check_tool, check_trajectory
from playhead.video.decoders import open_decoder
from playhead.video.limits import Limits


@tool
def peek(ctx: object, time_s: float) -> str:
    """Say what is at a time.

    Args:
        time_s: When, in seconds.
    """
    if time_s > 10:
        raise NoSuchTime(f"the video runs from 0 to 10 s: got {time_s} s")
    return f"something at {time_s}"


def test_a_good_tool_passes():
    check_tool(peek, None, time_s=3.0)


def test_a_tool_that_breaks_past_the_end_is_caught():
    @tool
    def crashes(ctx: object, time_s: float) -> str:
        """Say what is at a time.

        Args:
            time_s: When, in seconds.
        """
        return "abc"[int(time_s)]

    with pytest.raises(AssertionError, match="not clamped or refused"):
        check_tool(crashes, None, time_s=1)


def test_a_tool_that_is_never_the_same_is_caught():
    calls: list[int] = []

    @tool
    def counts(ctx: object) -> str:
        """Count."""
        calls.append(1)
        return str(len(calls))

    with pytest.raises(AssertionError, match="something else"):
        check_tool(counts, None)


def shifted(by: int) -> Callable[[BinaryIO, Limits], object]:
    """The default decoder, wrong by some frames of a 25-fps film."""

    class Shifted:
        name = "shifted"

        def __init__(self, file: BinaryIO, limits: Limits) -> None:
            self.right = open_decoder("pyav", file, limits)
            self.opened = self.right.opened

        def read(self, times_s: list[float], max_side: int | None):
            end_s = self.opened.timeline.end_s - 1e-6
            return self.right.read([min(t + by / 25, end_s) for t in times_s], max_side)

        def close(self) -> None:
            self.right.close()

    return Shifted


def test_the_default_decoder_passes(tmp_path: Path):
    check_decoder(lambda file, limits: open_decoder("pyav", file, limits), tmp_path)


def test_a_decoder_that_is_one_frame_late_is_caught(tmp_path: Path):
    with pytest.raises(AssertionError, match="is on screen, got"):
        check_decoder(shifted(1), tmp_path)  # type: ignore[arg-type]


def test_evidence_outside_its_video_and_a_broken_budget_are_caught():
    whole = Trajectory(id="t", task=Task(id="q", question="?"), stop=Stop.ANSWERED)
    check_trajectory(whole)
    over = whole.replace(budget=Budget(frames=3), cost=Cost(frames=4))
    with pytest.raises(AssertionError, match="exceeded in frames"):
        check_trajectory(over)
    assert Evidence.make("v", Span(start=0, end=1), Kind.NOTE).id
