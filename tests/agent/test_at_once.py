"""Many attempts at once over one library, in one event loop: what rollouts and benchmarks do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from playhead.agent.attempt import attempt
from playhead.core import Blamed, Budget, Origin, Policy, Reply, Sampling, Stop, Task, Trajectory
from playhead.tools.toolset import Toolset, default_tools
from tests.agent.conftest import Films
from tests.agent.policies import Planner, answering, calling, ids_in
from tests.agent.policies import call as wish

NUM = 64


async def one(films: Films, policy: Policy, number: int, **how: Any) -> Trajectory:
    with films.context(films.demo, budget=how.pop("budget", None)) as ctx:
        question = f"What is seen, {number}?"
        task = Task(id=str(number), question=question, video_ids=(films.demo,))
        tools = how.pop("tools", default_tools())
        return await attempt(task, policy, tools, ctx, strategy="seek", **how)


def planner(number: int) -> Planner:
    return Planner(
        calling(wish("look", start_s=number / 4, end_s=number / 4 + 1, num=1)),
        lambda messages: answering(f"answer {number}", *ids_in(messages)),
    )


def test_many_attempts_in_one_loop_each_get_their_own_answer(films: Films):
    async def all_() -> list[Trajectory]:
        return await asyncio.gather(*[one(films, planner(i), i) for i in range(NUM)])

    records = films.loop.run_until_complete(all_())
    for number, record in enumerate(records):
        assert record.answer is not None
        assert record.answer.text == f"answer {number}"
        (cited,) = record.answer.evidence
        assert cited.span.start == pytest.approx(number / 4, abs=0.1)


def test_what_one_policy_does_is_its_own_blame_and_cancelling_one_hurts_no_other(films: Films):
    async def hang(_: object) -> Reply:
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")

    async def all_() -> list[Any]:
        policies = [planner(i) for i in range(NUM)]
        policies[3] = Planner(Blamed(Origin.WORLD, "the server is gone"))
        policies[4] = Planner(KeyError("a bug"))
        policies[5] = Planner(hang)
        jobs = [asyncio.ensure_future(one(films, p, i)) for i, p in enumerate(policies)]
        await asyncio.wait([job for i, job in enumerate(jobs) if i != 5], timeout=60)
        jobs[5].cancel()
        return await asyncio.gather(*jobs, return_exceptions=True)

    results = films.loop.run_until_complete(all_())
    assert isinstance(results[5], asyncio.CancelledError)
    assert (results[3].blame, results[4].blame) == (Origin.WORLD, Origin.TOOL)
    others = [record for i, record in enumerate(results) if i not in (3, 4, 5)]
    assert {record.stop for record in others} == {Stop.ANSWERED}


def test_a_model_in_this_process_answers_many_attempts_in_batches_and_as_alone(
    films: Films, tmp_path: Path
):
    for library in ("torch", "torchvision", "transformers"):
        pytest.importorskip(library)
    from playhead.models.policies.transformers import TransformersPolicy
    from tests.models.policies.tiny import write_tiny

    def pictures(refs: Any) -> Any:
        return [films.library.picture(ref) for ref in refs]

    policy = TransformersPolicy(write_tiny(tmp_path), resolve=pictures, device="cpu")
    look = calling(wish("look", start_s=2, end_s=3, num=1, quota="coarse"))
    seen = films.ask(Planner(look), films.demo, strategy="seek").steps[:1]
    how = {
        "sampling": Sampling(max_tokens=6),
        "tools": Toolset(default_tools()).only("transcript"),
        "steps": seen,
        "budget": Budget(turns=1),
    }

    async def all_() -> list[Any]:
        jobs = [asyncio.ensure_future(one(films, policy, i, **how)) for i in range(NUM - 1)]
        long = one(films, policy, NUM, earlier=["word " * 4000], **how)
        jobs.append(asyncio.ensure_future(long))
        while policy.num_batches < 2:
            await asyncio.sleep(0.01)
        jobs[40].cancel()
        return await asyncio.gather(*jobs, return_exceptions=True)

    before = policy.num_batches
    results = films.loop.run_until_complete(all_())
    assert isinstance(results[40], asyncio.CancelledError)
    assert results[-1].failure is not None
    assert (results[-1].blame, "show it less" in results[-1].failure.message) == (
        Origin.WORLD,
        True,
    )
    assert policy.num_batches - before < NUM / 3  # the one that failed took its batch apart
    for number in (0, 9, 62):
        alone = films.loop.run_until_complete(one(films, policy, number, **how))
        assert results[number].failure is None
        assert [s.reply for s in results[number].steps] == [s.reply for s in alone.steps]
        assert alone.steps[1].reply.usage.visual_tokens > 0
    policy.close()
