"""Where rollouts look: worlds made from recipes, and a library's videos, each attempt alone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from playhead.agent.source import FileSource, LibrarySource, Source, WorldSource
from playhead.core.budget import Budget
from playhead.core.errors import VideoNotFound
from playhead.core.evidence import Kind
from playhead.core.media import FrameRef
from playhead.core.message import PicturePart, ToolCall
from playhead.core.tools import Observation
from playhead.core.trajectory import Task
from playhead.memory.library import Library
from playhead.memory.recipe import MemoryRecipe
from playhead.tools.context import ToolContext
from playhead.tools.toolset import find_tools
from playhead.video.synthetic import write_clock
from tests.training.rollout_cases import world_tasks


def use(ctx: ToolContext, name: str, **arguments: object) -> Observation:
    (tool,) = find_tools([name])
    seen = tool.run(ctx, ToolCall(id="c", name=name, arguments=arguments))
    assert seen.failure is None, seen.failure
    return seen


def frames_of(seen: Observation) -> list[FrameRef]:
    return [part.frame for part in seen.parts if isinstance(part, PicturePart)]


def check_alone(source: Source, task: Task) -> None:
    """Two attempts at once know nothing of each other."""
    with source.open(task, Budget(frames=9)) as one, source.open(task, Budget(frames=9)) as two:
        id_ = one.video_ids[0]
        before = two.library.coverage(id_)
        use(one, "look", start_s=0.0, end_s=20.0, num=4)
        use(one, "note", text="a red herring", start_s=0.0, end_s=5.0)
        assert one.library.coverage(id_) >= before
        assert two.library.coverage(id_) == before
        assert "herring" in use(one, "recall", query="herring").text
        assert "herring" not in use(two, "recall", query="herring").text
        assert (one.ledger.left.frames, two.ledger.left.frames) == (5, 9)


def test_attempts_at_a_world_are_alone() -> None:
    (task,) = world_tasks(1)
    with WorldSource() as source:
        check_alone(source, task)
        assert len(list(source.folder.iterdir())) == 0  # nothing stays behind
    assert not source.folder.exists()


def test_pictures_come_again_as_they_were_shown() -> None:
    (task,) = world_tasks(1)
    with WorldSource() as source, source.open(task, Budget()) as ctx:
        seen = use(ctx, "look", start_s=0.0, end_s=20.0, num=3)
        wide = use(ctx, "overview", num=4)
        refs = [*frames_of(seen), *frames_of(wide)]
        shown = ctx.resolve(refs)
        again = source.resolve(refs)
    with WorldSource() as other:
        with pytest.raises(VideoNotFound, match="learn"):
            other.resolve(refs)
        other.learn([task])
        later = other.resolve(refs)
    assert len(refs) == 4
    for ref, one, two, three in zip(refs, shown, again, later, strict=True):
        assert one.shape == (ref.height, ref.width, 3)
        assert np.array_equal(one, two)
        assert np.array_equal(one, three)


def test_pictures_of_a_question_come_with_it() -> None:
    tasks = world_tasks(8, family="instance")
    task = next(task for task in tasks if task.images)
    with WorldSource() as source, source.open(task, Budget()) as ctx:
        assert "q1" in ctx.anchors
        (picture,) = ctx.resolve(task.images[:1])
        assert np.array_equal(picture, source.resolve(task.images[:1])[0])


def test_no_more_worlds_are_kept_than_wanted_and_used_ones_go_on() -> None:
    tasks = world_tasks(3)
    with WorldSource(num_open=1) as source, source.open(tasks[0], Budget()) as ctx:
        for task in tasks[1:]:
            with source.open(task, Budget()) as other:
                use(other, "look", start_s=0.0, end_s=5.0, num=1)
        use(ctx, "look", start_s=0.0, end_s=5.0, num=1)
        assert len(source._videos) == 1


def test_an_indexed_world_can_be_searched_by_each_attempt() -> None:
    (task,) = world_tasks(1, modality="subtitle", family="dialogue")
    recipe = MemoryRecipe(embedders=(), eyes=(), late_eyes=())
    with WorldSource(recipe=recipe, index=True) as source:
        for _ in range(2):
            with source.open(task, Budget()) as ctx:
                assert ctx.search(None, kinds=[Kind.SPEECH], k=50)
        check_alone(source, task)


def test_a_task_without_a_recipe_is_no_world() -> None:
    task = Task(id="t", question="?", video_ids=("v",))
    with WorldSource() as source, pytest.raises(VideoNotFound, match="no recipe"):
        source.learn([task])


def test_another_recipe_than_the_videos_is_noticed() -> None:
    one, two = world_tasks(2)
    wrong = one.replace(video_ids=two.video_ids)
    with WorldSource() as source, pytest.raises(VideoNotFound, match="and not"):
        source.open(wrong, Budget()).__enter__()


def test_attempts_at_videos_of_a_library_are_alone(tmp_path: Path) -> None:
    write_clock(tmp_path / "clock.mp4", fps=Fraction(5), num_frames=150)
    recipe = MemoryRecipe(embedders=(), eyes=(), late_eyes=())
    with Library(tmp_path / "library", recipe=recipe) as library:
        id_ = library.add(tmp_path / "clock.mp4")
        library.wait()
        task = Task(id="t", question="What?", video_ids=(id_,))
        before = library.memory.digest()
        with LibrarySource(library) as source:
            check_alone(source, task)
            with source.open(task, Budget()) as ctx:
                found = ctx.search(None, kinds=[Kind.PICTURE])
                refs = frames_of(use(ctx, "look", start_s=1.0, end_s=3.0, num=2))
                shown = ctx.resolve(refs)
            assert found
            again = source.resolve(refs)
            assert all(map(np.array_equal, shown, again))
            with pytest.raises(VideoNotFound):
                source.open(task.replace(video_ids=("gone",)), Budget()).__enter__()
        assert library.memory.digest() == before


def test_a_folder_that_is_given_keeps_what_was_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    (task,) = world_tasks(1)
    with WorldSource(tmp_path) as source, source.open(task, Budget()):
        assert source.folder.parent == tmp_path
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_attempts_at_files_are_alone_and_see_their_own_files(tmp_path: Path) -> None:
    recipe = MemoryRecipe(embedders=(), eyes=(), late_eyes=())
    for name, num in (("one", 150), ("two", 160)):
        write_clock(tmp_path / f"{name}.mp4", fps=Fraction(5), num_frames=num)
    with FileSource(tmp_path / "indexes", recipe=recipe) as source:
        ids = [source.add(tmp_path / f"{name}.mp4") for name in ("one", "two")]
        tasks = [Task(id=id_, question="What?", video_ids=(id_,)) for id_ in ids]
        check_alone(source, tasks[0])
        with source.open(tasks[1], Budget()) as ctx:
            assert [video.id for video in ctx.library.videos()] == [ids[1]]
            refs = frames_of(use(ctx, "look", start_s=0.0, end_s=20.0, num=3))
            shown = ctx.resolve(refs)
        assert all(map(np.array_equal, source.resolve(refs), shown))
        with pytest.raises(VideoNotFound, match="`add` it first"):
            source.open(tasks[0].replace(video_ids=("other",)), Budget()).__enter__()
    assert sorted(path.name for path in (tmp_path / "indexes").iterdir()) == sorted(ids)
