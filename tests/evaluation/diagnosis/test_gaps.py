"""Gaps: who answers without looking is found out."""

from __future__ import annotations

import asyncio

from playhead.agent.rollouts import collect
from playhead.agent.source import WorldSource
from playhead.core.budget import Budget
from playhead.core.trajectory import Task, Trajectory
from playhead.evaluation.asking import Mind, mind
from playhead.evaluation.diagnosis.gaps import Gap, gaps
from playhead.evaluation.diagnosis.probes import probe
from playhead.evaluation.diagnosis.views import blind, single_frame
from playhead.evaluation.scorers.answers import accuracy
from playhead.tools.toolset import default_tools
from tests.evaluation.diagnosis.minds import cheat, oracle, tasks


def measured(policy: Mind) -> dict[str, Gap]:
    asked = tasks("needle", 12, seconds=30)
    with WorldSource() as source:
        run = [record for task in asked for record in played(policy, task, source)]
        probes = {
            view.name: asyncio.run(probe(policy, asked, source, view))
            for view in (blind, single_frame)
        }
    return {gap.view: gap for gap in gaps(run, probes, accuracy)}


def played(policy: Mind, task: Task, source: WorldSource) -> list[Trajectory]:
    """One attempt by the real loop."""
    with source.open(task, Budget()) as ctx:
        who = mind(policy, task, ctx)
        tools = [tool for tool in default_tools() if tool.name in ("look", "answer")]
        (group,) = asyncio.run(collect([task], who, source, tools=tools, budget=Budget(turns=6)))
    return group


def test_a_policy_that_looks_has_gaps():
    found = measured(oracle)
    assert found["blind"].difference.after == 1.0
    assert found["blind"].difference.before < 0.2
    assert found["blind"].is_open
    assert found["single_frame"].is_open
    assert "does not need" not in found["blind"].told


def test_a_policy_that_cheats_has_none():
    found = measured(cheat)
    assert found["blind"].difference.after == 1.0
    assert not found["blind"].is_open
    assert found["blind"].told.endswith("the score does not need more than blind")


def test_too_few_questions_say_nothing():
    record = Trajectory(id="r", task=Task(id="t", question="?", answer="a"), stop="answered")
    assert gaps([record], {"blind": [record]}, accuracy) == []
