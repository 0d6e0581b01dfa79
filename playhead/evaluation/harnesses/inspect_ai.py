"""inspect-ai: a solver that asks the agent, and a scorer of the seconds that it names.

    sample = Sample(
        input="When is the bridge mentioned?",
        target="12.0-15.5",
        metadata={"videos": ["film.mp4"], "spans": [[12.0, 15.5]]},
    )
    eval(Task([sample], solver=playhead(model="rules"), scorer=[includes(), tiou()]), model=None)

The one idea: paths travel in a sample's metadata. As content of a message, inspect-ai would write
the whole video into its log. The log has the answer, the seconds it cites, what it cost and the
name of the record, which is in the agent's folder. An attempt that failed, but not by the model's
fault, is an error of the sample and no wrong answer. Seen with inspect-ai 0.3.285.
"""

# pyright: standard
# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from inspect_ai.model import ModelOutput, ModelUsage
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

from playhead.core.span import Span
from playhead.core.trajectory import Trajectory
from playhead.evaluation.harnesses.agent import Asked, HarnessAgent, in_words
from playhead.evaluation.scorers import intervals
from playhead.worlds.verify import spans_in


@solver
def playhead(**how: Any) -> Solver:
    """Asks the agent; a model of inspect-ai is not used.

    A sample's metadata has `videos`, paths, and may have `within`, `[start, end]` in seconds. What
    came of it is in the sample's store: `record`, `stop`, `cited` (seconds) and `cost`.

    Args:
        how: As `HarnessAgent`.
    """
    agent = HarnessAgent(**how)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        record = await asyncio.to_thread(agent.ask, _asked(state))
        state.output = _output(record)
        state.messages.append(state.output.message)
        for name, value in _told(record).items():
            state.store.set(name, value)
        return state

    return solve


@scorer(metrics=[mean(), stderr()])
def tiou() -> Scorer:
    """Temporal intersection over union with the sample's `spans` of the seconds in the answer, or,
    where it has none, of those that it cites. Unscored: the sample has no `spans`."""

    async def score(state: TaskState, target: Target) -> Score:
        gold = _spans(state.metadata.get("spans") or ())
        if not gold:
            return Score.unscored(reason="no_spans")
        said = spans_in(state.output.completion) or state.store.get("cited", [])
        return Score(value=intervals.iou(_spans(said), gold), answer=str(said))

    return score


def _asked(state: TaskState) -> Asked:
    within = state.metadata.get("within")
    part = None if within is None else _spans([within])[0]
    return Asked(state.input_text, tuple(state.metadata["videos"]), part)


def _output(record: Trajectory) -> ModelOutput:
    made = ModelOutput.from_content(f"playhead/{record.policy}", in_words(record))
    read, written = record.cost.input_tokens, record.cost.output_tokens
    made.usage = ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
    return made


def _told(record: Trajectory) -> dict[str, Any]:
    evidence = () if record.answer is None else record.answer.evidence
    return {
        "record": record.id,
        "stop": str(record.stop),
        "cited": [[piece.span.start, piece.span.end] for piece in evidence],
        "cost": record.cost.model_dump(mode="json"),
    }


def _spans(pairs: Sequence[Sequence[float]]) -> list[Span]:
    return [Span(start=start, end=end) for start, end in pairs]
