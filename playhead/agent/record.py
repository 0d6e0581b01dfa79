"""From a run to its record, and from a record to the messages a policy is shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

from playhead.agent.run import Run, State
from playhead.core.budget import Cost
from playhead.core.message import Message, TextPart
from playhead.core.policy import Reply
from playhead.core.tools import Failure
from playhead.core.trajectory import Answer, Step, Stop, Timing, Trajectory

_VERSIONS = ("playhead", "langgraph", "faiss-cpu", "av", "numpy", "torch", "transformers", "vllm")


def conversation(run: Run, steps: Sequence[Step], shown: tuple[int, ...] | None) -> list[Message]:
    """What a policy is shown before its next turn: system, opening, the shown steps."""
    coming = Step(reply=Reply(), shown=shown)
    return _trajectory(run, [*steps, coming]).messages(before=len(steps))


def trajectory(run: Run, state: State, id_: str, **more: object) -> Trajectory:
    """The record of a finished attempt.

    Args:
        run: The attempt.
        state: How it ended.
        id_: What the record is called.
        more: Other fields of `Trajectory`, such as `group` or `parent`.
    """
    stored, failure = state.get("answer"), state.get("failure")
    ended = datetime.now(UTC)
    seconds = run.ctx.ledger.spent.seconds
    fields: dict[str, object] = {
        "answer": None if stored is None else Answer.model_validate(stored),
        "stop": Stop(state.get("stop") or Stop.ANSWERED),
        "failure": None if failure is None else Failure.model_validate(failure),
        "cost": Cost.model_validate(state.get("cost") or {}),
        "timing": Timing(started=ended - timedelta(seconds=seconds), seconds=seconds),
        "policy": policy_name(run.policy),
        "versions": versions(),
    }
    return _trajectory(run, run.steps_of(state), id_, **(fields | more))


def policy_name(policy: object) -> str:
    """What a policy calls itself, or its class."""
    return str(getattr(policy, "name", type(policy).__name__))


def versions() -> dict[str, str]:
    """What is installed that an answer may depend on."""
    found = {"python": sys.version.split()[0]}
    for name in _VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _trajectory(run: Run, steps: Sequence[Step], id_: str = "", **more: object) -> Trajectory:
    fields: dict[str, object] = {
        "id": id_,
        "task": run.task,
        "system": run.system,
        "opening": (TextPart(text=run.opening),) if run.opening else (),
        "tools": tuple(run.tools.specs),
        "steps": tuple(steps),
        "stop": Stop.ANSWERED,
        "budget": run.budget,
    }
    return Trajectory.model_validate(fields | more)
