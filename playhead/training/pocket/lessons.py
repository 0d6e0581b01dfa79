"""Lessons: conversations as a pocket model studies them.

A lesson has its tokens, what its pictures look like to the (finished) eyes, so that no picture is
seen twice, what each part of each picture has to do with the question, and when each was shown: a
small head learns to say these low in the model, and is dropped when the model is saved.

The words are those of the loop, to the token (a test compares them), but nothing is played: the
pictures of a film are seen once for all the questions about it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from playhead.agent import prompts
from playhead.core.span import Span, format_time, stamp
from playhead.core.tools import ToolSpec
from playhead.models.policies import render
from playhead.tools import say
from playhead.tools.ledger import visual_tokens
from playhead.training.pocket.curriculum import (
    BUDGET,
    DURATION_S,
    FORMS,
    HEIGHT,
    NUM_PICTURES,
    WIDTH,
)
from playhead.training.pocket.perception import COLUMNS, ROWS, Labels
from playhead.training.pocket.surveyor import Look
from playhead.training.pocket.words import OFFER, OFFERED
from playhead.worlds.families import family
from playhead.worlds.families.base import HINTS, Ask
from playhead.worlds.families.build import phrases_for
from playhead.worlds.families.phrases import write
from playhead.worlds.rng import Rng
from playhead.worlds.script import COLORS, HATS, PATTERNS, PLACES, SHAPES, Actor

NUM_TOKENS = ROWS * COLUMNS
"""Of a picture."""
PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"
VALUE, TIME, CITED, WHETHER, OTHER = 1.0, 0.9, 0.8, 0.5, 0.05
"""Weights of an answer, of where a second look begins and ends, of the time that is cited, of
whether one is, and of what is always the same."""
NUM_MARKS = 5
_SHOWN = "\n</tool_response><|im_end|>\n<|im_start|>assistant\n"


@dataclass(frozen=True)
class Lesson:
    """One conversation of `L` tokens with `F` pictures of `T` tokens each."""

    kind: str
    """`glance`, `seek`, `direct` or `still`."""
    ids: torch.Tensor
    """`[L]`: tokens as the model reads them."""
    weights: torch.Tensor
    """`[L]`: of each token that is learnt, else 0."""
    positions: torch.Tensor
    """`[3, L]`: M-RoPE."""
    features: torch.Tensor
    """`[F, T, width]`, bfloat16."""
    marks: torch.Tensor
    """`[F, T, 5]`, 0 or 1: it is the place that is asked about; who is here has the colour; has the
    shape; is the one asked about; holds the card asked about."""
    seconds: torch.Tensor
    """`[F]`: when each picture was shown, in whole seconds. -1: nothing tells."""


class Subject(NamedTuple):
    """Who is asked about, and where."""

    actor: Actor
    is_short: bool
    """Colour and shape alone say who it is."""
    place: str

    def marks(self, shown: Labels, *, has_card: bool) -> NDArray[np.bool_]:
        """`[T, 5]`: what each part of a picture has to do with it, see `Lesson.marks`.

        Args:
            shown: What the picture shows.
            has_card: Whether the card asked about is in it.
        """
        wanted = np.array(
            [
                COLORS.index(self.actor.color),
                SHAPES.index(self.actor.shape),
                PATTERNS.index(self.actor.pattern),
                HATS.index(self.actor.hat),
            ]
        )
        is_there = np.full(NUM_TOKENS, PLACES.index(self.place) == shown.place)
        stands, holds = shown.looks == wanted, shown.card[:, 1:] == wanted[:2]
        is_actor = stands[:, :2].all(1) & (stands.all(1) | self.is_short)
        is_card = holds.all(1) & is_there & has_card
        return np.stack(
            [is_there, stands[:, 0] | holds[:, 0], stands[:, 1] | holds[:, 1], is_actor, is_card], 1
        )


class Said(NamedTuple):
    """An answer and its weight: `OTHER` for one that can only be guessed."""

    text: str
    weight: float = VALUE


class Scribe:
    """Writes conversations as the loop shows them to a model, token by token."""

    def __init__(self, tokenizer: Any, tools: Sequence[ToolSpec]) -> None:
        self._encode = tokenizer.encode
        self._image = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        specs = "".join(f"\n{_schema(tool)}" for tool in tools)
        self._system = f"{prompts.SYSTEM}\n\n{OFFER}{specs}{OFFERED}"

    def seeking(
        self,
        question: str,
        said: Said,
        cited_s: float | None,
        looks: Sequence[tuple[Look, Sequence[float]]],
        rng: Rng,
    ) -> tuple[list[int], list[float]]:
        """Tokens and weights of an attempt with tools.

        Args:
            question: As a task has it.
            said: The answer.
            cited_s: The time of the picture that proves it. None: none does.
            looks: Calls of `look` and the times of the pictures that they gave.
            rng: Of what stands for hashes.
        """
        parts = [*self._opening(self._system, question, rng)]
        left = NUM_PICTURES
        for i, (look, times_s) in enumerate(looks):
            weight = TIME if i else OTHER
            parts.append(('<tool_call>\n{"name": "look", "arguments": {"start_s": ', OTHER))
            for second, after in ((look.start_s, ', "end_s": '), (look.end_s, ', "num": ')):
                parts += [(f"{second}", weight), (after, OTHER)]
            parts += [(f"{look.num}}}}}\n</tool_call><|im_end|>", OTHER), ("\n", 0.0)]
            left -= len(times_s)
            parts += self._shown(look, times_s, left, rng)
            parts.append((_SHOWN, 0.0))
        return self._tokens([*parts, *_answer(said, cited_s)])

    def direct(
        self,
        question: str,
        said: Said,
        look: Look,
        times_s: Sequence[float],
        rng: Rng,
        *,
        is_part: bool = False,
    ) -> tuple[list[int], list[float]]:
        """Tokens and weights of an attempt without tools, from pictures that were spread evenly.

        Args:
            question: As a task has it.
            said: The answer.
            look: What is shown unasked.
            times_s: Of its pictures.
            rng: Of what stands for hashes.
            is_part: The question is about that part of the film alone, and may spend no more.
        """
        part = look if is_part else None
        whole = self._opening(prompts.SYSTEM_WITHOUT_TOOLS, question, rng, part)
        called = (
            f'<tool_call>\n{{"name": "look", "arguments": {{"start_s": {look.start_s}, '
            f'"end_s": {look.end_s}, "num": {look.num}, "quota": "fine", "video": "v1"}}}}\n'
            "</tool_call><|im_end|>\n"
        )
        left = 0 if is_part else NUM_PICTURES - len(times_s)
        shown = self._shown(look, times_s, left, rng)
        parts = [*whole, (called, 0.0), *shown, (_SHOWN, 0.0)]
        return self._tokens([*parts, said, ("<|im_end|>", OTHER)])

    def glance(self, question: str, answer: str, num: int) -> tuple[list[int], list[float]]:
        """Tokens and weights of a question about a few pictures without their times."""
        parts = _glanced(question, PICTURE * num)
        return self._tokens([parts, Said(answer), ("<|im_end|>", OTHER)])

    def timed_glance(
        self, question: str, answer: str, cited_s: float | None, times_s: Sequence[float]
    ) -> tuple[list[int], list[float]]:
        """Tokens and weights of a question about a few pictures with their times; the answer is a
        call that cites one."""
        asked = _glanced(question, _stamped(times_s))
        return self._tokens([asked, *_answer(Said(answer), cited_s)])

    def _opening(
        self, system: str, question: str, rng: Rng, part: Look | None = None
    ) -> Iterator[tuple[str, float]]:
        yield f"<|im_start|>system\n{system}<|im_end|>\n", 0.0
        end_s, num = (part.end_s, part.num) if part else (DURATION_S, NUM_PICTURES)
        about = (
            f"Video v1 ('{_hash(rng, 8)}') lasts {end_s:.1f} s ({format_time(end_s)}), "
            "0 % of it has been looked at before."
        )
        if part:
            about += f"\nThe question is about {part.start_s:.1f} to {part.end_s:.1f} s."
        spend = f"You may spend {BUDGET.turns} turns, {num} pictures."
        told = f"{about}\n\n{question}\n\n{spend}"
        yield f"<|im_start|>user\n{told}<|im_end|>\n<|im_start|>assistant\n", 0.0

    def _shown(
        self, look: Look, times_s: Sequence[float], left: int, rng: Rng
    ) -> Iterator[tuple[str, float]]:
        num = len(times_s)
        span = say.span_words(Span(start=look.start_s, end=look.end_s))
        pictures = f"{num} picture{'s' * (num > 1)} of {WIDTH}x{HEIGHT} pixels"
        apart = f", {(times_s[-1] - times_s[0]) / (num - 1):.2g} s apart" if num > 1 else ""
        head = f"[e{_hash(rng, 16)}] v1 {span}, {pictures}{apart}."
        yield f"<|im_start|>user\n<tool_response>\n{head}\n", 0.0
        yield _stamped(times_s), 0.0
        took = f"This took {num} pictures, {num * visual_tokens(HEIGHT, WIDTH)} visual tokens"
        yield f"{took}; left: {left} pictures, None visual tokens.", 0.0

    def _tokens(self, parts: Sequence[tuple[str, float]]) -> tuple[list[int], list[float]]:
        ids, weights = list[int](), list[float]()
        for text, weight in parts:
            for i, token in enumerate(self._encode(text)):
                num = NUM_TOKENS if token == self._image else 1
                ids += [token] * num
                is_tenths = i and weight in (TIME, CITED)  # almost always 0
                weights += [OTHER if is_tenths else weight] * num
        return ids, weights


def _answer(said: Said, cited_s: float | None) -> Iterator[tuple[str, float]]:
    yield '<tool_call>\n{"name": "answer", "arguments": {"value": "', OTHER
    yield said
    if cited_s is None:
        yield '", "evidence": [', WHETHER
        yield "]", OTHER
    else:
        yield '", "evidence": ["', WHETHER
        yield stamp(cited_s), CITED
        yield '"]', OTHER
    yield "}}\n</tool_call><|im_end|>", OTHER


def _glanced(question: str, pictures: str) -> tuple[str, float]:
    return f"<|im_start|>user\n{question}{pictures}<|im_end|>\n<|im_start|>assistant\n", 0.0


def _stamped(times_s: Sequence[float]) -> str:
    return "".join(f"<{stamp(time_s)}>{PICTURE}" for time_s in times_s)


def worded(ask: Ask, rng: Rng) -> str:
    """A question as a task has it, in a phrasing that training uses."""
    asked = family(FORMS[ask.form])
    _, phrase = rng.choice(phrases_for(asked, ask.form, "avoid"))
    return f"{write(phrase, ask, rng)}\n{HINTS[asked.kinds[ask.form]]}"


def seconds(times_s: Sequence[float]) -> torch.Tensor:
    """`[F]`: times as the one token that they begin with has them."""
    return torch.tensor([int(float(stamp(time_s).rstrip("s"))) for time_s in times_s])


def positions(ids: Sequence[int], image_id: int) -> torch.Tensor:
    """`[3, L]`: M-RoPE of tokens of which each run of `image_id` is one picture."""
    rows = np.repeat(np.arange(ROWS), COLUMNS)
    grid = np.stack([np.zeros_like(rows), rows, np.tile(np.arange(COLUMNS), ROWS)])
    is_image = np.array(ids) == image_id
    starts = np.flatnonzero(is_image)[::NUM_TOKENS]
    at = np.arange(len(ids))
    passed = (at[:, None] >= starts + NUM_TOKENS).sum(1)  # a picture moves on by its longer side
    places = np.tile(at - passed * (NUM_TOKENS - max(ROWS, COLUMNS)), (3, 1))
    for start in starts:
        places[:, start : start + NUM_TOKENS] = places[0, start] + grid
    return torch.from_numpy(places)


def _schema(tool: ToolSpec) -> str:

    (spec,) = render.tool_specs([tool])
    return json.dumps(spec, ensure_ascii=False)


def _hash(rng: Rng, num: int) -> str:
    return f"{rng.below(16**num):0{num}x}"
