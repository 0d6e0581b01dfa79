"""What pictures cost a policy, and the ledger that all calls of one question pay from.

The one idea: the unit is the visual token. A picture costs by its size, whoever asks for it, and
the ledger says yes or no to a price before anything is decoded.
"""

from __future__ import annotations

import math
import threading
from typing import Literal

from playhead.core.budget import Budget, Cost
from playhead.core.media import Region, VideoInfo

Quota = Literal["coarse", "medium", "fine"]

QUOTA_TOKENS: dict[str, int] = {"coarse": 1024, "medium": 2048, "fine": 4096}
"""Visual tokens that one look may take, by density. The words are Video-o3's
(github.com/ZZQ987/Video-o3-Qwen3VL), which uses 1024, 2048 and 3072 in training."""

_TOKEN_SIDE = 32  # pixels: Qwen3-VL makes one token of 32 x 32 (patches of 16, merged 2 x 2)
_SMALLEST_SIDE = 96
_LARGEST_SIDE = 1280


def visual_tokens(height: int, width: int) -> int:
    """What a picture of that size costs a model, in tokens: the common unit of cost."""
    return max(1, math.ceil(height / _TOKEN_SIDE)) * max(1, math.ceil(width / _TOKEN_SIDE))


def tokens_at(info: VideoInfo, max_side: int, roi: Region | None = None) -> int:
    """What a picture of a video costs when its longer side is at most so many pixels.

    Args:
        info: Of the video.
        max_side: Of the whole picture.
        roi: The region that is shown. None: all of it.
    """
    scale = min(1.0, max_side / max(info.height, info.width))
    height, width = max(1, round(info.height * scale)), max(1, round(info.width * scale))
    if roi is not None:
        top, left, bottom, right = roi.pixels(height, width)
        height, width = bottom - top, right - left
    return visual_tokens(height, width)


def side_for(info: VideoInfo, tokens_per_picture: float) -> int:
    """The longer side, in pixels, at which a picture of a video takes about so many tokens."""
    longer, shorter = max(info.height, info.width), min(info.height, info.width)
    side = math.sqrt(max(tokens_per_picture, 1.0) * longer / shorter) * _TOKEN_SIDE
    side = _TOKEN_SIDE * max(1, math.floor(side / _TOKEN_SIDE))
    return int(min(max(side, _SMALLEST_SIDE), _LARGEST_SIDE, longer))


class Ledger:
    """What has been spent and what may be. Safe in several threads."""

    def __init__(self, budget: Budget, spent: Cost | None = None) -> None:
        self.budget = budget
        self._spent = spent or Cost()
        self._guard = threading.Lock()

    @property
    def spent(self) -> Cost:
        """So far."""
        with self._guard:
            return self._spent

    @property
    def left(self) -> Budget:
        """What remains."""
        return self.budget.left(self.spent)

    def pay(self, price: Cost) -> bool:
        """Spend, if it is affordable. Returns whether it was."""
        with self._guard:
            total = self._spent + price
            if self.budget.over(total):
                return False
            self._spent = total
            return True

    def note(self, cost: Cost) -> None:
        """Count what has been spent already and cannot be refused: time, a model's reply."""
        with self._guard:
            self._spent += cost
