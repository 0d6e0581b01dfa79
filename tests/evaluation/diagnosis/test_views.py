"""Views: what they show, and that it is what they are called after."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from playhead.agent.source import WorldSource
from playhead.core.budget import Budget
from playhead.core.errors import Blamed, Origin
from playhead.core.message import Message, Part
from playhead.core.policy import Reply, Sampling
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Stop, Task
from playhead.evaluation.diagnosis import views
from playhead.evaluation.diagnosis.probes import probe
from playhead.evaluation.diagnosis.views import View
from playhead.evaluation.scorers.answers import accuracy
from playhead.testing import check_trajectory
from tests.evaluation.diagnosis.minds import oracle, tasks, told_by_eye


@pytest.fixture(scope="module")
def source() -> Iterator[WorldSource]:
    with WorldSource() as made:
        yield made


def shown(source: WorldSource, task: Task, view: View) -> Sequence[Part] | None:
    with source.open(task, Budget()) as ctx:
        return view.show(ctx, task)


def times_s(parts: Sequence[Part] | None) -> list[float]:
    return [part.frame.time_s for part in parts or () if part.type == "picture"]


def test_what_each_view_shows(source: WorldSource):
    (task,) = tasks("needle", 1)
    assert shown(source, task, views.blind) == []
    (middle,) = times_s(shown(source, task, views.single_frame))
    assert middle == pytest.approx(30, abs=0.5)
    assert len(times_s(shown(source, task, views.salient))) == 1
    assert len(times_s(shown(source, task, views.evenly(8)))) == 8
    inside = times_s(shown(source, task, views.evidence(6)))
    assert inside
    assert task.spans is not None
    assert all(any(t in span for span in task.spans) for t in inside)
    outside = times_s(shown(source, task, views.rest(32)))
    assert outside
    assert not any(t in span for t in outside for span in task.spans)


def test_a_view_without_anything_to_show_leaves_the_task_out(source: WorldSource):
    (task,) = tasks("needle", 1)
    unknown = task.replace(spans=None)
    records = asyncio.run(probe(oracle, [task, unknown], source, views.evidence()))
    assert [record.task.spans for record in records] == [task.spans]


@pytest.mark.parametrize("family", ["needle", "multihop", "order"])
def test_the_evidence_is_enough_and_the_rest_is_not(source: WorldSource, family: str):
    asked = tasks(family, 3)
    enough = asyncio.run(probe(oracle, asked, source, views.evidence(24)))
    assert [accuracy(record) for record in enough] == [1.0] * 3
    without = asyncio.run(probe(oracle, asked, source, views.rest(48)))
    assert sum(accuracy(record) or 0.0 for record in without) < 1.5
    for record in [*enough, *without]:
        check_trajectory(record)


def test_captions_tell_what_the_eye_saw(source: WorldSource):
    (task,) = tasks("needle", 1)
    (part,) = shown(source, task, views.evidence_in_words(told_by_eye)) or ()
    assert part.type == "text"
    assert str(task.answer) in part.text
    assert shown(source, task, views.captions()), "the embedded captioner says something"


def test_a_policy_that_breaks_is_in_the_record(source: WorldSource):
    class Broken:
        async def reply(
            self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
        ) -> Reply:
            raise Blamed(Origin.WORLD, "the server is gone")

    (record,) = asyncio.run(probe(Broken(), tasks("needle", 1), source, views.blind))
    assert (record.stop, record.blame) == (Stop.FAILED, Origin.WORLD)
    assert accuracy(record) is None
