"""From a decoded frame to an upright RGB picture with square pixels, in one pass.

swscale converts colours and shrinks in the same step. Three things it has to be told or spared:
which matrix made the YUV (a file that does not say is taken as players take it: BT.709 from high
definition on, BT.601 below), how pictures are to be turned (PyAV hands over what is stored), and
how wide a pixel is. High dynamic range is converted without tone mapping: dull, but not wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast

import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from playhead.core.errors import TooLarge
from playhead.video.limits import Limits

_STRAIGHT = 0.01
"""So little may a turn be off a right angle."""
_TURNS = {90: [0, -1, 0, 1, 0], 180: [-1, 0, 0, 0, -1], 270: [0, 1, 0, -1, 0]}
"""Display matrices by the degrees counterclockwise."""
_UNSPECIFIED = (0, 2, 3)
"""AVCOL_SPC_RGB, _UNSPECIFIED, _RESERVED (H.273 table 4): no matrix for YUV is named."""
_HD_HEIGHT, _HD_WIDTH = 720, 1280
_SQUARE_ENOUGH = (Fraction(1, 8), Fraction(8))
"""A pixel flatter or thinner than this is a mistake of the header."""


@dataclass(frozen=True)
class Shape:
    """How stored pictures become displayed ones."""

    height: int
    """As displayed, in pixels."""
    width: int
    transpose: bool = False
    """Swap rows and columns; then:"""
    upside_down: bool = False
    mirrored: bool = False
    rotation: int = 0
    """The turn in degrees clockwise."""
    warnings: tuple[str, ...] = ()

    @property
    def mirrors(self) -> bool:
        """Whether a turn alone does not make it upright."""
        return (self.transpose + self.upside_down + self.mirrored) % 2 == 1

    def size(self, max_side: int | None) -> tuple[int, int]:
        """`height, width` of a picture shrunk so that neither side is longer than `max_side`."""
        longest = max(self.height, self.width)
        if max_side is None or longest <= max_side:
            return self.height, self.width
        other = min(self.height, self.width)
        shrunk = min(other, max_side, max(2, 2 * round(other * max_side / longest / 2)))
        return (max_side, shrunk) if self.height >= self.width else (shrunk, max_side)


def shape_of(frame: VideoFrame, pixel_aspect: Fraction | None) -> Shape:
    """How pictures like `frame` are displayed.

    Args:
        frame: Any frame of the stream.
        pixel_aspect: Width of a pixel over its height. None: square.
    """
    warnings: list[str] = []
    aspect = pixel_aspect or Fraction(1)
    if not _SQUARE_ENOUGH[0] <= aspect <= _SQUARE_ENOUGH[1]:
        warnings.append(f"its pixels claim to be {aspect} times as wide as high: taken as square")
        aspect = Fraction(1)
    height, width = frame.height, max(1, round(frame.width * aspect))
    turn = _turn(frame)
    if turn is None:
        warnings.append("it asks to be turned by less than a right angle: it is shown as stored")
        turn = (False, False, False)
    transpose, upside_down, mirrored = turn
    shape = Shape(
        height=width if transpose else height,
        width=height if transpose else width,
        transpose=transpose,
        upside_down=upside_down,
        mirrored=mirrored,
        rotation=_degrees(transpose, upside_down, mirrored),
    )
    if shape.mirrors:
        warnings.append("its pictures are stored mirrored: they are shown as they should look")
    return replace(shape, warnings=tuple(warnings))


def _degrees(transpose: bool, upside_down: bool, mirrored: bool) -> int:
    """The turn in degrees clockwise; of a mirrored picture, the turn after mirroring it."""
    if transpose:
        return 270 if upside_down and not mirrored else 90
    return 180 if upside_down else 0


def _turn(frame: VideoFrame) -> tuple[bool, bool, bool] | None:
    """`transpose, upside_down, mirrored` by the display matrix; None: not by right angles."""
    matrix = _display_matrix(frame)
    if matrix is None:
        return (False, False, False)
    a, b, _, c, d = matrix[:5]
    # A stored pixel at column x, row y is displayed at column a x + c y, row b x + d y.
    if abs(b) + abs(c) < _STRAIGHT * (abs(a) + abs(d)) and a and d:
        return (False, d < 0, a < 0)
    if abs(a) + abs(d) < _STRAIGHT * (abs(b) + abs(c)) and b and c:
        return (True, b < 0, c < 0)
    return None


def _display_matrix(frame: VideoFrame) -> list[int] | None:
    try:
        found = cast(Any, frame.side_data).get(SideDataType.DISPLAYMATRIX)
    except ValueError:  # side data of a kind that is newer than PyAV
        return _TURNS.get(frame.rotation % 360)
    return None if found is None else np.frombuffer(bytes(found), np.int32).tolist()


class Painter:
    """Turns frames into rows of an array. Holds swscale's state, so keep one for a video."""

    def __init__(self, shape: Shape, limits: Limits) -> None:
        self._shape, self._limits = shape, limits
        self._reformatter = VideoReformatter()

    def paint(self, frame: VideoFrame, out: NDArray[np.uint8]) -> None:
        """Write `frame` into `out` `[H, W, 3]`, whatever size it was decoded at.

        Raises:
            TooLarge: The frame has more pixels than the limit allows.
        """
        if frame.height * frame.width > self._limits.pixels_per_frame:
            raise TooLarge(
                f"a picture grew to {frame.width} x {frame.height} pixels; "
                f"limits.pixels_per_frame is {self._limits.pixels_per_frame}"
            )
        height, width = out.shape[:2]
        if self._shape.transpose:
            height, width = width, height
        rgb: Any = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            src_colorspace=_matrix(frame),
            interpolation=Interpolation.BILINEAR,
            threads=1,
        ).to_ndarray()
        out[:] = turned(rgb, self._shape)


def turned(rgb: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """A view of the stored picture `rgb` `[H, W, 3]`, upright."""
    if shape.transpose:
        rgb = rgb.transpose(1, 0, 2)
    if shape.upside_down:
        rgb = rgb[::-1]
    return rgb[:, ::-1] if shape.mirrored else rgb


def _matrix(frame: VideoFrame) -> Any:
    """What made the YUV, where the frame itself does not say. None: it does."""
    if int(frame.colorspace) not in _UNSPECIFIED or frame.format.is_rgb:
        return None
    is_hd = frame.height >= _HD_HEIGHT or frame.width >= _HD_WIDTH
    return Colorspace.ITU709 if is_hd else Colorspace.ITU601
