"""A real vLLM: as a server, as an engine in a process, and against transformers, token for token.

Set PLAYHEAD_TEST_VLLM_PYTHON to the Python of an environment with vLLM and Playhead; without it the
tests use this one's vLLM, or skip. The model is tiny and of chance weights, written here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from playhead.core.message import Message, Role, TextPart
from playhead.core.policy import Finish, Reply, Sampling
from playhead.models.policies import render
from playhead.models.policies.openai import OpenAIPolicy
from tests import pythons
from tests.models.policies.conversations import (
    JUMP,
    LOOK,
    SEARCH,
    Shades,
    conversation,
    saw,
    system,
    turns,
    user,
)

pytestmark = pytest.mark.slow

TOOLS = (LOOK, SEARCH)
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "2",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
}
STARTS_WITHIN_S = 600.0


@pytest.fixture(scope="module")
def python() -> str:
    """The Python that has vLLM."""
    named = os.environ.get("PLAYHEAD_TEST_VLLM_PYTHON")
    if named is None and find_spec("vllm") is None:
        pytest.skip("no vLLM: set PLAYHEAD_TEST_VLLM_PYTHON to a Python that has it")
    return named or sys.executable


def run(python: str, *arguments: str) -> None:
    pythons.run(python, *arguments, **ENVIRONMENT)


@pytest.fixture(scope="module")
def folder(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("models") / "tiny-qwen3-vl"
    code = (
        "import sys; from pathlib import Path; from tests.models.policies.tiny import write_tiny;"
    )
    run(python, "-c", f"{code} write_tiny(Path(sys.argv[1]))", str(home))
    return home


@pytest.fixture(scope="module")
def url(python: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a vLLM server of the tiny model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = f"""-m vllm.entrypoints.openai.api_server --model {folder} --served-model-name tiny
        --host 127.0.0.1 --port {port} --max-model-len 8192 --dtype float32 --enforce-eager
        --enable-auto-tool-choice --tool-call-parser hermes --generation-config vllm
        --enable-prompt-tokens-details --limit-mm-per-prompt {{"image":64}}"""
    with log.open("w") as file:
        process = subprocess.Popen(
            [python, *command.split()],
            cwd=pythons.ROOT,
            env={**os.environ, **ENVIRONMENT},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def _wait(process: subprocess.Popen[Any], health: str, log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-4000:]
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(health, timeout=5).is_success:
                return
        time.sleep(1)
    raise AssertionError(log.read_text()[-4000:])


def policy_of(url: str, **options: Any) -> OpenAIPolicy:
    return OpenAIPolicy("tiny", url, **{"resolve": Shades(), "encoding": "png", **options})


def ask(policy: OpenAIPolicy, messages: list[Message], tools: Any = TOOLS, **how: Any) -> Reply:
    return asyncio.run(policy.reply(messages, tools, Sampling(**how)))


@pytest.fixture(scope="module")
def served(url: str) -> dict[str, Reply]:
    """What the server replies to the shared turns."""
    policy = policy_of(url)
    return {name: ask(policy, said, tools, **how) for name, (said, tools, how) in turns().items()}


@pytest.fixture(scope="module")
def local(python: str, folder: Path, served: object) -> dict[str, Any]:
    """What the engine and transformers reply to them. After the server: two at once are heavy."""
    out = folder.parent / "local.json"
    run(python, "-m", "tests.models.policies.local_minds", str(folder), str(out))
    return json.loads(out.read_text())


# Server, engine and transformers


@pytest.mark.parametrize("backend", ["transformers", "vllm"])
@pytest.mark.parametrize("turn", list(turns()))
def test_every_backend_renders_and_answers_alike(
    served: dict[str, Reply], local: dict[str, Any], backend: str, turn: str
) -> None:
    there, here = served[turn], Reply.model_validate(local[backend][turn])
    assert there.tokens is not None
    assert here.tokens is not None
    assert here.tokens.prompt_ids == there.tokens.prompt_ids
    assert here.tokens.ids == there.tokens.ids
    assert here.tokens.logprobs == pytest.approx(there.tokens.logprobs, abs=1e-3)
    assert (here.text, here.thinking, here.finish) == (there.text, there.thinking, there.finish)
    assert here.usage.visual_tokens == there.usage.visual_tokens


def test_calls_that_must_come_keep_to_their_schema_in_the_engine(local: dict[str, Any]) -> None:
    replies = [Reply.model_validate(said) for said in local["forced"]]
    named, required = replies[:4], replies[4:]
    assert [[call.name for call in reply.calls] for reply in named] == [["jump"]] * 4
    whole = [reply for reply in named + required if reply.finish is Finish.CALLS]
    assert whole
    for call in (call for reply in whole for call in reply.calls):
        assert call.problem is None
        wanted = {"jump": {"to_s", "way"}, "search": {"text"}}[call.name]
        assert set(call.arguments) == wanted


# The server


@pytest.mark.parametrize("strict", [True, "grammar"])
def test_a_conversation_of_calls_and_pictures_goes_on_over_turns(url: str, strict: Any) -> None:
    shades = Shades()
    policy = policy_of(url, strict_tools=strict, resolve=shades)
    messages = [system("Answer from the pictures."), user("When does it turn bright?")]
    for turn in range(3):
        how: Any = {"tool_choice": "jump", "temperature": 1.0, "seed": turn, "max_tokens": 400}
        reply = ask(policy, messages, (JUMP, SEARCH), **how)
        (call,) = reply.calls
        assert (call.name, call.problem) == ("jump", None)
        assert call.arguments.keys() == {"to_s", "way"}
        assert isinstance(call.arguments["to_s"], int)
        assert call.arguments["way"] in ("back", "on")
        parts = (TextPart(text=reply.text),) if reply.text else ()
        said = Message(role=Role.ASSISTANT, parts=parts, calls=reply.calls)
        messages += [said, saw(call.id, 10.0 * turn, 10.0 * turn + 1).replace(name="jump")]
    last = ask(policy, messages, (JUMP, SEARCH), choices=("at 20 s", "at 0 s"))
    assert last.text in ("at 20 s", "at 0 s")
    assert len(shades.asked) == len(render.pictures(messages)) == 6
    assert last.usage.visual_tokens == 6 * 6
    assert last.usage.cached_tokens > 0


def test_strict_strings_come_as_json_that_the_server_reads(url: str) -> None:
    policy = policy_of(url, strict_tools=True)
    how: Any = {"tool_choice": "search", "temperature": 1.0, "max_tokens": 400}
    replies = [ask(policy, conversation(), seed=seed, **how) for seed in range(4)]
    whole = [reply for reply in replies if reply.finish is Finish.CALLS]
    assert whole
    for reply in whole:
        assert [call.name for call in reply.calls] == ["search"]
        assert isinstance(reply.calls[0].arguments["text"], str)
        assert reply.text == ""


def test_only_strict_tools_change_what_the_model_reads(url: str) -> None:
    def prompt(strict: Any) -> tuple[int, ...]:
        reply = ask(
            policy_of(url, strict_tools=strict), conversation(), max_tokens=1, logprobs=True
        )
        assert reply.tokens is not None
        return reply.tokens.prompt_ids

    plain, grammar, strict = (prompt(kind) for kind in (False, "grammar", True))
    assert grammar == plain
    assert len(strict) > len(plain)


def test_pictures_travel_once_and_a_server_that_lost_some_gets_them_again(url: str) -> None:
    shades = Shades()
    policy = policy_of(url, resolve=shades)
    fresh = [user("q"), saw("x", 500.0, 501.0).replace(role="user", call_id=None, name=None)]
    first = ask(policy, fresh, max_tokens=4, logprobs=True)
    assert len(shades.asked) == 2
    assert ask(policy, fresh, max_tokens=4, logprobs=True).tokens == first.tokens
    assert len(shades.asked) == 2  # nothing was decoded, so nothing was sent
    unseen = [user("q"), saw("x", 600.0).replace(role="user", call_id=None, name=None)]
    policy._sent.arrived(render.pictures(unseen))  # as if the server had been started anew since
    assert ask(policy, unseen, max_tokens=4).usage.output_tokens == 4
    assert len(shades.asked) == 3


def test_a_stream_tells_the_words_of_the_same_reply(url: str) -> None:
    policy = policy_of(url)
    sampling = Sampling(max_tokens=20, temperature=1.0, seed=2, logprobs=True)

    async def collect() -> list[str | Reply]:
        return [piece async for piece in policy.stream(conversation(), TOOLS, sampling)]

    *words, reply = asyncio.run(collect())
    at_once = asyncio.run(policy.reply(conversation(), TOOLS, sampling))
    assert isinstance(reply, Reply)
    assert len(words) > 1
    assert "".join(map(str, words)).strip() == reply.text == at_once.text
    assert reply.tokens is not None
    assert at_once.tokens is not None
    assert reply.tokens.prompt_ids == at_once.tokens.prompt_ids
    assert reply.tokens.ids == at_once.tokens.ids
    assert reply.usage.output_tokens == 20


def test_a_streamed_call_is_the_same_call(url: str) -> None:
    policy = policy_of(url, strict_tools=True)
    sampling = Sampling(tool_choice="jump", max_tokens=400, temperature=1.0, seed=1)

    async def last() -> Any:
        return [piece async for piece in policy.stream(conversation(), (JUMP, SEARCH), sampling)][
            -1
        ]

    streamed = asyncio.run(last())
    at_once = asyncio.run(policy.reply(conversation(), (JUMP, SEARCH), sampling))
    assert [(c.name, c.arguments) for c in streamed.calls] == [
        (c.name, c.arguments) for c in at_once.calls
    ]
    assert streamed.calls


def test_many_callers_at_once_get_what_each_would_get_alone(url: str) -> None:
    policy = policy_of(url)

    async def together() -> list[Reply]:
        asking = [
            policy.reply(conversation()[:2], TOOLS, Sampling(choices=("yes", f"no {i}")))
            for i in range(16)
        ]
        return await asyncio.gather(*asking)

    replies = asyncio.run(together())
    assert all(reply.text in ("yes", f"no {i}") for i, reply in enumerate(replies))


def test_what_the_server_refuses_is_said_in_our_words(url: str) -> None:
    from playhead.core.errors import Blamed

    with pytest.raises(Blamed, match="does not know the model 'other'; it serves tiny"):
        asyncio.run(
            OpenAIPolicy("other", url, resolve=Shades()).reply([user("hi")], (), Sampling())
        )
    with pytest.raises(Blamed, match="cannot take that much") as caught:
        ask(policy_of(url), [user("word " * 4000)], ())
    assert caught.value.code == "too_long"
