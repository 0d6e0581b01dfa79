"""Screen text: the words in the picture, read as seldom as they change.

The one idea: text is dear to read, and what can be read stands still for a while. The small
pictures of a span, which somebody has decoded already, say which patches of the picture stay as
they are and for how long; the few pictures that together show every such still patch are decoded
larger and read by rapidocr. How long a text was there is followed in the same small pictures.

This is no test for text: the cheap ones that were tried missed half of it. Whatever stands still is
read as long as there are reads left, most of the picture first. What comes out is a stranger's data
in plain text. Lettering drawn as a picture, such as a film's logo, is read badly or not at all; a
text that is there for less than two seconds is read only if nothing else asks for the reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.evidence import Evidence, Kind
from playhead.core.media import FrameRef, Region
from playhead.core.span import Span, merge
from playhead.models.eyes._local import require
from playhead.video.base import Frames, Video
from playhead.video.subtitles import plain_text

_PATCH = 8  # pixels of a side of the patches in which small pictures are compared
_CHANGED = 12.0  # of 255: what differs by more on average shows something else
_READS_OVER_S = 64.0  # the stretch that `num_reads` is meant for
_FLEETING = 0.1  # what a look that is gone in the next picture is worth, beside one that lasts
_DETECT_SIDE = 960  # lines are found in a picture of that side, never enlarged, and read in full
_BATCH = 8


@dataclass(frozen=True)
class TextLine:
    """One line of text in one picture."""

    text: str
    score: float
    """How sure the reader is: 0 to 1."""
    box: Region


@dataclass(frozen=True)
class _Read:
    """One picture and what it says."""

    index: int
    """Which of the small pictures it is."""
    ref: FrameRef
    lines: tuple[TextLine, ...]

    def line(self, key: tuple[str, int]) -> TextLine:
        """The line with this key."""
        return dict(self.keyed())[key]

    def keyed(self) -> Iterator[tuple[tuple[str, int], TextLine]]:
        """The lines, each named by its letters and digits and how often they came before."""
        before: Counter[str] = Counter()
        for line in self.lines:
            letters = _letters(line.text)
            yield (letters, before[letters]), line
            before[letters] += 1


class ScreenText:
    """Reads the words in the picture. An `Eye` of kind `screen_text`; needs no weights of yours."""

    kind = str(Kind.SCREEN_TEXT)

    def __init__(
        self,
        *,
        max_side: int = 1280,
        num_reads: int = 8,
        min_score: float = 0.8,
        min_letters: int = 2,
        num_threads: int = 2,
    ) -> None:
        """Make sure that rapidocr is there; its models are loaded at the first read.

        Args:
            max_side: Longer side of the pictures that are read, in pixels.
            num_reads: How many pictures of a span of up to 64 seconds are read at most; as many
                more in a longer one.
            min_score: Lines that the reader is less sure of are left out: 0 to 1.
            min_letters: Lines with fewer letters and digits are left out: single ones are what is
                read into the shapes of things.
            num_threads: For the reader. More than two gain little.

        Raises:
            MissingExtra: rapidocr is not installed.
        """
        if max_side < 1 or num_reads < 1 or num_threads < 1:
            raise ValueError(
                f"sizes and counts are 1 or more: got {max_side=}, {num_reads=}, {num_threads=}"
            )
        if not 0 <= min_score <= 1:
            raise ValueError(f"a score is 0 to 1: got {min_score=}")
        self._max_side, self._num_reads = max_side, num_reads
        self._min_score, self._min_letters = min_score, min_letters
        self._num_threads = num_threads
        require("rapidocr", "onnxruntime", extra="ocr", what="reading the words in the picture")
        self._version = metadata.version("rapidocr")

    @property
    def name(self) -> str:
        """The reader, its version, and what decides which lines are found."""
        settings = f"{self._max_side}px-{self._num_reads}-{self._min_score:g}-{self._min_letters}"
        return f"rapidocr-{self._version}-{settings}"

    def read(self, pixels: NDArray[np.uint8]) -> tuple[TextLine, ...]:
        """The lines of one picture, RGB uint8 `[H, W, 3]`, in reading order, as they were read."""
        height, width, _ = pixels.shape
        found = self._engine(np.ascontiguousarray(pixels[:, :, ::-1]))
        if found.txts is None:
            return ()
        lines: list[TextLine] = []
        for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
            text = plain_text(text)
            if score >= self._min_score and len(_letters(text)) >= max(1, self._min_letters):
                lines.append(TextLine(text, float(score), _box(corners / (width, height))))
        return tuple(lines)

    def see(self, video: Video, span: Span, frames: Frames) -> list[Evidence]:
        """What is written in the picture in `span`. See `Eye.see`.

        Returns:
            One piece of evidence for each text, with the lines in reading order, the pictures it
            was read in and the seconds it was there, to the interval of `frames`.
        """
        most = self._num_reads * max(1, ceil(span.duration / _READS_OVER_S - 1e-9))
        chosen = _telling(frames.pixels, most)
        times_s = frames.times_s[chosen].tolist()
        larger = video.stream(times_s, max_side=self._max_side, batch=_BATCH)
        pictures = (pair for some in larger for pair in zip(some.pixels, some.refs, strict=True))
        reads = [
            _Read(index, ref, self.read(pixels))
            for index, (pixels, ref) in zip(chosen, pictures, strict=True)
        ]
        found = [
            _evidence(frames, span, [reads[i] for i in which], keys)
            for which, keys in _together(reads)
        ]
        return sorted(found, key=lambda evidence: evidence.span)

    @cached_property
    def _engine(self) -> Any:
        from rapidocr import RapidOCR

        return RapidOCR(
            params={
                "Global.log_level": "critical",
                "Det.limit_side_len": _DETECT_SIDE,
                "Det.limit_type": "max",  # the default enlarges: slower, and no more exact
                "EngineConfig.onnxruntime.intra_op_num_threads": self._num_threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )


def _box(corners: NDArray[np.floating]) -> Region:
    """The upright rectangle around `corners`, fractions of width and height, inside the picture."""
    (left, top), (right, bottom) = (
        np.clip(edges, low, high).tolist()
        for edges, low, high in ((corners.min(axis=0), 0, 0.999), (corners.max(axis=0), 0.001, 1))
    )
    return Region(top=top, left=left, bottom=bottom, right=right)


def _changes(picture: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """`[rows, columns]`: which patches show something else. What does not fill one is left out."""
    height, width, _ = picture.shape
    rows, columns = max(1, height // _PATCH), max(1, width // _PATCH)
    high, wide = min(height, _PATCH), min(width, _PATCH)
    off = np.abs(picture.astype(np.int16) - other)[: rows * high, : columns * wide]
    return off.reshape(rows, high, columns, wide, 3).mean(axis=(1, 3, 4)) > _CHANGED


def _runs(pixels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """`[N, patches]`: the how manieth look of each patch each picture shows."""
    shown = pixels[0].copy()
    changes: list[NDArray[np.bool_]] = []
    for picture in pixels:
        changed = _changes(shown, picture)
        large = changed.repeat(_PATCH, axis=0).repeat(_PATCH, axis=1)
        height, width = (min(a, b) for a, b in zip(large.shape, shown.shape[:2], strict=True))
        where = large[:height, :width]
        shown[:height, :width][where] = picture[:height, :width][where]
        changes.append(changed.reshape(-1))
    return np.cumsum(changes, axis=0, dtype=np.intp)


def _telling(pixels: NDArray[np.uint8], most: int) -> list[int]:
    """Which pictures, ascending, show together every look of a patch that lasts, or most of them.

    The greedy choice: again and again the picture that shows most that has not been seen.
    """
    runs = _runs(pixels)
    num, num_patches = runs.shape
    names = runs * num_patches + np.arange(num_patches)
    worth = np.where(np.bincount(names.reshape(-1)) > 1, 1.0, _FLEETING)
    chosen: list[int] = []
    while len(chosen) < min(most, num):
        gains = worth[names].sum(axis=1)
        best = float(gains.max())
        if chosen and best < 1.0 - 1e-9:
            break
        first = int(np.argmax(gains >= best - 1e-9))
        alike = int(np.argmin(np.append(gains[first:] >= best - 1e-9, False)))
        chosen.append(first + (alike - 1) // 2)
        worth[names[chosen[-1]]] = 0.0
    return sorted(chosen)


def _together(
    reads: Sequence[_Read],
) -> Iterator[tuple[tuple[int, ...], list[tuple[str, int]]]]:
    """The lines that were there in the same consecutive reads, with those reads."""
    tracks: list[tuple[tuple[str, int], list[int]]] = []
    before: dict[tuple[str, int], list[int]] = {}
    for i, read in enumerate(reads):
        now: dict[tuple[str, int], list[int]] = {}
        for key, _ in read.keyed():
            now[key] = before.get(key, [])
            if not now[key]:
                tracks.append((key, now[key]))
            now[key].append(i)
        before = now
    groups: dict[tuple[int, ...], list[tuple[str, int]]] = {}
    for key, which in tracks:
        groups.setdefault(tuple(which), []).append(key)
    yield from groups.items()


def _evidence(
    frames: Frames, span: Span, reads: Sequence[_Read], keys: Sequence[tuple[str, int]]
) -> Evidence:
    """The lines `keys`, which all `reads` have, as the surest of them has it."""
    pages = [[read.line(key) for key in keys] for read in reads]
    scores = [sum(line.score for line in lines) / len(lines) for lines in pages]
    best = int(np.argmax(scores))
    shown = [_shown(frames, span, *pair) for pair in zip(reads, pages, strict=True)]
    return Evidence.make(
        frames.video_id,
        merge(shown, gap_s=float("inf"))[0],
        ScreenText.kind,
        text=plain_text("\n".join(line.text for line in pages[best])),
        frames=[read.ref for read in reads],
        score=scores[best],
    )


def _shown(frames: Frames, span: Span, read: _Read, lines: Sequence[TextLine]) -> Span:
    """The seconds around a read in which `lines` look as they do there."""
    pixels = frames.pixels
    first = last = read.index
    while first > 0 and _is_same(pixels[read.index], pixels[first - 1], lines):
        first -= 1
    while last + 1 < len(frames) and _is_same(pixels[read.index], pixels[last + 1], lines):
        last += 1
    start = max(span.start, float(frames.times_s[first])) if first else span.start
    end = float(frames.times_s[last + 1]) if last + 1 < len(frames) else span.end
    return Span(start=start, end=min(end, span.end))


def _is_same(
    picture: NDArray[np.uint8], other: NDArray[np.uint8], lines: Sequence[TextLine]
) -> bool:
    """Do two pictures look the same under every line, in each place as wide as a letter?"""
    height, width, _ = picture.shape
    for line in lines:
        top, left, bottom, right = line.box.pixels(height, width)
        where = slice(top, bottom), slice(left, right)
        off = np.abs(picture[where].astype(np.int16) - other[where]).mean(axis=(0, 2))
        num_letters = min(len(off), max(1, round(2 * (right - left) / (bottom - top))))
        if any(part.mean() > _CHANGED for part in np.array_split(off, num_letters)):
            return False
    return True


def _letters(text: str) -> str:
    """What a reader does not confuse: letters and digits, without case."""
    return "".join(filter(str.isalnum, text.casefold()))
