# ruff: noqa: E402
"""TRL's GRPO, with our attempts as its rollouts.

TRL keeps the optimiser, the loss and the checkpoints; we give it what was really played. Each
override is where TRL would otherwise do something of its own:

- `_generate`: attempts (`player`) and what is learned from them (`lessons`) instead of TRL's loop;
- `_calculate_rewards`: scorers, where None is kept apart from 0;
- `_generate_and_score_completions`: an advantage for each token, by `credit` and by the teacher;
- `_compute_loss`: adds the exact divergence from a teacher, if that is asked for;
- `train`: the parity gates first.

A rollout that something else than the model spoilt is masked out of its group's mean, too; one
that is too long or was cut, of the loss alone. TRL's own `mask_truncated_completions` hides the
pictures of such rows from the positions of all that follow, so it is not used.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from playhead.agent.rollouts import Job
from playhead.agent.source import Source
from playhead.core.store import TrajectoryStore
from playhead.core.tools import Tool
from playhead.core.trajectory import Scorer, Task, Trajectory
from playhead.models.eyes._local import require
from playhead.training import credit
from playhead.training.blank import see_always
from playhead.training.credit import Advantages, FlatAlarm
from playhead.training.distill import exact_loss, gaps, is_distilled
from playhead.training.lessons import Lesson, for_trl, lesson_of, numbers
from playhead.training.parity import Parity, check_parity
from playhead.training.player import Player
from playhead.training.processes import check_shards, in_shards
from playhead.training.rl_settings import RLSettings
from playhead.training.rollout_names import named_jobs, set_aside
from playhead.training.rows import Renderer

require("torch", "trl", "datasets", extra="train", what="reinforcement learning")

import numpy as np
import torch
from accelerate.utils import gather, gather_object
from datasets import Dataset
from transformers import PrinterCallback
from transformers.trainer_utils import get_last_checkpoint
from trl.trainer.grpo_trainer import GRPOTrainer

log = logging.getLogger(__name__)

MEDIA = (
    "pixel_values", "image_grid_thw", "num_images", "pixel_attention_mask", "image_sizes",
    "token_type_ids", "mm_token_type_ids", "image_position_ids", "spatial_shapes", "num_tiles",
)  # fmt: skip
"""What TRL's batches hold of pictures."""
_GATE_TASKS, _GATE_EACH = 2, 2
_RENDERED = ("strict_tools", "think_back", "template")


class AgentGRPOTrainer(GRPOTrainer):
    """GRPO whose rollouts are attempts. Used by `train_rl`; `close` it afterwards."""

    model: Any
    train_dataset: Any

    def __init__(
        self,
        model: Any,
        processor: Any,
        tasks: Sequence[Task],
        source: Source,
        rewards: Mapping[str, Scorer],
        settings: RLSettings,
        *,
        tools: Sequence[Tool],
        output: Path,
        serve: Mapping[str, Any] | None = None,
        engine: Any = None,
        teacher: Any = None,
        **trainer: Any,
    ) -> None:
        """Set TRL up.

        Args:
            model: Of transformers, that is trained.
            processor: Of the same model.
            tasks: What is asked.
            source: Where their videos are.
            rewards: Scorers by name. None at all: there is a teacher.
            settings: How.
            tools: What it may call.
            output: Where checkpoints and rollouts are kept.
            serve: How the model is served: what its policy takes, such as `think_back`.
            engine: Who samples, such as `VLLMEngine`. None: the model itself.
            teacher: Whom to learn from, see `playhead.training.distill`. None: rewards alone.
            trainer: What else TRL's trainer takes: `optimizers`, `peft_config`, `callbacks`.

        Raises:
            ValueError: Neither rewards nor a teacher, settings that name neither, or a model in
                shards that nobody can sample or put together.
        """
        settings.check(rewards, teacher)
        self.settings, self.source, self.teacher = settings, source, teacher
        self.scorers = dict(rewards)
        asked = [{"role": "user", "content": task.question} for task in tasks]
        lines = [{"prompt": [a], "task": t.to_json()} for a, t in zip(asked, tasks, strict=True)]
        columns: Any = [_named(name) for name in self.scorers] or [_named("nothing")]
        super().__init__(
            model=model,
            reward_funcs=columns,
            args=settings.config(output),
            train_dataset=Dataset.from_list(lines),
            processing_class=processor,
            **trainer,
        )
        check_shards(self)
        self.remove_callback(PrinterCallback)
        see_always(self.model, joined=self.accelerator.num_processes > 1)
        self.tools = [tool.name for tool in tools]  # where TRL looks whether tools show pictures
        how = dict(serve or {})
        self.renderer = Renderer(processor, **{k: how[k] for k in _RENDERED if k in how})
        self._player = Player(
            self.model, processor, self.accelerator, source, settings,
            tools=tools, engine=engine, serve=how, is_sharded=in_shards(self.args),
        )  # fmt: skip
        self.use_vllm = not self._player.is_exact  # TRL's word for: somebody else sampled, correct
        self.model.train()
        self._alarm = FlatAlarm(settings.flat_patience)
        self._store = TrajectoryStore(output / "rollouts.jsonl")
        self._tasks: list[Task] = []
        self._lessons: list[Lesson] = []
        self._scores = np.zeros((0, 0))
        self._num_played: dict[int, int] = {}
        self.alarms: list[str] = []
        self.num_rollouts = 0
        self.num_masked = Counter[str]()
        self.parity: Parity | None = None

    def _send_telemetry(self) -> None:
        """Tell nobody of the run."""

    def close(self) -> None:
        """End the threads that play."""
        self._player.close()

    @property
    def _mode(self) -> str:
        """As TRL names its metrics."""
        return "train" if self.model.training else "eval"

    @property
    def _group_size(self) -> int:
        is_train = self._mode == "train"
        return int((self.num_generations if is_train else self.num_generations_eval) or 1)

    @property
    def _first(self) -> int:
        """Rollouts of this batch in the processes before this one."""
        return self.accelerator.process_index * len(self._tasks)

    # Before a run

    def train(
        self, resume_from_checkpoint: str | bool | None = None, *args: Any, **how: Any
    ) -> Any:
        """Train, once the parity gates are passed.

        Args:
            resume_from_checkpoint: Go on from the last checkpoint, or from the one that is named.
            args: As transformers has it.
            how: As transformers has it.

        Raises:
            NotTheSame: They are not.
        """
        if self.accelerator.is_main_process:
            begun = resume_from_checkpoint
            last = get_last_checkpoint(str(self.args.output_dir)) if begun is True else begun
            set_aside(self._store, int(last.rpartition("-")[2]) if last else 0)
        self.parity = self.check()
        return super().train(resume_from_checkpoint, *args, **how)

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        """TRL's, but its order hangs on the epoch alone: a run that goes on takes up the same."""
        sampler: Any = super()._get_train_sampler(dataset)
        if (drawn := getattr(sampler, "generator", None)) is not None:
            sampler.set_epoch = lambda epoch: drawn.manual_seed(self.settings.seed + epoch)
        return sampler

    def check(self) -> Parity:
        """Play a task or two and see that what would be trained on is what was served.

        Raises:
            NotTheSame: It is not.
            ValueError: No rollout has recorded tokens.
        """
        tasks = [Task.from_json(line) for line in self.train_dataset[:_GATE_TASKS]["task"]]
        played = self.play([Job(t, f"{t.id}-gate", k) for t in tasks for k in range(_GATE_EACH)])
        here = [t for t in played if any(step.reply.tokens for step in t.steps)]
        if not here:
            told = "; ".join(t.failure.message for t in played if t.failure)
            raise ValueError(f"no rollout has recorded tokens to learn from: {told or 'no steps'}")
        return check_parity(
            here,
            self.renderer,
            self.accelerator.unwrap_model(self.model),
            self.source.resolve,
            temperature=1.0 if self._player.is_exact else self.temperature,
            most_gap=self.settings.most_gap,
            most_left_out=self.settings.most_left_out,
        )

    # Rollouts

    def play(self, jobs: Sequence[Job]) -> list[Trajectory]:
        """Attempts of the model as it stands now."""
        return self._player.play(jobs, self.model_wrapped, step=self.state.global_step)

    def _generate(self, prompts: list[Any]) -> tuple[Any, ...]:
        """TRL's rollouts: ids, masks and pictures of what was played."""
        settings, step = self.settings, int(self.state.global_step)
        nth = self._num_played[step] = self._num_played.get(step, -1) + 1
        jobs = named_jobs(
            self._tasks, self._mode, seed=settings.seed, step=step, nth=nth, first=self._first,
            size=self._group_size,
        )  # fmt: skip
        how: Any = {"max_tokens": settings.max_tokens, "mask_cut": settings.mask_cut}
        self._lessons = lessons = [
            lesson_of(trajectory, self.renderer, self.source.resolve, **how)
            for trajectory in self.play(jobs)
        ]
        self._note()
        return for_trl(lessons, self.eos_token_ids[0], is_exact=self._player.is_exact)

    def _note(self) -> None:
        """Metrics over all processes, which have played as many rollouts each."""
        mode, lessons = self._mode, self._lessons
        num_tokens = sum(len(lesson.row) for lesson in lessons if lesson.row is not None)
        everywhere = gather_object([(numbers(lessons), num_tokens)])
        for name in sorted({name for one, _ in everywhere for name in one}):
            mean = sum(one.get(name, 0.0) for one, _ in everywhere) / len(everywhere)
            self._metrics[mode][name].append(mean)
        if mode == "train":
            self.num_masked.update(one.why_not for one in lessons if one.why_not)
            self.num_rollouts += len(lessons)
            self.state.num_input_tokens_seen += sum(length for _, length in everywhere)

    # Rewards and credit

    def _calculate_rewards(self, inputs: Any, prompts: Any, *_: Any) -> Any:
        """Rewards `[N, K]` of all processes; nan: it cannot be judged."""
        scorers = self.scorers.values()
        table = [[one.score(scorer) for scorer in scorers] or [None] for one in self._lessons]
        if self.settings.keep_rollouts and self.model.training:
            named = [dict(zip(self.scorers, line, strict=False)) for line in table]
            scored = zip((one.trajectory for one in self._lessons), named, strict=True)
            self._store.extend(t.replace(scores={**t.scores, **line}) for t, line in scored)
        filled = [[float("nan") if r is None else r for r in line] for line in table]
        here: Any = torch.tensor(filled, dtype=torch.float32, device=self.accelerator.device)
        found: Any = gather(here)
        self._scores = found.cpu().numpy().astype(np.float64)
        return found

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        """TRL's batch with an advantage for each token `[B, T]`."""
        self._tasks = [Task.from_json(line["task"]) for line in inputs]
        batch = super()._generate_and_score_completions(inputs)
        batch["advantages"] = self._advantages(batch)
        return batch

    def _advantages(self, batch: Mapping[str, Any]) -> Any:
        by_role = self._by_role()
        made = torch.zeros(batch["completion_ids"].shape)
        distilled = self._distilled(batch) if self.settings.distil else torch.zeros_like(made)
        for i, lesson in enumerate(self._lessons):
            if lesson.row is None:
                continue
            own = {role: float(found.values[self._first + i]) for role, found in by_role.items()}
            earned = torch.tensor(credit.after_prompt(lesson.row, own))
            shares = torch.tensor(credit.after_prompt(lesson.row, self.settings.distil))
            values = earned + shares * distilled[i, : len(earned)]
            made[i, : len(earned)] = lesson.num_rows * values
        return made.to(batch["completion_ids"].device)

    def _by_role(self) -> dict[str, Advantages]:
        """The advantages of all rollouts for each role."""
        if not self.scorers:
            return {}
        mode, settings = self._mode, self.settings
        by_role = credit.role_decoupled(
            self._scores,
            np.arange(len(self._scores)) // self._group_size,
            settings.by_role(list(self.scorers)),
            aggregate=settings.aggregate,
            scale=settings.scale,
        )
        for role, found in by_role.items():
            self._metrics[mode][f"credit/flat/{role}"].append(found.flat)
        flat = min(found.flat for found in by_role.values())
        if mode == "train" and self._alarm.rings(flat):
            alarm = (
                f"step {self.state.global_step}: for {self._alarm.num_in_a_row} steps in a row "
                "every rollout of a group got the same reward: nothing is learned"
            )
            self.alarms.append(alarm)
            log.warning(alarm)
        return by_role

    # Learning from a teacher

    def _distilled(self, batch: Mapping[str, Any]) -> Any:
        """The teacher's log-probability less the model's own `[B, T]`, where the model wrote; 0
        where the teacher could not tell, or the group is good enough."""
        own = self._own_logprobs(batch).cpu()
        found = gaps(self.teacher, self._lessons, own, self.temperature)
        num = sum(one.row.num_written for one in self._lessons if one.row is not None)
        everywhere = gather_object([(float(found.sum()), num)])
        total, num = (sum(column) for column in zip(*everywhere, strict=True))
        self._metrics[self._mode]["distil/reverse_kl"].append(-total / max(1, num))
        names, below = list(self.scorers), self.settings.distil_below
        bounds = {names.index(name): bound for name, bound in below.items()}
        goes_on = is_distilled(self._scores, self._group_size, bounds)
        return found * torch.tensor(goes_on[self._first :][: len(found)])[:, None]

    def _own_logprobs(self, batch: Mapping[str, Any]) -> Any:
        """The model's own log-probabilities of a batch `[B, T]`, as it stands."""
        if batch.get("old_per_token_logps") is not None:
            return batch["old_per_token_logps"]
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
        mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
        with torch.no_grad():
            found, _, _ = self._get_per_token_logps_and_entropies(
                self.model,
                ids,
                mask,
                batch["completion_ids"].size(1),
                batch_size=self.args.per_device_train_batch_size,
                **{name: batch[name] for name in MEDIA if batch.get(name) is not None},
            )
        return found

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        loss = super()._compute_loss(model, inputs)
        if not self.settings.exact:
            return loss
        mode = self._mode
        media = {name: inputs[name] for name in MEDIA if inputs.get(name) is not None}
        media.pop("num_images", None)
        divergence = exact_loss(model, self.teacher.model, inputs, media, self.temperature)
        everywhere: Any = gather(divergence.detach())
        self._metrics[mode]["distil/exact_kl"].append(float(everywhere.mean()))
        share = self.settings.exact / (
            self.current_gradient_accumulation_steps if mode == "train" else 1
        )
        return loss + share * divergence


def _named(name: str) -> Callable[..., list[None]]:
    """What TRL calls a reward; `_calculate_rewards` is asked instead."""

    def reward(prompts: Sequence[Any], **_: Any) -> list[None]:
        return [None] * len(prompts)

    reward.__name__ = name
    return reward
