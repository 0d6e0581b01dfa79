"""The oracle: an honest stand-in for a perfect video model, made of eyes and a good memory.

    answer = dense_oracle(video, question)              # looks at ten pictures a second

It understands a question by reading its words (every phrasing can be read backwards), looks at the
pictures it is really given (`eyes`), writes down what they show (`watch.piece_together`) and reads
the answer off its own notes with the family's `derive`. It never sees the true script or an answer:
a tool that hands over wrong pictures makes it wrong. `eyes.NoisyEyes` makes it imperfect.

It hears beeps, but does not understand speech: give it a transcript. As a `Policy` in a loop it is
`policy.OraclePolicy`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from playhead.core.span import Span
from playhead.video.base import Video
from playhead.video.sound import Sound
from playhead.worlds.eyes import perceive
from playhead.worlds.families import NAMES, Ask, Family, Question, Truth, family
from playhead.worlds.families.base import Pointer
from playhead.worlds.families.phrases import read
from playhead.worlds.listen import tones_in
from playhead.worlds.script import World
from playhead.worlds.verify import AnswerKind
from playhead.worlds.watch import Eyes, Glimpse, Heard, Tone, piece_together, watch

Line = tuple[float, float, str]
"""Start and end in seconds, and the words."""

_CHUNK_S = 60.0


@dataclass(frozen=True)
class Understood:
    """A question as its words say it."""

    family: Family
    ask: Ask
    options: tuple[str, ...] = ()
    asked_at_s: float | None = None

    @property
    def kind(self) -> AnswerKind:
        """What its answer is."""
        return self.family.kinds[self.ask.form]


def understand(text: str) -> Understood | None:
    """The question in a text, by its words alone; None if there is none. The last one counts."""
    found: Understood | None = None
    for line in text.splitlines():
        for name in NAMES:
            hits = read(line, family(name).phrases)
            if len(hits) == 1:
                found = Understood(family(name), hits[0][1])
    if found is None:
        return None
    options = re.findall(r"^\(([A-Z])\) (.+)$", text, re.MULTILINE)
    now = re.search(r"\(It is now (\d+(?:\.\d+)?) s into the video\.\)", text)
    return Understood(
        found.family,
        found.ask,
        tuple(option for _, option in options),
        float(now[1]) if now else None,
    )


def answer_from(notes: World, question: Understood, pointers: Sequence[Pointer] = ()) -> JsonValue:
    """The answer that the oracle's own notes give; None if they do not tell."""
    truth = truth_from(notes, question, pointers)
    return None if truth is None else truth.gold


def truth_from(
    notes: World, question: Understood, pointers: Sequence[Pointer] = ()
) -> Truth | None:
    """What the oracle's own notes give: the answer and where it was seen; None as above."""
    ask = _whole_ask(notes, question, pointers)
    return None if ask is None or not notes.scenes else question.family.derive(notes, ask)


def _whole_ask(notes: World, question: Understood, pointers: Sequence[Pointer]) -> Ask | None:
    """The ask with what no words say: when it was asked, and who is pointed at."""
    slots = dict(question.ask.slots)
    if question.asked_at_s is not None:
        slots["at_ms"] = round(question.asked_at_s * 1000)
    for pointer in pointers:
        seat = _seat(notes, pointer)
        if seat is None:
            return None
        time_ms = round(pointer.time_s * 1000)
        slots |= {"time_ms": time_ms, "camera_at": pointer.camera, "seat": seat}
    return Ask(form=question.ask.form, slots=slots)


def _seat(notes: World, pointer: Pointer) -> int | None:
    """Which of the cast, from the left, a rectangle is around: seats are equally wide."""
    try:
        scene = notes.scenes[notes.scene_at(round(pointer.time_s * 1000), pointer.camera)]
    except IndexError:
        return None
    num = len(scene.cast)
    seat = int((pointer.roi.left + pointer.roi.right) / 2 * num)
    return seat if seat < num else None


@runtime_checkable
class _Hearable(Protocol):
    def sound(self, span: Span | None = None, *, rate: int = 16_000) -> Sound: ...


@runtime_checkable
class _Readable(Protocol):
    def texts(self, index: int) -> Sequence[Line]: ...


def hear(video: Video, transcript: Sequence[Line] = ()) -> Heard:
    """The subtitles and beeps of a video, and what a recogniser made of its speech."""
    lines: list[Line] = []
    if isinstance(video, _Readable):
        for track in video.info.text_tracks:
            lines += [(start, end, text) for start, end, text in video.texts(track.index)]
    tones: list[Tone] = []
    if isinstance(video, _Hearable) and video.info.has_audio:
        starts = range(0, int(video.info.duration_s) + 1, int(_CHUNK_S))
        for start in starts:
            end = min(start + _CHUNK_S, video.info.duration_s)
            if start < end:
                tones += tones_in(video.sound(Span(start=start, end=end)))
    return Heard(video.info.duration_s, tuple(lines), tuple(transcript), tuple(tones))


def take_notes(
    videos: Video | Sequence[Video],
    *,
    eyes: Eyes = perceive,
    fps: float = 10.0,
    until_s: float | None = None,
    transcript: Sequence[Line] = (),
    patience_s: float = 0.0,
) -> World:
    """The script that a long, close look at one video, or at several cameras, tells.

    Args:
        videos: One video, or one for each camera.
        eyes: From a picture to what it shows.
        fps: Pictures a second.
        until_s: Look at nothing later.
        transcript: What a speech recogniser wrote down.
        patience_s: For eyes that make mistakes: what is not seen for so long is still there.
    """
    cameras = [videos] if isinstance(videos, Video) else list(videos)
    glimpses: list[Glimpse] = []
    for number, video in enumerate(cameras):
        times_s = video.info.span.every(1 / fps)
        if until_s is not None:
            times_s = [time_s for time_s in times_s if time_s <= until_s]
        glimpses += watch(video, times_s, eyes=eyes, camera=number)
    heard = hear(cameras[0], transcript)
    return piece_together(glimpses, heard, patience_ms=round(patience_s * 1000))


def dense_oracle(
    video: Video | Sequence[Video],
    question: Question,
    eyes: Eyes = perceive,
    *,
    fps: float = 10.0,
    transcript: Sequence[Line] = (),
    patience_s: float = 0.0,
) -> JsonValue:
    """The answer from densely sampled pictures, subtitles and sound. None: it cannot tell.

    Of the question only the words, the pictures and the moment of asking are used.

    Args:
        video: The video, or one for each camera.
        question: What is asked.
        eyes: From a picture to what it shows.
        fps: Pictures a second.
        transcript: What a speech recogniser wrote down.
        patience_s: For eyes that make mistakes: what is not seen for so long is still there.
    """
    understood = understand(question.prompt)
    if understood is None:
        return None
    asked = question.asked_at_s
    until_s = asked if understood.kind is not AnswerKind.ALERT else None
    notes = take_notes(
        video, eyes=eyes, fps=fps, until_s=until_s, transcript=transcript, patience_s=patience_s
    )
    return answer_from(notes, understood, question.pictures)


def guess(question: Understood) -> JsonValue:
    """Some answer of the right kind, for when nothing is known."""
    if question.options:
        return question.options[0]
    match question.kind:
        case AnswerKind.NUMBER:
            return 5
        case AnswerKind.YES_NO:
            return False
        case AnswerKind.ORDERED:
            return question.ask.slots.get("actors", [])
        case AnswerKind.SPANS:
            return [[0.0, 1.0]]
        case AnswerKind.PATH:
            return [0, 1]
        case _:
            return "unknown"


def say(value: JsonValue, kind: AnswerKind) -> str:
    """An answer as its kind is written."""
    match kind:
        case AnswerKind.YES_NO:
            return "yes" if value else "no"
        case AnswerKind.SPANS if isinstance(value, list):
            pairs = [pair for pair in value if isinstance(pair, list)]
            return "; ".join(f"{pair[0]}-{pair[1]}" for pair in pairs)
        case _:
            return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
