"""Qwen vision-language models of chance weights and real shape, written to a folder in a second.

    write_tiny(folder, "qwen3_vl")          # or "qwen2_5_vl"

What they say is noise; what goes in, what may come out and what is kept of it is real. The chat
template is hermes with tools, and shows pictures in every role. One token is one byte, so any text
goes through unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from playhead.training.pocket.words import SPECIAL, TEMPLATE

Family = Literal["qwen3_vl", "qwen2_5_vl"]

WORDS = (
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
"""One token each, but words to the model: they stay in the text that it speaks."""


def tokenizer(words: Sequence[str] = ()) -> Any:
    """One token for each byte, each mark of the chat, and each of some more words."""
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import Qwen2TokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(BPE({letter: i for i, letter in enumerate(letters)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(word, special=True) for word in SPECIAL])
    spoken = (*WORDS, *words)
    inner.add_tokens([AddedToken(word, special=False, normalized=False) for word in spoken])
    return Qwen2TokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None
    )


def write_tiny(
    folder: Path, family: Family = "qwen3_vl", *, seed: int = 0, words: Sequence[str] = ()
) -> Path:
    """A model, its tokenizer, processor and chat template, as `save_pretrained` leaves them."""
    import torch
    import transformers

    torch.manual_seed(seed)
    speech = tokenizer(words)
    make = _qwen3_vl if family == "qwen3_vl" else _qwen2_5_vl
    ids = {
        "image_token_id": speech.convert_tokens_to_ids("<|image_pad|>"),
        "video_token_id": speech.convert_tokens_to_ids("<|video_pad|>"),
        "vision_start_token_id": speech.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": speech.convert_tokens_to_ids("<|vision_end|>"),
    }
    model, patches = make(len(speech), ids)
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=speech.convert_tokens_to_ids("<|im_end|>"),
        pad_token_id=speech.convert_tokens_to_ids("<|endoftext|>"),
    )
    model.save_pretrained(folder)
    size = {"shortest_edge": 32 * 32, "longest_edge": 256 * 256}
    is_3 = family == "qwen3_vl"
    processor = transformers.Qwen3VLProcessor if is_3 else transformers.Qwen2_5_VLProcessor
    clips = transformers.Qwen3VLVideoProcessor if is_3 else transformers.Qwen2VLVideoProcessor
    processor(
        image_processor=transformers.Qwen2VLImageProcessor(**patches, size=size),
        tokenizer=speech,
        video_processor=clips(**patches),
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    return folder


_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
    "dtype": "float32",
}


def _qwen3_vl(num_words: int, ids: dict[str, int]) -> tuple[Any, dict[str, int]]:
    import transformers

    rope = {
        "rope_type": "default",
        "rope_theta": 10_000.0,
        "mrope_section": [8, 4, 4],
        "mrope_interleaved": True,
    }
    vision = {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 64,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    }
    config = transformers.Qwen3VLConfig(
        text_config={**_TEXT, "head_dim": 32, "vocab_size": num_words, "rope_parameters": rope},
        vision_config=vision,
        tie_word_embeddings=True,
        dtype="float32",
        **ids,
    )
    model = transformers.Qwen3VLForConditionalGeneration(config)
    return model, {"patch_size": 16, "merge_size": 2, "temporal_patch_size": 2}


def _qwen2_5_vl(num_words: int, ids: dict[str, int]) -> tuple[Any, dict[str, int]]:
    import transformers

    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [8, 4, 4]}
    vision = {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 64,
        "patch_size": 14,
        "fullatt_block_indexes": [1],
    }
    text = {**_TEXT, "bos_token_id": None, "eos_token_id": None}
    config = transformers.Qwen2_5_VLConfig(
        text_config={**text, "vocab_size": num_words, "rope_parameters": rope},
        vision_config=vision,
        tie_word_embeddings=True,
        dtype="float32",
        **ids,
    )
    model = transformers.Qwen2_5_VLForConditionalGeneration(config)
    return model, {"patch_size": 14, "merge_size": 2, "temporal_patch_size": 2}
