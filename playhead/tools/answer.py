"""`answer`: ends the question. The tool only checks; what the answer is worth is judged later."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from playhead.core.errors import Blamed, Origin
from playhead.core.tools import Observation, tool
from playhead.tools import say
from playhead.tools.context import ToolContext

ANSWER = "answer"
"""What the tool is called."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTER = re.compile(r"\(?([A-Za-z])(?:[).:]+(?:\s.*)?)?", re.DOTALL)
_NAMED = 8  # ids that a message lists
_MOST_CITED = 32
_LONGEST = 8_000


@tool
def answer(
    ctx: ToolContext, value: str, evidence: list[str], confidence: float | None = None
) -> Observation:
    """Give your answer. This ends the question.

    Args:
        value: The answer alone, in few words. Where there are options: one of them, or its letter.
        evidence: Ids of the evidence that proves it, such as e0123456789abcdef, or the times of the
            pictures that do, such as 42.0s. Empty if none.
        confidence: How sure you are, from 0 to 1.
    """
    if not value.strip():
        raise Blamed(Origin.MODEL, 'an answer says something; else answer "not in the video"')
    if confidence is not None and not 0 <= confidence <= 1:
        raise Blamed(Origin.MODEL, f"confidence goes from 0 to 1: got {confidence:g}")
    if len(evidence) > _MOST_CITED:
        raise Blamed(Origin.MODEL, f"cite the {_MOST_CITED} best at most: got {len(evidence)}")
    if ctx.options and option(value, ctx.options) is None and not _abstains(value):
        raise Blamed(Origin.MODEL, f"none of the options: {_listed(ctx.options)}", "no_such_option")
    meant = {id_: ctx.cited(id_) for id_ in evidence}
    if unknown := [id_ for id_, piece in meant.items() if piece is None]:
        raise Blamed(Origin.MODEL, _unknown(ctx, unknown), "no_such_evidence")
    cited = list({piece.id: piece for piece in meant.values() if piece is not None}.values())
    lines = [say.line(ctx, piece) for piece in cited]
    head = f"answered: {value.strip()[:400]}"
    return say.observation(ctx, [head, *say.bounded(lines, _MOST_CITED)], cited)


def option(value: str, options: Sequence[str]) -> str | None:
    """The option that is meant by its text or its letter, `B`, `(b)`, `B. red`; None if none is."""
    plain = value.strip().casefold()
    for text in options:
        if plain == text.strip().casefold():
            return text
    letter = _LETTER.fullmatch(value.strip())
    place = _LETTERS.index(letter[1].upper()) if letter else len(options)
    return options[place] if place < len(options) else None


def _abstains(value: str) -> bool:
    return value.strip().strip(".").casefold() == "not in the video"


def _listed(options: Sequence[str]) -> str:
    named = (f"({_LETTERS[i]}) {text[:200]}" for i, text in enumerate(options[: len(_LETTERS)]))
    return "; ".join(named)


def _unknown(ctx: ToolContext, unknown: Sequence[str]) -> str:
    known = list(ctx.evidence)
    if not known:
        return "no evidence has been found yet: look first, or cite none"
    near = [close for id_ in unknown for close in get_close_matches(id_, known, n=2, cutoff=0.7)]
    named = ", ".join(dict.fromkeys(near or known[-_NAMED:]))
    missing = ", ".join(id_[:24] for id_ in unknown[:_NAMED])
    return f"no evidence {missing}; there is {named}"
