"""From what a policy said to an `Answer`: options, citations, abstention."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from playhead.agent.prompts import LETTERS
from playhead.agent.run import Run
from playhead.core.evidence import Evidence
from playhead.core.message import ToolCall
from playhead.core.policy import Reply
from playhead.core.trajectory import Answer
from playhead.tools.answer import option

_CITED = re.compile(r"\be[0-9a-f]{16}\b")
_LETTER = re.compile(
    r"""\W*(?:(?:the\ )?(?:answer|option)\W+(?:is\W+)?)?  # Answer: B
        (?:\(([A-Z])\) | ([A-Z])(?=[.):,]|\W*$))          # (B) | B. | B""",
    re.IGNORECASE | re.VERBOSE,
)
_NOT_TOLD = re.compile(
    r"""\W*(?:(?:it\ is|it's|this\ is|that\ is)\ )?
        (?:not\ (?:in|shown\ in|told\ by)\ the\ video\b | not\ told\b
         | (?:i\ )?(?:cannot|can't)\ tell\b | (?:no\ answer|unknown)\W*$)""",
    re.IGNORECASE | re.VERBOSE,
)
"""How an answer begins that says that the video does not tell."""
_LONGEST = 8_000  # characters of an answer that are kept


def from_call(run: Run, call: ToolCall) -> Answer:
    """The answer that a call of the answer tool gives."""
    arguments: dict[str, Any] = dict(call.arguments)
    value = arguments.get("value", "")
    confidence = arguments.get("confidence")
    cited = run.cite([str(id_) for id_ in arguments.get("evidence") or ()])
    sure = float(confidence) if isinstance(confidence, int | float) else None
    return _answer(run, str(value), cited, sure)


def from_text(run: Run, reply: Reply) -> Answer | None:
    """The answer that a reply without calls gives; None if it says nothing."""
    text = reply.text.strip()
    return _answer(run, text, run.cite(_CITED.findall(text)), None) if text else None


def from_evidence(run: Run, warning: str) -> Answer:
    """What can be said when the policy gave no answer: the best moments, and that it is none."""
    found = list(run.ctx.evidence.values())
    found.sort(key=lambda piece: -(piece.score or 0.0))
    best = [piece for piece in found if piece.text] or found
    moments = "; ".join(f"{e.span.timecode} {' '.join(e.text.split())}".strip() for e in best[:3])
    text = f"No answer. The nearest moments: {moments}" if moments else "No answer."
    return Answer(
        text=text[:_LONGEST], evidence=tuple(best[:3]), abstained=True, warnings=(warning,)
    )


def chosen(text: str, options: Sequence[str]) -> str | None:
    """The option that a text means: the option itself, its letter, or the only one it names."""
    exact = option(text, options)
    if exact is not None:
        return exact
    letter = _LETTER.match(text)
    if letter is not None:
        place = LETTERS.index((letter[1] or letter[2]).upper())
        if place < len(options):
            return options[place]
    named = [each for each in options if _names(text, each)]
    longest = max(named, key=len, default="")  # "red car" also names "red"
    return longest if longest and all(_names(longest, each) for each in named) else None


def _names(text: str, words: str) -> bool:
    """Whether `words` are in a text, as whole words."""
    plain = re.escape(words.strip().casefold())
    return bool(plain) and re.search(rf"(?<!\w){plain}(?!\w)", text.casefold()) is not None


def _answer(run: Run, text: str, cited: tuple[Evidence, ...], confidence: float | None) -> Answer:
    text = _CITED.sub("", text).replace("[]", "").replace("()", "").strip()[:_LONGEST]
    choice = chosen(text, run.task.options) if run.task.options else None
    warnings: tuple[str, ...] = ()
    if run.task.options and choice is None:
        warnings = ("none of the options was chosen",)
    return Answer(
        text=text,
        choice=choice,
        evidence=cited,
        confidence=None if confidence is None else min(1.0, max(0.0, confidence)),
        abstained=not text or (choice is None and _NOT_TOLD.match(text) is not None),
        warnings=warnings,
    )
