"""A budget holds, whatever a policy does; and the loop never raises what a policy did."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playhead.core import Budget, Origin, Reply, Stop, Usage
from tests.agent.conftest import Films
from tests.agent.policies import Planner, RandomPolicy, calling
from tests.agent.policies import call as wish

budgets = st.builds(
    Budget,
    turns=st.sampled_from([0, 1, 2, 3, 5, 8]),
    frames=st.sampled_from([None, 0, 1, 7, 40]),
    visual_tokens=st.sampled_from([None, 0, 50, 900, 8000]),
    seconds=st.sampled_from([None, 0, 20, 300]),
    dollars=st.sampled_from([None, 0, 0.0101, 0.025, 1]),
)


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    budget=budgets,
    seed=st.integers(0, 2**32),
    dollars=st.sampled_from([None, 0.0, 0.004, 0.0101]),
    strategy=st.sampled_from(["seek", "seek", "seek", "direct", "sparse_to_dense"]),
    verify=st.booleans(),
    options=st.sampled_from([(), ("a boat", "a red ball", "a windmill")]),
)
def test_no_budget_is_ever_exceeded_and_there_is_always_an_answer_or_a_blame(
    films: Films,
    budget: Budget,
    seed: int,
    dollars: float | None,
    strategy: str,
    verify: bool,
    options: tuple[str, ...],
):
    policy = RandomPolicy(seed, dollars=dollars)
    record = films.ask(
        policy,
        films.demo,
        films.clock,
        budget=budget,
        strategy=strategy,
        verify=verify,
        task={"options": options},
    )
    assert budget.over(record.cost) == ()
    assert record.answer is not None
    assert record.failure is None, record.failure
    assert policy.num_turns == record.cost.turns
    shown = sum(o.cost.frames for s in record.steps for o in s.observations)
    assert shown <= record.cost.frames
    blamed = [o.failure for s in record.steps for o in s.observations if o.failure]
    assert [f for f in blamed if f.origin is Origin.TOOL] == [], "a tool broke"


def test_a_hanging_policy_ends_with_the_time_and_the_best_so_far(films: Films):
    budget = Budget(turns=8, seconds=2)
    record = films.ask(RandomPolicy(3, hangs=True), films.demo, budget=budget, strategy="seek")
    assert record.stop in (Stop.BUDGET, Stop.ANSWERED)
    assert record.answer is not None


def test_the_last_turn_that_can_be_paid_is_kept_for_the_answer(films: Films):
    dear = Usage(dollars=0.25)
    looks = [calling(wish("look", start_s=i, end_s=i + 1, num=1), usage=dear) for i in range(9)]
    policy = Planner(*looks[:3], Reply(text="4", usage=dear))
    record = films.ask(policy, budget=Budget(dollars=1.0), strategy="seek")
    assert record.stop is Stop.BUDGET
    assert record.answer is not None
    assert record.answer.text == "4"
    assert record.cost.dollars == pytest.approx(1.0)


def dear(text: str, dollars: float | None) -> Reply:
    looks = (wish("look", start_s=1, end_s=2, num=1),) if not text else ()
    return Reply(text=text, calls=looks, usage=Usage(dollars=dollars))


def test_after_a_first_reply_that_was_too_dear_nothing_more_is_bought(films: Films):
    policy = Planner(dear("", 5.0), dear("a boat", 5.0))
    record = films.ask(policy, budget=Budget(dollars=1.0), strategy="seek")
    assert record.stop is Stop.BUDGET
    assert len(policy.messages) == 1  # nobody could know; the second was refused
    assert record.cost.dollars == 5.0
    assert record.cost.frames == 0
    assert record.answer is not None
    assert record.answer.warnings


@pytest.mark.parametrize(
    ("price", "dollars", "num_asked"),
    [
        ((0.0, 1_000.0), 1.0, 0),  # 1024 tokens cost 1.024
        ((0.0, 1_000.0), 2.0, 1),
        ((0.0, 1_000.0), 2.1, 2),
        ((1_000.0, 0.0), 1.0, 0),  # the tools alone are more than 1000 tokens
        (None, 1e-9, 1),
    ],
)
def test_a_declared_price_is_known_before_the_first_reply(
    films: Films, price: tuple[float, float] | None, dollars: float, num_asked: int
):
    policy = Planner(dear("" if num_asked == 2 else "a boat", 0.01), dear("a boat", 0.01))
    policy.dollars_per_million = price  # type: ignore[attr-defined]
    record = films.ask(policy, budget=Budget(dollars=dollars), strategy="seek")
    assert len(policy.messages) == num_asked
    assert record.answer is not None
    assert (record.answer.text == "a boat") is (num_asked > 0)
    if num_asked == 1 and price:
        assert policy.samplings[0].tool_choice == "answer"
        assert "Now give your answer" in policy.messages[0][1].text


def test_a_question_without_bounds_still_ends(films: Films):
    policy = Planner(*[Reply(text="")] * 50)
    record = films.ask(policy, budget=Budget(), strategy="seek")
    assert record.stop is Stop.REPEATED
    assert len(policy.messages) <= 6
