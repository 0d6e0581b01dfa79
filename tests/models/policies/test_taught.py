"""How a model was taught lies beside its weights, and whoever loads it keeps to it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from playhead.core.budget import Budget
from playhead.core.message import Message, Role, TextPart
from playhead.core.policy import Author, Reply, Sampling
from playhead.models.manner import FILE, Manner, Scope, read_manner, save_manner
from playhead.models.policies.scripted import ScriptedPolicy
from playhead.models.policies.taught import TaughtPolicy
from playhead.models.strings import find_policy, manner_of

SCOPE = Scope(questions=("needle.where",), duration_s=160.0, height=180, width=224)
MANNER = Manner(tools=("look", "answer"), budget=Budget(turns=6, frames=18), scope=SCOPE)
WHERE = "In the kitchen, somebody held up a card. What was written on it?"


def opening(question: str, *, lasts_s: float = 160.0) -> Message:
    about = f"Video v1 ('a') lasts {lasts_s:.1f} s (2:40), 0 % of it has been looked at before."
    return Message(role=Role.USER, parts=(TextPart(text=f"{about}\n\n{question}"),))


def replied(message: Message) -> Reply:
    policy = TaughtPolicy(ScriptedPolicy(Reply(text="Q")), MANNER)
    return asyncio.run(policy.reply([message], (), Sampling()))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    save_manner(tmp_path, MANNER)
    assert read_manner(tmp_path) == MANNER
    assert manner_of(f"hf:{tmp_path}") == MANNER


def test_a_folder_may_say_nothing(tmp_path: Path) -> None:
    assert read_manner(tmp_path) is None
    assert manner_of(f"hf:{tmp_path}") == Manner()
    assert manner_of("rules") == Manner()


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"tulips": 3}')
    with pytest.raises(ValueError, match=FILE):
        read_manner(tmp_path)


def test_a_pocket_model_must_say_how_it_was_taught(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=FILE):
        find_policy(f"pocket:{tmp_path}", resolve=lambda refs: [])


def test_the_shipped_model_says_what_it_knows() -> None:
    taught = manner_of("pocket")
    assert taught.tools == ("look", "answer")
    assert taught.budget is not None
    assert taught.scope is not None
    assert taught.dtype == "float32"


@pytest.mark.parametrize(
    ("message", "because"),
    [
        (opening("When does the red team score first?"), "needle.where"),
        (opening("What is the capital of France?"), "needle.where"),
    ],
)
def test_a_foreign_question_is_refused(message: Message, because: str) -> None:
    reply = replied(message)
    assert reply.author is Author.SCRIPT
    assert because in reply.text
    assert "playhead models" in reply.text
