"""OpenCLIP: the model's own transform and tower, one name for the same weights, no downloads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.core.errors import MissingExtra
from playhead.models.eyes.base import PictureEmbedder, TextEmbedder
from playhead.models.eyes.open_clip import OpenClip, prepare
from playhead.video import open_video

CONFIG: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
TEXTS = ["a red ball", "two cars in a street", ""]


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return (a * b).sum(axis=1)


def pictures(num: int, height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Something with edges and flat parts."""
    rng = np.random.default_rng(seed)
    seen = np.zeros((num, height, width, 3), np.uint8)
    for picture in seen:
        for _ in range(8):
            top, left = rng.integers(0, height), rng.integers(0, width)
            picture[top : top + height // 3, left : left + width // 3] = rng.integers(0, 256, 3)
    return seen


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of a few random weights, known to open_clip as `tiny`; the file of its weights."""
    pytest.importorskip("open_clip")
    import open_clip
    import torch

    folder = tmp_path_factory.mktemp("clip")
    (folder / "tiny.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder / "tiny.json")
    torch.manual_seed(0)
    torch.save(open_clip.create_model("tiny").state_dict(), folder / "tiny.pt")
    return folder / "tiny.pt"


@pytest.fixture(scope="module")
def clip(weights: Path) -> OpenClip:
    return OpenClip("tiny", weights, device="cpu")


@pytest.mark.parametrize("size", [(90, 160), (160, 90), (64, 64), (40, 30), (480, 854)], ids=str)
@pytest.mark.parametrize("num", [1, 5])
def test_pictures_are_embedded_as_open_clip_itself_does(
    clip: OpenClip, weights: Path, size: tuple[int, int], num: int
):
    import open_clip
    import torch
    from PIL import Image

    model, _, preprocess = open_clip.create_model_and_transforms("tiny", pretrained=str(weights))
    seen = pictures(num, *size)
    with torch.inference_mode():
        ready = torch.stack([preprocess(Image.fromarray(picture)) for picture in seen])
        theirs = model.eval().encode_image(ready, normalize=True).numpy()
    ours = clip.embed_pictures(seen)
    assert cosines(ours, theirs).min() > 0.999
    assert np.linalg.norm(ours, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("target", [48, (48, 32), (32, 48)], ids=str)
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(90, 161), (161, 90), (20, 31)], ids=str)
def test_every_transform_of_open_clip_gives_the_same_pixels(
    mode: str, target: int | tuple[int, int], interpolation: str, size: tuple[int, int]
):
    pytest.importorskip("open_clip")
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from PIL import Image

    if mode == "shortest" and interpolation == "bilinear" and isinstance(target, tuple):
        pytest.skip("open_clip resizes these bicubically whatever it is told")
    config = PreprocessCfg(size=target, resize_mode=mode, interpolation=interpolation, fill_color=7)
    (picture,) = pictures(1, *size)
    theirs = image_transform_v2(config, is_train=False)(Image.fromarray(picture)).numpy()
    ours = prepare(torch.from_numpy(picture[None]), vars(config))[0].numpy()
    assert ours.shape == theirs.shape
    one = 1 / 255 / min(config.std)
    assert (np.abs(ours - theirs) > 1.1 * one).mean() < 0.01
    assert np.abs(ours - theirs).max() < 10 * one  # Pillow 13 resizes some pictures rows first


def test_words_are_embedded_as_open_clip_itself_does(clip: OpenClip, weights: Path):
    import open_clip
    import torch

    model = open_clip.create_model("tiny", pretrained=str(weights)).eval()
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer("tiny")(TEXTS)
        theirs = model.encode_text(tokens, normalize=True).numpy()
    assert cosines(clip.embed_texts(TEXTS), theirs).min() > 0.99999


def test_it_is_both_embedders_in_one_space(clip: OpenClip):
    assert isinstance(clip, PictureEmbedder)
    assert isinstance(clip, TextEmbedder)
    assert clip.dim == 24
    assert clip.embed_pictures(pictures(3, 20, 30)).shape == (3, 24)
    assert clip.embed_texts(TEXTS).shape == (3, 24)
    assert clip.embed_texts(TEXTS).dtype == np.float32


def test_nothing_gives_no_vectors(clip: OpenClip):
    assert clip.embed_texts([]).shape == (0, 24)
    assert clip.embed_pictures(np.zeros((0, 20, 30, 3), np.uint8)).shape == (0, 24)


def test_the_same_input_gives_the_same_output_in_any_batches(clip: OpenClip, weights: Path):
    small = OpenClip("tiny", weights, device="cpu", batch=2)
    seen = pictures(5, 40, 50)
    assert np.array_equal(clip.embed_pictures(seen), clip.embed_pictures(seen))
    assert small.embed_pictures(seen) == pytest.approx(clip.embed_pictures(seen), abs=1e-5)
    assert small.embed_texts(TEXTS) == pytest.approx(clip.embed_texts(TEXTS), abs=1e-5)


def test_half_the_precision_is_the_same_space(clip: OpenClip, weights: Path):
    half = OpenClip("tiny", weights, device="cpu", precision="bf16")
    assert half.name == clip.name
    seen = pictures(4, 40, 50)
    assert cosines(half.embed_pictures(seen), clip.embed_pictures(seen)).min() > 0.99
    assert cosines(half.embed_texts(TEXTS), clip.embed_texts(TEXTS)).min() > 0.99


def test_other_weights_have_another_name(clip: OpenClip, weights: Path, tmp_path: Path):
    import torch

    assert clip.name.startswith("open_clip-tiny-")
    state = torch.load(weights, weights_only=True)
    torch.save(state, tmp_path / "same.pt")
    assert OpenClip("tiny", tmp_path / "same.pt", device="cpu").name == clip.name
    state["logit_scale"] += 1
    torch.save(state, tmp_path / "other.pt")
    assert OpenClip("tiny", tmp_path / "other.pt", device="cpu").name != clip.name


def test_real_pictures_differ_and_a_shot_resembles_itself(clip: OpenClip, real_videos: Path):
    with open_video(real_videos / "bunny.mp4") as video:
        seen = clip.embed_pictures(video.frames_at([13.0, 14.0, 26.0], max_side=160).pixels)
    assert seen[0] @ seen[1] > seen[0] @ seen[2]


def test_a_checkpoint_that_would_run_code_is_refused(weights: Path, tmp_path: Path):
    import torch

    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (os.fspath(ran),)

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        OpenClip("tiny", tmp_path / "evil.pt", device="cpu")
    assert not ran.exists()


@pytest.mark.parametrize("pretrained", [None, "no/such/file.pt", "no_such_tag"])
def test_without_weights_that_exist_nothing_is_loaded(weights: Path, pretrained: str | None):
    with pytest.raises(ValueError, match="needs weights"):
        OpenClip("ViT-B-32", pretrained)


def test_what_lies_on_a_hub_is_not_fetched_unasked(weights: Path):
    with pytest.raises(ValueError, match="nothing is downloaded"):
        OpenClip("hf-hub:somebody/something")
    with pytest.raises(ValueError, match="would have to be downloaded"):
        OpenClip("ViT-B-16-SigLIP", weights)
    with pytest.raises(ValueError, match="no model of that name"):
        OpenClip("ViT-Z-99", weights)


def test_a_folder_that_holds_everything_is_enough(clip: OpenClip, weights: Path, tmp_path: Path):
    (tmp_path / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": CONFIG, "preprocess_cfg": {}})
    )
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(weights.read_bytes())
    folder = OpenClip(f"local-dir:{tmp_path}", device="cpu")
    assert folder.name.rpartition("-")[2] == clip.name.rpartition("-")[2]
    assert np.array_equal(folder.embed_texts(TEXTS), clip.embed_texts(TEXTS))
    with pytest.raises(ValueError, match="no open_clip_config"):
        OpenClip(f"local-dir:{tmp_path / 'nowhere'}")


@pytest.mark.gpu
def test_a_gpu_and_a_cpu_agree(clip: OpenClip, weights: Path):
    fast = OpenClip("tiny", weights, device="cuda")
    assert fast.name == clip.name
    seen = pictures(8, 120, 160)
    assert cosines(fast.embed_pictures(seen), clip.embed_pictures(seen)).min() > 0.99
    assert cosines(fast.embed_texts(TEXTS), clip.embed_texts(TEXTS)).min() > 0.99


def test_a_missing_library_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("playhead.models.eyes._local.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"playhead\[clip\]"):
        OpenClip()
