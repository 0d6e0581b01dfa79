"""A batch without pictures, while other processes have some.

    see_always(model, joined=True)

Processes that train one model together meet in every layer that is in shards, and in every gradient
that is averaged. A process whose batch happens to have no pictures would not call the vision tower,
and the others would wait for it for ever. So it looks at one blank picture, whose features are
added to nothing: times 0.

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
    blank: list[Any] = []

    def before(module: Any, args: Any, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        given = dict(given)
        blank.clear()
        pixels = given.get("pixel_values")
        if pixels is not None and len(pixels):
            return args, given
        given |= {"pixel_values": None, "image_grid_thw": None}
        if joined and module.training:
            blank.append(_nothing(module))
        return args, given

    def after(module: Any, args: Any, outputs: Any) -> Any:
        if blank:
            hidden = outputs.last_hidden_state
            outputs.last_hidden_state = hidden + blank.pop().to(hidden)
        return outputs

    inner.register_forward_pre_hook(before, with_kwargs=True)
    inner.register_forward_hook(after)


def _nothing(module: Any) -> Any:
    """0, by way of every weight of the vision tower: a picture of one token."""
    import torch

    vision = module.config.vision_config
    merge = int(vision.spatial_merge_size)
    depth = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    device = module.get_input_embeddings().weight.device
    pixels = torch.zeros(merge**2, depth, device=device)
    seen = module.get_image_features(pixels, torch.tensor([[1, merge, merge]], device=device))
    return 0 * sum(tensor.sum() for tensor in _tensors(seen.to_tuple()))


def _tensors(found: Any) -> list[Any]:
    if isinstance(found, list | tuple):
        return [tensor for part in found for tensor in _tensors(part)]
    return [] if found is None else [found]
