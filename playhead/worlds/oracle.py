"""The oracle: an honest stand-in for a perfect video model, made of eyes and a good memory.

    answer = dense_oracle(video, question)              # looks at ten pictures a second
    policy = OraclePolicy(resolve)                      # answers from what it is shown

It understands a question by reading its words (every phrasing can be read backwards), looks at the
pictures it is really given (`eyes`), writes down what they show (`watch.piece_together`) and reads
the answer off its own notes with the family's `derive`. It never sees the true script or an answer:
a tool that hands over wrong pictures makes it wrong. `eyes.NoisyEyes` makes it imperfect.

It hears beeps, but does not understand speech: give it a transcript.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pydantic import JsonValue

from playhead.core.media import FrameRef
from playhead.core.message import Message, PicturePart, Role, ToolCall
from playhead.core.policy import Author, Finish, Reply, Sampling
from playhead.core.span import Span, parse_time
from playhead.core.tools import ToolSpec
from playhead.video.base import Video
from playhead.video.sound import Sound
from playhead.worlds.eyes import perceive
from playhead.worlds.families import NAMES, Ask, Family, Question, family
from playhead.worlds.families.base import Pointer
from playhead.worlds.families.phrases import read
from playhead.worlds.listen import tones_in
from playhead.worlds.plan import Wish, wishes
from playhead.worlds.script import World
from playhead.worlds.sprites import Picture
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
    ask = _whole_ask(notes, question, pointers)
    truth = None if ask is None or not notes.scenes else question.family.derive(notes, ask)
    return None if truth is None else truth.gold


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


# The policy


@dataclass
class _Known:
    """What a conversation has shown so far."""

    question: Understood | None = None
    pointers: list[Pointer] = field(default_factory=list[Pointer])
    glimpses: list[Glimpse] = field(default_factory=list[Glimpse])
    lines: list[Line] = field(default_factory=list[Line])
    asked: set[str] = field(default_factory=set[str])
    """Calls made before, as text."""
    end_s: float | None = None
    """How long the video is, if a text said so."""


class OraclePolicy:
    """A policy with perfect eyes: it answers from the pictures and texts of its messages only.

    If it is offered `look` (and `transcript`) it asks for the spans that its family's plan wants
    (`worlds.plan`) and answers when the plan is done. If it is offered `answer`, it answers by it.
    Remembers what each frame showed, so that no frame is seen twice.
    """

    def __init__(
        self,
        resolve: Callable[[FrameRef], Picture],
        *,
        eyes: Eyes = perceive,
        duration_s: float | None = None,
        cameras: Mapping[str, int] | None = None,
        calls_per_turn: int = 4,
    ) -> None:
        """Make the policy.

        Args:
            resolve: From a reference in a message to its pixels `[H, W, 3]`.
            eyes: From a picture to what it shows.
            duration_s: How long the video is, in seconds. None: what a text says, or ten minutes.
            cameras: Which camera each video id is. None: there is one.
            calls_per_turn: Tool calls in one reply at the most.
        """
        self._resolve, self._eyes = resolve, eyes
        self._duration_s, self._cameras = duration_s, dict(cameras or {})
        self._calls_per_turn = calls_per_turn
        self._seen: dict[tuple[str, float], Glimpse] = {}

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn: tool calls for what the plan still wants, or the answer."""
        known = self._read(messages)
        if known.question is None:
            return Reply(text="I do not understand the question.", author=Author.SCRIPT)
        duration_s = self._duration_s or known.end_s or 600.0
        heard = Heard(duration_s, speech=tuple(dict.fromkeys(known.lines)))
        notes = piece_together(known.glimpses, heard)
        offered = {tool.name: tool for tool in tools} if sampling.tool_choice != "none" else {}
        wanted = wishes(known.question.family.name, _whole(known), notes, known.glimpses)
        calls = self._calls(wanted, offered, known, num_messages=len(messages))
        if calls:
            return Reply(calls=calls, finish=Finish.CALLS, author=Author.SCRIPT)
        return self._answer(known, notes, offered, num_messages=len(messages))

    def _read(self, messages: Sequence[Message]) -> _Known:
        known = _Known()
        for message in messages:
            if message.role in (Role.SYSTEM, Role.USER):
                known.question = understand(message.text) or known.question
            known.asked |= {_spelled(call.name, call.arguments) for call in message.calls}
            known.lines += _lines_in(message.text) if message.role is Role.TOOL else []
            known.end_s = _length_in(message.text) or known.end_s
            for part in message.parts:
                if isinstance(part, PicturePart):
                    self._take(known, part.frame, is_question=message.role is Role.USER)
        return known

    def _take(self, known: _Known, frame: FrameRef, *, is_question: bool) -> None:
        camera = self._cameras.get(frame.video_id, 0)
        if frame.roi is not None:
            if is_question:
                known.pointers.append(Pointer(time_s=frame.time_s, roi=frame.roi, camera=camera))
            return
        key = (frame.video_id, frame.time_s)
        if key not in self._seen:
            seen = self._eyes(self._resolve(frame))
            self._seen[key] = Glimpse(round(frame.time_s * 1000), seen, camera)
        known.glimpses.append(self._seen[key])

    def _calls(
        self, wanted: Sequence[Wish], offered: Mapping[str, ToolSpec], known: _Known, *,
        num_messages: int,
    ) -> tuple[ToolCall, ...]:  # fmt: skip
        calls: list[ToolCall] = []
        for wish in wanted:
            spec = offered.get(wish.tool)
            arguments = {} if spec is None else _arguments(spec, wish)
            if spec is None or _spelled(wish.tool, arguments) in known.asked:
                continue
            name = f"oracle-{num_messages}-{len(calls)}"
            calls.append(ToolCall(id=name, name=wish.tool, arguments=arguments))
            if len(calls) == self._calls_per_turn:
                break
        return tuple(calls)

    def _answer(
        self, known: _Known, notes: World, offered: Mapping[str, ToolSpec], *, num_messages: int
    ) -> Reply:
        assert known.question is not None
        value = answer_from(notes, known.question, known.pointers)
        text = say(value if value is not None else guess(known.question), known.question.kind)
        spec = offered.get("answer")
        if spec is None:
            return Reply(text=text, author=Author.SCRIPT)
        names = _properties(spec)
        arguments: dict[str, JsonValue] = {}
        for name in ("value", "text", "answer"):
            if name in names:
                arguments[name] = text
                break
        call = ToolCall(id=f"oracle-{num_messages}-answer", name="answer", arguments=arguments)
        return Reply(calls=(call,), finish=Finish.CALLS, author=Author.SCRIPT)


def _whole(known: _Known) -> Ask:
    """The ask, with the moments that its pictures and its time of asking name."""
    assert known.question is not None
    slots = dict(known.question.ask.slots)
    if known.question.asked_at_s is not None:
        slots["at_ms"] = round(known.question.asked_at_s * 1000)
    for pointer in known.pointers:
        slots |= {"time_ms": round(pointer.time_s * 1000), "camera_at": pointer.camera}
    return Ask(form=known.question.ask.form, slots=slots)


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


_SAID = re.compile(
    r"(\d[\d:.]*)s?\s*(?:-|to)\s*(\d[\d:.]*)s?\W*(?:speech|subtitle|transcript)?\W*(.+)"
)
_LENGTH = re.compile(r"(\d+(?:\.\d+)?) s(?:econds)? long|(?:lasts|duration)\D{0,4}(\d+(?:\.\d+)?)")


def _lines_in(text: str) -> list[Line]:
    """Words with times in the text of a tool: `0:42.0-0:44.5 speech: Mind the step.`"""
    found: list[Line] = []
    for line in text.splitlines():
        match = _SAID.search(line)
        if match is None:
            continue
        try:
            start_s, end_s = parse_time(match[1]), parse_time(match[2])
        except ValueError:
            continue
        if start_s < end_s:
            found.append((start_s, end_s, match[3].strip()))
    return found


def _length_in(text: str) -> float | None:
    match = _LENGTH.search(text)
    return float(match[1] or match[2]) if match else None


def _properties(spec: ToolSpec) -> dict[str, Any]:
    properties = spec.arguments.get("properties", {})
    return properties if isinstance(properties, dict) else {}


def _arguments(spec: ToolSpec, wish: Wish) -> dict[str, JsonValue]:
    """A wish in the words of whatever tool is offered."""
    names = _properties(spec)
    arguments: dict[str, JsonValue] = {}
    start_s, end_s = round(wish.start_s, 3), round(wish.end_s, 3)
    if "span" in names:
        as_text = names["span"].get("type") == "string"
        arguments["span"] = f"{start_s}-{end_s}" if as_text else {"start": start_s, "end": end_s}
    for first, last in (("start_s", "end_s"), ("start", "end")):
        if first in names:
            arguments |= {first: start_s, last: end_s}
    if "fps" in names:
        arguments["fps"] = wish.fps
    elif "num" in names or "num_frames" in names:
        name = "num" if "num" in names else "num_frames"
        arguments[name] = max(1, round((wish.end_s - wish.start_s) * wish.fps))
    return arguments


def _spelled(name: str, arguments: Mapping[str, JsonValue]) -> str:
    return f"{name} {sorted(arguments.items())}"
