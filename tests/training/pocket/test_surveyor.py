"""The surveyor finds what is asked about by the real loop; without tools it says what it saw."""

from __future__ import annotations

import asyncio
from itertools import islice

from playhead.agent.attempt import attempt
from playhead.agent.source import WorldSource
from playhead.evaluation.scorers.answers import accuracy
from playhead.training.pocket.curriculum import BUDGET, NUM_PICTURES, Asked, tasks, tools
from playhead.training.pocket.surveyor import Guide, Surveyor
from playhead.worlds.eyes import perceive
from playhead.worlds.render import render


def asked(num: int) -> list[Asked]:
    return list(islice(tasks(5, split="dev", held_out="avoid"), num))


def test_looking_twice_finds_more_than_looking_evenly():
    right = {"seek": 0.0, "direct": 0.0}
    with WorldSource() as source:
        for task, world in asked(16):
            for strategy in right:
                policy = Surveyor(Guide.of(task, world))
                with source.open(task, BUDGET) as ctx:
                    record = asyncio.run(attempt(task, policy, tools(), ctx, strategy=strategy))
                assert record.answer is not None
                assert record.cost.frames <= NUM_PICTURES
                right[strategy] += accuracy(record) or 0.0
    assert right["seek"] >= right["direct"] + 3


def test_a_second_look_goes_to_a_scene_that_fits():
    for task, world in asked(6):
        guide = Guide.of(task, world)
        first = guide.next([])
        assert first is not None
        survey = [guide.sight(time_s) for time_s in first.times_s]
        second = guide.next([survey])
        if second is None:
            continue
        inside = [sight for sight in survey if second.start_s < sight.time_s < second.end_s]
        assert inside
        assert all(sight.is_there for sight in inside)


def test_sights_are_what_the_oracle_sees():
    for task, world in asked(2):
        guide = Guide.of(task, world)
        actor = world.actors[guide.actor]
        for time_ms in range(500, world.duration_ms, 3_700):
            seen, told = perceive(render(world, time_ms)), guide.sight(time_ms / 1000)
            assert (seen.place == guide.place) == told.is_there
            if seen.half_seen:
                continue
            assert told.has_actor == any(each.actor == actor for each in seen.actors)
            cards = [card.text for card in seen.cards if card.holder == actor and told.is_there]
            assert told.card == (cards[0] if cards else None)
