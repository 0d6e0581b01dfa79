"""Carrying out the calls of one reply: those that only read together, the others in turn.

The one idea: every call gives an observation, whatever happens. What a policy cannot have is said
with what it can have instead; what takes too long is not waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from playhead.agent import tracing
from playhead.agent.run import Event, Run
from playhead.core.errors import Origin
from playhead.core.message import TextPart, ToolCall
from playhead.core.policy import Reply
from playhead.core.tools import Observation, Tool, failed
from playhead.core.trajectory import Step
from playhead.tools.toolset import Toolset

ANSWER = "answer"
MOST_CALLS = 32
"""Calls of one reply that are carried out."""

_SAME = "The same call as"


async def carry_out(
    run: Run, reply: Reply, tools: Toolset, shown: Sequence[Step]
) -> list[Observation]:
    """What the calls of a reply gave, in their order.

    Args:
        run: The attempt.
        reply: Has at least one call.
        tools: What may be called.
        shown: The earlier steps that are before the policy's eyes: what it has there is not
            fetched again.
    """
    held = _held(shown, tools)
    left_s = run.left_s()
    deadline = None if left_s is None else time.monotonic() + left_s
    jobs: list[asyncio.Future[Observation]] = []
    for number, call in enumerate(reply.calls):
        run.tell(Event("call", call=call))
        tool = tools.get(call.name)
        refused = _refused(run, call, number, tool, tools)
        same = next((one.id for one in held if _is_same(one, call)), None)
        if refused is not None:
            jobs.append(_already(refused))
        elif call.name != ANSWER and same is not None:
            jobs.append(_already(_pointer(call, same)))
        else:
            assert tool is not None
            if not tool.reads_only:  # what was asked before it comes before it
                held.clear()
                await _all_in_time(run, jobs, deadline)
            held.append(call)
            jobs.append(_started(run, tool, call, deadline))
            if not tool.reads_only:
                await _all_in_time(run, jobs, deadline)
    await _all_in_time(run, jobs, deadline)
    observations = [_given(run, call, job) for call, job in zip(reply.calls, jobs, strict=True)]
    for call, observation in zip(reply.calls, observations, strict=True):
        run.tell(Event("observation", call=call, observation=observation))
    return observations


def _started(
    run: Run, tool: Tool, call: ToolCall, deadline: float | None
) -> asyncio.Future[Observation]:
    """The call, begun in a thread, unless the time is over or somebody pressed stop."""
    if run.cancelled.is_set() or (deadline is not None and time.monotonic() >= deadline):
        return _already(_too_late(run, call))
    return asyncio.ensure_future(asyncio.to_thread(_carried_out, run, tool, call))


def _carried_out(run: Run, tool: Tool, call: ToolCall) -> Observation:
    with tracing.execute_tool(call) as span:
        seen = tool.run(run.ctx, call)
        span.tell(seen)
        return seen


async def _all_in_time(
    run: Run, jobs: Sequence[asyncio.Future[Observation]], deadline: float | None
) -> None:
    """Wait until all are done, the time is over, or somebody presses stop."""
    stopped = asyncio.ensure_future(run.cancelled.wait())
    waiting = {job for job in jobs if not job.done()}
    try:
        while waiting and not stopped.done():
            left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, _ = await asyncio.wait(
                {*waiting, stopped}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                return
            waiting -= done
    finally:
        stopped.cancel()


def _given(run: Run, call: ToolCall, job: asyncio.Future[Observation]) -> Observation:
    return job.result() if job.done() else _too_late(run, call)


def _already(observation: Observation) -> asyncio.Future[Observation]:
    done: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
    done.set_result(observation)
    return done


def _too_late(run: Run, call: ToolCall) -> Observation:
    if run.cancelled.is_set():
        return failed(call, Origin.WORLD, "stopped", "Somebody pressed stop.")
    words = "The time for this question is over."
    return failed(call, Origin.WORLD, "out_of_time", words, hint="Answer now.")


def _refused(
    run: Run, call: ToolCall, number: int, tool: Tool | None, tools: Toolset
) -> Observation | None:
    """Why a call is not carried out at all. None: it may be."""
    if number >= MOST_CALLS:
        words = f"{MOST_CALLS} calls at a time are carried out, this was one more."
        return failed(call, Origin.MODEL, "too_many_calls", words, hint="Ask again for the rest.")
    if tool is not None:
        return None
    if run.offered.get(call.name) is not None:
        words = f"{call.name} cannot be called any more."
        return failed(call, Origin.MODEL, "not_now", words, hint="Answer now.")
    hint = f"There are {', '.join(tools.names)}." if len(tools) else "There are none: answer."
    return failed(call, Origin.MODEL, "no_such_tool", f"no tool {call.name[:40]!r}.", hint=hint)


def _pointer(call: ToolCall, id_: str) -> Observation:
    words = f"{_SAME} {id_}: see its result above. Ask for something else, or answer."
    return Observation(call_id=call.id, parts=(TextPart(text=words),))


def _held(steps: Sequence[Step], tools: Toolset) -> list[ToolCall]:
    """Calls whose result still holds. After a call that writes something down, what was read before
    it may read differently."""
    held: list[ToolCall] = []
    for step in steps:
        for call, seen in zip(step.reply.calls, step.observations, strict=True):
            if seen.failure is not None or _is_pointer(seen):
                continue
            tool = tools.get(call.name)
            if tool is not None and not tool.reads_only:
                held.clear()
            held.append(call)
    return held


def _is_pointer(seen: Observation) -> bool:
    first = seen.parts[0] if seen.parts else None
    return isinstance(first, TextPart) and first.text.startswith(_SAME)


def _is_same(one: ToolCall, other: ToolCall) -> bool:
    return (one.name, one.raw, one.arguments) == (other.name, other.raw, other.arguments)
