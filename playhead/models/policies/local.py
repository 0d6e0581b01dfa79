"""What models in this process share: the prompt by the model's own template, and reading replies.

The prompt is the chat template's, pictures where they stand, so it is token for token the one that
a server of the same model makes. A template that shows no pictures in turns of tools gets them in a
user turn after these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import Blamed, Origin, VideoError
from playhead.core.media import FrameRef
from playhead.core.message import Message
from playhead.core.policy import Finish, Reply, Sampling, Tokens, Usage
from playhead.core.tools import ToolSpec
from playhead.models.pictures import Resolve
from playhead.models.policies import render
from playhead.models.policies.answered import chosen
from playhead.models.policies.sent import visual_tokens
from playhead.models.policies.spoken import take_apart

_MARKS = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>")


class Speech(Protocol):
    """How a model writes its calls: one of `playhead.models.dialects`, or your own."""

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings after which it stops."""
        ...

    def read(self, text: str, clock: Any) -> Reply:
        """What it wrote as a reply with calls."""
        ...


class Prompt(NamedTuple):
    """What a model is given."""

    text: str
    frames: tuple[FrameRef, ...]
    """The pictures, in the order in which they stand in the text."""
    num_calls: int = 0
    """How many calls come before it."""


class Template:
    """A processor's chat template, and how what a model writes after it is read."""

    def __init__(
        self,
        processor: Any,
        *,
        strict_tools: bool = False,
        think_back: bool = False,
        options: Mapping[str, Any] | None = None,
        dialect: Speech | None = None,
        clock: Any = None,
    ) -> None:
        """Keep the processor.

        Args:
            processor: Of transformers.
            strict_tools: As `render.tool_specs` has it.
            think_back: As `render.chat` has it.
            options: What else the template understands, such as `enable_thinking`.
            dialect: How the model writes its calls. None: the hermes way.
            clock: What the dialect needs to read; it is told how many calls came before.
        """
        self._processor, self._strict, self._think_back = processor, strict_tools, think_back
        self._options = dict(options or {})
        self._mark = str(getattr(processor, "image_token", _MARKS[0]))
        self.dialect, self._clock = dialect, clock
        self.image_id, self.banned = media_marks(processor)

    def prompt(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Prompt:
        """The text up to where the model goes on.

        Raises:
            Blamed: The template does not show every picture.
        """
        frames = tuple(render.pictures(messages))
        for relay in (False, True):
            turns = render.chat(
                messages,
                lambda _: {"type": "image"},
                relay=relay,
                think_back=self._think_back,
                arguments_as_text=False,
            )
            text = self._processor.apply_chat_template(
                turns,
                tools=render.tool_specs(tools, strict=self._strict) or None,
                add_generation_prompt=True,
                tokenize=False,
                **self._options,
            )
            if text.count(self._mark) == len(frames):
                return Prompt(text, frames, sum(len(message.calls) for message in messages))
        what = f"the model's chat template does not show {len(frames)} pictures; give it another"
        raise Blamed(Origin.WORLD, what, "bad_template")

    def stop(self, sampling: Sampling) -> tuple[str, ...]:
        """Strings after which the model stops: the caller's and the dialect's."""
        return (*sampling.stop, *(self.dialect.stop if self.dialect else ()))

    def read(
        self,
        text: str,
        tokens: Tokens,
        prompt: Prompt,
        *,
        tools: Sequence[ToolSpec],
        sampling: Sampling,
        is_cut: bool,
        cached_tokens: int = 0,
    ) -> Reply:
        """The reply that a model wrote.

        Args:
            text: All of it.
            tokens: The same, as it was sampled.
            prompt: What it was written after.
            tools: What it could call.
            sampling: How it was drawn.
            is_cut: Whether it ran into the length limit.
            cached_tokens: How many tokens of the prompt were known already.
        """
        reply = _read(text, tools, sampling, is_cut, self.dialect, self._clock_after(prompt))
        seen = tokens.prompt_ids.count(self.image_id) or visual_tokens(prompt.frames)
        usage = Usage(
            input_tokens=len(tokens.prompt_ids),
            cached_tokens=min(cached_tokens, len(tokens.prompt_ids)),
            output_tokens=len(tokens.ids),
            visual_tokens=seen,
        )
        return reply.replace(tokens=tokens, usage=usage)

    def _clock_after(self, prompt: Prompt) -> Any:
        after = getattr(self._clock, "after", None)
        return self._clock if after is None else after(prompt.num_calls)


def pixels(resolve: Resolve, frames: Sequence[FrameRef]) -> list[NDArray[np.uint8]]:
    """The pictures of a prompt.

    Raises:
        Blamed: One cannot be had.
    """
    try:
        return resolve(frames) if frames else []
    except VideoError as error:
        what = f"a picture for the model cannot be read ({type(error).__name__})"
        raise Blamed(Origin.WORLD, what, "unreadable_video") from error


def media_marks(processor: Any) -> tuple[int, list[int]]:
    """The token that stands for pictures, and all that a model must not say of that kind.

    Training on a reply that holds one would look for pixels that are not there.
    """
    words = processor.tokenizer
    names = ("image_token", "video_token", "vision_start_token", "vision_end_token")
    said = [getattr(processor, name, None) for name in names] + list(_MARKS)
    known = words.get_vocab()
    marks = {known[mark] for mark in said if isinstance(mark, str) and mark in known}
    return known.get(getattr(processor, "image_token", _MARKS[0]), -1), sorted(marks)


def forced_beginnings(tools: Sequence[ToolSpec], tool_choice: str) -> list[str]:
    """How a reply that must call a tool begins, in the hermes syntax. Empty: as it likes.

    Raises:
        ValueError: No tool of that name.
    """
    if tool_choice in ("auto", "none"):
        return []
    names = [tool.name for tool in tools if tool_choice in ("required", tool.name)]
    if not names:
        raise ValueError(f"no tool {tool_choice!r} among {', '.join(t.name for t in tools)}")
    return [f'<tool_call>\n{{"name": {json.dumps(name)}, "arguments":' for name in names]


def _read(
    text: str,
    tools: Sequence[ToolSpec],
    sampling: Sampling,
    is_cut: bool,
    speech: Speech | None,
    clock: Any,
) -> Reply:
    if sampling.choices:
        return Reply(text=chosen(text.strip(), sampling.choices), finish=_finish(is_cut, False))
    if speech is not None:
        reply = speech.read(text, clock)
        return reply.replace(finish=_finish(is_cut, bool(reply.calls)))
    may_call = sampling.tool_choice != "none"
    spoken = take_apart(text, {tool.name for tool in tools} if may_call else ())
    return Reply(
        text=spoken.text,
        thinking=spoken.thinking,
        calls=spoken.calls,
        finish=_finish(is_cut, bool(spoken.calls)),
    )


def up_to(text: str, stop: Sequence[str]) -> str:
    """The text before the first of the stop strings."""
    ends = [end for end in (text.find(word) for word in stop) if end >= 0]
    return text[: min(ends)] if ends else text


def _finish(is_cut: bool, has_calls: bool) -> Finish:
    if is_cut:
        return Finish.LENGTH
    return Finish.CALLS if has_calls else Finish.STOP
