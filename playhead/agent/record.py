"""From a run to its record."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from playhead.agent.run import Run, State
from playhead.core.budget import Cost
from playhead.core.errors import Blamed, Origin
from playhead.core.tools import Failure
from playhead.core.trajectory import Answer, Stop, Timing, Trajectory

_VERSIONS = ("playhead", "langgraph", "faiss-cpu", "av", "numpy", "torch", "transformers", "vllm")


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
        "id": id_,
        "task": run.task,
        "system": run.system,
        "opening": run.opening_parts,
        "tools": run.specs,
        "steps": tuple(run.steps_of(state)),
        "budget": run.budget,
        "answer": None if stored is None else Answer.model_validate(stored),
        "stop": Stop(state.get("stop") or Stop.ANSWERED),
        "failure": None if failure is None else Failure.model_validate(failure),
        "cost": Cost.model_validate(state.get("cost") or {}),
        "timing": Timing(started=ended - timedelta(seconds=seconds), seconds=seconds),
        "policy": policy_name(run.policy),
        "versions": dict(versions()),
    }
    return Trajectory.model_validate(fields | more)


def answer_of(record: Trajectory) -> Answer:
    """The answer of a record.

    Raises:
        Blamed: There is none, because something broke.
    """
    if record.answer is None:
        failure = record.failure
        origin = failure.origin if failure else Origin.TOOL
        raise Blamed(origin, failure.message if failure else "no answer was given")
    return record.answer


def policy_name(policy: object) -> str:
    """What a policy calls itself, or its class."""
    return str(getattr(policy, "name", type(policy).__name__))


@cache
def versions() -> dict[str, str]:
    """What is installed that an answer may depend on."""
    found = {"python": sys.version.split()[0]}
    for name in _VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
