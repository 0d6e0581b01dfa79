"""Exact verifiers: from any Python object and a gold answer to a score in [0, 1].

The one idea is totality: `score` never raises, whatever it is given, and what is not an answer
(None, '', NaN, a dict, every option at once, ten thousand digits) scores 0. So the same function is
a metric, a reward and a gate. An answer must *be* the answer: nothing is searched for inside a
longer text, because a policy that lists everything would be paid for it.

    score(AnswerKind.NUMBER, "seven times", 7)            -> 1.0
    score(AnswerKind.SPANS, "41.5 - 44.5", [[41.5, 44.5]]) -> 1.0

What it does not do: judge free prose. Ask for the bare answer.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import combinations
from typing import Any

from playhead.worlds import _read
from playhead.worlds._read import Plain

Spans = Sequence[tuple[float, float]]


class AnswerKind(StrEnum):
    """What an answer is, and so how it is compared."""

    TEXT = "text"
    """One word, name or code; exact after normalisation."""
    CODE = "code"
    """Glyphs of a card or sign; exact, spaces and dashes between glyphs do not matter."""
    CODE_OR_ABSENT = "code_or_absent"
    """A code, or the statement that the video holds no such thing (`NOT_IN_VIDEO`)."""
    NUMBER = "number"
    """A count."""
    ORDERED = "ordered"
    """Names in order; the whole list must be right."""
    SET = "set"
    """Names in any order; F1."""
    SPANS = "spans"
    """Stretches of seconds; intersection over union."""
    YES_NO = "yes_no"
    PATH = "path"
    """Camera numbers in order; the whole path must be right."""
    ALERT = "alert"
    """The moment something happens, said by a policy that watches: `exp(-delay / tau)`, 0 if it
    spoke too early."""


NOT_IN_VIDEO = "not in the video"
"""The gold answer of a question about something that is not there."""
ALERT_TAU_S = 4.0
"""The delay, in seconds, at which an alert is worth 1/e."""
ALERT_EARLY_S = 0.25
"""An alert may precede the event by this much (one sampled frame) and still count as on time."""

_YES = frozenset({"yes", "true", "y", "yes it is", "yes it did", "yes it does", "yes it would"})
_NO = frozenset(
    {"no", "false", "n", "no it is not", "no it did not", "no it does not", "no it would not"}
)
_ABSENT = frozenset(
    {
        "absent",
        "not in video",
        "not in the video",
        "it is not in the video",
        "not present",
        "not shown",
        "never shown",
        "never happens",
        "never happened",
        "does not appear",
        "it does not appear",
        "does not happen",
        "no such card",
        "no such event",
        "no such card in the video",
    }
)


def score(kind: AnswerKind | str, answer: object, gold: Any, options: Sequence[str] = ()) -> float:
    """How right `answer` is, in [0, 1]. Never raises for any `answer`.

    Args:
        kind: How to compare.
        answer: Anything: text as a model writes it, JSON data, a core `Span` or `Answer`.
        gold: The true answer, as the question holds it.
        options: The choices that were offered; then a letter (`B`, `(b)`) stands for its option.
    """
    read = _read.plain(answer)
    if read is None:
        return 0.0
    return _VERIFIERS[AnswerKind(kind)](_chosen(read, options), gold)


def _chosen(answer: Plain, options: Sequence[str]) -> Plain:
    """The option a letter stands for; the answer itself if it is no letter of an option."""
    if not options or not isinstance(answer, str):
        return answer
    text = answer.strip()
    if _read.bare(text) in {_read.bare(option) for option in options}:
        return answer
    letters = string.ascii_uppercase[: len(options)]
    match = re.fullmatch(
        r"(?:option\s+)?\(?([A-Za-z])[).:]?(?:\s+(.*))?", text, re.DOTALL | re.IGNORECASE
    )
    if not match or match[1].upper() not in letters:
        return answer
    option = options[letters.index(match[1].upper())]
    rest = match[2]
    return option if rest is None or _read.bare(rest) == _read.bare(option) else answer


def _code(text: str) -> str:
    return re.sub(r"[\s\-_·]", "", text)


def _text(answer: Plain, gold: Any) -> float:
    said = _read.words(answer)
    return float(said is not None and said == _read.bare(str(gold)))


def _code_score(answer: Plain, gold: Any) -> float:
    said = _read.words(answer, articles="the")  # A may be a glyph
    return float(said is not None and _code(said) == _code(str(gold).casefold()))


def says_absent(answer: object) -> bool:
    """Whether `answer` states that the video holds no such thing. Silence is not a statement."""
    said = _read.words(_read.plain(answer))
    return said is not None and said in _ABSENT


def _code_or_absent(answer: Plain, gold: Any) -> float:
    return float(says_absent(answer)) if gold == NOT_IN_VIDEO else _code_score(answer, gold)


def _number(answer: Plain, gold: Any) -> float:
    said = _read.number(answer)
    return float(said is not None and said == float(gold))


def _yes_no(answer: Plain, gold: Any) -> float:
    said = answer if isinstance(answer, bool) else _truth(_read.words(answer))
    return float(said is not None and said is bool(gold))


def _truth(text: str | None) -> bool | None:
    text = text.replace(",", "").replace("isn't", "is not") if text else text
    return True if text in _YES else False if text in _NO else None


def _ordered(answer: Plain, gold: Any) -> float:
    said = _read.items(answer)
    return float(said is not None and said == [_read.bare(str(item)) for item in gold])


def _path(answer: Plain, gold: Any) -> float:
    said = _read.items(answer)
    if said is None:
        return 0.0
    return float([re.sub(r"^cam(?:era)? ?", "", item) for item in said] == [str(c) for c in gold])


def _set(answer: Plain, gold: Any) -> float:
    said = _read.items(answer)
    return 0.0 if said is None else set_f1(said, [_read.bare(str(item)) for item in gold])


def _spans(answer: Plain, gold: Any) -> float:
    said = _read.spans(answer)
    return 0.0 if said is None else spans_iou(said, [(float(a), float(b)) for a, b in gold])


def _alert(answer: Plain, gold: Any) -> float:
    said = _read.seconds(answer)
    if said is None or said < float(gold) - ALERT_EARLY_S:
        return 0.0
    return math.exp(-max(0.0, said - float(gold)) / ALERT_TAU_S)


_VERIFIERS: dict[AnswerKind, Callable[[Plain, Any], float]] = {
    AnswerKind.TEXT: _text,
    AnswerKind.CODE: _code_score,
    AnswerKind.CODE_OR_ABSENT: _code_or_absent,
    AnswerKind.NUMBER: _number,
    AnswerKind.ORDERED: _ordered,
    AnswerKind.SET: _set,
    AnswerKind.SPANS: _spans,
    AnswerKind.YES_NO: _yes_no,
    AnswerKind.PATH: _path,
    AnswerKind.ALERT: _alert,
}


def set_f1(said: Sequence[str], gold: Sequence[str]) -> float:
    """F1 of two sets of names. Two empty sets agree."""
    if not said and not gold:
        return 1.0
    both = len(set(said) & set(gold))
    return 2 * both / (len(set(said)) + len(set(gold)))


def kendall_tau(answer: object, gold: Sequence[str]) -> float | None:
    """Kendall's tau of an answered order with the true one, -1 to 1.

    None: the answer does not name exactly the same things, so there is no order to compare.
    """
    said = _read.items(_read.plain(answer))
    names = [_read.bare(name) for name in gold]
    if said is None or len(names) < 2 or sorted(said) != sorted(names):
        return None
    rank = {name: i for i, name in enumerate(said)}
    agree = [1 if rank[a] < rank[b] else -1 for a, b in combinations(names, 2)]
    return sum(agree) / len(agree)


def spans_iou(said: Spans, gold: Spans) -> float:
    """Intersection over union of two sets of stretches, in time covered."""
    first, second = _union(said), _union(gold)
    both = sum(
        max(0.0, min(a_end, b_end) - max(a_start, b_start))
        for a_start, a_end in first
        for b_start, b_end in second
    )
    whole = _length(first) + _length(second) - both
    return min(1.0, both / whole) if whole > 0 else 0.0


def spans_in(answer: object) -> list[tuple[float, float]] | None:
    """The stretches of seconds that an answer is made of; None if it is made of anything else."""
    return _read.spans(_read.plain(answer))


def recall_at(
    answer: object, gold: Spans, thresholds: Sequence[float] = (0.3, 0.5, 0.7)
) -> dict[float, float]:
    """R@threshold: 1.0 where the answered spans overlap the true ones by at least that IoU."""
    iou = score(AnswerKind.SPANS, answer, gold)
    return {threshold: float(iou >= threshold) for threshold in thresholds}


def _union(spans: Spans) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _length(spans: Spans) -> float:
    return sum(end - start for start, end in spans)
