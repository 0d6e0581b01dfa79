"""What is learned from a rollout: one of its rows, or nothing and why.

    lesson = lesson_of(trajectory, renderer, source.resolve, max_tokens=8192)

A rollout whose turns are shown otherwise than they were written has several rows, and a trainer has
room for one. One is drawn, and its advantages are multiplied by how many there are: on average that
is to learn from all of them. (With the last one always, a turn that breaks the format would never
be unlearned, because it is never in the last row.)

Nothing is learned when something else than the model failed, when the row is too long (a row is
never cut: a cut picture has no features) or, if that is asked for, when the last reply was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from playhead.agent.rollouts import fault, is_cut, tally
from playhead.core.errors import Origin, VideoError
from playhead.core.trajectory import Scorer, Trajectory
from playhead.models.pictures import Resolve
from playhead.training.rows import Renderer, Row, rows

_OTHERS_FAULT = "not_the_models_fault"


class Lesson(NamedTuple):
    """What a rollout gives to the loss."""

    trajectory: Trajectory
    row: Row | None
    """None: nothing is learned."""
    pictures: Sequence[Any]
    """Of the row: PIL images."""
    num_rows: int
    """How many the rollout has."""
    num_left_out: int
    """Written tokens that the last row does not hold."""
    why_not: str
    """Why nothing is learned. Empty: something is."""

    def score(self, scorer: Scorer) -> float | None:
        """What it is worth. None: it cannot be judged, or something else than the model failed."""
        return None if self.why_not == _OTHERS_FAULT else scorer(self.trajectory)


def lesson_of(
    trajectory: Trajectory,
    renderer: Renderer,
    resolve: Resolve,
    *,
    max_tokens: int,
    mask_cut: bool = False,
) -> Lesson:
    """Draw a row and decode its pictures. The same rollout draws the same row.

    Args:
        trajectory: Of the rollout.
        renderer: Of the model that learns.
        resolve: From references to pictures.
        max_tokens: A longer row teaches nothing.
        mask_cut: A rollout whose last reply was cut teaches nothing, either.
    """
    from PIL import Image

    made = rows(trajectory, renderer)
    num_left_out = sum(one.num_written for one in made[:-1])
    row = Random(trajectory.id).choice(made) if made else None
    if fault(trajectory) not in (None, Origin.MODEL):
        why_not = _OTHERS_FAULT
    elif row is None:
        why_not = "nothing_written"
    elif len(row) > max_tokens:
        why_not = "too_long"
    elif mask_cut and is_cut(trajectory):
        why_not = "cut"
    else:
        try:
            pictures = [Image.fromarray(picture) for picture in resolve(row.frames)]
            return Lesson(trajectory, row, pictures, len(made), num_left_out, "")
        except VideoError:
            why_not = "pictures_gone"
    return Lesson(trajectory, None, (), len(made), num_left_out, why_not)


def for_trl(lessons: Sequence[Lesson], end: int, *, is_exact: bool) -> tuple[Any, ...]:
    """As TRL takes rollouts, in its order: prompts, completions, which tokens were written, what
    was said, log-probabilities, nothing more, pictures twice.

    Args:
        lessons: Of a batch.
        end: The token of which the prompt and the completion are where nothing is learned.
        is_exact: Whoever sampled calculates as the trainer does. Then, or if any log-probability
            was not recorded, there are none: the model's own are computed where they are needed.
    """
    made = [lesson.row for lesson in lessons]
    prompt_ids = [list(r.ids[: r.prompt]) if r else [end] for r in made]
    completion_ids = [list(r.ids[r.prompt :]) if r else [end] for r in made]
    mask = [list(r.mask[r.prompt :]) if r else [0] for r in made]
    answers = [one.trajectory.answer for one in lessons]
    said = [[{"role": "assistant", "content": a.text if a else ""}] for a in answers]
    told = [_recorded(r) for r in made]
    logprobs = None if is_exact or any(one is None for one in told) else told
    shown = [list(lesson.pictures) for lesson in lessons]
    images = shown if any(shown) else None
    return prompt_ids, completion_ids, mask, said, logprobs, {}, images, images or []


def numbers(lessons: Sequence[Lesson]) -> dict[str, float]:
    """What rollouts were like, as `rollouts.tally`, and what is learned of them."""
    num, some = len(lessons), [lesson.row for lesson in lessons if lesson.row is not None]
    return tally([lesson.trajectory for lesson in lessons]) | {
        "rollouts/left_out_tokens": sum(lesson.num_left_out for lesson in lessons) / num,
        "rollouts/masked": 1 - len(some) / num,
        "completions/mean_length": sum(row.num_written for row in some) / max(1, len(some)),
    }


def _recorded(row: Row | None) -> list[float] | None:
    """Recorded log-probabilities of a completion, 0 where nothing was sampled. None: unknown."""
    if row is None:
        return [0.0]
    told = list(zip(row.logprobs, row.mask, strict=True))[row.prompt :]
    if any(p is None for p, written in told if written):
        return None
    return [p if written and p is not None else 0.0 for p, written in told]
