from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playhead.core import Budget, Span, Task
from playhead.evaluation.benchmarks.base import Benchmark, BenchmarkFileMissing, Item
from playhead.evaluation.files import file_questions
from playhead.evaluation.run import make_run
from playhead.evaluation.subjects import find_subject
from playhead.memory.recipe import MemoryRecipe
from playhead.testing import check_benchmark
from playhead.video.demo import write_demo
from playhead.video.synthetic import write_clock

LINES = "1\n00:00:01,000 --> 00:00:03,000\nThe heron keeps the silver key.\n"


def read(data: Path, split: str) -> Iterator[Item]:
    for line in (data / f"{split}.jsonl").read_text().splitlines():
        found = json.loads(line)
        task = Task(
            id=found["id"],
            question=found["question"],
            options=tuple(found.get("options", ())),
            answer=found["answer"],
            within=Span.model_validate(found["within"]) if "within" in found else None,
            metadata={"kind of clip": found["kind"]},
        )
        yield Item(
            task, (found["video"],), found.get("subtitles"), tuple(found.get("pictures", ()))
        )


CLIPS = Benchmark(
    name="clips",
    home="https://example.org/clips",
    licence="our own",
    read=read,
    splits=("test",),
    scorers=("accuracy",),
    groups=("kind of clip",),
    summary=lambda records: {"num": float(len(records))},
)
RECORDS = [
    {"id": "a", "question": "What does the heron keep?", "answer": "the silver key",
     "options": ["a red kite", "the silver key"], "video": "clock.mp4", "kind": "clock",
     "subtitles": "subtitles/clock.srt"},
    {"id": "b", "question": "Which one is this?", "answer": "clock", "video": "sub/demo.mkv",
     "kind": "demo", "pictures": ["red.png"]},
    {"id": "c", "question": "Where is it?", "answer": "nowhere", "video": "gone.mp4",
     "kind": "demo"},
]  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    data, videos = tmp_path / "data", tmp_path / "videos"
    (data / "subtitles").mkdir(parents=True)
    (videos / "elsewhere").mkdir(parents=True)
    (data / "test.jsonl").write_text("\n".join(map(json.dumps, RECORDS)))
    (data / "subtitles" / "clock.srt").write_text(LINES)
    Image.fromarray(np.full((8, 12, 3), (255, 0, 0), np.uint8)).save(data / "red.png")
    write_clock(videos / "clock.mp4", num_frames=100)
    write_demo(videos / "elsewhere" / "demo.mp4")
    return data, videos, tmp_path / "kept"


def test_missing_files_are_listed_with_the_owners_page(folders):
    with pytest.raises(BenchmarkFileMissing) as missing:
        file_questions(CLIPS, *folders)
    assert "1 files are not there: gone.mp4" in str(missing.value)
    assert "https://example.org/clips" in str(missing.value)


def test_what_is_missing_is_left_out_and_counted(folders):
    questions = file_questions(CLIPS, *folders, allow_missing=True)
    assert [task.id for task in questions.tasks] == ["a", "b"]
    assert questions.missing == {"gone.mp4": 1}
    assert all(len(id_) == 32 for task in questions.tasks for id_ in task.video_ids)
    (data, *_) = folders
    (data / "subtitles" / "clock.srt").unlink()
    (data / "red.png").unlink()
    with pytest.raises(ValueError, match="there is no question to ask"):
        file_questions(CLIPS, *folders, allow_missing=True)
    without = file_questions(CLIPS, *folders, allow_missing=True, subtitles=False)
    assert [task.id for task in without.tasks] == ["a"]


def test_a_split_that_is_not_there_is_refused(folders):
    with pytest.raises(ValueError, match="clips has the splits test: got 'dev'"):
        file_questions(CLIPS, *folders, split="dev")


def test_subtitles_that_lie_elsewhere_are_heard_and_pictures_are_shown(folders):
    questions = file_questions(CLIPS, *folders, allow_missing=True)
    heron, picture = questions.tasks
    *_, kept = folders
    with questions.open(MemoryRecipe(), False, kept / "memories") as source:
        with source.open(heron, Budget()) as ctx:
            (hit, *_) = ctx.search("silver key")
        assert (hit.evidence.kind, hit.span) == ("speech", Span(start=1.0, end=3.0))
        with source.open(picture, Budget()) as ctx:
            (shown,) = ctx.resolve(picture.images)
        (again,) = source.resolve(picture.images)
    assert (shown == again).all()
    assert (shown == (255, 0, 0)).all()
    without = file_questions(CLIPS, *folders, allow_missing=True, subtitles=False)
    with (
        without.open(MemoryRecipe(), False, kept / "memories") as source,
        source.open(heron, Budget()) as ctx,
    ):
        assert ctx.search("silver key") == []  # kept apart from the run that heard it


def test_a_run_over_files_answers_from_what_is_said(folders):
    questions = file_questions(CLIPS, *folders, allow_missing=True)
    run = asyncio.run(make_run(folders[2] / "run", questions, find_subject("rules")))
    heron, _ = run.records
    assert heron.answer is not None
    assert heron.answer.choice == "the silver key"
    assert (folders[2] / "run" / "receipts" / "a-0.json").exists()


def test_our_benchmark_passes_its_check(folders):
    check_benchmark(CLIPS, folders[0])


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"id": "a"}, "two questions have one id"),
        ({"options": ["red", "blue"]}, "is no option"),
        ({"options": ["nowhere", "Nowhere "]}, "two options are alike"),
        ({"video": "../secret.mp4"}, "may lie outside"),
        ({"question": " "}, "it asks nothing"),
    ],
)
def test_a_bad_record_is_found_by_the_check(folders, record, why):
    (data, *_) = folders
    records = [*RECORDS[:2], {**RECORDS[2], **record}]
    (data / "test.jsonl").write_text("\n".join(map(json.dumps, records)))
    with pytest.raises(AssertionError, match=why):
        check_benchmark(CLIPS, data)


def test_a_bad_benchmark_is_found_by_the_check(folders):
    with pytest.raises(AssertionError, match="no question names it"):
        check_benchmark(replace(CLIPS, groups=("colour",)), folders[0])
    with pytest.raises(AssertionError, match="not finite"):
        check_benchmark(replace(CLIPS, summary=lambda records: {"x": float("nan")}), folders[0])
    with pytest.raises(AssertionError, match="the true answer scores 0"):
        check_benchmark(replace(CLIPS, scorers=("cost.frames", "accuracy")), folders[0])
