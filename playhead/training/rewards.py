"""Rewards of the published recipes, made of the scorers that evaluation prints.

    reward = find_reward("video_o3")
    reward(trajectory)                       # a number, or None: it cannot be judged
    reward.parts_of(trajectory)              # what it is made of, by name

The one idea: everything is read off what was called, what it gave and what the answer cites. No
reward searches a text for marks, so repeating the question, quoting the prompt or writing tags pays
nothing; what a tool refuses counts against the format; what is not cited from a real look is no
evidence.

A reward is None as soon as one part of it is: the attempt is left out of the loss and of its
group's mean. Which advantage a token gets from all this is `playhead.training.credit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from playhead.core.errors import PlayheadError
from playhead.core.evidence import Evidence, Kind
from playhead.core.span import Span
from playhead.core.trajectory import Scorer, Task, Trajectory
from playhead.evaluation.scorers import find_scorer, intervals
from playhead.evaluation.scorers.answers import accuracy
from playhead.evaluation.scorers.blame import is_judgeable
from playhead.evaluation.scorers.conduct import answered_properly, is_faulty, num_calls, turns
from playhead.evaluation.scorers.cost import UNITS
from playhead.evaluation.scorers.evidence import cited
from playhead.evaluation.scorers.grounding import gold_seconds
from playhead.evaluation.scorers.grounding import iou as answered_iou
from playhead.evaluation.scorers.judge import Judge, JudgeCard, judged

LOOK = "look"
"""The tool that shows pictures."""


def clean(trajectory: Trajectory) -> float | None:
    """1 / (1 + n) for n turns that went wrong, 0 if the policy never answered properly.

    Video-o3's format reward, and the scorer `format`, is one less the *share* of such turns: then
    more calls after a bad one raise the reward. Here nothing makes a bad turn good.
    """
    if not is_judgeable(trajectory):
        return None
    return answered_properly(trajectory) / (1 + sum(map(is_faulty, turns(trajectory))))


# Video-o3


class Clue(StrEnum):
    """What holds the truth, and whether it takes tools to see it: the data classes of Video-o3."""

    SINGLE = "single"
    """One clue, seen by looking closely."""
    MULTI = "multi"
    """Several clues, seen by looking closely."""
    SINGLE_EASY = "single_easy"
    """One clue, seen without tools: calling fewer is better."""
    FREE = "free"
    """Several clues seen without tools, or not known: tools are neither paid nor punished."""
    WHEN = "when"
    """The seconds themselves are asked for."""

    @classmethod
    def of(cls, num: int, *, with_tools: bool) -> Clue:
        """The class of a task with so many clues."""
        if num == 1:
            return cls.SINGLE if with_tools else cls.SINGLE_EASY
        return cls.MULTI if num and with_tools else cls.FREE


def clue_of(task: Task) -> Clue:
    """As `task.metadata["clues"]` says; else by how many stretches hold the truth."""
    said = task.metadata.get("clues")
    if isinstance(said, str) and said in tuple(Clue):
        return Clue(said)
    if gold_seconds(task) is not None:
        return Clue.WHEN
    return Clue.of(len(task.spans or ()), with_tools=True)


def trajectory_guided(trajectory: Trajectory) -> float | None:
    """The trajectory-guided reward of Video-o3 (github.com/ZZQ987/Video-o3-Qwen3VL): accuracy plus
    format (`clean`), and, only where both are 1, a bonus for having found the clues (`clue_bonus`).
    Where the seconds themselves are asked for: their overlap plus format."""
    form = clean(trajectory)
    if clue_of(trajectory.task) is Clue.WHEN:
        overlap = answered_iou(trajectory)
        return None if overlap is None or form is None else overlap + form
    right, bonus = accuracy(trajectory), clue_bonus(trajectory)
    return None if right is None or form is None or bonus is None else right + form + bonus


def clue_bonus(trajectory: Trajectory) -> float | None:
    """0 unless accuracy and format are both 1. Then, with k calls and the overlap S of what the
    answer cites with the clues:

    - one clue: (1 - 0.05 (k - 1)) (S + 1) / 2 for k > 0, S = (IoU + IoP + IoG + (DIoU + 1) / 2) / 4
    - several: (S + 1) / 2 for k > 0, S = (2 IoU + IoP + IoG) / 4
    - one, seen without tools: 0.75 (1 - 0.1 k)
    - free: 0.5

    Video-o3 compares the spans of its calls. Ours are what the answer cites: a wide first look is
    no claim about where the truth is, and looking again pays nothing.
    """
    right, form = accuracy(trajectory), clean(trajectory)
    if right is None or form is None:
        return None
    num, clue = num_calls(trajectory), clue_of(trajectory.task)
    if right < 1 or form < 1 or clue is Clue.WHEN:
        return 0.0
    if clue is Clue.FREE:
        return 0.5
    if clue is Clue.SINGLE_EASY:
        return max(0.0, 1 - 0.1 * num) * 0.75
    if num == 0:
        return 0.0
    decay = max(0.0, 1 - 0.05 * (num - 1)) if clue is Clue.SINGLE else 1.0
    return decay * (clue_overlap(trajectory, clue) + 1) / 2


def clue_overlap(trajectory: Trajectory, clue: Clue) -> float:
    """S of `clue_bonus`, 0 to 1."""
    said = [piece.span for piece in cited(trajectory)]
    gold = list(trajectory.task.spans or ())
    iou, iop, iog = (how(said, gold) for how in (intervals.iou, intervals.iop, intervals.iog))
    if clue is Clue.MULTI:
        return (2 * iou + iop + iog) / 4
    return (iou + iop + iog + (intervals.diou(said, gold) + 1) / 2) / 4


# DynFrame

_BOUNDS = ((5.0, 0.6, 0.95), (15.0, 0.5, 0.9), (30.0, 0.4, 0.85), (float("inf"), 0.3, 0.8))
"""Of stretches shorter than the first number, in seconds: the overlaps that are worth 0 and 1."""
_SPAN_BOUNDS = (0.1, 0.6)
_FPS_OFF = 5.0


def scaled(overlap: float, low: float, high: float) -> float:
    """An overlap on a scale from `low`, worth 0, to `high`, worth 1."""
    return min(1.0, max(0.0, (overlap - low) / (high - low)))


def scaled_accuracy(trajectory: Trajectory) -> float | None:
    """Accuracy; where seconds are asked for, their overlap on a scale that is the stricter, the
    shorter the true stretch is (DynFrame, github.com/zhangguanghao523/DynFrame)."""
    gold = gold_seconds(trajectory.task)
    if gold is None:
        return accuracy(trajectory)
    overlap, seconds = answered_iou(trajectory), intervals.covered_s(gold)
    low, high = next((low, high) for longest, low, high in _BOUNDS if seconds < longest)
    return None if overlap is None else scaled(overlap, low, high)


def span_chosen(trajectory: Trajectory) -> float | None:
    """How well the last look was placed: its overlap with the labelled part, or else with the hull
    of the seconds that hold the truth, scaled from .1 to .6 (DynFrame). None: these are unknown."""
    wanted = _labelled_part(trajectory.task)
    if wanted is None or not is_judgeable(trajectory):
        return None
    look = last_look(trajectory)
    return 0.0 if look is None else scaled(look.span.iou(wanted), *_SPAN_BOUNDS)


def density_chosen(trajectory: Trajectory) -> float | None:
    """How well the last look was sampled: 1 - |f - f*| / 5, at least 0, with pictures a second as
    they were shown and as `task.metadata["density"]` says (DynFrame). None: it says nothing."""
    label = trajectory.task.metadata.get("density")
    if not isinstance(label, dict) or not is_judgeable(trajectory):
        return None
    look, wanted = last_look(trajectory), label.get("fps")
    if not isinstance(wanted, int | float):
        return None
    if look is None:
        return 0.0
    return max(0.0, 1 - abs(len(look.frames) / look.span.duration - wanted) / _FPS_OFF)


def looked(trajectory: Trajectory) -> list[Evidence]:
    """What each look of the policy really showed, in order."""
    return [
        piece
        for step in turns(trajectory)
        for call, seen in zip(step.reply.calls, step.observations, strict=True)
        if call.name == LOOK and seen.failure is None
        for piece in seen.evidence
        if piece.kind == Kind.PICTURE
    ]


def last_look(trajectory: Trajectory) -> Evidence | None:
    """What the last look showed. Only that one counts, so that trying many pays nothing."""
    return next(reversed(looked(trajectory)), None)


def _labelled_part(task: Task) -> Span | None:
    label, spans = task.metadata.get("density"), task.spans
    if isinstance(label, dict):
        start, end = label.get("start_s"), label.get("end_s")
        if isinstance(start, int | float) and isinstance(end, int | float) and start < end:
            return Span(start=start, end=end)
    if not spans:
        return None
    return Span(start=min(s.start for s in spans), end=max(s.end for s in spans))


# VideoSeeker, Video-RTS


def parsimony(trajectory: Trajectory) -> float | None:
    """1 - 0.2 N for N calls, at least 0. VideoSeeker's max(0, 1 - lambda N); it allows five calls,
    and with this lambda the fifth spends all of it."""
    return max(0.0, 1 - 0.2 * num_calls(trajectory)) if is_judgeable(trajectory) else None


def well_formed(trajectory: Trajectory) -> float | None:
    """1 if no turn went wrong and the policy answered, else 0: the format reward of Video-RTS and
    of Video-Thinker."""
    form = clean(trajectory)
    return None if form is None else float(form == 1.0)


def right(trajectory: Trajectory) -> float | None:
    """1 for an answer that is wholly right, else 0: the accuracy reward of Video-RTS."""
    score = accuracy(trajectory)
    return None if score is None else float(score >= 1.0)


def share_spent(unit: str) -> Scorer:
    """The share of the budget that was spent in one unit. None: it has no bound there.

    Raises:
        ValueError: No such unit.
    """
    if unit not in UNITS:
        raise ValueError(f"a unit is one of {', '.join(UNITS)}: got {unit!r}")

    def spent(trajectory: Trajectory) -> float | None:
        bound = getattr(trajectory.budget, unit, None)
        cost = getattr(trajectory.cost, unit)
        return None if not bound or cost is None else min(1.0, cost / bound)

    return spent


# Putting them together


def gated(scorer: Scorer, by: Scorer = accuracy, *, least: float = 1.0) -> Scorer:
    """`scorer` where `by` says at least so much, else 0: what was seen pays only if the answer is
    right, so that looking is no end in itself."""

    def gate(trajectory: Trajectory) -> float | None:
        score = by(trajectory)
        if score is None:
            return None
        return scorer(trajectory) if score >= least else 0.0

    return gate


@dataclass(frozen=True)
class Weighted:
    """A reward made of several."""

    parts: Mapping[str, Scorer]
    weights: Mapping[str, float]
    """Of each part."""
    aggregate: Literal["sum", "normalise"] = "sum"
    """How a group is compared: by the weighted sum, or by each part normalised within the group
    before they are summed (GDPO). `credit.advantages` does it; called, this is always the sum."""
    roles: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    """For credit by role: which parts, with which weights, the tokens of `look` and of `answer`
    answer for. Empty: all tokens for all parts."""

    def __post_init__(self) -> None:
        """Check that every part has a weight."""
        used = [self.weights, *self.roles.values()]
        unknown = {name for weights in used for name in weights} - self.parts.keys()
        if unknown or self.weights.keys() != self.parts.keys():
            raise ValueError(
                f"one weight for each of {sorted(self.parts)}: got {dict(self.weights)}"
            )

    def parts_of(self, trajectory: Trajectory) -> dict[str, float | None]:
        """What each part says."""
        return {name: scorer(trajectory) for name, scorer in self.parts.items()}

    def __call__(self, trajectory: Trajectory) -> float | None:
        """The weighted sum. None: a part of it cannot be judged."""
        found = self.parts_of(trajectory)
        values = [(self.weights[name], value) for name, value in found.items()]
        if any(value is None for _, value in values):
            return None
        return sum(weight * value for weight, value in values if value is not None)


def weighted(**weights: float) -> Weighted:
    """A weighted sum of rewards and scorers by name: `weighted(accuracy=1, evidence_iou=0.5)`.

    Raises:
        NoSuchPlugin: There is no scorer of that name.
    """
    return Weighted({name: find_part(name) for name in weights}, weights)


class UnfitJudge(PlayheadError, ValueError):
    """A judge may not be a reward: it has no card, or one that does not pass."""


def judge_reward(judge: Judge, card: JudgeCard | None) -> Scorer:
    """What a judge said of the answer (`judged`), as a reward.

    Args:
        judge: Who judges. `judge.record` must have been asked before.
        card: What was measured about this very judge.

    Raises:
        UnfitJudge: There is no card, it is of another judge, or it does not pass.
    """
    if card is None:
        raise UnfitJudge(f"the judge {judge.name!r} has no card: measure one before it may reward")
    if card.judge != judge.name:
        raise UnfitJudge(f"the card is of the judge {card.judge!r}, not of {judge.name!r}")
    if not card.passes:
        raise UnfitJudge(f"the judge {judge.name!r} may not reward: {'; '.join(card.problems)}")
    return judged


VIDEO_O3 = Weighted(
    {"reward": trajectory_guided},
    {"reward": 1.0},
)
"""Video-o3: trajectory-guided."""

DYNFRAME = Weighted(
    {
        "format": clean,
        "accuracy": scaled_accuracy,
        "density": density_chosen,
        "span": span_chosen,
    },
    {"format": 0.1, "accuracy": 0.6, "density": 0.3, "span": 0.0},
    aggregate="normalise",
    roles={"look": {"density": 1.0, "span": 1.0}, "answer": {"accuracy": 1.0, "format": 1.0}},
)
"""DynFrame: the weights of its script, which leaves the span out; the roles of its paper. Its
format reward counts its tags; ours is read off the calls."""

VIDEO_SEEKER = Weighted(
    {"accuracy": accuracy, "format": clean, "parsimony": parsimony},
    {"accuracy": 0.8, "format": 0.15, "parsimony": 0.05},
)
"""VideoSeeker, with the parsimony of its paper that its released reward lacks. Its accuracy is a
judge's; for open answers put `judge_reward` in its place."""

VIDEO_RTS = Weighted({"accuracy": right, "format": well_formed}, {"accuracy": 1.0, "format": 1.0})
"""Video-RTS and Video-Thinker: right or not, well-formed or not."""

_RECIPES: dict[str, Weighted] = {
    "video_o3": VIDEO_O3,
    "dynframe": DYNFRAME,
    "video_seeker": VIDEO_SEEKER,
    "video_rts": VIDEO_RTS,
}
_PARTS: dict[str, Scorer] = {
    part.__name__: part
    for part in (
        clean,
        trajectory_guided,
        clue_bonus,
        scaled_accuracy,
        span_chosen,
        density_chosen,
        parsimony,
        well_formed,
        right,
    )
}
_PARTS |= {f"share_spent.{unit}": share_spent(unit) for unit in ("turns", "frames")}


def reward_names() -> list[str]:
    """The recipes that `find_reward` knows besides scorers."""
    return list(_RECIPES)


def find_reward(name: str) -> Weighted:
    """The reward of that name: a recipe's, or one scorer alone.

    Raises:
        NoSuchPlugin: There is neither.
    """
    return _RECIPES[name] if name in _RECIPES else weighted(**{name: 1.0})


def find_part(name: str) -> Scorer:
    """What a reward is made of, by name: a part of a recipe, or any scorer. A judge has no name
    here: it needs a card.

    Raises:
        NoSuchPlugin: There is none.
        UnfitJudge: It is a judge's.
    """
    if name == judged.__name__:
        raise UnfitJudge("a judge is no reward by its name: use judge_reward, with its card")
    return _PARTS[name] if name in _PARTS else find_scorer(name)
