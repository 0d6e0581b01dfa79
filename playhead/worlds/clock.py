"""When the frames of a world's film are shown.

A file and a virtual video of one script have the same frames at the same times: this is where both
get them from. At a constant rate, frame i starts at `i / fps` seconds and shows the script at the
whole millisecond before. At a variable rate there are frames at `fps` and, around flashes and
swaps, at `burst_fps` (see `script.bursts_ms`); all of them start at whole milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.script import KEYFRAME_MS, World, bursts_ms


@dataclass(frozen=True, eq=False)
class Clock:
    """The frames of one camera's film."""

    duration_ms: int
    fps: int | None
    """Frames per second. None: variable, and then `starts` says when."""
    starts: NDArray[np.int64] | None = None
    """`[N]`: when each frame starts, in milliseconds. None: constant rate."""

    @property
    def num(self) -> int:
        """How many frames there are."""
        if self.starts is not None:
            return len(self.starts)
        assert self.fps is not None
        return -(-self.duration_ms * self.fps // 1000)

    @property
    def tick_s(self) -> Fraction:
        """A unit in which every start, and the end, is a whole number."""
        return Fraction(1, math.lcm(1000, self.fps or 1))

    def ticks(self, index: int) -> int:
        """When frame `index` starts, in units of `tick_s`."""
        if self.starts is not None:
            return int(self.starts[index])
        assert self.fps is not None
        return index * (self.tick_s.denominator // self.fps)

    def shown_ms(self, index: int) -> int:
        """The moment of the script that frame `index` shows."""
        if self.starts is not None:
            return int(self.starts[index])
        assert self.fps is not None
        return index * 1000 // self.fps

    def start_s(self, index: int) -> float:
        """When frame `index` starts being shown, in seconds."""
        return self.ticks(index) / self.tick_s.denominator

    def index_at(self, time_s: float) -> int:
        """Which frame is on screen at `time_s`, which is inside the film."""
        if self.starts is not None:
            found = int(np.searchsorted(self.starts, time_s * 1000 + 1e-6, side="right")) - 1
        else:
            assert self.fps is not None
            found = int(time_s * self.fps + 1e-6)
        return min(max(found, 0), self.num - 1)

    def first_from(self, time_ms: int) -> int:
        """The first frame that starts at `time_ms` or later; `num` if there is none."""
        if self.starts is not None:
            return int(np.searchsorted(self.starts, time_ms))
        assert self.fps is not None
        return min(-(-time_ms * self.fps // 1000), self.num)


def film_clock(world: World, camera: int = 0) -> Clock:
    """When the frames of a camera's film are shown."""
    end, fps, spans = world.duration_ms, world.fps, bursts_ms(world, camera)
    if not spans:
        return Clock(end, fps)
    step = 1000 // world.knobs.burst_fps
    base = np.arange(-(-end * fps // 1000), dtype=np.int64) * 1000 // fps
    bursts = [np.arange(start, stop, step, dtype=np.int64) for start, stop in spans]
    return Clock(end, None, np.unique(np.concatenate([base, *bursts])))


def keyframes(world: World, clock: Clock, camera: int = 0) -> list[int]:
    """Which frames decode on their own: the first of each scene, and every `KEYFRAME_MS` in it."""
    starts = [world.scenes[scene].start_ms for scene in world.scenes_of(camera)]
    wanted = (
        clock.first_from(time_ms)
        for start, end in pairwise([*starts, world.duration_ms])
        for time_ms in range(start, end, KEYFRAME_MS)
    )
    return sorted({index for index in wanted if index < clock.num})


def shown_ms(clock: Clock, times_s: Sequence[float]) -> list[int]:
    """The moments of the script that are on screen at `times_s`."""
    return [clock.shown_ms(clock.index_at(time_s)) for time_s in times_s]
