"""Contact sheets: many moments of a video in one picture, each with its second written on it.

The one idea: a model that can look at one picture only, or is to have a cheap first look, gets the
frames as a grid in reading order. IG-VLM (Kim et al., 2024) showed that this answers questions on
short videos without any training. Here every cell also carries its time, in the same writing as in
prompts (`42.0s`), in a strip above the picture, so that it hides nothing and a model can say which
second a cell is.

Choosing the frames is left to `selectors`; a sheet shows what it is given, in that order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from playhead.core.span import stamp
from playhead.video.base import Frames

_GAP = 4  # pixels between cells
_GROUND = (24, 24, 24)
_INK = (255, 255, 255)
_SMALLEST_TEXT = 14


@dataclass(frozen=True, eq=False)
class Sheet:
    """A contact sheet and the times of its cells."""

    picture: NDArray[np.uint8]
    """RGB `[H, W, 3]`."""
    times_s: tuple[float, ...]
    """When each cell's picture starts being shown, in reading order."""
    columns: int
    """Cells in a row. The last row may have fewer."""
    labels: tuple[str, ...]
    """What is written on each cell, such as `42.0s`. Empty: nothing is."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return ceil(len(self.times_s) / self.columns)

    @property
    def caption(self) -> str:
        """Which cell shows which second, in words for a model that is shown the sheet."""
        cells = ", ".join(f"{i}: {text}" for i, text in enumerate(map(stamp, self.times_s), 1))
        return (
            f"{len(self.times_s)} frames in {self.rows} rows of up to {self.columns}, "
            f"read left to right, then top to bottom. {cells}"
        )


def contact_sheet(
    frames: Frames, columns: int | None = None, *, cell_height: int = 180, label: bool = True
) -> Sheet:
    """All of `frames` in one picture, left to right and top to bottom.

    Args:
        frames: One or more pictures.
        columns: Cells in a row. None: as many as rows, or one more.
        cell_height: Height of each picture on the sheet, in pixels. Smaller ones are enlarged.
        label: Write each picture's time above it.

    Raises:
        ValueError: No pictures, no columns, or cells too low to be of use.
    """
    if not len(frames):
        raise ValueError("a contact sheet needs one picture or more: got none")
    if columns is not None and columns < 1:
        raise ValueError(f"a contact sheet has 1 column or more: got {columns}")
    if cell_height < 16:
        raise ValueError(f"cells are 16 pixels high or more: got {cell_height}")
    columns = min(columns or ceil(sqrt(len(frames))), len(frames))
    labels = tuple(map(stamp, frames.times_s.tolist())) if label else ()
    font = ImageFont.load_default(max(_SMALLEST_TEXT, cell_height // 9))
    cells = _small_pictures(frames, cell_height)
    picture = _paste(cells, labels, columns, font)
    return Sheet(picture, tuple(frames.times_s.tolist()), columns, labels)


def _small_pictures(frames: Frames, height: int) -> list[Image.Image]:
    width = max(1, round(frames.pixels.shape[2] * height / frames.pixels.shape[1]))
    return [
        Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        for pixels in frames.pixels
    ]


def _paste(
    cells: list[Image.Image],
    labels: Sequence[str],
    columns: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> NDArray[np.uint8]:
    width, height = cells[0].size
    strip = 0
    if labels:
        boxes = [font.getbbox(text) for text in labels]
        strip = ceil(max(box[3] for box in boxes)) + 4
        width = max(width, ceil(max(box[2] for box in boxes)) + 8)
    rows = ceil(len(cells) / columns)
    size = (columns * (width + _GAP) - _GAP, rows * (height + strip + _GAP) - _GAP)
    sheet = Image.new("RGB", size, _GROUND)
    draw = ImageDraw.Draw(sheet)
    for i, cell in enumerate(cells):
        row, column = divmod(i, columns)
        left, top = column * (width + _GAP), row * (height + strip + _GAP)
        sheet.paste(cell, (left + (width - cell.width) // 2, top + strip))
        if labels:
            draw.text((left + 4, top + 1), labels[i], fill=_INK, font=font)
    return np.array(sheet)
