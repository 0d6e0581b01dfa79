"""Speech: what is said, from subtitles where there are any and from the sound where there are not.

The one idea: every word has a second on the clock of the pictures, and the same one whichever piece
of the video is heard first. `subtitle_evidence` keeps what is written in the file and beside it,
once. `Speech` lets a `Transcriber` hear the stretches that stand out of the background, whole: it
hears beyond the ends of its span, so that the pieces of a video cut the same utterances at the same
places, and each word is evidence of the one piece in which its middle lies. `WhisperTranscriber`
is the transcriber that ships; its model is a folder that you have.

An utterance without a pause for more than half a minute is cut where it is quietest. Music and
noise are heard too where they stand out, and a model may make up words for them. Who speaks is
known only from subtitles that say so.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from importlib import metadata
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import NoSound
from playhead.core.evidence import Evidence, Kind
from playhead.core.span import Span
from playhead.models.eyes._local import fingerprint, local_folder, require
from playhead.models.eyes.base import Transcriber
from playhead.video.base import Frames, Video
from playhead.video.sound import Sound, speech_activity
from playhead.video.subtitles import (
    Line,
    embedded_subtitles,
    find_subtitles,
    plain_text,
    read_subtitles,
)

RATE = 16_000
"""Samples per second that a transcriber gets."""

_MOST_S = 30.0  # of one piece of sound
_PAD_S = 0.15  # around an utterance: it begins before it is loud
_CUT_EVERY_S, _CUT_WITHIN_S = 20.0, 5.0  # where a long utterance may be cut: 20 + 2 * 5 <= 30
_AROUND_S = 40.0  # heard beyond a span: the longest piece, and ten seconds for the noise floor
_AT_ONCE_S = 240.0  # of a long span
_QUIET_S = 0.1
_SAME_TIME_S = 0.5
_LONGEST_LINE_S = 30.0


def subtitle_evidence(path: str | os.PathLike[str] | None, video: Video) -> list[Evidence]:
    """The subtitles inside a video and in the files beside it, in order of time.

    Args:
        path: Where the video lies. None: only the tracks inside are read.
        video: The same video, open.

    Returns:
        One piece of evidence for each subtitle. What two tracks both say at the same time is there
        once, however each of them cuts it into lines.

    Raises:
        VideoError: A track or a file cannot be read.
    """
    tracks: list[list[Line]] = []
    if hasattr(video, "texts"):
        inside: Any = video
        tracks += [embedded_subtitles(inside, t) for t in video.info.text_tracks if t.is_text]
    if path is not None:
        within = video.info.span
        tracks += [read_subtitles(s.path, within=within) for s in find_subtitles(path)]
    kept: list[list[Line]] = []
    for track in tracks:
        kept.append([line for line in track if not any(_is_said(line, other) for other in kept)])
    lines = sorted((line for track in kept for line in track), key=lambda line: line.span)
    return [_subtitle(video.id, line) for line in lines]


class Speech:
    """Lets a transcriber hear a video. An `Eye` of kind `speech`."""

    kind = str(Kind.SPEECH)

    def __init__(self, transcriber: Transcriber) -> None:
        """Hear with this engine."""
        self._transcriber = transcriber

    @property
    def name(self) -> str:
        """Names the engine."""
        return f"speech-{self._transcriber.name}"

    def see(self, video: Video, span: Span, frames: Frames) -> list[Evidence]:
        """What is said in `span`; nothing where the video has no sound. See `Eye.see`.

        Returns:
            One piece of evidence for each segment of the transcriber whose middle lies in `span`.
        """
        if not (video.info.has_audio and hasattr(video, "sound")):
            return []
        edges = [*np.arange(span.start, span.end, _AT_ONCE_S).tolist(), span.end]
        parts = [Span(start=start, end=end) for start, end in pairwise(edges)]
        try:
            found = [evidence for part in parts for evidence in self._hear(video, part)]
        except NoSound:
            return []
        return sorted(found, key=lambda evidence: evidence.span)

    def _hear(self, video: Any, span: Span) -> Iterator[Evidence]:
        start = float(max(0.0, np.floor(span.start - _AROUND_S)))
        sound: Sound = video.sound(Span(start=start, end=span.end + _AROUND_S), rate=RATE)
        for piece in _pieces(sound, span):
            part = sound.crop(piece)
            for start_s, end_s, text in self._transcriber.transcribe(part.samples, RATE):
                said = _clamped(part.start_s + start_s, part.start_s + end_s, piece)
                inside, text = said.intersection(span), plain_text(text)
                if inside is not None and text and (said.start + said.end) / 2 in span:
                    yield Evidence.make(video.id, inside, self.kind, text=text)


class WhisperTranscriber:
    """Whisper through faster-whisper, from a model folder on this machine. A `Transcriber`."""

    def __init__(
        self,
        model_path: str | os.PathLike[str],
        *,
        language: str | None = None,
        device: str = "auto",
        compute_type: str = "default",
        beam_size: int = 5,
        num_threads: int = 2,
    ) -> None:
        """Load the model. Nothing is downloaded.

        Args:
            model_path: A folder in CTranslate2's format, with its `tokenizer.json`.
            language: Such as `en`. None: the model says it of each piece.
            device: `cpu`, `cuda` or `auto`.
            compute_type: How to calculate, in CTranslate2's words, such as `int8`.
            beam_size: How many hypotheses are followed.
            num_threads: On a CPU.

        Raises:
            ValueError: No such folder, or it lacks a file.
            MissingExtra: faster-whisper is not installed.
        """
        needed = ("model.bin", "config.json", "tokenizer.json")
        folder = local_folder(model_path, *needed, what="a Whisper model")
        require("faster_whisper", extra="speech", what="hearing speech")
        from faster_whisper import WhisperModel

        weights = fingerprint(*(folder / name for name in needed))
        version = metadata.version("faster-whisper")
        settings = f"{language or 'any'}-{compute_type}-{beam_size}"
        self.name = f"whisper-{folder.resolve().name}-{weights}-{settings}-{version}"
        self._language, self._beam_size = language, beam_size
        self._model = WhisperModel(
            str(folder),
            device=device,
            compute_type=compute_type,
            cpu_threads=num_threads,
            local_files_only=True,
        )

    def transcribe(self, samples: NDArray[np.float32], rate: int) -> list[tuple[float, float, str]]:
        """What is said. See `Transcriber.transcribe`; the rate must be `RATE`."""
        if rate != RATE:
            raise ValueError(f"Whisper hears {RATE} samples a second: got {rate}")
        segments, _ = self._model.transcribe(
            samples,
            language=self._language,
            beam_size=self._beam_size,
            temperature=0.0,  # the default tries again with chance
            condition_on_previous_text=False,
        )
        return [(segment.start, segment.end, segment.text.strip()) for segment in segments]


def find_transcriber(spec: str | None) -> Transcriber | None:
    """The transcriber that a setting names.

    Args:
        spec: The path of a Whisper model folder. None: no engine, and speech comes from subtitles
            only.

    Raises:
        ValueError: No such folder.
        MissingExtra: faster-whisper is not installed.
    """
    return None if spec is None else WhisperTranscriber(spec)


def _subtitle(video_id: str, line: Line) -> Evidence:
    text = line.text if line.speaker is None else f"{line.speaker}: {line.text}"
    return Evidence.make(video_id, line.span, Kind.SPEECH, text=text)


def _is_said(line: Line, track: Sequence[Line]) -> bool:
    """Does `track` say the words of `line` at about the same time?"""
    first = bisect_left(
        track, line.span.start - _LONGEST_LINE_S, key=lambda other: other.span.start
    )
    last = bisect_left(track, line.span.end + _SAME_TIME_S, key=lambda other: other.span.start)
    heard = [o for o in track[first:last] if o.span.end > line.span.start - _SAME_TIME_S]
    words = _words(line.text)
    if not words:
        return any(other.text == line.text for other in heard)
    return f" {words} " in f" {' '.join(_words(other.text) for other in heard)} "


def _words(text: str) -> str:
    """The letters and digits of `text`, without case, one blank between words."""
    letters = "".join(c if c.isalnum() else " " for c in text.casefold())
    return " ".join(letters.split())


def _clamped(start_s: float, end_s: float, piece: Span) -> Span:
    """The times of a segment inside the piece it was heard in; all of it if they are nonsense."""
    start_s, end_s = max(start_s, piece.start), min(end_s, piece.end)
    return Span(start=start_s, end=end_s) if start_s < end_s else piece


def _pieces(sound: Sound, span: Span) -> Iterator[Span]:
    """What to transcribe for `span`: whole utterances, those wholly inside it many at once.

    One that goes over an end of the span is a piece of its own, as it is for the next span.
    """
    packed: Span | None = None
    for part in _utterances(sound):
        if span.intersection(part) is None:
            continue
        if part.start < span.start or part.end > span.end:
            yield part
        elif packed is not None and part.end - packed.start <= _MOST_S:
            packed = Span(start=packed.start, end=part.end)
        else:
            if packed is not None:
                yield packed
            packed = part
    if packed is not None:
        yield packed


def _utterances(sound: Sound) -> Iterator[Span]:
    """The stretches where somebody may be speaking, none longer than a piece may be."""
    whole_end_s = sound.start_s + sound.duration_s
    for found in speech_activity(sound):
        start, end = max(0.0, found.start - _PAD_S), min(whole_end_s, found.end + _PAD_S)
        if not start < end:
            continue
        cuts: list[float] = []
        if end - start > _MOST_S:
            first = np.ceil((start + _CUT_WITHIN_S) / _CUT_EVERY_S) * _CUT_EVERY_S
            about = np.arange(first, end - _CUT_WITHIN_S, _CUT_EVERY_S).tolist()
            cuts = [_quietest_s(sound, time_s) for time_s in about]
        for a, b in pairwise([start, *cuts, end]):
            yield Span(start=a, end=b)


def _quietest_s(sound: Sound, about_s: float) -> float:
    """The middle of the quietest tenth of a second near `about_s`."""
    near = sound.crop(Span(start=about_s - _CUT_WITHIN_S, end=about_s + _CUT_WITHIN_S))
    num = round(_QUIET_S * sound.rate)
    loud = np.add.reduceat(near.samples.astype(np.float64) ** 2, range(0, len(near) - num, num))
    return near.start_s + (int(np.argmin(loud)) + 0.5) * _QUIET_S
