"""A library as a person uses it: add, wait or not, find, stop, go on, move the file, forget."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from playhead.core.errors import NotAVideo, VideoNotFound
from playhead.core.evidence import Evidence
from playhead.core.span import Span
from playhead.memory.care import check
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.memory.units import GLIMPSE, Tier
from playhead.video.demo import write_demo
from playhead.video.synthetic import Encoding, write_clock
from playhead.worlds import Knobs, VirtualVideo, make_world

PLAIN = MemoryRecipe(late_eyes=())


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "demo.mp4"
    write_demo(path)
    return path


@pytest.fixture(scope="module")
def indexed(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "library"
    with Library(folder, recipe=PLAIN) as library:
        library.add(film)
        assert library.wait(60)
    return folder


def test_a_film_is_found_by_what_is_said_and_by_how_it_looks(indexed: Path, film: Path):
    with Library(indexed, recipe=PLAIN) as library:
        (video,) = library.videos()
        assert video.title == "demo.mp4"
        said = library.memory.entries(video.id, kind="speech")
        assert said
        for entry in said:
            (best, *_) = library.search(entry.evidence.text, kinds=["speech"])
            assert best.evidence == entry.evidence
        with library.open(video.id) as opened:
            picture = opened.frames_at([14.3]).pixels[0]
        (best, *_) = library.search(image=picture, k=1)
        assert 14.3 in best.span


def test_what_was_looked_at_is_known_by_kind(indexed: Path):
    with Library(indexed, recipe=PLAIN) as library:
        (video,) = library.videos()
        for kind in ("picture", GLIMPSE, "speech", "caption"):
            assert library.coverage(video.id, kind) == pytest.approx(1.0), kind
        assert library.coverage(video.id, "screen_text") == 0.0
        assert library.problems(video.id) == {}
        assert check(library.memory).tables == ()


def test_shots_are_those_of_the_video(indexed: Path):
    with Library(indexed, recipe=PLAIN) as library:
        (video,) = library.videos()
        shots = library.shots(video.id)
        assert shots[0].span.start == 0
        assert shots[-1].span.end == pytest.approx(video.info.duration_s)
        assert len(shots) > 1


def test_features_are_one_vector_a_picture_in_order_of_time(indexed: Path):
    with Library(indexed, recipe=PLAIN) as library:
        (video,) = library.videos()
        (space,) = (embedder.name for embedder in library.recipe.made_embedders)
        times_s, vectors = library.features(video.id, space)
        assert len(times_s) == len(vectors) >= int(video.info.duration_s)
        assert np.all(np.diff(times_s) >= 0)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-2)


def test_the_same_film_under_another_name_is_the_same_video(
    indexed: Path, film: Path, tmp_path: Path
):
    copy = tmp_path / "copy.mp4"
    shutil.copy(film, copy)
    library_folder = shutil.copytree(indexed, tmp_path / "library")
    with Library(library_folder, recipe=PLAIN) as library:
        before = library.memory.digest()
        (video,) = library.videos()
        assert library.add(copy) == video.id
        assert library.wait(60)
        (video,) = library.videos()
        assert video.paths == (str(copy), str(film))
        assert library.memory.digest() == before


def test_a_moved_film_is_remembered_and_found_again_when_it_is_added(film: Path, tmp_path: Path):
    here = tmp_path / "here.mp4"
    shutil.copy(film, here)
    recipe = MemoryRecipe(late_eyes=(), thumbnails=True)
    with Library(tmp_path / "library", recipe=recipe) as library:
        id_ = library.add(here)
        assert library.wait(60)
        there = here.rename(tmp_path / "there.mp4")
        hits = library.search(library.memory.entries(id_, kind="speech")[0].evidence.text)
        assert hits
        with pytest.raises(VideoNotFound, match=r"here\.mp4.*add it again"):
            library.open(id_)
        thumbnail = library.thumbnail(id_, 3.0)
        assert thumbnail is not None
        assert thumbnail.pixels.shape[3] == 3
        library.add(there)
        with library.open(id_) as opened:
            assert len(opened.frames_at([1.0])) == 1


def test_another_film_in_its_place_is_not_taken_for_it(film: Path, tmp_path: Path):
    here = tmp_path / "here.mp4"
    shutil.copy(film, here)
    with Library(tmp_path / "library", recipe=PLAIN, background=False) as library:
        id_ = library.add(here)
        here.unlink()
        write_clock(here, num_frames=10)
        with pytest.raises(VideoNotFound):
            library.open(id_)


def test_a_damaged_film_is_indexed_as_far_as_it_goes_and_says_so(real_videos: Path, tmp_path: Path):
    with Library(tmp_path / "library", recipe=PLAIN) as library:
        id_ = library.add(real_videos / "corrupted.mp4")
        assert library.wait(60)
        assert "damaged" in " ".join(library.problems(id_).values())
        assert library.memory.entries(id_, kind="picture")


def test_what_is_no_video_is_refused_and_nothing_is_kept(tmp_path: Path):
    (tmp_path / "notes.mp4").write_text("shopping list")
    with Library(tmp_path / "library", recipe=PLAIN) as library:
        with pytest.raises(NotAVideo):
            library.add(tmp_path / "notes.mp4")
        assert library.videos() == []


def test_a_folder_of_films_is_added_and_what_is_none_is_told(film: Path, tmp_path: Path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    shutil.copy(film, tmp_path / "in" / "deep" / "b.MP4")
    (tmp_path / "in" / "a.mp4").touch()
    (tmp_path / "in" / "notes.txt").write_text("no film")
    told: list[str] = []
    with Library(tmp_path / "library", recipe=PLAIN, background=False) as library:
        ids = library.add_folder(tmp_path / "in", lambda path, error: told.append(path.name))
        assert [library.video(id_).title for id_ in ids] == ["b.MP4"]
        assert told == ["a.mp4"]
        with pytest.raises(VideoNotFound, match="no folder there"):
            library.add_folder(tmp_path / "nowhere")


def test_two_films_do_not_overwrite_each_other(film: Path, tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    shutil.copy(film, tmp_path / "one" / "film.mp4")
    write_clock(tmp_path / "two" / "film.mp4", num_frames=100)
    with Library(tmp_path / "library", recipe=PLAIN) as library:
        ids = library.add_folder(tmp_path)
        assert library.wait(60)
        assert len(set(ids)) == 2
        assert all(library.coverage(id_) == pytest.approx(1.0) for id_ in ids)
        with pytest.raises(VideoNotFound, match="more than one"):
            library.video("film.mp4")
        assert library.video(tmp_path / "two" / "film.mp4").id == ids[1]


def test_forgetting_a_video_forgets_it_and_nothing_else(film: Path, tmp_path: Path):
    other = write_clock(tmp_path / "clock.mp4", num_frames=100).path
    with Library(tmp_path / "library", recipe=PLAIN) as library:
        keep, drop = library.add(other), library.add(film)
        assert library.wait(60)
        kept = library.memory.digest(keep)
        library.remove(drop)
        assert [video.id for video in library.videos()] == [keep]
        assert library.memory.entries(drop) == []
        assert library.memory.digest(keep) == kept == library.memory.digest()


def test_pictures_that_were_looked_at_are_found_again_before_anything_is_indexed(
    film: Path, tmp_path: Path
):
    never = MemoryRecipe(late_eyes=(), eyes=())
    with Library(tmp_path / "library", recipe=never, background=False) as library:
        id_ = library.add(film)
        library._builder.close()  # as if the question came first
        library.memory.delete(id_)
        library._describe(id_, film, {"info": _info(film)})
        with library.open(id_) as video:
            seen = video.frames_at([3.0, 3.5, 20.2], max_side=320)
        remembered = library.remember(seen)
        assert [e.kind for e in remembered] == ["picture"] * 3
        (best, *_) = library.search(image=seen.pixels[2])
        assert best.evidence == remembered[2]
        assert any(20.3 in span for span in library.memory.coverage(id_, "picture"))
        assert library.remember(seen) == remembered
        assert len(library.memory.entries(id_)) == 3


def _info(film: Path) -> dict[str, object]:
    from playhead.video import open_video

    with open_video(film) as video:
        return video.info.model_dump(mode="json")


def test_a_search_never_sees_what_comes_later(indexed: Path):
    with Library(indexed, recipe=PLAIN) as library:
        (video,) = library.videos()
        with library.open(video.id) as opened:
            picture = opened.frames_at([20.0]).pixels[0]
        for hits in (
            library.search(image=picture, until_s=10.0, k=50),
            library.search(until_s=10.0),
        ):
            assert hits
            assert max(hit.span.end for hit in hits) <= 10.0


def test_the_wall_clock_and_the_camera_are_kept(film: Path, tmp_path: Path):
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    with Library(tmp_path / "library", recipe=PLAIN, background=False) as library:
        id_ = library.add(film, camera="gate", started_at=noon, title="Gate at noon")
        video = library.video("Gate at noon")
        assert video.id == id_
        assert video.when(90.0) == noon + timedelta(seconds=90)
        part = video.span_between(noon + timedelta(seconds=5), noon + timedelta(seconds=9))
        assert part == Span(start=5.0, end=9.0)
        assert video.span_between(noon - timedelta(hours=2), noon - timedelta(hours=1)) is None
        assert [v.id for v in library.videos(camera="gate")] == [id_]
        assert library.videos(camera="door") == []


def test_a_world_is_a_video_like_any_other(tmp_path: Path):
    world = make_world(3, Knobs(duration_ms=70_000))
    video = VirtualVideo(world)
    with Library(tmp_path / "library", recipe=PLAIN) as library:
        id_ = library.add(video, title="world")
        assert library.wait(60)
        picture = video.frames_at([40.5]).pixels[0]
        (best, *_) = library.search(image=picture)
        (scene,) = [scene for scene in world.scenes if scene.start_ms <= 40_500 < scene.end_ms]
        assert scene.start_ms / 1000 <= best.evidence.span.start < scene.end_ms / 1000
        assert library.coverage(id_) == pytest.approx(1.0)


def test_an_open_question_is_looked_into_first(tmp_path: Path):
    film = write_clock(tmp_path / "long.mp4", fps=5, num_frames=5 * 900, encoding=Encoding(gop=50))
    recipe = MemoryRecipe(late_eyes=(), eyes=(), chunk_s=10.0)
    with Library(tmp_path / "library", recipe=recipe, num_workers=1) as library:
        id_ = library.add(film.path)
        library.wait(60, tier=Tier.COARSE)
        here = Evidence.make(id_, Span(start=700.0, end=701.0), "note", text="here")
        library.memory.add([here])
        library.focus(library.search("here"))
        deadline = time.monotonic() + 120
        around = Span(start=680.0, end=720.0)
        while not any(s.intersection(around) for s in library.memory.coverage(id_, "picture")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        library.focus(None)
        assert library.wait(60)
        assert library.coverage(id_) == pytest.approx(1.0)


def test_an_index_made_in_pieces_is_the_index_made_in_one_go(
    indexed: Path, film: Path, tmp_path: Path
):
    with Library(indexed, recipe=PLAIN) as library:
        whole = library.memory.digest()
    for workers in (1, 3):
        folder = tmp_path / f"by {workers}"
        while True:
            with Library(folder, recipe=PLAIN, num_workers=workers) as library:
                library.add(film)
                if library.wait(0.2):
                    break
        with Library(folder, recipe=PLAIN) as library:
            assert library.memory.digest() == whole


INDEXER = """
import sys
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
with Library(sys.argv[1], recipe=MemoryRecipe(late_eyes=(), chunk_s=4.0)) as library:
    id_ = library.add(sys.argv[2])
    print("added", flush=True)
    library.wait()
    print(library.memory.digest(), flush=True)
"""


@pytest.mark.slow
def test_a_killed_indexer_goes_on_to_the_same_index(film: Path, tmp_path: Path):
    def start(folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", INDEXER, str(folder), str(film)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    out, _ = start(tmp_path / "whole").communicate(timeout=120)
    whole = out.split()[-1]
    rng = np.random.default_rng(0)
    for _ in range(12):
        child = start(tmp_path / "killed")
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(float(rng.uniform(0.0, 0.8)))
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=60)
    out, _ = start(tmp_path / "killed").communicate(timeout=120)
    assert out.split()[-1] == whole


def test_progress_is_told_tier_by_tier(indexed: Path):
    with Library(indexed, recipe=PLAIN) as library:
        progress = library.progress()
        assert [p.tier for p in progress] == [Tier.WORDS, Tier.COARSE, Tier.FINE]
        assert all(p.done_s == pytest.approx(p.total_s) for p in progress)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fps": 0.0}, "fps is a positive number"),
        ({"chunk_s": 0.5}, "chunk_s is 1 second or more"),
        ({"max_side": 3}, "max_side is a number of pixels"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, float], message: str):
    with pytest.raises(ValueError, match=message):
        MemoryRecipe(**wrong)
