"""Pictures that come from no video, such as one that a person sends: named by their pixels.

The one idea: a record holds no pixels, so such a picture has an address like any other, as a video
of one frame. Whoever keeps the pixels finds them by the id in it.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from playhead.core.media import FrameRef

_BEGINNING = "image:"


def given_ref(picture: NDArray[np.uint8]) -> FrameRef:
    """What a picture, RGB uint8 `[H, W, 3]`, is called: equal pictures are called the same.

    Raises:
        ValueError: It is no such picture.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise ValueError(f"a picture is RGB uint8 [H, W, 3]: got {picture.dtype} {picture.shape}")
    height, width, _ = picture.shape
    content = f"{height}x{width} ".encode() + picture.tobytes()
    id_ = f"{_BEGINNING}{hashlib.sha256(content).hexdigest()[:32]}"
    return FrameRef(video_id=id_, time_s=0.0, height=height, width=width)


def is_given(ref: FrameRef) -> bool:
    """Whether a reference names such a picture, and none of a video."""
    return ref.video_id.startswith(_BEGINNING)
