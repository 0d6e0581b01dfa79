"""The scripted policy plays what was written, and says when it cannot."""

from __future__ import annotations

import asyncio

import pytest

from playhead.core.errors import Blamed
from playhead.core.policy import Reply, Sampling
from playhead.models.policies import ScriptedPolicy
from tests.models.policies.conversations import LOOK, user


def ask(policy: ScriptedPolicy, text: str) -> Reply:
    return asyncio.run(policy.reply([user(text)], [LOOK], Sampling(seed=3)))


def test_it_plays_its_replies_in_order_and_keeps_what_it_was_asked() -> None:
    policy = ScriptedPolicy(Reply(text="one"), Reply(text="two"))
    assert policy.num_left == 2
    assert [ask(policy, "first").text, ask(policy, "second").text] == ["one", "two"]
    assert [asked.messages[-1].text for asked in policy.asked] == ["first", "second"]
    assert policy.asked[0].tools == (LOOK,)
    assert policy.asked[0].sampling.seed == 3
    assert policy.num_left == 0


def test_a_script_that_runs_out_says_so_and_after_what() -> None:
    policy = ScriptedPolicy(Reply(text="one"))
    ask(policy, "first")
    with pytest.raises(Blamed, match=r"has 1 replies .* after 'second'") as caught:
        ask(policy, "second")
    assert caught.value.code == "script_ran_out"


def test_an_exception_in_the_script_is_raised_in_its_turn() -> None:
    policy = ScriptedPolicy(TimeoutError("slow"), Reply(text="then this"))
    with pytest.raises(TimeoutError, match="slow"):
        ask(policy, "first")
    assert ask(policy, "second").text == "then this"
