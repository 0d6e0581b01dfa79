"""Making trajectories to learn from: one module a way, all of them run by `synthesize`."""

from typing import TYPE_CHECKING

from playhead._lazy import lazy

if TYPE_CHECKING:
    from playhead.training.synthesize.clues import Clues
    from playhead.training.synthesize.density import Density
    from playhead.training.synthesize.hindsight import Hindsight
    from playhead.training.synthesize.making import Made, Maker, Making, synthesize
    from playhead.training.synthesize.oracle import Oracle
    from playhead.training.synthesize.planner import Habits, Planner
    from playhead.training.synthesize.teacher import Teacher
    from playhead.training.synthesize.temporal_text import TemporalText
    from playhead.training.synthesize.visual_prompt import marked_tasks, track_tasks

__all__ = [
    "Clues",
    "Density",
    "Habits",
    "Hindsight",
    "Made",
    "Maker",
    "Making",
    "Oracle",
    "Planner",
    "Teacher",
    "TemporalText",
    "marked_tasks",
    "synthesize",
    "track_tasks",
]

_HOMES = {
    "clues": ("Clues",),
    "density": ("Density",),
    "hindsight": ("Hindsight",),
    "making": ("Made", "Maker", "Making", "synthesize"),
    "oracle": ("Oracle",),
    "planner": ("Habits", "Planner"),
    "teacher": ("Teacher",),
    "temporal_text": ("TemporalText",),
    "visual_prompt": ("marked_tasks", "track_tasks"),
}

__getattr__ = lazy(
    __name__,
    {
        name: f"playhead.training.synthesize.{home}"
        for home, names in _HOMES.items()
        for name in names
    },
)
