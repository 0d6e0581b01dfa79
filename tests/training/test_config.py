from __future__ import annotations

import pytest

from playhead.core import Task
from playhead.training.config import Asked, Controls, TrainConfig, Worlds, read_config

RUN = """
model = "models/tiny"
output = "runs/1"
tools = ["look", "answer"]
rewards = {accuracy = 1.0}

[budget]
turns = 4

[tasks.worlds]
families = ["needle", "negative"]
size = 4
seed = 3
knobs = {duration_ms = 60_000, height = 180, width = 224}

[held_out]
tasks = "held_out.jsonl"
"""


def test_a_run_is_read_from_a_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(RUN)
    config = read_config(path)
    assert config.budget is not None
    assert config.budget.turns == 4
    assert config.tasks is not None
    tasks = config.tasks.read()
    assert [task.metadata["family"] for task in tasks] == ["needle", "negative"] * 2
    assert config.tasks.read() == tasks


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("size = 4", "sise = 4", r"run\.toml: tasks\.worlds\.sise: extra inputs"),
        ("turns = 4", "turn = 4", r"run\.toml: budget\.turn: extra inputs"),
        ('model = "models/tiny"', "", r"run\.toml: model: field required"),
        ("size = 4", "size = 0", r"run\.toml: tasks\.worlds\.size: input should be greater"),
        ('model = "models/tiny"', "model = ", r"run\.toml is not TOML"),
        ('tasks = "held_out.jsonl"', "", "held_out: .*give one of them"),
    ],
)
def test_a_mistake_is_named_by_its_place(tmp_path, before, after, told):
    path = tmp_path / "run.toml"
    path.write_text(RUN.replace(before, after))
    with pytest.raises(ValueError, match=told):
        read_config(path)


def test_tasks_of_a_file_are_read_line_by_line(tmp_path):
    path = tmp_path / "tasks.jsonl"
    tasks = [Task(id="a", question="When?"), Task(id="b", question="Where?", options=("x", "y"))]
    path.write_text("".join(task.to_json() + "\n" for task in tasks))
    assert Asked(tasks=str(path)).read() == tasks
    path.write_text(tasks[0].to_json() + '\n{"id": "b"}\n')
    with pytest.raises(
        ValueError, match=r"tasks\.jsonl, line 2: no task: question: field required"
    ):
        Asked(tasks=str(path)).read()


def test_worlds_of_other_splits_share_no_video():
    trained, held = (Worlds(size=3, seed=1, split=split).tasks() for split in ("train", "dev"))
    ids = [{id_ for task in tasks for id_ in task.video_ids} for tasks in (trained, held)]
    assert not ids[0] & ids[1]
    with pytest.raises(ValueError, match="duration"):
        Worlds(knobs={"duration": 60}).tasks()


def test_controls_are_marked_with_what_they_take():
    small = {"families": ["needle"], "size": 1, "knobs": {"duration_ms": 60_000}}
    (task,) = Controls.model_validate({"worlds": small, "calls": 2}).read()
    assert task.metadata["control"] == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"promote_to": "served"}, "give controls, images with `promote_to`"),
        ({"engine": {"kind": "server"}}, "go with a server"),
        ({"engine": {"kind": "copy", "base_url": "http://x/v1"}}, "go with a server"),
    ],
)
def test_what_belongs_together_is_given_together(more, words):
    held_out = {"tasks": "held_out.jsonl"}
    with pytest.raises(ValueError, match=words):
        TrainConfig.model_validate({"model": "m", "output": "o", "held_out": held_out, **more})
