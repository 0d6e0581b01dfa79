"""The server policy against a small real HTTP server that has the faults of real ones."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import Any

import pytest

from playhead.core.errors import Blamed, NoSuchTime, Origin
from playhead.core.message import Message
from playhead.core.policy import Finish, Reply, Sampling
from playhead.models.policies.openai import OpenAIPolicy
from tests.models.policies.conversations import (
    LOOK,
    SEARCH,
    Shades,
    conversation,
    frame,
    saw,
    user,
)
from tests.models.policies.servers import Failing, TinyServer, says, serving

KEY = "sk-very-secret"


def policy_of(server: TinyServer, **options: Any) -> OpenAIPolicy:
    options = {"resolve": Shades(), "backoff_s": 0.01, **options}
    return OpenAIPolicy(options.pop("model", "tiny"), server.url, **options)


def ask(
    policy: OpenAIPolicy,
    messages: list[Message] | None = None,
    tools: Any = (LOOK, SEARCH),
    **sampling: Any,
) -> Reply:
    how = Sampling(**sampling)
    return asyncio.run(policy.reply(messages or conversation(), tools, how))


def urls(body: dict[str, Any]) -> list[dict[str, Any] | None]:
    lists = [m["content"] for m in body["messages"] if isinstance(m["content"], list)]
    return [part["image_url"] for parts in lists for part in parts if part["type"] == "image_url"]


def called(name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return says(tool_calls=[{"id": "x1", "type": "function", "function": function}])


# What is asked and what is understood


def test_a_question_goes_out_and_its_answer_comes_back() -> None:
    answer = says("at 42 s", reasoning_content="it is brighter there")
    answer["usage"] = {
        "prompt_tokens": 100,
        "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 64},
    }
    with serving(TinyServer(answer)) as server:
        policy = policy_of(server, dollars_per_million=(2.0, 10.0))
        reply = ask(policy, temperature=0.5, top_p=0.9, seed=3, stop=("END",), max_tokens=50)
    body = server.bodies[0]
    assert (reply.text, reply.thinking, reply.finish) == ("at 42 s", "it is brighter there", "stop")
    assert (body["temperature"], body["top_p"], body["seed"], body["stop"], body["max_tokens"]) == (
        0.5, 0.9, 3, ["END"], 50,
    )  # fmt: skip
    assert [tool["function"]["name"] for tool in body["tools"]] == ["look", "search"]
    usage = reply.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (100, 64, 9)
    assert usage.visual_tokens == 4 * 6
    assert usage.dollars == pytest.approx((100 * 2 + 9 * 10) / 1e6)


def test_calls_are_read_and_unreadable_ones_keep_what_was_written() -> None:
    with serving(TinyServer(called("look", '{"start_s": 1}'), called("look", '{"start'))) as server:
        policy = policy_of(server)
        good, bad = ask(policy), ask(policy)
    assert good.finish is Finish.CALLS
    assert (good.calls[0].id, good.calls[0].arguments) == ("x1", {"start_s": 1})
    assert bad.calls[0].raw == '{"start'


def test_a_call_that_the_server_left_in_the_text_is_salvaged() -> None:
    text = 'Hm.\n<tool_call>\n{"name": "search", "arguments": {"text": "a\nb"}}\n</tool_call>'
    with serving(TinyServer(says(text))) as server:
        reply = ask(policy_of(server))
    assert (reply.text, reply.finish) == ("Hm.", Finish.CALLS)
    assert reply.calls[0].arguments == {"text": "a\nb"}


def test_a_reply_that_was_cut_off_says_so() -> None:
    with serving(TinyServer(says("and th", finish="length"))) as server:
        assert ask(policy_of(server)).finish is Finish.LENGTH


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("look", {"type": "function", "function": {"name": "look"}}),
    ],
)
def test_the_tool_choice_is_sent_as_the_api_has_it(wanted: str, sent: Any) -> None:
    with serving(TinyServer()) as server:
        ask(policy_of(server), tool_choice=wanted)
    assert server.bodies[0]["tool_choice"] == sent


def test_without_tools_nothing_is_said_about_tools() -> None:
    with serving(TinyServer()) as server:
        ask(policy_of(server), tools=())
    assert not {"tools", "tool_choice"} & server.bodies[0].keys()


def test_vllm_is_recognised_and_asked_in_its_own_words() -> None:
    answer = says("B", token_ids=None)
    answer["prompt_token_ids"] = [1, 2, 3]
    answer["choices"][0] |= {
        "token_ids": [7, 8],
        "logprobs": {"content": [{"logprob": -0.5}, {"logprob": -1.5}]},
    }
    with serving(TinyServer(answer, owned_by="vllm")) as server:
        reply = ask(policy_of(server), choices=("A", "B"), logprobs=True)
    body = server.bodies[0]
    assert body["structured_outputs"] == {"choice": ["A", "B"]}
    assert body["tool_choice"] == "none"
    assert body["return_token_ids"] is True
    assert reply.text == "B"
    assert reply.tokens is not None
    assert (reply.tokens.prompt_ids, reply.tokens.ids) == ((1, 2, 3), (7, 8))
    assert reply.tokens.logprobs == (-0.5, -1.5)


def test_elsewhere_choices_are_a_schema() -> None:
    with serving(TinyServer(says('{"choice": "B"}'))) as server:
        reply = ask(policy_of(server), choices=("A", "B"), logprobs=True)
    schema = server.bodies[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["choice"]["enum"] == ["A", "B"]
    assert "return_token_ids" not in server.bodies[0]
    assert reply.text == "B"
    assert reply.tokens is None


def test_an_empty_model_is_the_one_that_is_served() -> None:
    with serving(TinyServer(models=["only"])) as server:
        policy = policy_of(server, model="")
        ask(policy)
        assert server.bodies[0]["model"] == "only"
        assert policy.name == f"openai:only@{server.url}"
    with (
        serving(TinyServer(models=["a", "b"])) as server,
        pytest.raises(Blamed, match=r"give a model: .* serves a, b"),
    ):
        ask(policy_of(server, model=""))


def test_strict_tools_change_the_schema_and_a_grammar_does_not() -> None:
    with serving(TinyServer(owned_by="vllm")) as server:
        ask(policy_of(server, strict_tools=True))
        ask(policy_of(server, strict_tools="grammar"), tool_choice="look")
    strict, grammar = server.bodies
    assert all(tool["function"]["strict"] for tool in strict["tools"])
    assert [tool["function"] for tool in grammar["tools"]] == [
        tool.openai["function"] for tool in (LOOK, SEARCH)
    ]
    assert "look" in grammar["structured_outputs"]["structural_tag"]


def test_one_policy_serves_many_callers_at_once_and_one_loop_after_the_other() -> None:
    async def together(policy: OpenAIPolicy) -> list[Reply]:
        asking = [policy.reply(conversation(), (LOOK,), Sampling()) for _ in range(20)]
        return await asyncio.gather(*asking)

    with serving(TinyServer(owned_by="vllm")) as server:
        policy = policy_of(server)
        assert len(asyncio.run(together(policy)) + asyncio.run(together(policy))) == 40


# Pictures


def test_each_picture_travels_once_and_then_by_name() -> None:
    shades = Shades()
    with serving(TinyServer(owned_by="vllm")) as server:
        policy = policy_of(server, resolve=shades)
        longer = [*conversation(), user("and now?")]
        ask(policy, longer[:5])
        ask(policy, longer)
        ask(policy, longer)
    sent = [[url is not None for url in urls(body)] for body in server.bodies]
    assert sent == [[True, True, True], [False, False, False, True], [False] * 4]
    assert len(shades.asked) == 4


def test_a_server_that_forgot_pictures_gets_all_again() -> None:
    with serving(TinyServer(owned_by="vllm")) as server:
        policy = policy_of(server)
        ask(policy)
        server.cache.clear()
        assert ask(policy).text == "hello"
        ask(policy)
    sent = [{url is not None for url in urls(body)} for body in server.bodies]
    assert sent == [{True}, {False}, {True}, {False}]


def test_a_server_that_is_not_vllm_gets_bytes_without_names() -> None:
    with serving(TinyServer()) as server:
        policy = policy_of(server)
        ask(policy)
        ask(policy)
    assert all(url is not None for body in server.bodies for url in urls(body))
    assert "uuid" not in str(server.bodies)


def test_pictures_are_relayed_where_tools_may_not_show_them_and_that_is_remembered() -> None:
    with serving(TinyServer(refuses_tool_pictures=True)) as server:
        policy = policy_of(server)
        assert ask(policy).text == "hello"
        ask(policy)
    roles = [
        [m["role"] for m in body["messages"] if isinstance(m["content"], list)]
        for body in server.bodies
    ]
    assert roles == [["tool"] * 3, ["user"] * 2, ["user"] * 2]


def test_pictures_are_not_relayed_where_that_is_not_wanted() -> None:
    with (
        serving(TinyServer(refuses_tool_pictures=True)) as server,
        pytest.raises(Blamed, match="Image URLs are only allowed") as caught,
    ):
        ask(policy_of(server, tool_pictures="inline"))
    assert caught.value.code == "refused"


def test_a_picture_that_cannot_be_had_is_the_worlds_fault() -> None:
    def gone(_: Any) -> Any:
        raise NoSuchTime("no such time in /home/someone/video.mp4")

    with serving(TinyServer()) as server, pytest.raises(Blamed) as caught:
        ask(policy_of(server, resolve=gone))
    assert caught.value.origin is Origin.WORLD
    assert "someone" not in str(caught.value)


# What goes wrong


@pytest.mark.parametrize("field", ["seed", "temperature", "parallel_tool_calls", "uuid", "strict"])
def test_a_parameter_that_is_refused_is_left_out_from_then_on(field: str) -> None:
    with serving(TinyServer(owned_by="vllm", refuses_fields=[field])) as server:
        policy = policy_of(server, parallel_calls=False, strict_tools=True)
        assert ask(policy, seed=1).text == "hello"
        ask(policy, seed=1)
    assert [f'"{field}"' in str(b).replace("'", '"') for b in server.bodies] == [True, False, False]


def test_max_tokens_goes_by_its_new_name_where_that_is_wanted() -> None:
    with serving(TinyServer(refuses_fields=["max_tokens"])) as server:
        ask(policy_of(server), max_tokens=9)
    assert server.bodies[1]["max_completion_tokens"] == 9


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://someone:secret@127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(Blamed, match=r"does not answer .* start it") as caught:
        ask(OpenAIPolicy("tiny", url, resolve=Shades()))
    assert (caught.value.origin, caught.value.code) == (Origin.WORLD, "no_server")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("key", "said"), [(None, "wants an API key"), (KEY, "does not accept")])
def test_a_key_that_is_refused_is_never_shown(key: str | None, said: str) -> None:
    with serving(TinyServer(key="another")) as server:
        policy = policy_of(server, api_key=key)
        with pytest.raises(Blamed, match=said) as caught:
            ask(policy)
    assert caught.value.code == "not_allowed"
    error = caught.value
    shown = [str(error), repr(error), repr(policy), repr(error.__cause__), policy.name]
    assert not any(KEY in text for text in shown)


def test_a_key_that_is_right_is_sent() -> None:
    with serving(TinyServer(key=KEY)) as server:
        assert ask(policy_of(server, api_key=KEY)).text == "hello"


def test_a_model_that_is_not_served_is_answered_with_those_that_are() -> None:
    with (
        serving(TinyServer(models=["qwen", "llava"])) as server,
        pytest.raises(Blamed, match="does not know the model 'tiny'; it serves qwen, llava"),
    ):
        ask(policy_of(server))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_that_passes_is_waited_out(status: int) -> None:
    with serving(TinyServer(Failing(status), Failing(status), says("well"))) as server:
        assert ask(policy_of(server)).text == "well"
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [(429, "asked too much, 3 times", "overloaded"), (500, "its log says why", "server_failed")],
)
def test_a_failure_that_stays_is_reported_after_so_many_tries(
    status: int, said: str, code: str
) -> None:
    with (
        serving(TinyServer(Failing(status, {"error": {"message": "busy"}}))) as server,
        pytest.raises(Blamed, match="busy") as caught,
    ):
        ask(policy_of(server, num_retries=2))
    assert said in str(caught.value)
    assert caught.value.code == code
    assert len(server.bodies) == 3


def test_a_server_that_hangs_up_is_asked_again() -> None:
    with serving(TinyServer(hangs_up=2)) as server:
        assert ask(policy_of(server)).text == "hello"
    with serving(TinyServer(hangs_up=99)) as server, pytest.raises(Blamed, match="hung up"):
        ask(policy_of(server, num_retries=1))


def test_a_silent_server_is_not_waited_for_forever() -> None:
    with (
        serving(TinyServer(slow_s=3.0)) as server,
        pytest.raises(Blamed, match=r"was silent for 0.5 s") as caught,
    ):
        ask(policy_of(server, timeout_s=0.5, kind="other"))
    assert caught.value.code == "timeout"


def test_a_prompt_that_is_too_long_is_said_to_be() -> None:
    told = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."
    with (
        serving(TinyServer(Failing(400, {"error": {"message": told}}))) as server,
        pytest.raises(Blamed, match="cannot take that much") as caught,
    ):
        ask(policy_of(server))
    assert caught.value.code == "too_long"
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "answer", ["<html>hello</html>", "[1]", {"choices": []}, {"choices": "x"}, {"a": "b"}]
)
def test_an_answer_that_is_none_is_the_servers_fault(answer: Any) -> None:
    reply = Failing(200, answer)
    with serving(TinyServer(reply)) as server, pytest.raises(Blamed) as caught:
        ask(policy_of(server))
    assert (caught.value.origin, caught.value.code) == (Origin.WORLD, "bad_answer")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", ""])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="server"):
        OpenAIPolicy("tiny", url, resolve=Shades())


# Streams


def delta(finish: str | None = None, **said: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


def stream(policy: OpenAIPolicy, **sampling: Any) -> list[str | Reply]:
    async def collect() -> list[str | Reply]:
        pieces = policy.stream(conversation(), (LOOK,), Sampling(**sampling))
        return [piece async for piece in pieces]

    return asyncio.run(collect())


def call_delta(index: int, **function: str) -> dict[str, Any]:
    more = {"id": f"c{index}"} if "name" in function else {}
    return delta(tool_calls=[{"index": index, "function": function, **more}])


def test_words_come_as_they_are_said_and_then_the_reply() -> None:
    chunks = [
        {**delta(role="assistant"), "prompt_token_ids": [1, 2]},
        delta(reasoning="hm"),
        delta(content="at "),
        delta(content="42 s"),
        call_delta(0, name="look", arguments='{"start_s"'),
        call_delta(1, name="look", arguments="{}"),
        call_delta(0, arguments=": 1}"),
        delta(finish="tool_calls"),
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}},
    ]
    for chunk, id_ in zip(chunks[2:4], (7, 8), strict=True):
        chunk["choices"][0] |= {"token_ids": [id_], "logprobs": {"content": [{"logprob": -1.0}]}}
    with serving(TinyServer(chunks, owned_by="vllm")) as server:
        *words, reply = stream(policy_of(server), logprobs=True)
    assert words == ["at ", "42 s"]
    assert isinstance(reply, Reply)
    assert (reply.text, reply.thinking, reply.finish) == ("at 42 s", "hm", Finish.CALLS)
    assert [(call.id, call.arguments) for call in reply.calls] == [
        ("c0", {"start_s": 1}),
        ("c1", {}),
    ]
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (5, 3)
    assert reply.tokens is not None
    assert (reply.tokens.prompt_ids, reply.tokens.ids) == ((1, 2), (7, 8))
    assert server.bodies[0]["stream_options"] == {"include_usage": True}


def test_a_stream_finds_a_way_round_too() -> None:
    chunks = [delta(content="hello"), delta(finish="stop")]
    with serving(TinyServer(chunks, refuses_tool_pictures=True)) as server:
        *words, reply = stream(policy_of(server))
    assert words == ["hello"]
    assert isinstance(reply, Reply)
    assert len(server.bodies) == 2


def test_a_stream_that_breaks_off_is_the_servers_fault() -> None:
    broken = [delta(content="hel"), {"error": {"message": "engine died"}}]
    with serving(TinyServer(broken)) as server, pytest.raises(Blamed, match="engine died"):
        stream(policy_of(server))


def test_importing_it_loads_neither_torch_nor_the_openai_package() -> None:
    code = (
        "import sys, playhead.models.policies.openai, playhead.models.strings\n"
        "heavy = {'torch', 'openai', 'vllm', 'transformers', 'langchain_core'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_stamped_still_of_a_person_is_sent_like_any_other_picture() -> None:
    with serving(TinyServer()) as server:
        ask(policy_of(server), [saw("x", 0.0).replace(role="user", call_id=None, name=None)])
    assert len(urls(server.bodies[0])) == 1
    assert frame(0.0).time_s == 0.0
