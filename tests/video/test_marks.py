"""Marks: drawn where they belong, seen on any ground, on a copy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from playhead.core.media import Region
from playhead.video.base import Frames
from playhead.video.marks import (
    COLOURS,
    Arrow,
    Contour,
    Ellipse,
    Mark,
    Numbers,
    Point,
    Position,
    Rectangle,
    Scribble,
    Triangle,
    draw_marks,
    grow,
    region_from_pixels,
    uncrop,
)
from tests.strategies import fractions, regions

positions = st.builds(Position, x=fractions, y=fractions)
paths = st.lists(positions, min_size=3, max_size=6).map(tuple)
marks = st.one_of(
    st.builds(Rectangle, region=regions()),
    st.builds(Ellipse, region=regions()),
    st.builds(Triangle, region=regions()),
    st.builds(Contour, outline=paths),
    st.builds(Scribble, line=paths),
    st.builds(Point, at=positions),
    st.builds(Arrow, tip=positions, tail=st.none() | positions),
    st.builds(Numbers, at=paths, first=st.integers(0, 999)),
)
REGION = Region(top=0.25, left=0.125, bottom=0.75, right=0.5)
CENTRE = Position(x=0.3125, y=0.5)
ROUND = tuple(
    Position(x=x, y=y) for x, y in [(0.125, 0.25), (0.5, 0.25), (0.5, 0.75), (0.125, 0.75)]
)
IN_REGION = (
    Rectangle(region=REGION),
    Ellipse(region=REGION),
    Triangle(region=REGION),
    Contour(outline=ROUND),
    Scribble(line=ROUND),
)
ALL_KINDS = (*IN_REGION, Point(at=CENTRE), Arrow(tip=CENTRE), Numbers(at=(CENTRE,)))


def ground(colour: tuple[int, int, int], height: int = 240, width: int = 480) -> np.ndarray:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:] = colour
    return picture


def drawn(mark: Mark, height: int = 240, width: int = 480) -> tuple[float, float, float, float]:
    """Top, left, bottom and right of what a mark changes, as fractions of the picture."""
    before = ground((90, 90, 90), height, width)
    rows, columns = np.nonzero((draw_marks(before, [mark]) != before).any(axis=2))
    return (
        rows.min() / height,
        columns.min() / width,
        (rows.max() + 1) / height,
        (columns.max() + 1) / width,
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(marks, max_size=4), st.integers(1, 60), st.integers(1, 60))
def test_drawing_never_fails_and_never_changes_its_input(some: list[Mark], height: int, width: int):
    picture = ground((1, 2, 3), height, width)
    result = draw_marks(picture, some)
    assert (picture == (1, 2, 3)).all()
    assert result.shape == picture.shape
    assert result.flags.writeable
    assert not np.shares_memory(result, picture)


@pytest.mark.parametrize("mark", IN_REGION, ids=lambda mark: mark.kind)
@pytest.mark.parametrize("size", [(240, 480), (1080, 1920)])
def test_a_mark_lies_where_it_was_put_at_any_size(mark: Mark, size: tuple[int, int]):
    expected = (REGION.top, REGION.left, REGION.bottom, REGION.right)
    assert drawn(mark, *size) == pytest.approx(expected, abs=0.025)


@pytest.mark.parametrize("mark", [Point(at=CENTRE), Numbers(at=(CENTRE,))], ids=["point", "number"])
def test_a_dot_is_centred_on_its_place(mark: Mark):
    top, left, bottom, right = drawn(mark)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((0.3125, 0.5), abs=0.01)


@pytest.mark.parametrize("tail", [None, Position(x=0.9, y=0.1), Position(x=0.1, y=0.9)])
def test_the_tip_of_an_arrow_touches_its_place_and_the_head_is_there(tail: Position | None):
    picture = draw_marks(ground((90, 90, 90)), [Arrow(tip=CENTRE, tail=tail)])
    y, x = 120, 150
    assert (picture[y - 2 : y + 3, x - 2 : x + 3] == COLOURS[0]).all(axis=2).any()


@pytest.mark.parametrize("mark", ALL_KINDS, ids=lambda mark: mark.kind)
@pytest.mark.parametrize("colour", [*COLOURS, (0, 0, 0), (255, 255, 255), (128, 128, 128)])
def test_a_mark_is_seen_on_any_ground(mark: Mark, colour: tuple[int, int, int]):
    before = ground(colour)
    change = np.abs(draw_marks(before, [mark]).astype(int) - before).max(axis=2)
    assert (change > 100).sum() > 40


def test_marks_have_different_colours_and_so_have_numbers():
    places = tuple(Position(x=x, y=0.5) for x in (0.2, 0.5, 0.8))
    for some in ([Point(at=place) for place in places], [Numbers(at=places)]):
        picture = draw_marks(ground((90, 90, 90)), some)
        assert all((picture == colour).all(axis=2).any() for colour in COLOURS[:3])


def test_numbers_at_the_edge_are_drawn_whole():
    corner, middle = (
        draw_marks(ground((90, 90, 90)), [Numbers(at=(place,), first=88)])
        for place in (Position(x=1, y=1), Position(x=0.5, y=0.5))
    )
    counts = [(picture != 90).any(axis=2).sum() for picture in (corner, middle)]
    assert counts[0] == pytest.approx(counts[1], rel=0.05)


@given(marks)
def test_a_mark_survives_json(mark: Mark):
    adapter = TypeAdapter(Mark)
    assert adapter.validate_json(adapter.dump_json(mark)) == mark


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_place_outside_the_picture_is_refused(value: float):
    with pytest.raises(ValidationError):
        Position(x=value, y=0.5)


def test_a_contour_needs_three_corners_and_a_scribble_two():
    with pytest.raises(ValidationError):
        Contour(outline=ROUND[:2])
    with pytest.raises(ValidationError):
        Scribble(line=ROUND[:1])


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        draw_marks(np.zeros((4, 4), np.uint8), [])
    with pytest.raises(ValueError, match="colour"):
        draw_marks(ground((0, 0, 0)), [], colours=[])


@given(regions(), st.integers(20, 2000), st.integers(20, 2000))
def test_a_box_in_pixels_is_the_same_region(region: Region, height: int, width: int):
    box = region.top * height, region.left * width, region.bottom * height, region.right * width
    back = region_from_pixels(*box, height=height, width=width)
    assert back.model_dump() == pytest.approx(region.model_dump(), abs=1e-9)


def test_a_box_is_cut_off_at_the_edges_and_refused_outside():
    assert region_from_pixels(-5, 10, 50, 900, height=100, width=100) == Region(
        top=0, left=0.1, bottom=0.5, right=1
    )
    with pytest.raises(ValueError, match="top < bottom"):
        region_from_pixels(200, 0, 300, 50, height=100, width=100)


@given(regions(), st.floats(0, 3))
def test_a_grown_region_holds_the_old_one(region: Region, by: float):
    big = grow(region, by)
    assert big.top <= region.top < region.bottom <= big.bottom
    assert big.left <= region.left < region.right <= big.right


def test_a_region_of_a_crop_is_found_in_the_whole_picture():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 80, 160, 3)).astype(np.uint8)
    whole = Frames(pixels, np.zeros(1), "noise")
    roi = Region(top=0.25, left=0.5, bottom=0.75, right=1.0)
    inner = Region(top=0.5, left=0.25, bottom=1.0, right=0.75)
    twice = Frames(whole.crop(roi).pixels, np.zeros(1), "noise").crop(inner)
    assert np.array_equal(whole.crop(uncrop(inner, roi)).pixels, twice.pixels)
