"""The surveyor finds what is asked about by the real loop; without tools it says what it saw."""

from __future__ import annotations

import asyncio

import pytest

from playhead.agent.attempt import attempt
from playhead.agent.source import WorldSource
from playhead.core.budget import Budget
from playhead.core.media import FrameRef
from playhead.core.span import Span
from playhead.core.trajectory import Task
from playhead.evaluation.scorers.answers import accuracy
from playhead.tools.toolset import Toolset, default_tools
from playhead.training.pocket.surveyor import NUM_CLOSE, NUM_SURVEY, Sights, Surveyor
from playhead.worlds.dataset import create_dataset, question_of, to_task
from playhead.worlds.eyes import perceive
from playhead.worlds.render import render
from playhead.worlds.script import World

KNOBS = {
    "duration_ms": 120_000, "scene_ms": 30_000, "height": 180, "width": 224, "modality": "visual",
}  # fmt: skip
TOOLS = tuple(Toolset(default_tools()).only("look", "answer"))
BUDGET = Budget(turns=6, frames=NUM_SURVEY + NUM_CLOSE)


def asked(family: str, form: str, num: int) -> list[tuple[Task, World]]:
    data = create_dataset(family, size=10 * num, seed=5, split="dev", held_out="avoid", **KNOBS)
    entries = (entry for entry in data if question_of(entry).form == form)
    return [
        (to_task(entry), data.world(entry)) for _, entry in zip(range(num), entries, strict=False)
    ]


@pytest.mark.parametrize(
    ("family", "form", "least"),
    [("needle", "where", 0.7), ("negative", "or_absent", 0.7), ("cooccurrence", "together", 0.7)],
)
def test_looks_twice_and_cites_where_it_saw(family: str, form: str, least: float):
    scores: list[float] = []
    with WorldSource() as source:
        for task, world in asked(family, form, 6):
            policy = Surveyor(task, Sights(task, world))
            with source.open(task, BUDGET) as ctx:
                record = asyncio.run(attempt(task, policy, TOOLS, ctx, strategy="seek"))
            assert record.answer is not None
            assert record.cost.frames <= NUM_SURVEY + NUM_CLOSE
            assert len(record.answer.evidence) == 1
            score = accuracy(record) or 0.0
            if task.spans and form in ("where", "or_absent") and score == 1:
                cited = record.answer.evidence[0].span
                assert cited.intersection(task.spans[0]) is not None
            scores.append(score)
    assert sum(scores) / len(scores) >= least


def test_a_part_without_the_card_says_so():
    task, world = asked("needle", "where", 1)[0]
    assert task.spans
    start = 0.0 if task.spans[0].start > 30 else task.spans[0].end
    part = task.replace(within=Span(start=start, end=start + 20))
    with WorldSource() as source, source.open(part, BUDGET) as ctx:
        policy = Surveyor(part, Sights(part, world))
        record = asyncio.run(attempt(part, policy, TOOLS, ctx, strategy="direct"))
    assert record.answer is not None
    assert record.answer.text == "not in the video"


def test_sights_are_what_the_oracle_sees():
    for task, world in asked("needle", "where", 2):
        sights = Sights(task, world)
        for time_ms in range(500, world.duration_ms, 3_700):
            frame = FrameRef(
                video_id=task.video_ids[0], time_s=time_ms / 1000, height=180, width=224
            )
            seen, told = perceive(render(world, time_ms)), sights(frame)
            assert seen.place == told.place
            if seen.half_seen or sights.actor is None:
                continue
            actor = world.actors[sights.actor]
            assert told.has_actor == any(each.actor == actor for each in seen.actors)
            cards = [card.text for card in seen.cards if card.holder == actor]
            assert told.card == (cards[0] if cards else None)


def test_a_slip_is_another_scene_and_is_told():
    for task, world in asked("needle", "where", 8):
        policy = Surveyor(task, Sights(task, world), slips=1.0)
        with WorldSource() as source, source.open(task, BUDGET) as ctx:
            record = asyncio.run(attempt(task, policy, TOOLS, ctx, strategy="seek"))
        if policy.slipped:
            calls = [call for step in record.steps for call in step.reply.calls]
            assert [call.name for call in calls][:2] == ["look", "look"]
            assert policy.slipped == [1]
            return
    pytest.skip("none of these worlds has two scenes that fit")
