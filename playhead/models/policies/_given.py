"""Answers in the making: words, the evidence that they rest on, how far to trust them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from playhead.core.span import Span
from playhead.models.policies._questions import Ask
from playhead.models.policies._reading import Known, Line
from playhead.models.policies._words import holds_phrase, quoted, share

ENOUGH = 0.5
"""A line is about a question if it holds more than this share of the words that matter."""

NOT_TOLD = "Not in the video"
"""How an answer begins that says that there is none: the loop knows these words."""

_MOST_CITED = 16
_NEAREST = 2
_GAP_S = 1.5  # lines closer than this are one flow of speech
_ENDS = (".", "?", "!", "…", '"', "”", "♪")
_HOW = {
    "speech": "said",
    "screen_text": "written",
    "caption": "seen to move",
    "track": "moving",
    "note": "noted",
}


@dataclass(frozen=True)
class Given:
    """What the rules have to say."""

    text: str
    lines: tuple[Line, ...] = ()
    """What it cites."""
    confidence: float = 0.0
    abstains: bool = False
    value: str = ""
    """The answer in one word, where it has one: a number, yes, no. Empty: it has none."""

    sheets: tuple[str, ...] = ()
    """Ids of the sheets of pictures that it cites besides."""

    @property
    def ids(self) -> list[str]:
        """Ids of what it cites, each once."""
        return list(dict.fromkeys([*(line.id for line in self.lines), *self.sheets]))[:_MOST_CITED]


@dataclass(frozen=True)
class Match:
    """A line that is about the question, and how much of it."""

    line: Line
    score: float


def matches(ask: Ask, known: Known, kinds: Sequence[str]) -> list[Match]:
    """The lines about a question, best first."""
    pool = known.of_kind(*kinds)
    if ask.span is not None:
        pool = [line for line in pool if line.span.intersection(ask.span)]
    found = [Match(line, _score(ask, pool, i)) for i, line in enumerate(pool)]
    found = [match for match in found if match.score > 0]
    return sorted(found, key=lambda m: (-m.score, m.line.video, m.line.span, m.line.id))


def _score(ask: Ask, pool: Sequence[Line], place: int) -> float:
    """How much of the question a line holds, helped a little by the line that goes on with it."""
    line = pool[place]
    if ask.phrase and holds_phrase(ask.phrase, line.text):
        return 1.0
    own = share(ask.words, line.text)
    if not own or ask.phrase:
        return 0.8 * own
    around = [pool[i] for i in (place - 1, place + 1) if 0 <= i < len(pool)]
    near = [other.text for other in around if flows(other, line) or flows(line, other)]
    both = share(ask.words, " ".join([line.text, *near]))
    trust = 1.0 if line.kind in ("speech", "screen_text") else 0.8
    return trust * max(own, own + 0.8 * (both - own))


def flows(one: Line, other: Line) -> bool:
    """Whether `other` is spoken right after `one`."""
    return (
        one.kind == other.kind == "speech"
        and one.video == other.video
        and -_GAP_S < other.span.start - one.span.end < _GAP_S
    )


def sentence(line: Line, pool: Sequence[Line], *, backwards: bool = True) -> tuple[Line, ...]:
    """A spoken line with the lines around it that belong to the same sentence; at most four."""
    if line.kind != "speech":
        return (line,)
    lines = [other for other in pool if other.kind == "speech"]
    place = next((i for i, other in enumerate(lines) if other.id == line.id), None)
    if place is None:
        return (line,)
    first = last = place
    while last + 1 < len(lines) and last - place < 2 and not _is_whole(lines[last]):
        if not flows(lines[last], lines[last + 1]):
            break
        last += 1
    while backwards and first > 0 and place - first < 2 and not _is_whole(lines[first - 1]):
        if not flows(lines[first - 1], lines[first]):
            break
        first -= 1
    return tuple(lines[first : last + 1])


def _is_whole(line: Line) -> bool:
    return line.text.rstrip().endswith(_ENDS)


def together(lines: Sequence[Line]) -> str:
    """From when to when some lines of one video last."""
    start, end = min(line.span.start for line in lines), max(line.span.end for line in lines)
    return f"{lines[0].video} {Span(start=start, end=end).timecode}".strip()


def quote(lines: Sequence[Line]) -> str:
    """What some lines say, as one quotation."""
    return quoted(" ".join(line.text for line in lines), most=400)


def how(line: Line) -> str:
    """In which way it is known: `said`, `written` ..."""
    return _HOW.get(line.kind, line.kind.replace("_", " "))


def told(line: Line) -> str:
    """A line with its seconds and how it is known."""
    return f"{line.place} {how(line)}{f' {quoted(line.text)}' if line.text else ''}"


def listed(parts: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *some, last = list(parts) or [""]
    return f"{', '.join(some)} and {last}" if some else last


def extent(known: Known) -> str:
    """How much is known at all, in words."""
    heard = "nothing of what is said can be known" if known.is_deaf else "heard"
    parts = [] if known.is_deaf else [f"{heard} {100 * known.covered('heard'):.0f} %"]
    parts += [
        f"seen {100 * known.covered('seen'):.0f} %",
        f"read {100 * known.covered('read'):.0f} %",
    ]
    words = f"So far {', '.join(parts)} of it"
    return f"{words}; {heard}." if known.is_deaf else f"{words}."


def abstain(known: Known, why: str, nearest: Sequence[Line] = ()) -> Given:
    """That the video does not tell, as far as it is known, with the nearest moments."""
    near = tuple(nearest[:_NEAREST])
    moments = f" Nearest: {'; '.join(told(line) for line in near)}." if near else ""
    return Given(
        f"{NOT_TOLD}, as far as it is known: {why}. {extent(known)}{moments}",
        near,
        confidence=0.1,
        abstains=True,
    )
