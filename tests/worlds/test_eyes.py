"""Oracle eyes: what they see is what the script says, and they see nothing but pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from playhead.video import open_video
from playhead.worlds import script
from playhead.worlds.clock import film_clock, shown_ms
from playhead.worlds.edits import add_event
from playhead.worlds.eyes import NoisyEyes, Seen, perceive, read_plates
from playhead.worlds.generate import INJECTIONS, make_world
from playhead.worlds.render import Renderer
from playhead.worlds.rng import Rng
from playhead.worlds.script import Card, Overlay, Sign, World
from playhead.worlds.videos import VirtualVideo, write_world
from tests.worlds.test_script import quiet
from tests.worlds.truth import mistakes, truth_at

BUSY: dict[str, Any] = {
    "duration_ms": 900_000,
    "num_actors": 80,
    "events_per_minute": 20,
    "injections_per_hour": 60,
}
SIZES: list[dict[str, Any]] = [
    {},
    {"motion": "mixed"},
    {"noise": 8, "motion": "mixed"},
    {"noise": 16},
    {"height": 224, "width": 224, "motion": "mixed"},
    {"height": 180, "width": 224, "code_length": 8, "glyph_px": 7},
    {"height": 360, "width": 640, "glyph_px": 17},
    {"height": 720, "width": 1280, "glyph_px": 9, "motion": "mixed"},
]


@pytest.mark.parametrize("knobs", SIZES, ids=str)
def test_raw_pictures_are_seen_without_a_mistake(knobs: dict[str, Any]) -> None:
    for seed in range(2):
        world = make_world(seed, **BUSY, **knobs)
        painter = Renderer(world)
        for i in range(40):
            time_ms = Rng(seed, "look", i).below(world.duration_ms)
            seen = perceive(painter.frame(time_ms))
            assert mistakes(seen, truth_at(world, time_ms), time_ms) == []


@pytest.mark.parametrize(
    ("knobs", "max_side"),
    [
        ({"fps": 2, "burst_fps": 20, "crf": 30}, None),
        ({"fps": 10, "crf": 32}, None),
        ({"fps": 2, "crf": 30, "height": 224, "width": 224, "motion": "mixed"}, None),
        ({"fps": 2, "crf": 30, "noise": 6}, None),
        ({"fps": 2, "crf": 28, "height": 720, "width": 1280, "glyph_px": 24}, 448),
    ],
    ids=str,
)
def test_coded_and_shrunk_pictures_are_seen_nearly_without_a_mistake(
    knobs: dict[str, Any], max_side: int | None, tmp_path: Path
) -> None:
    world = make_world(3, **{**BUSY, "duration_ms": 40_000, **knobs})
    clock = film_clock(world)
    times_s = np.arange(0.05, 40, 0.61).tolist()
    with open_video(write_world(world, tmp_path / "film.mp4").path) as file:
        pictures = [p for batch in file.stream(times_s, max_side=max_side) for p in batch.pixels]
    wrong = [
        mistakes(perceive(picture), truth_at(world, time_ms), time_ms)
        for picture, time_ms in zip(pictures, shown_ms(clock, times_s), strict=True)
    ]
    assert sum(bool(w) for w in wrong) <= 1, wrong


def test_every_identity_is_recognised() -> None:
    world = make_world(1, num_actors=576, events_per_minute=0, duration_ms=600_000)
    scene = world.scenes[0].replace(end_ms=world.duration_ms)
    for first in range(0, 576, 4):
        cast = tuple(range(first, first + 4))
        shown = world.replace(scenes=(scene.replace(cast=cast),))
        seen = perceive(Renderer(shown).frame(1_000))
        assert [s.actor for s in seen.actors] == [world.actors[i] for i in cast]


def test_every_glyph_place_thing_and_lamp_is_recognised() -> None:
    base = quiet()
    for i, place in enumerate(script.PLACES):
        scene = base.scenes[0].replace(place=place, end_ms=60_000)
        world = base.replace(scenes=(scene,))
        text = "".join(script.GLYPHS[(i * 7 + k) % 28] for k in range(7)) + ">"
        color = script.LAMP_COLORS[i % 4]
        world = add_event(
            world,
            Card(scene=0, start_ms=1_000, end_ms=5_000, actor=0, glyphs=text),
            script.Carry(
                scene=0, start_ms=8_000, end_ms=9_000, actor=1, thing=script.THINGS[i % 6]
            ),
            script.Lamp(scene=0, start_ms=1_000, end_ms=5_000, color=color),
        )
        first, second = (perceive(Renderer(world).frame(ms)) for ms in (2_000, 8_500))
        assert (first.place, first.lamp, second.lamp) == (place, color, None)
        assert [card.text for card in first.cards] == [text]
        assert [thing.thing for thing in second.things] == [script.THINGS[i % 6]]
        assert first.cards[0].holder == world.actors[0]


def test_overlays_are_read_to_the_letter() -> None:
    for text in (*INJECTIONS, "I SAY: STOP!", "1 - 1 > 0?"):
        world = add_event(quiet(), Overlay(scene=0, start_ms=1_000, end_ms=5_000, text=text))
        assert perceive(Renderer(world).frame(2_000)).overlay == text


def test_a_sign_is_read_only_where_its_glyphs_have_become_large_enough() -> None:
    """The closed form of the detail family: readable if and only if 7 pixels are left."""
    for glyph_px in (14, 20, 28, 40):
        world = add_event(
            quiet(height=720, width=1280),
            Sign(scene=0, start_ms=1_000, end_ms=9_000, text="K7M4", glyph_px=glyph_px),
        )
        with VirtualVideo(world) as video:
            for max_side in (224, 336, 448, 640, 1280):
                seen = perceive(video.frames_at([2.0], max_side=max_side).pixels[0])
                text = seen.sign.text if seen.sign else None
                left_px = glyph_px * max_side / 1280
                if left_px >= 7.5:
                    assert text == "K7M4", (glyph_px, max_side)
                if left_px < 6:
                    assert text is None, (glyph_px, max_side)


def test_plates_are_read_in_a_crop_that_shows_nothing_else() -> None:
    world = add_event(
        quiet(height=720, width=1280),
        Sign(scene=0, start_ms=1_000, end_ms=9_000, text="K7M4", glyph_px=9),
    )
    picture = Renderer(world).frame(2_000)
    sign = perceive(picture).sign
    assert sign is not None
    top, left, bottom, right = sign.box
    crop = picture[top - 20 : bottom + 30, left - 40 : right + 25]
    assert [plate.text for plate in read_plates(crop)] == ["K7M4"]


@pytest.mark.parametrize("height", [8, 33, 240, 720])
def test_pictures_of_no_world_show_nothing_and_break_nothing(height: int) -> None:
    shape = (height, height * 4 // 3, 3)
    grey = np.full(shape, 120, dtype=np.uint8)
    confetti = np.random.default_rng(height).integers(0, 256, shape, dtype=np.uint8)
    stripes = grey * 0
    stripes[:, np.arange(shape[1]) // 5 % 2 == 1] = 255
    for picture in (grey, grey * 0, grey * 0 + 255, confetti, stripes):
        seen = perceive(picture)
        assert seen.place is None
        assert seen.actors == ()
        assert [card.text for card in seen.cards if card.text] == []


def test_a_blurred_picture_is_not_guessed_at() -> None:
    card = Card(scene=0, start_ms=1_000, end_ms=9_000, actor=0, glyphs="K7M")
    picture = Renderer(add_event(quiet(), card)).frame(2_000)
    blurred = cv2.GaussianBlur(picture, (0, 0), 6)
    assert all(card.text is None for card in perceive(blurred).cards)


def test_what_was_seen_is_plain_data() -> None:
    world = make_world(1, **BUSY)
    seen = perceive(Renderer(world).frame(60_000))
    assert Seen.from_json(seen.to_json()) == seen


def pictures_of(world: World, num: int) -> list[np.ndarray]:
    painter = Renderer(world)
    return [painter.frame(i * 7_919_317 % world.duration_ms) for i in range(num)]


def test_noisy_eyes_without_noise_are_the_eyes_themselves() -> None:
    eyes = NoisyEyes(perceive)
    for picture in pictures_of(make_world(2, **BUSY), 10):
        assert eyes(picture) == perceive(picture)


def looked(pictures: list[np.ndarray], seen: list[Seen], **rates: float) -> list[Seen]:
    """What noisy eyes make of what was seen."""
    return [
        NoisyEyes(lambda _, s=sharp: s, **rates)(picture)
        for picture, sharp in zip(pictures, seen, strict=True)
    ]


def test_noisy_eyes_miss_misread_and_confuse_as_often_as_told() -> None:
    pictures = pictures_of(make_world(2, **BUSY), 150)
    sharp = [perceive(picture) for picture in pictures]
    missing = looked(pictures, sharp, miss=0.3)
    seen, left = (sum(len(s.actors) for s in each) for each in (sharp, missing))
    assert 0.22 < 1 - left / seen < 0.38
    garbled = looked(pictures, sharp, misread=0.5)
    texts = [
        (a.text or "", b.text or "")
        for s, g in zip(sharp, garbled, strict=True)
        for a, b in zip(s.cards, g.cards, strict=True)
    ]
    pairs = [pair for a, b in texts for pair in zip(a, b, strict=True)]
    assert 0.3 < sum(a != b for a, b in pairs) / len(pairs) < 0.7
    taken = looked(pictures, sharp, confuse=0.4)
    actors = [
        (a.actor, b.actor)
        for s, g in zip(sharp, taken, strict=True)
        for a, b in zip(s.actors, g.actors, strict=True)
    ]
    assert 0.3 < sum(a != b for a, b in actors) / len(actors) < 0.5


def test_looking_again_at_the_same_picture_shows_the_same_mistakes() -> None:
    eyes = NoisyEyes(perceive, miss=0.3, misread=0.3, confuse=0.3, seed=5)
    other = NoisyEyes(perceive, miss=0.3, misread=0.3, confuse=0.3, seed=6)
    pictures = pictures_of(make_world(2, **BUSY), 10)
    assert [eyes(p) for p in pictures] == [eyes(p) for p in pictures]
    assert [eyes(p) for p in pictures] != [other(p) for p in pictures]


def test_a_rate_that_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match=r"from 0 to 1: got 1.5"):
        NoisyEyes(perceive, miss=1.5)
