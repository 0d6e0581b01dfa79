"""A policy over whatever goes on from token ids: the servers of a trainer, an engine of your own.

    policy = TokenPolicy(processor, generate, resolve=source.resolve)

The prompt is the chat template's, turned into ids by the model's own processor, exactly as
`TransformersPolicy` does it; what was sampled is recorded as it came. So a trainer that owns the
weights brings only `generate`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from playhead.core.errors import Blamed, Origin
from playhead.core.message import Message
from playhead.core.policy import Reply, Sampling, Tokens
from playhead.core.tools import ToolSpec
from playhead.models.pictures import Resolve
from playhead.models.policies.local import (
    Prompt,
    Speech,
    Template,
    pixels,
    up_to,
)


@dataclass(frozen=True)
class Sampled:
    """What was sampled after a prompt."""

    ids: tuple[int, ...]
    """The token that ended it included."""
    logprobs: tuple[float, ...] | None = None
    """One for each of `ids`. None: the engine does not tell."""
    is_cut: bool = False
    """Whether it ran into the limit."""


Generate = Callable[[list[int], list[Any], Sampling], Awaitable[Sampled]]
"""From prompt ids (a picture's tokens as often as the model reads them), the pictures as PIL in
their order and how to draw, to what was sampled."""


class TokenPolicy:
    """A policy whose turns somebody else samples, token by token."""

    def __init__(
        self,
        processor: Any,
        generate: Generate,
        *,
        resolve: Resolve,
        dialect: Speech | None = None,
        clock: Any = None,
        think_back: bool = False,
        template: dict[str, Any] | None = None,
    ) -> None:
        """Keep all that.

        Args:
            processor: Of transformers, for this model.
            generate: Goes on from token ids.
            resolve: From references in messages to pixels.
            dialect: How the model writes its calls. None: the hermes way.
            clock: What the dialect needs to read; it is told how many calls came before.
            think_back: Show it what it thought in earlier turns.
            template: What else its chat template understands, such as `enable_thinking`.
        """
        self._processor, self._generate, self._resolve = processor, generate, resolve
        self._template = Template(
            processor, think_back=think_back, options=template, dialect=dialect, clock=clock
        )

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn after `messages`.

        Raises:
            Blamed: A picture cannot be had, or what was sampled holds the mark of one.
        """
        prompt, images, ids = await asyncio.to_thread(self._prepare, messages, tools)
        stop = self._template.stop(sampling)
        sampled = await self._generate(ids, images, sampling.replace(stop=stop))
        if not set(self._template.banned).isdisjoint(sampled.ids):
            what = "the engine sampled the mark of a picture: forbid it (`media_marks` lists them)"
            raise Blamed(Origin.WORLD, what, "bad_sampling")
        decode = self._processor.tokenizer.decode
        text = up_to(decode(sampled.ids, skip_special_tokens=True), stop)
        return self._template.read(
            text,
            Tokens(prompt_ids=tuple(ids), ids=sampled.ids, logprobs=sampled.logprobs),
            prompt,
            tools=tools,
            sampling=sampling,
            is_cut=sampled.is_cut,
        )

    def _prepare(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec]
    ) -> tuple[Prompt, list[Any], list[int]]:
        from PIL import Image

        prompt = self._template.prompt(messages, tools)
        images = [Image.fromarray(one) for one in pixels(self._resolve, prompt.frames)]
        read = self._processor(text=[prompt.text], images=images or None)
        return prompt, images, [int(id_) for id_ in read["input_ids"][0]]
