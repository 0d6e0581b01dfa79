"""The other ways to make trajectories: teacher, clues, hindsight, density, visual prompts, text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from playhead.agent.source import Source, WorldSource
from playhead.core import (
    Author,
    Budget,
    Message,
    Region,
    Reply,
    Sampling,
    Span,
    Task,
    ToolCall,
    ToolSpec,
    Trajectory,
)
from playhead.evaluation.scorers.judge import Judge
from playhead.models.dialects.video_thinker import intrinsic_spans
from playhead.models.policies.scripted import ScriptedPolicy
from playhead.testing import check_trajectory
from playhead.tools.toolset import Toolset, default_tools
from playhead.training.rewards import find_reward
from playhead.training.synthesize import (
    Clues,
    Density,
    Hindsight,
    Oracle,
    Planner,
    Teacher,
    TemporalText,
    marked_tasks,
    track_tasks,
)
from playhead.training.synthesize.hindsight import WorldChecker, WorldWriter
from playhead.training.synthesize.temporal_text import KINDS, item
from playhead.training.synthesize.visual_prompt import Box, Track
from playhead.worlds.rng import Rng
from playhead.worlds.verify import AnswerKind, score
from tests.training.test_oracle import made, tasks

SEEING = Toolset(default_tools()).only("look", "answer")


@pytest.fixture(scope="module")
def source() -> Iterator[WorldSource]:
    with WorldSource() as source:
        yield source


# Teacher


class Fickle:
    """Right by its second seed, wrong by others; thinks in tokens of its own."""

    name = "fickle"

    def __init__(self, task: Task, right: Sequence[int]) -> None:
        self.task, self.right, self.seeds = task, right, list[int]()

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        seed = sampling.seed or 0
        if seed not in self.seeds:
            self.seeds.append(seed)
        if messages[-1].role != "tool":
            start_s = 5.0 * self.seeds.index(seed)
            arguments = {"start_s": start_s, "end_s": start_s + 1, "num": 1}
            return Reply(calls=(ToolCall(id="a", name="look", arguments=arguments),))
        is_right = self.seeds.index(seed) in self.right
        arguments = {"value": str(self.task.answer) if is_right else "XXX", "evidence": []}
        return Reply(calls=(ToolCall(id="b", name="answer", arguments=arguments),))


def test_of_what_a_teacher_tries_the_good_is_kept(source: WorldSource):
    (task,) = tasks("needle", size=1)
    maker = Teacher(Fickle(task, right=(1, 3)), num=4, tools=tuple(SEEING))
    found = asyncio.run(maker.make(task, source, 3))
    assert [each.reason for each in found] == [
        "low_accuracy",
        "",
        "low_accuracy",
        "enough_of_this_task",
    ]
    assert len({each.trajectory.group for each in found}) == 1
    kept = found[1].trajectory
    assert kept.scores == {"accuracy": 1.0, "format": 1.0}
    assert {step.reply.author for step in kept.steps} == {Author.TEACHER}
    assert kept.versions["synthesis"] == "teacher"


def test_a_judge_may_say_what_of_a_teachers_prose_is_good(source: WorldSource):
    (task,) = tasks("needle", size=1)
    prose = task.replace(metadata={**task.metadata, "kind": "open"})
    judge = Judge(ScriptedPolicy(*[Reply(text=word) for word in ("wrong", "right")]))
    maker = Teacher(
        Fickle(task, right=(1,)), num=2, tools=tuple(SEEING), least={"judged": 1.0}, judge=judge
    )
    found = asyncio.run(maker.make(prose, source, 3))
    assert [each.reason for each in found] == ["low_judged", ""]


# Clues


def test_four_stages_agree_on_clues(source: WorldSource):
    some = tasks("needle", "multihop", size=2)
    found, making = made(Clues(Planner, Planner, Planner, Planner), some, source)
    assert len(found) == 2, making.report
    for trajectory in found:
        check_trajectory(trajectory)
        clues = trajectory.task.spans or ()
        true = next(task for task in some if task.id == trajectory.task.id).spans or ()
        assert all(any(clue.intersection(span) for clue in clues) for span in true)
        reward = find_reward("video_o3")(trajectory)
        assert reward is not None
        assert reward > 2.4


class Answers:
    """Says the same, whatever it is shown; by the tool where there is one, citing what it has."""

    def __init__(
        self, text: str, *, cites: str = r"\[(e[0-9a-f]{16})\]", at_s: float = 0.0
    ) -> None:
        self.text, self.cites, self.at_s = text, cites, at_s

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        if not tools:
            return Reply(text=self.text)
        if not any(message.calls for message in messages):
            arguments: Any = {"start_s": self.at_s, "end_s": self.at_s + 2}
            return Reply(calls=(ToolCall(id="a", name="look", arguments=arguments),))
        ids: Any = re.findall(self.cites, messages[-1].text)
        arguments = {"value": self.text, "evidence": ids}
        return Reply(calls=(ToolCall(id="b", name="answer", arguments=arguments),))


def test_each_stage_can_turn_a_trajectory_down(source: WorldSource):
    (task,) = tasks("needle", size=1)
    right, (truth,) = str(task.answer), task.spans or ()
    away_s = 0.0 if truth.start > 30 else 50.0
    nowhere, elsewhere = Answers(right, cites="nothing"), Answers(right, at_s=away_s)

    def verdict(**policies: Any) -> str:
        stages = dict.fromkeys(("localiser", "answerer", "seeker", "judge"), Planner) | policies
        ((_, reason),) = asyncio.run(Clues(**stages).make(task, source, 0))
        return reason

    assert verdict(localiser=nowhere) == "no_clue"
    assert verdict(answerer=Answers("XXX")) == "clues_do_not_tell"
    assert verdict(seeker=Answers("XXX")) == "wrong"
    assert verdict(seeker=nowhere) == "cites_nothing"
    assert verdict(seeker=elsewhere) == "cites_elsewhere"
    assert verdict(judge=Answers("XXX")) == "not_supported"


# Hindsight


def test_captions_alone_must_tell_the_answer(source: WorldSource):
    found, making = made(
        Hindsight(WorldWriter, WorldChecker), tasks("needle", "multihop", size=2), source
    )
    assert len(found) == 2, making.report
    for trajectory in found:
        last = trajectory.steps[-1]
        blocks = intrinsic_spans(last.reply.thinking)
        assert len(blocks) == len(trajectory.task.spans or ())
        assert str(trajectory.task.answer) in last.reply.thinking
        assert last.reply.text == str(trajectory.task.answer)
        assert [step.weight for step in trajectory.steps] == [0.0, 1.0]


def test_captions_that_do_not_tell_are_written_three_times_and_dropped(source: WorldSource):
    (task,) = tasks("needle", size=1)
    tried: list[Sampling] = []

    class Vague:
        async def reply(
            self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
        ) -> Reply:
            tried.append(sampling)
            return Reply(text="Somebody shows something.")

    ((record, reason),) = asyncio.run(Hindsight(Vague(), WorldChecker).make(task, source, 0))
    assert reason == "captions_do_not_tell"
    assert len({sampling.seed for sampling in tried}) == len(tried) == 3
    assert "Somebody" in record.steps[-1].reply.thinking


def test_an_analyst_says_how_the_captions_lead_to_the_answer(source: WorldSource):
    (task,) = tasks("needle", size=1)
    analyst = ScriptedPolicy(Reply(text="So it is that card."))
    ((record, _),) = asyncio.run(
        Hindsight(WorldWriter, WorldChecker, analyst).make(task, source, 0)
    )
    assert record.steps[-1].reply.thinking.endswith("<think>So it is that card.</think>")


# Density


def test_the_label_is_the_first_density_from_which_on_it_is_right(source: WorldSource):
    found, making = made(Density(), tasks("needle", "fast", size=2), source)
    assert len(found) == 2, making.report
    slow, fast = (record.task.metadata["density"]["fps"] for record in found)
    assert slow <= 1.0 < fast
    for record in found:
        look = record.steps[0].reply.calls[0]
        label = record.task.metadata["density"]
        assert {name: look.arguments[name] for name in label} == label
        reward = find_reward("dynframe")
        parts = reward.parts_of(record)
        assert parts["accuracy"] == 1.0
        assert parts["density"] is not None
        assert parts["density"] > 0.7


def test_luck_is_no_density(source: WorldSource):
    (task,) = tasks("needle", size=1)
    right = str(task.answer)

    class Lucky(Planner):
        """Right from one picture, wrong from more."""

        async def reply(self, messages: Any, tools: Any, sampling: Any) -> Reply:
            num = sum(len(message.frames) for message in messages)
            arguments: Any = {"value": right if num < 4 else "XXX", "evidence": []}
            return Reply(calls=(ToolCall(id="b", name="answer", arguments=arguments),))

    ((_, reason),) = asyncio.run(Density(policy=Lucky, fps=(0.5, 4.0)).make(task, source, 0))
    assert reason == "no_density_tells"


# Visual prompts


def test_only_the_mark_says_who_is_meant(source: WorldSource):
    asked = list(marked_tasks(tasks("instance", "needle", size=6), source, seed=1))
    assert len(asked) == 3
    assert len({task.metadata["mark"] for task in asked}) == 3
    assert all(task.images[0].roi is None for task in asked)
    found, making = made(Oracle(mistakes=0.0), asked, source)
    assert len(found) >= 2, making.report
    for record in found:
        first = record.steps[0].observations[0].parts
        assert any(part.type == "picture" and part.frame == record.task.images[0] for part in first)


def test_another_mark_another_answer(source: WorldSource):
    """The picture differs from the plain frame, and only around the box."""
    (task,) = list(marked_tasks(tasks("instance", size=1), source))
    marked = task.images[0]
    plain = marked.replace(video_id=marked.video_id.split(":")[1])
    with_mark, without = source.resolve([marked, plain])
    rows, columns = np.nonzero((with_mark != without).any(axis=2))
    top, left, bottom, right = (float(side) for side in marked.video_id.split(":")[-1].split(","))
    assert len(rows)
    assert rows.min() >= top * marked.height - 12
    assert rows.max() <= bottom * marked.height + 12
    assert columns.min() >= left * marked.width - 40
    assert columns.max() <= right * marked.width + 40


def test_given_boxes_make_questions_that_they_answer(source: WorldSource):
    (world,) = tasks("needle", size=1)
    here, there = (Region(top=0.2, left=x, bottom=0.8, right=x + 0.3) for x in (0.0, 0.7))
    boxes = [Box(time_s=float(t), region=here if t < 3 else there) for t in (1, 2, 3, 8, 9)]
    track = Track(video_id=world.video_ids[0], boxes=tuple(boxes), metadata=world.metadata)
    assert track.spans == (Span(start=1, end=4), Span(start=8, end=10))
    asked = [task for seed in range(4) for task in track_tasks([track], source, seed=seed)]
    when = next(task for task in asked if task.id.endswith("when"))
    assert score(AnswerKind.SPANS, "1-4; 8-10", when.answer) == 1.0
    sides = [task for task in asked if task.id.endswith("side")]
    assert sides
    for task in sides:
        t = float(re.findall(r"at (\d+\.\d) s", task.question)[0])
        assert task.answer == ("left" if t < 3 else "right")


# Text


def events_of(question: str) -> list[tuple[float, float, str]]:
    """The captions as a reader has them, in order of time; places where there are no times."""
    timed = re.findall(r"^(\d+\.\d) to (\d+\.\d) s: (.+)$", question, re.MULTILINE)
    if timed:
        return sorted((float(start), float(end), words) for start, end, words in timed)
    listed = re.findall(r"^(\d+)\. (.+)$", question, re.MULTILINE)
    return [(float(place), float(place), words) for place, words in listed]


def worked_out(task: Task) -> Any:
    """The answer, found by reading the captions anew."""
    events = events_of(task.question)
    asked = task.question.rpartition("\n\n")[2]
    words = [event[2] for event in events]
    quoted = re.findall(r'"(.+)"', asked)
    match str(task.metadata["family"]):
        case "text_first":
            return next(w for w in words if w in task.options)
        case "text_last":
            return next(w for w in reversed(words) if w in task.options)
        case "text_before":
            return words[words.index(quoted[0]) - 1]
        case "text_after":
            return words[words.index(quoted[0]) + 1]
        case "text_longer":
            lasts = {w: end - start for start, end, w in events}
            return max(task.options, key=lasts.__getitem__)
        case "text_count":
            return words.count(quoted[0])
        case _:
            letters = dict(re.findall(r"^([A-D]): (.+)$", asked, re.MULTILINE))
            return sorted(letters, key=lambda letter: words.index(letters[letter]))


def test_every_answer_about_text_is_found_again_by_reading(source: WorldSource):
    maker = TemporalText(num=21)
    found, _ = made(maker, tasks("needle", "count", "order", size=6), source)
    assert {str(t.task.metadata["family"]) for t in found} == {f"text_{kind}" for kind in KINDS}
    assert len(found) > 60
    for trajectory in found:
        assert trajectory.task.answer == worked_out(trajectory.task), trajectory.task.question
        assert find_reward("accuracy")(trajectory) == 1.0
    letters = [t.task.options.index(str(t.task.answer)) for t in found if len(t.task.options) == 4]
    assert max(map(letters.count, range(4))) < 0.5 * len(letters)


def test_a_kind_that_captions_do_not_allow_is_left_out():
    rng = Rng(0, "t")
    assert item("order", [(0.0, 1.0, "a"), (1.0, 2.0, "b")], rng, 6) is None
    assert item("count", [], rng, 6) is None
    with pytest.raises(ValueError, match="a kind is one of"):
        item("colour", [], rng, 6)


def test_text_is_made_without_opening_a_video():
    class Closed:
        def open(self, task: Task, budget: Budget) -> Any:
            raise AssertionError("nothing is to be opened")

        def resolve(self, refs: Any) -> Any:
            raise AssertionError("nothing is to be seen")

    closed: Source = Closed()
    found: list[Trajectory] = made(TemporalText(), tasks("needle", size=1), closed)[0]
    assert found
