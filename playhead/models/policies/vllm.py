"""A model in this process by vLLM: many calls at once, on the GPUs that there are.

    policy = VLLMPolicy("models/qwen3-vl-8b", resolve=ctx.resolve, tensor_parallel_size=2)

The engine lives on an event loop of its own, in a thread, so that any task, thread or loop may ask
it. The prompt is the one of the model's own template, as a vLLM server of the same folder makes it;
calls of tools that must come, and choices, are kept to by grammar. Nothing is downloaded.
"""

from __future__ import annotations

import asyncio
import copy
import os
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from importlib import import_module
from typing import Any
from uuid import uuid4

from playhead.core.errors import Blamed, Origin, border
from playhead.core.message import Message
from playhead.core.policy import Reply, Sampling, Tokens
from playhead.core.tools import ToolSpec
from playhead.models.eyes._local import local_folder, require
from playhead.models.pictures import Resolve
from playhead.models.policies.grammar import hermes_grammar
from playhead.models.policies.local import Prompt, Speech, Template, pixels
from playhead.models.policies.ways import is_too_long

_LEAST_LOGPROB = -9999.0  # what engines say for a token that could not be: JSON has no infinity


class VLLMPolicy:
    """A vLLM engine and its model. A context manager: leaving it ends the engine."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        resolve: Resolve,
        max_pictures: int = 256,
        dialect: Speech | None = None,
        clock: Any = None,
        strict_tools: bool = False,
        think_back: bool = False,
        template: dict[str, Any] | None = None,
        **engine: Any,
    ) -> None:
        """Load the model. It takes from seconds to minutes.

        Args:
            folder: Where the model and its processor lie, as `save_pretrained` leaves them.
            resolve: From references in messages to pixels.
            max_pictures: In one prompt.
            dialect: How the model writes its calls. None: the hermes way.
            clock: What the dialect needs to read; it is told how many calls came before.
            strict_tools: Tell the model of tools as a strict server does.
            think_back: Show it what it thought in earlier turns.
            template: What else its chat template understands, such as `enable_thinking`.
            engine: Arguments of vLLM's engine, such as `tensor_parallel_size` or `max_model_len`.

        Raises:
            ValueError: No such folder, or it lacks a file.
            MissingExtra: vLLM is not installed.
            Blamed: The engine does not start.
        """
        require("vllm", extra="vllm", what="a model in this process by vLLM")
        home = local_folder(folder, "config.json", what="a model")
        self._resolve = resolve
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="playhead-vllm", daemon=True
        )
        self._thread.start()
        limits = {"image": max_pictures, "video": 0}  # we show pictures with their times only
        options = {"limit_mm_per_prompt": limits, "generation_config": "vllm"}
        try:
            with border(Origin.WORLD, "vLLM did not start"):
                self._engine, processor = self._run(_start(str(home), options | engine)).result()
        except Blamed:
            self._stop_loop()
            raise
        self._template = Template(
            processor,
            strict_tools=strict_tools,
            think_back=think_back,
            options=template,
            dialect=dialect,
            clock=clock,
        )

    def __repr__(self) -> str:
        return "VLLMPolicy()"

    def __enter__(self) -> VLLMPolicy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def seeing(self, resolve: Resolve) -> VLLMPolicy:
        """The same engine for another attempt, whose references are resolved in another way.
        Closing one closes both."""
        other = copy.copy(self)
        other._resolve = resolve
        return other

    def close(self) -> None:
        """End the engine."""
        if self._thread.is_alive():
            self._run(_end(self._engine)).result()
            self._stop_loop()

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """The next turn after `messages`.

        Raises:
            Blamed: A picture cannot be had, the prompt is too long, or the engine failed.
            ValueError: The tool that must be called is not among the tools.
        """
        prompt, images = await asyncio.to_thread(self._prepare, messages, tools)
        asked = self._generate(prompt, images, self._params(tools, sampling))
        output = await asyncio.wrap_future(self._run(asked))
        return self._read(output, prompt, tools, sampling)

    def _prepare(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec]
    ) -> tuple[Prompt, list[Any]]:
        from PIL import Image

        prompt = self._template.prompt(messages, tools)
        shown = pixels(self._resolve, prompt.frames)
        return prompt, [Image.fromarray(picture) for picture in shown]

    def _params(self, tools: Sequence[ToolSpec], sampling: Sampling) -> Any:
        vllm, kinds = import_module("vllm"), import_module("vllm.sampling_params")

        bounds: Any = None
        if sampling.choices:
            bounds = kinds.StructuredOutputsParams(choice=list(sampling.choices))
        elif (
            tools
            and self._template.dialect is None
            and sampling.tool_choice not in ("auto", "none")
        ):
            grammar = hermes_grammar(tools, sampling.tool_choice)
            bounds = kinds.StructuredOutputsParams(structural_tag=grammar)
        return vllm.SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=sampling.seed,
            stop=list(self._template.stop(sampling)) or None,
            logprobs=0 if sampling.logprobs else None,
            structured_outputs=bounds,
            logit_bias=dict.fromkeys(self._template.banned, -100.0) or None,
            output_kind=kinds.RequestOutputKind.FINAL_ONLY,
        )

    async def _generate(self, prompt: Prompt, images: list[Any], params: Any) -> Any:
        """One request, on the engine's loop."""
        given: dict[str, Any] = {"prompt": prompt.text}
        if images:
            given["multi_modal_data"] = {"image": images}
        output: Any = None
        try:
            async for part in self._engine.generate(given, params, uuid4().hex):
                output = part
        except Exception as error:
            code = "too_long" if is_too_long(str(error)) else "broke"
            what = f"vLLM failed: {type(error).__name__}: {error}"
            raise Blamed(Origin.WORLD, what, code) from error
        return output

    def _read(
        self, output: Any, prompt: Prompt, tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        said = output.outputs[0]
        ids, prompt_ids = tuple(said.token_ids), tuple(output.prompt_token_ids)
        logprobs: tuple[float, ...] | None = None
        if sampling.logprobs and said.logprobs is not None:
            told = [said.logprobs[i][id_].logprob for i, id_ in enumerate(ids)]
            logprobs = tuple(max(float(logprob), _LEAST_LOGPROB) for logprob in told)
        return self._template.read(
            said.text,
            Tokens(prompt_ids=prompt_ids, ids=ids, logprobs=logprobs),
            prompt,
            tools=tools,
            sampling=sampling,
            is_cut=said.finish_reason == "length",
            cached_tokens=output.num_cached_tokens or 0,
        )

    def _run(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _start(folder: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """The engine and the model's processor. On the loop that the engine will live on."""
    from transformers import AutoProcessor

    vllm = import_module("vllm")
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    engine = vllm.AsyncLLMEngine.from_engine_args(vllm.AsyncEngineArgs(model=folder, **options))
    return engine, processor


async def _end(engine: Any) -> None:
    engine.shutdown()
