"""Captions by a video model: stamped pictures in order, greedy, bounded, from a folder only.

The model is real and tiny and its weights are chance: what it says is noise. What goes in, how much
comes out and that it is the same every time is what these tests are about.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playhead.core.errors import MissingExtra
from playhead.core.span import Span
from playhead.models.eyes.lmm_captioner import LmmCaptioner
from playhead.video import Frames, open_video

SPAN = Span(start=41.5, end=46.0)
TIMES_S = (42.0, 43.24, 45.5)
SPECIAL = (
    "endoftext",
    "im_start",
    "im_end",
    "vision_start",
    "vision_end",
    "image_pad",
    "video_pad",
)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for part in message.content %}{% if part.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def shades(*times_s: float) -> Frames:
    """A black picture, then lighter ones."""
    pixels = np.stack([np.full((64, 96, 3), 60 * i, np.uint8) for i in range(len(times_s))])
    return Frames(pixels, np.array(times_s, np.float64), "shades")


def tokenizer() -> Any:
    """One token for each byte and each mark of the chat."""
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import Qwen2TokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(BPE({letter: i for i, letter in enumerate(letters)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(f"<|{word}|>", special=True) for word in SPECIAL])
    return Qwen2TokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None
    )


def write_tiny(folder: Path) -> None:
    """A Qwen3-VL of a few thousand random weights, with its processor."""
    import torch
    import transformers

    torch.manual_seed(0)
    words = tokenizer()
    ids = {name: words.convert_tokens_to_ids(f"<|{name}|>") for name in SPECIAL}
    config = transformers.Qwen3VLConfig(
        text_config={
            "vocab_size": len(words),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "max_position_embeddings": 4096,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [4, 2, 2],
                "mrope_interleaved": True,
            },
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )
    model = transformers.Qwen3VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = ids["im_end"]
    model.generation_config.pad_token_id = ids["endoftext"]
    model.generation_config.do_sample = True
    model.save_pretrained(folder)
    pictures = {"patch_size": 16, "merge_size": 2, "temporal_patch_size": 2}
    size = {"shortest_edge": 32 * 32, "longest_edge": 128 * 128}
    transformers.Qwen3VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(**pictures, size=size),
        tokenizer=words,
        video_processor=transformers.Qwen3VLVideoProcessor(**pictures),
        chat_template=TEMPLATE,
    ).save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for library in ("torch", "torchvision", "transformers", "accelerate"):
        pytest.importorskip(library)
    home = tmp_path_factory.mktemp("models") / "tiny-qwen"
    write_tiny(home)
    return home


@pytest.fixture(scope="module")
def captioner(folder: Path) -> LmmCaptioner:
    return LmmCaptioner(folder, device="cpu", max_new_tokens=12)


def test_every_picture_comes_after_its_time_and_in_order(captioner: LmmCaptioner):
    inputs = captioner.inputs(shades(*TIMES_S), SPAN)
    assert inputs["image_grid_thw"].shape == (3, 3)
    counts = inputs["image_grid_thw"].prod(dim=1).tolist()
    light = [part.mean().item() for part in inputs["pixel_values"].split(counts)]
    assert light == sorted(light)
    assert len(set(light)) == 3
    told = tokenizer().decode(inputs["input_ids"][0])
    places = [told.index(f"<{time}>") for time in ("42.0s", "43.24s", "45.5s")]
    assert places == sorted(places)
    assert told.count("<|vision_start|>") == 3
    for time in ("42.0s", "43.24s", "45.5s"):
        assert f"<{time}><|vision_start|><|image_pad|>" in told
    assert told.rindex("41.5s to 46.0s") > told.rindex("<|vision_end|>")
    assert told.endswith("<|im_start|>assistant\n")


def test_a_caption_is_a_short_text_and_the_same_every_time(captioner: LmmCaptioner, folder: Path):
    frames = shades(*TIMES_S)
    said = captioner.caption(frames, SPAN)
    assert isinstance(said, str)
    assert said, "random weights say something"
    assert len(said.encode()) <= 3 * 12
    assert "<|" not in said
    assert said == captioner.caption(frames, SPAN)
    assert said == LmmCaptioner(folder, device="cpu", max_new_tokens=12).caption(frames, SPAN)


def test_a_longer_caption_begins_like_a_shorter_one(captioner: LmmCaptioner, folder: Path):
    shorter = LmmCaptioner(folder, device="cpu", max_new_tokens=1)
    said = captioner.caption(shades(42.0), SPAN)
    assert said.startswith(shorter.caption(shades(42.0), SPAN).rstrip("\N{REPLACEMENT CHARACTER}"))


def test_captions_are_summarised_without_pictures(captioner: LmmCaptioner):
    notes = ["A man enters.", "\x1b[31mHe <b>sits</b> down."]
    said = captioner.summarise(notes, SPAN)
    assert isinstance(said, str)
    assert said == captioner.summarise(notes, SPAN)


def test_nothing_to_caption_is_refused(captioner: LmmCaptioner):
    nothing = Frames(np.zeros((0, 8, 8, 3), np.uint8), np.zeros(0), "none")
    with pytest.raises(ValueError, match="one picture or more"):
        captioner.caption(nothing, SPAN)
    with pytest.raises(ValueError, match="one caption or more"):
        captioner.summarise([], SPAN)


def test_real_pictures_of_any_shape_are_captioned(captioner: LmmCaptioner, real_videos: Path):
    with open_video(real_videos / "webb.mp4") as video:
        frames = video.frames(num=4, max_side=320)
        assert isinstance(captioner.caption(frames, video.info.span), str)


def test_the_name_changes_with_the_weights_and_with_the_length(
    captioner: LmmCaptioner, folder: Path, tmp_path: Path
):
    import shutil

    assert captioner.name.startswith("lmm-tiny-qwen-")
    assert LmmCaptioner(folder, device="cpu", max_new_tokens=12).name == captioner.name
    assert LmmCaptioner(folder, device="cpu", max_new_tokens=13).name != captioner.name
    other = tmp_path / "tiny-qwen"
    shutil.copytree(folder, other)
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    assert LmmCaptioner(other, device="cpu", max_new_tokens=12).name != captioner.name


def test_a_name_that_is_no_folder_is_refused_and_nothing_is_downloaded(folder: Path):
    with pytest.raises(ValueError, match="nothing is downloaded"):
        LmmCaptioner("Qwen/Qwen3-VL-8B-Instruct")


def test_weights_that_could_run_code_are_not_read(folder: Path, tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ValueError, match="safetensors"):
        LmmCaptioner(tmp_path)


def test_a_missing_library_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("playhead.models.eyes._local.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"playhead\[lmm\]"):
        LmmCaptioner("anywhere")
