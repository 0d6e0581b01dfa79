"""A world as a file and as a virtual video: the same film, and nothing in it but the film."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from playhead.core.errors import NoSound, NoSuchTime, TooLarge
from playhead.core.span import Span
from playhead.video import Limits, open_video
from playhead.video.subtitles import embedded_subtitles
from playhead.worlds import script
from playhead.worlds.clock import film_clock, shown_ms
from playhead.worlds.edits import add_event, add_subtitle
from playhead.worlds.eyes import perceive
from playhead.worlds.generate import make_world
from playhead.worlds.render import render
from playhead.worlds.script import Beep, Blink, Card, Lamp, Speech, Subtitle, World
from playhead.worlds.soundtrack import PITCH_HZ, Voice
from playhead.worlds.videos import VirtualVideo, write_world
from tests.worlds.test_script import quiet
from tests.worlds.truth import mistakes, truth_at

FILMS: list[tuple[str, dict[str, Any]]] = [
    ("film.mp4", {"fps": 10}),
    ("film.mkv", {"fps": 2, "burst_fps": 20, "modality": "mixed", "subtitles_per_minute": 6}),
    ("film.mp4", {"fps": 2, "burst_fps": 20, "motion": "mixed", "modality": "visual"}),
    ("film.mp4", {"fps": 24, "duration_ms": 20_500, "height": 224, "width": 224}),
]


@pytest.mark.parametrize(("name", "knobs"), FILMS, ids=str)
def test_file_and_virtual_video_show_the_same_facts_at_the_same_times(
    name: str, knobs: dict[str, Any], tmp_path: Path
) -> None:
    world = make_world(5, **{"duration_ms": 40_000, "events_per_minute": 20, **knobs})
    written = write_world(world, tmp_path / name)
    with VirtualVideo(world) as virtual, open_video(written.path) as file:
        times_s = np.arange(0.0, virtual.info.duration_s, 1.37).tolist()
        painted, decoded = virtual.frames_at(times_s), file.frames_at(times_s)
        assert painted.times_s == pytest.approx(decoded.times_s, abs=0.0006)
        assert virtual.keyframe_times_s == pytest.approx(file.keyframe_times_s, abs=0.0006)
        assert np.abs(painted.pixels.astype(int) - decoded.pixels).mean() < 4
        for first, second in zip(painted.pixels, decoded.pixels, strict=True):
            assert facts(first) == facts(second)
        assert virtual.info.duration_s == pytest.approx(file.info.duration_s, abs=0.0006)
        for fact in ("num_frames", "height", "width", "is_vfr", "has_audio"):
            assert getattr(virtual.info, fact) == getattr(file.info, fact), fact
        assert len(virtual.info.text_tracks) == len(file.info.text_tracks)
        for mine, its in zip(virtual.info.text_tracks, file.info.text_tracks, strict=True):
            for line, its_line in zip(
                virtual.texts(mine.index), file.texts(its.index), strict=True
            ):
                assert line[:2] == pytest.approx(its_line[:2])
                assert line[2] == its_line[2]


def facts(picture: np.ndarray) -> object:
    """What is seen, without the boxes, which may be off by a pixel."""
    seen = perceive(picture)
    return (
        seen.place,
        [(a.actor, a.flashing) for a in seen.actors],
        [(c.text, c.holder) for c in seen.cards],
        [(t.thing, t.holder) for t in seen.things],
        seen.sign and seen.sign.text,
        seen.lamp,
        seen.door_open,
        seen.overlay,
        seen.cups and seen.cups.ball,
    )


def test_a_virtual_video_shows_the_script_at_every_time() -> None:
    world = make_world(6, duration_ms=300_000, fps=10)
    with VirtualVideo(world) as video:
        frames = video.frames(Span(start=100, end=160), fps=2)
    for picture, time_s in zip(frames.pixels, frames.times_s, strict=True):
        time_ms = round(time_s * 1000)
        assert np.array_equal(picture, render(world, time_ms))
        assert mistakes(perceive(picture), truth_at(world, time_ms), time_ms) == []


@pytest.mark.parametrize("fps", [1, 2, 10, 24, 25, 30, 60])
def test_frame_times_lie_on_the_grid_that_a_file_would_have(fps: int) -> None:
    clock = film_clock(make_world(1, duration_ms=10_000, fps=fps))
    assert clock.num == 10 * fps
    for index in range(clock.num):
        assert clock.start_s(index) == index / fps
        assert clock.index_at(index / fps) == index
        assert clock.index_at((index + 0.99) / fps) == index
        assert -1e-6 < clock.start_s(index) * 1000 - clock.shown_ms(index) < 1


def test_a_film_of_variable_rate_has_more_frames_where_something_flashes() -> None:
    world = add_event(quiet(fps=2, burst_fps=20), Blink.burst(0, 0, 13_000, 5))
    clock = film_clock(world)
    starts = [clock.ticks(index) for index in range(clock.num)]
    assert {b - a for a, b in pairwise(starts) if 12_000 <= a < 16_000} == {50}
    assert max(b - a for a, b in pairwise(starts)) == 500
    flashes = world.events_of(Blink)[0].flash_spans_ms
    for a, b in flashes:
        assert any(a <= moment < b for moment in shown_ms(clock, [a / 1000 + 0.05]))


def test_a_live_film_refuses_the_future() -> None:
    world = make_world(6, duration_ms=300_000, modality="mixed", fps=10)
    live = VirtualVideo(world, until_s=60.0)
    assert live.info.duration_s == 60.0
    assert live.info.num_frames == 600
    live.frames_at([59.99])
    for time_s in (60.0, 200.0):
        with pytest.raises(NoSuchTime, match="runs from 0 to 60"):
            live.frames_at([time_s])
    assert live.frames(num=20).times_s.max() < 60
    assert live.keyframe_times_s.max() < 60
    assert all(start_s < 60 and end_s <= 60 for start_s, end_s, _ in live.texts(2))
    assert live.sound().duration_s == pytest.approx(60.0)
    with pytest.raises(NoSuchTime):
        live.sound(Span(start=61, end=62))


def test_a_live_film_that_goes_on_stays_the_same_film() -> None:
    live = VirtualVideo(make_world(6, duration_ms=300_000), until_s=10.0)
    later = live.until(20.0)
    assert later.info.duration_s == 20.0
    assert later.id == live.id
    assert np.array_equal(live.frames_at([5.0]).pixels, later.frames_at([5.0]).pixels)
    assert later.until(900.0).info.duration_s == 300.0


def test_an_id_names_the_script_and_the_camera() -> None:
    ids = {
        VirtualVideo(make_world(seed, num_cameras=2), camera=camera).id
        for seed in (1, 2)
        for camera in (0, 1)
    }
    assert len(ids) == 4
    assert VirtualVideo(make_world(1, num_cameras=2)).id in ids


def test_pictures_shrink_to_the_size_that_was_asked() -> None:
    with VirtualVideo(make_world(1)) as video:
        assert video.frames_at([1.0], max_side=160).pixels.shape == (1, 120, 160, 3)
        assert video.frames_at([1.0], max_side=900).pixels.shape == (1, 240, 320, 3)
        assert video.frames_at([]).pixels.shape == (0, 240, 320, 3)


def test_too_many_pictures_in_one_call_are_refused() -> None:
    video = VirtualVideo(make_world(1), limits=Limits(frames_per_call=10))
    assert len(video.frames(num=10)) == 10
    with pytest.raises(TooLarge, match="use stream"):
        video.frames(num=11)


def test_beeps_are_heard_when_and_as_the_script_says(tmp_path: Path) -> None:
    burst = Beep.burst(0, 5_000, 4, "high")
    world = add_event(quiet(), burst)
    with VirtualVideo(world) as virtual, open_video(write_world(world, tmp_path).path) as file:
        for video in (virtual, file):
            for i in range(burst.beeps):
                start_s = (burst.start_ms + i * burst.period_ms) / 1000
                tone = video.sound(Span(start=start_s + 0.02, end=start_s + 0.13)).samples
                gap = video.sound(Span(start=start_s + 0.2, end=start_s + 0.35)).samples
                assert np.abs(tone).max() > 0.1
                assert np.abs(gap).max() < 0.01
                spectrum = np.abs(np.fft.rfft(tone))
                pitch_hz = spectrum.argmax() * 16_000 / len(tone)
                assert pitch_hz == pytest.approx(PITCH_HZ["high"], abs=15)
            assert np.abs(video.sound(Span(start=20, end=40)).samples).max() < 0.01


def test_any_stretch_of_sound_is_part_of_the_whole() -> None:
    world = make_world(3, duration_ms=120_000, modality="audio", subtitles_per_minute=12)
    with VirtualVideo(world) as video:
        whole = video.sound()
        for start in range(0, 110, 7):
            span = Span(start=start + 0.123, end=start + 9.876)
            part = video.sound(span)
            assert np.array_equal(part.samples, whole.crop(span).samples)
            assert part.start_s == pytest.approx(span.start, abs=1e-4)


@pytest.mark.skipif(not Voice().available, reason="espeak-ng is not installed")
def test_speech_is_heard_inside_its_time_even_if_it_must_hurry() -> None:
    text = "The number is seven, four, nine, two, eight, six, five, three and one."
    world = add_event(quiet(), Speech(scene=0, start_ms=5_000, end_ms=12_000, text=text))
    hurried = add_event(quiet(), Speech(scene=0, start_ms=5_000, end_ms=7_000, text=text))
    for spoken, end_s in ((world, 12), (hurried, 7)):
        video = VirtualVideo(spoken)
        loud = np.abs(video.sound(Span(start=5, end=end_s)).samples) > 0.02
        assert loud.mean() > 0.05
        assert np.abs(video.sound(Span(start=end_s + 0.1, end=20)).samples).max() == 0


def test_without_espeak_speech_is_silence_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    world = add_event(quiet(), Speech(scene=0, start_ms=5_000, end_ms=9_000, text="Good day."))
    video = VirtualVideo(world)
    assert video.info.warnings == ("speech is silent: espeak-ng is not installed",)
    assert not video.sound().samples.any()
    assert write_world(world, tmp_path / "film.mp4").silent == 1


def test_a_world_without_sound_says_so() -> None:
    with VirtualVideo(make_world(1, modality="visual")) as video:
        assert not video.info.has_audio
        with pytest.raises(NoSound, match="no sound"):
            video.sound()
        with pytest.raises(ValueError, match="text tracks of this video are"):
            video.texts(2)


def test_a_file_tells_nothing_that_is_not_seen_or_heard(tmp_path: Path) -> None:
    world = make_world(9, duration_ms=60_000, modality="mixed", events_per_minute=20)
    for suffix in (".mp4", ".mkv"):
        path = write_world(world, tmp_path / f"film{suffix}").path
        content = path.read_bytes()
        for word in (world.id, "seed", "glyphs", "harbour", "HARBOUR", "striped", *script.PLACES):
            assert word.encode() not in content
        with av.open(str(path)) as file:
            assert set(file.metadata) <= {
                "major_brand", "minor_version", "compatible_brands", "encoder",
            }  # fmt: skip
            for stream in file.streams:
                assert set(stream.metadata) <= {"language", "handler_name", "DURATION"}


def test_which_tracks_a_file_has_depends_on_the_knobs_alone(tmp_path: Path) -> None:
    kinds: set[tuple[str, ...]] = set()
    for seed in range(3):
        world = make_world(seed, duration_ms=10_000, modality="mixed", subtitles_per_minute=0)
        path = write_world(world, tmp_path / f"{seed}.mkv").path
        with av.open(str(path)) as file:
            kinds.add(tuple(stream.type for stream in file.streams))
    assert kinds == {("video", "audio", "subtitle")}


def test_the_size_of_a_file_does_not_tell_what_a_card_says(tmp_path: Path) -> None:
    sizes: set[int] = set()
    for glyphs in ("ACD", "WMX", "111".replace("1", "7"), "8GR"):
        card = Card(scene=0, start_ms=5_000, end_ms=9_000, actor=0, glyphs=glyphs)
        world = add_event(quiet(), card, Lamp(scene=1, start_ms=33_000, end_ms=40_000, color="red"))
        sizes.add(write_world(world, tmp_path / "film.mp4").num_bytes)
    assert len(sizes) == 1
    assert sizes.pop() % 65_536 == 0


def test_a_file_in_a_folder_gets_a_neutral_name(tmp_path: Path) -> None:
    world = make_world(1, duration_ms=10_000, num_cameras=2, container="mkv")
    first, second = (write_world(world, tmp_path, camera=camera) for camera in (0, 1))
    assert first.path != second.path
    assert first.path.suffix == ".mkv"
    assert first.path.stem.removesuffix("-0") in world.id


def test_the_same_world_makes_the_same_file(tmp_path: Path) -> None:
    world = make_world(1, duration_ms=10_000, modality="mixed", container="mkv")
    files = [write_world(world, tmp_path / f"{i}.mkv").path.read_bytes() for i in range(2)]
    assert files[0] == files[1]


def test_subtitles_of_every_length_arrive_in_the_file(tmp_path: Path) -> None:
    lines = [
        Subtitle(start_ms=0, end_ms=700, text="Now."),
        Subtitle(start_ms=700, end_ms=9_000, text="Straße, naïve — 東京 & more"),
        Subtitle(start_ms=59_000, end_ms=60_000, text="The end. " * 20),
    ]
    world = add_subtitle(quiet(), *lines)
    wanted = [(line.start_ms / 1000, line.end_ms / 1000, line.text.strip()) for line in lines]
    for suffix in (".mp4", ".mkv"):
        path = write_world(world, tmp_path / f"film{suffix}").path
        with open_video(path) as file:
            texts = file.texts(file.info.text_tracks[0].index)
        assert [(a, b, text.strip()) for a, b, text in texts] == wanted


def test_subtitles_are_read_alike_from_file_and_virtual_video(tmp_path: Path) -> None:
    world = make_world(5, duration_ms=120_000, subtitles_per_minute=4)
    with VirtualVideo(world) as virtual, open_video(write_world(world, tmp_path).path) as file:
        mine, its = embedded_subtitles(virtual), embedded_subtitles(file)
    assert [line.text for line in mine] == [line.text for line in its]
    assert len(mine) == 8


def test_a_script_that_breaks_a_rule_is_not_filmed(tmp_path: Path) -> None:
    card = Card(scene=0, start_ms=1_000, end_ms=1_050, actor=0, glyphs="ACD")
    broken: World = add_event(quiet(), card)
    with pytest.raises(ValueError, match="long: needs 400 ms"):
        write_world(broken, tmp_path)


def test_wrong_paths_and_cameras_are_refused(tmp_path: Path) -> None:
    world = make_world(1, duration_ms=10_000)
    with pytest.raises(ValueError, match=r"ends in .mp4 or .mkv: got 'film.avi'"):
        write_world(world, tmp_path / "film.avi")
    with pytest.raises(ValueError, match="cameras 0 to 0: got 1"):
        write_world(world, tmp_path, camera=1)
    with pytest.raises(ValueError, match="cameras 0 to 0: got 1"):
        VirtualVideo(world, camera=1)
    with pytest.raises(ValueError, match="longer than 0 s"):
        VirtualVideo(world, until_s=0.0)
