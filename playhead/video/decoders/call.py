"""What every backend does at the start of a call: check its price, and sort what was asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import TooLarge
from playhead.video.limits import Limits


def check_call(num_frames: int, size: tuple[int, int], limits: Limits) -> None:
    """Raise TooLarge if `num_frames` pictures of `size` (height, width) are more than allowed."""
    if num_frames > limits.frames_per_call:
        raise TooLarge(
            f"{num_frames} pictures in one call; limits.frames_per_call is "
            f"{limits.frames_per_call}: ask for fewer at a time, or use stream"
        )
    num_bytes = num_frames * size[0] * size[1] * 3
    if num_bytes > limits.bytes_per_call:
        raise TooLarge(
            f"{num_frames} pictures of {size[1]} x {size[0]} are {num_bytes} bytes; "
            f"limits.bytes_per_call is {limits.bytes_per_call}: "
            "ask for fewer at a time, for smaller ones (max_side), or use stream"
        )


def rows_by_frame(ranks: NDArray[np.intp]) -> dict[int, list[int]]:
    """For each asked frame, the rows of the answer that show it."""
    rows: dict[int, list[int]] = {}
    for row, rank in enumerate(ranks.tolist()):
        rows.setdefault(rank, []).append(row)
    return rows
