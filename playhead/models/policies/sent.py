"""Pictures on the wire: encoded the same way every time, named, and sent once.

A picture's name (`uuid`) says all that its bytes depend on, so a server that keeps pictures by name
needs each only once; later turns send the name alone. What has been sent is remembered here, a
bounded number of names; when a server has forgotten some, all are sent again.
"""

from __future__ import annotations

import base64
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.core.media import FrameRef
from playhead.models.pictures import Resolve

Encoding = Literal["jpeg", "png"]

_TOKEN_SIDE = 32  # pixels: Qwen3-VL makes one token of 32 x 32


def visual_tokens(frames: Iterable[FrameRef]) -> int:
    """About how many tokens the pictures take in a prompt, where nobody tells exactly."""
    return sum(-(-f.height // _TOKEN_SIDE) * -(-f.width // _TOKEN_SIDE) for f in frames)


def encode(pixels: NDArray[np.uint8], encoding: Encoding, quality: int = 90) -> str:
    """A picture `[H, W, 3]` as a data URI. The same pixels give the same bytes."""
    from PIL import Image

    file = io.BytesIO()
    how: dict[str, Any] = {"quality": quality} if encoding == "jpeg" else {}
    Image.fromarray(pixels).save(file, format=encoding, **how)
    return f"data:image/{encoding};base64,{base64.b64encode(file.getvalue()).decode()}"


class SentPictures:
    """How one policy sends pictures, and which names its server has."""

    def __init__(
        self, resolve: Resolve, encoding: Encoding, quality: int, *, most_names: int = 4096
    ) -> None:
        """Begin with a server that has none.

        Args:
            resolve: From references to pixels.
            encoding: `jpeg`, or `png` where every pixel counts.
            quality: Of JPEG, 1 to 95.
            most_names: How many names are remembered; the least recently used go first.
        """
        self._resolve = resolve
        self._encoding: Encoding = encoding
        self._quality = quality
        self._most_names = most_names
        self._names: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def name(self, frame: FrameRef) -> str:
        """The `uuid` of a picture: video, time, size, region and encoding."""
        how = self._encoding if self._encoding == "png" else f"jpeg{self._quality}"
        return blake2b(f"{frame.to_json()} {how}".encode(), digest_size=16).hexdigest()

    def show(
        self, frames: Sequence[FrameRef], *, by_name: bool
    ) -> Callable[[FrameRef], dict[str, Any]]:
        """What gives the content part of each of these pictures.

        Args:
            frames: Which.
            by_name: Send names with the bytes, and only the name of what the server has.

        Raises:
            VideoError: The pixels of one cannot be had.
        """
        wanted = {self.name(frame): frame for frame in frames}
        encoding, quality = self._encoding, self._quality
        with self._lock:
            missing = [name for name in wanted if not (by_name and name in self._names)]
        pixels = self._resolve([wanted[name] for name in missing]) if missing else []
        urls = {
            name: {"url": encode(picture, encoding, quality)}
            for name, picture in zip(missing, pixels, strict=True)
        }

        def part(frame: FrameRef) -> dict[str, Any]:
            name = self.name(frame)
            named = {"uuid": name} if by_name else {}
            return {"type": "image_url", "image_url": urls.get(name), **named}

        return part

    def arrived(self, frames: Iterable[FrameRef]) -> None:
        """The server has these now."""
        with self._lock:
            for frame in frames:
                name = self.name(frame)
                self._names[name] = None
                self._names.move_to_end(name)
            while len(self._names) > self._most_names:
                self._names.popitem(last=False)

    def forget(self, frames: Iterable[FrameRef]) -> None:
        """The server may not have these any more."""
        with self._lock:
            for frame in frames:
                self._names.pop(self.name(frame), None)
