"""VLMEvalKit's class: message lists as its data sets build them for a model of videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from playhead.core.store import TrajectoryStore
from playhead.evaluation.harnesses.vlmeval import FAILED, PlayheadVLM, read_message
from playhead.video.demo import write_demo

# As `VideoMME.build_prompt` lays it out for a model of videos: instruction, file, prompt.
MESSAGE = [
    {"type": "text", "value": "Carefully watch this video and pay attention to every detail."},
    {"type": "video", "value": "demo.mp4"},
    {
        "type": "text",
        "value": "Question: Where is the key?\nOptions:\nA. a bridge\nB. a tree\nAnswer: ",
    },
]


def test_a_message_is_words_in_order_and_the_path() -> None:
    asked = read_message(MESSAGE)
    assert asked.videos == ("demo.mp4",)
    assert asked.text == f"{MESSAGE[0]['value']}\n{MESSAGE[2]['value']}"


@pytest.mark.parametrize("kinds", [["text"], ["text", "video", "image"]])
def test_a_question_about_pictures_is_refused(kinds: list[str]) -> None:
    with pytest.raises(ValueError, match="words and videos"):
        read_message([{"type": kind, "value": "x"} for kind in kinds])


def test_a_file_that_is_gone_is_marked_as_vlmevalkit_marks_failures(tmp_path: Path) -> None:
    model = PlayheadVLM(model="rules", folder=tmp_path)
    assert model.generate([*MESSAGE[:1], {"type": "video", "value": "gone.mp4"}]) == FAILED


@pytest.mark.slow
def test_a_message_is_answered_from_the_film(tmp_path: Path) -> None:
    write_demo(tmp_path / "demo.mp4")
    model = PlayheadVLM(model="rules", effort="quick", folder=tmp_path / "kept")
    words = "Where has the miller hidden his key?"
    message = [
        {"type": "video", "value": str(tmp_path / "demo.mp4")},
        {"type": "text", "value": words},
    ]
    assert "bridge" in model.generate(message, dataset="Video-MME")
    (record,) = TrajectoryStore(tmp_path / "kept" / "attempts.jsonl")
    assert record.task.question == words
