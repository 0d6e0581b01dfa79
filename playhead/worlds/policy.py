"""The oracle as a policy: it answers from the pictures and words of its messages, and nothing else.

    policy = OraclePolicy(resolve)              # resolve: from a FrameRef to pixels
    reply = await policy.reply(messages, tools, Sampling())

Everything is read from the messages anew at each turn: the question from its words, pictures from
their references, what a search found and what is said from lines with times. So it fits any loop,
and a loop that hides or mixes up something is found out. If it is offered `search`, it searches
what is remembered and looks only at what it finds (`seek`); if it is offered `look` alone, or the
memory has no words that it can read, it surveys the whole video (`plan`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from playhead.core.media import FrameRef
from playhead.core.message import Message, PicturePart, Role, ToolCall
from playhead.core.policy import Author, Finish, Reply, Sampling
from playhead.core.span import parse_time
from playhead.core.tools import ToolSpec
from playhead.worlds.eyes import perceive
from playhead.worlds.families import Ask
from playhead.worlds.families.base import Pointer
from playhead.worlds.oracle import Line, Understood, answer_from, guess, say, understand
from playhead.worlds.plan import Wish, wishes
from playhead.worlds.script import World
from playhead.worlds.seek import FAMILIES, Claim, Findings, Found, Knowledge, seek
from playhead.worlds.sprites import Picture
from playhead.worlds.telling import read_sentence, script_of
from playhead.worlds.watch import Eyes, Glimpse, Heard, piece_together


@dataclass
class _Known:
    """What a conversation has shown so far."""

    question: Understood | None = None
    pointers: list[Pointer] = field(default_factory=list[Pointer])
    glimpses: list[Glimpse] = field(default_factory=list[Glimpse])
    lines: list[Line] = field(default_factory=list[Line])
    asked: dict[str, Found] = field(default_factory=dict[str, Found])
    """Calls made before, as text, with what they found if they were searches."""
    end_s: float | None = None
    """How long the video is, if a text said so."""


class OraclePolicy:
    """A policy with perfect eyes: it answers from the pictures and texts of its messages only.

    If it is offered `search`, `look` or `transcript` it asks for what its family's plan wants
    (`worlds.seek`, `worlds.plan`) and answers when the plan is done. If it is offered `answer`, it
    answers by it and cites the evidence that it was told of. Remembers what each frame showed, so
    that no frame is seen twice.
    """

    name = "oracle"

    def __init__(
        self,
        resolve: Callable[[FrameRef], Picture],
        *,
        eyes: Eyes = perceive,
        duration_s: float | None = None,
        cameras: Mapping[str, int] | None = None,
        calls_per_turn: int = 8,
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
        offered = {tool.name: tool for tool in tools} if sampling.tool_choice != "none" else {}
        findings = self._seek(known, offered)
        if findings is not None:
            wanted = findings.wishes
            notes = script_of(findings.facts, round(self._length_s(known) * 1000))
        else:
            heard = Heard(self._length_s(known), speech=tuple(dict.fromkeys(known.lines)))
            notes = piece_together(known.glimpses, heard)
            wanted = wishes(known.question.family.name, _whole(known), notes, known.glimpses)
        calls = self._calls(wanted, offered, known, num_messages=len(messages))
        if calls and sampling.tool_choice != "answer":
            return Reply(calls=calls, finish=Finish.CALLS, author=Author.SCRIPT)
        cited = findings.ids if findings else []
        return self._answer(known, notes, offered, cited, num_messages=len(messages))

    def _seek(self, known: _Known, offered: Mapping[str, ToolSpec]) -> Findings | None:
        """What the plan that searches wants and believes. None: it has no plan for the question,
        or the memory holds no words that it can read."""
        assert known.question is not None
        family, spec = known.question.family.name, offered.get("search")
        if spec is None or family not in FAMILIES:
            return None
        searches = [found for call, found in known.asked.items() if call.startswith("search ")]
        if searches and not any(found.claims for found in searches):
            return None
        duration_s = self._length_s(known)

        def found(wish: Wish) -> Found | None:
            return known.asked.get(_spelled("search", _arguments(spec, wish, duration_s)))

        def is_asked(wish: Wish) -> bool:
            look = offered.get("look")
            return look is None or _spelled("look", _arguments(look, wish)) in known.asked

        return seek(family, _whole(known), Knowledge(duration_s, found, is_asked, known.glimpses))

    def _length_s(self, known: _Known) -> float:
        """How long the video is, as far as it is known."""
        return self._duration_s or known.end_s or 600.0

    def _read(self, messages: Sequence[Message]) -> _Known:
        known, called = _Known(), dict[str | None, ToolCall]()
        for message in messages:
            if message.role in (Role.SYSTEM, Role.USER):
                known.question = understand(message.text) or known.question
            called |= {call.id: call for call in message.calls}
            call = called.get(message.call_id) if message.role is Role.TOOL else None
            if call is not None:
                known.asked[_spelled(call.name, call.arguments)] = _found_in(message.text)
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
            arguments = {} if spec is None else _arguments(spec, wish, self._length_s(known))
            if spec is None or _spelled(wish.tool, arguments) in known.asked:
                continue
            name = f"oracle-{num_messages}-{len(calls)}"
            calls.append(ToolCall(id=name, name=wish.tool, arguments=arguments))
            if len(calls) == self._calls_per_turn:
                break
        return tuple(calls)

    def _answer(
        self,
        known: _Known,
        notes: World,
        offered: Mapping[str, ToolSpec],
        cited: Sequence[str],
        *,
        num_messages: int,
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
        if "evidence" in names:
            arguments["evidence"] = list(cited[:_MOST_CITED])
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


_MOST_CITED = 32
_MOST_AT_MEDIUM = 20  # pictures in one look that are still large with the usual quota
_HIT = re.compile(
    r"\[(?P<id>e[0-9a-f]+)\] (?:v\d+ )?(?P<start>[\d:.]+)-(?P<end>[\d:.]+) [a-z_]+: "
    r"(?P<words>.+?\.)"
    r"(?: \(the moment: (?P<first>[\d:.]+)-(?P<last>[\d:.]+)\))?(?: \([^()]*\))?"
)
_ID = re.compile(r"^\[e[0-9a-f]+\] ", re.MULTILINE)
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


def _found_in(text: str) -> Found:
    """What a search told: `[e0f...] 0:42.0-0:46.0 caption: The ... raised a card.`"""
    claims: list[Claim] = []
    for match in filter(None, map(_HIT.fullmatch, text.splitlines())):
        start_ms, end_ms = (round(parse_time(match[name]) * 1000) for name in ("start", "end"))
        fact = read_sentence(match["words"], start_ms, max(end_ms, start_ms + 1))
        first, last = match["first"], match["last"]
        moment_s = (parse_time(first), parse_time(last)) if first and last else None
        if fact is not None:
            claims.append(Claim(fact, (match["id"],), moment_s))
    return Found(tuple(claims), num_hits=len(_ID.findall(text)))


def _length_in(text: str) -> float | None:
    match = _LENGTH.search(text)
    return float(match[1] or match[2]) if match else None


def _properties(spec: ToolSpec) -> dict[str, Any]:
    properties = spec.arguments.get("properties", {})
    return properties if isinstance(properties, dict) else {}


def _arguments(spec: ToolSpec, wish: Wish, duration_s: float | None = None) -> dict[str, JsonValue]:
    """A wish in the words of whatever tool is offered."""
    names = _properties(spec)
    start_s, end_s = round(wish.start_s, 3), round(wish.end_s, 3)
    given: dict[str, JsonValue] = {}
    if "span" in names:
        as_text = names["span"].get("type") == "string"
        given["span"] = f"{start_s}-{end_s}" if as_text else {"start": start_s, "end": end_s}
    is_whole = wish.tool == "search" and start_s == 0 and end_s == round(duration_s or end_s, 3)
    for first, last in (("start_s", "end_s"), ("start", "end")):
        if first in names and not is_whole:
            given |= {first: start_s, last: end_s}
    if wish.tool == "search":
        words: dict[str, JsonValue] = {"text": wish.text} if wish.text else {}
        words |= {"kinds": list(wish.kinds)} if wish.kinds else {}
        return given | words | ({"k": wish.num} if "k" in names else {})
    num = max(1, round((wish.end_s - wish.start_s) * wish.fps)) if wish.num is None else wish.num
    if "fps" in names and wish.num is None:
        given["fps"] = wish.fps
    elif "num" in names or "num_frames" in names:
        given["num" if "num" in names else "num_frames"] = num
    elif "fps" in names:
        given["fps"] = wish.fps
    if "quota" in names and num > _MOST_AT_MEDIUM:
        given["quota"] = "fine"
    return given


def _spelled(name: str, arguments: Mapping[str, JsonValue]) -> str:
    return f"{name} {sorted(arguments.items())}"
