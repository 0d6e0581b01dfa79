"""A planted patch is found where it was planted."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.core.errors import Blamed
from playhead.core.media import Region
from playhead.models.eyes import find_embedder
from playhead.tools.roi import on_pixels, propose_regions, read_region


def iou(a: Region, b: Region) -> float:
    high = min(a.bottom, b.bottom) - max(a.top, b.top)
    wide = min(a.right, b.right) - max(a.left, b.left)
    both = max(0.0, high) * max(0.0, wide)
    areas = sum((r.bottom - r.top) * (r.right - r.left) for r in (a, b))
    return both / (areas - both)


def patch(height: int, width: int) -> NDArray[np.uint8]:
    """A red field with a green corner, a blue bar and a white edge: no part of it looks like it."""
    picture = np.full((height, width, 3), (200, 30, 30), np.uint8)
    picture[: height // 3, : width // 4] = (30, 200, 30)
    picture[-height // 5 :] = (40, 40, 220)
    picture[:, -width // 8 :] = (240, 240, 240)
    return picture


def planted(place: Region) -> NDArray[np.uint8]:
    """Grey noise of 180 x 320 with the patch in it."""
    rng = np.random.default_rng(3)
    picture = rng.integers(90, 150, (180, 320, 3)).astype(np.uint8)
    top, left, bottom, right = place.pixels(180, 320)
    picture[top:bottom, left:right] = patch(bottom - top, right - left)
    return picture


@pytest.mark.parametrize(
    "place",
    [
        Region(top=0.25, left=0.5, bottom=0.5, right=0.75),  # a cell of the grid
        Region(top=0.31, left=0.06, bottom=0.62, right=0.38),  # none
        Region(top=0.4, left=0.45, bottom=0.95, right=0.98),  # larger
    ],
)
def test_a_planted_patch_is_found(place: Region):
    (found, score), *_ = propose_regions(patch(60, 60), planted(place), find_embedder("plain"))
    assert iou(found, place) > 0.7
    assert score > 0.8


def test_a_vector_finds_the_same_as_its_picture():
    embedder = find_embedder("plain")
    place = Region(top=0.25, left=0.5, bottom=0.5, right=0.75)
    vector = embedder.embed_pictures(patch(60, 60)[None])[0]
    by_vector = propose_regions(vector, planted(place), embedder)
    assert by_vector == propose_regions(patch(60, 60), planted(place), embedder)


def test_two_planted_patches_are_found_each_once_and_best_first():
    places = [
        Region(top=0.25, left=0.05, bottom=0.55, right=0.35),
        Region(top=0.4, left=0.6, bottom=0.8, right=0.95),
    ]
    picture = np.where(np.arange(320)[None, :, None] < 160, *map(planted, places)).astype(np.uint8)
    found = propose_regions(patch(60, 60), picture, find_embedder("plain"), num=2)
    assert [score for _, score in found] == sorted((s for _, s in found), reverse=True)
    assert len(found) == 2
    for place in places:
        assert max(iou(place, region) for region, _ in found) > 0.7


def test_a_region_is_clamped_to_the_picture_and_an_empty_one_is_refused():
    assert read_region([-1, 0, 0.5, 7]) == Region(top=0, left=0, bottom=0.5, right=1)
    assert read_region(None) is None
    with pytest.raises(Blamed, match="top < bottom"):
        read_region([0.5, 0, 0.5, 1])


def test_a_region_on_pixels_gives_the_same_crop_and_tells_how_large_the_whole_was():
    rng = np.random.default_rng(5)
    for height, width in ((49, 98), (360, 640), (204, 361), (97, 13)):
        for _ in range(200):
            top, left = rng.uniform(0, 0.8, 2).tolist()
            region = Region(
                top=top, left=left, bottom=rng.uniform(top, 1), right=rng.uniform(left, 1)
            )
            moved = on_pixels(region, height, width)
            box = region.pixels(height, width)
            assert moved.pixels(height, width) == box
            assert round((box[2] - box[0]) / (moved.bottom - moved.top)) == height
            assert round((box[3] - box[1]) / (moved.right - moved.left)) == width
