"""Pictures that come with a question: kept beside it, read again when it is gone on with."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from numpy.typing import NDArray

from playhead.agent.store import SessionStore
from playhead.core.errors import Blamed, Origin
from playhead.core.media import FrameRef


def keep_still(store: SessionStore, image: NDArray[np.uint8]) -> FrameRef:
    """Keep a picture, RGB uint8 `[H, W, 3]`, and say what it is called.

    Raises:
        ValueError: It is no such picture.
    """
    from PIL import Image

    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"a picture is RGB uint8 [H, W, 3]: got {image.dtype} {image.shape}")
    height, width, _ = image.shape
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    content = f"{height}x{width} ".encode() + image.tobytes()
    id_ = f"image:{hashlib.sha256(content).hexdigest()[:32]}"
    store.keep_picture(id_, file.getvalue())
    return FrameRef(video_id=id_, time_s=0.0, height=height, width=width)


def read_still(store: SessionStore, ref: FrameRef) -> NDArray[np.uint8]:
    """A kept picture, RGB uint8 `[H, W, 3]`.

    Raises:
        Blamed: It is not there any more; the world's fault.
    """
    from PIL import Image

    png = store.picture(ref.video_id)
    if png is None:
        raise Blamed(Origin.WORLD, "the picture of this question is not kept any more")
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return np.array(image.convert("RGB"))
