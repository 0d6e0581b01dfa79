"""The pocket model: Qwen3-VL's architecture at five million weights, with its processor.

    model, processor = new_pocket(tools, PocketSettings())
    save_pocket((model, processor), folder)              # loads in transformers and in vLLM

A picture of a world, 224 x 180 pixels, is 8 x 6 patches of 28 pixels and 12 tokens. Measured on two
cores: patches of 28 read card codes better, after the same time, than patches of 14 or 16, because
four times as many pictures are seen.

`quicken` gives a model other ways of calculating the same numbers, faster on a CPU: the patch
embedding as a product of matrices (as a convolution it takes 90 % of a training step), the
attention of all pictures of one size at once, and attention without the fused kernel, whose way
back is slow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.qwen3_vl import modeling_qwen3_vl as qwen

from playhead.core.tools import ToolSpec
from playhead.core.value import Value
from playhead.training.pocket.words import MOST_WHOLE, words

_WORD_STD = 0.08  # of the numbers of a word, at the start
SHIPPED = Path(__file__).parent / "weights"
"""The model that comes with the package: see its README.md for what it can do."""


class PocketSettings(Value):
    """How large a pocket model is."""

    width: int = 192
    """Of the language model, and what the vision tower puts out."""
    layers: int = 4
    heads: int = 4
    """Of 64 numbers each."""
    kv_heads: int = 2
    feedforward: int = 512
    vision_width: int = 192
    vision_layers: int = 4
    patch: int = 28
    """Pixels of a patch; 2 x 2 of them are a token."""
    context: int = 8192


def new_pocket(
    tools: Sequence[ToolSpec], settings: PocketSettings, *, seed: int = 0
) -> tuple[Any, Any]:
    """A model of chance weights and its processor.

    Args:
        tools: What it will be offered: each schema is one token.
        settings: How large.
        seed: Of the weights.
    """
    torch.manual_seed(seed)
    tokenizer = words(tools)
    processor = _processor(tokenizer, settings.patch)
    id_of = tokenizer.convert_tokens_to_ids
    config = transformers.Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": settings.width,
            "intermediate_size": settings.feedforward,
            "num_hidden_layers": settings.layers,
            "num_attention_heads": settings.heads,
            "num_key_value_heads": settings.kv_heads,
            "head_dim": 64,
            "max_position_embeddings": settings.context,
            "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1_000_000.0,
                "mrope_section": [16, 8, 8],
                "mrope_interleaved": True,
            },
            "dtype": "float32",
        },
        vision_config={
            "depth": settings.vision_layers,
            "hidden_size": settings.vision_width,
            "intermediate_size": 2 * settings.vision_width,
            "num_heads": settings.vision_width // 32,
            "out_hidden_size": settings.width,
            "patch_size": settings.patch,
            "num_position_embeddings": 256,
            "deepstack_visual_indexes": [settings.vision_layers // 2],
        },
        tie_word_embeddings=True,
        dtype="float32",
        image_token_id=id_of("<|image_pad|>"),
        video_token_id=id_of("<|video_pad|>"),
        vision_start_token_id=id_of("<|vision_start|>"),
        vision_end_token_id=id_of("<|vision_end|>"),
    )
    model: Any = transformers.Qwen3VLForConditionalGeneration(config)
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=id_of("<|im_end|>"), pad_token_id=id_of("<|endoftext|>")
    )
    with torch.no_grad():
        _begin(model)
        _count(model.model.language_model.embed_tokens.weight, number_ids(tokenizer))
    return quicken(model), processor


def number_ids(tokenizer: Any) -> list[int]:
    """The tokens of the whole numbers from 0 to `MOST_WHOLE`."""
    return tokenizer.convert_tokens_to_ids([str(number) for number in range(MOST_WHOLE + 1)])


def _begin(model: Any) -> None:
    """Weights from which a small model learns fast. Those of transformers, 0.02 everywhere, are
    made for wide models: here the layers would hardly add anything to what comes in.
    """
    text = model.model.language_model
    text.embed_tokens.weight.normal_(std=_WORD_STD)
    for layer in text.layers:
        attention, mlp = layer.self_attn, layer.mlp
        inner = (attention.q_proj, attention.k_proj, attention.v_proj, mlp.gate_proj, mlp.up_proj)
        for inward in inner:
            inward.weight.normal_(std=inward.in_features**-0.5)
        for outward in (attention.o_proj, mlp.down_proj):
            outward.weight.normal_(std=(2 * len(text.layers) * outward.in_features) ** -0.5)
    for merger in model.model.visual.deepstack_merger_list:
        merger.linear_fc2.weight.zero_()  # adds nothing until it has learnt to


def _count(embedded: torch.Tensor, ids: Sequence[int]) -> None:
    """Let numbers begin as numbers: half of a row is waves of its number, so that near numbers are
    alike, and what is learnt of some times holds for others."""
    width = embedded.shape[1]
    chance = torch.Generator().manual_seed(0)
    lengths = torch.logspace(math.log2(4 * len(ids)), 1, width // 4, base=2.0)
    angles = 2 * math.pi * torch.arange(len(ids))[:, None] / lengths
    waves = torch.cat([angles.sin(), angles.cos()], 1)
    turned = torch.linalg.qr(torch.randn(width, width, generator=chance))[0][: waves.shape[1]]
    rows = waves @ turned * (width / waves.shape[1]) ** 0.5 * 2**0.5  # numbers of size 1
    embedded[ids] = (embedded[ids] + _WORD_STD * rows) / 2**0.5


def _processor(tokenizer: Any, patch: int) -> Any:
    patches: dict[str, Any] = {"patch_size": patch, "merge_size": 2, "temporal_patch_size": 2}
    size = {"shortest_edge": 64 * 64, "longest_edge": 512 * 512}
    return transformers.Qwen3VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(**patches, size=size),
        tokenizer=tokenizer,
        video_processor=transformers.Qwen3VLVideoProcessor(**patches),
        chat_template=tokenizer.chat_template,
    )


def save_pocket(pocket: tuple[Any, Any], folder: Path, card: str = "") -> Path:
    """Write a model, its processor and its card, in half precision."""
    model, processor = pocket
    weights = {name: value.to(torch.bfloat16) for name, value in model.state_dict().items()}
    weights.pop("lm_head.weight", None)  # the embedding's
    before = model.config.dtype
    model.config.dtype = torch.bfloat16
    model.save_pretrained(folder, state_dict=weights)
    model.config.dtype = before
    processor.save_pretrained(folder)
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")
    return folder


def load_pocket(folder: Path) -> tuple[Any, Any]:
    """A saved model in full precision, quickened, and its processor."""
    processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
    model = transformers.Qwen3VLForConditionalGeneration.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32
    )
    return quicken(model), processor


class _Product(qwen.Qwen3VLVisionPatchEmbed):
    """The patch embedding as what it is: a product of matrices."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        weight = self.proj.weight
        rows = hidden_states.view(-1, weight[0].numel()).to(weight.dtype)
        return torch.nn.functional.linear(rows, weight.flatten(1), self.proj.bias)


class _Together(qwen.Qwen3VLVisionAttention):
    """Attention inside each picture, all pictures of one size at once."""

    def forward(
        self, hidden_states: torch.Tensor, cu_seqlens: torch.Tensor, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        lengths = cu_seqlens.diff()
        if (lengths != lengths[0]).any():
            return super().forward(hidden_states, cu_seqlens, *args, **kwargs)
        num, heads = len(hidden_states), self.num_heads
        turned = kwargs["position_embeddings"] if "position_embeddings" in kwargs else args[0]
        q, k, v = self.qkv(hidden_states).reshape(num, 3, heads, -1).unbind(1)
        q, k = qwen.apply_rotary_pos_emb_vision(q, k, *turned)
        q, k, v = (
            x.reshape(len(lengths), -1, heads, x.shape[-1]).transpose(1, 2) for x in (q, k, v)
        )
        share = torch.softmax(q * self.scaling @ k.transpose(-1, -2), dim=-1)
        return self.proj((share.to(v.dtype) @ v).transpose(1, 2).reshape(num, -1))


class _Plain(qwen.Qwen3VLTextAttention):
    """Attention as products of matrices where a model is trained: on a busy CPU a little faster,
    forth and back, than the fused one."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        attention_mask: torch.Tensor | None,
        cache: Any = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if not torch.is_grad_enabled():
            return super().forward(
                hidden_states, position_embeddings, attention_mask, cache=cache, **kwargs
            )
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        q = self.q_norm(self.q_proj(hidden_states).view(shape)).transpose(1, 2)
        k = self.k_norm(self.k_proj(hidden_states).view(shape)).transpose(1, 2)
        v = self.v_proj(hidden_states).view(shape).transpose(1, 2)
        q, k = qwen.apply_rotary_pos_emb(q, k, *position_embeddings)
        q, k = q.to(v.dtype) * self.scaling, k.to(v.dtype)
        if cache is not None:
            k, v = cache.update(k, v, self.layer_idx)
        k, v = (x.repeat_interleave(self.num_key_value_groups, dim=1) for x in (k, v))
        with torch.autocast(q.device.type, enabled=False):
            scores = q @ k.transpose(-1, -2)
            share = torch.softmax(scores + _added(attention_mask, scores), dim=-1)
            seen = share.to(v.dtype) @ v
        return self.o_proj(seen.transpose(1, 2).flatten(2)), None


def _added(mask: torch.Tensor | None, scores: torch.Tensor) -> torch.Tensor:
    """What is added to scores `[..., Q, K]`: nothing where a token may attend."""
    if mask is None:
        ones = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device)
        mask = ones.tril(ones.shape[1] - ones.shape[0])
    if mask.dtype is not torch.bool:
        return mask.to(scores.dtype)
    least = torch.finfo(scores.dtype).min
    return torch.zeros_like(mask, dtype=scores.dtype).masked_fill(~mask, least)


def quicken(model: Any) -> Any:
    """The model, which calculates the same in another way. Its weights are untouched."""
    visual = model.model.visual
    visual.patch_embed.__class__ = _Product
    for block in visual.blocks:
        block.attn.__class__ = _Together
    for layer in model.model.language_model.layers:
        layer.self_attn.__class__ = _Plain
    return model


def muon_and_adam(
    module: Any, *, lr: float, heads: Sequence[Any] = ()
) -> list[torch.optim.Optimizer]:
    """Muon for matrices, AdamW for the rest.

    A convolution that is really a matrix, as the patch embedding is, is given to Muon as one.

    Args:
        module: Whose weights are trained, but those that want no gradient.
        lr: Of both.
        heads: Modules that are trained besides, by AdamW.
    """
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = [p for head in heads for p in head.parameters()]
    for name, weight in module.named_parameters():
        if not weight.requires_grad:
            continue
        if weight.ndim > 2:
            matrix = torch.nn.Parameter(weight.data.flatten(1))
            weight.register_post_accumulate_grad_hook(partial(_lend, matrix))
            matrices.append(matrix)
        elif weight.ndim == 2 and "embed" not in name:
            matrices.append(weight)
        else:
            others.append(weight)
    return [
        torch.optim.Muon(matrices, lr=lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _lend(matrix: torch.nn.Parameter, weight: torch.Tensor) -> None:
    """Move the gradient of a weight to the matrix that shares its numbers."""
    assert weight.grad is not None
    matrix.grad = weight.grad.flatten(1)
    weight.grad = None


def step(loss: torch.Tensor, optimizers: Sequence[torch.optim.Optimizer], lr: float) -> None:
    """One step down the loss, at this learning rate."""
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
