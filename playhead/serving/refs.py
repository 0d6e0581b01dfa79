"""References to pictures as strangers send them: which of them are looked at, and at what price.

The one idea: a reference is a recipe, and what it costs is in its numbers. Those that our tools
write are cheap; one that asks for more than a picture was never written by us.
"""

from __future__ import annotations

from playhead.core.media import FrameRef
from playhead.tools import made

_MOST_PIXELS = 4096 * 2160
_MOST_CELLS = 64
_HIGHEST_CELL = 720


def check_ref(ref: FrameRef) -> FrameRef:
    """A reference as records have them.

    Raises:
        ValueError: It is none, or would cost more than a picture does.
    """
    if ref.height * ref.width > _MOST_PIXELS:
        raise ValueError("too many pixels")
    if ref.video_id.startswith("sheet:"):
        _, _, columns, height, times = ref.video_id.split(":")
        num = times.count(",") + 1
        if not (num <= _MOST_CELLS and int(columns) <= num and int(height) <= _HIGHEST_CELL):
            raise ValueError("too large a sheet")
    elif made.is_made(ref) and len(ref.video_id.split(":")) != 4:
        raise ValueError("not a mark")
    return ref
