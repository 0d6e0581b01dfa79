"""On-policy distillation: a teacher judges, token by token, what the student itself wrote.

    teacher = LocalTeacher(big_model, renderer, source.resolve)
    report = train_rl(model, processor, tasks, source, {}, RLSettings(steps=100, distil=ALL, ...),
                      tools=tools, output=output, teacher=teacher)

The student plays with its own tools; the teacher is shown the same observations and says how likely
it would have written each of the student's tokens. The advantage of a token is

    log p_teacher(token) - log p_student(token),

whose policy gradient is that of the reverse KL divergence at the visited states (Video-OPD;
generalised knowledge distillation, arXiv 2306.13649). Observations are nobody's tokens and are
masked. It mixes with rewards, by role: `RLSettings(roles={"answer": {"accuracy": 1}},
distil={"look": 1.0})`.

`exact_loss` is the same divergence over the whole vocabulary: no noise of sampling, and the
teacher's scores for every token must be at hand.

Which tasks to learn from next: `tvdf` and `scc`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from playhead.core.trajectory import Trajectory
from playhead.models.pictures import Resolve
from playhead.training.credit import ANSWER, LOOK
from playhead.training.lessons import Lesson
from playhead.training.parity import logprobs_of
from playhead.training.rows import Renderer, Row

ALL = {LOOK: 1.0, ANSWER: 1.0}
"""Every token learns from the teacher."""


class Teacher(Protocol):
    """Who says how likely it would have written what a student wrote."""

    def logprobs(
        self, rows: Sequence[Row], trajectories: Sequence[Trajectory], *, temperature: float
    ) -> Sequence[NDArray[np.float32]]:
        """For each row `[T]` the log-probability of each token after those before it.

        Args:
            rows: What the student read and wrote.
            trajectories: Of each row: for a teacher that renders conversations itself.
            temperature: By which scores are divided, as the student's are.

        Returns:
            `nan` where it cannot tell. What the student did not write is not looked at.
        """
        ...


class LocalTeacher:
    """A model of transformers in this process, with the student's vocabulary."""

    def __init__(
        self, model: Any, processor: Any, student: Renderer, resolve: Resolve, *, batch: int = 4
    ) -> None:
        """Keep the model; it is not trained.

        Args:
            model: Of the teacher.
            processor: Of the teacher.
            student: How the student is served.
            resolve: From references to pictures.
            batch: Rows that are run at once.

        Raises:
            ValueError: Its vocabulary is another one, so its tokens mean other words.
        """
        mine = processor.tokenizer.get_vocab()
        if mine != student.processor.tokenizer.get_vocab():
            raise ValueError("a teacher in this process shares the student's vocabulary")
        self.model = model.eval().requires_grad_(False)
        self._student, self._resolve, self._batch = student, resolve, batch

    def logprobs(
        self, rows: Sequence[Row], trajectories: Sequence[Trajectory], *, temperature: float
    ) -> Sequence[NDArray[np.float32]]:
        """As `Teacher` has it."""
        return logprobs_of(
            self.model,
            self._student,
            rows,
            self._resolve,
            temperature=temperature,
            batch=self._batch,
        )


def gaps(teacher: Teacher, lessons: Sequence[Lesson], student: Any, temperature: float) -> Any:
    """log p_teacher - log p_student of each token after the prompts of a batch `[B, T]`; 0 where
    the student did not write or the teacher cannot tell.

    Args:
        teacher: Who judges.
        lessons: `[B]`: what is learned from each rollout.
        student: The student's log-probabilities `[B, T]`.
        temperature: By which scores are divided.
    """
    import torch

    some = [(i, one.row, one.trajectory) for i, one in enumerate(lessons) if one.row is not None]
    told = teacher.logprobs(
        [row for _, row, _ in some],
        [trajectory for _, _, trajectory in some],
        temperature=temperature,
    )
    made = torch.zeros(student.shape)
    for (i, row, _), logprobs in zip(some, told, strict=True):
        written = torch.tensor(row.mask[row.prompt :], dtype=torch.float32)
        theirs = torch.tensor(np.asarray(logprobs[row.prompt :], dtype=np.float32))
        gap = theirs - student[i, : len(written)]
        made[i, : len(written)] = torch.nan_to_num(gap, nan=0.0) * written
    return made


def is_distilled(
    scores: NDArray[np.float64], size: int, bounds: Mapping[int, float]
) -> NDArray[np.bool_]:
    """For each rollout `[N]` whether its group still learns from the teacher.

    Args:
        scores: `[N, K]`; `nan`: cannot be judged. Groups of `size` rollouts follow each other.
        size: Of a group.
        bounds: By column of `scores`: a group with that mean or more is left alone; one that could
            not be judged is not.
    """

    def is_below(group: NDArray[np.float64]) -> bool:
        return all(not _mean(group[:, k]) >= bound for k, bound in bounds.items())

    return np.repeat([is_below(scores[i : i + size]) for i in range(0, len(scores), size)], size)


def _mean(scores: NDArray[np.float64]) -> float:
    """Of those that could be judged; nan if none could."""
    judged = scores[~np.isnan(scores)]
    return float(judged.mean()) if len(judged) else float("nan")


def reverse_kl(student: Any, teacher: Any) -> Any:
    """KL(student || teacher) at each position: `[..., V]` scores each to `[...]`, in nats.

    Its gradient in the student's scores is p (log p - log q - KL), where p and q are what student
    and teacher would write.
    """
    import torch

    own, theirs = torch.log_softmax(student, dim=-1), torch.log_softmax(teacher, dim=-1)
    return (own.exp() * (own - theirs)).sum(dim=-1)


def exact_loss(
    model: Any,
    teacher: Any,
    inputs: Mapping[str, Any],
    media: Mapping[str, Any],
    temperature: float,
) -> Any:
    """The mean of `reverse_kl` over the tokens that the student wrote, in one batch of TRL.

    Args:
        model: The student.
        teacher: A model with the same vocabulary.
        inputs: TRL's batch: prompts, completions and their masks.
        media: What the models are given besides: pixels.
        temperature: By which both scores are divided.
    """
    import torch

    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    is_there = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
    written = inputs["completion_mask"] * inputs.get("tool_mask", 1)
    num = inputs["completion_ids"].shape[1]
    given = {"input_ids": ids, "attention_mask": is_there, **media}
    own = model(**given).logits[:, -num - 1 : -1] / temperature
    with torch.no_grad():
        theirs = teacher(**given).logits[:, -num - 1 : -1] / temperature
    divergence = reverse_kl(own.float(), theirs.float())
    return (divergence * written).sum() / written.sum().clamp(min=1)


class Judged(NamedTuple):
    """How well student and teacher do at a task, such as the temporal IoU of what they cite."""

    task: str
    student: float
    teacher: float


def tvdf(judged: Sequence[Judged], num: int, *, least_teacher: float = 0.5) -> list[str]:
    """The tasks to learn from next: the teacher can do them, and the student lags most.

    Teacher-validated disagreement (Video-OPD): tasks at which the teacher itself is below
    `least_teacher` are dropped; of the others the `num` with the largest teacher - student.

    Returns:
        Their ids, the largest disagreement first; fewer if there are fewer.
    """
    known = [one for one in judged if one.teacher >= least_teacher]
    known.sort(key=lambda one: (one.student - one.teacher, one.task))
    return [one.task for one in known[:num]]


def scc(
    judged: Sequence[Judged],
    num: int,
    *,
    solved: float = 0.7,
    failed: float = 0.3,
    anchors: float = 0.1,
) -> list[str]:
    """The tasks of the successor of TVDF (arXiv 2609.40055): mostly the frontier, and some anchors.

    A share of `anchors` are tasks that the student has solved; the rest are tasks at which it is
    below `failed` and the teacher is at `solved` or above. That a task is left alone while the
    student solves it, and taken up again when it fails, is `RLSettings.distil_below`.

    Returns:
        Their ids, the frontier first, by how far the student lags; fewer if there are fewer.
    """
    frontier = [one for one in judged if one.student < failed and one.teacher >= solved]
    kept = [one for one in judged if one.student >= solved]
    frontier.sort(key=lambda one: (one.student - one.teacher, one.task))
    kept.sort(key=lambda one: one.task)
    num_kept = min(len(kept), round(anchors * num))
    return [one.task for one in (*frontier[: num - num_kept], *kept[:num_kept])]
