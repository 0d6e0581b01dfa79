"""From what a chat-completions server answers to a `Reply`.

Streams are put together into the answer that the server would have given at once, so there is one
way to read both. What the server left in the text (calls it could not read, thoughts) is taken
apart here. Nothing is believed: whatever has the wrong shape is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from typing import Any

from playhead.core.message import ToolCall
from playhead.core.policy import Finish, Reply, Tokens, Usage
from playhead.models.policies.spoken import new_id, take_apart

Json = dict[str, Any]


class NoAnswer(ValueError):
    """What came is no chat completion."""


def read_reply(
    answer: Json, *, offered: Collection[str], choices: Sequence[str] = (), bare: bool = False
) -> Reply:
    """The reply in an answer.

    Args:
        answer: A chat completion.
        offered: Names of the tools that could be called.
        choices: What the text had to be one of.
        bare: Whether a call was forced, so that a text that is one JSON call is that call.

    Raises:
        NoAnswer: It is none.
    """
    first = _first(answer.get("choices"))
    message = first.get("message")
    if not isinstance(message, dict):
        said = json.dumps(answer)[:200]
        raise NoAnswer(f"the answer has no message in it: {said}")
    spoken = take_apart(_text(message.get("content")), offered, bare=bare)
    calls = _calls(message.get("tool_calls")) or spoken.calls
    thought = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    finish = Finish.CALLS if calls else Finish.STOP
    if first.get("finish_reason") == "length":
        finish = Finish.LENGTH
    return Reply(
        text=chosen(spoken.text, choices) if choices else spoken.text,
        thinking="\n".join(filter(None, (thought.strip(), spoken.thinking))),
        calls=calls,
        finish=finish,
        tokens=_tokens(answer, first),
        usage=_usage(answer.get("usage")),
    )


def chosen(text: str, choices: Sequence[str]) -> str:
    """The choice that a text stands for; the text itself if it stands for none."""
    try:
        said = json.loads(text)
    except ValueError:
        said = text
    if isinstance(said, dict) and isinstance(said.get("choice"), str):
        text = said["choice"]
    same = [choice for choice in choices if choice.strip().casefold() == text.strip().casefold()]
    return same[0] if same else text


class Pieces:
    """A streamed answer, put together."""

    def __init__(self) -> None:
        self._answer: Json = {"usage": None, "prompt_token_ids": None}
        self._message: Json = {"content": "", "reasoning": ""}
        self._calls: dict[int, Json] = {}
        self._choice: Json = {"finish_reason": None}
        self._ids: list[int] = []
        self._logprobs: list[Any] = []

    def add(self, chunk: Json) -> str:
        """Take in a chunk; the words that it adds to the text."""
        for key in ("usage", "prompt_token_ids"):
            self._answer[key] = chunk.get(key) or self._answer[key]
        choice = _first(chunk.get("choices"))
        self._choice["finish_reason"] = choice.get("finish_reason") or self._choice["finish_reason"]
        self._ids += choice.get("token_ids") or []
        self._logprobs += _as_dict(choice.get("logprobs")).get("content") or []
        delta = _as_dict(choice.get("delta"))
        thought = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        self._message["reasoning"] += thought
        for call in delta.get("tool_calls") or []:
            self._add_call(_as_dict(call))
        words = _text(delta.get("content"))
        self._message["content"] += words
        return words

    @property
    def whole(self) -> Json:
        """The answer as it would have come at once."""
        calls = [self._calls[index] for index in sorted(self._calls)]
        choice = {
            **self._choice,
            "message": {**self._message, "tool_calls": calls},
            "token_ids": self._ids,
            "logprobs": {"content": self._logprobs},
        }
        return {**self._answer, "choices": [choice]}

    def _add_call(self, delta: Json) -> None:
        index = delta.get("index")
        index = index if isinstance(index, int) else len(self._calls)
        empty = {"id": "", "function": {"name": "", "arguments": ""}}
        call = self._calls.setdefault(index, empty)
        call["id"] = call["id"] or _text(delta.get("id"))
        function = _as_dict(delta.get("function"))
        call["function"]["name"] += _text(function.get("name"))
        call["function"]["arguments"] += _text(function.get("arguments"))


def _calls(said: Any) -> tuple[ToolCall, ...]:
    calls: list[ToolCall] = []
    for call in said if isinstance(said, list) else []:
        function = _as_dict(_as_dict(call).get("function"))
        name, arguments = _text(function.get("name")), function.get("arguments")
        if not name:
            continue
        is_text = isinstance(arguments, str | dict)
        written = arguments if is_text else json.dumps(arguments or {})
        calls.append(ToolCall.read(_text(call.get("id")) or new_id(), name, written))
    return tuple(calls)


def _tokens(answer: Json, choice: Json) -> Tokens | None:
    """Token ids and log-probabilities. None: the server tells no ids."""
    prompt = answer.get("prompt_token_ids") or choice.get("prompt_token_ids")
    ids = choice.get("token_ids")
    if not (isinstance(prompt, list) and isinstance(ids, list) and _are_ints(prompt + ids)):
        return None
    told = _as_dict(choice.get("logprobs")).get("content") or []
    logprobs = [float(_as_dict(token).get("logprob", math.nan)) for token in told]
    is_whole = len(logprobs) == len(ids) and all(map(math.isfinite, logprobs))
    return Tokens(
        prompt_ids=tuple(prompt), ids=tuple(ids), logprobs=tuple(logprobs) if is_whole else None
    )


def _usage(said: Any) -> Usage:
    usage = _as_dict(said)
    cached = _as_dict(usage.get("prompt_tokens_details")).get("cached_tokens")
    return Usage(
        input_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(cached),
        output_tokens=_count(usage.get("completion_tokens")),
    )


def _first(said: Any) -> Json:
    return _as_dict(said[0]) if isinstance(said, list) and said else {}


def _as_dict(said: Any) -> Json:
    return said if isinstance(said, dict) else {}


def _text(said: Any) -> str:
    """A text, or the texts of a list of content parts."""
    if isinstance(said, list):
        return "".join(_text(_as_dict(part).get("text")) for part in said)
    return said if isinstance(said, str) else ""


def _count(said: Any) -> int:
    return said if isinstance(said, int) and said >= 0 else 0


def _are_ints(said: list[Any]) -> bool:
    return bool(said) and all(isinstance(id_, int) for id_ in said)
