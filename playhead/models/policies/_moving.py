"""Answers about what moves, and counts.

What is known is in which seconds something moves before a fixed camera: not what it is. A stretch
of movement is counted once though it was found in pieces. For things such as cars the things that
move at the same time are counted too; for people they are not, since one person in two colours is
easily seen as two things. A camera that moves hides all of it, and then nothing is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from playhead.core.span import Span, merge
from playhead.models.policies._given import Given, abstain, listed, matches, told
from playhead.models.policies._questions import Ask, nth
from playhead.models.policies._reading import Known, Line, parse_span
from playhead.models.policies._words import quoted, stem, stems

GAP_S = 1.5
"""Pieces of movement this near to each other are one stretch."""
MOST_TRACKS = 20
"""That one search gives."""

_NUM = re.compile(r"(\d{1,3}) things? moves?: ?(.*)", re.DOTALL)
_SHOTS = re.compile(r"(?m)^(\d{1,6}) shots known so far: ([^\n]*)$")
_COLOURS = stems("black white grey gray red orange yellow green cyan blue purple pink brown")
_SAME_COLOUR = {stem("gray"): stem("grey")}
_MOST_NAMED = 8
_NO_KIND = "what moves is not known, only that it does"
_ANYBODY = stems(
    "something anything somebody someone anybody anyone thing movement motion activity move"
)


@dataclass(frozen=True)
class Stretch:
    """A time in which something moves."""

    video: str
    span: Span
    lines: tuple[Line, ...]

    def num_things(self, ask: Ask) -> int:
        """How many things move at a time: of the colours and the way that are asked for."""
        return max((_num_things(line, ask) for line in self.lines), default=1)

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return f"{self.video} {self.span.timecode}".strip()


def stretches(ask: Ask, known: Known) -> list[Stretch]:
    """The stretches of movement that a question is about, in order of time."""
    tracks = known.of_kind("track")
    if _colours(ask) or ask.way:
        tracks = [line for line in tracks if _num_things(line, ask)]
    found: list[Stretch] = []
    for video in dict.fromkeys(line.video for line in tracks):
        mine = [line for line in tracks if line.video == video]
        for span in merge([line.span for line in mine], gap_s=GAP_S):
            inside = tuple(line for line in mine if line.span.intersection(span))
            found.append(Stretch(video, span, inside))
    if ask.span is not None:
        found = [stretch for stretch in found if stretch.span.intersection(ask.span)]
    return found


def count(ask: Ask, known: Known) -> Given:
    """How many."""
    match ask.unit:
        case "shots" | "cuts":
            return _count_shots(ask, known)
        case "said" | "written" | "lines":
            return _count_lines(ask, known)
        case "objects":
            return _number_told(ask, known)
        case _:
            return _count_stretches(ask, known)


def _count_stretches(ask: Ask, known: Known) -> Given:
    found = stretches(ask, known)
    if not found:
        return _still(ask, known, value="0")
    num_things = sum(stretch.num_things(ask) for stretch in found)
    is_things = ask.unit == "things"
    num = num_things if is_things else len(found)
    least = "At least " if _is_cut_off(known) else ""
    times = "once" if len(found) == 1 else f"{len(found)} times"
    where = listed(stretch.place for stretch in found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    things = f", {num_things} moving things if each is counted where several move at once"
    words = (
        f"{least}{num}: something moves {times}, at {where}{more}"
        f"{things if num_things != len(found) else ''}. Counted is what moves; {_NO_KIND}."
    )
    sure = (0.5 if is_things else 0.6) * _trust(known)
    return Given(words, tuple(s.lines[0] for s in found), sure, value=str(num))


def moving(ask: Ask, known: Known) -> Given:
    """When something moves."""
    found = stretches(ask, known)
    if not found:
        return _still(ask, known, value="no" if ask.is_yes_no else "")
    if ask.is_yes_no and not _asks_for_anything(ask):
        named = quoted(" ".join(ask.words), 80)
        near = [stretch.lines[0] for stretch in found]
        return abstain(known, f"something moves, but whether it is {named} cannot be told", near)
    found = nth(ask.which, found)
    if not found:
        return abstain(known, f"no {ask.which} time is known at which something moves")
    where = listed(stretch.place for stretch in found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    yes = "Yes: s" if ask.is_yes_no else "S"
    words = f"{yes}omething moves at {where}{more}; {_NO_KIND}."
    cited = tuple(stretch.lines[0] for stretch in found)
    return Given(words, cited, 0.65 * _trust(known), value="yes" if ask.is_yes_no else "")


def empty(ask: Ask, known: Known) -> Given:
    """When nothing moves: what lies between the stretches in which something does."""
    found = stretches(Ask(ask.wish), known)
    videos = [ask.video] if ask.video else list(known.durations) or [""]
    if len(videos) > 1 or not known.durations:
        return abstain(known, "name one video to be told when nothing moves in it")
    if not found:
        return _still(ask, known, value="yes" if ask.is_yes_no else "")
    whole = ask.span or known.within or Span(start=0, end=max(1e-3, known.durations[videos[0]]))
    gaps = _between([stretch.span for stretch in found], whole)
    cited = tuple(stretch.lines[0] for stretch in found)
    if not gaps:
        value = "no" if ask.is_yes_no else ""
        words = f"{'No: s' if value else 'S'}omething moves all the time in {whole.timecode}."
        return Given(words, cited, 0.5 * _trust(known), value=value)
    where = listed(gap.timecode for gap in gaps[:_MOST_NAMED])
    yes = "Yes: n" if ask.is_yes_no else "N"
    words = f"{yes}othing moves at {where}. Whatever stands quite still is not seen by this."
    return Given(words, cited, 0.6 * _trust(known), value="yes" if ask.is_yes_no else "")


def _between(busy: Sequence[Span], whole: Span) -> list[Span]:
    gaps: list[Span] = []
    at = whole.start
    for span in [*merge(list(busy)), Span(start=whole.end, end=whole.end + 1)]:
        if min(span.start, whole.end) - at >= GAP_S:
            gaps.append(Span(start=at, end=min(span.start, whole.end)))
        at = max(at, span.end)
    return gaps


def _still(ask: Ask, known: Known, value: str) -> Given:
    """That nothing is seen to move, if that can be seen at all."""
    near = known.of_kind("caption")
    captions = [line.text for line in near]
    if any("The whole view moves" in text for text in captions):
        return abstain(
            known, "the camera moves, so that nothing that moves can be told apart", near
        )
    elsewhere = known.of_kind("track")
    if ask.span is not None and elsewhere and not (_colours(ask) or ask.way):
        words = f"{value.capitalize()}: n" if value else "N"
        return Given(
            f"{words}othing is seen to move at {ask.span.timecode}.",
            tuple(elsewhere[:2]),
            0.55 * _trust(known),
            value=value,
        )
    if _colours(ask) or ask.way:
        named = " ".join(word for word in ask.words if stem(word) in _COLOURS) or ask.way
        return abstain(known, f"nothing {named} is seen to move")
    is_seen = known.covered("seen") >= 0.99 and any("Nothing moves" in text for text in captions)
    if not is_seen:
        return abstain(known, "nothing is known to move before a fixed camera", near)
    answer = f"{value}: n" if value.isdigit() else f"{value.capitalize()}: n" if value else "N"
    return Given(f"{answer}othing is seen to move.", tuple(near[:4]), 0.5, value=value)


def _count_shots(ask: Ask, known: Known) -> Given:
    told_shots = [m for r in known.results if r.tool == "overview" for w in r.words
                  if (m := _SHOTS.search(w))]  # fmt: skip
    overviews = [result for result in known.results if result.tool == "overview"]
    if not overviews:
        return abstain(known, "the shots are not known")
    if not told_shots:
        num, spans = 1, []
    else:
        num = int(told_shots[-1][1])
        spans = [s for text in told_shots[-1][2].split(",") if (s := parse_span(_first(text)))]
    is_cuts = ask.unit == "cuts"
    value = num - 1 if is_cuts else num
    times = [s.timecode for s in spans[:_MOST_NAMED]]
    if is_cuts:
        times = [s.timecode.partition("-")[0] for s in spans[1 : _MOST_NAMED + 1]]
    more = " ..." if len(spans) > _MOST_NAMED else ""
    where = f": at {', '.join(times)}{more}" if times else ""
    words = f"{value} {'cut' if is_cuts else 'shot'}{'' if value == 1 else 's'}{where}."
    if "scene" in ask.noun:
        words += " Shots are counted; a scene may have several."
    sure = (0.5 if "scene" in ask.noun or not spans else 0.7) * _trust(known)
    return Given(words, (), sure, value=str(value), sheets=known.sheets)


def _first(text: str) -> str:
    return (text.split() or [""])[0].rstrip(".")


def _count_lines(ask: Ask, known: Known) -> Given:
    """How many times words are said or written, or how many lines there are."""
    channel = "screen_text" if ask.unit == "written" else "speech"
    if channel == "speech" and known.is_deaf:
        return abstain(known, "it has no subtitles, and nobody here listens to its sound")
    if ask.unit == "lines" and not ask.words:
        found = known.of_kind(channel)
    else:
        found = [m.line for m in matches(ask, known, (channel,)) if m.score > 0.99]
        found.sort(key=lambda line: (line.video, line.span))
    verb = "written" if channel == "screen_text" else "said"
    what = "" if ask.unit == "lines" else f" with {quoted(ask.phrase or ' '.join(ask.words), 80)}"
    where = f", at {listed(line.place for line in found[:_MOST_NAMED])}" if found else ""
    more = " and more" if len(found) > _MOST_NAMED else ""
    lines = f"1 line{what} is" if len(found) == 1 else f"{len(found)} lines{what} are"
    words = f"{lines} {verb}{where}{more}."
    is_known = known.covered("read" if channel == "screen_text" else "heard") >= 0.99
    return Given(words, tuple(found), 0.85 if is_known else 0.4, value=str(len(found)))


def _number_told(ask: Ask, known: Known) -> Given:
    """A count of things that stand still, if somebody says or writes it."""
    found = [m for m in matches(ask, known, ("speech", "screen_text")) if m.score > 0.5]
    for match in found:
        number = re.search(rf"\b({_NUMBER})\b", match.line.text, re.IGNORECASE)
        if number:
            words = f"{number[1]}, if this is meant: {told(match.line)}."
            return Given(words, (match.line,), 0.45, value=number[1])
    near = [match.line for match in found]
    why = f"counting {quoted(ask.noun, 60)} needs a model that sees; rules count what moves"
    return abstain(known, why, near)


_NUMBER = (
    r"\d{1,9}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundreds?|dozens?"
)


def _num_things(line: Line, ask: Ask) -> int:
    """How many things of the colours and the way that are asked for move in a line."""
    colours, way = set(_colours(ask)), ask.way.replace("the ", "")
    match = _NUM.match(line.text)
    if match is None:
        return 0 if colours or way else 1
    if not colours and not way:
        return int(match[1])
    each = match[2].split(";")
    return sum(
        way in thing and (not colours or bool(stems(thing.split(",")[0]) & colours))
        for thing in each
    )


def _colours(ask: Ask) -> list[str]:
    stems = [_SAME_COLOUR.get(stem(word), stem(word)) for word in ask.words]
    return [name for name in stems if name in _COLOURS]


def _asks_for_anything(ask: Ask) -> bool:
    return all(stem(word) in _ANYBODY for word in ask.words) or not ask.words


def _is_cut_off(known: Known) -> bool:
    """Whether there may be more tracks than were given."""
    asked = [
        r for r in known.results if r.tool == "search" and r.arguments.get("kinds") == ["track"]
    ]
    if not asked:
        return False
    is_list = not asked[-1].arguments.get("text")
    has_more = any("ask again with start_s=" in words for words in asked[-1].words)
    return has_more if is_list else len(asked[-1].lines) >= MOST_TRACKS


def _trust(known: Known) -> float:
    return 1.0 if known.covered("seen") >= 0.95 else 0.5
