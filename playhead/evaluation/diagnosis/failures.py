"""Failures: a name for every wrong answer, by what would put it right.

    cases = await diagnose(records, policy, source)
    print(Counter(case.label for case in cases))

    language_prior   without any picture it answers the same
    retrieval        shown the evidence it is right, and the attempt had not found all of it
    fusion           it is right from the evidence alone and had found all of it, among other things
    perception       it is wrong before pictures of the evidence, and right when told it in words
    temporal_logic   it is wrong even when told the evidence in words, with its times

The first two, and oracle frames to tell them apart from the rest, are HERBench's; words, which tell
eyes from reasoning, are T3's (2410.06166). They are asked in this order and the first that holds is
the name. Nothing is said where the seconds that hold the truth are not known, or a probe broke.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from playhead.agent.source import Source
from playhead.core.errors import Blamed
from playhead.core.trajectory import Answer, Task, Trajectory
from playhead.evaluation.asking import Mind, is_right
from playhead.evaluation.diagnosis.probes import probe
from playhead.evaluation.diagnosis.views import Tell, View, blind, evidence, evidence_in_words
from playhead.evaluation.scorers.answers import correct
from playhead.evaluation.scorers.evidence import touches

Label = Literal["language_prior", "retrieval", "fusion", "perception", "temporal_logic"]


@dataclass(frozen=True)
class Case:
    """One wrong answer."""

    record: Trajectory
    label: Label | None
    """None: it could not be told."""
    reason: str
    """What was found, in words."""


async def diagnose(
    records: Sequence[Trajectory],
    policy: Mind,
    source: Source,
    *,
    num_frames: int = 16,
    tell: Tell | None = None,
) -> list[Case]:
    """Why the wrong answers of a run are wrong.

    Args:
        records: A run. Right answers, and attempts that cannot be judged, are passed over.
        policy: Who gave them.
        source: Where the videos are.
        num_frames: Pictures of the evidence that it is shown.
        tell: Who puts the evidence into words faithfully. None: nobody; then what is wrong before
            pictures of the evidence is called perception if it is one piece, else fusion.
    """
    words = None if tell is None else evidence_in_words(tell)
    asking = _Asking(policy, source, evidence(num_frames), words)
    return [await asking.case(record) for record in records if correct(record) == 0.0]


@dataclass(frozen=True)
class _Asking:
    policy: Mind
    source: Source
    pictures: View
    words: View | None

    async def case(self, record: Trajectory) -> Case:
        try:
            label, reason = await self._label(record)
        except Blamed as error:
            return Case(record, None, f"a probe broke: {error}")
        return Case(record, label, reason)

    async def _label(self, record: Trajectory) -> tuple[Label | None, str]:
        task, said = record.task, record.answer
        if said is not None and not said.abstained:
            blindly = await self._answer(task, blind)
            if blindly is not None and _is_same(said, blindly):
                return "language_prior", "without pictures it answers the same"
        if not task.spans:
            return None, "where the evidence is, is not known"
        if is_right(task, await self._answer(task, self.pictures)):
            missed = [span for span in task.spans if not touches(record.evidence, span)]
            if missed:
                return "retrieval", f"{len(missed)} of {len(task.spans)} pieces were not found"
            return "fusion", "all of the evidence was found, among other things"
        if self.words is None:
            label: Label = "perception" if len(task.spans) == 1 else "fusion"
            return label, f"wrong before pictures of the evidence, {len(task.spans)} pieces"
        if is_right(task, await self._answer(task, self.words)):
            return "perception", "right from the evidence in words, not in pictures"
        return "temporal_logic", "wrong even from the evidence in words"

    async def _answer(self, task: Task, view: View) -> Answer | None:
        found = await probe(self.policy, [task], self.source, view)
        for record in found:
            if record.failure is not None:
                raise Blamed(record.failure.origin, record.failure.message, record.failure.code)
        return found[0].answer if found else None


def _is_same(one: Answer, other: Answer) -> bool:
    if one.choice is not None or other.choice is not None:
        return one.choice == other.choice
    return one.text.strip().casefold() == other.text.strip().casefold()
