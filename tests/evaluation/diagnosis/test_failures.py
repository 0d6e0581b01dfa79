"""Failures: every name, by a policy that fails in just that way, through the real loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count

import pytest

from playhead.agent.attempt import attempt
from playhead.agent.source import WorldSource
from playhead.core.budget import Budget
from playhead.core.errors import Blamed, Origin
from playhead.core.message import Message, ToolCall
from playhead.core.policy import Reply
from playhead.core.span import Span
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.asking import Mind
from playhead.evaluation.diagnosis.failures import Case, diagnose
from playhead.evaluation.scorers.answers import correct
from playhead.models.policies.scripted import ScriptedPolicy
from playhead.tools.toolset import default_tools
from playhead.training.synthesize.hindsight import WorldChecker
from tests.evaluation.diagnosis.minds import Says, oracle, tasks, told_by_eye

WRONG = "nothing of the sort"


@pytest.fixture(scope="module")
def source() -> Iterator[WorldSource]:
    with WorldSource() as made:
        yield made


def attempted(task: Task, source: WorldSource, spans: Sequence[Span]) -> Trajectory:
    """Looks at some stretches and answers wrongly."""
    looks = tuple(
        ToolCall(
            id=f"c{i}",
            name="look",
            arguments={"start_s": span.start, "end_s": span.end, "num": 4},
        )
        for i, span in enumerate(spans)
    )
    policy = ScriptedPolicy(Reply(calls=looks), Reply(text=WRONG))
    tools = [tool for tool in default_tools() if tool.name == "look"]
    with source.open(task, Budget()) as ctx:
        record = asyncio.run(attempt(task, policy, tools, ctx, strategy="seek"))
    assert correct(record) == 0.0
    return record


def label(record: Trajectory, policy: Mind, source: WorldSource, tell=told_by_eye) -> Case:
    (case,) = asyncio.run(diagnose([record], policy, source, tell=tell))
    return case


def elsewhere(task: Task) -> Span:
    """A stretch that holds nothing of the evidence."""
    assert task.spans
    start = 0.0 if task.spans[0].start > 3 else task.spans[-1].end + 0.5
    return Span(start=start, end=start + 2)


def test_the_same_answer_without_pictures_is_a_prior(source: WorldSource):
    (task,) = tasks("needle", 1)
    record = attempted(task, source, task.spans or ())
    assert label(record, Says(lambda messages: WRONG), source).label == "language_prior"


def test_what_was_not_found_is_retrieval(source: WorldSource):
    (task,) = tasks("needle", 1)
    record = attempted(task, source, [elsewhere(task)])
    assert label(record, oracle, source).label == "retrieval"


def test_what_was_found_and_not_put_together_is_fusion(source: WorldSource):
    (task,) = tasks("multihop", 1)
    record = attempted(task, source, task.spans or ())
    assert label(record, oracle, source).label == "fusion"


def test_who_reads_but_does_not_see_fails_by_perception(source: WorldSource):
    (task,) = tasks("needle", 1)
    record = attempted(task, source, task.spans or ())
    assert label(record, WorldChecker, source).label == "perception"


def test_who_has_the_facts_and_is_wrong_fails_by_logic(source: WorldSource):
    (task,) = tasks("needle", 1)
    record = attempted(task, source, task.spans or ())
    numbers = count()
    guesses = Says(lambda messages: f"guess {next(numbers)}")
    assert label(record, guesses, source).label == "temporal_logic"
    assert label(record, guesses, source, tell=None).label == "perception"
    (task,) = tasks("multihop", 1)
    record = attempted(task, source, task.spans or ())
    assert label(record, guesses, source, tell=None).label == "fusion"


def test_right_answers_are_passed_over_and_broken_probes_said(source: WorldSource):
    (task,) = tasks("needle", 1)
    record = attempted(task, source, task.spans or ())
    right = record.replace(answer=record.answer.replace(text=str(task.answer)))
    assert asyncio.run(diagnose([right], oracle, source)) == []

    def gone(messages: Sequence[Message]) -> str:
        raise Blamed(Origin.WORLD, "the server is gone")

    case = label(record, Says(gone), source)
    assert (case.label, case.reason) == (None, "a probe broke: the server is gone")
    unknown = label(record.replace(task=task.replace(spans=None)), oracle, source)
    assert unknown.label is None
