"""Hindsight: traces written backwards from the answer, as Video-Thinker makes them, and checked.

    <time>41.5-44.5</time><caption>The red star raised a card: ACD.</caption><think>...</think>  ACD

The parts that hold the truth are known. A writer says what is to be seen there, a checker must come
to the right answer from these captions alone (without pictures), else it is written anew, three
times at the most. What passes is said by a policy in the real loop, in one turn without tools,
after pictures spread over the whole video (`direct`).

`WorldWriter` and `WorldChecker` are perfect ones for worlds: eyes that put what they see into plain
sentences, and a reader of those.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from playhead.agent.attempt import attempt
from playhead.agent.source import Source
from playhead.core.budget import Budget
from playhead.core.message import Message, TextPart
from playhead.core.policy import Author, Reply, Sampling
from playhead.core.span import Span
from playhead.core.tools import ToolSpec
from playhead.core.trajectory import Task
from playhead.evaluation.asking import (
    Mind,
    ask_once,
    frames_of,
    is_right,
    mind,
    pictures,
    say_once,
)
from playhead.evaluation.scorers.answers import gold_option, kind_of
from playhead.models.dialects.video_thinker import blocks, intrinsic_spans
from playhead.tools.context import ToolContext
from playhead.tools.toolset import default_tools
from playhead.training.synthesize.making import Made, named, origin
from playhead.training.synthesize.teacher import by_teacher
from playhead.worlds.eyes import perceive
from playhead.worlds.oracle import answer_from, say, understand
from playhead.worlds.rng import Rng
from playhead.worlds.telling import facts_in, read_sentence, script_of, sentence
from playhead.worlds.watch import Eyes, Glimpse, Heard, piece_together

_TRIES = 3
_SENTENCE_END = re.compile(r"(?<=\.) ")
_WRITE = """\
You are shown pictures of one part of a video, each after its time, a question about the video and
its answer. Say in one or two sentences what these pictures show that bears on the question. Say
nothing that they do not show. If they do not show the answer, do not say it."""
_ANALYSE = """\
You are given a question, its answer, and what was seen in parts of a video. Say in one sentence how
what was seen leads to the answer. Say nothing that was not seen."""


@dataclass(frozen=True)
class Hindsight:
    """Makes one trajectory of each task whose answer and seconds are known."""

    writer: Mind
    """Says what pictures show."""
    checker: Mind
    """Answers from captions alone."""
    analyst: Mind | None = None
    """Says how the captions lead to the answer. None: the captions stand alone."""
    num_frames: int = 8
    """Pictures of each part that the writer is shown."""
    tries: int = _TRIES
    name: str = "hindsight"

    async def make(self, task: Task, source: Source, seed: int) -> Sequence[Made]:
        """See `Maker.make`."""
        if not task.spans or task.answer is None:
            return []
        tools = [tool for tool in default_tools() if tool.name == "look"]
        captions: list[tuple[Span, str]] = []
        is_told = False
        with source.open(task, Budget()) as ctx:
            for number in range(self.tries):
                sampling = Sampling(
                    temperature=0.7 if number else 0.0,
                    seed=Rng(seed, self.name, task.id, number).below(2**31),
                )
                captions = await self._written(task, ctx, sampling)
                checker = mind(self.checker, task, ctx)
                if is_told := is_right(
                    task, await ask_once(checker, task, [TextPart(text=blocks(captions))])
                ):
                    break
            thought = await self._analysed(task, ctx, captions) if is_told else ""
        with source.open(task, Budget(turns=2)) as ctx:
            policy = Say(blocks(captions) + thought, truth_in_words(task))
            id_ = named(self.name, seed, task)
            record = await attempt(task, policy, tools, ctx, strategy="direct", id=id_)
        made = origin(by_teacher(record), self.name, seed)
        return [Made(made, "" if is_told else "captions_do_not_tell")]

    async def _written(
        self, task: Task, ctx: ToolContext, sampling: Sampling
    ) -> list[tuple[Span, str]]:
        writer = mind(self.writer, task, ctx)
        asked = f"Question: {task.question}\nAnswer: {truth_in_words(task)}"
        captions: list[tuple[Span, str]] = []
        for span in task.spans or ():
            frames = frames_of(ctx, [span], num=self.num_frames)
            words = await say_once(writer, _WRITE, [*pictures(frames), asked], sampling)
            captions.append((span, " ".join(words.split())))
        return captions

    async def _analysed(
        self, task: Task, ctx: ToolContext, captions: Sequence[tuple[Span, str]]
    ) -> str:
        if self.analyst is None:
            return ""
        asked = f"Question: {task.question}\nAnswer: {truth_in_words(task)}\n{blocks(captions)}"
        words = await say_once(mind(self.analyst, task, ctx), _ANALYSE, [asked])
        return f"<think>{words}</think>" if words else ""


def truth_in_words(task: Task) -> str:
    """The true answer as one would say it."""
    kind = kind_of(task)
    if task.options and (option := gold_option(task)) is not None:
        return option
    return str(task.answer) if kind is None else say(task.answer, kind)


class Say:
    """A policy that says one thing."""

    name = "hindsight"

    def __init__(self, thinking: str, text: str) -> None:
        self._reply = Reply(thinking=thinking, text=text, author=Author.TEACHER)

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """It."""
        return self._reply


class WorldWriter:
    """Says in plain sentences what pictures of a world show."""

    name = "world_writer"

    def __init__(self, task: Task, ctx: ToolContext, eyes: Eyes = perceive) -> None:
        self._ctx, self._eyes = ctx, eyes

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """What the pictures of the last message show."""
        glimpses = [
            Glimpse(round(frame.time_s * 1000), self._eyes(self._ctx.resolve([frame])[0]), 0)
            for frame in messages[-1].frames
        ]
        notes = piece_together(glimpses, Heard(self._ctx.info(self._ctx.video_ids[0]).duration_s))
        return Reply(text=" ".join(map(sentence, facts_in(notes))), author=Author.TEACHER)


class WorldChecker:
    """Answers from sentences that tell of a world, each with its seconds."""

    name = "world_checker"

    def __init__(self, task: Task, ctx: ToolContext) -> None:
        self._duration_s = ctx.info(ctx.video_ids[0]).duration_s

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The answer that the captions of the last message give; nothing if they give none."""
        text = messages[-1].text
        question = understand(text)
        facts = [
            fact
            for span, words in intrinsic_spans(text)
            for told in _SENTENCE_END.split(words)
            if (fact := read_sentence(told, round(span.start * 1000), round(span.end * 1000)))
        ]
        if question is None or not facts:
            return Reply(author=Author.TEACHER)
        value = answer_from(script_of(facts, round(self._duration_s * 1000)), question)
        said = "" if value is None else say(value, question.kind)
        return Reply(text=said, author=Author.TEACHER)
