"""A picture that comes along with a request, as a data URL or as base64."""

from __future__ import annotations

import base64
import binascii
import io

import numpy as np
from numpy.typing import NDArray

from playhead.serving.errors import Refused

_FORMATS = ["PNG", "JPEG", "WEBP", "BMP"]
_MOST_PIXELS = 4096 * 2160


def read_image(text: str) -> NDArray[np.uint8]:
    """The picture, RGB uint8 `[H, W, 3]`; no address is ever followed.

    Args:
        text: `data:image/png;base64,...`, or the base64 alone.

    Raises:
        Refused: It is no such picture, or a huge one.
    """
    from PIL import Image

    head, _, content = text.rpartition(",")
    if head and not (head.startswith("data:image/") and head.endswith(";base64")):
        raise _not_a_picture("an image is a data URL: data:image/png;base64,...")
    try:
        file = io.BytesIO(base64.b64decode(content, validate=True))
        with Image.open(file, formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise Refused(413, "too_large", f"a picture has at most {_MOST_PIXELS} pixels")
            return np.array(image.convert("RGB"))
    except Refused:
        raise
    except (binascii.Error, ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        raise _not_a_picture("not a PNG, JPEG, WebP or BMP picture") from None


def _not_a_picture(message: str) -> Refused:
    return Refused(422, "not_a_picture", message, "send the picture itself; addresses are not read")
