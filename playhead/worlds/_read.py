"""Reading an answer of any kind: from whatever somebody returned to plain text, numbers and spans.

Verifiers must be total: a policy under training returns NaN, a dict, ten thousand digits or an
object whose `__eq__` raises, and none of that may stop a run or earn a point. The one idea: decide
by the *exact* built-in type and never call a method that the object itself could have overridden.
Everything that is not text, a number, a truth value, a flat list of those, a `Span` or an `Answer`
reads as None, which no verifier accepts.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from typing import Any

from playhead.core.span import Span
from playhead.core.trajectory import Answer

MAX_TEXT = 4_000
"""Characters. A longer answer is no answer."""
MAX_ITEMS = 400
_MAX_INT = 2**53
_MAX_DEPTH = 3

Plain = str | int | float | bool | list["Plain"]
"""What an answer is made of once it has been read."""

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
_TEENS = "fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {
    **{word: i for i, word in enumerate(f"{_UNITS} {_TEENS}".split())},
    **{word: 10 * (i + 2) for i, word in enumerate(_TENS.split())},
    "none": 0,
    "once": 1,
    "twice": 2,
    "thrice": 3,
}
_FILLERS = frozenset(
    {"a", "an", "the", "it", "they", "there", "is", "was", "were", "are", "in", "on", "at", "of"}
    | {"all", "total", "altogether", "exactly", "final", "answer", "my", "times", "time"}
    | {"flashes", "flash", "cards", "card", "beeps", "beep", "tones", "notes", "blinks"}
)
_LEAD = re.compile(
    r"^(?:(?:so |thus |therefore )?,?\s*(?:the |my )?(?:final |correct )?answer(?: is| was)?\s*:?"
    r"|it (?:is|was|said|says|read|reads)\b:?|that (?:is|was)\b)\s*",
    re.IGNORECASE,
)
_TAGS = re.compile(r"^<answer>(.*)</answer>$|^\\boxed\{(.*)\}$", re.DOTALL | re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:,|;|\n|->|→|=>|>|\bthen\b|\band\b|&)\s*")
_NUMBERING = re.compile(r"^(?:\d{1,2}[.)]|[-*•])\s+")
_CLOCK = r"(?:\d{1,4}:)?(?:\d{1,4}:)?\d{1,7}(?:\.\d{1,9})?"
_PAIR = re.compile(
    rf"(?<![\d.:-])({_CLOCK})\s*s?\s*(?:-|\u2013|\u2014|to|until|and|,)\s*({_CLOCK})(?![\d.:])"
)


def plain(answer: object, _depth: int = 0) -> Plain | None:
    """`answer` as text, number, truth value or list of those; None if it is anything else."""
    kind = type(answer)
    if issubclass(kind, Answer):
        return _of_answer(answer)  # type: ignore[arg-type]
    if issubclass(kind, Span):
        return [answer.start, answer.end]  # type: ignore[attr-defined]
    if kind is bool:
        return answer is True
    if issubclass(kind, str):
        text = str.__str__(answer)  # type: ignore[arg-type]
        return text if len(text) <= MAX_TEXT else None
    if issubclass(kind, int):
        number = int.__int__(answer)  # type: ignore[arg-type]
        return number if abs(number) <= _MAX_INT else None
    if issubclass(kind, float):
        real = float.__float__(answer)  # type: ignore[arg-type]
        return real if math.isfinite(real) and abs(real) <= _MAX_INT else None
    if _depth < _MAX_DEPTH and issubclass(kind, list | tuple | set | frozenset):
        return _of_items(answer, kind, _depth)
    return None


def _of_answer(answer: Answer) -> Plain | None:
    if answer.value is not None:
        return plain(answer.value)
    return plain(answer.choice if answer.choice is not None else answer.text)


def _of_items(answer: Any, kind: type, depth: int) -> Plain | None:
    base = next(b for b in (list, tuple, set, frozenset) if issubclass(kind, b))
    if base.__len__(answer) > MAX_ITEMS:
        return None
    items = [plain(item, depth + 1) for item in base.__iter__(answer)]
    return None if any(item is None for item in items) else items  # type: ignore[return-value]


def bare(text: str, articles: str = "the|a|an") -> str:
    """Text without case, punctuation at its ends, a lead-in ("the answer is") or an article."""
    text = unicodedata.normalize("NFKC", text).strip()
    if tagged := _TAGS.match(text):
        text = tagged[1] or tagged[2] or ""
    text = _LEAD.sub("", text.strip(), count=1).casefold()
    text = re.sub(r"\s+", " ", text).strip(" .,:;!?\"'`*()[]{}\u201c\u201d\u2018\u2019")
    return re.sub(rf"^(?:{articles}) ", "", text)


def words(answer: Plain | None, articles: str = "the|a|an") -> str | None:
    """An answer that is one piece of text, made bare; None if it is not text or is empty."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, bool) or not isinstance(answer, str | int):
        return None
    return bare(str(answer), articles) or None


def number(answer: Plain | None) -> float | None:
    """An answer that is one number, as digits or English words; None if it is not."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        return None
    if not isinstance(answer, str):
        return float(answer)
    tokens = [t for t in re.split(r"[\s-]+", bare(answer)) if t and t not in _FILLERS]
    return _number_of(tokens)


def _number_of(tokens: list[str]) -> float | None:
    match tokens:
        case [digits] if re.fullmatch(r"\d{1,15}(?:\.\d{1,9})?", digits):
            return float(digits)
        case [word] if word in _WORDS:
            return float(_WORDS[word])
        case [tens, unit] if _WORDS.get(tens, 0) >= 20 and 0 < _WORDS.get(unit, 0) < 10:
            return float(_WORDS[tens] + _WORDS[unit])
        case _:
            return None


def items(answer: Plain | None) -> list[str] | None:
    """An answer that is a list of texts, made bare; None if it is not, or is empty."""
    if isinstance(answer, str):
        answer = _from_json(answer) or [_NUMBERING.sub("", t) for t in _split(answer)]
    elif isinstance(answer, int) and not isinstance(answer, bool):
        answer = [answer]
    if not isinstance(answer, list):
        return None
    found = [words(item) for item in answer]
    return None if not found or any(f is None for f in found) else found  # type: ignore[return-value]


def _split(text: str) -> list[str]:
    return [part for part in _BETWEEN.split(_LEAD.sub("", text.strip(), count=1)) if part.strip()]


def _from_json(text: str) -> list[Plain] | None:
    if not text.strip().startswith("["):
        return None
    try:
        read = plain(json.loads(text))
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, list) else None


def spans(answer: Plain | None) -> list[tuple[float, float]] | None:
    """An answer that is one or more stretches of seconds; None if it is not."""
    if isinstance(answer, str):
        answer = _from_json(answer) or _spans_in(answer)
    if not isinstance(answer, list) or not answer:
        return None
    if len(answer) == 2 and not any(isinstance(item, list) for item in answer):
        answer = [answer]
    pairs = [_pair(item) for item in answer]
    return None if any(pair is None for pair in pairs) else pairs  # type: ignore[return-value]


def _pair(item: Plain) -> tuple[float, float] | None:
    if isinstance(item, str):
        inside = _spans_in(item)
        item = inside[0] if inside and len(inside) == 1 else item
    if not isinstance(item, list) or len(item) != 2:
        return None
    start, end = (seconds(side) for side in item)
    return (start, end) if start is not None and end is not None and 0 <= start < end else None


def _spans_in(text: str) -> list[Plain] | None:
    text = unicodedata.normalize("NFKC", text)
    found: list[Plain] = [[pair[1], pair[2]] for pair in _PAIR.finditer(text)]
    rest = _PAIR.sub("", text)
    return None if re.search(r"\d", rest) else found


def seconds(answer: Plain | None) -> float | None:
    """An answer that is one moment, as a number of seconds or as `1:02:03.5`; None if it is not."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        return None
    if not isinstance(answer, str):
        return float(answer)
    text = re.sub(r"^(?:at|after|around)\s+|\s*(?:s|sec|seconds?)$", "", bare(answer).strip("<>"))
    if not re.fullmatch(_CLOCK, text):
        return None
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total
