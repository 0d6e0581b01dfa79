"""The embedder without weights finds pictures again."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from playhead.models.eyes.base import PictureEmbedder
from playhead.models.eyes.plain import PlainEmbedder
from playhead.video import open_video
from playhead.worlds import Knobs, VirtualVideo, make_world

Picture = NDArray[np.uint8]

EMBEDDER = PlainEmbedder()
TAKES = ("bottles.mp4", "bunny.mp4", "cars.mp4", "crystal.webm", "webb.mp4")

pictures = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(
    lambda size: hnp.arrays(np.uint8, (*size, 3), elements=st.integers(0, 255))
)


def changed(picture: Picture, part: float, rng: np.random.Generator) -> Picture:
    """An off-centre part of `picture`, smaller, a little brighter or darker, as a poor JPEG."""
    height, width = (int(part * side) for side in picture.shape[:2])
    top = rng.integers(picture.shape[0] - height + 1)
    left = rng.integers(picture.shape[1] - width + 1)
    cut = picture[top : top + height, left : left + width]
    scale = rng.uniform(0.4, 1.0)
    small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    lit = np.clip(small * rng.uniform(0.9, 1.1), 0, 255).astype(np.uint8)
    quality = int(rng.integers(30, 61))
    return cv2.imdecode(cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


@pytest.fixture(scope="module")
def looked_for(real_videos: Path) -> list[tuple[str, Picture]]:
    """Whole pictures at odd times, with the names of their takes."""
    rng = np.random.default_rng(3)
    chosen = []
    for name in TAKES:
        with open_video(real_videos / name) as video:
            times_s = rng.uniform(0.5, video.info.duration_s - 0.5, 4)
            chosen += [(name, picture) for picture in video.frames_at(times_s.tolist()).pixels]
    return chosen


@pytest.fixture(scope="module")
def bank(real_videos: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Vectors of a picture a second of several takes and of a world, kept as float16."""
    kept, owners = [], []
    for name in TAKES:
        with open_video(real_videos / name) as video:
            kept.append(EMBEDDER.embed_pictures(video.frames(fps=1, max_side=320).pixels))
        owners += [name] * len(kept[-1])
    with VirtualVideo(make_world(1, Knobs(duration_ms=60_000))) as world:
        kept.append(EMBEDDER.embed_pictures(world.frames(fps=1, max_side=320).pixels))
    owners += ["world"] * len(kept[-1])
    return np.concatenate(kept).astype(np.float16).astype(np.float32), owners


def found(bank: tuple[NDArray[np.float32], list[str]], picture: Picture) -> str:
    vectors, owners = bank
    return owners[int((vectors @ EMBEDDER.embed_pictures(picture[None])[0]).argmax())]


def test_it_is_a_picture_embedder():
    assert isinstance(EMBEDDER, PictureEmbedder)
    assert EMBEDDER.dim <= 256


@pytest.mark.parametrize("part", [0.7, 0.8, 0.9])
def test_a_cropped_recompressed_picture_finds_its_own_take(bank, looked_for, part: float):
    rng = np.random.default_rng(3)
    right = sum(found(bank, changed(picture, part, rng)) == name for name, picture in looked_for)
    assert right >= 0.95 * len(looked_for)


def test_a_picture_of_another_shape_finds_its_own_take(bank, looked_for):
    for name, picture in looked_for:
        for size in ((200, 200), (80, 160), (64, 36)):
            assert found(bank, cv2.resize(picture, size, interpolation=cv2.INTER_AREA)) == name


def test_a_place_cut_out_of_a_world_is_found_within_its_scene():
    rng = np.random.default_rng(5)
    world = make_world(4, Knobs(duration_ms=120_000))
    with VirtualVideo(world) as video:
        frames = video.frames(fps=1, max_side=320)
        kept = EMBEDDER.embed_pictures(frames.pixels)
        for scene in world.scenes:
            middle_s = (scene.start_ms + scene.end_ms) / 2000
            query = changed(video.frames_at([middle_s]).pixels[0], 0.8, rng)
            best = int((kept @ EMBEDDER.embed_pictures(query[None])[0]).argmax())
            assert scene.start_ms <= 1000 * frames.times_s[best] < scene.end_ms


def test_black_white_and_grey_are_different_and_unit_vectors():
    plain = np.stack([np.full((18, 32, 3), level, np.uint8) for level in (0, 128, 255)])
    vectors = EMBEDDER.embed_pictures(plain)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert (vectors @ vectors.T)[~np.eye(3, dtype=bool)].max() < 0.9


def test_no_pictures_give_no_vectors():
    none = np.zeros((0, 9, 16, 3), np.uint8)
    assert EMBEDDER.embed_pictures(none).shape == (0, EMBEDDER.dim)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((9, 16, 3), np.uint8), np.zeros((1, 9, 16, 3)), np.zeros((1, 0, 16, 3), "u1")],
)
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        EMBEDDER.embed_pictures(wrong)


@settings(deadline=None, max_examples=60)
@given(pictures)
def test_every_picture_gives_unit_vectors(picture: Picture):
    (vector,) = EMBEDDER.embed_pictures(picture[None])
    assert vector.dtype == np.float32
    assert vector.shape == (EMBEDDER.dim,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@settings(deadline=None, max_examples=20)
@given(hnp.arrays(np.uint8, (4, 11, 17, 3), elements=st.integers(0, 255)))
def test_one_by_one_is_the_same_as_together_to_the_bit(batch: Picture):
    alone = np.concatenate([EMBEDDER.embed_pictures(picture[None]) for picture in batch])
    assert np.array_equal(EMBEDDER.embed_pictures(batch), alone)
    assert np.array_equal(EMBEDDER.embed_pictures(batch[::-1])[::-1], alone)
