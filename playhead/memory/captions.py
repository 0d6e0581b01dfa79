"""The caption pyramid: what a video shows, in words, as finely as a budget of tokens allows.

The one idea: captions of 1 s, 8 s, 64 s and whole chapters nest in one another, so a text about a
video can be fine where it matters and coarse elsewhere, without saying anything twice or leaving
anything out. The levels are SiLVR's (github.com/CeeZh/SILVR), which takes the finest single level
that fits the context; here one text mixes them, finest near the seconds that a search has found.

A caption is made when somebody first asks for it, is kept, and is never made again. Captions of 1 s
and 8 s are written from pictures, the coarser ones from the captions under them: the first coarse
text of a video therefore costs one caption per 8 seconds, and 1 s is captioned only where asked.

A cell that the next finer level does not divide (the last one of a video, if it is short) *is* the
finer cell. So how long a cell is says at which level it is kept, and no two kept captions have the
same span. Chapter borders are moved to the nearest multiple of 64 s, so that captions nest; a
chapter's caption says in its span what it really covers.

It shares no work between threads, and does not tell captioners apart: give each its own `Captions`.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, inf
from typing import Literal, Protocol

from playhead.core.errors import NoSuchTime
from playhead.core.evidence import Evidence, Kind
from playhead.core.span import Span, merge
from playhead.models.eyes.base import Captioner
from playhead.video.base import Video

Level = Literal["chapter", "64s", "8s", "1s"]
LEVELS: tuple[Level, ...] = ("chapter", "64s", "8s", "1s")
"""From coarse to fine."""

_SIZE_S: dict[Level, float] = {"chapter": inf, "64s": 64.0, "8s": 8.0, "1s": 1.0}
_CHAPTER_S = 512.0  # of a video without chapters
_SIDE = 448  # pixels of the longer side of the pictures captioned
_TOKEN = re.compile(r"[A-Za-z]{1,5}|\S|\n")


class Captions(Protocol):
    """Where captions are kept, for any number of videos and one captioner."""

    def captions(self, video_id: str, level: str, span: Span | None = None) -> list[Evidence]:
        """The captions of a level that overlap `span` (None: all), in order of time."""
        ...

    def add_captions(self, level: str, captions: Sequence[Evidence]) -> None:
        """Keep captions of a level. Durable when this returns."""
        ...


@dataclass(frozen=True)
class Digest:
    """A video in words, within a budget of tokens."""

    captions: tuple[Evidence, ...]
    """In order of time; no two overlap."""
    num_tokens: int
    """What the lines of `text` count, newlines included, summed."""

    @property
    def text(self) -> str:
        """A line `0:08.0-0:16.0 caption` for each, every one ended by a newline."""
        return "".join(map(_line, self.captions))

    @property
    def coverage(self) -> tuple[Span, ...]:
        """Which parts of the video it tells about, in order, merged."""
        return tuple(merge([caption.span for caption in self.captions]))


def estimate_tokens(text: str) -> int:
    """About how many tokens a language model reads `text` as; for Latin scripts rather too many.

    Every digit, sign and newline is one, and every started five letters of a word are one.
    """
    return len(_TOKEN.findall(text))


class Pyramid:
    """The captions of one video. Cells start at multiples of 64, 8 and 1 s, and end with it."""

    def __init__(
        self,
        video: Video,
        captioner: Captioner,
        kept: Captions,
        *,
        chapters: Sequence[Span] = (),
        frames_per_caption: int = 4,
    ) -> None:
        """Nothing is read or made yet.

        Args:
            video: Stays the caller's to close.
            captioner: Writes what is missing.
            kept: Asked before anything is made, told of everything that is.
            chapters: The video's own. Their borders move by up to 32 s (see above), what is lost
                that way joins its neighbours, and gaps are chapters, too. None given: every 512 s.
            frames_per_caption: Pictures shown for a caption of 8 s. One of 1 s is shown one.

        Raises:
            ValueError: `frames_per_caption` is less than 1.
        """
        if frames_per_caption < 1:
            raise ValueError(f"a caption needs 1 picture or more: got {frames_per_caption=}")
        self._video, self._captioner, self._kept = video, captioner, kept
        self._num_frames = frames_per_caption
        self._borders_s = _chapter_borders_s(chapters, video.info.duration_s)

    def at(self, level: Level, span: Span | None = None) -> list[Evidence]:
        """The captions of the cells that overlap `span`, in order of time; makes what is missing.

        A summary that is missing needs the captions under it, down to 8 s. Each caption is kept
        as soon as it is made, so what was made before an error or a kill is not made again.

        Args:
            level: One of `LEVELS`.
            span: Which part. None: the whole video. What lies outside the video is left out.

        Raises:
            ValueError: No such level.
            NoSuchTime: The span lies outside the video.
            VideoError: The pictures cannot be read.
        """
        cells = self._cells(level, span)
        whole = Span(start=cells[0].start, end=cells[-1].end)
        known = {
            caption.span: caption
            for kept_at in {_level(cell) for cell in cells}
            for caption in self._kept.captions(self._video.id, kept_at, whole)
        }
        return [known.get(cell) or self._make(cell) for cell in cells]

    def fit(
        self,
        token_budget: int,
        *,
        near: Sequence[Span] = (),
        count_tokens: Callable[[str], int] = estimate_tokens,
        make: bool = True,
    ) -> Digest:
        """The video in words, finest near `near`, in at most `token_budget` tokens.

        First all chapters are told, those nearest to `near` first. Then cells are told in their
        finer parts, again and again, those nearest first, where distance is measured in lengths of
        the cell: 64 s that lie 64 s away come as early as 8 s that lie 8 s away, so detail fades
        with distance. Of equals the coarser is first, then the earlier. Without `near` each level
        is gone through in van der Corput order, of which every beginning is spread evenly.

        It is monotone: with a bigger budget no moment is left out that was told about, and none is
        told more coarsely. For the order of these steps does not depend on the budget, and the
        first one that does not fit ends it; so a bigger budget takes the same steps and perhaps
        more, and no step leaves time out or makes anything coarser.

        Args:
            token_budget: Counts all of every line: time, caption and newline.
            near: Where detail is wanted, such as the spans that a search has found.
            count_tokens: Tokens of one line. A tokenizer's own count, without special tokens.
            make: True: captions are made as the steps need them, those of the step that does not
                fit included. False: only what is kept is told, in finer parts where these fill the
                coarser one; it may leave gaps, see `Digest.coverage`.

        Raises:
            ValueError: The budget is negative.
            VideoError: The pictures cannot be read.
        """
        if token_budget < 0:
            raise ValueError(f"a budget is 0 tokens or more: got {token_budget}")
        chosen: dict[Span, Evidence] = {}
        total = 0
        for coarse, captions in self._steps(near, make):
            change = sum(count_tokens(_line(caption)) for caption in captions)
            if coarse is not None:
                change -= count_tokens(_line(chosen[coarse]))
            if total + change > token_budget:
                break
            if coarse is not None:
                del chosen[coarse]
            total += change
            chosen |= {caption.span: caption for caption in captions}
        return Digest(tuple(chosen[span] for span in sorted(chosen)), total)

    def _steps(
        self, near: Sequence[Span], make: bool
    ) -> Iterator[tuple[Span | None, list[Evidence]]]:
        """All steps from nothing to the finest: what is replaced (None: nothing), and by what."""
        known: dict[Span, Evidence] | None = None
        if not make:
            levels = (self._kept.captions(self._video.id, level) for level in LEVELS)
            known = {caption.span: caption for captions in levels for caption in captions}
        get = self._caption if known is None else known.__getitem__
        told = list(self._coarsest(self._cells("chapter"), known))
        for cell in sorted(told, key=lambda cell: _turn_to_add(cell, near)):
            yield None, [get(cell)]
        waiting = [(_turn_to_refine(cell, near), cell) for cell in told]
        heapq.heapify(waiting)
        while waiting:
            _, cell = heapq.heappop(waiting)
            parts = list(self._coarsest(self._parts(cell), known))
            if merge(parts) == [cell]:
                yield cell, [get(part) for part in parts]
                for part in parts:
                    heapq.heappush(waiting, (_turn_to_refine(part, near), part))

    def _caption(self, cell: Span) -> Evidence:
        return self.at(_level(cell), cell)[0]

    def _coarsest(self, cells: Sequence[Span], known: Container[Span] | None) -> Iterator[Span]:
        """Those that are known (None: all can be had); of another, the coarsest inside it."""
        for cell in cells:
            if known is None or cell in known:
                yield cell
            else:
                yield from self._coarsest(self._parts(cell), known)

    def _cells(self, level: Level, span: Span | None = None) -> list[Span]:
        whole = self._video.info.span
        if level not in LEVELS:
            raise ValueError(f"the levels are {', '.join(LEVELS)}: got {level!r}")
        inside = whole if span is None else whole.intersection(span)
        if inside is None:
            raise NoSuchTime(f"the video runs from 0 to {whole.end:.3f} s: got {span}")
        if level == "chapter":
            first = bisect_right(self._borders_s, inside.start) - 1
            borders_s = self._borders_s[first : bisect_left(self._borders_s, inside.end) + 1]
        else:
            size_s = _SIZE_S[level]
            numbers = range(floor(inside.start / size_s), ceil(inside.end / size_s) + 1)
            borders_s = [min(number * size_s, whole.end) for number in numbers]
        return [Span(start=start, end=end) for start, end in pairwise(borders_s)]

    def _parts(self, cell: Span) -> list[Span]:
        level = _level(cell)
        return [] if level == "1s" else self._cells(_finer(level), cell)

    def _make(self, cell: Span) -> Evidence:
        level, refs = _level(cell), ()
        if level in ("1s", "8s"):
            num = 1 if level == "1s" else self._num_frames
            frames = self._video.frames(cell, num=num, max_side=_SIDE)
            text, refs = self._captioner.caption(frames, cell), frames.refs
        else:
            parts = self.at(_finer(level), cell)
            text = self._captioner.summarise([part.text for part in parts], cell)
        made = Evidence.make(self._video.id, cell, Kind.CAPTION, text=text, frames=refs)
        self._kept.add_captions(level, [made])
        return made


def _level(cell: Span) -> Level:
    """The finest level at which this is one cell."""
    levels: list[Level] = [level for level in LEVELS if cell.duration <= _SIZE_S[level]]
    return levels[-1]


def _finer(level: Level) -> Level:
    return LEVELS[LEVELS.index(level) + 1]


def _chapter_borders_s(chapters: Sequence[Span], duration_s: float) -> list[float]:
    """From 0 to the end of the video, ascending; those between are multiples of 64."""
    size_s = _SIZE_S["64s"]
    if chapters:
        ends_s = {time_s for chapter in chapters for time_s in (chapter.start, chapter.end)}
        inner = {round(time_s / size_s) * size_s for time_s in ends_s}
    else:
        inner = {number * _CHAPTER_S for number in range(1, ceil(duration_s / _CHAPTER_S))}
    return [0.0, *sorted(time_s for time_s in inner if 0 < time_s < duration_s), duration_s]


def _line(caption: Evidence) -> str:
    return f"{caption.span.timecode} {' '.join(caption.text.split())}".rstrip() + "\n"


def _away_s(cell: Span, near: Sequence[Span]) -> float:
    """Seconds to the nearest; 0 if they overlap, and 1 if they only touch."""
    gaps_s = (max(span.start - cell.end, cell.start - span.end) for span in near)
    return min((0.0 if gap_s < 0 else gap_s + 1.0 for gap_s in gaps_s), default=0.0)


def _spread(cell: Span) -> float:
    """Where a cell comes in van der Corput order: its whole second with the bits turned round."""
    return int(f"{int(cell.start):040b}"[::-1], 2)


def _turn_to_add(cell: Span, near: Sequence[Span]) -> tuple[float, float]:
    return _away_s(cell, near), cell.start if near else _spread(cell)


def _turn_to_refine(cell: Span, near: Sequence[Span]) -> tuple[float, int, float]:
    rank = LEVELS.index(_level(cell))
    return _away_s(cell, near) / cell.duration, rank, cell.start if near else _spread(cell)
