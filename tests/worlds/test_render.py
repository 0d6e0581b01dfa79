"""Pictures: the same bytes everywhere, at once for any moment, and really showing the script."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from playhead.worlds import script
from playhead.worlds.edits import add_event
from playhead.worlds.font import FONT, text_dots, text_mask
from playhead.worlds.generate import make_world
from playhead.worlds.layout import Layout
from playhead.worlds.places import PLACES, place_background, plate
from playhead.worlds.render import Renderer, render
from playhead.worlds.script import GLYPHS, Actor, Blink, Card, Door, Lamp, Overlay, Sign, World
from playhead.worlds.sprites import PALETTE, THINGS, WHITE, actor_sprite
from tests.worlds.test_script import quiet

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
"""SHA-256 of scripts, frames and sounds: other bytes are other worlds, and need a new release."""


def fingerprints_of(python: list[str], hash_seed: int) -> dict[str, str]:
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    command = [*python, "-m", "tests.worlds.fingerprints"]
    made = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, check=True, text=True, timeout=600
    )
    return json.loads(made.stdout)


@pytest.mark.parametrize("hash_seed", [0, 1, 4_242])
def test_scripts_frames_and_beeps_are_the_same_in_every_process(hash_seed: int) -> None:
    assert fingerprints_of([sys.executable], hash_seed) == GOLDEN


@pytest.mark.slow
@pytest.mark.parametrize("numpy", ["1.26.4", "2.0.2"])
def test_scripts_frames_and_beeps_are_the_same_in_other_versions_of_numpy(numpy: str) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    packages = [f"numpy=={numpy}", "pydantic>=2.11"]
    with_them = [argument for package in packages for argument in ("--with", package)]
    python = [uv, "run", "--no-project", "--isolated", "--python", "3.11", *with_them, "python"]
    try:
        version = subprocess.run(
            [*python, "-c", "import numpy; print(numpy.__version__)"],
            capture_output=True, check=True, text=True, timeout=300,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        pytest.skip(f"that numpy cannot be installed here: {error.stderr[-200:]}")
    assert version.stdout.strip() == numpy
    assert fingerprints_of(python, 0) == GOLDEN


@pytest.mark.parametrize("motion", ["static", "pan", "shake"])
def test_a_picture_does_not_depend_on_what_was_painted_before(motion: str) -> None:
    world = make_world(4, duration_ms=300_000, motion=motion, noise=3)
    times = [i * 7_919 % world.duration_ms for i in range(60)]
    in_order, painter = {}, Renderer(world)
    for time_ms in sorted(times):
        in_order[time_ms] = sha256(painter.frame(time_ms).tobytes()).digest()
    for time_ms in times[:20]:
        assert sha256(render(world, time_ms).tobytes()).digest() == in_order[time_ms]


def test_pictures_are_the_callers_to_change() -> None:
    painter = Renderer(make_world(4))
    painter.frame(1_000)[:] = 0
    assert painter.frame(1_000).any()


@pytest.mark.parametrize(("time_ms", "camera"), [(-1, 0), (600_000, 0), (0, 1)])
def test_a_moment_or_camera_that_is_not_there_is_refused(time_ms: int, camera: int) -> None:
    with pytest.raises(IndexError, match=f"camera {camera} at {time_ms} ms"):
        render(make_world(1), time_ms, camera)


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"motion": "pan"},
        {"motion": "shake"},
        {"height": 180, "width": 224, "code_length": 8},
        {"height": 720, "width": 1280},
    ],
    ids=str,
)
def test_nothing_ever_covers_a_card(knobs: dict[str, object]) -> None:
    world = make_world(8, duration_ms=900_000, events_per_minute=30, **knobs)
    painter, cards = Renderer(world), world.events_of(Card)
    assert len(cards) > 20
    for card in cards[:20]:
        cast = world.scenes[card.scene].cast
        column = painter.layout.slot(cast.index(card.actor), len(cast))
        painted = plate(card.glyphs, painter.layout, WHITE)
        for time_ms in (card.start_ms, (card.start_ms + card.end_ms) // 2, card.end_ms - 1):
            assert is_near(painter.frame(time_ms), painted, column, painter.layout)


def is_near(picture: np.ndarray, part: np.ndarray, column: int, layout: Layout) -> bool:
    """Whether every pixel of `part` is held up near a column."""
    height, width, _ = part.shape
    box, reach = layout.raised(column, height, width), 2 * layout.margin
    return any(
        np.array_equal(picture[top : top + height, left : left + width], part)
        for top in range(box.top - layout.margin, box.top + layout.margin + 1)
        for left in range(max(box.left - reach, 0), box.left + reach + 1)
    )


def test_an_actor_shines_during_its_flashes_and_not_between_them() -> None:
    world = add_event(quiet(), Blink.burst(0, 0, 5_000, 4, flash_ms=150, period_ms=400))
    painter, still = Renderer(world), quiet()
    plain = Renderer(still)
    for time_ms in range(4_900, 6_700, 10):
        shines = any(a <= time_ms < b for a, b in world.events_of(Blink)[0].flash_spans_ms)
        differs = not np.array_equal(painter.frame(time_ms), plain.frame(time_ms))
        assert differs == shines


@pytest.mark.parametrize(
    "event",
    [
        Card(scene=0, start_ms=4_000, end_ms=9_000, actor=1, glyphs="ACD"),
        Lamp(scene=0, start_ms=4_000, end_ms=9_000, color="green"),
        Door(scene=0, start_ms=4_000, end_ms=9_000),
        Sign(scene=0, start_ms=4_000, end_ms=9_000, text="ACD", glyph_px=20),
        Overlay(scene=0, start_ms=4_000, end_ms=9_000, text="STOP!"),
    ],
    ids=lambda event: event.kind,
)
def test_an_event_is_seen_from_its_first_to_its_last_millisecond(event: script.Event) -> None:
    with_it, without = Renderer(add_event(quiet(), event)), Renderer(quiet())
    seen = [
        not np.array_equal(with_it.frame(time_ms), without.frame(time_ms))
        for time_ms in (3_999, 4_000, 8_999, 9_000)
    ]
    assert seen == [False, True, True, False]


def test_every_identity_looks_different() -> None:
    layout = Layout(240, 320)
    looks = product(script.COLORS, script.SHAPES, script.PATTERNS, script.HATS)
    pictures = set()
    for color, shape, pattern, hat in looks:
        actor = Actor(color=color, shape=shape, pattern=pattern, hat=hat)
        sprite = actor_sprite(actor, layout)
        pictures.add(np.where(sprite.mask, sprite.pixels, 0).tobytes())
    assert len(pictures) == 576


def test_colours_are_far_apart() -> None:
    for first, second in combinations(PALETTE.values(), 2):
        assert sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) > 80**2


def test_places_are_dull_and_all_different() -> None:
    layout = Layout(240, 320)
    backgrounds = [place_background(place, layout, 0)[30:118, :260] for place in PLACES]
    for background in backgrounds:
        wide = background.astype(int)
        assert (wide.max(axis=2) - wide.min(axis=2)).max() < 56
        assert wide.max(axis=2).min() > 90
        assert wide.min(axis=2).max() < 180
    for first, second in combinations(backgrounds, 2):
        assert np.abs(first.astype(int) - second).mean() > 4


def test_glyphs_differ_in_four_dots_or_more() -> None:
    assert len(GLYPHS) == 28
    for first, second in combinations(GLYPHS + ">", 2):
        assert (FONT[first] != FONT[second]).sum() >= 4, (first, second)


def test_things_differ_in_a_fifth_of_their_dots() -> None:
    for first, second in combinations(THINGS, 2):
        assert (THINGS[first] != THINGS[second]).mean() > 0.2, (first, second)


@pytest.mark.parametrize("glyph_px", [7, 9, 14, 33])
def test_text_of_any_height_keeps_all_its_dots(glyph_px: int) -> None:
    mask, dots = text_mask("AC9", glyph_px), text_dots("AC9")
    assert mask.shape == (glyph_px, 17 * glyph_px // 7)
    rows = np.arange(glyph_px) * 7 // glyph_px
    columns = np.arange(mask.shape[1]) * 17 // mask.shape[1]
    assert np.array_equal(mask, dots[rows][:, columns])


def test_cameras_show_their_own_places() -> None:
    world: World = make_world(3, num_cameras=3, duration_ms=60_000)
    painter = Renderer(world)
    pictures = {painter.frame(1_000, camera).tobytes() for camera in range(3)}
    assert len(pictures) == 3


def test_noise_changes_no_channel_by_more_than_its_knob() -> None:
    plain, noisy = (Renderer(make_world(3, noise=noise)) for noise in (0, 7))
    change = noisy.frame(9_000).astype(int) - plain.frame(9_000)
    assert np.abs(change).max() == 7
    assert not np.array_equal(noisy.frame(9_000), noisy.frame(9_100))
