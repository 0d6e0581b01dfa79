"""Scorers of how an attempt went about it: well-formed turns, calls that were not needed, claims
about what is not there."""

from __future__ import annotations

import re

from playhead.core.errors import Origin
from playhead.core.policy import Author, Finish
from playhead.core.trajectory import Step, Task, Trajectory
from playhead.evaluation.scorers.answers import kind_of
from playhead.evaluation.scorers.blame import is_judgeable
from playhead.worlds.verify import AnswerKind, says_absent

_SAYS_NO = re.compile(r"\W*(no|false|never)\b", re.IGNORECASE)

ANSWER = "answer"
"""The tool that ends a question."""


def turns(trajectory: Trajectory) -> list[Step]:
    """The steps that the policy took. Steps of our own code do not count, unless a script is the
    policy."""
    own = [step for step in trajectory.steps if step.reply.author is not Author.SCRIPT]
    return own or list(trajectory.steps)


def num_calls(trajectory: Trajectory) -> int:
    """How many calls the policy made, whatever came of them; the answer is none."""
    return sum(call.name != ANSWER for step in turns(trajectory) for call in step.reply.calls)


def is_faulty(step: Step) -> bool:
    """Whether a turn went wrong by the model's own fault: a call that could not be carried out, a
    reply that says nothing, or one that ran into its bound."""
    reply = step.reply
    says_nothing = not reply.calls and not reply.text.strip()
    failures = (seen.failure for seen in step.observations)
    is_refused = any(f is not None and f.origin is Origin.MODEL for f in failures)
    return says_nothing or reply.finish is Finish.LENGTH or is_refused


def answered_properly(trajectory: Trajectory) -> bool:
    """Whether the policy itself answered, and by the answer tool if it had been given one."""
    has_tool = any(spec.name == ANSWER for spec in trajectory.tools)
    for step in turns(trajectory):
        for call, seen in zip(step.reply.calls, step.observations, strict=True):
            if call.name == ANSWER and seen.failure is None:
                return True
        if not has_tool and not step.reply.calls and step.reply.text.strip():
            return True
    return False


def format(trajectory: Trajectory) -> float | None:
    """One less the share of turns that went wrong, 0 if the policy never answered properly. The
    format reward of Video-o3 (github.com/ZZQ987/Video-o3-Qwen3VL), read from calls and failures."""
    if not is_judgeable(trajectory):
        return None
    taken = turns(trajectory)
    if not taken or not answered_properly(trajectory):
        return 0.0
    return 1.0 - sum(map(is_faulty, taken)) / len(taken)


def control(task: Task, calls: int = 0) -> Task:
    """The task marked as a control: so many calls are enough to answer it, more are too many."""
    return task.replace(metadata={**task.metadata, "control": calls})


def over_calling(trajectory: Trajectory) -> float | None:
    """1 if a control was answered with more calls than it takes, else 0; the mean is the over-call
    rate. None: the task is no control (see `control`)."""
    enough = trajectory.task.metadata.get("control")
    if not isinstance(enough, int) or not is_judgeable(trajectory):
        return None
    return float(num_calls(trajectory) > enough)


def is_negative(task: Task) -> bool:
    """Whether what is asked for is not there: the truth is "not in the video", or no."""
    if kind_of(task) is AnswerKind.YES_NO:
        return task.answer is False
    return says_absent(task.answer)


def false_positive(trajectory: Trajectory) -> float | None:
    """1 if the answer claims something that is not there, else 0; the mean over negatives is the
    false positive rate. Saying nothing claims nothing. None: the task is no negative."""
    task, answer = trajectory.task, trajectory.answer
    if not is_negative(task) or not is_judgeable(trajectory):
        return None
    if answer is None or answer.abstained or not answer.text.strip():
        return 0.0
    if kind_of(task) is AnswerKind.YES_NO:
        return float(_SAYS_NO.match(answer.text) is None)
    return float(not says_absent(answer))
