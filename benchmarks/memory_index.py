"""How fast a library indexes footage, beside decoding every picture and embedding one a second.

Both are measured in the same process, one after the other. The plain way is what one would write
first: PyAV with two threads reads every picture of a shorter stretch, one a second is shrunk to the
size the recipe looks at, embedded, and kept in an array. Its cheap eyes see the same pictures.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
import psutil
from numpy.typing import NDArray

from playhead.core.media import VideoInfo
from playhead.core.span import Span
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.memory.units import Tier
from playhead.video.base import Frames

CHUNK_S = 64.0


@dataclass(frozen=True)
class Speed:
    """What indexing took."""

    video_s: float
    wall_s: float
    cpu_s: float
    num_bytes: int = 0

    @property
    def real_time(self) -> float:
        """Seconds of video a second of the clock."""
        return self.video_s / self.wall_s

    @property
    def on_two_cores(self) -> float:
        """Seconds of video a second, were both cores ours alone: by processor seconds."""
        return self.video_s / (self.cpu_s / 2)

    @property
    def facts(self) -> dict[str, float]:
        """All of it."""
        return {
            **asdict(self),
            "real_time": self.real_time,
            "on_two_cores": self.on_two_cores,
        }


def index(path: Path, tier: Tier) -> Speed:
    """Add a file to a new library and wait for a tier."""
    recipe = MemoryRecipe(late_eyes=())
    with tempfile.TemporaryDirectory() as folder:
        start_s, start_cpu = time.monotonic(), cpu_s()
        with Library(folder, recipe=recipe) as library:
            library.add(path)
            library.wait(tier=tier)
            wall_s, cpu = time.monotonic() - start_s, cpu_s() - start_cpu
            video_s = library.videos()[0].info.duration_s
        with Library(folder, recipe=recipe, background=False) as library:
            num_bytes = library.memory.num_bytes
    return Speed(video_s, wall_s, cpu, num_bytes)


def plain_way(path: Path, seconds: float, *, with_eyes: bool) -> Speed:
    """Decode every picture of the first `seconds`, and look at one a second."""
    recipe = MemoryRecipe(late_eyes=())
    start_s, start_cpu = time.monotonic(), cpu_s()
    pictures = _every_second(path, seconds, recipe.max_side)
    vectors = [embedder.embed_pictures(pictures) for embedder in recipe.picture_embedders]
    assert len(vectors[0]) == len(pictures)
    if with_eyes:
        for first in range(0, len(pictures), int(CHUNK_S)):
            part = pictures[first : first + int(CHUNK_S)]
            times_s = np.arange(first, first + len(part), dtype=np.float64)
            frames = Frames(part, times_s, "plain")
            for eye in recipe.made_eyes:
                eye.see(_Named(), Span(start=times_s[0], end=times_s[-1] + 1), frames)
    return Speed(float(len(pictures)), time.monotonic() - start_s, cpu_s() - start_cpu)


class _Named:
    """What an eye wants of a video here."""

    id = "plain"
    info: VideoInfo


def _every_second(path: Path, seconds: float, max_side: int) -> NDArray[np.uint8]:
    found: list[NDArray[np.uint8]] = []
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
        scale = max_side / max(stream.width, stream.height)
        width, height = round(stream.width * scale), round(stream.height * scale)
        for frame in file.decode(stream):
            assert frame.time is not None
            if frame.time >= seconds:
                break
            if frame.time >= len(found):
                found.append(frame.to_ndarray(format="rgb24", width=width, height=height))
    return np.stack(found)


def cpu_s() -> float:
    """Processor seconds so far of this process, its living descendants and those it has reaped."""
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total
