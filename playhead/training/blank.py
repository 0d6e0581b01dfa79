"""A batch without pictures, while other processes have some.

    see_always(model, joined=True)

Processes that train one model together meet in every layer that is in shards, and in every gradient
that is averaged. A process whose batch happens to have no pictures would not call the vision tower,
and the others would wait for it for ever. So it looks at one blank picture, whose features are
added to its words times 0: just where pictures come in, because DeepSpeed averages gradients in the
order in which they come, and mixes up those of processes whose orders differ.

TRL leaves a part of a batch without pictures with pixels of no rows, at which the vision tower
breaks. They are taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def see_always(model: Any, *, joined: bool) -> None:
    """Let a model of Qwen-VL's kind take any batch. It is given hooks that stay.

    Args:
        model: That is trained, with adapters or without.
        joined: It is trained by several processes: look at a blank picture where there is none.
    """
    inner = getattr(model, "get_base_model", lambda: model)().model
    is_blind = False

    def before(module: Any, args: Any, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        nonlocal is_blind
        given = dict(given)
        pixels = given.get("pixel_values")
        is_blind = pixels is None or not len(pixels)
        if is_blind:
            given |= {"pixel_values": None, "image_grid_thw": None}
        return args, given

    def embedded(module: Any, args: Any, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        given = dict(given)
        if is_blind and module.training:
            words = given["inputs_embeds"]
            given["inputs_embeds"] = words + _nothing(inner, words.device).to(words)
        return args, given

    inner.register_forward_pre_hook(before, with_kwargs=True)
    if joined:
        inner.language_model.register_forward_pre_hook(embedded, with_kwargs=True)


def _nothing(module: Any, device: Any) -> Any:
    """0, by way of every weight of the vision tower: a picture of one token."""
    import torch

    vision = module.config.vision_config
    merge = int(vision.spatial_merge_size)
    depth = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    pixels = torch.zeros(merge**2, depth, device=device)
    seen = module.get_image_features(pixels, torch.tensor([[1, merge, merge]], device=device))
    read = [seen.pooler_output, getattr(seen, "deepstack_features", None)]  # by language models
    return 0 * sum(tensor.sum() for tensor in _tensors(read))


def _tensors(found: Any) -> list[Any]:
    if isinstance(found, list | tuple):
        return [tensor for part in found for tensor in _tensors(part)]
    return [] if found is None else [found]
