"""Generation by vLLM while the model learns: who samples, and how new weights get there.

    with VLLMEngine("models/qwen3-vl-8b", resolve=source.resolve, max_model_len=16384) as engine:
        train_rl(model, processor, tasks, source, rewards, settings, ..., engine=engine)

The one idea: weights travel as a checkpoint in a folder that both sides read. It works in a
process and across machines, on CPUs and GPUs, for adapters and any parallelism, because it is how
vLLM loads a model anyway (`reload_weights`). It costs a write and a read of all weights at each
update; by default the folder is in memory. vLLM's own transfers over NCCL and CUDA IPC are faster;
they need GPUs and are not used here.

Three things hold afterwards that do not by themselves:
pictures that were encoded by the old weights are encoded anew, cached prefixes are forgotten, and
what is recorded is the log-probability of the distribution that was sampled from.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import Blamed, Origin
from playhead.core.policy import Policy
from playhead.core.trajectory import Trajectory
from playhead.models.pictures import Resolve
from playhead.models.policies.local import media_marks, pixels
from playhead.models.policies.openai import OpenAIPolicy
from playhead.models.policies.vllm import VLLMPolicy
from playhead.training.rows import Row

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory
_SAMPLED_FROM = "processed_logprobs"


class Engine(Protocol):
    """Who samples instead of the model that is trained."""

    is_shared: bool
    """One engine for all processes that train: only the first of them updates it."""

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
            weights: Where new weights are put. None: a new folder, in memory if there is a place.
            how: What else `VLLMPolicy` and vLLM's engine take.

        Raises:
            ValueError: No such folder, or it lacks a file.
            Blamed: The engine does not start.
        """
        super().__init__(folder, resolve=resolve, **{"logprobs_mode": _SAMPLED_FROM, **how})
        self._weights = weights or _new_folder()

    @property
    def policy(self) -> Policy:
        """This."""
        return self

    def close(self) -> None:
        """End the engine, and remove the weights."""
        super().close()
        shutil.rmtree(self._weights, ignore_errors=True)

    def update(self, model: Any, weights: Mapping[str, Any] | None = None) -> None:
        """Take over weights. As `Engine` has it."""
        save_weights(model, self._weights, weights)
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


class ServedEngine:
    """A vLLM server that reads a folder which this process writes, as an engine.

    Start it with the environment variable `VLLM_SERVER_DEV_MODE=1`, without which it takes no
    weights, and with `--logprobs-mode processed_logprobs`.
    """

    is_shared = True

    def __init__(
        self,
        model: str,
        base_url: str,
        processor: Any,
        *,
        resolve: Resolve,
        weights: Path,
        **how: Any,
    ) -> None:
        """Say which model and where. Nothing is asked yet.

        Args:
            model: As the server calls it.
            base_url: Ends in `/v1`.
            processor: Of the model: for the marks that must not be sampled.
            resolve: From references to pictures.
            weights: Where new weights are put: the same path here and there.
            how: What else `OpenAIPolicy` takes.
        """
        _, banned = media_marks(processor)
        extra = {"logit_bias": {str(id_): -100 for id_ in banned}, **how.pop("extra", {})}
        self._policy = OpenAIPolicy(
            model, base_url, resolve=resolve, **{"encoding": "png", "extra": extra, **how}
        )
        parts = urlsplit(base_url)
        self._root = urlunsplit(parts._replace(path=parts.path.rstrip("/").removesuffix("/v1")))
        self._weights = weights

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
        told = {"method": "reload_weights", "kwargs": {"weights_path": str(self._weights)}}
        self._post("collective_rpc", told)
        for cache in ("mm", "encoder", "prefix"):
            self._post(f"reset_{cache}_cache")

    def _post(self, what: str, body: Any = None) -> None:
        import httpx

        try:
            answer = httpx.post(f"{self._root}/{what}", json=body, timeout=600)
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


def _new_folder() -> Path:
    root = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    return Path(tempfile.mkdtemp(prefix="playhead-weights-", dir=root))
