"""What the pocket model is taught and asked: films of about four minutes, 24 pictures to spend.

Scenes last half a minute and a card is up for four seconds. 24 pictures spread evenly show the card
in 4 of 10 films; twelve of them to survey and twelve for one scene, in 17 of 20 (measured on
scripts). So it pays to look twice, and nothing else tells a model that does from one that does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from playhead.agent.attempt import attempt
from playhead.agent.source import Source
from playhead.core.budget import Budget
from playhead.core.policy import Author
from playhead.core.span import Span
from playhead.core.tools import Tool
from playhead.core.trajectory import Task, Trajectory
from playhead.tools.toolset import Toolset, default_tools
from playhead.training.pocket.lessons import Lesson, Teacher
from playhead.training.pocket.surveyor import Sights, Surveyor
from playhead.worlds.dataset import Split, create_dataset, question_of, to_task
from playhead.worlds.families.build import HeldOut
from playhead.worlds.rng import Rng
from playhead.worlds.script import World

KNOBS: dict[str, Any] = {
    "scene_ms": 30_000, "height": 180, "width": 224, "modality": "visual",
}  # fmt: skip
DURATIONS_MS = (180_000, 240_000, 210_000, 270_000)
"""Taken in turns. With films of one length, times are learnt by where they stand and not read."""
FAMILIES = ("needle", "negative", "cooccurrence")
"""Cards that are there, cards that may not be there, and a control that a survey answers."""
FORMS = ("where", "or_absent", "yes_no", "never", "together", "apart")
"""`needle.elsewhere` is left out: it takes more pictures than there are to spend."""
NUM_PICTURES = 24
BUDGET = Budget(turns=6, frames=NUM_PICTURES)


class Asked(NamedTuple):
    """A task and the world that it is about."""

    task: Task
    world: World


def tools() -> tuple[Tool, ...]:
    """What the pocket model is offered: `look` and `answer`."""
    return tuple(Toolset(default_tools()).only("look", "answer"))


def tasks(
    family: str, seed: int, *, split: Split = "train", held_out: HeldOut | None = None
) -> Iterator[Asked]:
    """Ever new tasks of a family; never ends."""
    films = [
        create_dataset(
            family, size=10_000_000, seed=1000 * seed + i, split=split, held_out=held_out,
            duration_ms=duration_ms, **KNOBS,
        )
        for i, duration_ms in enumerate(DURATIONS_MS)
    ]  # fmt: skip
    for number in range(10_000_000):
        data = films[number % len(films)]
        entry = data[number // len(films)]
        if question_of(entry).form in FORMS:
            yield Asked(to_task(entry), data.world(entry))


def reading(teacher: Teacher, source: Source, seed: int) -> Iterator[Lesson]:
    """Lessons in answering from the pictures at hand, mostly of a part of a film; never ends."""
    rng = Rng(seed, "reading")
    asked = {name: tasks(name, seed + i) for i, name in enumerate(FAMILIES)}
    for number in range(10_000_000):
        draw = rng.child(number)
        task, world = next(asked[draw.weighted(FAMILIES, (9, 9, 2))])
        sights = Sights(task, world)
        parts = [(part, 6 + draw.below(7)) for part in windows(task, sights, draw, 3)]
        if draw.chance(1, 3):
            parts.append((task, 16 + draw.below(NUM_PICTURES - 15)))
        for part, num in parts:
            yield _lesson(teacher, source, part, sights, "direct", Budget(turns=6, frames=num), 0)


def seeking(
    teacher: Teacher, source: Source, seed: int, *, slips: float = 0.15
) -> Iterator[Lesson]:
    """Lessons in looking twice. In some of them it first looks elsewhere, which is not learned but
    read, and what comes after it is learned. Never ends."""
    rng = Rng(seed, "seeking")
    asked = {name: tasks(name, seed + i) for i, name in enumerate(FAMILIES)}
    for number in range(10_000_000):
        task, world = next(asked[rng.child(number).weighted(FAMILIES, (10, 7, 3))])
        yield _lesson(teacher, source, task, Sights(task, world), "seek", BUDGET, slips)


def _lesson(
    teacher: Teacher, source: Source, task: Task, sights: Sights, strategy: str, budget: Budget,
    slips: float,
) -> Lesson:  # fmt: skip
    policy = Surveyor(task, sights, slips=slips)
    with source.open(task, budget) as ctx:
        record = asyncio.run(attempt(task, policy, tools(), ctx, strategy=strategy))
        frames = [frame for message in record.messages() for frame in message.frames]
        pictures = ctx.resolve(frames)
    return teacher.lesson(_weighted(record, policy.slipped), sights, pictures)


def _weighted(record: Trajectory, slipped: Sequence[int]) -> Trajectory:
    """The record without weight on slips and on what our own code wrote, as a first even look."""
    steps = tuple(
        step.replace(weight=0.0) if i in slipped or step.reply.author is Author.SCRIPT else step
        for i, step in enumerate(record.steps)
    )
    return record.replace(steps=steps)


def windows(task: Task, sights: Sights, rng: Rng, num: int) -> Iterator[Task]:
    """The task about parts of its film: the first has what it asks about, if anything does; the
    second is in the place that is asked about; the others are anywhere."""
    end_s = sights.world.duration_ms / 1000
    for i in range(num):
        length_s = 15.0 + rng.below(400) / 10
        middle_s = rng.below(round(end_s * 10)) / 10
        scenes = [scene for scene in sights.world.scenes if scene.place == sights.place]
        if i == 0 and task.spans:
            span = task.spans[0]
            middle_s = (span.start + span.end) / 2 + (rng.below(21) - 10) * length_s / 30
        elif i == 1 and scenes:
            scene = rng.choice(scenes)
            middle_s = (scene.start_ms + scene.end_ms) / 2000
        start_s = round(min(max(0.0, middle_s - length_s / 2), end_s - length_s), 1)
        yield task.replace(within=Span(start=start_s, end=round(start_s + length_s, 1)))
