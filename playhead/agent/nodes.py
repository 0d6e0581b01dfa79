"""The nodes that strategies are made of: think, act, force, verify, finish.

The one idea: a node is a function from the state to what changes in it. It spends only what the
ledger affords, and whatever goes wrong becomes part of the state: the loop never raises what a
policy, a tool or a file did.
"""

from __future__ import annotations

import time
from typing import Any

from playhead.agent import answers, prompts
from playhead.agent.asking import (
    Changes,
    Interrupted,
    ask,
    can_pay_turn,
    is_last_turn,
    reply_of,
    spend,
    spent,
)
from playhead.agent.calls import ANSWER, carry_out
from playhead.agent.run import Event, Run, State, pending
from playhead.agent.verifying import agree, evidence_alone
from playhead.core.budget import Cost
from playhead.core.errors import PlayheadError
from playhead.core.message import TextPart
from playhead.core.policy import Reply, Sampling
from playhead.core.tools import Observation
from playhead.core.trajectory import Answer, Step, Stop
from playhead.tools.context import visual_tokens
from playhead.tools.toolset import Toolset

Runtime = Any
"""`langgraph.runtime.Runtime[Run]`: its `context` is the `Run`."""

_MOST_IDLE = 3  # turns in a row that bring nothing new
_UNCITED = "it cites no evidence, so it could not be checked"
_FORCED_TURNS = 2  # at most: the second, if one is left, for whoever gave no answer in the first


async def think(state: State, runtime: Runtime) -> Changes:
    """Ask the policy for its next turn."""
    run: Run = runtime.context
    if run.cancelled.is_set():
        return {"stop": Stop.CANCELLED.value}
    if state.get("num_idle", 0) >= _MOST_IDLE:
        return {"stop": Stop.REPEATED.value}
    if is_last_turn(run):
        return {"stop": Stop.BUDGET.value}
    return await ask(run, state, run.sampling, run.specs, shown=run.shown(state))


async def act(state: State, runtime: Runtime) -> Changes:
    """Carry out the calls of the last reply."""
    run: Run = runtime.context
    return await act_on(run, state, run.offered, shown=run.shown(state))


async def act_on(
    run: Run, state: State, tools: Toolset, *, shown: tuple[int, ...] | None, is_last: bool = False
) -> Changes:
    """Carry out the calls of the last reply, as far as they are calls of `tools`.

    Args:
        run: The attempt.
        state: Where it is.
        tools: What may be called now.
        shown: Which steps the policy was shown when it called. None: all.
        is_last: Whether no turn comes after this one.
    """
    reply = pending(state)
    assert reply is not None
    steps = run.steps_of(state)
    before = {id_ for step in steps for o in step.observations for id_ in _ids(o)}
    visible = steps if shown is None else [steps[i] for i in shown]
    started = time.monotonic()
    observations = await carry_out(run, reply, tools, visible)
    run.spend_time(started, calls=len(reply.calls))
    is_new = any(o.cost.frames or (_ids(o) - before) for o in observations)
    num_idle = 0 if is_new else state.get("num_idle", 0) + 1
    answer = _given(run, reply, observations)
    if answer is None and not is_last and (is_last_turn(run) or num_idle >= _MOST_IDLE):
        observations[-1] = _and_now_answer(run, observations[-1])
    step = Step(reply=reply, observations=tuple(observations), shown=shown)
    changes: Changes = {
        "steps": [run.written(step)],
        "reply": None,
        "cost": spent(run),
        "num_idle": num_idle,
    }
    if answer is not None:
        changes |= {"answer": answer.model_dump(mode="json"), "stop": Stop.ANSWERED.value}
    run.tell(Event("cost", cost=run.ctx.ledger.spent))
    return changes


async def force(state: State, runtime: Runtime) -> Changes:
    """Ask for the answer without more tools, if a turn for it is left; then the best so far."""
    run: Run = runtime.context
    if state.get("failure") is not None:
        return {}
    if run.cancelled.is_set() or state.get("stop") == Stop.CANCELLED.value:
        return {"stop": Stop.CANCELLED.value}
    changes: Changes = {}
    for _ in range(_FORCED_TURNS):
        asked = await ask_for_answer(state, run, run.sampling, shown=run.shown(state))
        steps = [*changes.get("steps", []), *asked.get("steps", [])]
        kept = {key: asked[key] for key in ("cost", "answer", "failure", "stop") if key in asked}
        changes |= kept | {"steps": steps}
        if "stop" in asked:
            break
        state = {**state, "steps": [*state.get("steps", []), *asked.get("steps", [])]}
    return changes | {"stop": _how_it_ended(state, changes)}


def _how_it_ended(state: State, changes: Changes) -> str:
    """Why there are no more turns: what led to the last one, unless that itself went wrong."""
    last = changes.get("stop", Stop.ANSWERED.value)
    went_wrong = last in (Stop.FAILED.value, Stop.CANCELLED.value)
    return last if went_wrong else state.get("stop") or last


async def ask_for_answer(
    state: State,
    run: Run,
    sampling: Sampling,
    *,
    shown: tuple[int, ...] | None,
    number: int | None = None,
) -> Changes:
    """One turn of the policy in which it may only answer. Arguments as for `ask`."""
    if not can_pay_turn(run):
        return {"stop": Stop.BUDGET.value}
    has_tool = ANSWER in run.offered.names
    changes: dict[str, Any] = {"tool_choice": ANSWER if has_tool else "none"}
    if run.task.options and not has_tool:
        changes["choices"] = run.task.options
    sampling = sampling.replace(**changes)
    asked = await ask(run, state, sampling, run.specs, shown=shown, number=number)
    if asked.get("reply") is None:
        return asked
    only_answer = run.offered.only(ANSWER)
    with_reply: State = {**state, "reply": asked["reply"]}
    return await act_on(run, with_reply, only_answer, shown=shown, is_last=True)


async def verify(state: State, runtime: Runtime) -> Changes:
    """Ask again with nothing but the evidence that the answer cites."""
    run: Run = runtime.context
    answer = Answer.model_validate(state.get("answer"))
    if answer.abstained:
        return {}
    if not answer.evidence:
        unsure = answer.replace(warnings=(*answer.warnings, _UNCITED))
        return {"answer": unsure.model_dump(mode="json")}
    frames = [frame for piece in answer.evidence for frame in piece.frames]
    tokens = sum(visual_tokens(frame.height, frame.width) for frame in frames)
    price = Cost(turns=1, frames=len(frames), visual_tokens=tokens)
    if not can_pay_turn(run) or not run.ctx.ledger.pay(price):
        return {}
    messages = evidence_alone(run, answer)
    started = time.monotonic()
    try:
        again = await reply_of(run, messages, (), run.sampling.replace(choices=run.task.options))
    except Interrupted:
        run.spend_time(started)
        return {"cost": spent(run)}
    except Exception as error:
        run.spend_time(started)
        warning = f"it could not be checked: {type(error).__name__}"
        unsure = answer.replace(warnings=(*answer.warnings, warning))
        return {"answer": unsure.model_dump(mode="json"), "cost": spent(run)}
    spend(run, again, started)
    is_same = agree(run, answer, again)
    sure = answer.replace(verified=is_same)
    if not is_same:
        warning = "the cited evidence alone did not give the same answer"
        sure = sure.replace(warnings=(*sure.warnings, warning))
    return {"answer": sure.model_dump(mode="json"), "cost": spent(run)}


async def finish(state: State, runtime: Runtime) -> Changes:
    """Make sure that there is an answer, and say how much of the videos had been looked at."""
    run: Run = runtime.context
    stop = state.get("stop") or Stop.ANSWERED.value
    warning = _WARNINGS.get(stop)
    stored = state.get("answer")
    if stored is not None:
        answer = Answer.model_validate(stored)
    elif state.get("failure") is None:
        answer = answers.from_evidence(run, warning or "the policy gave no answer")
    else:
        return {"stop": stop}
    for words in (warning, _EARLY if run.is_early else None):
        if words is not None and words not in answer.warnings:
            answer = answer.replace(warnings=(*answer.warnings, words))
    answer = answer.replace(coverage=_coverage(run))
    run.tell(Event("answer", answer=answer, text=answer.text, cost=run.ctx.ledger.spent))
    return {"answer": answer.model_dump(mode="json"), "stop": stop}


_EARLY = "asked before the videos were wholly indexed: ask again later, and it may know more"
_WARNINGS = {
    Stop.BUDGET.value: "the budget was spent before the question was settled",
    Stop.REPEATED.value: "it kept asking for what it had already seen",
    Stop.CANCELLED.value: "stopped before the question was settled",
}


def _coverage(run: Run) -> float | None:
    """The share of the videos that was looked at. None: a video was removed meanwhile."""
    library, ids = run.ctx.library, run.ctx.video_ids
    try:
        return min(1.0, sum(library.coverage(id_) for id_ in ids) / len(ids))
    except PlayheadError:
        return None


def _and_now_answer(run: Run, observation: Observation) -> Observation:
    """The last observation before the last turn says that it is the last: in the record, too."""
    words = prompts.FORCED_BY_TOOL if ANSWER in run.offered.names else prompts.FORCED
    return observation.replace(parts=(*observation.parts, TextPart(text=words)))


def _ids(observation: Observation) -> set[str]:
    return {piece.id for piece in observation.evidence}


def _given(run: Run, reply: Reply, observations: list[Observation]) -> Answer | None:
    """The answer, if the answer tool was called and took it."""
    for call, seen in zip(reply.calls, observations, strict=True):
        if call.name == ANSWER and seen.failure is None:
            return answers.from_call(run, call)
    return None
