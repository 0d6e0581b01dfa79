"""Understanding a question in English, by its words alone.

The one idea: a question is understood as one of a dozen wishes, with the words that matter, the
seconds it names and the thing it counts. What fits none is a wish to find its rare words. Nothing
is guessed: a question that is misread is answered with what was found, and its seconds show it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from playhead.core.span import Span
from playhead.models.policies._reading import Asked, Known
from playhead.models.policies._times import said_span
from playhead.models.policies._wishes import (
    MOVERS,
    SAID,
    SUMMARY,
    WRITTEN,
    Wish,
    beside_words,
    two_sides,
    wish_of,
)
from playhead.models.policies._words import is_common, rare_words, stem, stems, words_of

Found = TypeVar("Found")


@dataclass(frozen=True)
class Ask:
    """A question, understood."""

    wish: Wish
    words: tuple[str, ...] = ()
    """Those that matter."""
    phrase: str = ""
    """Words in quotes: they must follow each other."""
    span: Span | None = None
    """The seconds it names."""
    unit: str = ""
    """For a count: `moving`, `things`, `shots`, `cuts`, `said`, `written`, `lines`, `objects`."""
    noun: str = ""
    """What is counted, in the question's own words."""
    sides: tuple[str, ...] = ()
    """For an order: the two; for what is beside: the one."""
    is_after: bool = True
    which: str = ""
    """`first`, `third`, `last` ..., if one of several matches is meant."""
    way: str = ""
    """`from left to right` ..., if it is about what moves that way."""
    is_yes_no: bool = False
    asks: str = "what"
    """`where`, `when`, `who`, `what`, `how` ..."""
    channel: str = ""
    """`speech` or `screen_text`, if what is said or written is meant. Empty: either."""
    video: str = ""
    """The handle of the video it names."""


_PEOPLE = stems(
    """person man woman child visitor visit pedestrian customer guest worker player movement motion
    activity time somebody someone"""
)
_BACK = re.compile(
    r"(?<!is )(?<!are )(?<!was )(?<!were )\b(that|this|it|there|then|those|these)\b"
    r"(?! (video|film|clip|movie|picture|image|is|was|are|were)\b)"
)
_NEXT = re.compile(
    r"\b(what|who|which).{0,24}\b(after|before) (that|this|it|then)\b|^(and )?(then|next)\b|"
    r"\bwhat (comes|happens|is said|is next|was said)? ?(next|then)\b|\bbefore that\b|"
    r"\bafter that\b"
)
_AGAIN = re.compile(
    r"^(and |so |but )?(when|where|at what (time|second)) (was|is|did|does|were) "
    r"(that|it|this|they|those)( happen| said| shown| written)?\W*$"
)
_MORE = re.compile(r"^(and|what about|how about)\b")
_YES_NO = re.compile(r"^(is|are|was|were|does|do|did|can|could|has|have|will|do you)\b")
_QUOTED = re.compile(
    r"[\"“«]([^\"”»]{1,200})[\"”»]|(?<!\w)['\u2018]([^'\u2019]{1,200})['\u2019](?!\w)"
)
_SIDE = r"(?:the )?(?:top|bottom|left|right)(?: (?:left|right))?"
_WAY = re.compile(rf"\bfrom {_SIDE} to {_SIDE}\b")
_SHOTS = re.compile(
    r"\b(shots?|scenes?|cuts?|camera (changes|angles)|(shot|scene) changes?|takes)\b"
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_DULL = {
    Wish.SAID: "hear talk speak narrator speaker voice line subtitle speech word sentence discuss "
    "explain narrate announce call",
    Wish.WRITTEN: "write writing text screen read label title appear caption line word letter "
    "lettering print visible onscreen number sign credit card timecode",
    Wish.PICTURE: "picture image photo photograph frame shot thing object appear similar look",
    Wish.FIND: "scene appear visible screen moment",
    Wish.ORDER: "appear scene screen",
    Wish.BESIDE: "appear scene screen",
}


def understand(known: Known) -> Ask:
    """What is wanted, with follow-ups resolved by the questions and answers before."""
    question = known.question
    previous = known.earlier[-1] if known.earlier else None
    ask = _plainly(question, known)
    if previous is None:
        return ask
    low = question.casefold()
    where = _last_span(known.earlier)
    if _AGAIN.search(low):
        return Ask(Wish.AGAIN, span=where, asks="when")
    if _NEXT.search(low) and where is not None:
        is_after = "before" not in low
        return Ask(Wish.BESIDE, span=where, is_after=is_after, channel=ask.channel)
    if _MORE.search(low) and ask.words and len(words_of(question)) <= 7 and ask.wish is Wish.FIND:
        before = _plainly(previous.question, known)
        if before.wish in (Wish.SAID, Wish.WRITTEN, Wish.FIND):
            return replace(before, words=ask.words, phrase=ask.phrase)
    is_new = bool(ask.words) or ask.span is not None or ask.wish is Wish.FACTS
    if where is None or is_new or SUMMARY.search(low) or not _BACK.search(low):
        return ask
    wish = Wish.HAPPENS if ask.wish in (Wish.FIND, Wish.SUMMARY) else ask.wish
    return replace(ask, span=where, wish=wish)


def _last_span(earlier: tuple[Asked, ...]) -> Span | None:
    spans = next((asked.spans for asked in reversed(earlier) if asked.spans), ())
    return spans[0] if spans else None


def _plainly(question: str, known: Known) -> Ask:
    """A question by itself."""
    low = question.casefold()
    quoted = [one or other for one, other in _QUOTED.findall(question)]
    video = next((h for h in known.durations if re.search(rf"\b{h}\b", low)), "")
    only = next(iter(known.durations)) if len(known.durations) == 1 else video
    length_s = known.durations.get(only)
    span, rest = said_span(_QUOTED.sub(" ", question), length_s)
    ask = Ask(
        wish=wish_of(low, has_picture=bool(known.anchors), has_span=span is not None),
        phrase=quoted[0].strip() if quoted else "",
        span=span,
        which=_which(low),
        is_yes_no=_YES_NO.search(low) is not None,
        asks=_asks(low),
        channel="speech" if SAID.search(low) else "screen_text" if WRITTEN.search(low) else "",
        video=video,
        way=way[0] if (way := _WAY.search(low)) else "",
    )
    besides = stems(_DULL.get(ask.wish, "")) | {ask.video}
    ask = replace(ask, words=rare_words(ask.phrase or rest, besides=besides))
    if all(stem(word) in besides or word.casefold() in ("it", "this") for word in ask.words):
        ask = replace(ask, words=())
    if ask.phrase and not ask.words:
        ask = replace(ask, words=tuple(words_of(ask.phrase)))
    if ask.wish is Wish.HAPPENS and ask.span is None:
        return replace(ask, wish=Wish.FIND if ask.words else Wish.SUMMARY)
    if ask.wish is Wish.COUNT:
        return _counted(ask, low)
    if ask.wish is Wish.ORDER:
        return replace(ask, sides=two_sides(question))
    if ask.wish is Wish.BESIDE:
        return _beside(ask, question)
    return ask


def _which(low: str) -> str:
    match = re.search(
        r"\b(first|last|(?<=the )second|third|fourth|fifth|sixth)\b"
        r"(?! (\d|second|minute|half|part))",
        low,
    )
    return match[1] if match else ""


def nth(which: str, found: Sequence[Found]) -> list[Found]:
    """The one of `found` that is meant; all if none is named; none if there are not so many."""
    if not which:
        return list(found)
    if which == "last":
        return list(found[-1:])
    place = _ORDINALS.index(which)
    return list(found[place : place + 1])


def _asks(low: str) -> str:
    if re.search(r"\b(at )?(what|which) (time|second|minute|moment)s?\b", low):
        return "when"
    match = re.search(r"\b(where|when|who|whom|whose|why|which|what|how)\b", low)
    return match[1] if match else "find"


def _counted(ask: Ask, low: str) -> Ask:
    """What a count counts."""
    match = re.search(r"how many ([\w' -]{1,60})|(?:number|count) (?:of|the) ([\w' -]{1,60})", low)
    noun = (match[1] or match[2] or "").split() if match else []
    named = [word for word in noun if not is_common(word)]
    is_times = not noun or noun[0] in ("times", "time", "visits") or "how often" in low
    head = next((w for w in noun if stem(w) in MOVERS), named[0] if named else "times")
    if re.search(r"\b(cuts?|changes?)\b", low) and _SHOTS.search(low):
        unit = "cuts"
    elif is_times and SAID.search(low):
        unit = "said"
    elif is_times and re.search(r"written|on screen|text|appears? as", low):
        unit = "written"
    elif noun and re.match(r"(lines?|sentences?|subtitles?)$", noun[0]):
        unit = "lines"
    elif _SHOTS.search(" ".join(noun)):
        unit = "shots"
    elif stem(head) in _PEOPLE or is_times:
        unit = "moving"
    else:
        unit = "things" if stem(head) in MOVERS else "objects"
    dull = stems(f"many often times number count say mention {head} {_DULL[Wish.SAID]}")
    words = tuple(w for w in ask.words if stem(w) not in dull)
    return replace(ask, unit=unit, noun=_until_common(noun) or "times", words=words)


def _until_common(noun: list[str]) -> str:
    num = next((i for i, word in enumerate(noun) if is_common(word)), len(noun))
    return " ".join(noun[:num])


def _beside(ask: Ask, question: str) -> Ask:
    match = beside_words(question.casefold())
    side = question[match.start(2) : match.end(2)] if match and question.isascii() else ""
    side = side or (match[2] if match else "")
    besides = stems(_DULL[Wish.BESIDE])
    is_after = match is None or match[1] == "after"
    words = rare_words(side, besides=besides)
    return replace(ask, sides=(side,), words=words, is_after=is_after)
