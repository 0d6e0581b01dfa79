"""A processor with no library behind it: one token a byte, turns in ChatML, pictures of 32 pixels.

It has of a transformers processor what rows and policies use, so that what is true of rows can be
tested where transformers is not installed, and with templates that do something unusual.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SPECIAL = (
    "<|pad|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
)


@dataclass(frozen=True)
class Added:
    """A token that no byte is."""

    content: str
    special: bool = True
    normalized: bool = False
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False

    def __str__(self) -> str:
        return self.content


class PlainTokenizer:
    pad_token_id = 256

    def __init__(self) -> None:
        self.added_tokens_decoder = {256 + i: Added(word) for i, word in enumerate(SPECIAL)}
        self._ids = {str(word): id_ for id_, word in self.added_tokens_decoder.items()}
        self._split = re.compile(f"({'|'.join(map(re.escape, SPECIAL))})")

    def get_vocab(self) -> dict[str, int]:
        return dict(self._ids)

    def encode(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        assert not add_special_tokens
        ids: list[int] = []
        for piece in self._split.split(text):
            ids += [self._ids[piece]] if piece in self._ids else piece.encode()
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        pieces = [
            str(self.added_tokens_decoder[i]).encode() if i > 255 else bytes([i]) for i in ids
        ]
        return b"".join(pieces).decode(errors="replace")


class PlainProcessor:
    """Of a model that reads 32 x 32 pixels as one token."""

    image_token = "<|image_pad|>"

    def __init__(self, *, opens_thought: bool = False, shows_thoughts: bool = False) -> None:
        self.tokenizer = PlainTokenizer()
        self.opens_thought, self.shows_thoughts = opens_thought, shows_thoughts

    def __call__(self, text: list[str], images: list[Any]) -> dict[str, list[list[int]]]:
        mark = self.tokenizer.get_vocab()[self.image_token]
        sizes = iter([(i.height // 32) * (i.width // 32) for i in images])
        all_ids: list[list[int]] = []
        for one in text:
            ids: list[int] = []
            for id_ in self.tokenizer.encode(one):
                ids += [id_] * (next(sizes) if id_ == mark else 1)
            all_ids.append(ids)
        return {"input_ids": all_ids}

    def apply_chat_template(
        self,
        messages: list[dict[str, Any]],
        *,
        tools: list[Any] | None,
        add_generation_prompt: bool,
        tokenize: bool,
    ) -> str:
        assert not tokenize
        text = "" if tools is None else self._turn("system", json.dumps(tools))
        for message in messages:
            role = "user" if message["role"] == "tool" else message["role"]
            said = self._content(message["content"])
            if message.get("reasoning_content") and self.shows_thoughts:
                said = f"<think>\n{message['reasoning_content']}\n</think>\n\n{said}"
            text += self._turn(role, said + "".join(map(call, message.get("tool_calls", ()))))
        begun = "<|im_start|>assistant\n" + ("<think>\n" if self.opens_thought else "")
        return text + (begun if add_generation_prompt else "")

    def _turn(self, role: str, said: str) -> str:
        return f"<|im_start|>{role}\n{said}<|im_end|>\n"

    def _content(self, content: str | list[dict[str, Any]]) -> str:
        if isinstance(content, str):
            return content
        picture = "<|vision_start|><|image_pad|><|vision_end|>"
        return "".join(part["text"] if part["type"] == "text" else picture for part in content)


def call(said: dict[str, Any]) -> str:
    """How a call stands in a turn."""
    return f"\n<tool_call>\n{json.dumps(said['function'], ensure_ascii=False)}\n</tool_call>"
