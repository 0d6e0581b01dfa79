"""What every fine-tuning shares: its settings, which weights move, what is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from playhead.core.value import JsonObject, Value
from playhead.training.processes import check_shards


class TuneSettings(Value):
    """How to fine-tune. The defaults are for a small full run on one machine."""

    learning_rate: PositiveFloat = 1e-5
    epochs: PositiveFloat = 1.0
    max_steps: PositiveInt | None = None
    """Optimizer steps. None: as many as the epochs have."""
    batch_size: PositiveInt = 4
    """Rows (or pairs) at once on each device."""
    accumulate: PositiveInt = 1
    """Batches for one step."""
    max_tokens: PositiveInt | None = None
    """Longer rows are left out and counted; nothing is cut. None: none is too long."""
    warmup: float = Field(default=0.03, ge=0, lt=1)
    """Fraction of the steps in which the learning rate rises; it then falls as `schedule` says."""
    schedule: str = "cosine"
    """As transformers names it."""
    weight_decay: NonNegativeFloat = 0.0
    max_grad_norm: NonNegativeFloat = 1.0
    lora_rank: PositiveInt | None = None
    """Train adapters of this rank on all linear layers but the last. None: train the weights."""
    lora_alpha: PositiveInt | None = None
    """None: twice the rank."""
    freeze_vision: bool = True
    """Leave the vision tower and what joins it to the language model as they are."""
    dtype: str = "auto"
    """What a model is loaded in from a folder, as torch names it. `auto`: what the folder says."""
    bf16: bool = False
    """Calculate in bfloat16 with weights as they are."""
    recompute: bool = False
    """Keep fewer activations and calculate them twice (gradient checkpointing)."""
    num_cached: NonNegativeInt = 0
    """How many pictures are kept as the model takes them."""
    num_workers: NonNegativeInt = 0
    """Processes that make batches."""
    log_steps: PositiveInt = 10
    save_steps: PositiveInt | None = None
    """A checkpoint to resume from every so many steps. None: none."""
    seed: int = 0
    more: JsonObject = Field(default_factory=dict)
    """Other arguments of TRL's configuration, such as `fsdp` or `deepspeed`."""


def arguments(settings: TuneSettings, folder: Path, config: type) -> dict[str, Any]:
    """The settings as a configuration of TRL takes them.

    Args:
        settings: Ours.
        folder: For checkpoints.
        config: The class of the configuration.
    """
    import torch

    has_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(folder),
        "learning_rate": settings.learning_rate,
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps or -1,
        "per_device_train_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.accumulate,
        "warmup_steps": settings.warmup,
        "lr_scheduler_type": settings.schedule,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "bf16": settings.bf16,
        recompute_name(config): settings.recompute,
        "dataloader_num_workers": settings.num_workers,
        "dataloader_pin_memory": has_gpu,
        "use_cpu": not has_gpu,
        "logging_steps": settings.log_steps,
        "save_strategy": "no" if settings.save_steps is None else "steps",
        "save_steps": settings.save_steps or 500,
        "seed": settings.seed,
        "report_to": "none",
        "disable_tqdm": True,
        "max_length": None,
        "remove_unused_columns": False,
        **settings.more,
    }


def recompute_name(config: type) -> str:
    """What a configuration of TRL calls `recompute`: it was renamed in transformers 5.24."""
    names = ("activation_checkpointing", "gradient_checkpointing")
    return next(name for name in names if hasattr(config, name))


def prepared(model: Any, settings: TuneSettings) -> Any:
    """Freeze what is not to move, and say which adapters to train. None: the weights themselves."""
    if settings.freeze_vision:
        freeze_vision(model)
    return adapters(model, settings) if settings.lora_rank else None


def freeze_vision(model: Any) -> None:
    """Train nothing in the vision tower."""
    tower = model.get_encoder(modality="image")
    if tower is not model:
        tower.requires_grad_(False)


def adapters(model: Any, settings: TuneSettings) -> Any:
    """LoRA on the linear layers that are trained, but not on the last, whose adapters TRL would
    leave out of the loss."""
    import torch
    from peft import LoraConfig

    last = model.get_output_embeddings()
    names = [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) and layer is not last and layer.weight.requires_grad
    ]
    rank = settings.lora_rank or 1
    alpha = settings.lora_alpha or 2 * rank
    return LoraConfig(r=rank, lora_alpha=alpha, target_modules=names, task_type="CAUSAL_LM")


def run(trainer: Any, folder: Path, *, resume: bool) -> tuple[tuple[int, float], ...]:
    """Train, and leave the model as it is served in `folder`; adapters are kept, and merged.

    Args:
        trainer: Of transformers, with its checkpoints in `folder / "checkpoints"`.
        folder: For the model, its processor, and adapters in `adapter`.
        resume: Go on from the last checkpoint, if there is one.

    Returns:
        Step and loss, as logged.

    Raises:
        ValueError: A model in shards could not be put together, see `check_shards`.
    """
    from peft import PeftModel

    check_shards(trainer)
    has_checkpoint = any((folder / "checkpoints").glob("checkpoint-*"))
    trainer.train(resume_from_checkpoint=bool(resume and has_checkpoint) or None)
    net = trainer.accelerator.unwrap_model(trainer.model)
    is_main = trainer.is_world_process_zero()
    if not isinstance(net, PeftModel):
        trainer.save_model(str(folder))
    else:
        trainer.save_model(str(folder / "adapter"))
        if is_main:
            net.merge_and_unload().save_pretrained(folder)
    if is_main:
        trainer.processing_class.save_pretrained(folder)
    logged = trainer.state.log_history
    return tuple((int(line["step"]), line["loss"]) for line in logged if "loss" in line)
