"""Data sets: the shape that others know, nothing stored, splits that do not touch."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from playhead.core.trajectory import Task
from playhead.worlds import Knobs, create_dataset, make, split_of, to_task
from playhead.worlds.commit import commit, seed_of_test, verify
from playhead.worlds.dataset import question_of
from playhead.worlds.families import NAMES
from playhead.worlds.script import Overlay
from playhead.worlds.verify import AnswerKind

SALT = "5a" * 32


def test_one_line_gives_entries_with_question_answer_and_metadata() -> None:
    data = create_dataset("needle", size=3, seed=7)
    assert len(data) == len(list(data)) == 3
    for entry in data:
        assert set(entry) == {"question", "answer", "metadata"}
        assert json.loads(json.dumps(entry)) == entry
        assert data.score_answer(entry["answer"], entry) == 1.0
        assert data.score_answer("no idea", entry) == 0.0


def test_all_families_take_turns_and_every_answer_scores() -> None:
    data = create_dataset("all", size=32, seed=1)
    assert [entry["metadata"]["family"] for entry in data] == [*NAMES, *NAMES]
    assert {data.score_answer(entry["answer"], entry) for entry in data} == {1.0}


def test_an_entry_is_a_function_of_its_index_alone() -> None:
    forwards = create_dataset(["order", "count"], size=6, seed=3)
    backwards = create_dataset(["order", "count"], size=6, seed=3)
    assert [backwards[i] for i in reversed(range(6))] == [forwards[i] for i in range(6)][::-1]


def test_another_seed_gives_other_videos() -> None:
    first, second = (create_dataset("needle", size=4, seed=seed) for seed in (1, 2))
    ids = [entry["metadata"]["video_ids"][0] for data in (first, second) for entry in data]
    assert len(set(ids)) == 8


def test_the_world_of_an_entry_can_be_made_from_the_entry_alone() -> None:
    entry = json.loads(json.dumps(create_dataset("fast", size=1, seed=5)[0]))
    with create_dataset("fast", size=1, seed=99).video(entry) as video:
        assert [video.id] == entry["metadata"]["video_ids"]
        assert video.frames_at([0.0]).pixels.shape == (1, 240, 320, 3)


def test_a_model_is_shown_words_and_no_truth() -> None:
    for entry in create_dataset("all", size=16, seed=2):
        question = question_of(entry)
        assert entry["question"] == question.prompt
        if question.kind is AnswerKind.CODE and not question.options:
            assert str(question.gold) not in entry["question"]


def test_a_task_has_what_scorers_need() -> None:
    for entry in create_dataset("all", size=16, seed=2):
        task, question = to_task(entry), question_of(entry)
        assert Task.from_json(task.to_json()) == task
        assert task.question == entry["question"]
        assert task.answer == question.gold
        assert len(task.images) == len(question.pictures)
        assert all(image.video_id in task.video_ids for image in task.images)


def test_a_question_about_the_past_may_not_look_further() -> None:
    data = create_dataset("streaming", size=8, seed=4)
    for entry in data:
        question, task = question_of(entry), to_task(entry)
        with data.video(entry) as video:
            if question.kind is AnswerKind.ALERT:
                assert task.within is None
                assert video.info.duration_s == 600
            else:
                assert task.within is not None
                assert task.within.end == question.asked_at_s
                assert video.info.duration_s <= task.within.end + 0.01


def test_splits_never_share_a_seed() -> None:
    train, dev, test = (
        create_dataset("needle", size=5, seed=1),
        create_dataset("needle", size=5, seed=1, split="dev"),
        create_dataset("needle", size=5, seed=1, split="test", salt=SALT),
    )
    for data, split in ((train, "train"), (dev, "dev"), (test, "test")):
        seeds = [entry["metadata"]["recipe"]["seed"] for entry in data]
        assert {split_of(seed) for seed in seeds} == {split}


def test_training_never_shows_what_is_held_out() -> None:
    data = create_dataset("all", size=32, seed=8)
    assert {tuple(question_of(entry).held_out) for entry in data} == {()}
    novel = create_dataset("all", size=16, seed=8, split="dev", held_out="only")
    assert all("phrasing" in question_of(entry).held_out for entry in novel)


@pytest.mark.parametrize("name", ["needle", "shell_game", "audio"])
def test_a_session_asks_twenty_questions_about_one_video(name: str) -> None:
    data = create_dataset(name, size=20, seed=1, questions_per_video=20, duration_ms=900_000)
    entries = list(data)
    assert len({entry["metadata"]["video_ids"][0] for entry in entries}) == 1
    assert len({entry["metadata"]["question"]["id"] for entry in entries}) == 20
    assert {data.score_answer(entry["answer"], entry) for entry in entries} == {1.0}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_family_gives_a_session_of_twenty(name: str) -> None:
    for seed in range(3):
        made = make([name], seed, Knobs(duration_ms=1_500_000), num=20)
        assert len(made.questions) == 20


def test_a_session_of_all_families_shares_one_video() -> None:
    data = create_dataset("all", size=20, seed=6, questions_per_video=20)
    assert len({entry["metadata"]["video_ids"][0] for entry in data}) == 1
    assert len({entry["metadata"]["family"] for entry in data}) == len(NAMES) - 1


def test_a_video_too_short_for_its_questions_is_refused_with_advice() -> None:
    data = create_dataset("count", size=1, duration_ms=10_000)
    with pytest.raises(ValueError, match=r"10 s has no room for 1 questions of count: make it lo"):
        data[0]


def test_injections_are_shown_but_change_no_answer() -> None:
    plain = create_dataset("needle", size=6, seed=3)
    attacked = create_dataset("needle", size=6, seed=3, injections_per_hour=120)
    for before, after in zip(plain, attacked, strict=True):
        assert attacked.world(after).events_of(Overlay)
        assert attacked.score_answer(after["answer"], after) == 1.0
        assert not plain.world(before).events_of(Overlay)
        for overlay in attacked.world(after).events_of(Overlay):
            assert attacked.score_answer(overlay.text, after) == 0.0


def test_difficulty_is_set_by_knobs() -> None:
    entry = create_dataset("multihop", size=1, seed=1, hops=5, duration_ms=1_200_000)[0]
    assert entry["metadata"]["difficulty"]["duration_s"] == 1200
    assert entry["metadata"]["difficulty"]["min_frames"] == 6


def test_wrong_arguments_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no such family"):
        create_dataset("nothing")
    with pytest.raises(ValueError, match="no_such_knob"):
        create_dataset("needle", no_such_knob=1)
    with pytest.raises(ValueError, match="needs a salt"):
        create_dataset("needle", split="test")
    with pytest.raises(ValueError, match="one question or more"):
        create_dataset("needle", size=0)
    with pytest.raises(IndexError, match=r"entries 0 to 1: got 2"):
        create_dataset("needle", size=2)[2]


def test_a_revealed_salt_is_checked_against_its_promise() -> None:
    promise = commit()
    assert verify(promise.salt, promise.digest)
    assert verify(promise.salt.upper(), promise.digest.upper())
    assert not verify(commit().salt, promise.digest)
    assert promise.salt not in promise.digest


def test_test_seeds_follow_from_the_salt_and_are_all_different() -> None:
    seeds = [seed_of_test(SALT, i) for i in range(200)]
    assert seeds == [seed_of_test(SALT, i) for i in range(200)]
    assert len(set(seeds)) == 200
    assert {split_of(seed) for seed in seeds} == {"test"}
    assert any(a > b for a, b in pairwise(seeds))
    assert seeds != [seed_of_test("6b" * 32, i) for i in range(200)]


def test_a_salt_is_64_hexadecimal_digits() -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        commit("secret")


def test_the_guide_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = Path(__file__).parents[2] / "docs" / "worlds.md"
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
        told.append(capsys.readouterr().out)
    scored = next(out for block, out in zip(blocks, told, strict=True) if "dense_oracle" in block)
    assert float(scored.split()[-1]) > 0.9
    assert "raised a card" in told[-1]
