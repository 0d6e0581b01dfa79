# ruff: noqa: E402
"""Reinforcement learning in the loop that serves: TRL's GRPO, with our attempts as its rollouts.

    report = train_rl(model, processor, tasks, source, {"accuracy": accuracy}, settings)

The one idea: TRL keeps the optimiser, the loss and the checkpoints; we give it what was really
played. A rollout is an `attempt()` of the model as it stands, its row is the recorded tokens, its
pictures are decoded again from their references, its rewards are scorers of the trajectory. Each
override below is where TRL would otherwise do something of its own:

- `_generate`: attempts instead of TRL's loop;
- `_calculate_rewards`: scorers, where None is kept apart from 0;
- `_generate_and_score_completions`: an advantage for each token, by `credit` and by the teacher;
- `_compute_loss`: adds the exact divergence from a teacher, if that is asked for;
- `train`: the parity gates first.

A rollout is masked out of the loss, and of its group's mean, when something else than the model
failed. It is masked out of the loss alone when its row is longer than `max_length` (a row is never
cut: a cut picture has no features) or, if that is asked for, when its last reply was cut. TRL's own
`mask_truncated_completions` hides the pictures of such rows from the positions of all that follow,
so it is not used.

A rollout whose turns are shown otherwise than they were written has several rows, and TRL has room
for one. One is drawn, and its advantages are multiplied by how many there are: on average that is
to learn from all of them. (With the last one always, a turn that breaks the format would never be
unlearned, because it is never in the last row.)
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from playhead.agent.loop_thread import LoopThread
from playhead.agent.rollouts import Job, fault, is_cut, play, tally
from playhead.agent.source import Source
from playhead.core.errors import Origin, VideoError
from playhead.core.policy import Sampling
from playhead.core.store import TrajectoryStore
from playhead.core.tools import Tool
from playhead.core.trajectory import Scorer, Task, Trajectory
from playhead.models.eyes._local import require
from playhead.models.policies.transformers import TransformersPolicy
from playhead.training import credit
from playhead.training.blank import see_always
from playhead.training.credit import Advantages, FlatAlarm
from playhead.training.parity import Parity, check_parity
from playhead.training.processes import joined
from playhead.training.rl_settings import RLSettings as RLSettings
from playhead.training.rows import Renderer, Row, rows

require("torch", "trl", "datasets", extra="train", what="reinforcement learning")

import numpy as np
import torch
from accelerate.utils import gather, gather_object
from datasets import Dataset
from PIL import Image
from transformers import PrinterCallback
from transformers.trainer_utils import get_last_checkpoint
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.grpo_trainer import GRPOTrainer

log = logging.getLogger(__name__)

_MEDIA = (
    "pixel_values", "image_grid_thw", "num_images", "pixel_attention_mask", "image_sizes",
    "token_type_ids", "mm_token_type_ids", "image_position_ids", "spatial_shapes", "num_tiles",
)  # fmt: skip
_GATE_TASKS, _GATE_EACH = 2, 2
_RENDERED = ("strict_tools", "think_back", "template")


@dataclass(frozen=True)
class RLReport:
    """What a run did."""

    steps: int
    seconds: float
    history: tuple[dict[str, float], ...]
    """What was measured at each step."""
    parity: Parity
    num_rollouts: int
    num_masked: dict[str, int]
    """Rollouts that were masked out of the loss, by reason."""
    alarms: tuple[str, ...]


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
            ValueError: Neither rewards nor a teacher, or settings that name neither.
        """
        self.settings, self.source, self.engine, self.teacher = settings, source, engine, teacher
        self.scorers = dict(rewards)
        _check(settings, self.scorers, teacher)
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
        self.remove_callback(PrinterCallback)
        see_always(self.model, joined=self.accelerator.num_processes > 1)
        self._offered = tuple(tools)
        self.tools = [tool.name for tool in tools]  # where TRL looks whether tools show pictures
        self._is_sharded = bool(self.is_fsdp_enabled)
        if self._is_sharded and engine is None:
            raise ValueError("a model in shards (FSDP) is sampled by an engine: give one")
        if self._is_sharded and not self.accelerator.is_fsdp2:
            raise ValueError("a model in shards is sampled with FSDP2: set version 2")
        self._is_exact = engine is None or engine.is_copy
        self.use_vllm = not self._is_exact  # TRL's word for: somebody else sampled, so correct
        how = dict(serve or {})
        self.renderer = Renderer(processor, **{k: how[k] for k in _RENDERED if k in how})
        self._loop = LoopThread()
        own = {"max_batch": settings.at_once, **how, "resolve": source.resolve}
        self._own = None if engine else TransformersPolicy((self.model, processor), **own)
        self.model.train()
        self._updated_at = -1
        self._alarm = FlatAlarm(settings.flat_patience)
        self._store = TrajectoryStore(output / "rollouts.jsonl")
        self._tasks: list[Task] = []
        self._trajectories: list[Trajectory] = []
        self._rows: list[Row | None] = []
        self._shares: list[int] = []
        self._scores = np.zeros((0, 0))
        self._num_played: dict[int, int] = {}
        self._num_left_out = 0
        self.alarms: list[str] = []
        self.num_rollouts = 0
        self.num_masked: dict[str, int] = {}
        self.parity: Parity | None = None

    def _send_telemetry(self) -> None:
        """Tell nobody of the run."""

    def close(self) -> None:
        """End the threads that play."""
        if self._own is not None:
            self._own.close()
        self._loop.close()

    @property
    def _mode(self) -> str:
        """As TRL names its metrics."""
        return "train" if self.model.training else "eval"

    @property
    def _group_size(self) -> int:
        is_train = self._mode == "train"
        return int((self.num_generations if is_train else self.num_generations_eval) or 1)

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
            self._set_aside(int(last.rpartition("-")[2]) if last else 0)
        self.parity = self.check()
        return super().train(resume_from_checkpoint, *args, **how)

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        """TRL's, but its order hangs on the epoch alone: a run that goes on takes up the same."""
        sampler: Any = super()._get_train_sampler(dataset)
        if (drawn := getattr(sampler, "generator", None)) is not None:
            sampler.set_epoch = lambda epoch: drawn.manual_seed(self.settings.seed + epoch)
        return sampler

    def _set_aside(self, first: int) -> None:
        """Keep what was learned from before step `first`; what is played anew goes elsewhere."""
        found = list(self._store)
        lost = [record for record in found if _step_of(record.id) >= first]
        if lost:
            TrajectoryStore(self._store.path.with_suffix(".lost.jsonl")).extend(lost)
            self._store.path.unlink()
            self._store.extend(record for record in found if _step_of(record.id) < first)

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
            temperature=1.0 if self._is_exact else self.temperature,
            most_gap=self.settings.most_gap,
            most_left_out=self.settings.most_left_out,
        )

    # Rollouts

    def play(self, jobs: Sequence[Job]) -> list[Trajectory]:
        """Attempts of the model as it stands now."""
        settings = self.settings
        sampling = Sampling(
            temperature=settings.temperature,
            top_p=settings.top_p,
            max_tokens=settings.max_reply_tokens,
            logprobs=True,
        )
        with ExitStack() as stack:
            live = unwrap_model_for_generation(self.model_wrapped, self.accelerator)
            model: Any = stack.enter_context(live)
            if self.engine is not None and self._updated_at != self.state.global_step:
                self._updated_at = self.state.global_step
                takes = self.accelerator.is_main_process or not self.engine.is_shared
                whole = joined(model, keep=takes) if self._is_sharded else None
                if takes:
                    self.engine.update(model, whole)
                self.accelerator.wait_for_everyone()
            stack.callback(model.train, model.training)
            model.eval()
            policy: Any = self.engine.policy if self.engine is not None else self._own
            work = play(
                jobs,
                policy,
                self.source,
                tools=self._offered,
                strategy=settings.strategy,
                sampling=sampling,
                budget=settings.budget,
                at_once=settings.at_once,
            )
            return self._loop.run(work)

    def _generate(self, prompts: list[Any]) -> tuple[Any, ...]:
        """TRL's rollouts: ids, masks and pictures of what was played."""
        mode, size = self._mode, self._group_size
        step = int(self.state.global_step)
        round_ = self._num_played[step] = self._num_played.get(step, -1) + 1
        first = self.accelerator.process_index * len(self._tasks)
        seed = f"{mode}-{self.settings.seed}-{step}-{round_}"
        jobs = [
            Job(task, f"{task.id}-{seed}-{(first + i) // size}", (first + i) % size)
            for i, task in enumerate(self._tasks)
        ]
        self._trajectories = self.play(jobs)
        made = [self._row_of(trajectory, mode) for trajectory in self._trajectories]
        self._rows = [row for row, _, _ in made]
        self._shares = [num for _, num, _ in made]
        self._note(mode, self._trajectories, self._rows)
        nothing = [self.eos_token_ids[0]]
        prompt_ids = [list(r.ids[: r.prompt]) if r else nothing for r in self._rows]
        completion_ids = [list(r.ids[r.prompt :]) if r else nothing for r in self._rows]
        mask = [list(r.mask[r.prompt :]) if r else [0] for r in self._rows]
        told = [_logprobs(r) for r in self._rows]
        is_own = self._is_exact or any(one is None for one in told)
        logprobs = None if is_own else told  # the model's own are computed where they are needed
        images = [pictures for _, _, pictures in made] if any(p for _, _, p in made) else None
        said = [[{"role": "assistant", "content": _said(t)}] for t in self._trajectories]
        return prompt_ids, completion_ids, mask, said, logprobs, {}, images, images or []

    def _row_of(self, trajectory: Trajectory, mode: str) -> tuple[Row | None, int, list[Any]]:
        """What is learned from a rollout: a row, of how many, and its pictures. None: nothing."""
        made = rows(trajectory, self.renderer)
        row = Random(trajectory.id).choice(made) if made else None
        reason, pictures = self._why_not(trajectory, row), list[Any]()
        if row is not None and not reason:
            try:
                pictures = [Image.fromarray(p) for p in self.source.resolve(row.frames)]
            except VideoError:
                reason = "pictures_gone"
        self._num_left_out += sum(one.num_written for one in made[:-1])
        if not reason:
            return row, len(made), pictures
        if mode == "train":
            self.num_masked[reason] = self.num_masked.get(reason, 0) + 1
        return None, 0, []

    def _why_not(self, trajectory: Trajectory, row: Row | None) -> str:
        """Why a rollout is masked out of the loss. Empty: it is not."""
        if fault(trajectory) not in (None, Origin.MODEL):
            return "not_the_models_fault"
        if row is None:
            return "nothing_written"
        if len(row) > self.settings.max_tokens:
            return "too_long"
        return "cut" if self.settings.mask_cut and is_cut(trajectory) else ""

    def _note(self, mode: str, played: Sequence[Trajectory], made: Sequence[Row | None]) -> None:
        """Metrics over all processes, which have played as many rollouts each."""
        num, some = len(played), [row for row in made if row]
        told = tally(played) | {
            "rollouts/left_out_tokens": self._num_left_out / num,
            "rollouts/masked": 1 - len(some) / num,
            "completions/mean_length": sum(row.num_written for row in some) / max(1, len(some)),
        }
        self._num_left_out = 0
        everywhere = gather_object([(told, sum(map(len, some)))])
        for name in sorted({name for one, _ in everywhere for name in one}):
            mean = sum(one.get(name, 0.0) for one, _ in everywhere) / len(everywhere)
            self._metrics[mode][name].append(mean)
        if mode == "train":
            self.num_rollouts += num
            self.state.num_input_tokens_seen += sum(length for _, length in everywhere)

    # Rewards and credit

    def _calculate_rewards(self, inputs: Any, prompts: Any, *_: Any) -> Any:
        """Rewards `[N, K]` of all processes; nan: it cannot be judged."""
        table = [
            [_score(scorer, trajectory) for scorer in self.scorers.values()] or [None]
            for trajectory in self._trajectories
        ]
        if self.settings.keep_rollouts and self.model.training:
            named = [dict(zip(self.scorers, line, strict=False)) for line in table]
            scored = zip(self._trajectories, named, strict=True)
            self._store.extend(t.replace(scores={**t.scores, **line}) for t, line in scored)
        numbers = [[float("nan") if r is None else r for r in line] for line in table]
        here: Any = torch.tensor(numbers, dtype=torch.float32, device=self.accelerator.device)
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
        mode = self._mode
        by_role = self._by_role(mode)
        made = torch.zeros(batch["completion_ids"].shape)
        first = self.accelerator.process_index * len(self._rows)
        gaps = self._gaps(batch, mode) if self.settings.distil else torch.zeros_like(made)
        for i, row in enumerate(self._rows):
            if row is None:
                continue
            roles, weights = credit.roles_of(row)[row.prompt :], row.weights[row.prompt :]
            own = {role: float(found.values[first + i]) for role, found in by_role.items()}
            earned = torch.tensor(credit.per_token(roles, own, weights))
            shares = torch.tensor(credit.per_token(roles, self.settings.distil, weights))
            values = earned + shares * gaps[i, : len(roles)]
            made[i, : len(roles)] = self._shares[i] * values
        return made.to(batch["completion_ids"].device)

    def _by_role(self, mode: str) -> dict[str, Advantages]:
        """The advantages of all rollouts for each role."""
        if not self.scorers:
            return {}
        names, settings = list(self.scorers), self.settings
        size = self._group_size
        same = {name: settings.weights.get(name, 1.0) for name in names}
        roles = settings.roles or {credit.LOOK: same, credit.ANSWER: same}
        by_role = credit.role_decoupled(
            self._scores,
            np.arange(len(self._scores)) // size,
            {role: [given.get(name, 0.0) for name in names] for role, given in roles.items()},
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

    def _gaps(self, batch: Mapping[str, Any], mode: str) -> Any:
        """The teacher's log-probability less the model's own `[B, T]`, where the model wrote; 0
        where the teacher could not tell, or the group is good enough."""
        ids = batch["completion_ids"]
        known = {t.id: t for t in self._trajectories}
        some = [(i, row) for i, row in enumerate(self._rows) if row is not None]
        told = self.teacher.logprobs(
            [row for _, row in some],
            [known[row.trajectory] for _, row in some],
            temperature=self.temperature,
        )
        gaps, own = torch.zeros(ids.shape), self._own_logprobs(batch).cpu()
        for (i, row), teachers in zip(some, told, strict=True):
            end = len(row) - row.prompt
            written = torch.tensor(row.mask[row.prompt :], dtype=torch.float32)
            theirs = torch.tensor(np.asarray(teachers[row.prompt :], dtype=np.float32))
            gaps[i, :end] = torch.nan_to_num(theirs - own[i, :end], nan=0.0) * written
        found = gather_object([(float(gaps.sum()), sum(row.num_written for _, row in some))])
        total, num = (sum(column) for column in zip(*found, strict=True))
        self._metrics[mode]["distil/reverse_kl"].append(-total / max(1, num))
        return gaps * torch.tensor(self._is_distilled())[:, None]

    def _is_distilled(self) -> list[float]:
        """1 for each rollout of a group that still learns from the teacher, else 0."""
        size = self._group_size
        first, names = self.accelerator.process_index * len(self._rows), list(self.scorers)
        groups = self._scores.reshape(-1, size, self._scores.shape[1])
        below = [
            all(
                not _mean(group[:, names.index(name)]) >= bound
                for name, bound in self.settings.distil_below.items()
            )
            for group in groups
        ]
        return [float(below[(first + i) // size]) for i in range(len(self._rows))]

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
                **{name: batch[name] for name in _MEDIA if batch.get(name) is not None},
            )
        return found

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        loss = super()._compute_loss(model, inputs)
        if not self.settings.exact:
            return loss
        from playhead.training.distill import exact_loss

        mode = self._mode
        media = {name: inputs[name] for name in _MEDIA if inputs.get(name) is not None}
        media.pop("num_images", None)
        divergence = exact_loss(model, self.teacher.model, inputs, media, self.temperature)
        everywhere: Any = gather(divergence.detach())
        self._metrics[mode]["distil/exact_kl"].append(float(everywhere.mean()))
        share = self.settings.exact / (
            self.current_gradient_accumulation_steps if mode == "train" else 1
        )
        return loss + share * divergence


def train_rl(
    model: Any,
    processor: Any,
    tasks: Sequence[Task],
    source: Source,
    rewards: Mapping[str, Scorer],
    settings: RLSettings,
    *,
    tools: Sequence[Tool],
    output: Path,
    resume: bool = True,
    optimizer: Callable[[Any], Any] | None = None,
    **how: Any,
) -> RLReport:
    """Train a model by its own attempts. It is changed in place, and saved in `output`.

    Args:
        model: Of transformers.
        processor: Of the same model.
        tasks: What is asked.
        source: Where their videos are.
        rewards: Scorers by name.
        settings: How.
        tools: What it may call.
        output: Where everything is kept.
        resume: Go on from the last checkpoint in `output`, if there is one.
        optimizer: From the model to an optimiser, such as Muon. None: AdamW.
        how: What else `AgentGRPOTrainer` takes: `serve`, `engine`, `teacher`, `peft_config` ...

    Raises:
        NotTheSame: A parity gate is not passed; nothing was trained.
        ValueError: Settings that do not fit.
    """
    started = time.monotonic()
    if optimizer is not None:
        how["optimizers"] = (optimizer(model), None)
    run = AgentGRPOTrainer(
        model, processor, tasks, source, rewards, settings, tools=tools, output=output, **how
    )
    try:
        has_one = any(output.glob("checkpoint-*"))
        run.train(resume_from_checkpoint=resume and has_one)
        run.save_model()
    finally:
        run.close()
    assert run.parity is not None
    counts = gather_object([(run.num_rollouts, run.num_masked)])
    return RLReport(
        steps=int(run.state.global_step),
        seconds=time.monotonic() - started,
        history=tuple(line for line in run.state.log_history if "train_runtime" not in line),
        parity=run.parity,
        num_rollouts=sum(num for num, _ in counts),
        num_masked=dict(sum((Counter(masked) for _, masked in counts), Counter[str]())),
        alarms=tuple(run.alarms),
    )


def _check(settings: RLSettings, scorers: Mapping[str, Scorer], teacher: Any) -> None:
    roles = settings.roles or {}
    all_named = (settings.weights, settings.distil_below, *roles.values())
    named = {name for given in all_named for name in given}
    if unknown := named - scorers.keys():
        raise ValueError(f"no rewards of these names: {', '.join(sorted(unknown))}")
    if unknown := (roles.keys() | settings.distil.keys()) - {credit.LOOK, credit.ANSWER}:
        raise ValueError(f"roles are look and answer: got {', '.join(sorted(unknown))}")
    wants = bool(settings.distil) or settings.exact > 0
    if wants != (teacher is not None):
        raise ValueError("a teacher goes with `distil` or `exact`, and they with a teacher")
    if settings.exact and not hasattr(teacher, "model"):
        raise ValueError("`exact` needs a teacher in this process: LocalTeacher")
    if not scorers and teacher is None:
        raise ValueError("nothing to learn from: give rewards, a teacher, or both")


def _score(scorer: Scorer, trajectory: Trajectory) -> float | None:
    is_theirs = fault(trajectory) in (None, Origin.MODEL)
    return scorer(trajectory) if is_theirs else None


def _step_of(id_: str) -> int:
    """The update that learned from a rollout of that name: see `AgentGRPOTrainer._generate`."""
    step, _round, _group, _number = id_.rsplit("-", 4)[1:]
    return int(step)


def _mean(scores: Any) -> float:
    """Of those that could be judged; nan if none could."""
    judged = scores[~np.isnan(scores)]
    return float(judged.mean()) if len(judged) else float("nan")


def _named(name: str) -> Callable[..., list[None]]:
    """What TRL calls a reward; `_calculate_rewards` is asked instead."""

    def reward(prompts: Sequence[Any], **_: Any) -> list[None]:
        return [None] * len(prompts)

    reward.__name__ = name
    return reward


def _logprobs(row: Row | None) -> list[float] | None:
    """Recorded log-probabilities of a completion, 0 where nothing was sampled. None: unknown."""
    if row is None:
        return [0.0]
    told = list(zip(row.logprobs, row.mask, strict=True))[row.prompt :]
    if any(p is None for p, written in told if written):
        return None
    return [p if written and p is not None else 0.0 for p, written in told]


def _said(trajectory: Trajectory) -> str:
    return trajectory.answer.text if trajectory.answer else ""
