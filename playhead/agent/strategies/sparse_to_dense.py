"""`sparse_to_dense`: few pictures and several answers; where they disagree, more pictures.

After Video-RTS (github.com/Ziyang412/Video-RTS): the share of equal answers tells whether the
pictures suffice. Each round doubles the pictures, until the answers agree or the budget is spent.

    glance -> vote -> glance -> vote ... -> (verify) -> finish
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from playhead.agent import nodes
from playhead.agent.run import Run, State
from playhead.agent.strategies.direct import look_evenly
from playhead.agent.strategies.graphs import Runtime, before_finish, new_graph
from playhead.core.trajectory import Answer, Stop

FEWEST_FRAMES = 8
NUM_VOTES = 3
AGREED = 2 / 3  # share of equal answers
_TEMPERATURE = 0.7


def graph() -> Any:
    """The graph, not compiled."""
    built = new_graph("glance", glance=glance, vote=vote)
    built.add_edge("glance", "vote")
    built.add_conditional_edges("vote", after_vote)
    return built


async def glance(state: State, runtime: Runtime) -> dict[str, Any]:
    """Look at twice as many pictures as in the round before."""
    number = state.get("round", 0)
    looked = await look_evenly(state, runtime, FEWEST_FRAMES * 2**number)
    return looked | {"round": number + 1}


async def vote(state: State, runtime: Runtime) -> dict[str, Any]:
    """Ask several times, and take the answer that most gave."""
    run: Run = runtime.context
    steps: list[dict[str, Any]] = []
    given: list[Answer] = []
    for i in range(NUM_VOTES):
        sampling = run.sampling
        if i:
            seed = None if sampling.seed is None else sampling.seed + i
            sampling = sampling.replace(temperature=_TEMPERATURE, seed=seed)
        asked = await nodes.ask_for_answer(state, run, sampling)
        if asked.get("failure") is not None:
            return dict(asked)
        steps += asked.get("steps", [])
        answer = asked.get("answer")
        if answer is not None:
            given.append(Answer.model_validate(answer))
    changes: dict[str, Any] = {
        "steps": steps,
        "cost": run.ctx.ledger.spent.model_dump(mode="json"),
    }
    if not given:
        return changes | {"stop": Stop.BUDGET.value}
    votes = Counter(_key(answer) for answer in given)
    (best, num), *_ = votes.most_common(1)
    answer = next(answer for answer in given if _key(answer) == best)
    answer = answer.replace(confidence=num / len(given))
    changes["answer"] = answer.model_dump(mode="json")
    if num / len(given) >= AGREED:
        changes["stop"] = Stop.ANSWERED.value
    elif not _can_go_on(run):
        changes["stop"] = Stop.BUDGET.value
    return changes


def after_vote(state: State, runtime: Runtime) -> Literal["glance", "verify", "finish"]:
    """Look more closely, unless the answers agree or nothing is left to spend."""
    return "glance" if state.get("stop") is None else before_finish(state, runtime)


def _key(answer: Answer) -> str:
    return (answer.choice or answer.text).casefold().strip(" .")


def _can_go_on(run: Run) -> bool:
    left = run.ctx.ledger.left
    has_frames = left.frames is None or left.frames >= FEWEST_FRAMES
    return has_frames and (left.turns is None or left.turns >= NUM_VOTES)
