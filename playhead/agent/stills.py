"""Pictures that come from no video: kept beside the question, read again when it goes on."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from playhead.agent.store import SessionStore
from playhead.core.errors import Blamed, Origin
from playhead.core.media import FrameRef
from playhead.tools.given import given_ref


def keep_still(store: SessionStore, image: NDArray[np.uint8]) -> FrameRef:
    """Keep a picture, RGB uint8 `[H, W, 3]`, and say what it is called.

    Raises:
        ValueError: It is no such picture.
    """
    from PIL import Image

    ref = given_ref(image)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    store.keep_picture(ref.video_id, file.getvalue())
    return ref


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
