"""Who may look at what: task-decoupled attention, from what each token of a row is.

A model that has seen the whole video coarsely at first can answer from that and call its tools for
show. Task-decoupled attention (Video-o3, "TDAM") takes the short cut away in a fraction of the
training samples: the answer does not look at the pictures of the opening, and a call does not look
at the pictures that earlier calls gave, so that looking is learned from the wide view and answering
from the close one.

Two forms. `direct` is the paper's: those tokens do not attend to those pictures. In a model of more
than one layer, what the pictures showed still arrives through the words between. `closed` shuts
that too, at any depth: a token attends only to tokens that have seen nothing it must not see. The
question and the words of observations then look at no picture, and the answer looks at no call.

Masks are dense, `[L, L]`: for sdpa and eager attention, not for FlashAttention.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from playhead.training.rows import Part, Row


class Decoupling(StrEnum):
    """How far answering and looking are kept apart."""

    DIRECT = "direct"
    """Answers do not attend to opening pictures, calls not to pictures of earlier calls."""
    CLOSED = "closed"
    """Nor to anything that has seen them."""


class _Kind(StrEnum):
    """What a token is in attention."""

    WORD = "word"
    OPENING = "opening"
    LOCAL = "local"
    CALL = "call"
    ANSWER = "answer"
    THOUGHT = "thought"


_KINDS = tuple(_Kind)
_OF_PART = {
    Part.PICTURE_OPENING: _Kind.OPENING,
    Part.PICTURE: _Kind.LOCAL,
    Part.CALL: _Kind.CALL,
    Part.ANSWER: _Kind.ANSWER,
}
_ALL = set(_Kind)
_MAY_SEE: dict[Decoupling, dict[_Kind, set[_Kind]]] = {
    Decoupling.DIRECT: {
        **dict.fromkeys(_Kind, _ALL),
        _Kind.ANSWER: _ALL - {_Kind.OPENING},
        _Kind.CALL: _ALL - {_Kind.LOCAL},
    },
    Decoupling.CLOSED: {
        _Kind.WORD: {_Kind.WORD},
        _Kind.OPENING: {_Kind.WORD, _Kind.OPENING},
        _Kind.LOCAL: {_Kind.WORD, _Kind.LOCAL},
        _Kind.CALL: {_Kind.WORD, _Kind.OPENING, _Kind.CALL},
        _Kind.ANSWER: {_Kind.WORD, _Kind.LOCAL, _Kind.ANSWER},
        _Kind.THOUGHT: set(),  # each belongs to its turn
    },
}


def decoupled(row: Row, how: Decoupling = Decoupling.DIRECT) -> NDArray[np.bool_]:
    """Which tokens of a row attend to which.

    Args:
        row: Whose pictures, calls and answers are told apart.
        how: How far they are kept apart.

    Returns:
        `[L, L]`: True where the token of that line may attend to that of the column. Never to a
        later one, always to itself.
    """
    kinds = np.array([_KINDS.index(kind) for kind in _kinds(row, how)])
    table = np.array([[seen in _MAY_SEE[how][kind] for seen in _KINDS] for kind in _KINDS])
    return table[kinds[:, None], kinds[None, :]] & causal(len(row))


def causal(length: int) -> NDArray[np.bool_]:
    """`[L, L]`: every token attends to itself and to all before it."""
    return np.tri(length, dtype=np.bool_)


def _kinds(row: Row, how: Decoupling) -> Sequence[_Kind]:
    """What each token is in attention.

    The last token before a written one predicts it, so it is of the same kind: else the first word
    of an answer would be chosen by a token that may look anywhere, or, in the closed form, nowhere.
    """
    answers = {step for step, part in zip(row.steps, row.parts, strict=True) if part is Part.ANSWER}
    kinds: list[_Kind] = []
    for part, step in zip(row.parts, row.steps, strict=True):
        kind = _OF_PART.get(part, _Kind.WORD)
        if part is Part.THINK:
            kind = _Kind.THOUGHT
            if how is Decoupling.CLOSED:
                kind = _Kind.ANSWER if step in answers else _Kind.CALL
        kinds.append(kind)
    for i in range(len(kinds) - 1):
        if row.mask[i + 1]:
            kinds[i] = kinds[i + 1]
    return kinds
