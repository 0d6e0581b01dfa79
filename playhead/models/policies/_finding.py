"""Answers that are found: what is said and written, by words; what is shown, by a picture.

They quote. A quotation is evidence and answer in one, so the line that holds most of the words that
matter is given with the lines that end its sentence; below more than half of them it is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from playhead.core.span import Span, merge
from playhead.models.policies._given import (
    ENOUGH,
    Given,
    Match,
    abstain,
    extent,
    how,
    listed,
    matches,
    quote,
    sentence,
    together,
    told,
)
from playhead.models.policies._questions import Ask, nth
from playhead.models.policies._reading import Known, Line
from playhead.models.policies._wishes import Wish
from playhead.models.policies._words import quoted, rare_words, share

ALL_KINDS = ("speech", "screen_text", "note", "caption", "track")
LIKE = 0.72
"""Likeness from which a picture is the same. With the embedded embedder, of 36 pictures cropped to
80 % and recompressed, all are 0.79 or more like their own video; 288 times another video came to
0.64 at the most."""

_SAME = 0.9  # of the best match: as good
_MOST_TIMES = 5
_MOST_TOLD = 2
_SPEAKER = re.compile(
    r"^(?:>>\s*|[-\u2013]\s*)?([A-Z][A-Z .'-]{1,30}|\[[^\]]{2,30}\]|[A-Z]\w{1,20}):\s"
)


def kinds_of(ask: Ask) -> Sequence[str]:
    """The channels that a question is about."""
    channels = {Wish.SAID: ("speech",), Wish.WRITTEN: ("screen_text",)}
    return channels.get(ask.wish, ALL_KINDS)


def find(ask: Ask, known: Known) -> Given:
    """The best moments for the words of a question."""
    found = matches(ask, known, kinds_of(ask))
    good = [match for match in found if match.score > ENOUGH]
    if not good:
        there = _written_there(ask, known) if ask.wish is Wish.WRITTEN else None
        return there or _nothing(ask, known, [match.line for match in found])
    best = [match for match in good if match.score >= _SAME * good[0].score]
    in_order = sorted(best, key=lambda m: (m.line.video, m.line.span))
    if ask.which and not (best := nth(ask.which, in_order)):
        return abstain(known, f"no {ask.which} time was found", [in_order[-1].line])
    in_order = best if ask.which else in_order
    sure = min(0.9, 0.45 + 0.45 * good[0].score) * (1 if good[0].score > 0.99 else 0.9)
    if ask.asks == "when":
        return _when(in_order, sure)
    return _quoted(ask, known, best, sure)


def _written_there(ask: Ask, known: Known) -> Given | None:
    """What is written while something else tells of what the question names; None: nothing."""
    if ask.is_yes_no or ask.asks == "when":
        return None
    anchor = anchor_of(ask, known)
    texts = [] if anchor is None else known.of_kind("screen_text")
    there = [line for line in texts if anchor and line.span.intersection(anchor.span)]
    if anchor is None or not there:
        return None
    several = "; ".join(f"{quoted(line.text)} ({line.place})" for line in there[:_MOST_TIMES])
    words = f"{several}; it is on screen while this is {how(anchor)}: {quoted(anchor.text)}."
    return Given(words, (*there[:_MOST_TIMES], anchor), 0.5)


def _when(found: Sequence[Match], sure: float) -> Given:
    """The seconds of every match that is as good as the best."""
    lines = [match.line for match in found]
    times = listed(line.place for line in lines[:_MOST_TIMES])
    more = f" ({len(lines)} times in all)" if len(lines) > _MOST_TIMES else ""
    texts = dict.fromkeys(f"{how(line)} {quoted(line.text)}" for line in lines[:_MOST_TOLD])
    words = f"At {times}{more}: {listed(texts)}."
    return Given(words, tuple(lines[:_MOST_TIMES]), sure)


def _quoted(ask: Ask, known: Known, best: Sequence[Match], sure: float) -> Given:
    pool = known.of_kind(*ALL_KINDS)
    first = best[0].line
    cited = sentence(first, pool, backwards=ask.asks not in ("where", "when"))
    words = f"{quote(cited)} ({how(first)} at {together(cited)})"
    if ask.asks in ("who", "whom", "whose") and ask.wish is Wish.SAID:
        words = f"{_speaker(sentence(first, pool))}: {words}"
    others = [m.line for m in best[1:] if m.line.id not in {line.id for line in cited}][:2]
    also = f". Also {'; '.join(told(line) for line in others)}" if others else ""
    yes = "Yes: " if ask.is_yes_no else ""
    return Given(f"{yes}{words}{also}.", (*cited, *others), sure, value="yes" if yes else "")


def _speaker(lines: Sequence[Line]) -> str:
    named = next(filter(None, (_SPEAKER.match(line.text) for line in lines)), None)
    if named is None:
        return "The subtitles do not name who speaks"
    return f"{named[1].strip('[]')}, as the subtitles name them"


def _nothing(ask: Ask, known: Known, near: Sequence[Line]) -> Given:
    """No for a channel that is known from end to end, else that it is not known."""
    if not ask.words:
        return abstain(known, "the question names nothing to look for")
    what = quoted(ask.phrase or " ".join(ask.words), most=80)
    if ask.wish is Wish.SAID and known.is_deaf:
        return abstain(known, "it has no subtitles, and nobody here listens to its sound")
    channel = {Wish.SAID: "heard", Wish.WRITTEN: "read"}.get(ask.wish)
    verb = {Wish.SAID: "said", Wish.WRITTEN: "written"}.get(ask.wish, "said, written or described")
    if ask.is_yes_no and channel and known.covered(channel) >= 0.99 and ask.words:
        words = f"No: {what} was not found among all that is {verb}. {extent(known)}"
        return Given(words, (), 0.7, value="no")
    return abstain(known, f"{what} was not found {verb}", near)


def read_out(ask: Ask, known: Known) -> Given:
    """What is said or written in the seconds that a question names, or at all."""
    kinds, span = kinds_of(ask), ask.span
    found = [line for line in known.of_kind(*kinds) if not span or line.span.intersection(span)]
    if span is not None and span.duration <= 1:  # a moment: what is there in the middle of it
        middle_s = (span.start + span.end) / 2
        found = [line for line in found if middle_s in line.span] or found
    found = nth(ask.which, found)
    verb = "said" if ask.wish is Wish.SAID else "written"
    if found:
        several = "; ".join(f"{quoted(line.text)} ({line.place})" for line in found[:_MOST_TIMES])
        more = f" And {len(found) - _MOST_TIMES} more." if len(found) > _MOST_TIMES else ""
        yes = "Yes: " if ask.is_yes_no else ""
        sure, value = 0.9 if span else 0.6, "yes" if yes else ""
        return Given(f"{yes}{several}.{more}", tuple(found[:_MOST_TIMES]), sure, value=value)
    if ask.wish is Wish.SAID and known.is_deaf:
        return abstain(known, "it has no subtitles, and nobody here listens to its sound")
    if ask.wish is Wish.WRITTEN and not known.has_listed("screen_text"):
        return abstain(known, "what is written cannot be listed here: ask for words of it instead")
    others = sorted(known.of_kind(*kinds), key=lambda line: _apart_s(line.span, span))
    where = f" at {span.timecode}" if span else ""
    return abstain(known, f"nothing is known to be {verb}{where}", others)


def _apart_s(one: Span, other: Span | None) -> float:
    return 0.0 if other is None else max(one.start - other.end, other.start - one.end, 0.0)


def like_picture(ask: Ask, known: Known) -> Given:
    """The seconds that look like the picture that came with the question."""
    seen = [line for line in known.lines if line.likeness is not None]
    seen.sort(key=lambda line: (-(line.likeness or 0), line.video, line.span))
    best = seen[0].likeness or 0.0 if seen else 0.0
    if best < LIKE:
        near = f"the most alike is {best:.2f} alike, {LIKE} or more would be the same"
        return abstain(known, f"nothing looks like the picture; {near}" if seen else
                       "no picture looks like it", seen[:1])  # fmt: skip
    good = [line for line in seen if (line.likeness or 0) >= max(LIKE, _SAME * best)]
    first = good[0]
    spans = merge([line.span for line in good if line.video == first.video], gap_s=1.5)
    times = listed(f"{first.video} {span.timecode}".strip() for span in spans[:_MOST_TIMES])
    yes = "Yes: at " if ask.is_yes_no else "At "
    words = f"{yes}{times}. The picture is {best:.2f} like what is shown there."
    sure = min(0.95, 0.5 + 0.45 * (best - LIKE) / (0.95 - LIKE))
    return Given(words, tuple(good[:_MOST_TIMES]), sure, value="yes" if ask.is_yes_no else "")


def in_order(ask: Ask, known: Known) -> Given:
    """Which of two comes first."""
    firsts = [_first(side, ask, known) for side in ask.sides]
    missing = [side for side, line in zip(ask.sides, firsts, strict=True) if line is None]
    lines = [line for line in firsts if line is not None]
    if missing or len(lines) < 2:
        named = listed(quoted(side, most=80) for side in missing)
        return abstain(known, f"{named} was not found", lines)
    (one, a), (other, b) = sorted(
        zip(ask.sides, lines, strict=True), key=lambda pair: (pair[1].video, pair[1].span)
    )
    words = f"{quoted(one, 80)} comes first ({told(a)}), then {quoted(other, 80)} ({told(b)})."
    if ask.is_yes_no:
        value = "yes" if one == ask.sides[0] else "no"
        return Given(f"{value.capitalize()}: {words}", (a, b), 0.75, value=value)
    last = any(word in known.question.casefold().split() for word in ("last", "later"))
    if last:
        words = f"{quoted(other, 80)} comes later ({told(b)}), after {quoted(one, 80)} ({told(a)})."
    return Given(words, (a, b), 0.75, value=other if last else one)


def _first(side: str, ask: Ask, known: Known) -> Line | None:
    """The earliest line that is about one side."""
    one = replace(ask, words=rare_words(side), phrase="", span=None)
    found = [m.line for m in matches(one, known, ALL_KINDS) if m.score > ENOUGH]
    spoken = [line for line in found if line.kind in ("speech", "screen_text")]
    return min(spoken or found, key=lambda line: (line.video, line.span), default=None)


def anchor_of(ask: Ask, known: Known) -> Line | None:
    """The moment that something is before or after, when words name it."""
    found = matches(replace(ask, span=None), known, ALL_KINDS)
    return found[0].line if found and found[0].score > ENOUGH else None


def beside(ask: Ask, known: Known) -> Given:
    """What comes right after or before a moment."""
    anchor = None if ask.span is not None else anchor_of(ask, known)
    where = ask.span or (anchor.span if anchor else None)
    if where is None:
        return _nothing(replace(ask, is_yes_no=False), known, ())
    pool = [line for line in known.of_kind(*ALL_KINDS) if anchor is None or line.id != anchor.id]
    after = [line for line in pool if line.span.start >= where.end - 0.2]
    before = [line for line in reversed(pool) if line.span.end <= where.start + 0.2]
    found = after if ask.is_after else before
    found = [line for line in found if not ask.words or share(ask.words, line.text) <= ENOUGH]
    wanted = (ask.channel,) if ask.channel else ("speech", "screen_text")
    told_in_words = [line for line in found if line.kind in wanted]
    found = told_in_words if ask.channel else found
    side = "after" if ask.is_after else "before"
    if not found:
        return abstain(known, f"nothing is known of what comes {side} {where.timecode}")
    nearest = told_in_words[0] if told_in_words else found[0]
    cited = sentence(nearest, pool, backwards=not ask.is_after)
    words = f"{quote(cited)} ({how(nearest)} at {together(cited)}), {side} {where.timecode}."
    return Given(words, (*((anchor,) if anchor else ()), *cited), 0.75)


def again(ask: Ask, known: Known) -> Given:
    """When that was which was answered before."""
    if ask.span is None:
        return abstain(known, "no earlier answer names seconds")
    near = [line for line in known.lines if line.span.intersection(ask.span)]
    near.sort(key=lambda line: -line.span.iou(ask.span or line.span))
    said = f": {how(near[0])} {quoted(near[0].text)}" if near else ""
    return Given(f"At {ask.span.timecode}{said}.", tuple(near[:1]), 0.85 if near else 0.6)
