"""Generation by vLLM while the model learns: who samples, and how new weights get there.

    with VLLMEngine("models/qwen3-vl-8b", resolve=source.resolve, max_model_len=16384) as engine:
        train_rl(model, processor, tasks, source, rewards, settings, ..., engine=engine)

The one idea: weights travel as a checkpoint in a folder that both sides read. It works in a
process and across machines, on CPUs and GPUs, for adapters and any parallelism, because it is how
vLLM loads a model anyway (`reload_weights`). It costs a write and a read of all weights at each
update; by default the folder is in memory. vLLM's own transfers over NCCL and CUDA IPC are faster;
they need GPUs and are not used here.

What holds afterwards does not by itself: pictures that were encoded by the old weights are encoded
anew, cached prefixes are forgotten, what is recorded is the log-probability of the distribution
that was sampled from, and the output layer is the new one. (vLLM on CPUs packs the output layer for
its kernels, and when that is tied to the embedding, `reload_weights` of vLLM 0.32 does not pack it
again. So there the engine is given a model whose output layer stands by itself: `untie`.)
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import weakref
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from playhead.agent.source import new_folder
from playhead.core.errors import Blamed, Origin
from playhead.core.policy import Policy
from playhead.core.trajectory import Trajectory
from playhead.models.eyes._local import local_folder, require
from playhead.models.pictures import Resolve
from playhead.models.policies.local import media_marks, pixels
from playhead.models.policies.openai import OpenAIPolicy
from playhead.models.policies.transformers import TransformersPolicy, load_model
from playhead.models.policies.vllm import VLLMPolicy
from playhead.training.rows import Row

_OURS = "playhead-weights"
_SAMPLED_FROM = "processed_logprobs"
_EMBEDDING, _OUTPUT = "embed_tokens.weight", "lm_head.weight"
_WHOLE, _SHARD, _OUTPUT_FILE = "model.safetensors", "rest.safetensors", "output.safetensors"
_INDEX = "model.safetensors.index.json"


class Engine(Protocol):
    """Who samples instead of the model that is trained."""

    is_shared: bool
    """One engine for all processes that train: only the first of them updates it."""
    is_copy: bool
    """It calculates as the trainer does, so nothing is corrected for; what it records is the
    model's own log-probability, at temperature 1."""

    @property
    def policy(self) -> Policy:
        """Plays by the weights of the last update."""
        ...

    def update(self, model: Any, weights: Mapping[str, Any] | None = None) -> None:
        """Take over the weights of a model. Nobody is playing meanwhile.

        Args:
            model: Of transformers; adapters are merged for the time of it.
            weights: All of them by name, if the model has only a shard. None: its own.
        """
        ...


class VLLMEngine(VLLMPolicy):
    """vLLM in this process, as an engine and, for whoever learns from it, as a teacher."""

    is_shared = False
    is_copy = False

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        resolve: Resolve,
        weights: Path | None = None,
        **how: Any,
    ) -> None:
        """Load the model. It takes from seconds to minutes.

        Args:
            folder: Where the model lies as it is before the first update.
            resolve: From references to pictures.
            weights: In which folder new weights are put. None: in memory, if the system has a
                place for files there.
            how: What else `VLLMPolicy` and vLLM's engine take.

        Raises:
            ValueError: No such folder, or it lacks a file.
            Blamed: The engine does not start.
        """
        require("vllm", extra="vllm", what="a model in this process by vLLM")
        self._weights = new_folder(weights, _OURS)
        self._remove = weakref.finalize(self, shutil.rmtree, self._weights, ignore_errors=True)
        self._unties = bool(import_module("vllm.platforms").current_platform.is_cpu())
        if self._unties:
            home = local_folder(folder, "config.json", what="a model")
            shutil.copytree(home, self._weights, dirs_exist_ok=True)
            untie(self._weights)
            folder = self._weights
        super().__init__(folder, resolve=resolve, **{"logprobs_mode": _SAMPLED_FROM, **how})

    @property
    def policy(self) -> Policy:
        """This."""
        return self

    def close(self) -> None:
        """End the engine, and remove the weights."""
        super().close()
        self._remove()

    def update(self, model: Any, weights: Mapping[str, Any] | None = None) -> None:
        """Take over weights. As `Engine` has it."""
        save_weights(model, self._weights, weights)
        if self._unties:
            untie(self._weights)
        self._run(self._take_over(str(self._weights))).result()

    async def _take_over(self, folder: str) -> None:
        await self._engine.collective_rpc("reload_weights", kwargs={"weights_path": folder})
        await self._engine.reset_mm_cache()
        await self._engine.reset_encoder_cache()
        await self._engine.reset_prefix_cache()

    def logprobs(
        self, rows: Sequence[Row], trajectories: Sequence[Trajectory], *, temperature: float
    ) -> Sequence[NDArray[np.float32]]:
        """How likely it would have written the tokens of rows. As `Teacher` has it.

        Raises:
            ValueError: Another temperature than 1: it tells its own log-probabilities only.
        """
        if temperature != 1.0:
            raise ValueError(
                f"an engine tells log-probabilities at temperature 1: got {temperature}"
            )
        return self._run(self._scored(rows)).result()

    async def _scored(self, rows: Sequence[Row]) -> list[NDArray[np.float32]]:
        return list(await asyncio.gather(*map(self._score, rows)))

    async def _score(self, row: Row) -> NDArray[np.float32]:
        from PIL import Image

        vllm = import_module("vllm")
        images = [Image.fromarray(p) for p in pixels(self._resolve, row.frames)]
        prompt: dict[str, Any] = {"prompt_token_ids": collapsed(row, self._template.image_id)}
        if images:
            prompt["multi_modal_data"] = {"image": images}
        asked = vllm.SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0)
        output: Any = None
        async for part in self._engine.generate(prompt, asked, uuid4().hex):
            output = part
        if tuple(output.prompt_token_ids) != row.ids:
            raise Blamed(Origin.TOOL, "the engine reads a row as other tokens", "other_tokens")
        told = [np.nan] * len(row)
        for i, known in enumerate(output.prompt_logprobs):
            if known is not None:
                told[i] = known[row.ids[i]].logprob
        return np.array(told, dtype=np.float32)


class CopyEngine:
    """A whole copy of the model in each process, for one that is trained in shards.

    It needs room for the weights once more on each device, and nothing that must be installed.
    """

    is_shared = False
    is_copy = True

    def __init__(
        self, folder: str | os.PathLike[str], *, resolve: Resolve, max_batch: int = 8, **how: Any
    ) -> None:
        """Load the copy.

        Args:
            folder: Where the model lies as it is before the first update.
            resolve: From references to pictures.
            max_batch: How many calls are answered at once.
            how: What else `TransformersPolicy` takes.
        """
        self._model, processor = load_model(folder, None, "auto")
        loaded = (self._model, processor)
        self._policy = TransformersPolicy(loaded, resolve=resolve, max_batch=max_batch, **how)

    @property
    def policy(self) -> Policy:
        """Plays in this process."""
        return self._policy

    def close(self) -> None:
        """End the thread that plays."""
        self._policy.close()

    def update(self, model: Any, weights: Mapping[str, Any] | None = None) -> None:
        """Take over weights. As `Engine` has it.

        Raises:
            ValueError: The model has adapters: its weights have other names.
        """
        if hasattr(model, "merge_adapter"):
            raise ValueError("a copy takes weights, not adapters: train the weights")
        self._model.load_state_dict(model.state_dict() if weights is None else weights)


class ServedEngine:
    """A vLLM server that reads a folder which this process writes, as an engine.

    Start it with the environment variable `VLLM_SERVER_DEV_MODE=1`, without which it takes no
    weights, and with `--logprobs-mode processed_logprobs`; on CPUs with a copy of the model that
    was untied (`untie`).
    """

    is_shared = True
    is_copy = False

    def __init__(
        self,
        model: str,
        base_url: str,
        processor: Any,
        *,
        resolve: Resolve,
        weights: Path,
        unties: bool = False,
        api_key: str | None = None,
        **how: Any,
    ) -> None:
        """Say which model and where. Nothing is asked yet.

        Args:
            model: As the server calls it.
            base_url: Ends in `/v1`.
            processor: Of the model: for the marks that must not be sampled.
            resolve: From references to pictures.
            weights: In which folder new weights are put: the same path here and there.
            unties: Whether the server was started on CPUs with an untied model.
            api_key: None: it needs none.
            how: What else `OpenAIPolicy` takes.
        """
        _, banned = media_marks(processor)
        extra = {"logit_bias": {str(id_): -100 for id_ in banned}, **how.pop("extra", {})}
        more = {"api_key": api_key, "encoding": "png", "extra": extra, **how}
        self._policy = OpenAIPolicy(model, base_url, resolve=resolve, **more)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        parts = urlsplit(base_url)
        self._root = urlunsplit(parts._replace(path=parts.path.rstrip("/").removesuffix("/v1")))
        self._weights, self._unties = weights / _OURS, unties

    @property
    def policy(self) -> Policy:
        """Asks the server."""
        return self._policy

    def update(self, model: Any, weights: Mapping[str, Any] | None = None) -> None:
        """Take over weights. As `Engine` has it.

        Raises:
            Blamed: The server refuses.
        """
        save_weights(model, self._weights, weights)
        if self._unties:
            untie(self._weights)
        told = {"method": "reload_weights", "kwargs": {"weights_path": str(self._weights)}}
        self._post("collective_rpc", told)
        for cache in ("mm", "encoder", "prefix"):
            self._post(f"reset_{cache}_cache")

    def _post(self, what: str, body: Any = None) -> None:
        import httpx

        try:
            address = f"{self._root}/{what}"
            answer = httpx.post(address, json=body, headers=self._headers, timeout=600)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            hint = "was it started with VLLM_SERVER_DEV_MODE=1?"
            message = f"the server does not take new weights ({what}: {error}); {hint}"
            raise Blamed(Origin.WORLD, message, "no_weights") from error


def collapsed(row: Row, image_id: int) -> list[int]:
    """The ids of a row with one token for each picture: an engine makes as many as it has features.

    Given as many already, vLLM makes them again (trl#6294): its model then reads other tokens.
    """
    ids = row.ids
    return [id_ for i, id_ in enumerate(ids) if id_ != image_id or i == 0 or ids[i - 1] != image_id]


def save_weights(model: Any, folder: Path, weights: Mapping[str, Any] | None = None) -> None:
    """A model as `save_pretrained` leaves it. Arguments as for `Engine.update`.

    Raises:
        ValueError: Adapters on a model in shards: they cannot be merged.
    """
    for old in (*folder.glob("*.safetensors"), folder / _INDEX):
        old.unlink(missing_ok=True)
    if not hasattr(model, "merge_adapter"):
        model.save_pretrained(folder, **({} if weights is None else {"state_dict": weights}))
        return
    if weights is not None:
        raise ValueError("adapters on a model in shards cannot be merged: train the weights")
    model.merge_adapter()
    try:
        base = model.get_base_model()
        kept = {
            name.replace(".base_layer.", "."): weight
            for name, weight in base.state_dict().items()
            if model.prefix not in name
        }
        base.save_pretrained(folder, state_dict=kept)
    finally:
        model.unmerge_adapter()


def untie(folder: Path) -> None:
    """Let a model in a folder have an output layer of its own, equal to its embedding. One whose
    output layer is not tied to the embedding is left as it is.

    Raises:
        ValueError: The folder has no embedding of words.
    """
    from safetensors import safe_open
    from safetensors.torch import save_file

    config = json.loads((folder / "config.json").read_text())
    parts = [config, config.get("text_config", {})]
    if not any(part.get("tie_word_embeddings") for part in parts):
        return
    if (folder / _WHOLE).exists():
        (folder / _WHOLE).rename(folder / _SHARD)
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as stored:
            found |= dict.fromkeys(stored.keys(), file.name)
    embedding = next((name for name in found if name.endswith(_EMBEDDING)), None)
    if embedding is None:
        raise ValueError(f"no *{_EMBEDDING} among the weights in {str(folder)!r}")
    with safe_open(folder / found[embedding], framework="pt") as stored:
        save_file({_OUTPUT: stored.get_tensor(embedding)}, folder / _OUTPUT_FILE)
    index = {"metadata": {}, "weight_map": found | {_OUTPUT: _OUTPUT_FILE}}
    (folder / _INDEX).write_text(json.dumps(index))
    for part in parts:
        part["tie_word_embeddings"] = False
    (folder / "config.json").write_text(json.dumps(config))
