"""Pictures that are made from frames: contact sheets and marked frames, by reference.

The one idea: a record holds no pixels, so a made picture is named by how it is made, in place of
the id of a video: `sheet:VIDEO:COLUMNS:HEIGHT:T1,T2,...`, `mark:VIDEO:KIND:TOP,LEFT,BOTTOM,RIGHT`.
It can be made again at any time from the video alone, and is the same picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.core.media import FrameRef, Region
from playhead.video.base import Frames
from playhead.video.marks import Ellipse, Mark, Point, Position, Rectangle, Triangle, draw_marks
from playhead.video.sheets import contact_sheet

Picture = NDArray[np.uint8]
Decode = Callable[[str, Sequence[float], int], Frames]
"""From the id of a video, times and the longer side in pixels to pictures."""

MARKS = ("rectangle", "ellipse", "triangle", "point")
"""Marks that a region alone describes."""


def sheet(frames: Frames, columns: int, cell_height: int) -> tuple[FrameRef, Picture]:
    """A contact sheet of frames, and its reference."""
    made = contact_sheet(frames, columns, cell_height=cell_height)
    times = ",".join(repr(float(time_s)) for time_s in frames.times_s)
    name = f"sheet:{frames.video_id}:{columns}:{cell_height}:{times}"
    height, width, _ = made.picture.shape
    ref = FrameRef(video_id=name, time_s=float(frames.times_s[0]), height=height, width=width)
    return ref, made.picture


def marked(
    frame: FrameRef, picture: Picture, kind: str, region: Region
) -> tuple[FrameRef, Picture]:
    """A frame with a mark on it, and its reference.

    Raises:
        ValueError: No such kind of mark.
    """
    drawn = draw_marks(picture, [_mark(kind, region)])
    box = ",".join(repr(side) for side in (region.top, region.left, region.bottom, region.right))
    ref = frame.replace(video_id=f"mark:{frame.video_id}:{kind}:{box}")
    return ref, drawn


def is_made(ref: FrameRef) -> bool:
    """Whether a reference names a made picture."""
    return ref.video_id.startswith(("sheet:", "mark:"))


def source_id(ref: FrameRef) -> str:
    """The id of the video that a reference comes from, made or not."""
    return ref.video_id.split(":")[1] if is_made(ref) else ref.video_id


def make_again(ref: FrameRef, decode: Decode) -> Picture:
    """The picture of a reference for which `is_made` holds.

    Raises:
        ValueError: The reference is not as `sheet` and `marked` write them.
        VideoError: The frames cannot be read.
    """
    how, video_id, *rest = ref.video_id.split(":")
    if how == "sheet":
        columns, cell_height, times = int(rest[0]), int(rest[1]), rest[2]
        times_s = [float(time_s) for time_s in times.split(",")]
        frames = decode(video_id, times_s, sheet_side(cell_height))
        return contact_sheet(frames, columns, cell_height=cell_height).picture
    kind, box = rest
    top, left, bottom, right = (float(side) for side in box.split(","))
    frames = decode(video_id, [ref.time_s], max(ref.height, ref.width))
    region = Region(top=top, left=left, bottom=bottom, right=right)
    return draw_marks(frames.pixels[0], [_mark(kind, region)])


def sheet_side(cell_height: int) -> int:
    """The longer side, in pixels, of the frames that a sheet's cells are shrunk from."""
    return 2 * cell_height


def _mark(kind: str, region: Region) -> Mark:
    match kind:
        case "rectangle":
            return Rectangle(region=region)
        case "ellipse":
            return Ellipse(region=region)
        case "triangle":
            return Triangle(region=region)
        case "point":
            middle = Position(
                x=(region.left + region.right) / 2, y=(region.top + region.bottom) / 2
            )
            return Point(at=middle)
        case _:
            raise ValueError(f"a mark is {', '.join(MARKS)}: got {kind!r}")
