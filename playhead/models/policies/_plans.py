"""What to look up for a question: the calls of the next turn.

The one idea: a plan is a function of the question and of what is known. Calls that do not depend on
each other go out together; a second turn follows only where the first told what to ask for next; a
call is never made twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from playhead.core.span import Span
from playhead.core.tools import ToolSpec
from playhead.models.policies._finding import anchor_of
from playhead.models.policies._given import ENOUGH, matches
from playhead.models.policies._questions import Ask
from playhead.models.policies._reading import Known, spelled
from playhead.models.policies._telling import to_the_end
from playhead.models.policies._wishes import Wish
from playhead.models.policies._words import rare_words

MOST_TURNS = 4
_MOST_CALLS = 6
_MOST_VIDEOS = 3  # that are read one by one
_MOST_OPTIONS = 4  # that are searched for one by one
_MOST_LISTED = 20
_SHORT_S = 320.0  # eight-second captions of so much are read at once
_LONG_S = 900.0  # what is said in a longer video is read in pieces
_PIECES = 3
_BESIDE_S = 24.0
_AROUND_S = 120.0
_LONGEST_QUERY = 200  # characters
_GO_ON = re.compile(r"ask again with start_s=(\d{1,7}(?:\.\d{1,3})?)\b")

Arguments = dict[str, JsonValue]
Call = tuple[str, Arguments]


@dataclass(frozen=True)
class Offer:
    """The tools that there are, and what they take."""

    tools: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, specs: Sequence[ToolSpec]) -> Offer:
        """From what the policy was told."""
        found: dict[str, frozenset[str]] = {}
        for spec in specs:
            properties = spec.arguments.get("properties")
            found[spec.name] = (
                frozenset(properties) if isinstance(properties, dict) else frozenset()
            )
        return cls(found)

    @property
    def lists(self) -> bool:
        """Whether `search` also lists all of a kind in some seconds, without words."""
        return {"start_s", "end_s"} <= self.tools.get("search", frozenset())


def next_calls(ask: Ask, known: Known, offer: Offer) -> list[Call]:
    """The calls of the next turn that were not made yet; none if it is time to answer."""
    if known.turns >= MOST_TURNS:
        return []
    wanted = [*_planned(ask, known, offer), *_going_on(ask, known)]
    calls: dict[str, Call] = {}
    for name, arguments in wanted:
        key = spelled(name, arguments)
        if name in offer.tools and key not in known.called:
            calls.setdefault(key, (name, arguments))
    return list(calls.values())[:_MOST_CALLS]


def _planned(ask: Ask, known: Known, offer: Offer) -> Iterator[Call]:
    videos = _videos(ask, known)
    if known.turns == 0:
        yield from _first(ask, known, offer, videos)
        if known.options:
            yield from _for_options(ask, known)
    elif known.turns == 1:
        yield from _second(ask, known, offer)


def _first(ask: Ask, known: Known, offer: Offer, videos: Sequence[str]) -> Iterator[Call]:
    match ask.wish:
        case Wish.FIND if ask.words:
            yield _search(ask, known, k=8)
            yield from _heard(ask, known, videos)
        case Wish.SAID:
            if ask.words:
                yield _search(ask, known, kinds=["speech"], k=8)
            yield from _heard(ask, known, videos)
        case Wish.WRITTEN:
            yield from _written(ask, known, offer)
        case Wish.PICTURE:
            yield "search", {"anchor": known.anchors[0], "kinds": ["picture"], "k": 10}
        case Wish.HAPPENS | Wish.AGAIN | Wish.BESIDE if ask.span is not None:
            yield from _around(ask.span, ask, known, offer, videos)
        case Wish.ORDER:
            for side in ask.sides:
                yield _search(ask, known, text=" ".join(rare_words(side)), k=8)
        case Wish.BESIDE:
            yield _search(ask, known, k=5)
        case Wish.COUNT | Wish.MOVING | Wish.EMPTY:
            yield from _counted(ask, known, offer, videos)
        case Wish.SUMMARY:
            yield from _summarised(known, offer, videos)
        case Wish.FACTS if not re.search(r"\b(long|duration|length)\b", known.question.casefold()):
            yield from (("overview", _of(known, handle, num=1)) for handle in videos)
        case _:
            return


def _second(ask: Ask, known: Known, offer: Offer) -> Iterator[Call]:
    """What the first turn told to ask for."""
    if ask.wish is Wish.BESIDE and ask.span is None:
        anchor = anchor_of(ask, known)
        if anchor is not None:
            yield from _around(anchor.span, ask, known, offer, [anchor.video])
    many = len(known.durations) > _MOST_VIDEOS and not ask.video
    if ask.wish in (Wish.FIND, Wish.SAID) and many:
        best = next(iter(matches(ask, known, ("speech",))), None)
        if best is not None and best.score > ENOUGH:
            span, video = best.line.span, best.line.video
            yield "transcript", _of(known, video, start_s=max(0.0, span.start - 12),
                                    end_s=span.end + 12)  # fmt: skip


def _going_on(ask: Ask, known: Known) -> Iterator[Call]:
    """The rest of a list that did not fit, where all of it is needed."""
    if ask.wish not in (Wish.COUNT, Wish.MOVING, Wish.EMPTY):
        return
    for result in known.results:
        for words in result.words if result.tool in ("transcript", "search") else ():
            if match := _GO_ON.search(words):
                yield result.tool, {**result.arguments, "start_s": float(match[1])}


def _videos(ask: Ask, known: Known) -> list[str]:
    if ask.video:
        return [ask.video]
    return list(known.durations)[:_MOST_VIDEOS] or [""]


def _of(known: Known, handle: str, **arguments: JsonValue) -> Arguments:
    """Arguments about one video; named only where there are several."""
    named: Arguments = {"video": handle} if len(known.durations) > 1 and handle else {}
    return {**arguments, **named}


def _query(ask: Ask) -> str:
    return (ask.phrase or " ".join(ask.words))[:_LONGEST_QUERY]


def _search(ask: Ask, known: Known, *, text: str = "", **more: JsonValue) -> Call:
    named: Arguments = {"videos": [ask.video]} if ask.video and len(known.durations) > 1 else {}
    words = text[:_LONGEST_QUERY] or _query(ask) or known.question[:_LONGEST_QUERY]
    return "search", {"text": words, **more, **named}


def _heard(ask: Ask, known: Known, videos: Sequence[str]) -> Iterator[Call]:
    part: Arguments = {}
    if ask.span is not None:
        part = {"start_s": ask.span.start, "end_s": ask.span.end}
    elif ask.words:
        part = {"query": _query(ask)}
    yield from (("transcript", _of(known, handle, **part)) for handle in videos)


def _written(ask: Ask, known: Known, offer: Offer) -> Iterator[Call]:
    if ask.words:
        yield _search(ask, known, kinds=["screen_text"], k=8)
        yield _search(ask, known, k=5)
    if ask.asks != "when" or not ask.words:
        yield from _listed("screen_text", ask, known, offer)


def _listed(kind: str, ask: Ask, known: Known, offer: Offer) -> Iterator[Call]:
    """Everything of a kind, where `search` lists; else what has words that are often there."""
    named: Arguments = {"videos": [ask.video]} if ask.video and len(known.durations) > 1 else {}
    if offer.lists:
        part: Arguments = {}
        if ask.span is not None:
            around_s = _AROUND_S if kind == "track" else 0.0  # that nothing moves needs neighbours
            start = max(0.0, ask.span.start - around_s)
            part = {"start_s": start, "end_s": ask.span.end + around_s}
        yield "search", {"kinds": [kind], **part, "k": _MOST_LISTED, **named}
    elif kind == "track":
        yield "search", {"text": "things move", "kinds": [kind], "k": _MOST_LISTED, **named}


def _around(
    span: Span, ask: Ask, known: Known, offer: Offer, videos: Sequence[str]
) -> Iterator[Call]:
    """What is said, seen and written in some seconds, or beside them."""
    start, end = span.start, span.end
    if ask.wish is Wish.BESIDE:
        start, end = (
            (end, end + _BESIDE_S) if ask.is_after else (max(0.0, start - _BESIDE_S), start)
        )
    if not start < end:
        return
    for handle in videos:
        length_s = known.durations.get(handle)
        if length_s is None or start < length_s:
            part = _of(known, handle, start_s=start, end_s=end)
            yield "caption", {**part, "level": "8s"}
            yield "transcript", part
    if offer.lists:
        kinds: list[JsonValue] = ["screen_text", "track"]
        yield "search", {"kinds": kinds, "start_s": start, "end_s": end, "k": 8}


def _counted(ask: Ask, known: Known, offer: Offer, videos: Sequence[str]) -> Iterator[Call]:
    match ask.unit:
        case "shots" | "cuts":
            yield from (("overview", _of(known, handle, num=1)) for handle in videos)
        case "said" | "lines":
            yield from _heard(ask, known, videos)
        case "written":
            yield _search(ask, known, kinds=["screen_text"], k=_MOST_LISTED)
        case "objects":
            yield _search(ask, known, k=8)
        case _:
            yield from _listed("track", ask, known, offer)
            for handle in videos:
                whole = ask.span or to_the_end(known, handle)
                if whole.duration <= _SHORT_S:  # whether the camera moves, and hides what does
                    part = _of(known, handle, start_s=whole.start, end_s=whole.end)
                    yield "caption", {**part, "level": "8s"}


def _summarised(known: Known, offer: Offer, videos: Sequence[str]) -> Iterator[Call]:
    for handle in videos:
        whole = to_the_end(known, handle)
        yield "overview", _of(known, handle, num=1)
        num = _PIECES if whole.duration > _LONG_S and len(videos) == 1 else 1
        for i in range(num):
            step_s = whole.duration / num
            start = whole.start + i * step_s
            yield "transcript", _of(known, handle, start_s=start, end_s=start + step_s)
        yield "caption", _of(known, handle, start_s=whole.start, end_s=whole.end)
    if offer.lists:
        yield "search", {"kinds": ["screen_text"], "k": _MOST_LISTED}


def _for_options(ask: Ask, known: Known) -> Iterator[Call]:
    for option in known.options[:_MOST_OPTIONS]:
        text = " ".join(rare_words(option))
        if text:
            yield _search(ask, known, text=f"{_query(ask)} {text}".strip(), k=5)
