"""Rollouts: groups of attempts at once, each drawn by its own seed, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from playhead.agent.rollouts import collect, fault, is_cut, tally
from playhead.agent.source import WorldSource
from playhead.core.budget import Budget
from playhead.core.errors import NoSuchPlugin, Origin, VideoNotFound
from playhead.core.message import Message
from playhead.core.policy import Finish, Policy, Reply, Sampling
from playhead.core.store import TrajectoryStore
from playhead.core.tools import ToolSpec, tool
from playhead.core.trajectory import Stop, Task, Trajectory
from playhead.tools.context import ToolContext
from tests.training.rollout_cases import BUDGET, Halves, two_tools, world_tasks


def collected(
    tasks: Sequence[Task], policy: Policy, source: Any, **how: Any
) -> list[list[Trajectory]]:
    given = {"tools": two_tools(), "budget": BUDGET, **how}
    return asyncio.run(collect(tasks, policy, source, **given))


@pytest.fixture
def source() -> Iterator[WorldSource]:
    with WorldSource() as made:
        yield made


class Keeps:
    """Answers at once, and keeps how it was asked and how many were asked together."""

    def __init__(self) -> None:
        self.samplings: list[Sampling] = []
        self.num_now = self.num_most = 0

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        self.samplings.append(sampling)
        self.num_now += 1
        self.num_most = max(self.num_most, self.num_now)
        await asyncio.sleep(0.01)
        self.num_now -= 1
        return Reply(text="A")


def test_each_task_has_its_group_in_order(source: WorldSource) -> None:
    tasks = world_tasks(3)
    groups = collected(tasks, Halves(0), source, num_generations=2)
    assert [[t.task.id for t in group] for group in groups] == [[t.id] * 2 for t in tasks]
    for group in groups:
        assert len({t.group for t in group}) == 1
        assert len({t.id for t in group}) == 2
        assert all(t.stop is Stop.ANSWERED for t in group)
    assert len({group[0].group for group in groups}) == 3


def test_every_rollout_and_every_turn_draws_by_a_seed_of_its_own(source: WorldSource) -> None:
    policy = Halves(0)
    how = {"num_generations": 3, "sampling": Sampling(temperature=0.7, max_tokens=9)}
    collected(world_tasks(2), policy, source, **how)
    seeds = [sampling.seed for sampling in policy.samplings]
    assert len(set(seeds)) == len(seeds) == 2 * 3 * 2
    assert {(s.temperature, s.max_tokens) for s in policy.samplings} == {(0.7, 9)}
    again = Halves(0)
    collected(world_tasks(2), again, source, **how)
    assert sorted(map(str, seeds)) == sorted(str(s.seed) for s in again.samplings)
    other = Halves(0)
    collected(world_tasks(2), other, source, seed=1, **how)
    assert not set(seeds) & {s.seed for s in other.samplings}


def test_no_more_attempts_run_at_once_than_wanted(source: WorldSource) -> None:
    policy = Keeps()
    collected(world_tasks(2), policy, source, num_generations=6, at_once=3)
    assert policy.num_most == 3
    assert len(policy.samplings) == 12


@pytest.mark.parametrize("bounds", [False, True])
def test_the_last_turn_is_free_unless_bounded(source: WorldSource, bounds: bool) -> None:
    policy = Keeps()
    collected(world_tasks(1), policy, source, budget=Budget(turns=1), bounds=bounds)
    assert policy.samplings[-1].tool_choice == ("answer" if bounds else "auto")


class Dies:
    """A source whose videos cannot be had the first `num` times."""

    def __init__(self, source: WorldSource, num: int, error: Exception) -> None:
        self.source, self.num, self.error, self.num_asked = source, num, error, 0
        self.resolve = source.resolve

    @contextmanager
    def open(self, task: Task, budget: Budget) -> Iterator[ToolContext]:
        self.num_asked += 1
        if self.num_asked <= self.num:
            raise self.error
        with self.source.open(task, budget) as ctx:
            yield ctx


@pytest.mark.parametrize(
    ("error", "origin"),
    [(VideoNotFound("gone"), Origin.WORLD), (OSError("no disk"), Origin.WORLD),
     (ZeroDivisionError("ours"), Origin.TOOL)],
)  # fmt: skip
def test_what_is_not_the_models_fault_is_tried_once_more(
    source: WorldSource, error: Exception, origin: Origin
) -> None:
    once, twice = Dies(source, 1, error), Dies(source, 2, error)
    ((good,),) = collected(world_tasks(1), Halves(0), once)
    ((bad,),) = collected(world_tasks(1), Halves(0), twice)
    assert (good.stop, fault(good), once.num_asked) == (Stop.ANSWERED, None, 2)
    assert (bad.stop, fault(bad), twice.num_asked) == (Stop.FAILED, origin, 2)
    assert bad.failure is not None
    assert str(error) in bad.failure.message


def test_a_broken_policy_is_in_the_record(source: WorldSource) -> None:
    class Breaks:
        num = 0

        async def reply(self, *_: Any) -> Reply:
            self.num += 1
            raise ConnectionError("no server")

    policy = Breaks()
    ((record,),) = collected(world_tasks(1), policy, source)
    assert (record.stop, fault(record), policy.num) == (Stop.FAILED, Origin.WORLD, 2)


def test_a_tool_that_breaks_is_a_fault_although_the_attempt_goes_on(source: WorldSource) -> None:
    @tool
    def look(ctx: ToolContext, start_s: float, end_s: float, num: int) -> str:
        """Break.

        Args:
            start_s: Any.
            end_s: Any.
            num: Any.
        """
        raise ZeroDivisionError

    ((record,),) = collected(world_tasks(1), Halves(0), source, tools=(look, two_tools()[1]))
    assert record.stop is Stop.ANSWERED
    assert record.blame is None
    assert fault(record) is Origin.TOOL


def test_what_a_model_asks_for_in_vain_is_its_own_fault(source: WorldSource) -> None:
    ((record,),) = collected(world_tasks(1), Halves(0, num=10_000), source)
    seen = record.steps[0].observations[0]
    if seen.failure is not None:
        assert fault(record) is Origin.MODEL
    ((unknown,),) = collected(world_tasks(1), Halves(0), source, tools=two_tools()[1:])
    assert fault(unknown) is Origin.MODEL


def test_a_collection_that_was_stopped_goes_on(source: WorldSource, tmp_path: Path) -> None:
    store = TrajectoryStore(tmp_path / "rollouts.jsonl")
    tasks = world_tasks(2)
    first = Keeps()
    (begun,) = collected(tasks[:1], first, source, num_generations=2, store=store)
    second = Keeps()
    whole = collected(tasks, second, source, num_generations=2, store=store)
    assert len(second.samplings) == 2
    assert whole[0] == begun
    assert sorted(t.id for t in store) == sorted(t.id for group in whole for t in group)
    third = Keeps()
    assert collected(tasks, third, source, num_generations=2, store=store) == whole
    assert third.samplings == []


def test_a_tally_says_what_attempts_were_like(source: WorldSource) -> None:
    groups = collected(world_tasks(2), Halves(1, num=2), source, num_generations=2)
    dead = collected(world_tasks(1), Halves(0), Dies(source, 9, VideoNotFound("gone")))
    told = tally([t for group in (*groups, *dead) for t in group])
    assert told["rollouts/pictures"] == pytest.approx(2 * 4 / 5)
    assert told["rollouts/calls/look"] == pytest.approx(4 / 5)
    assert told["rollouts/stop/answered"] == pytest.approx(4 / 5)
    assert told["rollouts/failed/world"] == pytest.approx(1 / 5)
    assert told["rollouts/failed/model"] == 0


def test_a_reply_that_was_cut_is_known_as_cut(source: WorldSource) -> None:
    class Cut(Keeps):
        async def reply(self, *asked: Any) -> Reply:
            return (await super().reply(*asked)).replace(finish=Finish.LENGTH)

    ((cut,),) = collected(world_tasks(1), Cut(), source)
    ((whole,),) = collected(world_tasks(1), Keeps(), source)
    assert (is_cut(cut), is_cut(whole)) == (True, False)


def test_wrong_settings_are_said_at_once(source: WorldSource) -> None:
    with pytest.raises(NoSuchPlugin):
        collected(world_tasks(1), Keeps(), source, strategy="fly")
    with pytest.raises(ValueError, match="num_generations=0"):
        collected(world_tasks(1), Keeps(), source, num_generations=0)
    with pytest.raises(ValueError, match="at_once=0"):
        collected(world_tasks(1), Keeps(), source, at_once=0)
