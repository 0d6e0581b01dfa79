"""The seconds that a question names: `at 0:14`, `between 10 and 20 s`, `in the last minute`."""

from __future__ import annotations

import re

from playhead.core.span import Span, parse_time

_UNIT = r"(?:hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b"
_CLOCK = r"\d{1,3}:\d\d(?::\d\d)?(?:\.\d{1,3})?(?![;:.]?\d)"
_AMOUNT = (
    rf"\d{{1,6}}(?:\.\d{{1,3}})?\s*{_UNIT}(?:(?:\s+and)?\s+\d{{1,2}}(?:\.\d{{1,3}})?\s*{_UNIT})*"
)
_BARE = r"\d{1,6}(?:\.\d{1,3})?"
_NAMED = rf"(?:second|minute)\s+{_BARE}"
_TIME = rf"(?:{_CLOCK}|{_AMOUNT}|{_NAMED})"
_ANY = rf"(?:{_TIME}|{_BARE})"
_TWO = re.compile(
    rf"\b(?:between|from|in|during)?\s*({_ANY})\s*(?:-|\u2013|to|and|until|till)\s*({_TIME})|"
    rf"\b(?:between|from)\s+({_TIME})\s*(?:-|\u2013|to|and|until|till)\s*({_ANY})|"
    rf"\b(?:between|from)\s+(?:seconds?\s+)?({_BARE})\s*(?:-|\u2013|to|and)\s*({_BARE})\b",
    re.IGNORECASE,
)
_EDGE = re.compile(
    rf"\b(?:in |during |within )?the (first|last) ({_AMOUNT}|second|minute|half)\b", re.IGNORECASE
)
_AT = re.compile(rf"\b(?:at|around|about|near|in|on|by)\s+(?:time\s+)?({_TIME})", re.IGNORECASE)
_ALONE = re.compile(rf"\b({_CLOCK}|{_NAMED})\b", re.IGNORECASE)
_START = re.compile(
    r"\b(?:at|in|from) the (?:very )?(?:beginning|start|opening)\b|^what (?:happens|is said|is "
    r"seen) first\b|\bfirst (?:thing|words?|line)\b",
    re.IGNORECASE,
)
_END = re.compile(
    r"\b(?:at|in|towards?|near) the (?:very )?(?:end|ending|close)\b|^what (?:happens|is said|is "
    r"seen) last\b|\blast (?:thing|words?|line)\b|\bhow does (?:it|this|the \w+) end\b",
    re.IGNORECASE,
)
_POINT_S = 0.5  # around a second that is named, to either side, if it is whole
_EDGE_S = 8.0


def said_span(question: str, length_s: float | None) -> tuple[Span | None, str]:
    """The seconds that a question names, and the question without them.

    Args:
        question: In English.
        length_s: How long the video is, in seconds. None: unknown, and its end cannot be meant.
    """
    for pattern, to_span in ((_TWO, _between), (_EDGE, _edge), (_AT, _at), (_ALONE, _at)):
        match = pattern.search(question)
        if match and (span := to_span(match, length_s)) is not None:
            return span, _without(question, match)
    if match := _START.search(question):
        return Span(start=0.0, end=min(_EDGE_S, length_s or _EDGE_S)), _without(question, match)
    if (match := _END.search(question)) and length_s:
        return Span(start=max(0.0, length_s - _EDGE_S), end=length_s), _without(question, match)
    return None, question


def _without(question: str, match: re.Match[str]) -> str:
    return f"{question[: match.start()]} {question[match.end() :]}"


def seconds(text: str) -> float | None:
    """Seconds from `14`, `0:14`, `14 s`, `1 minute 20 seconds`, `minute 3`; None if it is none."""
    text = text.casefold().strip()
    if re.fullmatch(_CLOCK, text):
        try:
            return parse_time(text)
        except ValueError:
            return None
    if match := re.fullmatch(rf"(second|minute)\s+({_BARE})", text):
        return float(match[2]) * (60 if match[1] == "minute" else 1)
    amounts = re.findall(r"(\d+(?:\.\d+)?)\s*([hms]?)", text)
    if not amounts:
        return None
    return sum(float(num) * {"h": 3600, "m": 60}.get(unit, 1) for num, unit in amounts)


def _between(match: re.Match[str], length_s: float | None) -> Span | None:
    one, other = (group for group in match.groups() if group)
    start, end = seconds(one), seconds(other)
    if start is None or end is None or not start < end:
        return None
    return Span(start=start, end=end)


def _edge(match: re.Match[str], length_s: float | None) -> Span | None:
    amount = {"second": 1.0, "minute": 60.0, "half": (length_s or 0) / 2}.get(match[2].casefold())
    amount = seconds(match[2]) if amount is None else amount
    if not amount:
        return None
    if match[1].casefold() == "first":
        return Span(start=0.0, end=amount)
    return Span(start=max(0.0, length_s - amount), end=length_s) if length_s else None


def _at(match: re.Match[str], length_s: float | None) -> Span | None:
    time_s = seconds(match[1])
    if time_s is None:
        return None
    if match[1].casefold().startswith("minute"):
        return Span(start=max(0.0, time_s - 60), end=max(time_s, 1.0))
    is_whole = time_s == int(time_s)
    return Span(start=max(0.0, time_s - _POINT_S * is_whole), end=time_s + _POINT_S)
