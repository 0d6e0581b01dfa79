"""Judges in a run: asked before it starts whether they are well, and after each attempt.

The one idea: a judge that cannot be reached must not become a row of zeros. A run with a judge
starts only if the judge has a card that passes and tells a right answer from a wrong one today;
what it could not judge stays unjudged, is counted, and is asked again when the run is gone on with.
"""

from __future__ import annotations

from pathlib import Path

from playhead.core.errors import Blamed, PlayheadError
from playhead.core.trajectory import Answer, Stop, Task, Trajectory
from playhead.evaluation.scorers.answers import OPEN
from playhead.evaluation.scorers.blame import is_judgeable
from playhead.evaluation.scorers.judge import SCORE, Judge, JudgeCard

_PROBES = (
    ("What colour is the car that leaves first?", "red", "It is the red one.", 1.0),
    ("What colour is the car that leaves first?", "red", "It is the blue one.", 0.0),
    ("Where does the man put his keys?", "in the drawer", "He puts them in a drawer.", 1.0),
    ("Where does the man put his keys?", "in the drawer", "He throws them into the river.", 0.0),
)


class UnfitJudge(PlayheadError, ValueError):
    """A judge that has no card that passes, or cannot judge today."""


def read_card(path: Path) -> JudgeCard:
    """The card of a judge, as JSON.

    Raises:
        UnfitJudge: It is not there, or is no card.
    """
    try:
        return JudgeCard.from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UnfitJudge(f"no card of a judge in {path}: {error}") from error


async def check_judge(judge: Judge, card: JudgeCard | None) -> None:
    """See that a judge may judge, and can.

    Raises:
        UnfitJudge: It may not, or cannot; the message says why.
    """
    if card is None:
        raise UnfitJudge(
            f"the judge {judge.name!r} has no card: measure it first, and give its card"
        )
    if card.judge != judge.name:
        raise UnfitJudge(f"the card is of the judge {card.judge!r}, not of {judge.name!r}")
    if card.problems:
        raise UnfitJudge(f"the judge {judge.name!r} did not pass: {'; '.join(card.problems)}")
    for question, gold, said, right in _PROBES:
        task = Task(id="probe", question=question, answer=gold, metadata={"kind": OPEN})
        probe = Trajectory(id="probe", task=task, answer=Answer(text=said), stop=Stop.ANSWERED)
        try:
            found = await judge(probe)
        except Exception as error:
            raise UnfitJudge(f"the judge {judge.name!r} cannot be asked: {error}") from error
        if found != right:
            told = "nothing that it may say" if found is None else f"{found:g}"
            raise UnfitJudge(
                f"the judge {judge.name!r} is not well: of {said!r}, where {gold!r} is true, it "
                f"said {told} and not {right:g}"
            )


async def judge_it(judge: Judge, record: Trajectory) -> Trajectory:
    """The record with its judgement; as it was if it has one, has nothing to be compared with, or
    the judge could not be asked."""
    if SCORE in record.scores or record.task.answer is None or not is_judgeable(record):
        return record
    try:
        return await judge.record(record)
    except Blamed:
        return record
