"""How a run of reinforcement learning goes: settings as data, without torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from playhead.core.budget import Budget
from playhead.core.value import JsonObject, Value
from playhead.training.credit import ANSWER, LOOK, Aggregate, Scale
from playhead.training.tuning import recompute_name

_OURS = {
    "mask_truncated_completions", "multi_objective_aggregation", "scale_rewards", "reward_weights",
}  # fmt: skip


class RLSettings(Value):
    """How a run goes. What is not here is TRL's, and goes through `more`."""

    steps: PositiveInt
    """Updates."""
    tasks_per_step: PositiveInt = 4
    """Groups that one update learns from, over all processes."""
    num_generations: Annotated[int, Field(ge=2)] = 8
    """Rollouts in a group."""
    batch_size: PositiveInt = 8
    """Rollouts in one forward pass, in each process."""
    learning_rate: PositiveFloat = 1e-6
    temperature: PositiveFloat = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_reply_tokens: PositiveInt = 512
    max_tokens: PositiveInt = 8192
    """Of a row; a longer rollout is masked out."""
    mask_cut: bool = False
    """Mask out rollouts whose last reply was cut at `max_reply_tokens`."""
    strategy: str = "seek"
    budget: Budget | None = None
    """Of one rollout. None: as `rollouts.play` has it."""
    at_once: PositiveInt = 16
    """Rollouts that are played at the same time, in each process."""
    weights: dict[str, float] = Field(default_factory=dict[str, float])
    """Of rewards, by name. One that is not named has 1."""
    roles: dict[str, dict[str, float]] | None = None
    """For `look` and `answer`, the weights of the rewards that their tokens answer for. None: every
    token answers for all."""
    aggregate: Aggregate = "sum"
    """As `credit.advantages` has it."""
    scale: Scale = "std"
    """As `credit.advantages` has it."""
    distil: dict[str, float] = Field(default_factory=dict[str, float])
    """By role: how much the teacher's log-probability less the model's own adds to advantages."""
    distil_below: dict[str, float] = Field(default_factory=dict[str, float])
    """By reward: groups with that mean or more are not distilled, until they fall below it again
    (SCC, arXiv 2609.40055, has 0.7 for the temporal IoU)."""
    exact: NonNegativeFloat = 0.0
    """How much the exact reverse KL divergence from the teacher, over the whole vocabulary, adds to
    the loss. The teacher is a model in this process then."""
    seed: int = 0
    save_steps: PositiveInt | None = None
    """A checkpoint to resume from every so many updates. None: none."""
    keep_rollouts: bool = True
    """Append every rollout with its scores to `rollouts.jsonl`."""
    most_gap: PositiveFloat = 0.01
    """As `check_parity` has it."""
    most_left_out: Annotated[float, Field(ge=0, le=1)] = 0.1
    """As `check_parity` has it."""
    flat_patience: PositiveInt = 5
    """After so many steps in a row without a difference in reward, say so."""
    recompute: bool = False
    """Keep fewer activations and calculate them twice (gradient checkpointing)."""
    more: JsonObject = Field(default_factory=dict)
    """Whatever `trl.GRPOConfig` takes besides: `beta`, `loss_type`, `epsilon_high`, `bf16` ..."""

    def check(self, rewards: Collection[str], teacher: Any) -> None:
        """See that they fit what is learned from.

        Args:
            rewards: Their names.
            teacher: Whom to learn from. None: nobody.

        Raises:
            ValueError: A reward or a role that there is not; no teacher where one is needed, or one
                that is not; nothing at all to learn from.
        """
        roles = self.roles or {}
        all_named = (self.weights, self.distil_below, *roles.values())
        named = {name for given in all_named for name in given}
        if unknown := named - set(rewards):
            raise ValueError(f"no rewards of these names: {', '.join(sorted(unknown))}")
        if unknown := (roles.keys() | self.distil.keys()) - {LOOK, ANSWER}:
            raise ValueError(f"roles are look and answer: got {', '.join(sorted(unknown))}")
        wants = bool(self.distil) or self.exact > 0
        if wants != (teacher is not None):
            raise ValueError("a teacher goes with `distil` or `exact`, and they with a teacher")
        if self.exact and not hasattr(teacher, "model"):
            raise ValueError("`exact` needs a teacher in this process: LocalTeacher")
        if not rewards and teacher is None:
            raise ValueError("nothing to learn from: give rewards, a teacher, or both")

    def by_role(self, rewards: Sequence[str]) -> dict[str, list[float]]:
        """For each role the weights of the rewards `[K]` that its tokens answer for."""
        same = {name: self.weights.get(name, 1.0) for name in rewards}
        roles = self.roles or {LOOK: same, ANSWER: same}
        return {role: [given.get(name, 0.0) for name in rewards] for role, given in roles.items()}

    def config(self, output: Path) -> Any:
        """As `trl.GRPOConfig`.

        Raises:
            ValueError: An option that has another name here, or sizes that do not fit.
        """
        from trl.trainer.grpo_config import GRPOConfig

        if taken := _OURS & self.more.keys():
            raise ValueError(
                f"set mask_cut, aggregate, scale and weights, not through `more`: got "
                f"{', '.join(sorted(taken))}"
            )
        num = self.tasks_per_step * self.num_generations
        machine = {**_machine(), recompute_name(GRPOConfig): self.recompute}
        world = int(GRPOConfig(output_dir=str(output), **machine).world_size)
        if num % (self.batch_size * world):
            raise ValueError(
                f"the {num} rollouts of a step are whole batches: got {self.batch_size=} on "
                f"{world} processes"
            )
        options: dict[str, Any] = {
            "output_dir": str(output),
            "max_steps": self.steps,
            "per_device_train_batch_size": self.batch_size,
            "gradient_accumulation_steps": num // (self.batch_size * world),
            "num_generations": self.num_generations,
            "learning_rate": self.learning_rate,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_completion_length": self.max_reply_tokens,
            "seed": self.seed,
            "save_strategy": "steps" if self.save_steps else "no",
            "save_steps": self.save_steps or 500,
            "logging_steps": 1,
            "report_to": "none",
            "disable_tqdm": True,
            "remove_unused_columns": False,
            "log_multimodal": False,  # gathers pictures only where there are some: others wait
            **machine,
        }
        return GRPOConfig(**{**options, **self.more})


def _machine() -> dict[str, Any]:
    """What this machine can: TRL would calculate in bfloat16 and look for a GPU."""
    import torch

    if not torch.cuda.is_available():
        return {"use_cpu": True, "bf16": False}
    return {"bf16": torch.cuda.is_bf16_supported()}
