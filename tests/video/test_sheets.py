"""Contact sheets: every picture in its place, every place with its second."""

from __future__ import annotations

import numpy as np
import pytest

from playhead.video.base import Frames
from playhead.video.sheets import Sheet, contact_sheet

COLOURS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200), (200, 0, 200)]


def plain_frames(num: int = 6, *, height: int = 90, width: int = 160) -> Frames:
    pixels = np.zeros((num, height, width, 3), np.uint8)
    for i, picture in enumerate(pixels):
        picture[:] = COLOURS[i % 6]
    return Frames(pixels, np.arange(num) * 7.5, "plain")


def cells(sheet: Sheet) -> list[np.ndarray]:
    """The cells of a sheet in reading order."""
    height, width = sheet.picture.shape[0] / sheet.rows, sheet.picture.shape[1] / sheet.columns
    return [
        sheet.picture[
            round(row * height) : round((row + 1) * height),
            round(column * width) : round((column + 1) * width),
        ]
        for row, column in (divmod(i, sheet.columns) for i in range(len(sheet.times_s)))
    ]


@pytest.mark.parametrize("columns", [None, 1, 2, 4, 6, 100])
def test_pictures_are_in_reading_order(columns: int | None):
    sheet = contact_sheet(plain_frames(), columns, cell_height=60)
    middles = [cell[cell.shape[0] * 2 // 3, cell.shape[1] // 2] for cell in cells(sheet)]
    assert [tuple(middle) for middle in middles] == COLOURS


@pytest.mark.parametrize(("num", "shape"), [(1, (1, 1)), (4, (2, 2)), (6, (2, 3)), (9, (3, 3))])
def test_the_grid_is_as_square_as_it_can_be(num: int, shape: tuple[int, int]):
    sheet = contact_sheet(plain_frames(num))
    assert (sheet.rows, sheet.columns) == shape


def test_each_cell_carries_its_own_time():
    frames = plain_frames(4)
    one = contact_sheet(frames, 2)
    times_s = np.array([0.0, 7.5, 99.0, 22.5])
    other = contact_sheet(Frames(frames.pixels, times_s, "plain"), 2)
    same = [np.array_equal(a, b) for a, b in zip(cells(one), cells(other), strict=True)]
    assert same == [True, True, False, True]


def test_the_time_hides_nothing_of_the_picture():
    frames = plain_frames(2)
    with_label, without = (contact_sheet(frames, 2, label=label) for label in (True, False))
    assert np.array_equal(with_label.picture[-180:], without.picture)
    assert without.labels == ()


def test_labels_are_white_on_dark_and_large_enough_to_read():
    sheet = contact_sheet(plain_frames(1), cell_height=180)
    strip = sheet.picture[:-180].max(axis=2)
    rows = np.flatnonzero((strip > 200).any(axis=1))
    assert rows[-1] - rows[0] >= 12
    assert np.median(strip) < 40


def test_a_narrow_picture_still_has_room_for_its_time():
    sheet = contact_sheet(plain_frames(4, height=400, width=10), cell_height=200)
    bright = (sheet.picture[:20] > 200).all(axis=2).any(axis=0)
    assert not bright[-2:].any()
    assert not bright[:2].any()
    assert sheet.picture.shape[1] // 2 > 40


def test_the_second_on_a_cell_leads_back_to_its_picture():
    frames = plain_frames(3)
    times_s = np.array([4.24, 150 * 1001 / 30000, 150 / 23.976])
    labels = contact_sheet(Frames(frames.pixels, times_s, "plain")).labels
    assert labels == ("4.24s", "5.01s", "6.26s")
    for label, time_s in zip(labels, times_s, strict=True):
        assert time_s <= float(label.removesuffix("s")) < time_s + 0.01


def test_the_caption_tells_a_model_which_cell_is_which_second():
    caption = contact_sheet(plain_frames(3), 2).caption
    assert "2 rows of up to 2" in caption
    assert caption.endswith("1: 0.0s, 2: 7.5s, 3: 15.0s")


def test_no_pictures_and_no_columns_are_refused():
    with pytest.raises(ValueError, match="one picture or more"):
        contact_sheet(plain_frames(0))
    with pytest.raises(ValueError, match="1 column"):
        contact_sheet(plain_frames(), 0)
    with pytest.raises(ValueError, match="16 pixels"):
        contact_sheet(plain_frames(), cell_height=3)
