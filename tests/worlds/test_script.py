"""Scripts: pure functions of a seed, whole numbers, and rules that an edit cannot break unseen."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from playhead.worlds import edits, script
from playhead.worlds.edits import add_event, check, free_ms, standing_ms, validate
from playhead.worlds.generate import make_world
from playhead.worlds.rng import Rng, noise
from playhead.worlds.script import (
    Beep,
    Blink,
    Card,
    Carry,
    Door,
    Enter,
    Event,
    Exit,
    Game,
    Lamp,
    Overlay,
    Scene,
    Sign,
    Speech,
    Subtitle,
    Swap,
    World,
)

VARIANTS: list[dict[str, Any]] = [
    {},
    {"duration_ms": 10_000},
    {"duration_ms": 3_600_000, "events_per_minute": 30},
    {"fps": 1, "scene_ms": 4_000, "num_actors": 1},
    {"fps": 2, "burst_fps": 20, "injections_per_hour": 600},
    {"num_cameras": 16, "modality": "mixed", "subtitles_per_minute": 20},
    {"height": 180, "width": 224, "code_length": 8, "modality": "audio"},
    {"height": 720, "width": 1280, "glyph_px": 60, "motion": "mixed"},
    {"events_per_minute": 0, "subtitles_per_minute": 0, "num_actors": 576},
]


def quiet(cast: tuple[int, ...] = (0, 1), **knobs: Any) -> World:
    """Two scenes of 30 seconds in which nothing happens."""
    base = make_world(
        7, duration_ms=60_000, events_per_minute=0, modality="visual", num_actors=6, **knobs
    )
    return base.replace(
        scenes=tuple(
            Scene(place=place, camera=0, start_ms=start, end_ms=start + 30_000, cast=cast)
            for place, start in (("harbour", 0), ("garden", 30_000))
        ),
        events=(),
    )


@pytest.mark.parametrize("knobs", VARIANTS, ids=str)
def test_every_base_world_can_be_shown_as_it_says(knobs: dict[str, Any]) -> None:
    for seed in range(5):
        assert check(make_world(seed, **knobs)) == []


def test_a_script_is_read_back_equal_from_its_json() -> None:
    world = make_world(3, modality="mixed", injections_per_hour=60)
    assert World.from_json(world.to_json()) == world
    assert World.from_json(world.to_json()).id == world.id


def test_a_script_holds_no_fractions() -> None:
    assert "." not in make_world(3, modality="visual").to_json()


def test_the_base_world_is_full_of_every_kind_of_event() -> None:
    world = make_world(5, duration_ms=3_600_000, modality="audio", injections_per_hour=60)
    kinds = {type(event) for event in world.events}
    assert kinds == {*script.VISIBLE, *script.AUDIBLE}


def test_other_seeds_and_other_knobs_are_other_worlds() -> None:
    ids = {make_world(seed, noise=noise).id for seed in range(20) for noise in (0, 1)}
    assert len(ids) == 40


def test_more_events_do_not_move_the_scenes_or_the_subtitles() -> None:
    calm, busy = make_world(4), make_world(4, events_per_minute=30)
    assert calm.scenes == busy.scenes
    assert calm.subtitles == busy.subtitles
    assert calm.actors == busy.actors


def test_no_two_actors_of_a_world_look_the_same() -> None:
    assert len(set(make_world(1, num_actors=576).actors)) == 576


def test_an_actor_is_never_on_two_cameras_at_once() -> None:
    world = make_world(2, num_cameras=8, duration_ms=600_000)
    for time_ms in range(0, world.duration_ms, 5_000):
        here = [world.scenes[world.scene_at(time_ms, camera)].cast for camera in range(8)]
        actors = [actor for cast in here for actor in cast]
        assert len(actors) == len(set(actors))


def test_scene_at_finds_the_scene_of_any_moment() -> None:
    world = make_world(2, duration_ms=300_000)
    for time_ms in range(0, world.duration_ms, 997):
        scene = world.scenes[world.scene_at(time_ms)]
        assert scene.start_ms <= time_ms < scene.end_ms
    assert world.scenes_during(0, world.duration_ms) == world.scenes_of(0)
    for time_ms in (-1, world.duration_ms):
        with pytest.raises(IndexError, match="got camera 0 at"):
            world.scene_at(time_ms)


def test_events_must_be_in_order_of_time() -> None:
    world = make_world(1)
    with pytest.raises(ValueError, match="in order of start_ms"):
        world.replace(events=tuple(reversed(world.events)))


@pytest.mark.parametrize(
    "knobs",
    [{"duration_ms": 9_999}, {"width": 321}, {"fps": 0}, {"noise": 99}, {"colour": 1}],
    ids=str,
)
def test_knobs_outside_their_range_are_refused(knobs: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="Knobs"):
        make_world(1, **knobs)


BROKEN: list[tuple[str, tuple[Event, ...]]] = [
    ("inside", (Door(scene=0, start_ms=28_000, end_ms=31_000),)),
    ("inside", (Door(scene=1, start_ms=9_000, end_ms=12_000),)),
    (
        "apart",
        (
            Card(scene=0, start_ms=1_000, end_ms=5_000, actor=0, glyphs="ACD"),
            Card(scene=0, start_ms=4_000, end_ms=8_000, actor=1, glyphs="EFG"),
        ),
    ),
    (
        "apart",
        (
            Card(scene=0, start_ms=1_000, end_ms=5_000, actor=0, glyphs="ACD"),
            Blink.burst(0, 0, 4_000, 3),
        ),
    ),
    (
        "apart",
        (
            Lamp(scene=0, start_ms=1_000, end_ms=5_000, color="red"),
            Lamp(scene=0, start_ms=5_010, end_ms=9_000, color="red"),
        ),
    ),
    ("long", (Card(scene=0, start_ms=1_000, end_ms=1_100, actor=0, glyphs="ACD"),)),
    ("long", (Speech(scene=0, start_ms=1_000, end_ms=2_000, text="far too much to say at once"),)),
    ("standing", (Card(scene=0, start_ms=1_000, end_ms=5_000, actor=5, glyphs="ACD"),)),
    (
        "standing",
        (
            Exit(scene=0, start_ms=1_000, end_ms=2_000, actor=0),
            Card(scene=0, start_ms=9_000, end_ms=12_000, actor=0, glyphs="ACD"),
        ),
    ),
    (
        "turns",
        (
            Enter(scene=0, start_ms=1_000, end_ms=2_000, actor=0),
            Enter(scene=0, start_ms=9_000, end_ms=10_000, actor=0),
        ),
    ),
    ("turns", (Exit(scene=0, start_ms=1_000, end_ms=2_000, actor=4),)),
    ("flashes", (Blink.burst(0, 0, 1_000, 3, flash_ms=60),)),
    ("flashes", (Blink.burst(0, 0, 1_000, 3).replace(flashes=4),)),
    ("flashes", (Beep.burst(0, 1_000, 3, "low", tone_ms=50),)),
    ("game", (Game(scene=0, start_ms=1_000, end_ms=9_000, ball=0, reveal_ms=1_010),)),
    ("game", (Swap(scene=0, start_ms=1_000, end_ms=2_000, a=0, b=1),)),
    (
        "game",
        (
            Game(scene=0, start_ms=1_000, end_ms=9_000, ball=0, reveal_ms=3_000),
            Swap(scene=0, start_ms=3_500, end_ms=4_500, a=1, b=1),
        ),
    ),
    (
        "game",
        (
            Game(scene=0, start_ms=1_000, end_ms=9_000, ball=0, reveal_ms=3_000),
            Swap(scene=0, start_ms=3_500, end_ms=4_500, a=0, b=1),
            Swap(scene=0, start_ms=4_400, end_ms=5_400, a=0, b=2),
        ),
    ),
    ("text", (Card(scene=0, start_ms=1_000, end_ms=5_000, actor=0, glyphs="B0I"),)),
    ("text", (Card(scene=0, start_ms=1_000, end_ms=5_000, actor=0, glyphs="A" * 9),)),
    ("text", (Sign(scene=0, start_ms=1_000, end_ms=5_000, text="ACD", glyph_px=80),)),
    ("text", (Overlay(scene=0, start_ms=1_000, end_ms=5_000, text="x" * 5),)),
    ("text", (Overlay(scene=0, start_ms=1_000, end_ms=5_000, text="A" * 40),)),
]


@pytest.mark.parametrize(("rule", "events"), BROKEN, ids=[str(i) for i in range(len(BROKEN))])
def test_a_broken_rule_is_named(rule: str, events: tuple[Event, ...]) -> None:
    world = add_event(quiet(), *events)
    assert {breach.split(":")[0] for breach in check(world)} == {rule}
    with pytest.raises(ValueError, match=f"{rule}: "):
        validate(world)


def test_broken_scenes_are_named() -> None:
    world = quiet()
    first, second = world.scenes
    gap = world.replace(scenes=(first, second.replace(start_ms=31_000)))
    assert [breach.split(":")[0] for breach in check(gap)] == ["tiling"]
    crowd = world.replace(scenes=(first.replace(cast=(0, 1, 2, 3, 4)), second))
    assert [breach.split(":")[0] for breach in check(crowd)] == ["cast"]
    twins = world.replace(actors=(world.actors[0],) * 2)
    assert [breach.split(":")[0] for breach in check(twins)] == ["cast"]


def test_somebody_on_two_cameras_at_once_is_named() -> None:
    world = make_world(2, num_cameras=2, duration_ms=20_000)
    scenes = tuple(scene.replace(cast=(0,)) for scene in world.scenes)
    both = world.replace(scenes=scenes, events=(), subtitles=())
    assert {breach.split(":")[0] for breach in check(both)} == {"one place"}


def test_subtitles_that_overlap_are_named() -> None:
    lines = [Subtitle(start_ms=start, end_ms=start + 2_000, text="so") for start in (0, 1_000)]
    assert check(quiet().replace(subtitles=tuple(lines))) == ["subtitles: lines overlap at 1000 ms"]


def test_a_new_subtitle_takes_the_place_of_those_in_its_way() -> None:
    world = edits.add_subtitle(quiet(), Subtitle(start_ms=0, end_ms=2_000, text="old"))
    world = edits.add_subtitle(world, Subtitle(start_ms=1_000, end_ms=3_000, text="new"))
    assert [line.text for line in world.subtitles] == ["new"]


def test_events_fitted_into_a_busy_world_keep_every_rule() -> None:
    for seed in range(8):
        world, rng = make_world(seed, duration_ms=120_000), Rng(seed, "fit")
        for i in range(40):
            scene = rng.below(len(world.scenes))
            actor = rng.choice(world.scenes[scene].cast)
            when = {"scene": scene, "start_ms": 0, "end_ms": 2_000}
            drafts: list[Event] = [
                Card(**when, actor=actor, glyphs="ACD>E4F"),
                Carry(**when, actor=actor, thing="key"),
                Blink.burst(scene, actor, 0, 4),
                Lamp(**when, color="blue"),
                Door(**when),
            ]
            fitted = edits.fit(world, drafts[i % len(drafts)], rng)
            if fitted is not None:
                world = add_event(world, fitted)
        assert check(world) == []


def test_free_intervals_are_exactly_where_an_event_would_fit() -> None:
    world = make_world(11, duration_ms=60_000, events_per_minute=20)
    for scene in range(len(world.scenes)):
        here, actor = world.scenes[scene], world.scenes[scene].cast[0]
        free = free_ms(world, scene, [("card", 0), ("actor", actor)], 2_000)
        for start in range(here.start_ms, here.end_ms - 2_000, 397):
            card = Card(scene=scene, start_ms=start, end_ms=start + 2_000, actor=actor, glyphs="A")
            fits = any(a <= start and start + 2_000 <= b for a, b in free)
            assert fits == (check(add_event(world, card), [scene]) == [])


def test_clearing_a_stretch_makes_room_for_any_event() -> None:
    world = make_world(12, duration_ms=60_000, events_per_minute=30)
    for scene, here in enumerate(world.scenes):
        middle = (here.start_ms + here.end_ms) // 2
        cleared = edits.clear(world, scene, (middle, middle + 2_000))
        card = Card(
            scene=scene, start_ms=middle, end_ms=middle + 2_000, actor=here.cast[0], glyphs="ACD"
        )
        if standing_ms(cleared, scene, here.cast[0]) == [(here.start_ms, here.end_ms)]:
            assert check(add_event(cleared, card), [scene]) == []


def test_removing_a_game_removes_its_swaps() -> None:
    world = make_world(3, duration_ms=1_800_000)
    game = world.events_of(Game)[0]
    swaps = edits.swaps_of(world, game)
    left = edits.remove(world, game)
    assert swaps
    assert Counter(e.kind for e in world.events) - Counter(e.kind for e in left.events) == Counter(
        game=1, swap=len(swaps)
    )
    with pytest.raises(ValueError, match="not in list"):
        edits.remove(left, game)


def test_actors_who_leave_the_cast_take_their_events_along() -> None:
    world = add_event(
        quiet(), Card(scene=0, start_ms=1_000, end_ms=5_000, actor=0, glyphs="ACD"),
        Lamp(scene=0, start_ms=1_000, end_ms=5_000, color="red"),
    )  # fmt: skip
    recast = edits.set_cast(world, 0, (2, 1))
    assert [event.kind for event in recast.events] == ["lamp"]
    assert recast.scenes[0].cast == (2, 1)


def test_who_comes_and_goes_stands_only_in_between() -> None:
    world = add_event(
        quiet(),
        Exit(scene=0, start_ms=5_000, end_ms=6_000, actor=0),
        Enter(scene=0, start_ms=9_000, end_ms=10_000, actor=0),
        Enter(scene=1, start_ms=40_000, end_ms=41_000, actor=1),
    )
    assert standing_ms(world, 0, 0) == [(0, 5_000), (10_000, 30_000)]
    assert edits.present_ms(world, 0, 0) == [(0, 6_000), (9_000, 30_000)]
    assert standing_ms(world, 1, 1) == [(41_000, 60_000)]
    assert standing_ms(world, 1, 5) == []


def test_edits_leave_the_old_world_alone() -> None:
    world = make_world(6)
    before = world.id
    edits.clear(add_event(world, Door(scene=0, start_ms=1_000, end_ms=2_000)), 0)
    edits.set_cast(world, 0, (1,))
    assert make_world(6).id == before == world.id


def test_frame_times_alone_do_not_tell_how_often_something_flashes() -> None:
    def bursts(flashes: int) -> list[tuple[int, int]]:
        world = add_event(quiet(fps=2, burst_fps=20), Blink.burst(0, 0, 4_500, flashes))
        return script.bursts_ms(world)

    assert bursts(2) == bursts(7)


def test_dice_are_fair_and_depend_on_their_name_alone() -> None:
    counts = Counter(Rng(1, "die", i).below(6) for i in range(6_000))
    assert sorted(counts) == [0, 1, 2, 3, 4, 5]
    assert max(counts.values()) - min(counts.values()) < 250
    assert [Rng(1, "a", 2).word() for _ in range(2)] == [Rng(1, "a", 2).word()] * 2
    assert Rng(1, "a", 2).word() != Rng(1, "a2").word() != Rng(2, "a", 2).word()


def test_drawing_from_a_child_does_not_move_its_parent() -> None:
    plain, visited = Rng(9, "x"), Rng(9, "x")
    visited.child("y").word()
    assert plain.word() == visited.word()


def test_samples_are_different_items_and_shuffles_lose_none() -> None:
    rng = Rng(3)
    assert sorted(rng.shuffled(range(50))) == list(range(50))
    assert len(set(rng.sample(range(10), 10))) == 10
    with pytest.raises(ValueError, match="cannot draw 3 different ones of 2"):
        rng.sample([1, 2], 3)
    with pytest.raises(ValueError, match="nothing to draw from"):
        rng.below(0)


def test_weights_decide_how_likely_an_item_is() -> None:
    rng = Rng(4)
    counts = Counter(rng.weighted("abc", (0, 1, 3)) for _ in range(4_000))
    assert counts["a"] == 0
    assert 2.5 < counts["c"] / counts["b"] < 3.5


def test_the_first_words_are_the_same_on_every_machine() -> None:
    assert Rng(0, "golden").below(1_000) == GOLDEN_WORD
    assert noise(0, "golden", num=5).tolist() == GOLDEN_NOISE


GOLDEN_WORD = 741
GOLDEN_NOISE = [227, 41, 55, 9, 192]


@pytest.mark.slow
def test_a_hundred_hours_can_be_written_and_every_moment_found() -> None:
    world = make_world(1, duration_ms=360_000_000)
    assert check(world) == []
    assert World.from_json(world.to_json()) == world
