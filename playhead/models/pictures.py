"""Where a policy gets the pixels of the pictures that its messages only name.

Records hold references. Whoever sends pictures to a model asks for their pixels then, and forgets
them afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.core.media import FrameRef

Resolve = Callable[[Sequence[FrameRef]], list[NDArray[np.uint8]]]
"""From references to pictures, RGB uint8 `[H, W, 3]`, in order, each of the size its reference
names. Raises VideoError where one cannot be had."""
