"""Answers that tell: what happens in some seconds, what a video is about, how long it is."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from playhead.core.span import Span, format_time
from playhead.models.policies._given import NOT_TOLD, Given, abstain, extent, told
from playhead.models.policies._questions import Ask
from playhead.models.policies._reading import Known, Line
from playhead.models.policies._words import quoted, rare_words, stem

_MOST_TOLD = 10
_MOST_SAID = 6  # lines of a summary
_MOST_WRITTEN = 5
_MOST_SHOWN = 3
_FACTS = re.compile(
    r"(\d{1,6})x(\d{1,6}) pixels(?:, ([\d.e+]{1,12}) pictures a second)?, (with|without) sound, "
    r"(?:(no subtitles inside)|subtitles: ([^.]{1,200}))\. It can be seen from "
)
_TONGUES = {
    "eng": "English", "en": "English", "ger": "German", "deu": "German", "de": "German",
    "fre": "French", "fra": "French", "fr": "French", "spa": "Spanish", "es": "Spanish",
    "ita": "Italian", "it": "Italian", "por": "Portuguese", "pt": "Portuguese", "rus": "Russian",
    "ru": "Russian", "jpn": "Japanese", "ja": "Japanese", "chi": "Chinese", "zho": "Chinese",
    "zh": "Chinese", "kor": "Korean", "ko": "Korean", "ara": "Arabic", "ar": "Arabic",
    "hin": "Hindi", "hi": "Hindi", "dut": "Dutch", "nld": "Dutch", "nl": "Dutch",
    "pol": "Polish", "pl": "Polish", "tur": "Turkish", "tr": "Turkish", "swe": "Swedish",
}  # fmt: skip


def happens(ask: Ask, known: Known) -> Given:
    """What is seen, said and written in some seconds, in order of time."""
    assert ask.span is not None
    span = ask.span
    inside = [
        line
        for line in known.of_kind("caption", "speech", "screen_text", "track")
        if line.span.intersection(span)
    ]
    if not inside:
        return abstain(known, f"nothing is known of {span.timecode}")
    videos = list(dict.fromkeys(line.video for line in inside))
    inside.sort(key=lambda line: (videos.index(line.video), line.span, line.kind))
    kept = inside[:_MOST_TOLD]
    more = f" And {len(inside) - len(kept)} more." if len(inside) > len(kept) else ""
    words = f"{'; '.join(told(line) for line in kept)}.{more}"
    is_told = any(line.kind in ("speech", "screen_text") for line in kept)
    return Given(words, tuple(kept), 0.75 if is_told else 0.6)


def summary(ask: Ask, known: Known) -> Given:
    """What a video is about: its facts, and the lines that say most of it, from start to end."""
    spoken = _telling(known.of_kind("speech"), _MOST_SAID)
    written = _telling(known.of_kind("screen_text"), _MOST_WRITTEN)
    shown = _spread(known.of_kind("caption"), _MOST_SHOWN)
    parts = [f"{facts}." for facts in _in_short(known)]
    for head, lines in (("Said", spoken), ("Written", written), ("Seen to move", shown)):
        if lines:
            each = "; ".join(f"{line.place} {quoted(line.text, 160)}" for line in lines)
            parts.append(f"{head}: {each}.")
    cited = (*spoken, *written, *shown)
    if not cited:
        return abstain(known, "nothing is known of it yet")
    return Given(" ".join(parts), cited, 0.6 if spoken or written else 0.4)


def _telling(lines: Sequence[Line], most: int) -> list[Line]:
    """The lines with the words that come most often, one for each part of the time."""
    if len(lines) <= most:
        return list(lines)
    counts = Counter(stem(word) for line in lines for word in rare_words(line.text))
    start, end = lines[0].span.start, max(line.span.end for line in lines)
    best: dict[int, tuple[float, Line]] = {}
    for line in lines:
        words = {stem(word) for word in rare_words(line.text)}
        score = sum(math.log1p(counts[word]) for word in words) / math.sqrt(1 + len(words))
        part = min(most - 1, int(most * (line.span.start - start) / max(end - start, 1e-9)))
        if part not in best or score > best[part][0]:
            best[part] = (score, line)
    return [line for _, line in (best[part] for part in sorted(best))]


def _spread(lines: Sequence[Line], most: int) -> list[Line]:
    """Some of `lines`, evenly."""
    if len(lines) <= most:
        return list(lines)
    return [lines[i * (len(lines) - 1) // (most - 1)] for i in range(most)]


def _in_short(known: Known) -> list[str]:
    """Length, sound and subtitles of each video, as far as they were told."""
    looked = _facts_of(known)
    found: list[str] = []
    for handle, length_s in known.durations.items():
        name = f"{handle} " if len(known.durations) > 1 else ""
        told = [f"{name}{_length(length_s)}"]
        if handle in looked:
            sound, subtitles, _, _ = looked[handle]
            told += [sound, subtitles[:1].lower() + subtitles[1:]]
        found.append(", ".join(told))
    return found[:4]


def facts(ask: Ask, known: Known) -> Given:
    """Length, sound, subtitles or size."""
    low = known.question.casefold()
    if re.search(r"\b(long|duration|length|running time|run|last)\b", low):
        lengths = [
            f"{handle + ': ' if len(known.durations) > 1 else ''}{_length(length_s)}"
            for handle, length_s in known.durations.items()
            if ask.video in ("", handle)
        ]
        if not lengths:
            return Given(f"{NOT_TOLD}: nobody told how long it is.", abstains=True)
        return Given(f"{'; '.join(lengths)}.", (), 0.99, value=lengths[0])
    looked = _facts_of(known)
    if not looked:
        return abstain(known, "nobody told")
    handle = ask.video if ask.video in looked else next(iter(looked))
    sound, subtitles, size, rate = looked[handle]
    if re.search(r"\b(resolution|aspect|size)\b", low):
        return Given(f"{size}.", (), 0.99, sheets=known.sheets)
    if re.search(r"\b(fps|rate|frames per second)\b", low):
        return Given(f"{rate}.", (), 0.95, sheets=known.sheets)
    if "subtitle" in low:
        value = "" if "language" in low else "no" if subtitles.startswith("No ") else "yes"
        yes = f"{value.capitalize()}: " if value and ask.is_yes_no else ""
        return Given(f"{yes}{subtitles}.", (), 0.95, value=value, sheets=known.sheets)
    value = "no" if sound.startswith("without") else "yes"
    return Given(f"{value.capitalize()}: {sound}.", (), 0.99, value=value, sheets=known.sheets)


def _facts_of(known: Known) -> dict[str, tuple[str, str, str, str]]:
    """By video: sound, subtitles, size and rate, from what `overview` says of them."""
    found: dict[str, tuple[str, str, str, str]] = {}
    for result in known.results:
        for words in result.words if result.tool == "overview" else ():
            first = words.partition("\n")[0]
            matches = list(_FACTS.finditer(first[-600:]))  # the title before them is a stranger's
            if matches:
                width, height, rate, has_sound, _, tongues = matches[-1].groups()
                named = ", ".join(_tongue(t) for t in (tongues or "").split(", ") if t)
                subtitles = f"Subtitles in {named}" if named else "No subtitles inside"
                sound = "with a sound track" if has_sound == "with" else "without sound"
                each = f"{rate} pictures a second" if rate else "the rate of pictures varies"
                size = f"{width}x{height} pixels"
                found[first.partition(" ")[0]] = (sound, subtitles, size, each)
    return found


def _tongue(code: str) -> str:
    return "a language that is not named" if code == "unknown" else _TONGUES.get(code, code)


def _length(length_s: float) -> str:
    return f"{format_time(length_s)} ({length_s:.1f} seconds)"


def to_the_end(known: Known, handle: str) -> Span:
    """All of a video that may be looked at."""
    if known.within is not None:
        return known.within
    return Span(start=0.0, end=max(1e-3, known.durations.get(handle, 36_000.0)))


def gave_up(known: Known) -> Given:
    """For a question without words."""
    return Given(f"{NOT_TOLD}: nothing was asked. {extent(known)}", abstains=True)
