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
from playhead.agent.strategies.direct import glances, look_evenly
from playhead.agent.strategies.graphs import Runtime, before_finish, new_graph
from playhead.core.policy import Sampling
from playhead.core.trajectory import Answer, Stop

FEWEST_FRAMES = 8
NUM_VOTES = 3
AGREED = 2 / 3  # share of equal answers
_TEMPERATURE = 0.7


def graph() -> Any:
    """The graph, not compiled."""
    return new_graph("glance", glance=(glance, after_glance), vote=(vote, after_vote))


async def glance(state: State, runtime: Runtime) -> dict[str, Any]:
    """Look at twice as many pictures as in the round before."""
    number = state.get("round", 0)
    looked = await look_evenly(state, runtime, FEWEST_FRAMES * 2**number)
    return looked | {"round": number + 1}


def after_glance(state: State, runtime: Runtime) -> Literal["vote"]:
    """Vote."""
    return "vote"


async def vote(state: State, runtime: Runtime) -> dict[str, Any]:
    """Ask several times, each time anew, and take the answer that most gave."""
    run: Run = runtime.context
    num_before = len(run.steps_of(state))
    seen = glances(run, state)
    changes: dict[str, Any] = {"steps": []}
    given: list[Answer] = []
    for i in range(NUM_VOTES):
        others = tuple(range(num_before)) if i and seen is None else seen
        asked = await nodes.ask_for_answer(
            state, run, _sampling(run, i), shown=others, number=num_before + len(changes["steps"])
        )
        changes["steps"] += asked.get("steps", [])
        if "answer" in asked:
            given.append(Answer.model_validate(asked["answer"]))
        elif asked.get("stop") is not None:  # no more turns, or it broke, or was stopped
            changes |= {key: asked[key] for key in ("stop", "failure") if key in asked}
            break
    changes["cost"] = run.ctx.ledger.spent.model_dump(mode="json")
    if "failure" in changes or changes.get("stop") == Stop.CANCELLED.value:
        return changes
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


def _sampling(run: Run, number: int) -> Sampling:
    """The first vote is drawn as the run is, the others with some chance."""
    if number == 0:
        return run.sampling
    seed = None if run.sampling.seed is None else run.sampling.seed + number
    return run.sampling.replace(temperature=_TEMPERATURE, seed=seed)


def after_vote(state: State, runtime: Runtime) -> Literal["glance", "verify", "finish"]:
    """Look more closely, unless the answers agree or nothing is left to spend."""
    return "glance" if state.get("stop") is None else before_finish(state, runtime)


def _key(answer: Answer) -> str:
    return (answer.choice or answer.text).casefold().strip(" .")


def _can_go_on(run: Run) -> bool:
    left = run.ctx.ledger.left
    has_frames = left.frames is None or left.frames >= FEWEST_FRAMES
    return has_frames and (left.turns is None or left.turns >= NUM_VOTES)
