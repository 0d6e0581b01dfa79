"""OpenCLIP: pictures and words in one space, through the real open_clip.

The one idea: a model has one name on every machine. The name comes from its weights and not from
the device or the precision that they run in, so what a GPU indexed in bfloat16 a laptop searches in
float32. Pictures go to the device as they are and are resized there, many at once, by the
arithmetic of the model's own transform.

Nothing is downloaded unless `pretrained` is one of open_clip's tags; weights in a file are read
without running what strangers may have put into it. Models whose tokenizer or text tower lies on a
hub need such a tag, or a folder in open_clip's own `local-dir:` form that holds everything.

The same picture in another batch may differ in the last bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playhead.models.eyes._local import require
from playhead.models.eyes.base import Vectors

Precision = Literal["auto", "fp32", "bf16", "fp16"]

_FOLDER = "local-dir:"


class OpenClip:
    """A `PictureEmbedder` and a `TextEmbedder` in one space."""

    def __init__(
        self,
        model: str = "ViT-B-32",
        pretrained: str | Path | None = None,
        *,
        device: str | None = None,
        precision: Precision = "auto",
        batch: int = 32,
    ) -> None:
        """Load the model.

        Args:
            model: A name of open_clip's, or `local-dir:` and a folder that holds
                `open_clip_config.json`, weights and tokenizer.
            pretrained: The file of a checkpoint; or one of open_clip's tags for this model, which
                is downloaded where it is not in the cache. None: with `local-dir:` only.
            device: As torch names it. None: a GPU if there is one.
            precision: What to calculate in. `auto`: bf16 or fp16 on a GPU, fp32 elsewhere.
            batch: How many pictures or texts at once.

        Raises:
            ValueError: No such model or weights, or they would have to be downloaded unasked.
            MissingExtra: open_clip is not installed.
        """
        if precision not in ("auto", "fp32", "bf16", "fp16"):
            raise ValueError(f"a precision is auto, fp32, bf16 or fp16: got {precision!r}")
        if batch < 1:
            raise ValueError(f"a batch is 1 or more: got {batch}")
        require("open_clip", extra="clip", what="embedding with OpenCLIP")
        import open_clip
        import torch

        config = _checked(model, pretrained)
        network: Any = open_clip.create_model(
            model,
            pretrained=None if pretrained is None else str(pretrained),
            pretrained_image=False,
            pretrained_text=False,
            require_pretrained=True,
            weights_only=True,
        )
        self._name = f"open_clip-{Path(model).name}-{_hash(network.state_dict())}"
        self._dim = int(config["embed_dim"])
        self._batch = batch
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._dtype: torch.dtype = _dtype(precision, self._device)
        self._tokenizer: Any = open_clip.get_tokenizer(model)
        self._preprocess: dict[str, Any] = open_clip.get_model_preprocess_cfg(network)
        self._network = network.eval().to(device=self._device, dtype=self._dtype)

    @property
    def name(self) -> str:
        """Names the space: the model and its weights."""
        return self._name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    def embed_pictures(self, pixels: NDArray[np.uint8]) -> Vectors:
        """One unit vector for each picture of `pixels`, RGB uint8 `[N, H, W, 3]`."""
        import torch

        found = [np.empty((0, self._dim), np.float32)]
        with torch.inference_mode():
            for i in range(0, len(pixels), self._batch):
                some = torch.from_numpy(np.ascontiguousarray(pixels[i : i + self._batch]))
                ready = prepare(some.to(self._device), self._preprocess).to(self._dtype)
                found.append(_unit(self._network.encode_image(ready)))
        return np.concatenate(found)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text. What is longer than the model reads is cut off."""
        import torch

        found = [np.empty((0, self._dim), np.float32)]
        with torch.inference_mode():
            for i in range(0, len(texts), self._batch):
                tokens = self._tokenizer(list(texts[i : i + self._batch])).to(self._device)
                found.append(_unit(self._network.encode_text(tokens)))
        return np.concatenate(found)


def prepare(pixels: Any, preprocess: dict[str, Any]) -> Any:
    """Pictures as a model sees them: what open_clip's own transform does, for many at once.

    Args:
        pixels: A uint8 tensor `[N, H, W, 3]`.
        preprocess: open_clip's description of the transform.

    Returns:
        A float32 tensor `[N, 3, height, width]`.
    """
    import torch
    from torch.nn.functional import interpolate, pad

    size = preprocess["size"]
    height, width = (size, size) if isinstance(size, int) else size[-2:]
    seen = pixels.permute(0, 3, 1, 2).float()
    to_height, to_width = _resized(seen.shape[-2:], (height, width), preprocess["resize_mode"])
    kind = "bilinear" if preprocess["interpolation"] == "bilinear" else "bicubic"
    for step in ((seen.shape[-2], to_width), (to_height, to_width)):  # like Pillow: whole values
        seen = interpolate(seen, step, mode=kind, antialias=True).clamp(0, 255).round()
    down, across = height - seen.shape[-2], width - seen.shape[-1]
    if down > 0 or across > 0:
        margins = [across // 2, (across + 1) // 2, down // 2, (down + 1) // 2]
        seen = pad(seen, [max(0, margin) for margin in margins], value=preprocess["fill_color"])
    top = round((seen.shape[-2] - height) / 2)
    left = round((seen.shape[-1] - width) / 2)
    seen = seen[..., top : top + height, left : left + width] / 255
    mean, std = (
        torch.tensor(preprocess[name], device=seen.device).reshape(-1, 1, 1)
        for name in ("mean", "std")
    )
    return (seen - mean) / std


def _resized(size: Sequence[int], target: tuple[int, int], mode: str) -> tuple[int, int]:
    """Height and width to which a picture of `size` is resized before it is cropped or padded."""
    height, width = size
    if mode == "squash":
        return target
    if mode == "shortest" and target[0] == target[1]:
        short, long = sorted(size)
        longer = int(target[0] * long / short)
        return (longer, target[0]) if height > width else (target[0], longer)
    choose = max if mode == "longest" else min
    ratio = choose(height / target[0], width / target[1])
    return round(height / ratio), round(width / ratio)


def _unit(vectors: Any) -> Vectors:
    vectors = vectors.float()
    return (vectors / vectors.norm(dim=-1, keepdim=True)).cpu().numpy()


def _checked(model: str, pretrained: str | Path | None) -> dict[str, Any]:
    """The configuration of a model, which is on this machine with all its parts, or asked for."""
    import open_clip

    if model.startswith("hf-hub:"):
        raise ValueError(f"nothing is downloaded unasked: give {_FOLDER} and a folder: got {model}")
    if model.startswith(_FOLDER):
        folder = Path(model.removeprefix(_FOLDER))
        if not (folder / "open_clip_config.json").is_file():
            raise ValueError(f"no open_clip_config.json in the folder {str(folder)!r}")
        return dict(open_clip.get_model_config(model) or {})
    config = open_clip.get_model_config(model)
    if config is None:
        raise ValueError(f"open_clip has no model of that name: got {model!r}")
    tags = open_clip.list_pretrained_tags_by_model(model)
    if pretrained is None or not (Path(pretrained).is_file() or pretrained in tags):
        raise ValueError(
            f"{model} needs weights: the file of a checkpoint, or one of its tags to download them "
            f"({', '.join(tags) or 'it has none'}): got {pretrained!r}"
        )
    text = config["text_cfg"]
    elsewhere = "hf_tokenizer_name" in text or "hf_model_name" in text or "siglip" in model.lower()
    if elsewhere and pretrained not in tags:
        raise ValueError(
            f"a part of {model} (its tokenizer) would have to be downloaded: give a tag that asks "
            f"for it, or {_FOLDER} and a folder that holds everything"
        )
    return config


def _hash(weights: dict[str, Any]) -> str:
    digest = blake2b(digest_size=4)
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.float().contiguous().numpy().data)
    return digest.hexdigest()


def _dtype(precision: Precision, device: str) -> Any:
    import torch

    if precision == "auto":
        has_bf16 = device.startswith("cuda") and torch.cuda.is_bf16_supported()
        precision = "bf16" if has_bf16 else "fp16" if device.startswith("cuda") else "fp32"
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
