"""The pictures of an export: PNG files, each written once, and which frame of which video each is.

pictures = Pictures(folder, resolve)
paths = pictures.written(messages)     # pictures/….png, in the order of the conversation
pictures.close()                       # frames.jsonl
frames = frames_by_path(folder)        # and back
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from playhead.core.media import FrameRef
from playhead.core.message import Message
from playhead.models.pictures import Resolve
from playhead.models.policies import render

_FRAMES = "frames.jsonl"


class Pictures:
    """Writes each picture once, and which is which."""

    def __init__(self, folder: Path, resolve: Resolve) -> None:
        """Make the folder `pictures` in `folder`.

        Args:
            folder: Of the export.
            resolve: From references to pixels.
        """
        self._folder, self._resolve = folder, resolve
        self._paths: dict[FrameRef, str] = {}
        (folder / "pictures").mkdir(parents=True, exist_ok=True)

    def written(self, messages: Sequence[Message]) -> list[str]:
        """The paths of all pictures of a conversation, relative to the folder."""
        frames = render.pictures(messages)
        new = [frame for frame in dict.fromkeys(frames) if frame not in self._paths]
        for frame, picture in zip(new, self._resolve(new) if new else [], strict=True):
            name = blake2b(frame.to_json().encode(), digest_size=8).hexdigest()
            path = f"pictures/{name}.png"
            (self._folder / path).write_bytes(png(picture))
            self._paths[frame] = path
        return [self._paths[frame] for frame in frames]

    def close(self) -> None:
        """Write down which picture is which frame of which video."""
        lines = (
            json.dumps({"path": path, "frame": json.loads(frame.to_json())}) + "\n"
            for frame, path in self._paths.items()
        )
        (self._folder / _FRAMES).write_text("".join(lines), encoding="utf-8")


def frames_by_path(folder: Path) -> dict[str, FrameRef]:
    """What `Pictures.close` wrote down."""
    with (folder / _FRAMES).open(encoding="utf-8") as lines:
        told = [json.loads(line) for line in lines]
    return {one["path"]: FrameRef.model_validate(one["frame"]) for one in told}


def png(picture: Any) -> bytes:
    """A picture, RGB uint8 `[H, W, 3]`, as the bytes of a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()
