"""Scorers: from one attempt to one number. A metric in evaluation and a reward in training.

    score = find_scorer("accuracy")(trajectory)          # 0 to 1, or None

The one idea: `None` is not 0. A scorer that has nothing to compare with (no gold), or that would
punish a model for a broken disk, says None, and whoever takes a mean leaves the attempt out and
says how many it left out.

Scorers read what is recorded: the calls, what they gave, what the answer cites. None of them
searches a prompt or a tool's words for marks, so a model is not paid for what it was told.
"""

from __future__ import annotations

from functools import cache

from playhead.core.plugins import find_plugin, plugin_names
from playhead.core.trajectory import Scorer


def find_scorer(name: str) -> Scorer:
    """The scorer of that name: one of ours, or an installed plug-in of `playhead.scorers`.

    Raises:
        NoSuchPlugin: There is none; the message lists what there is.
    """
    return find_plugin("scorers", name, _builtin())


def scorer_names() -> list[str]:
    """Every name that `find_scorer` knows, ours first."""
    return plugin_names("scorers", _builtin())


@cache
def _builtin() -> dict[str, Scorer]:
    from playhead.evaluation.scorers import answers, conduct, cost, evidence, grounding, judge

    ours: dict[str, Scorer] = {
        scorer.__name__: scorer
        for scorer in (
            answers.accuracy,
            answers.correct,
            answers.exact,
            answers.choice,
            answers.number,
            answers.set_f1,
            answers.order,
            answers.kendall_tau,
            answers.brier,
            grounding.iou,
            grounding.iop,
            grounding.iog,
            grounding.diou,
            evidence.evidence_iou,
            evidence.evidence_iop,
            evidence.evidence_iog,
            evidence.evidence_recall,
            evidence.evidence_complete,
            evidence.acc_gqa,
            evidence.acc_iou,
            evidence.recall_iou,
            conduct.format,
            conduct.over_calling,
            conduct.false_positive,
            judge.judged,
        )
    }
    ours |= {f"recall@{least}": grounding.recall_at(least) for least in (0.3, 0.5, 0.7)}
    return ours | {f"cost.{unit}": cost.spent(unit) for unit in cost.UNITS}
