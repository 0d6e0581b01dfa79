"""The kit for policies: ours pass it, and a policy with any one fault does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from playhead.core import (
    Blamed,
    Message,
    Origin,
    Reply,
    Sampling,
    Tokens,
    ToolCall,
    ToolSpec,
    Usage,
)
from playhead.core.policy import Finish
from playhead.models.dialects import find_dialect
from playhead.models.dialects.policy import DialectPolicy
from playhead.models.policies import OpenAIPolicy, ScriptedPolicy
from playhead.models.policies.rules import RulesPolicy
from playhead.testing import check_policy
from tests.models.policies.conversations import Shades, frame
from tests.models.policies.servers import TinyServer, says, serving

PICTURE = frame(3.0)


def call(name: str) -> Reply:
    wish = ToolCall(id="x", name=name, arguments={"start_s": 1.0})
    return Reply(calls=(wish,), finish=Finish.CALLS)


def script() -> list[Reply | BaseException]:
    """What a good policy may say to everything that the kit asks, in order."""
    words, choice = Reply(text="a car"), Reply(text="a red")
    odd = Blamed(Origin.WORLD, "that is no conversation")
    return [
        *[words] * 7,
        call("search"),
        call("look"),
        words,
        choice,
        choice,
        *[odd] * 3,
        *[words] * 3,
    ]


def test_a_good_script_passes_and_is_played_to_its_end() -> None:
    policy = ScriptedPolicy(*script())
    check_policy(policy, frame=PICTURE)
    assert policy.num_left == 0


def tokens(num: int, *, prompt: int = 2, logprob: float | None = -1.0) -> Tokens:
    told = None if logprob is None else (logprob,) * num
    return Tokens(prompt_ids=(1,) * prompt, ids=(2,) * num, logprobs=told)


def counted(num: int, *, prompt: int = 2, **more: Any) -> Reply:
    used = Usage(input_tokens=prompt, output_tokens=num)
    return Reply(text="a car", tokens=tokens(num, prompt=prompt, **more), usage=used)


@pytest.mark.parametrize(
    ("place", "fault", "said"),
    [
        (0, KeyError("no"), "a question: KeyError"),
        (0, Blamed(Origin.WORLD, "no"), "a question: Blamed"),
        (0, "a car", "gives a Reply: got str"),
        (0, call("look"), "no tool was offered"),
        (0, Reply(finish=Finish.CALLS), "ended with calls and has none"),
        (0, counted(4).replace(usage=Usage(input_tokens=2, output_tokens=3)), "recorded"),
        (0, counted(1, prompt=0), "no prompt"),
        (0, counted(1, logprob=0.5), "above 0"),
        (0, counted(17), "max_tokens is 16"),
        (1, Reply(text="a bus"), "says two things"),
        (3, TypeError("one loop only"), "the other: TypeError"),
        (4, counted(4), "max_tokens is 3"),
        (5, counted(2, logprob=None), "no log-probabilities"),
        (6, counted(2), "none for a picture"),
        (7, Reply(text="a car"), "tool_choice=required called nothing"),
        (7, call("fly"), "tool_choice=required called"),
        (8, call("search"), "tool_choice=look called"),
        (9, call("look"), "tool_choice=none called"),
        (10, Reply(text="red"), "had to say one of"),
        (11, call("look").replace(text="a dog"), "had to choose, and called a tool"),
        (13, ValueError("odd"), "not Blamed"),
    ],
)
def test_a_script_with_one_fault_does_not(place: int, fault: Any, said: str) -> None:
    replies = script()
    replies[place] = fault
    with pytest.raises(AssertionError, match=said):
        check_policy(ScriptedPolicy(*replies), frame=PICTURE)


def test_the_rules_pass() -> None:
    check_policy(RulesPolicy(), frame=PICTURE)


class Obedient(TinyServer):
    """Does what a request asks for."""

    def answer(self, body: dict[str, Any], num_bytes: int, key: str | None) -> Any:
        wanted = body.get("tool_choice", "auto")
        if "response_format" in body:
            return says('{"choice": "a red"}')
        if wanted == "required" or isinstance(wanted, dict):
            name = "search" if wanted == "required" else wanted["function"]["name"]
            function = {"name": name, "arguments": '{"text": "car"}'}
            return says(tool_calls=[{"id": "x1", "type": "function", "function": function}])
        return says("a car")


def test_a_policy_behind_a_server_passes() -> None:
    with serving(Obedient()) as server:
        check_policy(OpenAIPolicy("tiny", server.url, resolve=Shades()), frame=PICTURE)


def test_a_server_that_ignores_what_must_be_called_is_found_out() -> None:
    with serving(TinyServer(says("a car"))) as server:
        policy = OpenAIPolicy("tiny", server.url, resolve=Shades())
        with pytest.raises(AssertionError, match="tool_choice=required called nothing"):
            check_policy(policy)


class Obeying:
    """Says what a checkpoint that obeys would write in the dialect of Video-o3."""

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        return Reply(text=sampling.choices[0] if sampling.choices else "<think>hm</think>a car")


def test_a_dialect_keeps_the_bounds_but_cannot_force_a_call() -> None:
    policy = DialectPolicy(Obeying(), find_dialect("video_o3"))
    with pytest.raises(AssertionError, match="tool_choice=required called nothing"):
        check_policy(policy, frame=PICTURE)


def test_a_model_in_this_process_passes(tmp_path: Path) -> None:
    for library in ("torch", "torchvision", "transformers"):
        pytest.importorskip(library)
    from playhead.models.policies.transformers import TransformersPolicy
    from tests.models.policies.tiny import write_tiny

    policy = TransformersPolicy(write_tiny(tmp_path), resolve=Shades(), device="cpu")
    check_policy(policy, frame=PICTURE, max_tokens=56)
    policy.close()
