"""Supervised fine-tuning on tool trajectories, by TRL's trainer.

    report = train_sft("models/qwen3-vl-2b", trajectories, SFTSettings(), resolve=..., output="out")

The trainer is TRL's own; what is ours is the batch (`rows`, `collate`) and two things that stock
TRL has no place for: a weight for each token, and task-decoupled attention in a part of the rows
(`masks`). The loss is the cross entropy of the tokens that the policy wrote, each times the weight
of its step, over the number of such tokens in the whole accumulated batch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, PositiveInt

from playhead.core.trajectory import Trajectory
from playhead.core.value import Value
from playhead.models.eyes._local import require
from playhead.models.pictures import Resolve
from playhead.models.policies.transformers import load_model
from playhead.training.blank import see_always
from playhead.training.collate import Collator, Numbered, additive, fitting, positions_of
from playhead.training.masks import Decoupling
from playhead.training.rows import Renderer, Row, rows
from playhead.training.thinning import thinned
from playhead.training.tuning import TuneSettings, arguments, prepared, run

require("torch", "trl", "peft", "datasets", extra="train", what="fine-tuning")

import datasets  # noqa: E402
import torch  # noqa: E402
from trl.trainer.sft_config import SFTConfig  # noqa: E402
from trl.trainer.sft_trainer import SFTTrainer  # noqa: E402

_ADDS_MASKS = ("sdpa", "eager")


class SFTSettings(TuneSettings):
    """How to fine-tune on trajectories."""

    decouple: float = Field(default=0.0, ge=0, le=1)
    """In which fraction of the rows attention is task-decoupled. Video-o3 has 0.1."""
    decoupling: Decoupling = Decoupling.DIRECT
    visual_tokens: PositiveInt | None = None
    """Show each trajectory with pictures for so many tokens (`thinning`). None: with all."""


class SFTReport(Value):
    """What a run was and how it went."""

    folder: str
    """Where the model is, ready to be served; with adapters these too, in `adapter`."""
    num_trajectories: int
    num_rows: int
    num_left_out: int
    """Rows that were too long."""
    num_tokens: int
    """Of all rows, once."""
    num_written: int
    """Of these, trained on."""
    num_pictures: int
    num_steps: int
    losses: tuple[tuple[int, float], ...]
    """Step and loss, as logged."""
    seconds: float
    settings: SFTSettings


class TrajectorySFTTrainer(SFTTrainer):
    """TRL's trainer on rows: weights for tokens, masks for samples, any optimizer."""

    def __init__(
        self,
        model: Any,
        rows: Sequence[Row],
        collator: Collator,
        args: SFTConfig,
        *,
        optimizer: Callable[[Any], torch.optim.Optimizer] | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep the rows; TRL is given their numbers.

        Args:
            model: Loaded.
            rows: To train on.
            collator: Makes batches of them.
            args: Of TRL.
            optimizer: Makes one for the model that is trained. None: as `args` says.
            kwargs: Others of TRL's trainer.
        """
        self._make_optimizer = optimizer
        args.remove_unused_columns = False
        args.dataset_kwargs = {"skip_prepare_dataset": True}
        super().__init__(
            model=model,
            args=args,
            data_collator=Numbered(rows, collator),
            train_dataset=datasets.Dataset.from_dict({"number": list(range(len(rows)))}),
            processing_class=collator.processor,
            **kwargs,
        )
        # Qwen-VL says that it takes no count of tokens for its loss, and accumulated batches would
        # each be averaged alone; but the loss is not the model's here, and takes it
        self.model_accepts_loss_kwargs = True
        see_always(self.model, joined=self.accelerator.num_processes > 1)

    def _send_telemetry(self) -> None:
        """Tell nobody of the run."""

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The optimizer that the caller makes, or the one that the arguments name."""
        if self.optimizer is None and self._make_optimizer is not None:
            self.optimizer = self._make_optimizer(self.model if model is None else model)
        return super().create_optimizer(model)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """TRL's loss of a model whose tokens are weighed and who may look where the mask says."""
        inputs = dict(inputs)
        weights = inputs.pop("loss_weights")
        allowed, positions = inputs.pop("allowed", None), inputs.pop("position_ids", None)

        def weighed(**given: Any) -> Any:  # in the model's place
            if allowed is not None:
                given |= {
                    "attention_mask": additive(allowed, self._dtype),
                    "position_ids": positions,
                }
            outputs = model(**given)
            if getattr(outputs, "log_probs", None) is not None:
                outputs.log_probs = outputs.log_probs * weights[:, 1:]
            return outputs

        model_like: Any = weighed
        return super().compute_loss(model_like, inputs, return_outputs, num_items_in_batch)

    @property
    def _dtype(self) -> torch.dtype:
        """What attention is calculated in."""
        if self.args.bf16:
            return torch.bfloat16
        return self.accelerator.unwrap_model(self.model).dtype


def train_sft(
    model: str | os.PathLike[str] | tuple[Any, Any],
    examples: Sequence[Trajectory | Row],
    settings: SFTSettings,
    *,
    resolve: Resolve,
    output: str | os.PathLike[str],
    renderer: Renderer | None = None,
    optimizer: Callable[[Any], torch.optim.Optimizer] | None = None,
    callbacks: Sequence[Any] = (),
    resume: bool = False,
) -> SFTReport:
    """Fine-tune a model on trajectories.

    Args:
        model: A folder, or a loaded model and its processor; the model is changed in place.
        examples: Trajectories, rendered for this model, or rows that were.
        settings: How.
        resolve: From references to pixels.
        output: A folder for the model, and for checkpoints.
        renderer: How the model is served. None: with its template's defaults.
        optimizer: Makes the optimizer from the model. None: AdamW.
        callbacks: Of transformers.
        resume: Go on from the last checkpoint in `output`, if there is one.

    Raises:
        ValueError: No row is left to train on, or the model's attention takes no masks.
    """
    started = time.monotonic()
    loaded = load_model(model, None, settings.dtype) if not isinstance(model, tuple) else model
    net, processor = loaded
    renderer = renderer or Renderer(processor)
    made = [row for example in examples for row in _rows(example, renderer, settings)]
    kept = fitting(made, settings.max_tokens)
    if not kept:
        raise ValueError(f"no row to train on: {len(made)} were made, all of them too long")
    attention = net.config._attn_implementation
    if settings.decouple and attention not in _ADDS_MASKS:
        raise ValueError(f"attention masks need one of {_ADDS_MASKS}: got {attention!r}")
    peft_config = prepared(net, settings)
    collator = Collator(
        processor,
        resolve,
        decouple=settings.decouple,
        decoupling=settings.decoupling,
        positions=positions_of(net) if settings.decouple else None,
        num_cached=settings.num_cached,
    )
    folder = Path(output)
    trainer = TrajectorySFTTrainer(
        net,
        kept,
        collator,
        SFTConfig(**arguments(settings, folder / "checkpoints", SFTConfig)),
        optimizer=optimizer,
        callbacks=list(callbacks),
        peft_config=peft_config,
    )
    losses = run(trainer, folder, resume=resume)
    return SFTReport(
        folder=str(folder),
        num_trajectories=len({row.trajectory for row in kept}),
        num_rows=len(kept),
        num_left_out=len(made) - len(kept),
        num_tokens=sum(map(len, kept)),
        num_written=sum(row.num_written for row in kept),
        num_pictures=sum(len(row.frames) for row in kept),
        num_steps=trainer.state.global_step,
        losses=losses,
        seconds=time.monotonic() - started,
        settings=settings,
    )


def _rows(example: Trajectory | Row, renderer: Renderer, settings: SFTSettings) -> list[Row]:
    if isinstance(example, Row):
        return [example]
    if settings.visual_tokens is not None:
        example = thinned(example, settings.visual_tokens, renderer.num_picture_tokens)
    return rows(example, renderer)
