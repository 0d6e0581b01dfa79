"""The oracle: right answers to questions about worlds, found through the real loop, with mistakes
that it recovers from.

    async for trajectory in synthesize(Oracle(), tasks, WorldSource(), seed=7): ...

The one idea: a trace that only ever goes right teaches nothing about going wrong. So some turns are
spoilt on purpose: a look at the wrong place, arguments that make no sense, seconds that do not
exist, an answer before anything was seen. The loop says what was wrong, and the next turn is right.
The spoilt turn has weight 0: it is read, not learned; the recovery is learned.

Thoughts, if they are wanted, say what is known at that turn and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from playhead.agent.attempt import attempt
from playhead.agent.source import Source
from playhead.core.budget import Budget
from playhead.core.errors import Origin
from playhead.core.message import Message, Role, ToolCall
from playhead.core.policy import Author, Finish, Policy, Reply, Sampling
from playhead.core.span import Span
from playhead.core.tools import Failure, ToolSpec
from playhead.core.trajectory import Stop, Task, Trajectory
from playhead.evaluation.asking import least_score
from playhead.evaluation.scorers.answers import accuracy
from playhead.tools.context import ToolContext
from playhead.tools.toolset import Toolset, default_tools
from playhead.training.synthesize.making import Made, named, origin
from playhead.training.synthesize.planner import Habits, Known, Planner, Reader, is_about_tones
from playhead.worlds.oracle import guess, say, understand
from playhead.worlds.rng import Rng
from playhead.worlds.verify import says_absent

TOOLS = ("search", "look", "transcript", "answer")
"""What the oracle is offered."""


_SPARSE_S = 3.0  # between pictures: whoever looks so sparsely does not know yet where to look


class Mistake(StrEnum):
    """How a turn is spoilt."""

    WRONG_PLACE = "wrong_place"
    """A look where it is not."""
    BAD_ARGUMENTS = "bad_arguments"
    """A call that cannot be read, or lacks what it needs."""
    OUT_OF_RANGE = "out_of_range"
    """A look past the end: it is clamped, or refused."""
    EARLY_ANSWER = "early_answer"
    """An answer that cites what was never found."""


@dataclass(frozen=True)
class Oracle:
    """Makes one trajectory of each task, and keeps it if the answer is right."""

    habits: Habits = field(default_factory=Habits)
    mistakes: float = 0.15
    """The chance of each kind of mistake in a trace."""
    think: bool = True
    """Say in a short thought why, before each turn."""
    check: float = 0.5
    """The share of traces in which what was found is looked at once more before answering. Always
    doing so costs recall (a check that fails wrongly), so a model learns both."""
    budget: Budget = field(default_factory=lambda: Budget(turns=24))
    tools: Sequence[str] = TOOLS
    policy: Callable[[Task, ToolContext], Policy] | None = None
    """Who knows the way, such as `worlds.OraclePolicy` where a memory can be searched. None: the
    planner, which looks alone."""
    name: str = "oracle"

    async def make(self, task: Task, source: Source, seed: int) -> Sequence[Made]:
        """See `Maker.make`."""
        if self.policy is None and is_about_tones(task):
            return [Made(_unasked(task, named(self.name, seed, task)), "no_tool_hears_tones")]
        rng = Rng(seed, "oracle", task.id)
        tools = Toolset(default_tools()).only(*self.tools)
        with source.open(task, self.budget) as ctx:
            reader = Reader(task, ctx)
            habits = Habits(self.habits.close_fps, check=rng.below(1000) < self.check * 1000)
            way = self.policy(task, ctx) if self.policy else Planner(task, ctx, habits, reader)
            drawn = {m for m in Mistake if rng.below(1000) < self.mistakes * 1000}
            policy = Stumbler(way, reader, task, ctx, drawn, rng.child("how"), think=self.think)
            record = await attempt(
                task, policy, tools, ctx, strategy="seek", id=named(self.name, seed, task)
            )
        record = weighted(record, policy.spoilt)
        score = accuracy(record)
        scores = {**record.scores, "accuracy": score}
        made = origin(record.replace(scores=scores), self.name, seed)
        if score is None:
            return [Made(made, "cannot_be_judged")]
        if score >= least_score(task):
            return [Made(made)]
        return [Made(made, "nothing_heard" if _is_deaf(record) else "wrong")]


def _unasked(task: Task, id_: str) -> Trajectory:
    """The record of an attempt that was not worth making."""
    why = Failure(origin=Origin.TOOL, code="deaf", message="no tool lets a model hear tones")
    return Trajectory(id=id_, task=task, stop=Stop.FAILED, failure=why)


def _is_deaf(record: Trajectory) -> bool:
    """Whether a code that is spoken was asked for, and no line that was told spells one."""
    question = understand(record.task.question)
    is_about_sound = question is not None and question.family.name == "audio"
    return is_about_sound and record.answer is not None and says_absent(record.answer.text)


def weighted(record: Trajectory, spoilt: Sequence[int]) -> Trajectory:
    """The record with weight 0 where a turn was spoilt on purpose."""
    steps = tuple(
        step.replace(weight=0.0) if number in spoilt else step
        for number, step in enumerate(record.steps)
    )
    return record.replace(steps=steps)


class Stumbler:
    """A policy that goes another's way, thinks aloud, and makes mistakes that it recovers from."""

    name = "oracle"

    def __init__(
        self,
        way: Policy,
        reader: Reader,
        task: Task,
        ctx: ToolContext,
        mistakes: set[Mistake],
        rng: Rng,
        *,
        think: bool = True,
    ) -> None:
        """Make the policy, for one attempt.

        Args:
            way: Whose way it goes.
            reader: Reads the conversation, for the thoughts.
            task: What is asked.
            ctx: The context of the attempt.
            mistakes: Which mistakes it makes, each once, if there is occasion for it.
            rng: How.
            think: Whether it says why.
        """
        self._way, self._reader, self._task, self._ctx = way, reader, task, ctx
        self._left = rng.shuffled([mistake for mistake in Mistake if mistake in mistakes])
        self._rng, self._think = rng, think
        self._turn = -1
        self.spoilt: list[int] = []
        """Which turns were spoilt, from 0."""

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn: the other's, or a spoilt one before it."""
        self._turn += 1
        after_mistake = self._turn - 1 in self.spoilt
        wanted = await self._way.reply(messages, tools, sampling)
        known = self._reader.read(messages)
        thought = f"{_went_wrong(messages) if after_mistake else ''} {_why(known, wanted)}"
        if not after_mistake and sampling.tool_choice == "auto":
            wrong = self._spoil(known, wanted.calls)
            if wrong is not None:
                self.spoilt.append(self._turn)
                return Reply(calls=(wrong,), finish=Finish.CALLS, author=Author.TEACHER)
        thinking = thought.strip() if self._think else ""
        return wanted.replace(thinking=thinking, author=Author.TEACHER)

    def _spoil(self, known: Known, calls: Sequence[ToolCall]) -> ToolCall | None:
        """A wrong call instead of the first of `calls`. None: no mistake now."""
        for mistake in self._left:
            wrong = self._wrong(mistake, known, calls[0]) if calls else None
            if wrong is not None:
                self._left.remove(mistake)
                return wrong
        return None

    def _wrong(self, mistake: Mistake, known: Known, call: ToolCall) -> ToolCall | None:
        match mistake:
            case Mistake.EARLY_ANSWER:
                return self._early() if not known.glimpses and call.name != "answer" else None
            case Mistake.BAD_ARGUMENTS:
                return self._unreadable(call)
            case Mistake.OUT_OF_RANGE:
                return self._past_the_end(known, call) if call.name == "look" else None
            case Mistake.WRONG_PLACE:
                return self._elsewhere(call) if call.name == "look" and known.glimpses else None

    def _early(self) -> ToolCall | None:
        question = understand(self._task.question)
        if question is None:
            return None
        made_up = f"e{self._rng.word():016x}"
        words = say(guess(question), question.kind)
        return ToolCall(id="0", name="answer", arguments={"value": words, "evidence": [made_up]})

    def _unreadable(self, call: ToolCall) -> ToolCall:
        first = next(iter(call.arguments), "")
        rest = {name: value for name, value in call.arguments.items() if name != first}
        ways: list[dict[str, JsonValue] | str] = [
            f'{{"{first}": ',
            {**rest, first: ["about", 0]},
            {**call.arguments, "frames": "all"},
        ]
        return ToolCall.read("0", call.name, self._rng.choice(ways))

    def _past_the_end(self, known: Known, call: ToolCall) -> ToolCall | None:
        """A look wholly past the end, or, once the video is known, at its end and further."""
        end_s = self._ctx.whole(self._ctx.video_ids[0]).end
        length_s = max(1.0, _number(call, "end_s") - _number(call, "start_s"))
        start_s = max(0.0, end_s - length_s / 4)
        is_survey = length_s > _SPARSE_S * max(1.0, _number(call, "num"))
        if is_survey or not known.glimpses or self._is_there(Span(start=start_s, end=end_s)):
            start_s = end_s + length_s
        return _moved(call, start_s, length_s)

    def _elsewhere(self, call: ToolCall) -> ToolCall | None:
        """A look of the same length where nothing of the truth is. None: there is no such place."""
        whole = self._ctx.whole(self._ctx.video_ids[0])
        length_s = _number(call, "end_s") - _number(call, "start_s")
        room_s = whole.duration - length_s
        if length_s <= 0 or room_s <= length_s:
            return None
        for _ in range(16):
            start_s = whole.start + self._rng.below(round(room_s * 10)) / 10
            wanted = Span(start=_number(call, "start_s"), end=_number(call, "end_s"))
            span = Span(start=start_s, end=start_s + length_s)
            if not self._is_there(span) and span.intersection(wanted) is None:
                return _moved(call, start_s, length_s)
        return None

    def _is_there(self, span: Span) -> bool:
        return any(span.intersection(true) is not None for true in self._task.spans or ())


def _number(call: ToolCall, name: str) -> float:
    value = call.arguments.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _moved(call: ToolCall, start_s: float, length_s: float) -> ToolCall:
    where: dict[str, JsonValue] = {
        "start_s": round(start_s, 2),
        "end_s": round(start_s + length_s, 2),
    }
    return call.replace(arguments={**call.arguments, **where})


# Thoughts: from what was seen, and from what is about to be done


def _why(known: Known, reply: Reply) -> str:
    call = next(iter(reply.calls), None)
    match call.name if call else "answer":
        case "answer" if known.value is None:
            return "I have looked everywhere that matters, and it is not there."
        case "answer":
            return f"It is {_value(known)}."
        case "search":
            return "Search what is remembered."
        case "transcript":
            return "Read what is said."
        case "look" if call is not None and call.arguments.get("anchor"):
            return "First see what the picture of the question shows."
        case "look" if not known.glimpses:
            return "I do not know yet where to look. See all of it first."
        case "look" if known.value is not None and _is_check(known, call):
            return f"It seems to be {_value(known)}. Look closely to be sure."
        case "look" if known.value is not None:
            return f"So far it seems to be {_value(known)}, but not all was seen closely."
        case _:
            return _where(known, call)


def _is_check(known: Known, call: ToolCall | None) -> bool:
    """Whether a look is at what was found, and at little else."""
    start_s, end_s = (
        (0.0, 0.0) if call is None else (_number(call, "start_s"), _number(call, "end_s"))
    )
    span = Span(start=start_s, end=end_s) if start_s < end_s else None
    return span is not None and any(span.iou(sight.span) > 0.3 for sight in known.sights)


def _where(known: Known, call: ToolCall | None) -> str:
    """What is known of the part that is about to be looked at."""
    if call is None or known.notes is None:
        return "Look closely."
    first_ms, last_ms = (round(1000 * _number(call, name)) for name in ("start_s", "end_s"))
    seen = [g.time_ms for g in known.glimpses if first_ms <= g.time_ms < last_ms]
    scenes = [s for s in known.notes.scenes if any(s.start_ms <= t < s.end_ms for t in seen)]
    if not scenes:
        return "I have not seen that part. Look there."
    start_s, end_s = scenes[0].start_ms / 1000, scenes[0].end_ms / 1000
    return f"From {start_s:.0f} to {end_s:.0f} s it is the {scenes[0].place}. Look closely there."


def _value(known: Known) -> str:
    assert known.question is not None
    return say(known.value, known.question.kind)


def _went_wrong(messages: Sequence[Message]) -> str:
    """What the last turn gave, in a sentence."""
    told = messages[-1].text if messages and messages[-1].role is Role.TOOL else ""
    if messages[-1].name == "answer":
        return "I must look before I answer."
    if messages[-1].frames:
        return "That is not where it is." if "Only" not in told else "That part hardly exists."
    return "That call was wrong."
