"""A policy from a string, as it is written on a command line or in a settings file.

    rules                      no model: fixed rules over what is remembered
    openai:NAME@URL            the model NAME of an OpenAI-compatible server
    vllm:FOLDER                a model on this machine, in this process, by vLLM
    hf:FOLDER                  a model on this machine, in this process, by transformers
    pocket                     the small model that comes along; it knows rendered worlds only
    pocket:FOLDER              one of your own, as `playhead speedrun` leaves it
    auto                       what was configured; else a server in the environment; else rules
    DIALECT+any of these       a checkpoint that writes its calls in that dialect
    anything else              an installed plug-in, or a model of the server in the environment

Nothing is ever downloaded, and nothing here reads the environment: whoever calls gives it. Its key
goes to the server that it names (`OPENAI_BASE_URL`; without it, OpenAI's own), and nowhere else.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playhead.core.errors import NoSuchPlugin
from playhead.core.plugins import find_plugin, plugin_names
from playhead.core.policy import Policy
from playhead.models.manner import FILE, Manner, read_manner
from playhead.models.pictures import Resolve

OPENAI_URL = "https://api.openai.com/v1"
_WHAT = {
    "auto": "what was configured; else the server that OPENAI_BASE_URL names; else rules",
    "rules": "no model: fixed rules over what is remembered",
    "openai:NAME@URL": "a model of an OpenAI-compatible server; without @URL, OPENAI_BASE_URL's",
    "vllm:FOLDER": "a model on this machine, by vLLM in this process",
    "DIALECT+...": "any of these, whose checkpoint writes its calls in that dialect",
    "hf:FOLDER": "a model on this machine, by transformers in this process",
    "pocket": "the small model that comes along; knows rendered worlds only; pocket:FOLDER: yours",
}
_SHIPPED = Path(__file__).parents[1] / "training" / "pocket" / "weights"
_IN_FOLDERS = ("vllm", "hf", "pocket")
"""Kinds of models that are loaded into this process. What a folder says of how its model was taught
(`playhead.models.manner`) is kept to."""


def describe_models() -> dict[str, str]:
    """Every kind of model string, with what it stands for."""
    theirs = plugin_names("policies", {})
    return _WHAT | dict.fromkeys(theirs, "an installed plug-in")


def find_policy(
    spec: str,
    *,
    resolve: Resolve,
    configured: str | None = None,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> Policy:
    """The policy that a model string names.

    Args:
        spec: As in the module's story.
        resolve: From references in messages to pixels.
        configured: What `auto` stands for. None: nothing was configured.
        environment: Where a server may be named: OPENAI_BASE_URL, OPENAI_API_KEY, PLAYHEAD_MODEL.
            None: nothing is looked for.
        options: More arguments of that policy, such as `timeout_s` or `device`.

    Raises:
        NoSuchPlugin: No such name; the message lists what there is.
        ValueError: The string is incomplete, or no model lies in that folder.
        MissingExtra: A library is not installed; the message says which extra brings it.
    """
    dialect, plus, inner = spec.partition("+")
    if plus and dialect.isidentifier():
        from playhead.models.dialects import find_dialect
        from playhead.models.dialects.policy import DialectPolicy

        spoken = find_dialect(dialect)
        given = {"resolve": resolve, "configured": configured, "environment": environment}
        return DialectPolicy(find_policy(inner, **given, **options), spoken)
    around = environment or {}
    spec = _meaning(spec.strip(), configured, around)
    kind, colon, rest = spec.partition(":")
    if spec == "rules":
        from playhead.models.policies.rules import RulesPolicy

        return RulesPolicy(**options)
    if kind == "openai":
        return _server(rest, resolve, around, options)
    if kind in _IN_FOLDERS:
        return _loaded(kind, _folder(spec), resolve, options)
    if kind in plugin_names("policies", {}):
        make = find_plugin("policies", kind, {})
        return make(rest, resolve=resolve, **options) if colon else make(resolve=resolve, **options)
    raise _unknown(spec)


def manner_of(
    model: str | Policy,
    *,
    configured: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Manner:
    """How a model was taught, as far as its folder or the policy tells; nothing is loaded.

    Arguments and errors as `find_policy`.
    """
    if not isinstance(model, str):
        return getattr(model, "manner", None) or Manner()
    spec = _without_dialect(model, configured, environment)
    is_loaded = spec.partition(":")[0] in _IN_FOLDERS
    return (read_manner(_folder(spec)) if is_loaded else None) or Manner()


def is_remote(
    model: str,
    *,
    configured: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> bool:
    """Whether a model thinks behind a server, so that whoever asks it only waits.

    Arguments as `find_policy`.
    """
    return _without_dialect(model, configured, environment).partition(":")[0] == "openai"


def _without_dialect(
    model: str, configured: str | None, environment: Mapping[str, str] | None
) -> str:
    dialect, plus, inner = model.partition("+")
    spec = inner if plus and dialect.isidentifier() else model
    return _meaning(spec.strip(), configured, environment or {})


def _folder(spec: str) -> Path:
    """Where the model of a string lies."""
    kind, _, rest = spec.partition(":")
    if not rest and kind != "pocket":
        raise ValueError(f"give a folder: {kind}:FOLDER, got {spec!r}")
    return Path(rest).expanduser().resolve() if rest else _SHIPPED


_IN_PROCESS: dict[tuple[str, Path, str], Any] = {}
_LOADING = threading.Lock()


def _loaded(kind: str, folder: Path, resolve: Resolve, options: Mapping[str, Any]) -> Policy:
    """The model of a folder, loaded at its first question and kept as long as the process lives:
    every question has a policy of its own, and none of them weights of its own."""
    manner = read_manner(folder)
    if kind == "pocket" and manner is None and folder.is_dir():
        raise ValueError(f"no {FILE} in {str(folder)!r} tells how a pocket model was taught")
    if manner is not None and manner.dtype is not None:
        options = {"dtype": manner.dtype, **options}
    name = kind, folder, repr(sorted(options.items()))
    with _LOADING:
        if name not in _IN_PROCESS:
            if kind == "vllm":
                from playhead.models.policies.vllm import VLLMPolicy as Local
            else:
                from playhead.models.policies.transformers import TransformersPolicy as Local
            _IN_PROCESS[name] = Local(folder, resolve=resolve, **options)
    policy = _IN_PROCESS[name].seeing(resolve)
    if manner is None:
        return policy
    from playhead.models.policies.taught import TaughtPolicy

    return TaughtPolicy(policy, manner)


def resolve_auto(
    spec: str = "auto",
    *,
    configured: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What a model string stands for, in words, without making or asking anything."""
    meaning = _meaning(spec.strip(), configured, environment or {})
    kind, _, rest = meaning.partition(":")
    if kind == "openai":
        name, url = _name_and_url(rest, environment or {})
        return f"{name or 'the one model'} of the server at {url}"
    if kind == "pocket" and not rest:
        return "the small model that comes along; it knows rendered worlds only"
    if kind in _IN_FOLDERS:
        there = "" if Path(rest).expanduser().is_dir() else ", which is not there"
        return f"the model in {rest} by {'vLLM' if kind == 'vllm' else 'transformers'}{there}"
    if meaning == "rules":
        return _WHAT["rules"]
    known = kind in plugin_names("policies", {})
    return f"the plug-in {kind}" if known else f"unknown: {_unknown(meaning)}"


def _meaning(spec: str, configured: str | None, around: Mapping[str, str]) -> str:
    """The string itself, with `auto` and bare names of models put into full words."""
    if spec == "auto" and configured not in (None, "", "auto"):
        spec = configured or ""
    if spec == "auto":
        spec = around.get("PLAYHEAD_MODEL", "").strip() or "auto"
    if spec == "auto":
        return "openai:" if around.get("OPENAI_BASE_URL") else "rules"
    kind = spec.partition(":")[0]
    is_ours = spec == "rules" or kind in ("openai", *_IN_FOLDERS)
    if is_ours or not spec or not around.get("OPENAI_BASE_URL"):
        return spec
    return spec if kind in plugin_names("policies", {}) else f"openai:{spec}"


def _server(
    rest: str, resolve: Resolve, around: Mapping[str, str], options: Mapping[str, Any]
) -> Policy:
    from playhead.models.policies.openai import OpenAIPolicy

    name, url = _name_and_url(rest, around)
    if not name and url == OPENAI_URL:
        raise ValueError("give a model: openai:NAME, or openai:NAME@URL for another server")
    is_named = url.rstrip("/") == around.get("OPENAI_BASE_URL", OPENAI_URL).rstrip("/")
    key = around.get("OPENAI_API_KEY") if is_named else None
    return OpenAIPolicy(name, url, **{"api_key": key, **options}, resolve=resolve)


def _name_and_url(rest: str, around: Mapping[str, str]) -> tuple[str, str]:
    """Names may hold an @, addresses of servers rarely do: the last one before `http` counts."""
    for scheme in ("@http://", "@https://"):
        name, found, address = rest.partition(scheme)
        if found:
            return name, scheme[1:] + address
    if "@" in rest:
        raise ValueError(
            f"a server's address begins with http:// or https://, as in "
            f"openai:qwen3-vl@http://localhost:8000/v1: got {rest.rpartition('@')[2]!r}"
        )
    return rest, around.get("OPENAI_BASE_URL") or OPENAI_URL


def _unknown(spec: str) -> NoSuchPlugin:
    there = ", ".join(describe_models())
    return NoSuchPlugin(f"no model {spec!r}; there are: {there}")
