"""Visual prompts: questions that point with a marked picture instead of naming (VideoSeeker).

    tasks = marked_tasks(dataset_tasks, source, seed=7)           # "where does this one go next?"
    tasks = track_tasks(tracks, source, seed=7)                   # from boxes that somebody has

A task's picture is the whole frame with a mark on it, by reference: a policy is shown it when it
looks with `anchor="q1"`. Only the mark says who is meant. What is asked of worlds are the questions
of the family `instance`; what is asked of given boxes can be read off the boxes. Trajectories of
these tasks are made as of any others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from pydantic import Field, NonNegativeFloat

from playhead.agent.source import Source
from playhead.core.budget import Budget
from playhead.core.media import FrameRef, Region
from playhead.core.span import Span, merge
from playhead.core.trajectory import Task
from playhead.core.value import JsonObject, Text, Value
from playhead.tools.context import ToolContext
from playhead.tools.made import MARKS, marked
from playhead.worlds.rng import Rng
from playhead.worlds.verify import AnswerKind


class Box(Value):
    """Where a thing is at one moment."""

    time_s: NonNegativeFloat
    region: Region


class Track(Value):
    """One thing in one video, at all moments at which it is known where it is."""

    video_id: Text
    boxes: tuple[Box, ...]
    step_s: float = 1.0
    """How far apart the moments are: between two that are further apart it was not seen."""
    metadata: JsonObject = Field(default_factory=dict)
    """For the tasks: what their source needs to know, such as the recipe of a world."""

    @property
    def spans(self) -> tuple[Span, ...]:
        """When it is seen."""
        seen = [Span(start=box.time_s, end=box.time_s + self.step_s) for box in self.boxes]
        return tuple(merge(seen, gap_s=self.step_s / 100))


def marked_tasks(tasks: Iterable[Task], source: Source, *, seed: int = 0) -> Iterator[Task]:
    """The tasks with a marked frame in place of the cut-out picture that they point with, marks of
    all kinds in turn; tasks that point with none are left out.

    Raises:
        VideoError: A video of a task cannot be had.
    """
    first = Rng(seed, "mark").below(len(MARKS))
    kinds = (MARKS[(first + number) % len(MARKS)] for number in count())
    for task in tasks:
        frame = next(iter(task.images), None)
        if frame is None or frame.roi is None:
            continue
        kind = next(kinds)
        with source.open(task, Budget()) as ctx:
            picture = mark_in(ctx, frame.video_id, Box(time_s=frame.time_s, region=frame.roi), kind)
        told = {**task.metadata, "mark": kind}
        yield task.replace(id=f"{task.id}-{kind}", images=(picture,), metadata=told)


def track_tasks(tracks: Iterable[Track], source: Source, *, seed: int = 0) -> Iterator[Task]:
    """Two questions about each thing that is tracked: when it is seen, and on which side of the
    picture it is at another moment than the marked one.

    Raises:
        VideoError: A video cannot be had.
    """
    for number, track in enumerate(tracks):
        rng = Rng(seed, "track", number, track.video_id)
        box, other = rng.choice(track.boxes), rng.choice(track.boxes)
        kind = rng.choice(MARKS)
        blank = Task(id="", question="", video_ids=(track.video_id,), metadata=track.metadata)
        with source.open(blank, Budget()) as ctx:
            picture = mark_in(ctx, track.video_id, box, kind)
        first = Task(
            id=f"track-{number}-when",
            question=f"When is the one marked with a {kind} in the picture seen? Answer with the "
            "start and the end in seconds of each time, like 12.5-14.0; 20.0-21.0.",
            video_ids=(track.video_id,),
            images=(picture,),
            answer=[[span.start, span.end] for span in track.spans],
            spans=track.spans,
            metadata={**track.metadata, "kind": str(AnswerKind.SPANS), "mark": kind},
        )
        yield first
        if other.time_s != box.time_s:
            yield first.replace(
                id=f"track-{number}-side",
                question=f"On which side of the picture is the one marked with a {kind} at "
                f"{other.time_s:.1f} s?",
                options=SIDES,
                answer=side_of(other.region),
                spans=(Span(start=other.time_s, end=other.time_s + track.step_s),),
                metadata={**track.metadata, "kind": str(AnswerKind.TEXT), "mark": kind},
            )


SIDES = ("left", "middle", "right")


def side_of(region: Region) -> str:
    """In which third of the picture the middle of a region is."""
    middle = (region.left + region.right) / 2
    return SIDES[min(2, int(middle * 3))]


def mark_in(ctx: ToolContext, video_id: str, box: Box, kind: str) -> FrameRef:
    """The frame with a mark around the box, by reference.

    Raises:
        ValueError: No such kind of mark.
        VideoError: The frame cannot be read.
    """
    frames = ctx.decode(video_id, [box.time_s], max_side=None)
    reference, _ = marked(frames.refs[0], frames.pixels[0], kind, box.region)
    return reference
