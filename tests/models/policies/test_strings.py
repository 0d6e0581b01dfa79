"""Model strings: each names one policy, nothing is downloaded, and mistakes are answered."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from playhead.core.errors import NoSuchPlugin
from playhead.core.policy import Policy, Sampling
from playhead.models.policies import ScriptedPolicy
from playhead.models.policies.openai import OpenAIPolicy
from playhead.models.strings import describe_models, find_policy, is_remote, resolve_auto
from tests.models.policies.conversations import Shades, user
from tests.models.policies.servers import TinyServer, serving

URL = "http://localhost:9/v1"


def find(spec: str, **how: Any) -> Policy:
    return find_policy(spec, resolve=Shades(), **how)


def name_of(policy: Policy) -> str:
    assert isinstance(policy, OpenAIPolicy)
    return policy.name


@pytest.mark.parametrize(
    ("spec", "is_far"),
    [("rules", False), ("pocket", False), ("hf:m", False), (f"openai:m@{URL}", True),
     (f"qwen3_vl+openai:m@{URL}", True), ("auto", False)],
)  # fmt: skip
def test_who_thinks_behind_a_server(spec: str, is_far: bool):
    assert is_remote(spec) is is_far


def test_auto_is_the_server_of_the_environment():
    assert is_remote("auto", environment={"OPENAI_BASE_URL": URL})


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """An installed distribution with a policy, as pip leaves it."""
    info = tmp_path / "street_minds-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: street-minds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[playhead.policies]\nstreet = street_minds:make\n")
    (tmp_path / "street_minds.py").write_text(
        "from playhead.models.policies import ScriptedPolicy\n"
        "asked = []\n"
        "def make(*args, resolve, **options):\n"
        "    asked.append((args, options))\n"
        "    return ScriptedPolicy()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import street_minds  # pyright: ignore[reportMissingImports]

    yield street_minds
    sys.modules.pop("street_minds", None)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (f"openai:qwen@{URL}", f"openai:qwen@{URL}"),
        ("openai:gpt", "openai:gpt@https://api.openai.com/v1"),
        (f"openai:org/a@b@{URL}", f"openai:org/a@b@{URL}"),
        (f"openai:@{URL}", f"openai:@{URL}"),
    ],
)
def test_a_server_is_named_by_model_and_address(spec: str, name: str) -> None:
    assert name_of(find(spec)) == name


def test_auto_is_what_was_configured_then_the_environment() -> None:
    around = {"OPENAI_BASE_URL": URL, "PLAYHEAD_MODEL": "qwen"}
    assert name_of(find("auto", configured=f"openai:a@{URL}", environment=around)).startswith(
        "openai:a@"
    )
    assert name_of(find("auto", environment=around)) == f"openai:qwen@{URL}"
    assert name_of(find("auto", environment={"OPENAI_BASE_URL": URL})) == f"openai:@{URL}"
    spelled = {"PLAYHEAD_MODEL": f"openai:b@{URL}"}
    assert name_of(find("auto", environment=spelled)) == f"openai:b@{URL}"
    assert name_of(find("qwen", environment=around)) == f"openai:qwen@{URL}"


def test_auto_without_anything_is_rules() -> None:
    assert resolve_auto() == describe_models()["rules"]
    rules = pytest.importorskip("playhead.models.policies.rules")
    assert isinstance(find("auto"), rules.RulesPolicy)
    assert isinstance(find("rules"), rules.RulesPolicy)


@pytest.mark.parametrize(
    ("spec", "means"),
    [
        (f"openai:qwen@{URL}", f"qwen of the server at {URL}"),
        (f"openai:@{URL}", f"the one model of the server at {URL}"),
        ("hf:/nowhere/x", "the model in /nowhere/x by transformers, which is not there"),
        ("vllm:/", "the model in / by vLLM"),
    ],
)
def test_what_a_string_stands_for_is_said_in_words(spec: str, means: str) -> None:
    assert resolve_auto(spec) == means
    assert resolve_auto("auto", configured=spec) == means


def test_the_key_goes_only_to_the_server_that_the_environment_names() -> None:
    with serving(TinyServer(key="sk-mine")) as server:
        named = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk-mine"}
        policy = find("openai:tiny", environment=named)
        reply = asyncio.run(policy.reply([user("hi")], (), Sampling()))
        assert reply.text == "hello"
    elsewhere = find(f"openai:tiny@{URL}", environment=named)
    assert not any("sk-mine" in str(value) for value in _everything(elsewhere))


def _everything(value: Any) -> list[Any]:
    inner = [_everything(item) for item in vars(value).values() if hasattr(item, "__dict__")]
    return [*vars(value).values(), *(leaf for leaves in inner for leaf in leaves)]


def test_options_reach_the_policy() -> None:
    with pytest.raises(ValueError, match="timeout_s=-1"):
        find(f"openai:qwen@{URL}", timeout_s=-1)


def test_a_plugin_is_found_by_its_name_and_gets_what_follows_the_colon(plugin: Any) -> None:
    assert isinstance(find("street"), ScriptedPolicy)
    find("street:corner", speed=2)
    assert plugin.asked == [((), {}), (("corner",), {"speed": 2})]
    assert describe_models()["street"] == "an installed plug-in"
    assert resolve_auto("street:x") == "the plug-in street"


@pytest.mark.parametrize("spec", ["gpt-9", "", "opneai:x@http://y"])
def test_a_name_that_is_not_known_is_answered_with_those_that_are(spec: str) -> None:
    with pytest.raises(NoSuchPlugin, match="there are: auto, rules, openai:NAME@URL, vllm:FOLDER"):
        find(spec)
    assert resolve_auto(spec).startswith("unknown")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("hf:", "give a folder: hf:FOLDER"),
        ("vllm:", "give a folder: vllm:FOLDER"),
        ("openai:", "give a model"),
        ("openai:qwen@localhost:8000", "begins with http"),
    ],
)
def test_what_is_incomplete_is_said_to_be(spec: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        find(spec)
