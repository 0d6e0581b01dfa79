"""A planner for rendered worlds: a short, good way to each answer, by looking alone.

It surveys the video, looks closely where what is asked about can be, best first, checks what it
found, and answers with the evidence. What it says and answers comes from the pictures it was shown
(`worlds.eyes`), read off the conversation anew at each turn. One thing it knows that no model does:
which of several places where it may look is the right one (`Task.spans`). So its traces are short,
and still each step follows from what was seen before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Any

from pydantic import JsonValue

from playhead.core.evidence import Evidence, Kind
from playhead.core.media import FrameRef, Region, VideoInfo
from playhead.core.message import Message, ToolCall
from playhead.core.policy import Author, Finish, Reply, Sampling
from playhead.core.span import Span, merge, outside
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Task
from playhead.evaluation.scorers import intervals
from playhead.tools.context import ToolContext
from playhead.tools.ledger import QUOTA_TOKENS, Quota, side_for
from playhead.tools.made import is_made
from playhead.worlds.eyes import perceive
from playhead.worlds.families import NAMES
from playhead.worlds.families.base import Ask, Pointer, Sight, Truth
from playhead.worlds.oracle import Understood, say, truth_from, understand
from playhead.worlds.plan import CLOSE_FPS, Wish, wishes
from playhead.worlds.script import World
from playhead.worlds.verify import NOT_IN_VIDEO, AnswerKind
from playhead.worlds.watch import Eyes, Glimpse, Heard, piece_together

FAMILIES = tuple(name for name in NAMES if name not in ("audio", "dialogue"))
"""What looking answers. The others take words as well: a source that indexes, and for codes that
are spoken (`audio`) a recipe with an eye that hears."""
TONES = frozenset({"beeps", "not_pitch"})
"""Forms of `audio` that nobody can answer: `transcript` tells words, and no tool tells tones."""
FOUND = frozenset({"needle", "multihop", "detail", "grounding"})
"""Families of which the answer is known once it was seen. The others need all of the plan: that
there was no fourth card is seen by having looked everywhere."""
FOUND_CLOSE = frozenset({"fast", "shell_game"})
"""Families of which it is known once all of what happened there was seen closely."""
LASTING = frozenset({"rule"})
"""Families that are planned for a denser look than it takes: what happens lasts for a second."""

_MOST_PICTURES = 48  # in one call
_FEW_PICTURES = 8  # in one call, where pictures are too large to be shown whole
_MOST_CITED = 8
_SHORTEST_S = 1.0  # of a close look: what is left between two others is not worth one
_CHECK = 3  # pictures of what was found
_ROOM_S = 0.25  # around what was found
_EDGE_S = 2.0  # around what was found, where its first and last second are asked for
_EDGE_FPS = 4.0


@dataclass(frozen=True)
class Habits:
    """How closely a planner looks."""

    close_fps: float = 1.0
    """Pictures a second of a close look, but where things are too fast for it."""
    check: bool = True
    """Look once more at what was found before answering."""


@dataclass
class Known:
    """What a conversation has shown."""

    question: Understood | None = None
    pointers: list[Pointer] = field(default_factory=list[Pointer])
    glimpses: list[Glimpse] = field(default_factory=list[Glimpse])
    notes: World | None = None
    """The script that the glimpses tell. None: nothing was seen."""

    @property
    def ask(self) -> Ask:
        """What is asked, with the moments that pictures and the time of asking name."""
        assert self.question is not None
        slots: dict[str, Any] = dict(self.question.ask.slots)
        if self.question.asked_at_s is not None:
            slots["at_ms"] = round(self.question.asked_at_s * 1000)
        for pointer in self.pointers:
            slots |= {"time_ms": round(pointer.time_s * 1000), "camera_at": pointer.camera}
        return Ask(form=self.question.ask.form, slots=slots)

    @cached_property
    def truth(self) -> Truth | None:
        """The answer that was seen, and where. None: it is not known yet."""
        if self.question is None or self.notes is None:
            return None
        try:
            return truth_from(self.notes, self.question, self.pointers)
        except ValueError:  # what was seen so far makes no script: half a swap of cups
            return None

    @property
    def value(self) -> JsonValue:
        """The answer that was seen. None: it is not known yet."""
        return None if self.truth is None else self.truth.gold

    @property
    def sights(self) -> tuple[Sight, ...]:
        """Where the answer was seen, in pictures."""
        found = () if self.truth is None else self.truth.evidence
        return tuple(sight for sight in found if sight.channel == "picture")

    @property
    def words(self) -> tuple[Sight, ...]:
        """Where the answer was said."""
        found = () if self.truth is None else self.truth.evidence
        return tuple(sight for sight in found if sight.channel != "picture")


class Reader:
    """Reads conversations about one task with perfect eyes; sees no picture twice."""

    def __init__(self, task: Task, ctx: ToolContext, eyes: Eyes = perceive) -> None:
        self._task, self._ctx, self._eyes = task, ctx, eyes
        self._cameras = {id_: camera for camera, id_ in enumerate(task.video_ids)}
        self._seen: dict[tuple[str, float], Glimpse] = {}

    @property
    def duration_s(self) -> float:
        """How long the videos are."""
        return self._ctx.info(self._ctx.video_ids[0]).duration_s

    def read(self, messages: Sequence[Message]) -> Known:
        """What a conversation has shown."""
        known = Known(question=understand(self._task.question))
        for frame in (frame for message in messages for frame in message.frames):
            region = frame.roi if frame in self._task.images else None
            if region is None and frame in self._task.images:
                region = marked_region(frame)
            camera = self._cameras.get(_source(frame), 0)
            if region is not None:
                known.pointers = [Pointer(time_s=frame.time_s, roi=region, camera=camera)]
            elif frame.roi is None and not is_made(frame):
                known.glimpses.append(self._glimpse(frame, camera))
        spoken = [e for e in self._ctx.evidence.values() if e.kind == Kind.SPEECH]
        lines = tuple((e.span.start, e.span.end, e.text) for e in spoken)
        if known.glimpses:
            known.notes = piece_together(known.glimpses, Heard(self.duration_s, speech=lines))
        return known

    def _glimpse(self, frame: FrameRef, camera: int) -> Glimpse:
        key = (frame.video_id, frame.time_s)
        if key not in self._seen:
            picture = self._ctx.resolve([frame])[0]
            self._seen[key] = Glimpse(round(frame.time_s * 1000), self._eyes(picture), camera)
        return self._seen[key]


def is_about_tones(task: Task) -> bool:
    """Whether a task asks for what no tool lets anyone hear."""
    question = understand(task.question)
    return question is not None and question.ask.form in TONES and question.family.name == "audio"


def marked_region(frame: FrameRef) -> Region | None:
    """The region that a marked picture marks (see `tools.made`). None: it is no marked picture."""
    how, *rest = frame.video_id.split(":")
    if how != "mark":
        return None
    top, left, bottom, right = (float(side) for side in rest[-1].split(","))
    return Region(top=top, left=left, bottom=bottom, right=right)


def _source(frame: FrameRef) -> str:
    return frame.video_id.split(":")[1] if is_made(frame) else frame.video_id


class Planner:
    """See the module. One planner for one attempt."""

    name = "planner"

    def __init__(
        self,
        task: Task,
        ctx: ToolContext,
        habits: Habits | None = None,
        reader: Reader | None = None,
    ) -> None:
        """Make a planner.

        Args:
            task: What is asked.
            ctx: The context of the attempt: for the pictures and the ids of what was found.
            habits: How closely it looks.
            reader: What reads the conversation. None: one of its own.
        """
        self._task, self._ctx, self._habits = task, ctx, habits or Habits()
        self._reader = reader or Reader(task, ctx)

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn: calls, or the answer."""
        known = self._reader.read(messages)
        offered = {tool.name for tool in tools}
        if sampling.tool_choice in ("none", "answer") or "look" not in offered:
            return self._answer(known, by_tool="answer" in offered)
        if self._task.images and not known.pointers:
            return _calling([self._first_look()])
        if self._is_about_words(known) and not self._has_heard(messages):
            return _calling([ToolCall(id="", name="transcript", arguments={})])
        calls = [] if self._is_found(known) else self._calls(known)
        calls = calls or self._checks(known)
        return _calling(calls) if calls else self._answer(known, by_tool="answer" in offered)

    def _is_found(self, known: Known) -> bool:
        if known.question is None or known.value is None:
            return False
        name = known.question.family.name
        if known.question.ask.form == "end":  # of a chain: there may be one more link
            return False
        if name in FOUND_CLOSE:
            looks = self._shown(CLOSE_FPS)
            return all(intervals.iog(looks, [span]) > 0.99 for span in self._task.spans or ())
        return name in FOUND

    def _is_about_words(self, known: Known) -> bool:
        return known.question is not None and known.question.family.name in ("dialogue", "audio")

    def _has_heard(self, messages: Sequence[Message]) -> bool:
        """Whether it was told what is said, or has asked twice."""
        told = any(piece.kind == Kind.SPEECH for piece in self._ctx.evidence.values())
        return told or sum(message.name == "transcript" for message in messages) > 1

    def _shown(self, least_fps: float = 0.0) -> list[Span]:
        """What was shown of the first video, at so many pictures a second or more."""
        return [
            piece.span
            for piece in self._ctx.evidence.values()
            if piece.kind == Kind.PICTURE
            and piece.video_id == self._ctx.video_ids[0]
            and len(piece.frames) > 0.8 * least_fps * piece.span.duration
        ]

    def _first_look(self) -> ToolCall:
        """At the picture that belongs to the question, beside the frame that it is from."""
        frame = self._task.images[0]
        camera = list(self._ctx.video_ids).index(_source(frame))
        start_s = round(frame.time_s, 3)
        end_s = min(start_s + 1.0, self._ctx.whole(self._ctx.video_ids[camera]).end)
        return self._look(start_s, end_s, 1, camera, anchor="q1")

    def _calls(self, known: Known) -> list[ToolCall]:
        """What the family's plan still wants: the survey at once, then one close look a turn."""
        if known.question is None:
            return []
        notes = known.notes or piece_together([], Heard(self._reader.duration_s))
        wanted = wishes(known.question.family.name, known.ask, notes, known.glimpses)
        looks = [wish for wish in wanted if wish.tool == "look"]
        for is_close in (False, True):
            kind = [wish for wish in looks if (wish.fps >= CLOSE_FPS) == is_close]
            if not kind:
                continue
            lasts = kind[0].fps == CLOSE_FPS or known.question.family.name in LASTING
            fps = self._habits.close_fps if is_close and lasts else kind[0].fps
            parts = self._open_parts(kind, fps)
            if parts and not is_close:
                return [self._look_at(part, fps, n) for n in self._cameras for part in parts]
            if parts:
                best = min(parts, key=self._rank)
                return [self._look_at(best, fps, n) for n in self._cameras]
        return []

    @property
    def _cameras(self) -> range:
        return range(len(self._ctx.video_ids))

    def _open_parts(self, wanted: Sequence[Wish], fps: float) -> list[Span]:
        """What of the wishes was not looked at so closely before, in parts that one look shows with
        pictures as large as they are."""
        spans = merge([Span(start=w.start_s, end=w.end_s) for w in wanted], gap_s=_SHORTEST_S)
        before = self._shown(fps)
        longest_s = per_call(self._ctx.info(self._ctx.video_ids[0])) / fps
        parts: list[Span] = []
        for whole in (part for span in spans for part in outside(span, before)):
            num = ceil(whole.duration / longest_s - 1e-6)
            step_s = whole.duration / num
            starts = [whole.start + i * step_s for i in range(num)]
            parts += [Span(start=start, end=start + step_s) for start in starts]
        return [part for part in parts if part.duration >= _SHORTEST_S]

    def _rank(self, part: Span) -> tuple[float, float]:
        """Where most of the truth is comes first."""
        return -intervals.common_s([part], self._task.spans or ()), part.start

    def _look_at(self, part: Span, fps: float, camera: int) -> ToolCall:
        num = max(1, round(part.duration * fps))
        return self._look(round(part.start, 2), round(part.end, 2), num, camera)

    def _look(
        self, start_s: float, end_s: float, num: int, camera: int, anchor: str = ""
    ) -> ToolCall:
        id_ = self._ctx.video_ids[camera]
        arguments: dict[str, JsonValue] = {"start_s": start_s, "end_s": end_s, "num": num}
        arguments["quota"] = quota_for(self._ctx.info(id_), num)
        if camera:
            arguments["video"] = self._ctx.handle(id_)
        if anchor:
            arguments["anchor"] = anchor
        return ToolCall(id="", name="look", arguments=arguments)

    def _checks(self, known: Known) -> list[ToolCall]:
        """Another look at each piece of what was found, once; a dense one at a wider part, if it is
        asked when that was."""
        is_when = known.question is not None and known.question.kind is AnswerKind.SPANS
        if not self._habits.check and not is_when:
            return []
        room_s = _EDGE_S if is_when else _ROOM_S
        before = self._shown()
        calls: list[ToolCall] = []
        for sight in known.sights[:_MOST_CITED]:
            start_s = max(0.0, round(sight.span.start - room_s, 2))
            end_s = min(
                round(sight.span.end + room_s, 2), self._ctx.whole(self._ctx.video_ids[0]).end
            )
            tight = Span(start=start_s, end=end_s)
            num = min(_MOST_PICTURES, round(tight.duration * _EDGE_FPS)) if is_when else _CHECK
            if not any(span.iou(tight) > 0.5 for span in before):
                calls.append(self._look(start_s, end_s, num, sight.camera))
        return calls

    def _answer(self, known: Known, *, by_tool: bool) -> Reply:
        value = known.value
        text = NOT_IN_VIDEO
        if known.question is not None and value is not None:
            text = say(value, known.question.kind)
        if not by_tool:
            return Reply(text=text, author=Author.TEACHER)
        cited: list[JsonValue] = [piece.id for piece in self._cited(known)]
        arguments: dict[str, JsonValue] = {"value": text, "evidence": cited}
        return _calling([ToolCall(id="", name="answer", arguments=arguments)])

    def _cited(self, known: Known) -> list[Evidence]:
        """The lines that say the answer, and for each place where it was seen the closest look."""
        lines = [piece for piece in self._ctx.evidence.values() if piece.kind == Kind.SPEECH]
        told = [max(lines, key=lambda line: line.span.iou(s.span)) for s in known.words if lines]
        found = {piece.id: piece for piece in told}
        for sight in known.sights[:_MOST_CITED]:
            id_ = self._ctx.video_ids[sight.camera]
            shows = [
                piece
                for piece in self._ctx.evidence.values()
                if piece.video_id == id_ and any(f.time_s in sight.span for f in piece.frames)
            ]
            if shows:
                best = min(shows, key=lambda piece: piece.span.duration)
                found[best.id] = best
        return list(found.values())


def quota_for(info: VideoInfo, num: int) -> Quota:
    """The least quota of `look` that shows so many pictures as large as they are; else the most."""
    whole = max(info.height, info.width)
    quotas: tuple[Quota, ...] = ("coarse", "medium", "fine")
    for quota in quotas:
        if side_for(info, QUOTA_TOKENS[quota] / num) >= whole:
            return quota
    return "fine"


def per_call(info: VideoInfo) -> int:
    """How many pictures one look shows as large as they are."""
    whole = max(info.height, info.width)
    for num in range(_MOST_PICTURES, 0, -1):
        if side_for(info, QUOTA_TOKENS["fine"] / num) >= whole:
            return num
    return _FEW_PICTURES


def _calling(calls: Sequence[ToolCall]) -> Reply:
    named = tuple(call.replace(id=f"{i}") for i, call in enumerate(calls))
    return Reply(calls=named, finish=Finish.CALLS, author=Author.TEACHER)
