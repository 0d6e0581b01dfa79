"""Which of a dozen wishes a question is, by its words: the first whose form fits."""

from __future__ import annotations

import re
from enum import StrEnum

from playhead.models.policies._times import said_span
from playhead.models.policies._words import rare_words, stem, stems, words_of


class Wish(StrEnum):
    """What a question wants."""

    FIND = "find"
    """The moment that holds its words, in whatever channel."""
    SAID = "said"
    WRITTEN = "written"
    PICTURE = "picture"
    """The moment that looks like the picture that came with it."""
    HAPPENS = "happens"
    COUNT = "count"
    """How many moving stretches, shots, or times that something is said or written."""
    MOVING = "moving"
    """When something moves."""
    EMPTY = "empty"
    """When nothing does."""
    ORDER = "order"
    """Which of two comes first."""
    BESIDE = "beside"
    """What comes right before or after something."""
    SUMMARY = "summary"
    FACTS = "facts"
    """Length, sound, subtitles, size."""
    AGAIN = "again"
    """When that was which was answered before."""


MOVERS = stems(
    """car vehicle truck lorry bus van bike bicycle motorcycle person man woman child pedestrian
    visitor visit animal dog cat bird horse customer guest worker player somebody someone anybody
    anyone something anything nobody thing movement motion activity"""
)
SAID = re.compile(
    r"\b(say|says|said|saying|mention(s|ed)?|talk(s|ed|ing)?|speak(s|ing)?|spoke|spoken|hear|heard|"
    r"tell|tells|told|discuss(es|ed)?|explain(s|ed)?|narrat\w+|subtitles?|speech|words? spoken|"
    r"call(s|ed)? out|announce[sd]?)\b"
)
WRITTEN = re.compile(
    r"\b(written|writing|on[- ]?screen|text|timecode|lettering|read on|readable|caption card|"
    r"title card|titles?|credits?|label(s|led)?|printed|on the (sign|screen|label|sail|board|wall|"
    r"page|slide))\b"
)
_HAPPENS = re.compile(
    r"\b(what|anything|something)\b.{0,20}\b(happen(s|ed|ing)?|going on|goes on|occur(s|red)?|"
    r"(can|do) (we|you|i|be) see[n]?|is (shown|visible|seen|there))\b|^describe\b|"
    r"^(and )?what (moves|is moving|changes)\b"
)
SUMMARY = re.compile(
    r"\b(summar\w+|overview|gist|main (points?|topics?|ideas?)|tl;?dr|recap)\b|"
    r"\bwhat('s| is| was)? (this|the|it|that)?\s?(whole )?(video|film|clip|movie|footage)?\s?"
    r"(all )?about\b\W*$|^describe (this|the) (video|film|clip|movie)"
)
_FACTS = re.compile(
    r"\bhow long (is|does|was|are) (this|the|it|that|v\d+)\b( (whole )?(video|film|clip|movie|"
    r"footage|recording)s?)?( last| run| take)?\W*$|\b(duration|running time)\b|"
    r"\blength of (this|the)\b|"
    r"\b(is|has|have|does|with|any)\b.{0,24}\b(sound|audio|subtitles?)\b\W*(track)?\W*$|"
    r"\blanguages?\b.{0,24}\bsubtitles?\b|\bsubtitles?\b.{0,24}\blanguages?\b|"
    r"\b(resolution|frame rate|frames per second|fps|aspect ratio)\b"
)
_EMPTY = re.compile(
    r"\b(nobody|no one|empty|deserted|vacant|nothing (moves?|happens?|is moving)|unoccupied|"
    r"no (cars?|people|person|vehicles?|movement|motion|visitors?))\b"
)
_MOVES = re.compile(
    r"\b(mov(e|es|ing|ement)|motion|activity|driv(e|es|ing)|drove|walk(s|ing)?|pass(es|ing)?( by)?|"
    r"com(e|es|ing)|enter(s|ing)?|arriv(e|es|ing)|leav(e|es|ing)|visit(s|ed|ing)?|there|present|"
    r"cross(es|ing)?|run(s|ning)?|stand(s|ing)?|go(es|ing)?|appear(s)?|seen|visible|here|"
    r"in view|shows? up)\b"
)
_COUNT = re.compile(
    r"^(when|where|at what)\b.*\b(cuts?|(shot|scene) changes?)\b|"
    r"\bhow (many|often)\b|\b(number|count) (of|the)\b|^count\b"
)
_THIS = re.compile(
    r"\b(this|the|that) (picture|image|photo|photograph|frame|shot|thing|object|place|scene|view|"
    r"screenshot|still)\b|\b(does|is|do|find|see|when|where|was)\b.{0,12}\b(this|it|that|these)\b"
)
_OR = re.compile(
    r"\b(?:comes?|happens?|is|appears?|was|said|shown|mentioned)?\s*(first|earlier|sooner|last|later)\b"
)


def wish_of(low: str, *, has_picture: bool, has_span: bool) -> Wish:
    """The first that fits, from the most to the least particular.

    Args:
        low: The question, without case.
        has_picture: Whether a picture came with it.
        has_span: Whether it names seconds.
    """
    is_said, is_written = SAID.search(low), WRITTEN.search(low)
    rules = (
        (Wish.FACTS, _FACTS.search(low)),
        (Wish.PICTURE, has_picture and _THIS.search(low) and not is_said),
        (Wish.COUNT, _COUNT.search(low)),
        (Wish.SUMMARY, SUMMARY.search(low) and not has_span),
        (Wish.ORDER, two_sides(low)),
        (Wish.BESIDE, beside_words(low) and not has_span),
        (Wish.EMPTY, _EMPTY.search(low) and not is_said and not is_written),
        (Wish.WRITTEN, is_written and not re.search(r"\b(said|says?|spoken)\b", low)),
        (Wish.SAID, is_said),
        (Wish.HAPPENS, _HAPPENS.search(low)),
        (Wish.MOVING, _is_moving(low)),
        (Wish.PICTURE, has_picture),
        (Wish.HAPPENS, has_span and not rare_words(said_span(low, None)[1])),
    )
    return next((wish for wish, fits in rules if fits), Wish.FIND)


def _is_moving(low: str) -> bool:
    """Whether it asks when something that moves by itself is there."""
    is_when = re.match(
        r"(and )?(when|at what|which (times?|seconds)|is|are|does|do|did|find)\b", low
    )
    is_when = is_when or re.search(r"\b(moments?|times?|seconds?) (when|at which|where)\b", low)
    has_mover = any(stem(word) in MOVERS for word in words_of(low))
    return bool(is_when and has_mover and _MOVES.search(low))


def two_sides(question: str) -> tuple[str, ...]:
    """The two sides of `A or B`, `A before B`, without the words that only join them."""
    text = question.strip(" ?.!")
    low = text.casefold()
    match = re.search(r"[,:]?\s*([^,:?]{1,120}?),? or ([^,?]{1,120})$", text)
    if match and _OR.search(low):
        one = re.sub(r"^.*\b(first|earlier|sooner|last|later)\b[,: ]*", "", match[1], flags=re.I)
        return (one.strip() or match[1].strip(), match[2].strip())
    match = re.match(
        r"(?:is|are|was|were|does|do|did) (.{1,120}?) (?:(?:come|happen|appear|said|shown|"
        r"mentioned|spoken)s? )?(before|after) (.{1,120})$",
        text,
        flags=re.I,
    )
    if match:
        pair = (match[1].strip(), match[3].strip())
        return pair if match[2].casefold() == "before" else pair[::-1]
    return ()


def beside_words(low: str) -> re.Match[str] | None:
    """`after` or `before`, and what: of a question for what comes beside something."""
    return re.search(
        r"^(?:and )?(?:what|who|which)\b.{0,40}?\b(?:right |just |directly |immediately )?"
        r"(after|before)\b (.{2,200}?)\W*$",
        low,
    )
