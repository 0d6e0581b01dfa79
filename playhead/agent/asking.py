"""Asking the policy: what may still be spent, one turn of it, and what the turn cost.

The one idea: a turn is paid for before it is asked for, and it ends when the policy has replied,
when the time is over, or when somebody presses stop, whichever comes first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from playhead.agent import answers, tracing
from playhead.agent.run import Event, Run, State
from playhead.agent.window import tokens
from playhead.core.budget import Cost
from playhead.core.errors import Blamed, Origin, VideoError
from playhead.core.message import Message, TextPart
from playhead.core.policy import Reply, Sampling
from playhead.core.tools import Failure, ToolSpec
from playhead.core.trajectory import Step, Stop

Changes = dict[str, Any]

MOST_TURNS = 1_000
"""Of a question whose budget does not bound them."""
_TIME_KEPT = 0.1  # of the seconds: for the answer


class Interrupted(Exception):
    """The policy was not waited for any longer; `stop` says why."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.value)
        self.stop = stop


async def ask(
    run: Run,
    state: State,
    sampling: Sampling,
    tools: Sequence[ToolSpec],
    *,
    shown: tuple[int, ...] | None,
    number: int | None = None,
) -> Changes:
    """One turn of the policy, paid for. A reply with calls waits in `reply` to be carried out.

    Args:
        run: The attempt.
        state: Where it is.
        sampling: How the reply is drawn.
        tools: What the policy is told of.
        shown: Which steps it is shown. None: all.
        number: Which step this is, from 0. None: the one after the last.
    """
    if not run.ctx.ledger.pay(Cost(turns=1)):
        return {"stop": Stop.BUDGET.value}
    started = time.monotonic()
    try:
        said = await reply_of(run, run.conversation(state, shown), tools, sampling)
    except Interrupted as interrupted:
        run.spend_time(started)
        return {"stop": interrupted.stop.value, "cost": spent(run)}
    except Exception as error:
        run.spend_time(started)
        return failed(run, error)
    spend(run, said, started)
    run.tell(Event("thought", text=said.thinking or said.text, cost=run.ctx.ledger.spent))
    said = _with_own_ids(said, len(state.get("steps", ())) if number is None else number)
    if said.calls:
        return {"reply": said.to_json(), "cost": spent(run)}
    step = Step(reply=said, shown=shown)
    changes: Changes = {"steps": [run.written(step)], "cost": spent(run)}
    answer = answers.from_text(run, said)
    if answer is not None:
        changes |= {"answer": answer.model_dump(mode="json"), "stop": Stop.ANSWERED.value}
    else:
        changes["num_idle"] = state.get("num_idle", 0) + 1
    return changes


async def reply_of(
    run: Run, messages: list[Message], tools: Sequence[ToolSpec], sampling: Sampling
) -> Reply:
    """The policy's reply.

    Raises:
        Interrupted: Time ran out, or somebody pressed stop.
        Exception: Whatever the policy raises.
    """
    with tracing.chat(run.policy) as span:
        said = await _said_in_time(run, messages, tools, sampling)
        span.tell(said)
        return said


async def _said_in_time(
    run: Run, messages: list[Message], tools: Sequence[ToolSpec], sampling: Sampling
) -> Reply:
    """`reply_of`, without telling anybody what it took."""
    asked = asyncio.ensure_future(run.policy.reply(messages, tools, sampling))
    stopped = asyncio.ensure_future(run.cancelled.wait())
    try:
        await asyncio.wait(
            {asked, stopped}, timeout=run.left_s(), return_when=asyncio.FIRST_COMPLETED
        )
        if not asked.done():
            raise Interrupted(Stop.CANCELLED if run.cancelled.is_set() else Stop.BUDGET)
        if asked.cancelled():
            raise Blamed(Origin.TOOL, "the policy cancelled its own reply", "policy_broke")
        said: Any = asked.result()
    finally:
        asked.cancel()
        stopped.cancel()
    if not isinstance(said, Reply):
        raise Blamed(
            Origin.TOOL, f"a policy gives a Reply: got {type(said).__name__}", "policy_broke"
        )
    return said


def spend(run: Run, said: Reply, started: float) -> None:
    """Count what a reply took; its turn is paid for already."""
    usage = said.usage
    run.paid(usage.dollars)
    run.spend_time(
        started,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        dollars=usage.dollars,
    )


def spent(run: Run) -> dict[str, Any]:
    """What was spent so far, for the state."""
    return run.ctx.ledger.spent.model_dump(mode="json")


def is_last_turn(run: Run) -> bool:
    """Whether the turn that is left, or the time or the money, must be kept for the answer."""
    bound = MOST_TURNS if run.budget.turns is None else min(run.budget.turns, MOST_TURNS)
    left_s, bound_s = run.left_s(), run.budget.seconds
    return (
        run.ctx.ledger.spent.turns >= bound - 1
        or (left_s is not None and bound_s is not None and left_s <= _TIME_KEPT * bound_s)
        or not _can_pay_dollars(run, turns=2)
    )


def can_pay_turn(run: Run) -> bool:
    """Whether one more turn may be asked for."""
    left, left_s = run.ctx.ledger.left, run.left_s()
    has_turn = left.turns is None or left.turns >= 1
    return has_turn and (left_s is None or left_s > 0) and _can_pay_dollars(run, turns=1)


def failed(run: Run, error: Exception) -> Changes:
    """The policy broke. Whose fault it was is in the error; what the system or a file did is the
    world's, all else is ours."""
    is_worlds = isinstance(error, OSError | VideoError)
    unsaid = Origin.WORLD if is_worlds else Origin.TOOL
    failure = Failure(
        origin=error.origin if isinstance(error, Blamed) else unsaid,
        code="policy_broke",
        message=str(error) or type(error).__name__,
        detail=repr(error),
    )
    return {
        "stop": Stop.FAILED.value,
        "failure": failure.model_dump(mode="json"),
        "cost": spent(run),
    }


def _can_pay_dollars(run: Run, *, turns: int) -> bool:
    """Whether so many turns, each as dear as the dearest so far, can be paid. Before the first, all
    that is known is what the policy says that tokens cost; if it says nothing, the first is asked
    for and the price is found out."""
    if run.budget.dollars is None:
        return True
    left = run.budget.dollars - (run.ctx.ledger.spent.dollars or 0.0)
    a_turn = _first_turn_dollars(run) if run.dearest is None else run.dearest
    return left > 0 and turns * a_turn <= left


def _first_turn_dollars(run: Run) -> float:
    """About what the first reply costs at most, if it takes all the tokens that it may."""
    price = getattr(run.policy, "dollars_per_million", None)
    if price is None:
        return 0.0
    told = [run.system, run.opening, *(spec.to_json() for spec in run.specs)]
    num = tokens([TextPart(text=text) for text in told]) + run.ctx.ledger.spent.visual_tokens
    return (num * price[0] + run.sampling.max_tokens * price[1]) / 1e6


def _with_own_ids(said: Reply, number: int) -> Reply:
    """The reply with call ids that are unique in the trajectory, whatever the model made up."""
    calls = tuple(
        call.model_copy(update={"id": f"c{number + 1}.{i}"})
        for i, call in enumerate(said.calls, start=1)
    )
    return said.model_copy(update={"calls": calls})
