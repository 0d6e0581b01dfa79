"""An hour of real film of which every true second is known.

    hour = make_hour(folder, videos, minutes=60)
    hour.moments("bunny.mp4", 12.5)    # every second of the hour at which that picture is on
    hour.take_at(1800.0).source         # which clip is on at half past

The real test clips follow each other in random order, each take smaller or larger in a black frame,
some with their edges cut off, each at a frame rate of its own: one H.264 file of variable rate with
subtitles beside it. Every take is encoded once, and its packets are copied, with later times, for
each repetition, so an hour is made in a minute and decodes to exactly the same pictures each time.

What it is not: edited film. There are no dissolves, and the same dozen clips come again and again,
so that "which second" often has several true answers: all of them are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from playhead.core.span import Span
from playhead.video import open_video
from playhead.video.subtitles import embedded_subtitles
from playhead.video.synthetic import Encoding, encode_pictures

SOURCES = (
    "webb.mp4",
    "bunny.mp4",
    "cars.mp4",
    "people.mp4",
    "bottles.mp4",
    "cups.mp4",
    "blocks.mp4",
    "juggle.mp4",
    "crystal.webm",
    "timecode_2997.mp4",
)
HEIGHT, WIDTH = 360, 640
RATES = (Fraction(8), Fraction(25, 2), Fraction(15), Fraction(24), Fraction(25), Fraction(30))
LONGEST_TAKE_S = 40.0
NUM_VARIANTS = 2
TICK_S = Fraction(1, 1200)  # divides a frame of every rate
ENCODING = Encoding(options={"preset": "ultrafast", "crf": "28", "level": "4.0", "threads": "1"})
LINE_S = 4.0  # that a made-up sentence is on


@dataclass(frozen=True)
class Variant:
    """How a take is shown."""

    fps: Fraction
    share: float
    """Of the frame's sides that the picture fills, 0.6 to 1; the rest is black."""
    cut: float
    """Share of the picture's sides that is cut off at each edge."""

    def place(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frame `[360, 640, 3]` that shows `picture` in this way."""
        height, width, _ = picture.shape
        down, across = round(self.cut * height), round(self.cut * width)
        inner = picture[down : height - down, across : width - across]
        scale = self.share * min(HEIGHT / inner.shape[0], WIDTH / inner.shape[1])
        size = round(inner.shape[1] * scale), round(inner.shape[0] * scale)
        small = cv2.resize(np.ascontiguousarray(inner), size, interpolation=cv2.INTER_LINEAR)
        frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        top, left = (HEIGHT - size[1]) // 2, (WIDTH - size[0]) // 2
        frame[top : top + size[1], left : left + size[0]] = small
        return frame


@dataclass(frozen=True)
class Piece:
    """What is encoded once: a stretch of a clip in one variant."""

    source: str
    source_span: Span
    variant: Variant

    @property
    def num_frames(self) -> int:
        """How many pictures it has."""
        return round(self.source_span.duration * self.variant.fps)


@dataclass(frozen=True)
class Take:
    """A stretch of the hour, and what it shows."""

    span: Span
    source: str
    """Name of the file."""
    source_span: Span
    variant: Variant


@dataclass(frozen=True)
class Sentence:
    """A subtitle that nobody says elsewhere in the hour."""

    text: str
    span: Span
    words: tuple[str, str]
    """Two words that are in no other sentence."""


@dataclass(frozen=True)
class Hour:
    """The film, and the truth about it."""

    path: Path
    """The subtitles lie beside it, with the suffix `.srt`."""
    duration_s: float
    takes: tuple[Take, ...]
    """In order; they fill the film."""
    sentences: tuple[Sentence, ...]
    """The made-up subtitles, in order."""

    def moments(self, source: str, time_s: float) -> list[float]:
        """Every second of the hour at which the picture is on that `source` shows at `time_s`."""
        return [
            take.span.start + time_s - take.source_span.start
            for take in self.takes
            if take.source == source and time_s in take.source_span
        ]

    def take_at(self, time_s: float) -> Take:
        """The take that is on at a second of the hour."""
        return next(take for take in self.takes if time_s in take.span)


def make_hour(
    folder: Path,
    videos: Path,
    *,
    minutes: float = 60.0,
    seed: int = 0,
    sources: Sequence[str] = SOURCES,
) -> Hour:
    """Make the film and its subtitles.

    Args:
        folder: Where to.
        videos: Where the clips are.
        minutes: How long; the last take is shown to its end.
        seed: Another seed is another hour.
        sources: Which clips.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    order = _order(_pieces(videos, sources, rng), minutes * 60, rng)
    takes = tuple(_takes(order))
    distinct = list(dict.fromkeys(order))
    paths = {piece: folder / f"piece-{number}.mp4" for number, piece in enumerate(distinct)}
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda piece: _encode(piece, videos, paths[piece]), distinct))
    path = folder / "hour.mp4"
    _join([paths[piece] for piece in order], [take.span.start for take in takes], path)
    for part in paths.values():
        part.unlink()
    duration_s = takes[-1].span.end
    sentences = tuple(_sentences(max(4, round(minutes)), duration_s, rng))
    lines = [*_said(takes, videos), *((sentence.span, sentence.text) for sentence in sentences)]
    path.with_suffix(".srt").write_text(_srt(lines), encoding="utf-8")
    return Hour(path, duration_s, takes, sentences)


def _pieces(videos: Path, sources: Sequence[str], rng: np.random.Generator) -> list[Piece]:
    """Every clip, cut into takes, each in a few variants."""
    found: list[Piece] = []
    for source in sources:
        with open_video(videos / source, sandbox=False) as video:
            duration_s = video.info.duration_s
        num_parts = ceil(duration_s / LONGEST_TAKE_S)
        for part in range(num_parts):
            start, end = (duration_s * at / num_parts for at in (part, part + 1))
            for fps in rng.choice(np.array(RATES), NUM_VARIANTS, replace=False):
                share, cut = rng.uniform(0.6, 1.0), rng.choice([0.0, 0.0, 0.02, 0.04])
                num_frames = floor((end - start) * fps)
                span = Span(start=start, end=start + float(num_frames / fps))
                found.append(Piece(source, span, Variant(fps, float(share), float(cut))))
    return found


def _order(pieces: Sequence[Piece], duration_s: float, rng: np.random.Generator) -> list[Piece]:
    """The pieces shuffled, and again, until the film is long enough."""
    order: list[Piece] = []
    left_s = duration_s
    while left_s > 0:
        for number in rng.permutation(len(pieces)):
            if left_s > 0:
                order.append(pieces[number])
                left_s -= pieces[number].source_span.duration
    return order


def _takes(order: Sequence[Piece]) -> Iterator[Take]:
    start = Fraction(0)
    for piece in order:
        end = start + piece.num_frames / piece.variant.fps
        span = Span(start=float(start), end=float(end))
        yield Take(span, piece.source, piece.source_span, piece.variant)
        start = end


def _encode(piece: Piece, videos: Path, path: Path) -> None:
    """One piece as a film of its own."""
    fps, first_s = piece.variant.fps, piece.source_span.start
    times_s = [first_s + float(i / fps) for i in range(piece.num_frames)]
    with (
        open_video(videos / piece.source, sandbox=False) as video,
        av.open(str(path), "w") as file,
    ):
        pictures = (
            piece.variant.place(picture)
            for frames in video.stream(times_s, max_side=WIDTH)
            for picture in frames.pixels
        )
        ticks = [round(i / fps / TICK_S) for i in range(piece.num_frames + 1)]
        encode_pictures(file, pictures, ticks, tick_s=TICK_S, fps=Fraction(30), encoding=ENCODING)


def _join(parts: Sequence[Path], starts_s: Sequence[float], path: Path) -> None:
    """The packets of all parts, each part from its second on."""
    with av.open(str(path), "w") as target:
        copy = header = None
        for part, start_s in zip(parts, starts_s, strict=True):
            with av.open(str(part)) as source:
                stream = source.streams.video[0]
                copy = copy or target.add_stream_from_template(stream)
                header = header or stream.codec_context.extradata
                assert stream.codec_context.extradata == header, "one decoder must do for all"
                assert stream.time_base is not None
                shift = round(start_s / stream.time_base)
                for packet in source.demux(stream):
                    if packet.dts is not None and packet.pts is not None:
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = copy
                        target.mux(packet)


def _said(takes: Sequence[Take], videos: Path) -> Iterator[tuple[Span, str]]:
    """What the clips say in their own subtitles, at the seconds of the hour."""
    for source in sorted({take.source for take in takes}):
        with open_video(videos / source, sandbox=False) as video:
            tracks = [track for track in video.info.text_tracks if track.is_text][:1]
            lines = [line for track in tracks for line in embedded_subtitles(video, track)]
        for take in (take for take in takes if take.source == source):
            for line in lines:
                inside = line.span.intersection(take.source_span)
                if inside is not None:
                    shift = take.span.start - take.source_span.start
                    yield Span(start=inside.start + shift, end=inside.end + shift), line.text


def _sentences(num: int, duration_s: float, rng: np.random.Generator) -> Iterator[Sentence]:
    """Sentences with words that nobody has heard before, one in each of `num` equal parts."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprtvz" for vowel in "aiou"]
    coined: list[str] = []
    while len(coined) < 2 * num:
        word = "".join(rng.choice(syllables, 3)) + "k"
        if word not in coined:
            coined.append(word)
    for i in range(num):
        one, other = coined[2 * i], coined[2 * i + 1]
        text = f"Nobody knows where the {one} is, but there is a {other} behind the house."
        start_ms = int(1000 * rng.uniform(i / num, (i + 1) / num) * (duration_s - LINE_S))
        span = Span(start=start_ms / 1000, end=(start_ms + 1000 * LINE_S) / 1000)
        yield Sentence(text, span, (one, other))


def _srt(lines: Sequence[tuple[Span, str]]) -> str:
    blocks = [
        f"{number}\n{_clock(span.start)} --> {_clock(span.end)}\n{text}\n"
        for number, (span, text) in enumerate(sorted(lines), start=1)
    ]
    return "\n".join(blocks)


def _clock(time_s: float) -> str:
    whole_s, ms = divmod(round(1000 * time_s), 1000)
    return f"{whole_s // 3600:02d}:{whole_s // 60 % 60:02d}:{whole_s % 60:02d},{ms:03d}"
