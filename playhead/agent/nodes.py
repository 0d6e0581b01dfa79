"""The nodes that strategies are made of: think, act, force, verify, finish.

The one idea: a node is a function from the state to what changes in it. It spends only what the
ledger affords, and whatever goes wrong becomes part of the state: the loop never raises what a
policy, a tool or a file did.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, cast

from playhead.agent import answers, prompts
from playhead.agent.record import conversation
from playhead.agent.run import Event, Run, State, pending
from playhead.agent.window import shown
from playhead.core.budget import Cost
from playhead.core.errors import Blamed, Origin
from playhead.core.message import Message, Role, TextPart, ToolCall
from playhead.core.policy import Reply, Sampling
from playhead.core.tools import Failure, Observation, evidence_parts, failed
from playhead.core.trajectory import Answer, Step, Stop

Changes = dict[str, Any]
Runtime = Any
"""`langgraph.runtime.Runtime[Run]`: its `context` is the `Run`."""

ANSWER = "answer"
_MOST_IDLE = 3  # turns in a row that bring nothing new


async def think(state: State, runtime: Runtime) -> Changes:
    """Ask the policy for its next turn."""
    run: Run = runtime.context
    if run.cancelled.is_set():
        return {"stop": Stop.CANCELLED.value}
    if state.get("num_idle", 0) >= _MOST_IDLE:
        return {"stop": Stop.REPEATED.value}
    if _is_last_turn(run):
        return {"stop": Stop.BUDGET.value}
    return await _ask(run, state, run.sampling, run.tools.specs)


async def act(state: State, runtime: Runtime) -> Changes:
    """Carry out the calls of the last reply: those that only read together, the others in turn."""
    run: Run = runtime.context
    reply = pending(state)
    assert reply is not None
    steps = run.steps_of(state)
    before = {id_ for step in steps for o in step.observations for id_ in _ids(o)}
    started = time.monotonic()
    observations = await _carry_out(run, reply, _earlier_calls(steps))
    _spend_time(run, started)
    run.ctx.ledger.note(Cost(calls=len(reply.calls)))
    is_new = any(o.cost.frames or (_ids(o) - before) for o in observations)
    num_idle = 0 if is_new else state.get("num_idle", 0) + 1
    answer = _given(run, reply, observations)
    if answer is None and (_is_last_turn(run) or num_idle >= _MOST_IDLE):
        observations[-1] = _and_now_answer(run, observations[-1])
    step = Step(reply=reply, observations=tuple(observations), shown=_shown(run, state))
    changes: Changes = {
        "steps": [step.model_dump(mode="json")],
        "reply": None,
        "cost": run.ctx.ledger.spent.model_dump(mode="json"),
        "num_idle": num_idle,
    }
    if answer is not None:
        changes |= {"answer": answer.model_dump(mode="json"), "stop": Stop.ANSWERED.value}
    run.tell(Event("cost", cost=run.ctx.ledger.spent))
    return changes


async def force(state: State, runtime: Runtime) -> Changes:
    """Ask for the answer without more tools, if a turn for it is left; then the best so far."""
    run: Run = runtime.context
    if state.get("stop") == Stop.CANCELLED.value or state.get("failure") is not None:
        return {}
    asked = await ask_for_answer(state, run, run.sampling)
    if asked.get("failure") is not None and state.get("answer") is not None:
        return {"cost": asked.get("cost")}  # the answer so far stands
    reply = pending(asked)
    if reply is None:
        kept = {"steps", "cost", "answer", "failure"}
        if asked.get("failure") is not None:
            kept.add("stop")
        return {key: value for key, value in asked.items() if key in kept}
    done = await act({**state, **asked}, runtime)
    return {key: done[key] for key in ("steps", "reply", "cost", "answer") if key in done}


async def ask_for_answer(state: State, run: Run, sampling: Sampling) -> State:
    """One turn of the policy in which it may only answer."""
    if not _can_pay_turn(run):
        return {}
    has_tool = ANSWER in run.tools.names
    changes: dict[str, Any] = {"tool_choice": ANSWER if has_tool else "none"}
    if run.task.options and not has_tool:
        changes["choices"] = run.task.options
    tools = run.tools.only(ANSWER).specs if has_tool else ()
    return cast("State", await _ask(run, state, sampling.replace(**changes), tools))


async def verify(state: State, runtime: Runtime) -> Changes:
    """Ask again with nothing but the evidence that the answer cites."""
    run: Run = runtime.context
    answer = Answer.model_validate(state.get("answer"))
    if answer.abstained or not answer.evidence:
        checked = False if not answer.abstained else None
        return {"answer": answer.replace(verified=checked).model_dump(mode="json")}
    frames = [frame for piece in answer.evidence for frame in piece.frames]
    price = Cost(turns=1, frames=len(frames), visual_tokens=sum(_price(f) for f in frames))
    if not run.ctx.ledger.pay(price):
        return {}
    parts = [TextPart(text="\n".join([run.task.question, *prompts.options(run.task)]))]
    messages = [
        Message(role=Role.SYSTEM, parts=(TextPart(text=prompts.VERIFY),)),
        Message(
            role=Role.USER,
            parts=(*parts, *(part for piece in answer.evidence for part in evidence_parts(piece))),
        ),
    ]
    started = time.monotonic()
    try:
        again = await _reply(run, messages, (), run.sampling.replace(choices=run.task.options))
    except (Blamed, TimeoutError):
        return {"cost": run.ctx.ledger.spent.model_dump(mode="json")}
    _spend(run, again, started, turns=0)
    is_same = _agree(run, answer, again)
    sure = answer.replace(verified=is_same)
    if not is_same:
        warning = "the cited evidence alone did not give the same answer"
        sure = sure.replace(warnings=(*sure.warnings, warning))
    return {
        "answer": sure.model_dump(mode="json"),
        "cost": run.ctx.ledger.spent.model_dump(mode="json"),
    }


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
    if warning is not None and warning not in answer.warnings:
        answer = answer.replace(warnings=(*answer.warnings, warning))
    library, ids = run.ctx.library, run.ctx.video_ids
    share = sum(library.coverage(id_) for id_ in ids) / len(ids)
    answer = answer.replace(coverage=min(1.0, share))
    run.tell(Event("answer", answer=answer, text=answer.text, cost=run.ctx.ledger.spent))
    return {"answer": answer.model_dump(mode="json"), "stop": stop}


_WARNINGS = {
    Stop.BUDGET.value: "the budget was spent before the question was settled",
    Stop.REPEATED.value: "it kept asking for what it had already seen",
    Stop.CANCELLED.value: "stopped before the question was settled",
}


# Asking the policy


async def _ask(run: Run, state: State, sampling: Sampling, tools: Any) -> Changes:
    """One turn of the policy, paid for. A reply with calls waits for `act` in `reply`."""
    if not run.ctx.ledger.pay(Cost(turns=1)):
        return {"stop": Stop.BUDGET.value}
    started = time.monotonic()
    try:
        reply = await _reply(run, _messages(run, state), tools, sampling)
    except TimeoutError:
        _spend_time(run, started)
        cost = run.ctx.ledger.spent.model_dump(mode="json")
        return {"stop": Stop.BUDGET.value, "cost": cost}
    except Exception as error:
        _spend_time(run, started)
        return _failed(run, error)
    _spend(run, reply, started, turns=0)
    run.tell(Event("thought", text=reply.thinking or reply.text, cost=run.ctx.ledger.spent))
    cost = run.ctx.ledger.spent.model_dump(mode="json")
    reply = _with_own_ids(reply, len(run.steps_of(state)))
    if reply.calls:
        return {"reply": reply.model_dump(mode="json"), "cost": cost}
    step = Step(reply=reply, shown=_shown(run, state))
    changes: Changes = {"steps": [step.model_dump(mode="json")], "cost": cost}
    answer = answers.from_text(run, reply)
    if answer is not None:
        changes |= {"answer": answer.model_dump(mode="json"), "stop": Stop.ANSWERED.value}
    else:
        changes["num_idle"] = state.get("num_idle", 0) + 1
    return changes


async def _reply(run: Run, messages: list[Message], tools: Any, sampling: Sampling) -> Reply:
    """The policy's reply, unless time runs out or somebody presses stop first."""
    asked = asyncio.ensure_future(run.policy.reply(messages, tools, sampling))
    stopped = asyncio.ensure_future(run.cancelled.wait())
    try:
        await asyncio.wait(
            {asked, stopped}, timeout=run.left_s(), return_when=asyncio.FIRST_COMPLETED
        )
        if not asked.done():
            raise TimeoutError
        return asked.result()
    finally:
        asked.cancel()
        stopped.cancel()


def _messages(run: Run, state: State) -> list[Message]:
    return conversation(run, run.steps_of(state), _shown(run, state))


def _shown(run: Run, state: State) -> tuple[int, ...] | None:
    return shown(run.steps_of(state), run.window_tokens)


def _with_own_ids(reply: Reply, number: int) -> Reply:
    """The reply with call ids that are unique in the trajectory, whatever the model made up."""
    calls = tuple(
        call.model_copy(update={"id": f"c{number + 1}.{i}"})
        for i, call in enumerate(reply.calls, start=1)
    )
    return reply.model_copy(update={"calls": calls})


# Money


def _is_last_turn(run: Run) -> bool:
    """Whether the turn that is left, or the time, must be kept for the answer."""
    left = run.ctx.ledger.left
    left_s, bound_s = run.left_s(), run.budget.seconds
    return (
        (left.turns is not None and left.turns <= 1)
        or (left_s is not None and bound_s is not None and left_s < 0.1 * bound_s)
        or not _can_pay_dollars(run)
    )


def _can_pay_turn(run: Run) -> bool:
    left, left_s = run.ctx.ledger.left, run.left_s()
    has_turn = left.turns is None or left.turns >= 1
    return has_turn and (left_s is None or left_s > 0) and _can_pay_dollars(run)


def _can_pay_dollars(run: Run) -> bool:
    """Whether a turn as dear as the dearest so far can be paid."""
    left = run.ctx.ledger.left.dollars
    dearest = max((step.reply.usage.dollars or 0.0 for step in run.steps), default=0.0)
    return left is None or dearest < left or (dearest == left > 0)


def _spend(run: Run, reply: Reply, started: float, *, turns: int) -> None:
    usage = reply.usage
    run.ctx.ledger.note(
        Cost(
            turns=turns,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            dollars=usage.dollars,
        )
    )
    _spend_time(run, started)


def _spend_time(run: Run, started: float) -> None:
    run.ctx.ledger.note(Cost(seconds=time.monotonic() - started))


def _price(frame: Any) -> int:
    from playhead.tools.context import visual_tokens

    return visual_tokens(frame.height, frame.width)


# Carrying out calls


async def _carry_out(run: Run, reply: Reply, earlier: Mapping[str, str]) -> list[Observation]:
    known = dict(earlier)
    jobs: list[asyncio.Future[Observation]] = []
    for call in reply.calls:
        run.tell(Event("call", call=call))
        spelled = _spelled(call)
        tool = run.tools.get(call.name)
        if call.problem is None and call.name != ANSWER and spelled in known:
            jobs.append(_already(_pointer(call, known[spelled])))
        elif tool is None:
            jobs.append(_already(_no_such_tool(run, call)))
        else:
            known[spelled] = call.id
            if not tool.reads_only:  # what was asked before it comes before it
                await asyncio.gather(*jobs)
            job = asyncio.ensure_future(asyncio.to_thread(tool.run, run.ctx, call))
            jobs.append(job)
            if not tool.reads_only:
                await job
    observations = [
        await _in_time(run, call, job) for call, job in zip(reply.calls, jobs, strict=True)
    ]
    for call, observation in zip(reply.calls, observations, strict=True):
        run.tell(Event("observation", call=call, observation=observation))
    return observations


async def _in_time(run: Run, call: ToolCall, job: asyncio.Future[Observation]) -> Observation:
    """What a call gave, unless the time is over first."""
    try:
        return await asyncio.wait_for(asyncio.shield(job), run.left_s())
    except TimeoutError:
        return failed(
            call,
            Origin.WORLD,
            "out_of_time",
            "The time for this question is over.",
            hint="Answer now.",
        )


def _already(observation: Observation) -> asyncio.Future[Observation]:
    done: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
    done.set_result(observation)
    return done


def _pointer(call: ToolCall, id_: str) -> Observation:
    words = f"The same call as {id_}: see its result above. Ask for something else, or answer."
    return Observation(call_id=call.id, parts=(TextPart(text=words),))


def _no_such_tool(run: Run, call: ToolCall) -> Observation:
    hint = f"There are {', '.join(run.tools.names)}."
    return failed(call, Origin.MODEL, "no_such_tool", f"no tool {call.name!r}.", hint=hint)


def _and_now_answer(run: Run, observation: Observation) -> Observation:
    """The last observation before the last turn says that it is the last: in the record, too."""
    words = prompts.FORCED_BY_TOOL if ANSWER in run.tools.names else prompts.FORCED
    return observation.replace(parts=(*observation.parts, TextPart(text=words)))


def _earlier_calls(steps: list[Step]) -> dict[str, str]:
    """Calls that gave a result, as text, with their ids."""
    return {
        _spelled(call): call.id
        for step in steps
        for call, seen in zip(step.reply.calls, step.observations, strict=True)
        if seen.failure is None
    }


def _spelled(call: ToolCall) -> str:
    return f"{call.name} {json.dumps(call.arguments, sort_keys=True)}"


def _ids(observation: Observation) -> set[str]:
    return {piece.id for piece in observation.evidence}


def _given(run: Run, reply: Reply, observations: list[Observation]) -> Answer | None:
    """The answer, if the answer tool was called and took it."""
    for call, seen in zip(reply.calls, observations, strict=True):
        if call.name == ANSWER and seen.failure is None:
            return answers.from_call(run, call)
    return None


def _agree(run: Run, answer: Answer, again: Reply) -> bool:
    if run.task.options:
        return (
            answer.choice is not None
            and answers.chosen(again.text, run.task.options) == answer.choice
        )
    one, two = (" ".join(text.casefold().split()).strip(" .") for text in (answer.text, again.text))
    return bool(two) and (one in two or two in one)


def _failed(run: Run, error: Exception) -> Changes:
    """The policy broke; whose fault it was is in the error, or it is ours."""
    origin = error.origin if isinstance(error, Blamed) else Origin.TOOL
    failure = Failure(
        origin=origin,
        code="policy_broke",
        message=str(error) or type(error).__name__,
        detail=repr(error),
    )
    return {
        "stop": Stop.FAILED.value,
        "failure": failure.model_dump(mode="json"),
        "cost": run.ctx.ledger.spent.model_dump(mode="json"),
    }
