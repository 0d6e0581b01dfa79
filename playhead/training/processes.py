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
from datetime import timedelta
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
    """Whether a model will be trained in shards (FSDP): as the arguments of TRL say, or as
    `accelerate launch` tells the processes that it starts, by their environment."""
    return bool(arguments.fsdp) or os.environ.get("ACCELERATE_USE_FSDP", "") == "true"


def joined(model: Any, *, keep: bool) -> dict[str, Any]:
    """All weights of a model in shards (FSDP2), by name, on the CPU. Every process takes part.

    Args:
        model: In shards, or not yet: before a run begins it is whole.
        keep: Whether this process needs them. False: it gives its shards and gets nothing.
    """
    from torch.distributed.tensor import DTensor

    whole: dict[str, Any] = {}
    for name, weight in model.state_dict().items():
        value = weight.full_tensor() if isinstance(weight, DTensor) else weight
        if keep:
            whole[name] = value.cpu()
    return whole
