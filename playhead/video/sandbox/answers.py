"""What the decoder's answers mean, after everything in them was checked.

The one idea: a decoder that a hostile file has taken over may say anything. So the parent lets
nothing in that it has not recounted: sizes against the bytes that came, times against what was
asked, facts against their types. An answer that fails is a `ValueError` (or what Python raises
for a wrong key or type) and costs the decoder its life.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.media import VideoInfo
from playhead.video.limits import Limits
from playhead.video.sandbox.worker import Check, printable

_MAX_FACTS = 2**16

Event = tuple[float, float, str]
"""One subtitle: start and end in seconds, and its text as the file has it."""


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known about an open file."""

    info: VideoInfo
    keyframe_times_s: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """Pictures, checked."""

    pixels: NDArray[np.uint8]
    times_s: NDArray[np.float64]
    num_damaged: int


def facts(limits: Limits, num_bytes: int) -> Check[Facts]:
    """How to read the answer to `open`, for a file of `num_bytes`."""

    def check(answer: dict[str, Any], content: NDArray[np.uint8]) -> Facts:
        info = VideoInfo.model_validate({**answer["info"], "num_bytes": num_bytes})
        if info.height * info.width > limits.pixels_per_frame:
            raise ValueError(f"pictures of {info.height} x {info.width} are over the limit")
        if len(info.to_json()) > _MAX_FACTS:
            raise ValueError("more words about a file than there can be facts")
        times_s = content.view(np.float64)
        _check_times(times_s, before_s=info.duration_s)
        if not 0 < len(times_s) <= info.num_frames:
            raise ValueError(f"{len(times_s)} keyframes among {info.num_frames} frames")
        return Facts(info, times_s)

    return check


def pictures(asked_s: Sequence[float], max_side: int | None, limits: Limits) -> Check[Seen]:
    """How to read the answer to `read`."""

    def check(answer: dict[str, Any], content: NDArray[np.uint8]) -> Seen:
        num, height, width, colours = (_count(size) for size in answer["shape"])
        if num != len(asked_s) or colours != 3 or not height or not width:
            raise ValueError(f"not one picture for each of {len(asked_s)} times: {answer['shape']}")
        if height * width > limits.pixels_per_frame or max(height, width) > (max_side or math.inf):
            raise ValueError(f"pictures of {height} x {width} are larger than was asked")
        times_s = np.array(answer["times_s"], dtype=np.float64)
        if times_s.shape != (num,) or np.any(times_s > np.asarray(asked_s) + 1e-6):
            raise ValueError("not one time for each picture, at or before the time that was asked")
        _check_times(times_s, before_s=math.inf)
        pixels = content.reshape(num, height, width, 3)
        return Seen(pixels, times_s, num_damaged=min(num, _count(answer["missing"])))

    return check


def samples(start_s: float, end_s: float, rate: int) -> Check[tuple[NDArray[np.float32], float]]:
    """How to read the answer to `sound`: the samples and when the first is heard."""

    def check(
        answer: dict[str, Any], content: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], float]:
        first_s = float(answer["start_s"])
        heard = content.view(np.float32)
        if not (abs(first_s - start_s) <= 1.0 + end_s - start_s):  # false for NaN
            raise ValueError(f"sound from {first_s} s where {start_s}-{end_s} s was asked")
        if len(heard) > math.ceil((1.0 + end_s - start_s) * rate):
            raise ValueError(f"{len(heard)} samples for {end_s - start_s} s")
        if not np.isfinite(heard).all():
            raise ValueError("samples are finite")
        return heard, first_s

    return check


def events(answer: dict[str, Any], content: NDArray[np.uint8]) -> list[Event]:
    """How to read the answer to `texts`."""
    checked = [(float(start), float(end), str(text)) for start, end, text in answer["events"]]
    for start_s, end_s, _ in checked:
        if not (math.isfinite(start_s) and math.isfinite(end_s)):
            raise ValueError(f"a subtitle from {start_s} to {end_s}")
    return checked


def _check_times(times_s: NDArray[np.float64], *, before_s: float) -> None:
    if not np.isfinite(times_s).all():
        raise ValueError("times are finite")
    if len(times_s) and (times_s[0] < 0 or times_s[-1] >= before_s or np.any(np.diff(times_s) < 0)):
        raise ValueError(f"times ascend from 0 to {before_s} s")


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"not a count: {printable(repr(value))}")
    return value
