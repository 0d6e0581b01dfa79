"""The processes that train one model together, as `torchrun` or `accelerate launch` starts them.

    machine = processes()
    mine = share(tasks, machine)             # each of them is somebody's
    machine.wait_for_everyone()

The one idea: a process does its own share, and what they find meets in files that all of them see:
a `TrajectoryStore` takes lines from several at once. One process alone is the same with one share.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")

_PATIENCE = timedelta(hours=2)
"""How long one process waits for the others: rollouts and answers to questions differ in length,
and the ten minutes of NCCL are soon over."""


def processes() -> Any:
    """This process among the others, as `accelerate.PartialState`: by gloo on CPUs, else by NCCL.

    The first call joins them. It must come before whatever asks accelerate without saying that
    there is no GPU: each process would then believe that it is alone.
    """
    import torch
    from accelerate import PartialState

    return PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)


def share(items: Sequence[T], machine: Any) -> list[T]:
    """Every `num_processes`-th of the items, from this process's own number on."""
    return list(items[machine.process_index :: machine.num_processes])


def in_shards(arguments: Any) -> bool:
    """Whether a model will be trained in shards (FSDP, or ZeRO 3 of DeepSpeed): as the arguments of
    TRL say, or as `accelerate launch` tells the processes that it starts, by their environment."""
    from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

    has_fsdp = bool(arguments.fsdp) or os.environ.get("ACCELERATE_USE_FSDP", "") == "true"
    return has_fsdp or is_deepspeed_zero3_enabled()


def check_shards(trainer: Any) -> None:
    """See, before a run, that a model in shards can be put together when it is over.

    Args:
        trainer: Of transformers, set up.

    Raises:
        ValueError: It has adapters, which could not be merged, or ZeRO 3 would write its own
            checkpoint and no model.
    """
    if not in_shards(trainer.args):
        return
    from peft import PeftModel

    if isinstance(trainer.model, PeftModel):
        raise ValueError("adapters on a model in shards cannot be merged: train the weights")
    if trainer.is_deepspeed_enabled:
        zero = trainer.accelerator.state.deepspeed_plugin.deepspeed_config["zero_optimization"]
        if not zero.get("stage3_gather_16bit_weights_on_model_save"):
            raise ValueError(
                "ZeRO 3 would write no model: launch it with --zero3_save_16bit_model true, or set "
                "stage3_gather_16bit_weights_on_model_save in its JSON"
            )


def load_whole() -> None:
    """Have models loaded whole again: once ZeRO 3 has been set up, transformers loads shards."""
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()


def joined(model: Any, *, keep: bool) -> dict[str, Any]:
    """All weights of a model in shards (FSDP2, ZeRO 3), by name, on the CPU. Every process takes
    part.

    Args:
        model: In shards, or not yet: before a run begins it is whole.
        keep: Whether this process needs them. False: it gives its shards and gets nothing.
    """
    from torch.distributed.tensor import DTensor

    whole: dict[str, Any] = {}
    for name, weight in model.state_dict(keep_vars=True).items():
        with _gathered(weight):
            value = weight.full_tensor() if isinstance(weight, DTensor) else weight
            if keep:
                whole[name] = value.detach().to("cpu", copy=True)
    return whole


def _gathered(weight: Any) -> AbstractContextManager[Any]:
    """For as long as it lasts a weight in shards of ZeRO 3 is whole, in every process."""
    if not hasattr(weight, "ds_id"):
        return nullcontext()
    return import_module("deepspeed").zero.GatheredParameters([weight])
