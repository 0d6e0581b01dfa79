"""A policy behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, or a paid service.

    policy = OpenAIPolicy("qwen3-vl", "http://localhost:8000/v1", resolve=ctx.resolve)

Servers differ, and say so only by refusing. So a request is first made the way that gives most;
what the server refuses is asked in another way, and that way is remembered (`ways`): pictures of
tools in a user turn after them, all bytes again when it has forgotten pictures it knew by name, a
parameter left out that it does not know. vLLM is recognised by its list of models; it then also
gets pictures by name, choices as structured outputs, and is asked for token ids.

`strict_tools` makes vLLM keep arguments to their schema. It is off by default because the model
then reads another schema in its prompt than the one that it may have been trained on; `"grammar"`
has the same effect without that, for models that write calls the hermes way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from playhead.core.errors import Blamed, Origin, VideoError
from playhead.core.message import Message, Role
from playhead.core.policy import Reply, Sampling
from playhead.core.tools import ToolSpec
from playhead.models.pictures import Resolve
from playhead.models.policies import render
from playhead.models.policies.answered import NoAnswer, Pieces, read_reply
from playhead.models.policies.grammar import hermes_grammar
from playhead.models.policies.sent import Encoding, SentPictures, visual_tokens
from playhead.models.policies.server import Refused, Server
from playhead.models.policies.ways import Way, is_too_long

Json = dict[str, Any]

_PATH = "/chat/completions"


class OpenAIPolicy:
    """Asks a chat-completions server. May be used by many callers at once, on any event loop."""

    def __init__(
        self,
        model: str,
        base_url: str,
        api_key: str | None = None,
        *,
        resolve: Resolve,
        encoding: Encoding = "jpeg",
        quality: int = 90,
        tool_pictures: Literal["auto", "inline", "relay"] = "auto",
        strict_tools: bool | Literal["grammar"] = False,
        kind: Literal["auto", "vllm", "other"] = "auto",
        think_back: bool = False,
        parallel_calls: bool | None = None,
        extra: Json | None = None,
        dollars_per_million: tuple[float, float] | None = None,
        timeout_s: float = 300.0,
        num_retries: int = 4,
        backoff_s: float = 0.5,
    ) -> None:
        """Say which model and where. Nothing is asked yet.

        Args:
            model: As the server calls it. Empty: the one that it serves.
            base_url: Ends in `/v1` for most servers.
            api_key: None: the server needs none.
            resolve: From references in messages to pixels.
            encoding: How pictures are sent: `jpeg`, or `png` where every pixel counts.
            quality: Of JPEG, 1 to 95.
            tool_pictures: Where pictures of tools go: in their own turns, or in a user turn after
                them. `auto`: in their own, until the server refuses that.
            strict_tools: Whether arguments must keep to their schema; see the module.
            kind: `vllm` for what only vLLM takes. `auto`: what the server says that it is.
            think_back: Send what the policy thought in earlier turns.
            parallel_calls: Whether one turn may have several calls. None: the server's own way.
            extra: More of the request's body, such as `{"chat_template_kwargs": {...}}`.
            dollars_per_million: Price of a million tokens, in and out. None: unknown.
            timeout_s: How long the server may be silent, in seconds.
            num_retries: How often a request is sent again after a failure that may pass.
            backoff_s: The first wait before that, in seconds; it doubles.

        Raises:
            ValueError: The address or a number cannot be.
        """
        if not 1 <= quality <= 95:
            raise ValueError(f"JPEG quality goes from 1 to 95: got {quality}")
        self._model, self._kind, self._tool_pictures = model, kind, tool_pictures
        self._strict, self._think_back = strict_tools, think_back
        self._extra = dict(extra or {})
        if parallel_calls is not None:
            self._extra["parallel_tool_calls"] = parallel_calls
        self.dollars_per_million = dollars_per_million
        self._server = Server(
            base_url, api_key, timeout_s=timeout_s, num_retries=num_retries, backoff_s=backoff_s
        )
        self._sent = SentPictures(resolve, encoding, quality)
        self._way = Way(is_vllm=kind == "vllm", relay=tool_pictures == "relay")
        self._served: tuple[str, ...] | None = None if kind == "auto" or not model else ()

    @property
    def name(self) -> str:
        """The model and where it is."""
        return f"openai:{self._model}@{self._server.address}"

    def __repr__(self) -> str:
        return f"OpenAIPolicy({self._model!r}, {self._server.address!r})"

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn after `messages`.

        Raises:
            Blamed: The server is not there, does not know the key or the model, is overloaded, too
                slow or broken; the message says what to do.
        """
        await self._get_acquainted()
        way = self._way
        while True:
            body = await asyncio.to_thread(self._body, messages, tools, sampling, way)
            try:
                answer = await self._server.post(_PATH, body)
            except Refused as refused:
                way = self._way_round(refused, way, messages, body)
                continue
            self._learn(way, messages)
            return self._read(answer, messages, tools, sampling)

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> AsyncIterator[str | Reply]:
        """The words of the next turn as they come, and then the whole reply.

        Calls come with the reply only: half a call is of no use to anyone.

        Raises:
            Blamed: As `reply`, or the stream broke off.
        """
        await self._get_acquainted()
        way = self._way
        while True:
            body = await asyncio.to_thread(self._body, messages, tools, sampling, way)
            body["stream"] = True
            if "stream_options" not in way.without:
                body["stream_options"] = {"include_usage": True}
            pieces = Pieces()
            try:
                async for chunk in self._server.events(_PATH, body):
                    if words := pieces.add(chunk):
                        yield words
            except Refused as refused:
                way = self._way_round(refused, way, messages, body)
                continue
            self._learn(way, messages)
            yield self._read(pieces.whole, messages, tools, sampling)
            return

    async def _get_acquainted(self) -> None:
        """Ask once what the server is and what it serves."""
        if self._served is not None:
            return
        said = await self._server.get("/models")
        listed = said.get("data") if isinstance(said, dict) else None
        models = [m for m in listed or [] if isinstance(m, dict)]
        names = tuple(str(m.get("id")) for m in models)
        if self._kind == "auto" and any(m.get("owned_by") == "vllm" for m in models):
            self._way = replace(self._way, is_vllm=True)
        if not self._model and len(names) != 1:
            serves = f"serves {', '.join(names)}" if names else "does not say what it serves"
            what = f"give a model: the server at {self._server.address} {serves}"
            raise Blamed(Origin.WORLD, what, "no_model")
        self._model = self._model or names[0]
        if names:  # otherwise it may still be starting
            self._served = names

    def _body(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling, way: Way
    ) -> Json:
        """The request. Made in a thread of its own: pictures are decoded and encoded."""
        body: Json = {
            "model": self._model,
            "messages": self._chat(messages, way),
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.logprobs:
            body |= {"logprobs": True} | ({"return_token_ids": True} if way.is_vllm else {})
        if tools:
            strict = self._strict is True and "strict" not in way.without
            body["tools"] = render.tool_specs(tools, strict=strict)
            body["tool_choice"] = _tool_choice(sampling)
        body |= self._bounds(tools, sampling, way) | self._extra
        if "max_tokens" in way.without:
            body["max_completion_tokens"] = body["max_tokens"]
        return {key: value for key, value in body.items() if key not in way.without}

    def _chat(self, messages: Sequence[Message], way: Way) -> list[Json]:
        frames = render.pictures(messages)
        if way.all_bytes:
            self._sent.forget(frames)
        try:
            show = self._sent.show(frames, by_name=way.by_name)
        except VideoError as error:
            what = f"a picture for the model cannot be read ({type(error).__name__})"
            raise Blamed(Origin.WORLD, what, "unreadable_video") from error
        return render.chat(messages, show, relay=way.relay, think_back=self._think_back)

    def _bounds(self, tools: Sequence[ToolSpec], sampling: Sampling, way: Way) -> Json:
        """What the reply has to be."""
        if sampling.choices and way.is_vllm:
            return {"structured_outputs": {"choice": list(sampling.choices)}}
        if sampling.choices:
            return {"response_format": _one_of(sampling.choices)}
        if tools and self._strict == "grammar" and way.is_vllm and sampling.tool_choice != "none":
            grammar = hermes_grammar(tools, sampling.tool_choice)
            # the grammar forces the call; a tool_choice would bring a grammar of the server's own
            return {"structured_outputs": {"structural_tag": grammar}, "tool_choice": "auto"}
        return {}

    def _way_round(
        self, refused: Refused, way: Way, messages: Sequence[Message], body: Json
    ) -> Way:
        """Another way to ask.

        Raises:
            Blamed: There is none.
        """
        shows = any(message.role is Role.TOOL and message.frames for message in messages)
        may_relay = shows and self._tool_pictures == "auto"
        other = way.round(refused, body, may_relay=may_relay)
        if other is not None:
            return other
        said, where = refused.message, f"the model server at {self._server.address}"
        if refused.status == 404:
            served = f"; it serves {', '.join(self._served)}" if self._served else ""
            what = f"{where} does not know the model {self._model!r}{served} (404: {said})"
            raise Blamed(Origin.WORLD, what, "no_model")
        if is_too_long(said):
            what = f"{where} cannot take that much in one prompt ({said}); show it less"
            raise Blamed(Origin.WORLD, what, "too_long")
        what = f"{where} does not accept the request ({refused.status}: {said})"
        raise Blamed(Origin.WORLD, what, "refused")

    def _learn(self, way: Way, messages: Sequence[Message]) -> None:
        """Keep a way that worked, and which pictures the server has now."""
        self._way = way.joined(self._way)
        self._served = self._served or ()
        if way.by_name:
            self._sent.arrived(render.pictures(messages))

    def _read(
        self,
        answer: Json,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
        sampling: Sampling,
    ) -> Reply:
        can_call = sampling.tool_choice != "none" and not sampling.choices
        offered = {tool.name for tool in tools} if can_call else set[str]()
        is_forced = sampling.tool_choice not in ("auto", "none")
        try:
            reply = read_reply(answer, offered=offered, choices=sampling.choices, bare=is_forced)
        except NoAnswer as error:
            where = f"the model server at {self._server.address}"
            raise Blamed(Origin.WORLD, f"{where}: {error}", "bad_answer") from None
        usage = reply.usage.replace(visual_tokens=visual_tokens(render.pictures(messages)))
        if self.dollars_per_million is not None:
            price_in, price_out = self.dollars_per_million
            cost = usage.input_tokens * price_in + usage.output_tokens * price_out
            usage = usage.replace(dollars=cost / 1e6)
        return reply.replace(usage=usage)


def _tool_choice(sampling: Sampling) -> str | Json:
    if sampling.choices:
        return "none"
    if sampling.tool_choice in ("auto", "none", "required"):
        return sampling.tool_choice
    return {"type": "function", "function": {"name": sampling.tool_choice}}


def _one_of(choices: Sequence[str]) -> Json:
    schema = {
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": list(choices)}},
        "required": ["choice"],
        "additionalProperties": False,
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": "choice", "strict": True, "schema": schema},
    }
