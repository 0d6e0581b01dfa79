"""The oracle's traces: right, made by the real loop, with mistakes that are not learned."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from playhead.agent.source import Source, WorldSource
from playhead.core import Author, Budget, Origin, Task, Trajectory, TrajectoryStore
from playhead.core.errors import VideoNotFound
from playhead.core.evidence import Evidence, Kind
from playhead.core.span import Span
from playhead.evaluation.scorers import find_scorer
from playhead.memory.recipe import MemoryRecipe
from playhead.testing import check_trajectory
from playhead.training.synthesize import Habits, Made, Making, Oracle, synthesize
from playhead.training.synthesize.planner import per_call, quota_for
from playhead.worlds.dataset import create_dataset, to_task
from playhead.worlds.eyes import perceive
from playhead.worlds.script import PLACES, Speech

FAMILIES = ("needle", "multihop", "detail", "count", "negative", "instance")


def tasks(*families: str, size: int, seed: int = 3, **knobs: Any) -> list[Task]:
    data = create_dataset(families, size=size, seed=seed, duration_ms=60_000, **knobs)
    return [to_task(entry) for entry in data]


def made(
    maker: Any, some: Sequence[Task], source: Source, **how: Any
) -> tuple[list[Trajectory], Making]:
    making = how.pop("making", Making())

    async def collect() -> list[Trajectory]:
        return [t async for t in synthesize(maker, some, source, making=making, **how)]

    return asyncio.run(collect()), making


@pytest.fixture(scope="module")
def source() -> Iterator[WorldSource]:
    with WorldSource() as source:
        yield source


@pytest.fixture(scope="module")
def spoilt(source: WorldSource) -> list[Trajectory]:
    """Traces with every mistake that there is occasion for."""
    found, making = made(Oracle(mistakes=1.0), tasks(*FAMILIES, size=6, event_ms=2000), source)
    assert making.num_kept >= 4, making.report
    return found


def test_most_questions_are_answered_without_mistakes(source: WorldSource):
    asked = tasks(*FAMILIES, size=6)
    found, making = made(Oracle(mistakes=0.0), asked, source)
    assert making.num_kept >= 5, making.report
    assert [t.task.id for t in found] == [t.id for t in asked if t.id in {f.task.id for f in found}]
    for trajectory in found:
        check_trajectory(trajectory)
        assert find_scorer("accuracy")(trajectory) == 1.0
        assert find_scorer("format")(trajectory) == 1.0
        assert find_scorer("evidence_complete")(trajectory) in (1.0, None)
        assert all(step.weight == 1.0 for step in trajectory.steps)
        assert {step.reply.author for step in trajectory.steps} == {Author.TEACHER}


def test_a_spoilt_turn_has_no_weight_and_the_next_one_has(spoilt: list[Trajectory]):
    for trajectory in spoilt:
        weights = [step.weight for step in trajectory.steps]
        assert weights.count(0.0) >= 2
        assert weights[-1] == 1.0
        assert all(0.0 not in pair or sum(pair) for pair in pairwise(weights))


def test_a_turn_that_is_learned_is_never_refused(spoilt: list[Trajectory]):
    for trajectory in spoilt:
        for step in trajectory.steps:
            failures = [seen.failure for seen in step.observations if seen.failure]
            assert not (failures and step.weight), failures
            assert all(failure.origin is Origin.MODEL for failure in failures)


def test_all_mistakes_are_made(spoilt: list[Trajectory]):
    wrong = [s for t in spoilt for s in t.steps if s.weight == 0.0]
    codes = {seen.failure.code for s in wrong for seen in s.observations if seen.failure}
    assert {"no_such_evidence", "impossible"} <= codes
    assert codes & {"bad_arguments", "unreadable_arguments"}
    looked = [s for s in wrong if any(seen.evidence for seen in s.observations)]
    assert looked
    clamped = [s for s in looked if "Only" in s.observations[0].text]
    assert len(looked) > len(clamped)


def test_a_look_at_the_wrong_place_shows_nothing_of_the_truth(spoilt: list[Trajectory]):
    for trajectory in spoilt:
        for step in trajectory.steps:
            for seen in step.observations:
                if step.weight == 0.0:
                    frames = [f.time_s for e in seen.evidence for f in e.frames]
                    true = trajectory.task.spans or ()
                    assert not any(t in span for t in frames for span in true)


def test_no_thought_and_no_call_knows_what_was_not_seen(spoilt: list[Trajectory]):
    """Codes and places are named only after a picture that was shown has them."""
    code, place = re.compile(r"\b[A-Z0-9]{3,4}\b"), re.compile(rf"\b({'|'.join(PLACES)})\b")
    num_named = 0
    for trajectory in spoilt:
        seen: set[str] = set(place.findall(trajectory.task.question))
        seen |= set(code.findall(trajectory.task.question))
        for step in trajectory.steps:
            said = f"{step.reply.thinking} {step.reply.text}"
            values = [c.arguments.get("value", "") for c in step.reply.calls]
            said = " ".join([said, *map(str, values)])
            named = set(code.findall(said)) | set(place.findall(said))
            assert named <= seen, (named - seen, said)
            num_named += len(named)
            seen |= shown(trajectory, step.observations)
    assert num_named > 5


def shown(trajectory: Trajectory, observations: Any) -> set[str]:
    """The codes and places in the pictures of some observations, seen anew from their pixels."""
    frames = [f for o in observations for e in o.evidence for f in e.frames if f.roi is None]
    words: set[str] = set()
    with WorldSource() as source:
        source.learn([trajectory.task])
        for picture in source.resolve([f for f in frames if not f.video_id.startswith("mark:")]):
            facts = perceive(picture)
            words |= {card.text for card in facts.cards if card.text}
            words |= {part for card in facts.cards for part in (card.text or "").split(">")}
            words |= {facts.sign.text} if facts.sign and facts.sign.text else set()
            words |= {facts.place} if facts.place else set()
    return words


def test_the_same_seed_makes_the_same_traces(source: WorldSource):
    def plain(trajectory: Trajectory) -> str:
        cost = trajectory.cost.replace(seconds=0)
        return trajectory.replace(timing=None, cost=cost).to_json()

    some = tasks("needle", size=2)
    one, _ = made(Oracle(mistakes=0.5), some, source, seed=4)
    two, _ = made(Oracle(mistakes=0.5), some, source, seed=4, num_at_once=1)
    other, _ = made(Oracle(mistakes=0.5), some, source, seed=5)
    assert [plain(t) for t in one] == [plain(t) for t in two]
    assert [plain(t) for t in one] != [plain(t) for t in other]


def test_thoughts_can_be_left_out(source: WorldSource):
    (trace,), _ = made(Oracle(think=False), tasks("needle", size=1), source)
    assert not any(step.reply.thinking for step in trace.steps)


def test_a_run_goes_on_where_it_was(source: WorldSource, tmp_path: Path):
    some = tasks("needle", size=2)
    store = TrajectoryStore(tmp_path / "kept.jsonl")
    first, _ = made(Oracle(), some[:1], source, making=Making(store))
    then, making = made(Oracle(), some, source, making=Making(store))
    assert making.num_resumed == 1
    assert [t.task.id for t in store] == [t.id for t in some]
    assert [*first, *then] == list(store)


class Tries:
    """Makes one good trajectory and a bad one, or breaks."""

    name = "tries"

    def __init__(self) -> None:
        self.running = self.most = 0

    async def make(self, task: Task, source: Source, seed: int) -> Sequence[Made]:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.01)
        self.running -= 1
        if task.id == "gone":
            raise VideoNotFound("no file there")
        from tests.evaluation.records import record

        return [Made(record(task=task)), Made(record(answer="no", task=task), "wrong")]


def test_everything_is_counted_and_what_is_not_kept_is_kept_apart(tmp_path: Path):
    some = [Task(id=id_, question="?", answer="ACD") for id_ in ("a", "gone", "b", "c", "d")]
    making = Making(TrajectoryStore(tmp_path / "k.jsonl"), TrajectoryStore(tmp_path / "r.jsonl"))
    maker = Tries()
    found, _ = made(maker, some, WorldSource(), making=making, num_at_once=2)
    assert [t.task.id for t in found] == ["a", "b", "c", "d"]
    assert maker.most == 2
    assert (making.num_tasks, making.num_kept) == (5, 4)
    assert making.reasons == {"wrong": 4}
    assert making.broken == {"VideoNotFound": 1}
    assert making.rejected is not None
    assert [t.task.id for t in making.rejected] == ["a", "b", "c", "d"]
    assert "5 tasks, 8 attempts, 4 kept (50%)" in making.report
    with pytest.raises(ValueError, match="one task at a time"):
        made(maker, some, WorldSource(), num_at_once=0)


def test_a_look_shows_pictures_as_large_as_they_are_while_it_can():
    (task,) = tasks("needle", size=1)
    with WorldSource() as source, source.open(task, Budget()) as ctx:
        info = ctx.info(task.video_ids[0])
        most = per_call(info)
        assert [quota_for(info, n) for n in (1, 20, most)] == ["coarse", "medium", "fine"]
    large = info.replace(height=4000, width=8000)
    assert per_call(large) == 8
    assert Habits().close_fps == 1.0


def test_a_planner_makes_do_with_a_large_video(source: WorldSource):
    (task,) = tasks("needle", size=1, height=720, width=1280)
    (trace,), _ = made(Oracle(mistakes=0.0), [task], source)
    assert trace.scores["accuracy"] == 1.0


def test_the_rule_of_a_door_is_found_by_looking(source: WorldSource):
    data = create_dataset("rule", size=3, seed=3, duration_ms=120_000)
    found, making = made(Oracle(mistakes=0.0), [to_task(entry) for entry in data], source)
    assert making.num_kept == 3, making.report
    for trajectory in found:
        assert find_scorer("evidence_iou")(trajectory)
        assert len(trajectory.steps) <= 12


class Hears:
    """An eye that hears what the script says is spoken: a speech engine that makes no mistakes."""

    name = "knows-the-script"
    kind = Kind.SPEECH

    def see(self, video: Any, span: Span, frames: Any) -> list[Evidence]:
        said = [s for s in video._world.events_of(Speech) if s.start_ms / 1000 in span]
        return [
            Evidence.make(video.id, part, self.kind, text=s.text)
            for s in said
            if (part := Span(start=s.start_ms / 1000, end=s.end_ms / 1000).clamp(span)) is not None
        ]


def test_a_spoken_code_is_read_in_the_transcript_and_cited():
    some = [t for t in tasks("audio", size=6) if t.metadata["form"] == "spoken"]
    recipe = MemoryRecipe(embedders=(), eyes=(), late_eyes=(Hears(),))
    with WorldSource(recipe=recipe, index=True) as hearing:
        found, making = made(Oracle(mistakes=0.0), some, hearing)
    assert len(found) == len(some) > 1, making.report
    for trajectory in found:
        assert find_scorer("evidence_complete")(trajectory) == 1.0
        assert trajectory.steps[0].reply.calls[0].name == "transcript"


def test_what_nobody_can_hear_is_counted(source: WorldSource):
    some = tasks("audio", size=8)
    num_spoken = sum(t.metadata["form"] == "spoken" for t in some)
    found, making = made(Oracle(mistakes=0.0), some, source)
    assert not found
    assert 0 < num_spoken < 8
    assert making.reasons == {
        "no_tool_hears_tones": 8 - num_spoken,
        "nothing_heard": num_spoken,
    }
