"""Reading a conversation: what is asked, what was asked before, what tools have shown.

The one idea: a part of a message is evidence only if it begins with an id, and then all of it is
that one piece; the words after its kind are a stranger's and are never looked into for ids, times
or orders. So a subtitle with a line break and something like evidence after it stays a subtitle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from playhead.core.message import Message, Role, TextPart, ToolCall
from playhead.core.span import Span
from playhead.models.policies._words import plain

_TIME = r"\d{1,4}:\d\d(?::\d\d)?(?:\.\d{1,3})?"
_LINE = re.compile(
    rf"\[(e[0-9a-f]{{16}})\] (?:(v\d+) )?({_TIME}-{_TIME}) ([a-z][a-z0-9_]*)(?=[: ]|$)(.*)",
    re.DOTALL,
)
_SCORES = re.compile(r"(?: \(the moment: (\S+)\))? \(((?:\w+ -?\d+\.\d\d(?:, |(?=\))))+)\)$")
_ABOUT = re.compile(
    r"Video (v\d+) \((.*)\) lasts (\d{1,7}(?:\.\d{1,3})?) s \([\d:.]+\), "
    r"\d+ % of it has been looked at before\."
)
_PART = re.compile(r"The question is about (\d{1,7}(?:\.\d{1,3})?) to (\d{1,7}(?:\.\d{1,3})?) s\.")
_ANCHOR = re.compile(r"Anchor (q\d+) is a picture that came with the question\.")
_CITED = re.compile(rf"(?:\s*\[e[0-9a-f]{{16}}\] {_TIME}-{_TIME})+$")
_AFTER = ("You may spend ", "Now give your answer")  # what the loop says after the question
_TAIL = 400  # characters in which what is appended to a line is looked for
_SHEET = re.compile(r"\[(e[0-9a-f]{16})\] A sheet of ")
_OPTION = re.compile(r"\(([A-Z])\) (.*)")
_COVERED = re.compile(r"Remembered so far: heard (\d{1,3}) %, seen (\d{1,3}) %, read (\d{1,3}) %\.")
_LONGEST = 4_000  # characters of a question that are read
_MADE_BY_RULES = ("track", "picture")  # kinds whose words and moments no stranger writes


@dataclass(frozen=True)
class Line:
    """One piece of evidence, as it was told."""

    id: str
    video: str
    """Its handle; empty where there is one video only."""
    span: Span
    kind: str
    text: str
    likeness: float | None = None
    """How much it looks like the anchor that was searched for. None: no picture was."""

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return f"{self.video} {self.span.timecode}".strip()


@dataclass(frozen=True)
class Result:
    """What one call gave."""

    tool: str
    arguments: Mapping[str, JsonValue]
    lines: tuple[Line, ...]
    words: tuple[str, ...]
    """What the tool said besides evidence."""
    sheet: str = ""
    """The id of the sheet of pictures that an overview shows. Empty: there is none."""


@dataclass(frozen=True)
class Asked:
    """An earlier question of the session."""

    question: str
    answer: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Known:
    """Everything that a conversation has told."""

    question: str = ""
    options: tuple[str, ...] = ()
    earlier: tuple[Asked, ...] = ()
    durations: dict[str, float] = field(default_factory=dict[str, float])
    """How long each video is, in seconds, by handle. Empty: nobody said."""
    titles: dict[str, str] = field(default_factory=dict[str, str])
    within: Span | None = None
    anchors: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    given: tuple[Line, ...] = ()
    """Evidence that came with the question itself."""
    called: frozenset[str] = frozenset()
    """Calls made, spelled."""
    turns: int = 0
    """Turns in which tools were called."""
    refused: int = 0
    """Answers that the tool did not take."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """All evidence, each piece once, in the order it was found."""
        found: dict[str, Line] = {}
        for line in (*self.given, *(line for result in self.results for line in result.lines)):
            known = found.setdefault(line.id, line)
            if known.likeness is None or (line.likeness or 0) > known.likeness:
                found[line.id] = replace(known, likeness=line.likeness, span=_wider(known, line))
        return tuple(found.values())

    def of_kind(self, *kinds: str) -> list[Line]:
        """Evidence of these kinds, in order of time."""
        found = [line for line in self.lines if line.kind in kinds]
        return sorted(found, key=lambda line: (line.video, line.span, line.id))

    def covered(self, what: str) -> float:
        """How much has been `heard`, `seen` or `read` of what was searched last: 0 to 1; 1 where
        nobody said."""
        if what == "heard" and self.is_deaf:
            return 0.0
        for result in reversed(self.results):
            for words in result.words:
                if match := _COVERED.search(words):
                    return int(match[("heard", "seen", "read").index(what) + 1]) / 100
        return 1.0

    def has_listed(self, kind: str) -> bool:
        """Whether everything of a kind was asked for, and not only what has certain words."""
        searches = (r.arguments for r in self.results if r.tool == "search")
        return any(kind in str(a.get("kinds")) and not a.get("text") for a in searches)

    @property
    def sheets(self) -> tuple[str, ...]:
        """Ids of the sheets of pictures that overviews showed."""
        return tuple(result.sheet for result in self.results if result.sheet)

    @property
    def is_deaf(self) -> bool:
        """Whether nothing can be known of what is said: no subtitles, and nobody listens."""
        words = [w for r in self.results if r.tool == "transcript" for w in r.words]
        heard = any(r.tool == "transcript" and r.lines for r in self.results)
        return not heard and any("nothing is known of what is said" in w for w in words)


def read(messages: Sequence[Message]) -> Known:
    """What a conversation has told. Never raises."""
    asked = [i for i, m in enumerate(messages) if m.role is Role.USER and _is_question(m)]
    if not asked:
        return Known()
    first = messages[asked[-1]]
    known = _opening(_words(first))
    calls: dict[str, ToolCall] = {}
    results: list[Result] = []
    turns = refused = 0
    for message in messages[asked[-1] + 1 :]:
        if message.role is Role.ASSISTANT and message.calls:
            calls |= {call.id: call for call in message.calls}
            turns += 1
        if message.role is Role.TOOL:
            call = calls.get(message.call_id or "") or ToolCall(id="", name=message.name or "")
            result = _result(message, call)
            is_no = not any(words.startswith("answered:") for words in result.words)
            refused += call.name == "answer" and is_no
            results.append(result)
    return replace(
        known,
        given=_lines(first, ""),
        results=tuple(results),
        called=frozenset(spelled(call.name, call.arguments) for call in calls.values()),
        turns=turns,
        refused=refused,
    )


def spelled(name: str, arguments: Mapping[str, JsonValue]) -> str:
    """A call as text, whatever the order of its arguments."""
    return f"{name} {sorted((key, repr(value)) for key, value in arguments.items())}"


def _is_question(message: Message) -> bool:
    words = _words(message).strip()
    return bool(words) and not words.startswith("Now give your answer")


def _words(message: Message) -> str:
    """The words of a message that are no evidence."""
    texts = [part.text for part in message.parts if isinstance(part, TextPart)]
    return "\n".join(text for text in texts if not text.startswith("[e") or not _LINE.match(text))


def _opening(text: str) -> Known:
    """The first message, as the loop writes it; or a question alone."""
    text = text[: 50 * _LONGEST]
    lines = text.split("\n")
    after = [i for i, line in enumerate(lines[1:], 1) if line.startswith(_AFTER)]
    lines = lines[: next((i for i in after if not lines[i - 1].strip()), len(lines))]
    heads = [i for i, line in enumerate(lines) if _ABOUT.fullmatch(line)]
    head = heads[-1] + 1 if heads else 0
    while head and head < len(lines) and lines[head].strip():
        head += 1
    question, options = _question(lines[head:])
    durations, titles = {}, {}
    for match in filter(None, (_ABOUT.fullmatch(line) for line in lines[:head])):
        durations[match[1]], titles[match[1]] = float(match[3]), match[2].strip("'\"")
    part = next(filter(None, (_PART.fullmatch(line) for line in reversed(lines[:head]))), None)
    anchors = [match[1] for line in lines[:head] if (match := _ANCHOR.fullmatch(line))]
    return Known(
        question=question,
        options=options,
        earlier=_earlier(lines[:head]),
        durations=durations,
        titles=titles,
        within=_span(float(part[1]), float(part[2])) if part else None,
        anchors=tuple(anchors),
    )


def _question(lines: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The question on one line, and the options after it."""
    first = next((i for i, line in enumerate(lines) if line.startswith("(A) ")), len(lines))
    options: list[str] = []
    for line in lines[first:]:
        match = _OPTION.match(line)
        if match and ord(match[1]) - ord("A") == len(options):
            options.append(match[2])
        elif options:
            options[-1] += f"\n{line}"
    if len(options) < 2:
        first, options = len(lines), []
    return plain(" ".join(lines[:first]))[:_LONGEST], tuple(options)


def _earlier(lines: Sequence[str]) -> tuple[Asked, ...]:
    found: list[Asked] = []
    for line in lines:
        if line.startswith("Asked before: "):
            found.append(Asked(plain(line.removeprefix("Asked before: "))[:_LONGEST], ""))
        elif line.startswith("Answered: ") and found and not found[-1].answer:
            cited = _CITED.search(line[-_TAIL:])
            times = re.findall(rf"\] ({_TIME}-{_TIME})", cited[0]) if cited else []
            spans = tuple(span for text in times if (span := parse_span(text)))
            answer = plain(line.removeprefix("Answered: "))[:_LONGEST]
            found[-1] = replace(found[-1], answer=answer, spans=spans)
    return tuple(found)


def _result(message: Message, call: ToolCall) -> Result:
    texts = [part.text for part in message.parts if isinstance(part, TextPart)]
    words = tuple(text for text in texts if not text.startswith("[e"))
    sheets = (_SHEET.match(text) for text in texts if call.name == "overview")
    sheet = next((match[1] for match in sheets if match), "")
    return Result(call.name, call.arguments, _lines(message, call.name), words, sheet)


def _lines(message: Message, tool: str) -> tuple[Line, ...]:
    texts = [part.text for part in message.parts if isinstance(part, TextPart)]
    return tuple(line for text in texts if (line := read_line(text, tool)) is not None)


def read_line(text: str, tool: str = "") -> Line | None:
    """The evidence that a part of a message is; None if it is none."""
    match = _LINE.match(text)
    span = parse_span(match[3]) if match else None
    if match is None or span is None:
        return None
    rest, kind, likeness = match[5], match[4], None
    scores = _SCORES.search(rest[-_TAIL:]) if tool == "search" else None
    if scores is not None:
        rest = rest[: len(rest) - len(scores[0])]
        told = dict(score.rsplit(" ", 1) for score in scores[2].split(", "))
        likeness = float(told["picture"]) if "picture" in told else None
        moment = parse_span(scores[1]) if scores[1] and kind in _MADE_BY_RULES else None
        span = moment if moment and moment.intersection(span) else span
    words = plain(rest.removeprefix(":"))
    return Line(match[1], match[2] or "", span, kind, words, likeness)


def parse_span(text: str) -> Span | None:
    """A span as tools write it; None if it is none."""
    try:
        return Span.parse(text)
    except ValueError:
        return None


def _span(start: float, end: float) -> Span | None:
    return Span(start=start, end=end) if 0 <= start < end else None


def _wider(known: Line, line: Line) -> Span:
    return line.span if line.span.duration > known.span.duration else known.span
