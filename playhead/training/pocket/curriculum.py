"""What the pocket model is taught and asked: films of 160 seconds, 18 pictures to spend.

Scenes last half a minute and a card with one character is up for three seconds. 18 pictures spread
evenly show the card in 1 of 3 films; eight of them to survey and ten for one scene, in twice as
many. So it pays to look twice, and nothing else tells a model that does from one that does not.

All questions are about the card that somebody raised in a place: what was on it (`needle`), what
was on it if there was one (`negative`, where half of them never were), or when (`grounding`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from playhead.core.budget import Budget
from playhead.core.tools import Tool
from playhead.core.trajectory import Task
from playhead.tools.toolset import Toolset, default_tools
from playhead.worlds.dataset import Split, create_dataset, question_of, to_task
from playhead.worlds.families.build import HeldOut
from playhead.worlds.script import World

DURATION_S = 160.0
HEIGHT, WIDTH = 180, 224
"""Pixels of the smallest worlds."""
KNOBS: dict[str, Any] = {
    "duration_ms": round(1000 * DURATION_S), "scene_ms": 30_000, "event_ms": 3_000,
    "code_length": 1, "height": HEIGHT, "width": WIDTH, "modality": "visual",
}  # fmt: skip
FORMS = {"where": "needle", "or_absent": "negative", "card": "grounding"}
"""The forms of questions, and the family of each. `needle.elsewhere` takes more pictures than there
are to spend."""
SHARES = (2, 1, 1)
"""How often each form is in lessons."""
FAMILIES = tuple(dict.fromkeys(FORMS.values()))
NUM_SURVEY, NUM_CLOSE = 8, 10
"""Pictures of the first look and of the second."""
NUM_PICTURES = NUM_SURVEY + NUM_CLOSE
BUDGET = Budget(turns=6, frames=NUM_PICTURES)
LONGEST_REPLY = 40
"""Tokens."""


def moment(time_s: float) -> str:
    """When a card was up that a picture shows: as long as cards are up, with it in the middle."""
    half_s = KNOBS["event_ms"] / 2000
    return f"{max(0.0, time_s - half_s):.1f}-{min(DURATION_S, time_s + half_s):.1f}"


class Asked(NamedTuple):
    """A task and the world that it is about."""

    task: Task
    world: World


def tools() -> tuple[Tool, ...]:
    """What the pocket model is offered: `look` and `answer`."""
    return tuple(Toolset(default_tools()).only("look", "answer"))


def tasks(
    seed: int,
    *,
    families: Sequence[str] = FAMILIES,
    split: Split = "train",
    held_out: HeldOut | None = None,
    num_rivals: int = 6,
) -> Iterator[Asked]:
    """Ever new tasks, the families taking turns; never ends.

    Args:
        seed: Another one, other films.
        families: Of `FAMILIES`.
        split: Of seeds.
        held_out: As `create_dataset` has it.
        num_rivals: Cards that are put in because they could be mistaken for the one asked about.
    """
    knobs = {**KNOBS, "num_distractors": num_rivals}
    data = create_dataset(
        families, size=10_000_000, seed=seed, split=split, held_out=held_out, **knobs
    )
    for entry in data:
        if question_of(entry).form in FORMS:
            yield Asked(to_task(entry), data.world(entry))
