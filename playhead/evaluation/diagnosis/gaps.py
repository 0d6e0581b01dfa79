"""Gaps: how much of a score is left when the video, or most of it, is taken away.

    for gap in gaps(records, {"blind": blind_records}, score):
        print(gap.told)

A policy that answers without looking scores as well blind; one picture is enough for a question
that a thumbnail answers, and captions for one that was written from captions. So beside a score
stand four others, on the same questions, and the differences question by question. (Blind gap and
visual gain: 2606.30220; the four conditions: Cambrian-S.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playhead.core.trajectory import Scorer, Trajectory
from playhead.evaluation.diagnosis.views import View, blind, captions, salient, single_frame
from playhead.evaluation.paired import Difference, compare, pairs

LEAST_QUESTIONS = 10
"""With fewer than these in common nothing is said."""


def usual_views() -> tuple[View, ...]:
    """The question alone, the middle picture, the one that stands out, captions of everything."""
    return blind, single_frame, salient, captions()


@dataclass(frozen=True)
class Gap:
    """What the whole video adds to what a view shows."""

    view: str
    difference: Difference
    """From the view to the run."""

    @property
    def is_open(self) -> bool:
        """Whether the run is better than the view, by more than chance explains."""
        return self.difference.interval[0] > 0

    @property
    def told(self) -> str:
        """All of it in a sentence."""
        found = self.difference
        low, high = found.interval
        numbers = (
            f"{found.before:.3f} with {self.view}, {found.after:.3f} in the run, "
            f"{found.mean:+.3f} ({low:+.3f} to {high:+.3f}) on {found.num} questions"
        )
        verdict = "" if self.is_open else f": the score does not need more than {self.view}"
        return numbers + verdict


def gaps(
    run: Sequence[Trajectory],
    probes: Mapping[str, Sequence[Trajectory]],
    score: Scorer,
    *,
    least: int = LEAST_QUESTIONS,
) -> list[Gap]:
    """What a run scores above each of several probes of the same questions.

    Args:
        run: The attempts that are published.
        probes: Records of `probe`, by the name of their view.
        score: How both are judged.
        least: Probes with fewer judged questions in common are left out.
    """
    found: list[Gap] = []
    for view, records in probes.items():
        both = pairs(records, run, score)
        if len(both) >= least:
            found.append(Gap(view, compare(both)))
    return found
